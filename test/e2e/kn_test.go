//go:build e2e

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

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

// knVariable is the environment variable with the path of the program kn-lambda.
const knVariable = "KN_LAMBDA"

// printed is what a command has printed, and how it ended.
type printed struct {
	out, err string
	code     int
}

// kn runs a command in the namespace of the scenario, as a person would who has the tests' kubeconfig.
func (s *scenario) kn(args ...string) printed {
	s.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(interrupted, os.Getenv(knVariable), append(slices.Clone(args), "--namespace", s.namespace)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatalf("Failed to run kn lambda %q: %v", args, err)
	}
	return printed{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// wantKn runs a command that ends well and prints what is wanted, among other things.
func (s *scenario) wantKn(want string, args ...string) printed {
	s.Helper()
	p := s.kn(args...)
	if p.code != kn.ExitOK || !strings.Contains(p.out, want) {
		s.Errorf("kn lambda %s ends with %d; it prints\n%s\nand %s\nwant %q", strings.Join(args, " "), p.code, p.out, p.err, want)
	}
	return p
}

// wantWhy has kn lambda why tell of a fault: what the condition says, and what to do.
func (s *scenario) wantWhy(fn *v1alpha1.LambdaFunction, f fault) {
	s.Helper()
	p := s.kn("why", fn.Name, "--output", "json")
	if p.code != kn.ExitOK {
		s.Errorf("%s: why ends with %d: %s", fn.Name, p.code, p.err)
		return
	}
	var finding diagnosis.Finding
	s.decode(p.out, &finding)
	for _, problem := range finding.Problems {
		named := slices.ContainsFunc(problem.Chain, func(link diagnosis.Link) bool {
			return link.Reason == f.reason && strings.Contains(link.Message, f.message)
		})
		if named && len(problem.Remedies) > 0 {
			return
		}
	}
	s.Errorf("%s: why does not tell of %s %q and what to do:\n%s", fn.Name, f.reason, f.message, p.out)
}

// TestCommandLine has a function made, called, changed, looked at and deleted at the command line.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	folder := t.TempDir()
	code := filepath.Join(folder, "hello.py")
	s.write(code, "def handler(event):\n    print('heard')\n    return {'text': 'first', 'data': event}\n")

	created := s.wantKn("", "create", "hello", "--code-file", code)
	fn, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).Get(interrupted, "hello", metav1.GetOptions{})
	if err != nil || !fn.IsReady() {
		t.Fatalf("create has made a function that is not ready: %v %+v", err, fn)
	}
	if url := strings.TrimSpace(created.out); !strings.HasSuffix(url, fn.Status.URL.String()) {
		t.Errorf("create prints %q, want the URL %s", created.out, fn.Status.URL)
	}
	if again := s.kn("create", "hello", "--code-file", code); again.code != kn.ExitFailure || !strings.Contains(again.err, "hello") {
		t.Errorf("create of what is there: %+v", again)
	}
	s.wantKn("hello", "list")
	s.wantKn(fn.Status.URL.String(), "list", "--output", "url")
	s.wantKn("hello", "describe", "hello")
	for _, way := range [][]string{nil, {"--port-forward"}, {"--cloudevent", "--type", "com.example.greeted"}, {"--trace"}} {
		s.wantKn("first", append([]string{"invoke", "hello", "--data", `{"a": 1}`}, way...)...)
	}
	s.wantKn("heard", "logs", "hello")
	s.wantKn("", "logs", "hello", "--build")
	s.wantKn("is ready", "why", "hello")

	s.write(code, "def handler(event):\n    return 'second'\n")
	s.wantKn("", "update", "hello", "--code-file", code, "--env", "STAGE=dev")
	s.wantKn("second", "invoke", "hello")
	s.wantKn("", "rollback", "hello")
	s.wantKn("first", "invoke", "hello")
	s.wantKn("", "rollback", "hello", "--to", "@latest")
	s.wantKn("second", "invoke", "hello")
	s.wantKn("hello-00001   100%", "traffic", "hello", "@latest=0", "hello-00001=100")
	s.wantKn("first", "invoke", "hello")
	s.wantKn("", "traffic", "hello", "@latest=100")
	s.wantKn("", "build", "hello", "--force")
	s.wantKn("hello", "build", "list", "hello")
	s.wantKn("Created", "events", "hello")

	s.write(code, "def handler(event:\n")
	if broken := s.kn("apply", "hello", "--code-file", code); broken.code != kn.ExitNotReady || !strings.Contains(broken.err, "kn lambda why hello") {
		t.Errorf("apply of broken code: %+v", broken)
	}
	s.wantKn("hello", "delete", "hello")
	if gone := s.kn("describe", "hello"); gone.code != kn.ExitFailure || !strings.Contains(gone.err, "none of this name") {
		t.Errorf("describe of what is gone: %+v", gone)
	}
}

// TestDeploy has a folder deployed at the command line: along with the function, again after an edit, and pushed as an
// artifact once it has more than one file.
func TestDeploy(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	folder := filepath.Join(t.TempDir(), "hello")
	if err := os.Mkdir(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		file, text, says, answer string
		source                   v1alpha1.SourceType
	}{
		{"main.py", "def handler(event):\n    return 'first'\n", "Deployed function 'hello'", "first", v1alpha1.SourceTypeInline},
		{"main.py", "def handler(event):\n    return 'second'\n", "Changes: spec.source.inline.code.", "second", v1alpha1.SourceTypeInline},
		{"lib.py", "TEXT = 'third'\n", "lib.py is beside main.py", "second", v1alpha1.SourceTypeOCI},
		{"main.py", "import lib\n\ndef handler(event):\n    return lib.TEXT\n", "Changes: spec.source.oci.digest.", "third", v1alpha1.SourceTypeOCI},
	} {
		s.write(filepath.Join(folder, step.file), step.text)
		if p := s.wantKn("hello", "deploy", folder); !strings.Contains(p.err, step.says) {
			t.Errorf("deploy says %s, want %q", p.err, step.says)
		}
		s.wantKn(step.answer, "invoke", "hello")
		fn, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).Get(interrupted, "hello", metav1.GetOptions{})
		if err != nil || fn.Spec.Source.Type != step.source {
			t.Fatalf("deploy has made %+v, %v, want source %s", fn, err, step.source)
		}
	}
}

// write writes a file of the test's.
func (s *scenario) write(file, text string) {
	s.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}
