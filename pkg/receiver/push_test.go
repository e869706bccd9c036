/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package receiver

import (
	"fmt"
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

const commit = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c"

// from is shop/hello with its code from elsewhere.
func from(kind string, source map[string]any) *unstructured.Unstructured {
	return hello(func(fn *unstructured.Unstructured) {
		fn.Object["spec"] = map[string]any{"source": map[string]any{"type": kind, kind: source}}
	})
}

func githubData(ref, after string) string {
	return fmt.Sprintf(`{"ref":%q,"after":%q,"repository":{"clone_url":"https://github.com/acme/orders.git","ssh_url":"git@github.com:acme/orders.git"},"pusher":{}}`, ref, after)
}

func TestPush(t *testing.T) {
	git := func(address, ref string) *unstructured.Unstructured {
		return from("git", map[string]any{"url": address, "ref": ref})
	}
	const gitlabData = `{"ref":"refs/heads/main","after":"` + commit + `","project":{"git_http_url":"https://gitlab.example.com/acme/orders.git","git_ssh_url":"git@gitlab.example.com:acme/orders.git"}}`
	const record = `{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"code"},"object":{"key":"shop/my+orders.zip","eTag":"abc"}}}`
	for name, tc := range map[string]struct {
		eventType, data string
		fn              *unstructured.Unstructured
		want            string // the value of annotation rebuild
	}{
		"GitHub":                     {events.GitHubPush, githubData("refs/heads/main", commit), git("https://github.com/acme/orders", "main"), commit},
		"GitHub, by its whole name":  {events.GitHubPush, githubData("refs/heads/main", commit), git("https://github.com/acme/orders", "refs/heads/main"), commit},
		"GitHub, by SSH":             {events.GitHubPush, githubData("refs/heads/main", commit), git("git@GitHub.com:acme/orders.git", "main"), commit},
		"GitHub, a tag":              {events.GitHubPush, githubData("refs/tags/v1", commit), git("ssh://git@github.com/acme/orders.git", "v1"), commit},
		"GitHub, another branch":     {events.GitHubPush, githubData("refs/heads/next", commit), git("https://github.com/acme/orders", "main"), ""},
		"GitHub, another repository": {events.GitHubPush, githubData("refs/heads/main", commit), git("https://github.com/acme/orders2", "main"), ""},
		"GitHub, another host":       {events.GitHubPush, githubData("refs/heads/main", commit), git("https://example.com/acme/orders", "main"), ""},
		"GitHub, a deleted branch":   {events.GitHubPush, githubData("refs/heads/main", "0000000000000000000000000000000000000000"), git("https://github.com/acme/orders", "main"), ""},
		"GitLab":                     {events.GitLabPush, gitlabData, git("https://gitlab.example.com/acme/orders.git", "main"), commit},
		"S3":                         {"com.amazonaws.s3.ObjectCreated:Put", record, from("s3", map[string]any{"bucket": "code", "key": "shop/my orders.zip"}), "abc"},
		"S3, as it sends them":       {"com.amazonaws.s3.objectcreated", `{"Records":[` + record + `]}`, from("s3", map[string]any{"bucket": "code", "key": "/shop/my orders.zip"}), "abc"},
		"MinIO":                      {"com.amazonaws.s3.ObjectCreated:Put", record, from("minio", map[string]any{"bucket": "code", "key": "shop/my orders.zip"}), "abc"},
		"S3, another bucket":         {"com.amazonaws.s3.ObjectCreated:Put", record, from("s3", map[string]any{"bucket": "data", "key": "shop/my orders.zip"}), ""},
		"S3, code of Google's":       {"com.amazonaws.s3.ObjectCreated:Put", record, from("gcs", map[string]any{"bucket": "code", "key": "shop/my orders.zip"}), ""},
		"S3, inline code":            {"com.amazonaws.s3.ObjectCreated:Put", record, hello(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.fn)
			for range 2 {
				if a := w.do(binary(admin, tc.eventType, tc.data)); a.status != http.StatusAccepted {
					t.Fatalf("answer: %d %s", a.status, a.body)
				}
			}
			if got := w.function().GetAnnotations()[lambda.RebuildAnnotationKey]; got != tc.want {
				t.Errorf("it is built for %q, want %q", got, tc.want)
			}
			if writes := w.writes(); tc.want != "" && len(writes) != 1 || tc.want == "" && len(writes) != 0 {
				t.Errorf("writes %v", writes)
			}
		})
	}
}

// Who may not change a function does not have it built.
func TestPushOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		token  string
		open   []string
		status int
		built  bool
	}{
		"who may not":                 {token: reader, status: http.StatusAccepted},
		"nobody":                      {status: http.StatusUnauthorized},
		"nobody, elsewhere":           {open: []string{"other"}, status: http.StatusAccepted},
		"nobody, where nobody has to": {open: []string{"shop"}, status: http.StatusAccepted, built: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, from("git", map[string]any{"url": "https://github.com/acme/orders", "ref": "main"}))
			w.settings.OpenNamespaces = tc.open
			if a := w.do(binary(tc.token, events.GitHubPush, githubData("refs/heads/main", commit))); a.status != tc.status {
				t.Errorf("answer: %d %s", a.status, a.body)
			}
			if built := w.function().GetAnnotations()[lambda.RebuildAnnotationKey] != ""; built != tc.built {
				t.Errorf("it is built: %t", built)
			}
		})
	}
}

func TestRefusedPush(t *testing.T) {
	for name, tc := range map[string]struct{ eventType, data, path string }{
		"no JSON":              {events.GitHubPush, `ref`, "/data"},
		"nothing":              {events.GitHubPush, ``, "/data"},
		"no repository":        {events.GitHubPush, `{"ref":"refs/heads/main","after":"a"}`, "/data/repository/clone_url"},
		"no project":           {events.GitLabPush, `{"ref":"refs/heads/main","after":"a"}`, "/data/project/git_http_url"},
		"no ref":               {events.GitHubPush, githubData("", "a"), "/data/ref"},
		"no commit":            {events.GitHubPush, githubData("refs/heads/main", ""), "/data/after"},
		"types that are wrong": {events.GitLabPush, `{"ref":1}`, "/data"},
		"no bucket":            {"com.amazonaws.s3.ObjectCreated:Put", `{"s3":{"object":{"key":"a"}}}`, "/data/Records/0/s3"},
		"no key":               {"com.amazonaws.s3.ObjectCreated:Put", `{"Records":[{"s3":{"bucket":{"name":"a"}}}]}`, "/data/Records/0/s3"},
		"key that is none":     {"com.amazonaws.s3.ObjectCreated:Put", `{"s3":{"bucket":{"name":"a"},"object":{"key":"%zz"}}}`, "/data/Records/0/s3"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if a := w.do(binary(admin, tc.eventType, tc.data)); a.status != http.StatusBadRequest || a.Error != codeInvalidData || a.Path != tc.path {
				t.Errorf("answer: %d %s", a.status, a.body)
			}
		})
	}
}
