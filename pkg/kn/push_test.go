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

package kn

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/bundle"
)

// serveRegistry serves a registry that asks for no login, and returns its host.
func serveRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// TestDeployPushes holds that a build finds what was pushed.
func TestDeployPushes(t *testing.T) {
	host := serveRegistry(t)
	dir := writeFolder(t, "hello", map[string]string{"main.py": "import lib\n", "lib.py": "A = 1\n"})
	image, err := bundle.Pack(dir)
	if err != nil {
		t.Fatal("Pack() =", err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal("Digest() =", err)
	}
	for title, tc := range map[string]struct {
		config     map[string]string
		args       []string
		repository string
	}{
		"beside the images":      {map[string]string{"registry": host + "/fn"}, nil, "/fn/default/hello-source"},
		"to the function's own":  {map[string]string{"registry": "registry.example.com"}, []string{"--registry", host + "/own"}, "/own/default/hello-source"},
		"where it is said":       {map[string]string{"registry": "registry.example.com"}, []string{"--push-to", host + "/acme/code"}, "/acme/code"},
		"without a registry":     {nil, []string{"--push-to", host + "/acme/more"}, "/acme/more"},
		"with broken settings":   {map[string]string{"timeout": "soon"}, []string{"--push-to", host + "/acme/most"}, "/acme/most"},
		"to one of plain http":   {map[string]string{"registry": host + "/plain", "insecure-registries": host}, nil, "/plain/default/hello-source"},
		"not, to be printed":     {map[string]string{"registry": host + "/dry"}, []string{"--dry-run=server"}, ""},
		"not, without a cluster": {nil, []string{"--dry-run=client", "--push-to", host + "/dry"}, ""},
	} {
		t.Run(title, func(t *testing.T) {
			c := newCluster(buildConfig(tc.config))
			sent := c.applies(t)
			got := c.run(t.Context(), append([]string{"deploy", dir, "--no-wait"}, tc.args...)...)
			if got.code != ExitOK {
				t.Fatalf("run() = %+v", got)
			}
			if tc.repository == "" {
				if !strings.Contains(got.out, digest.String()) || strings.Contains(got.err, "Pushed") {
					t.Errorf("run() = %+v, want digest %s and nothing pushed", got, digest)
				}
				return
			}
			want := v1alpha1.SourceSpec{Type: "oci", OCI: &v1alpha1.OCISource{Repository: host + tc.repository, Digest: digest.String()}}
			if diff := cmp.Diff(want, sent.Spec.Source); diff != "" {
				t.Errorf("source is another (-want, +got):\n%s", diff)
			}
			if said := "Pushed folder '" + dir + "' to " + host + tc.repository + "@" + digest.String() + ": lib.py is beside main.py.\n"; !strings.HasPrefix(got.err, said) {
				t.Errorf("it says %q, want %q", got.err, said)
			}
			tag, err := name.NewTag(host + tc.repository + ":" + digest.Hex[:12])
			if err != nil {
				t.Fatal("NewTag() =", err)
			}
			if pushed, err := remote.Get(tag); err != nil || pushed.Digest != digest {
				t.Errorf("Get(%s) = %+v, %v, want %s", tag, pushed, err, digest)
			}
		})
	}
	dry, err := name.NewRepository(host + "/dry")
	if err != nil {
		t.Fatal("NewRepository() =", err)
	}
	if tags, err := remote.List(dry); err == nil {
		t.Errorf("a dry run has pushed %v", tags)
	}
}

func TestInsecureRepository(t *testing.T) {
	for name, tc := range map[string]struct {
		config map[string]string
		fn     v1alpha1.BuildSpec
		pushTo string
		scheme string
	}{
		"by default":              {map[string]string{"registry": "a.example.com"}, v1alpha1.BuildSpec{}, "", "https"},
		"as the operator has it":  {map[string]string{"registry": "a.example.com/b", "insecure-registries": "a.example.com"}, v1alpha1.BuildSpec{}, "", "http"},
		"so for another":          {map[string]string{"registry": "a.example.com", "insecure-registries": "b.example.com:80"}, v1alpha1.BuildSpec{}, "b.example.com:80/code", "http"},
		"as the function has it":  {map[string]string{"registry": "a.example.com"}, v1alpha1.BuildSpec{Registry: "b.example.com", Insecure: true}, "", "http"},
		"which is of its own":     {map[string]string{"registry": "a.example.com"}, v1alpha1.BuildSpec{Insecure: true}, "b.example.com/code", "https"},
		"or that of the operator": {map[string]string{"registry": "a.example.com"}, v1alpha1.BuildSpec{Insecure: true}, "a.example.com/code", "http"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := newCluster(buildConfig(tc.config)).session.connect()
			if err != nil {
				t.Fatal("connect() =", err)
			}
			d := folderDeployment{pushTo: tc.pushTo}
			_, got, err := d.repository(t.Context(), c, newFunction("hello", func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build = tc.fn }))
			if err != nil || got.Scheme() != tc.scheme {
				t.Errorf("repository() = %s by %s, %v, want %s", got, got.Scheme(), err, tc.scheme)
			}
		})
	}
}

func TestDeployWithoutRights(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"forbidden": {apierrors.NewForbidden(corev1.Resource("configmaps"), "config-build", nil), `configmaps "config-build" is forbidden`},
		"broken":    {errors.New("no connection"), "no connection"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFolder(t, "hello", map[string]string{"main.py": "", "lib.py": ""})
			c := newCluster()
			c.applies(t)
			c.kube.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.err })
			got := c.run(t.Context(), "deploy", dir, "--no-wait")
			if got.code != ExitFailure || !strings.Contains(got.err, tc.want) || !strings.Contains(got.err, "\nTry:   name a repository that you and the cluster reach with --push-to") {
				t.Errorf("run() = %+v, want %q", got, tc.want)
			}
			if got := c.run(t.Context(), "deploy", dir, "--no-wait", "--push-to", serveRegistry(t)+"/code"); got.code != ExitOK {
				t.Errorf("run() with --push-to = %+v", got)
			}
		})
	}
}

func TestInterruptedPush(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() }))
	defer server.Close()
	dir := writeFolder(t, "hello", map[string]string{"main.py": "", "lib.py": ""})
	if got := newCluster().run(ctx, "deploy", dir, "--push-to", strings.TrimPrefix(server.URL, "http://")+"/code"); got.code != ExitInterrupted {
		t.Errorf("run() = %+v, want code %d", got, ExitInterrupted)
	}
}
