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
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	clienttesting "k8s.io/client-go/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const handlerCode = "def handler(event): pass\n"

// writeFolder writes files, by their paths, into a folder of that name.
func writeFolder(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for path, text := range files {
		file := filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// applies has functions that are applied be there and ready, and returns the last one.
func (c *cluster) applies(t *testing.T) *v1alpha1.LambdaFunction {
	t.Helper()
	sent := &v1alpha1.LambdaFunction{}
	c.lambda.PrependReactor("patch", "lambdafunctions", func(action clienttesting.Action) (bool, runtime.Object, error) {
		*sent = v1alpha1.LambdaFunction{}
		if err := json.Unmarshal(action.(clienttesting.PatchAction).GetPatch(), sent); err != nil {
			t.Error("failed to read what is sent:", err)
		}
		return true, newFunction(sent.Name, func(fn *v1alpha1.LambdaFunction) { fn.Namespace, fn.Spec = sent.Namespace, sent.Spec }, isReady), nil
	})
	return sent
}

// buildConfig is the operator's ConfigMap.
func buildConfig(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "config-build", Namespace: operatorNamespace}, Data: data}
}

func TestDeploy(t *testing.T) {
	inline := v1alpha1.SourceSpec{Type: "inline", Inline: &v1alpha1.InlineSource{Code: handlerCode}}
	python := v1alpha1.RuntimeSpec{Language: "python"}
	manifest := "kind: LambdaFunction\nmetadata: {name: filed, namespace: shop}\nspec: {source: {type: git, git: {url: https://github.com/acme/shop}}, runtime: {language: py, handler: shop.total}, env: [{name: A, value: b}]}\n"
	for name, tc := range map[string]struct {
		dir       string
		files     map[string]string
		args      []string
		name      string
		namespace string
		want      v1alpha1.LambdaFunctionSpec
	}{
		"the folder's name": {"My_first.Function", map[string]string{"main.py": handlerCode}, nil, "my-first-function", "default", v1alpha1.LambdaFunctionSpec{Source: inline, Runtime: python}},
		"another name":      {"1", map[string]string{"main.py": handlerCode}, []string{"--name", "hello", "-n", "shop"}, "hello", "shop", v1alpha1.LambdaFunctionSpec{Source: inline, Runtime: python}},
		"flags": {"hello", map[string]string{"total.py": handlerCode}, []string{"--handler", "total.of", "--version", "3.13", "--env", "A=b"}, "hello", "default", v1alpha1.LambdaFunctionSpec{
			Source:  v1alpha1.SourceSpec{Type: "inline", Inline: &v1alpha1.InlineSource{Files: map[string]string{"total.py": handlerCode}}},
			Runtime: v1alpha1.RuntimeSpec{Language: "python", Version: "3.13", Handler: "total.of"}, Env: []corev1.EnvVar{{Name: "A", Value: "b"}},
		}},
		"the manifest": {"hello", map[string]string{"shop.py": handlerCode, "function.yaml": manifest}, nil, "filed", "shop", v1alpha1.LambdaFunctionSpec{
			Source:  v1alpha1.SourceSpec{Type: "inline", Inline: &v1alpha1.InlineSource{Files: map[string]string{"shop.py": handlerCode}}},
			Runtime: v1alpha1.RuntimeSpec{Language: "py", Handler: "shop.total"}, Env: []corev1.EnvVar{{Name: "A", Value: "b"}},
		}},
		"flags over the manifest": {
			"hello",
			map[string]string{"main.py": handlerCode, "function.yaml": manifest},
			[]string{"--handler", "main.handler", "--env", "A-", "--name", "mine", "--language", "python"},
			"mine", "shop",
			v1alpha1.LambdaFunctionSpec{Source: inline, Runtime: v1alpha1.RuntimeSpec{Language: "python", Handler: "main.handler"}},
		},
		"one of two languages": {"hello", map[string]string{"main.py": handlerCode, "package.json": "{}"}, []string{"--language", "python", "--push-to", "REGISTRY/code"}, "hello", "default", v1alpha1.LambdaFunctionSpec{
			Source: v1alpha1.SourceSpec{Type: "oci", OCI: &v1alpha1.OCISource{Repository: "REGISTRY/code"}}, Runtime: python,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			sent := c.applies(t)
			c.becomes(newFunction(tc.name, func(fn *v1alpha1.LambdaFunction) { fn.Namespace = tc.namespace }, isReady))
			host := serveRegistry(t)
			for i, arg := range tc.args {
				tc.args[i] = strings.Replace(arg, "REGISTRY", host, 1)
			}
			got := c.run(t.Context(), append([]string{"deploy", writeFolder(t, tc.dir, tc.files)}, tc.args...)...)
			if url := "http://" + tc.name + "." + tc.namespace + ".example.com\n"; got.code != ExitOK || got.out != url || !strings.Contains(got.err, "Deployed function '"+tc.name+"'") {
				t.Fatalf("run() = %+v, want the URL %s", got, url)
			}
			if sent.Name != tc.name || sent.Namespace != tc.namespace {
				t.Errorf("it is function %s/%s, want %s/%s", sent.Namespace, sent.Name, tc.namespace, tc.name)
			}
			if oci := tc.want.Source.OCI; oci != nil {
				oci.Repository, oci.Digest = host+"/code", sent.Spec.Source.OCI.Digest
			}
			if diff := cmp.Diff(tc.want, sent.Spec); diff != "" {
				t.Errorf("what is sent is another (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestDeployRefuses(t *testing.T) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer login.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	defer broken.Close()
	one := writeFolder(t, "one", map[string]string{"main.py": handlerCode})
	two := writeFolder(t, "two", map[string]string{"main.py": handlerCode, "lib.py": ""})
	large := writeFolder(t, "large", map[string]string{"main.py": handlerCode, "data": ""})
	if err := os.Truncate(filepath.Join(large, "data"), 101<<20); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		err  string
	}{
		"two folders":          {[]string{one, two}, ExitUsage, "accepts at most 1 arg(s)"},
		"no folder":            {[]string{filepath.Join(one, "none")}, ExitFailure, "failed to find folder"},
		"a file":               {[]string{filepath.Join(one, "main.py"), "--name", "a"}, ExitFailure, "is a file: name the folder that it is in"},
		"an empty folder":      {[]string{writeFolder(t, "empty", map[string]string{"a/b": ""})}, ExitFailure, "there is no code in"},
		"two languages":        {[]string{writeFolder(t, "both", map[string]string{"main.py": "", "index.js": ""})}, ExitFailure, "say which with --language"},
		"no such language":     {[]string{one, "--language", "cobol"}, ExitFailure, `language "cobol" is none of python, nodejs, go`},
		"no file":              {[]string{writeFolder(t, "other", map[string]string{"hello.py": ""})}, ExitFailure, "there is no file main.py: name what is called with --handler"},
		"a name of no kind":    {[]string{writeFolder(t, "1st", map[string]string{"main.py": ""})}, ExitUsage, `"1st" is no name of a function, give another with --name`},
		"a given name":         {[]string{one, "--name", "A_b"}, ExitUsage, `"A_b" is no name of a function`},
		"no manifest":          {[]string{one, "-f", "none.yaml"}, ExitFailure, "failed to read manifest"},
		"a manifest of none":   {[]string{writeFolder(t, "filed", map[string]string{"main.py": "", "function.yaml": "kind: Service"})}, ExitFailure, "has no LambdaFunction"},
		"another namespace":    {[]string{writeFolder(t, "shop", map[string]string{"main.py": "", "function.yaml": "kind: LambdaFunction\nmetadata: {name: a, namespace: shop}"}), "-n", "default"}, ExitUsage, `of namespace "shop"`},
		"a variable":           {[]string{one, "--env", "A"}, ExitUsage, "write NAME=VALUE"},
		"a source":             {[]string{one, "--git", "https://github.com/acme/shop"}, ExitUsage, "unknown flag: --git"},
		"dry run":              {[]string{one, "--dry-run=maybe"}, ExitUsage, `--dry-run "maybe"`},
		"too large":            {[]string{large, "--push-to", "localhost:1/code"}, ExitFailure, "it has more than 104857600 bytes: leave out what the function does not need"},
		"no registry":          {[]string{two}, ExitFailure, "there is none in ConfigMap config-build in namespace knative-lambda\nTry:   name a repository that you and the cluster reach with --push-to"},
		"no cluster":           {[]string{two, "--dry-run=client"}, ExitFailure, "--dry-run=client asks no cluster\nTry:   name a repository"},
		"a repository by tag":  {[]string{two, "--push-to", "ghcr.io/acme/a:1"}, ExitUsage, `"ghcr.io/acme/a:1" is no repository: write registry and path`},
		"a registry alone":     {[]string{two, "--push-to", "ghcr.io"}, ExitUsage, `"ghcr.io" is no repository`},
		"no login":             {[]string{two, "--push-to", strings.TrimPrefix(login.URL, "http://") + "/code"}, ExitFailure, "\nTry:   docker login " + strings.TrimPrefix(login.URL, "http://") + ", or name a repository"},
		"no such registry":     {[]string{two, "--push-to", strings.TrimPrefix(broken.URL, "http://") + "/code"}, ExitFailure, "\nTry:   name a repository that you"},
		"neither is a default": {[]string{two, "--registry", "a b"}, ExitUsage, `"a b/default/two-source" is no repository`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(buildConfig(nil))
			got := c.run(t.Context(), append([]string{"deploy", "--no-wait"}, tc.args...)...)
			if got.code != tc.code || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.err)
			}
			if actions := c.lambda.Actions(); len(actions) > 0 {
				t.Errorf("the cluster is asked in spite of it: %v", actions)
			}
		})
	}
}

func TestDeployAgain(t *testing.T) {
	dir := writeFolder(t, "hello", map[string]string{"main.py": handlerCode})
	there := newFunction("hello", isReady, func(fn *v1alpha1.LambdaFunction) {
		fn.Spec = v1alpha1.LambdaFunctionSpec{Runtime: v1alpha1.RuntimeSpec{Language: "python"}, Source: v1alpha1.SourceSpec{Type: "inline", Inline: &v1alpha1.InlineSource{Code: handlerCode}}}
	})
	for name, tc := range map[string]struct {
		change func(*v1alpha1.LambdaFunction)
		args   []string
		want   string
	}{
		"as it is":       {func(*v1alpha1.LambdaFunction) {}, nil, "Changes: none.\nDeployed function 'hello'"},
		"of other code":  {func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Code = "other" }, nil, "Changes: spec.source.inline.code.\nDeployed function 'hello'"},
		"to be printed":  {func(*v1alpha1.LambdaFunction) {}, []string{"--min", "1", "--dry-run=server"}, "Changes: spec.scaling.minReplicas.\n"},
		"of more fields": {func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Files = map[string]string{"a.py": ""} }, []string{"-e", "A=b"}, "Changes: spec.env, spec.source.inline.files.\n"},
		"of files": {func(fn *v1alpha1.LambdaFunction) {
			fn.Spec.Source.Inline.Files = map[string]string{"a.py": "", "b.py": ""}
		}, nil, "Changes: spec.source.inline.files.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			before := there.DeepCopy()
			tc.change(before)
			c := newCluster(before)
			c.applies(t)
			if got := c.run(t.Context(), append([]string{"deploy", dir, "--no-wait"}, tc.args...)...); got.code != ExitOK || !strings.HasPrefix(got.err, tc.want) {
				t.Errorf("run() = %+v, want %q", got, tc.want)
			}
		})
	}
	for name, verb := range map[string]string{"not read": "get", "not sent": "patch"} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(there.DeepCopy())
			c.lambda.PrependReactor(verb, "lambdafunctions", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("no connection")
			})
			if got := c.run(t.Context(), "deploy", dir); got.code != ExitFailure || !strings.Contains(got.err, `failed to deploy function "hello": no connection`) {
				t.Errorf("run() = %+v", got)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	file := func(text string) *v1alpha1.LambdaFunctionSpec {
		return &v1alpha1.LambdaFunctionSpec{Source: v1alpha1.SourceSpec{Type: "inline", Inline: &v1alpha1.InlineSource{Files: map[string]string{"a.py": text, "b.py": ""}}}}
	}
	got, err := changes(file("1"), file("2"))
	if diff := cmp.Diff([]string{"spec.source.inline.files[a.py]"}, got); err != nil || diff != "" {
		t.Errorf("changes() (-want, +got) = %s, %v", diff, err)
	}
}

func FuzzAsName(f *testing.F) {
	for _, seed := range []string{"hello", "My_Function", "a.b c", "-a-", "a--b", "1st", "größe", "İ", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, dir string) {
		name := asName(dir)
		if again := asName(name); again != name {
			t.Errorf("asName(%q) = %q, and of that %q", dir, name, again)
		}
		if len(validation.IsDNS1035Label(dir)) == 0 && name != dir {
			t.Errorf("asName(%q) = %q, want what is a name already", dir, name)
		}
	})
}
