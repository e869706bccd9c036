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
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

const (
	funcHead = "specVersion: 0.35.0\nname: orders\nruntime: go\n"
	funcGit  = funcHead + "build: {git: {url: 'https://github.com/acme/shop'}}\n"

	legacyHead = "apiVersion: lambda.knative.io/v1alpha1\nkind: LambdaFunction\nmetadata: {name: hello}\nspec:\n  eventing: {enabled: false}\n" +
		"  scaling: {containerConcurrency: 10}\n"
	legacyInline = legacyHead + "  source: {type: inline, inline: {code: a}}\n"
	legacyImage  = legacyHead + "  source: {type: image, image: {repository: ghcr.io/acme/hello}}\n"
)

// TestImportFuncFile has all fields that a func.yaml may have.
func TestImportFuncFile(t *testing.T) {
	got := newCluster().run(t.Context(), "import", filepath.Join("testdata", "func.yaml"))
	if got.code != ExitLost {
		t.Errorf("run() = %d, want %d", got.code, ExitLost)
	}
	golden(t, "import-func.yaml", got.out)
	golden(t, "import-func.txt", got.err)
}

func TestImport(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		code int
		// out and err are lines, or parts of them, that have to be there.
		out, err []string
	}{
		"least of a func.yaml": {
			funcGit + "deploy: {options: {scale: {target: 7}, resources: {limits: {cpu: 1, memory: 1Gi}}}}", ExitOK,
			[]string{"language: go", "type: git", "targetConcurrency: 7", "maxReplicas: 0", "enabled: false"},
			nil,
		},
		"silence that means something else": {
			funcGit, ExitOK, nil,
			[]string{"deploy.options.scale.target: changed: where nothing is said it is 10 here", "deploy.options.resources.limits: changed: an instance gets at most"},
		},
		"calls a second": {
			funcGit + "deploy: {options: {scale: {metric: rps, target: 7}}}", ExitLost, nil,
			[]string{"deploy.options.scale.metric: left out: functions scale by calls at once, not by rps", "deploy.options.scale.target: left out: it counts rps"},
		},
		"part of a call": {funcGit + "deploy: {options: {scale: {target: 0.5}}}", ExitOK, []string{"targetConcurrency: 1"}, []string{"scale.target: changed: 1,"}},
		"format of calls, as it was": {
			strings.Replace(funcGit, "0.35.0", "0.34.0", 1) + "invocation: {format: http}", ExitOK, nil, []string{"invoke: changed"},
		},
		"registry of Docker Hub": {funcGit + "registry: alice", ExitOK, []string{"registry: docker.io/alice\n"}, []string{"registry: changed: docker.io/alice/orders, because"}},
		"image of Docker Hub":    {funcGit + "image: alice/orders", ExitOK, []string{"registry: docker.io/alice\n", "repository: orders"}, []string{"image: changed: docker.io/alice/orders"}},
		"image that was built": {
			funcHead + "image: ghcr.io/acme/orders:v1\nimageDigest: sha256:" + strings.Repeat("0", 64) + "\nbuild: {builder: s2i}\ndeploy: {healthEndpoints: {liveness: /live}}", ExitOK,
			[]string{"type: image", "repository: ghcr.io/acme/orders", "digest: sha256:0000"},
			[]string{"image: changed: the image that func has built is served as it is", "deploy.healthEndpoints.liveness: changed: Knative looks"},
		},
		"image of another language": {
			"specVersion: 0.36.0\nname: orders\nruntime: rust\nbuild: {git: {url: 'https://github.com/acme/shop'}}\ndeploy: {image: 'ghcr.io/acme/orders@sha256:" + strings.Repeat("0", 64) + "'}", ExitLost,
			[]string{"type: image"},
			[]string{"deploy.image: changed", `build.git: left out: functions of runtime "rust" are not built here`},
		},
		"class in Python": {strings.Replace(funcGit, "runtime: go", "runtime: python", 1), ExitOK, []string{"handler: function.func.new"}, []string{"scale.target: changed"}},

		"unknown version":  {"specVersion: 0.38.0\nname: a", ExitFailure, nil, []string{"specVersion: it is 0.38.0, and what is read is 0.34.0, 0.35.0, 0.36.0"}},
		"unknown fields":   {funcGit + "middlewareVersion: 1\ndeploy: {options: {scale: {window: 1}}}", ExitFailure, nil, []string{"deploy.options.scale.window, middlewareVersion: it is not known of a func.yaml"}},
		"field of no kind": {funcGit + "deploy: []", ExitFailure, nil, []string{"cannot unmarshal array"}},
		"no code":          {funcHead, ExitFailure, nil, []string{"build.git.url: it does not say where the code is", "push the folder to a git repository"}},
		"no such language": {"specVersion: 0.36.0\nname: a\nruntime: rust", ExitFailure, nil, []string{`runtime: "rust" is none of go, node, python`}},
		"no quantity":      {funcGit + "deploy: {options: {resources: {requests: {cpu: lots}}}}", ExitFailure, nil, []string{`deploy.options.resources.requests.cpu: "lots" is no quantity`}},
		"too many":         {funcGit + "deploy: {options: {scale: {max: 3000000000}}}", ExitFailure, nil, []string{"deploy.options.scale.max: 3000000000 is too small or too large"}},
		"too few":          {funcGit + "deploy: {options: {scale: {min: -1}}}", ExitFailure, nil, []string{"deploy.options.scale.min: -1 is too small"}},
		"no name":          {strings.Replace(funcGit, "name: orders\n", "", 1), ExitFailure, nil, []string{"would be refused: not a name for a Knative Service"}},

		"least of a manifest": {legacyInline + "  runtime: {language: python}", ExitOK, []string{"code: a", "language: python"}, nil},
		"silence in a manifest": {
			"apiVersion: lambda.knative.io/v1alpha1\nkind: LambdaFunction\nmetadata: {name: a}\nspec: {source: {type: inline, inline: {code: a}}, runtime: {language: go}}", ExitOK, nil,
			[]string{"spec.scaling.containerConcurrency: changed", "spec.eventing: changed"},
		},
		"other forms":        {strings.Replace(legacyInline, "10}", "'10'}", 1) + "  runtime: {language: py}", ExitOK, []string{"containerConcurrency: 10"}, []string{"spec.scaling.containerConcurrency: changed: 10, the form"}},
		"no such field":      {legacyInline + "  runtime: {language: go, speed: 1}\n  kaniko: {image: a}", ExitLost, nil, []string{"spec.kaniko: left out: there is no such field", "spec.runtime.speed: left out"}},
		"version not there":  {legacyInline + "  runtime: {language: python, version: '3.9'}", ExitLost, nil, []string{"spec.runtime.version: left out: 3.9 is not on offer", "3.13 is taken, of"}},
		"handler as written": {legacyInline + "  runtime: {language: python3, handler: index.handler}", ExitOK, nil, []string{"spec.runtime.handler: changed: main.handler"}},
		"handler of Node.js": {legacyInline + "  runtime: {language: node, handler: index.handler}", ExitOK, []string{"handler: index.handler"}, nil},
		"two sources": {
			legacyHead + "  source: {type: inline, inline: {code: a}, git: {url: 'https://github.com/acme/a'}}\n  runtime: {language: go}", ExitLost,
			[]string{"code: a"},
			[]string{"spec.source.git: left out: type is inline"},
		},
		"image without registry": {strings.Replace(legacyImage, "ghcr.io/acme/hello", "nginx", 1), ExitOK, []string{"repository: docker.io/library/nginx"}, []string{"spec.source.image.repository: changed: docker.io/library/nginx, because"}},
		"image with a runtime":   {legacyImage + "  runtime: {language: cobol}\n  build: {registry: ghcr.io/acme}", ExitOK, nil, []string{"spec.runtime: changed: it is not there", "spec.build: changed: it is not there"}},
		"code in the clear":      {legacyHead + "  source: {type: git, git: {url: 'http://github.com/acme/a'}}\n  runtime: {language: go}", ExitOK, []string{"url: https://github.com/acme/a"}, []string{"spec.source.git.url: changed"}},
		"code of a Service":      {legacyHead + "  source: {type: git, git: {url: 'http://gitea.gitea.svc:3000/acme/a'}}\n  runtime: {language: go}", ExitOK, []string{"url: http://gitea.gitea.svc:3000/acme/a"}, nil},
		"variables of Knative":   {legacyImage + "  env: [{name: PORT, value: '1'}, {name: A, value: b}]", ExitLost, []string{"name: A"}, []string{"spec.env[0]: left out: PORT is set by Knative"}},
		"target out of reach":    {strings.Replace(legacyImage, "10}", "10, targetConcurrency: 20}", 1), ExitOK, []string{"targetConcurrency: 10"}, []string{"spec.scaling.targetConcurrency: changed: 10,"}},
		"privilege": {
			strings.Replace(legacyImage, "{name: hello}", "{name: hello, uid: x, annotations: {lambda.knative.io/receiver-mode: 'true', kubectl.kubernetes.io/last-applied-configuration: a, mine: b}}", 1), ExitLost,
			[]string{"mine: b"},
			[]string{"metadata.annotations[lambda.knative.io/receiver-mode]: left out: it gave the function the operator's own rights"},
		},
		"without effect": {strings.Replace(legacyImage, "enabled: false", "eventSource: a", 1), ExitLost, []string{"eventSource: a"}, []string{"spec.eventing.eventSource: warning: stored and has no effect"}},
		"agent": {
			"apiVersion: lambda.knative.io/v1alpha1\nkind: LambdaAgent\nmetadata: {name: chat}\nspec: {image: {repository: acme/chat, port: '80'}, ai: {provider: none}, memory: {any: thing}}", ExitOK,
			[]string{"kind: LambdaAgent", "any: thing", "port: 80"},
			[]string{"spec.image.port: changed: 80", "spec.image.repository: changed: docker.io/acme/chat"},
		},
		"others among them": {"kind: Secret\n---\n---\n" + legacyImage, ExitLost, []string{"kind: LambdaFunction"}, []string{`kind: left out: "Secret" is no function and no agent`}},
		"list": {
			"apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(legacyImage, "\n", "\n  ") + "\n- " + strings.ReplaceAll(strings.Replace(legacyImage, "name: hello", "name: second", 1), "\n", "\n  "), ExitOK,
			[]string{"name: hello", "---\n", "name: second"},
			nil,
		},
		"list of nothing": {"kind: List\nitems: [a]", ExitFailure, nil, []string{"there is neither a func.yaml nor a LambdaFunction"}},

		"other group":            {"apiVersion: lambda.io/v1\nkind: LambdaFunction", ExitFailure, nil, []string{`apiVersion: it is "lambda.io/v1"`}},
		"refused":                {legacyInline + "  runtime: {language: cobol}", ExitFailure, nil, []string{`LambdaFunction "hello" would be refused: invalid value: cobol: spec.runtime.language`}},
		"agent on a leash":       {"apiVersion: lambda.knative.io/v1alpha1\nkind: LambdaAgent\nmetadata: {name: a}\nspec: {image: {repository: ghcr.io/a/b}, operationMode: supervised}", ExitFailure, nil, []string{"approvals are not part of this release"}},
		"spec of no kind":        {"apiVersion: lambda.knative.io/v1alpha1\nkind: LambdaFunction\nspec: []", ExitFailure, nil, []string{"cannot unmarshal"}},
		"agent of no kind":       {"apiVersion: lambda.knative.io/v1alpha1\nkind: LambdaAgent\nspec: []", ExitFailure, nil, []string{"cannot unmarshal"}},
		"text":                   {"hello", ExitFailure, nil, []string{"it is no YAML of an object"}},
		"nothing":                {"", ExitFailure, nil, []string{"there is neither a func.yaml nor a LambdaFunction"}},
		"separator that is none": {"--- a: b\nc: d", ExitFailure, nil, []string{"failed to import -"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.in = tc.text
			got := c.run(t.Context(), "import", "-")
			if got.code != tc.code || (got.out == "") != (tc.code == ExitFailure) {
				t.Errorf("run() = %+v, want code %d", got, tc.code)
			}
			for _, want := range tc.out {
				if !strings.Contains(got.out, want) {
					t.Errorf("there is no %q in\n%s", want, got.out)
				}
			}
			for _, want := range tc.err {
				if !strings.Contains(got.err, want) {
					t.Errorf("there is no %q in\n%s", want, got.err)
				}
			}
			if tc.err == nil && got.err != "" {
				t.Errorf("it says %s", got.err)
			}
		})
	}
}

func TestImportFiles(t *testing.T) {
	dir := t.TempDir()
	python, manifest := filepath.Join(dir, "func.yaml"), filepath.Join(dir, "manifest.yaml")
	for file, text := range map[string]string{
		python: strings.Replace(funcGit, "runtime: go", "runtime: python", 1), filepath.Join(dir, "func.py"): "", manifest: legacyImage + "  nothing: 1\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := newCluster().run(t.Context(), "import", python, manifest)
	if got.code != ExitLost || !strings.Contains(got.out, "handler: func.main") || strings.Count(got.out, "kind: LambdaFunction") != 2 {
		t.Errorf("run() = %+v", got)
	}
	if want := fmt.Sprintf("%s: runtime: changed: main in func.py gets the data first", python); !strings.Contains(got.err, want) {
		t.Errorf("there is no %q in\n%s", want, got.err)
	}
	if got = newCluster().run(t.Context(), "import", "--strict", python, manifest); got.code != ExitFailure || got.out != "" || !strings.Contains(got.err, "1 fields would be left out") {
		t.Errorf("run() = %+v, want a failure", got)
	}
	if got = newCluster().run(t.Context(), "import", "--strict", python); got.code != ExitOK || got.out == "" {
		t.Errorf("run() = %+v", got)
	}
	if got = newCluster().run(t.Context(), "import", filepath.Join(dir, "none")); got.code != ExitFailure || !strings.Contains(got.err, "no such file") {
		t.Errorf("run() = %+v, want a failure", got)
	}
}

// TestImportLegacy has what is imported of the older operator's manifests be taken.
func TestImportLegacy(t *testing.T) {
	for _, file := range legacyFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			result, err := importFile(t.Context(), file, nil)
			if err != nil {
				t.Fatal("importFile() =", err)
			}
			checkImported(t, result)
		})
	}
}

// TestImportRuns has the code of functions of func be found by the handler that is written for it.
func TestImportRuns(t *testing.T) {
	for runtime, tc := range map[string]struct{ program, file, want, code string }{
		"python": {"python3", "function/func.py", "python", "class Function:\n    async def handle(self, scope, receive, send):\n" +
			"        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n" +
			"        await send({'type': 'http.response.body', 'body': b'python'})\n\ndef new():\n    return Function()\n"},
		"node": {"node", "index.js", "POST Ada", "exports.handle = async (context, body) => context.method + ' ' + body.name;\n"},
		"go":   {"go", "handle.go", "POST", "package function\n\nimport \"net/http\"\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.Method)) }\n"},
	} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(tc.program); err != nil {
				t.Skipf("it needs %s: %v", tc.program, err)
			}
			dir := t.TempDir()
			write := func(name, text string) string {
				file := filepath.Join(dir, filepath.FromSlash(name))
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
				return file
			}
			write(tc.file, tc.code)
			if runtime == "go" {
				write("go.mod", "module function\n\ngo 1.24\n")
			}
			result := newCluster().run(t.Context(), "import", write("func.yaml", strings.Replace(funcGit, "runtime: go", "runtime: "+runtime, 1)))
			if got := callLocal(t, local.Options{Dir: dir, Manifest: write("function.yaml", result.out)}); result.code != ExitOK || got != tc.want {
				t.Errorf("it answers %q, want %q; %+v", got, tc.want, result)
			}
		})
	}
}

func legacyFiles(t testing.TB) []string {
	t.Helper()
	const folder = "../apis/lambda/v1alpha1/testdata/legacy"
	var files []string
	for _, pattern := range []string{"*.yaml", "agents/*.yaml"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("Glob() = %v, %v", found, err)
		}
		files = append(files, found...)
	}
	return files
}

// checkImported has what is written be read again, and be taken.
func checkImported(t *testing.T, result *imported) {
	t.Helper()
	for _, object := range result.objects {
		object := object.DeepCopyObject()
		object.(apis.Defaultable).SetDefaults(t.Context())
		if err := object.(apis.Validatable).Validate(t.Context()).Filter(apis.ErrorLevel); err != nil {
			t.Errorf("what was imported is refused: %v", err)
		}
	}
}

// FuzzImport looks for texts that stop the reader, or that it makes what would be refused of.
func FuzzImport(f *testing.F) {
	for _, file := range append(legacyFiles(f), filepath.Join("testdata", "func.yaml")) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{funcGit, legacyInline, "kind: List\nitems: [{kind: List, items: [a]}]", "specVersion: {}", "a: [", "---\n---", v1alpha1.SchemeGroupVersion.String()} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if result, err := importText(t.Context(), text, ""); err == nil {
			checkImported(t, result)
		}
	})
}
