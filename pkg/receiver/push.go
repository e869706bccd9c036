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
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// push is new code somewhere.
type push struct {
	// revision is the commit, or the version of the object. Empty: there is nothing to build, because a branch was deleted.
	revision string
	// of is true for the functions that have their code from there.
	of func(fn *unstructured.Unstructured) bool
}

// pushesListed is how many functions are looked at at once.
const pushesListed = 500

// newPush reads what was pushed.
func newPush(e *event.Event) (*push, error) {
	data, err := jsonData(e)
	if err != nil {
		return nil, err
	}
	var p *push
	switch e.Type() {
	case events.GitHubPush:
		p, err = githubPush(data)
	case events.GitLabPush:
		p, err = gitlabPush(data)
	default:
		p, err = objectCreated(data)
	}
	if _, ok := errors.AsType[*refusal](err); err != nil && !ok {
		return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath(""), "this is not the data of a push: %v", err)
	}
	return p, err
}

func githubPush(data []byte) (*push, error) {
	var payload struct {
		Ref        string
		After      string
		Repository struct {
			CloneURL string `json:"clone_url"`
			SSHURL   string `json:"ssh_url"`
			GitURL   string `json:"git_url"`
		}
	}
	if err := json.Unmarshal(data, &payload); err != nil {
		return nil, err
	}
	r := payload.Repository
	return gitPush("/repository/clone_url", payload.Ref, payload.After, r.CloneURL, r.SSHURL, r.GitURL)
}

func gitlabPush(data []byte) (*push, error) {
	var payload struct {
		Ref     string
		After   string
		Project struct {
			HTTPURL string `json:"git_http_url"`
			SSHURL  string `json:"git_ssh_url"`
		}
	}
	if err := json.Unmarshal(data, &payload); err != nil {
		return nil, err
	}
	return gitPush("/project/git_http_url", payload.Ref, payload.After, payload.Project.HTTPURL, payload.Project.SSHURL)
}

// gitPush is a push of a branch or a tag, refs/heads/main or refs/tags/v1, to a repository that has these URLs.
func gitPush(urlPath, ref, commit string, urls ...string) (*push, error) {
	urls = slices.DeleteFunc(urls, func(u string) bool { return u == "" })
	switch {
	case len(urls) == 0:
		return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath(urlPath), "it is missing")
	case ref == "":
		return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath("/ref"), "it is missing")
	case commit == "":
		return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath("/after"), "it is missing")
	}
	if strings.Trim(commit, "0") == "" {
		commit = ""
	}
	names := []string{ref, strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/")}
	return &push{revision: commit, of: func(fn *unstructured.Unstructured) bool {
		from, _, _ := unstructured.NestedString(fn.Object, "spec", "source", "git", "url")
		at, _, _ := unstructured.NestedString(fn.Object, "spec", "source", "git", "ref")
		return from != "" && slices.Contains(names, at) && slices.ContainsFunc(urls, func(u string) bool { return repositoryOf(u) == repositoryOf(from) })
	}}, nil
}

// repositoryOf is the host and the path of a repository, whichever way it is reached: https://host/a/b.git, git@host:a/b.
func repositoryOf(address string) string {
	if !strings.Contains(address, "://") {
		// git@host:path
		host, path, _ := strings.Cut(address, ":")
		address = "ssh://" + host + "/" + path
	}
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Hostname()) + "/" + strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
}

// s3Record is what S3 says of an object.
type s3Record struct {
	S3 struct {
		Bucket struct{ Name string }
		Object struct {
			// Key is as in the query of a URL.
			Key       string
			VersionID string `json:"versionId"`
			ETag      string `json:"eTag"`
			Sequencer string
		}
	}
}

// objectCreated reads a notification of S3: one record, or the list that S3 itself sends.
func objectCreated(data []byte) (*push, error) {
	var payload struct {
		s3Record

		Records []s3Record
	}
	if err := json.Unmarshal(data, &payload); err != nil {
		return nil, err
	}
	records := payload.Records
	if len(records) == 0 {
		records = []s3Record{payload.s3Record}
	}
	p := &push{}
	written := map[[2]string]bool{}
	for _, record := range records {
		bucket, object := record.S3.Bucket.Name, record.S3.Object
		key, err := url.QueryUnescape(object.Key)
		if err != nil || bucket == "" || key == "" {
			return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath("/Records/0/s3"), "a record lacks s3.bucket.name or s3.object.key")
		}
		written[[2]string{bucket, key}] = true
		p.revision = cmp.Or(object.VersionID, object.ETag, object.Sequencer, p.revision, "unknown")
	}
	p.of = func(fn *unstructured.Unstructured) bool {
		kind, _, _ := unstructured.NestedString(fn.Object, "spec", "source", "type")
		if kind != "s3" && kind != "minio" {
			return false
		}
		bucket, _, _ := unstructured.NestedString(fn.Object, "spec", "source", kind, "bucket")
		key, _, _ := unstructured.NestedString(fn.Object, "spec", "source", kind, "key")
		return written[[2]string{bucket, strings.TrimPrefix(key, "/")}] || written[[2]string{bucket, key}]
	}
	return p, nil
}

// rebuild builds the functions again whose code was pushed, of those that the sender may change.
func (s *Server) rebuild(ctx context.Context, user *access.User, e *event.Event) (duplicate bool, err error) {
	p, err := newPush(e)
	if err != nil || p.revision == "" {
		return false, err
	}
	settings := s.settings()
	if user == nil && len(settings.OpenNamespaces) == 0 {
		return false, refuse(http.StatusUnauthorized, codeUnauthorized, "", "no namespace takes commands without a bearer token; see unauthenticated-namespaces in ConfigMap config-receiver")
	}
	options := metav1.ListOptions{Limit: pushesListed}
	for {
		list, err := s.client.Resource(functionResource).List(ctx, options)
		if err != nil {
			return false, err
		}
		for i := range list.Items {
			if fn := &list.Items[i]; p.of(fn) {
				if err := s.rebuildOne(ctx, user, e, fn, p.revision); err != nil {
					return false, err
				}
			}
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return false, nil
		}
	}
}

func (s *Server) rebuildOne(ctx context.Context, user *access.User, e *event.Event, fn *unstructured.Unstructured, revision string) error {
	o := &order{event: e, id: orderID(e), kind: functions, namespace: fn.GetNamespace(), name: fn.GetName()}
	switch err := s.require(ctx, user, verbPatch, o); {
	case err != nil && refusalOf(err).status < http.StatusInternalServerError:
		return nil // It is not the sender's.
	case err != nil:
		return err
	}
	if journalOf(fn).has(o.id) {
		return nil
	}
	return s.annotate(ctx, o, fn, map[string]any{lambda.RebuildAnnotationKey: revision})
}
