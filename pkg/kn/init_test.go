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
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/folder"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// TestInit holds each template against the API, has its own tests pass, and calls it as it is run on this machine.
func TestInit(t *testing.T) {
	for language, with := range map[string][]string{
		"python": {"python3", "-m", "unittest"}, "nodejs": {"node", "--test"}, "go": {"go", "test"},
	} {
		for template, want := range map[string]string{
			"http": `{"message":"Hello, Ada!"}`, "event": `{"id":"1","state":"accepted"}`, "cron": "",
		} {
			t.Run(language+" "+template, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "hello")
				if got := newCluster().run(t.Context(), "init", dir, "--language", language, "--template", template); got.code != ExitOK {
					t.Fatalf("run() = %+v", got)
				}
				checkScaffold(t, dir, language)
				if _, err := exec.LookPath(with[0]); err != nil {
					t.Skipf("it needs %s: %v", with[0], err)
				}
				cmd := exec.CommandContext(t.Context(), with[0], with[1:]...)
				cmd.Dir = dir
				if said, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v = %v\n%s", with, err, said)
				}
				if got := callLocal(t, local.Options{Dir: dir}); strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(want), "") {
					t.Errorf("it answers %q, want %q", got, want)
				}
			})
		}
	}
}

// checkScaffold looks whether the cluster would take the manifest, and the files that deploy sends along.
func checkScaffold(t *testing.T, dir, language string) {
	t.Helper()
	fn, err := local.ReadManifest(filepath.Join(dir, "function.yaml"), true)
	if err != nil {
		t.Fatal("ReadManifest() =", err)
	}
	if err := fn.Validate(t.Context()); err != nil || fn.Name != "hello" || string(fn.Spec.Runtime.Language) != language {
		t.Errorf("the manifest is of %s function %q, Validate() = %v", fn.Spec.Runtime.Language, fn.Name, err)
	}
	fn.SetDefaults(t.Context())
	in, why, err := folder.Inline(dir, &fn.Spec.Runtime, "")
	if err != nil || why != "" {
		t.Fatalf("Inline() = %q, %v, want all of it inline", why, err)
	}
	if _, err := source.NewInline(language, in.Code, "", in.Files); err != nil {
		t.Error("NewInline() =", err)
	}
}

// callLocal runs a function, and returns what it answers.
func callLocal(t *testing.T, o local.Options) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		o.Addr, o.Output = "127.0.0.1", out
		err := local.Run(ctx, o)
		out.CloseWithError(io.EOF)
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error("Run() =", err)
		}
	}()
	lines := bufio.NewScanner(log)
	serving := regexp.MustCompile(`serving .* at (http://\S+)`)
	for lines.Scan() {
		if url := serving.FindStringSubmatch(lines.Text()); url != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return post(t, url[1])
		}
	}
	t.Fatal("it does not serve:", lines.Err())
	return ""
}

// post sends what each of the templates understands.
func post(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"name": "Ada", "id": "1", "do": "report"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		t.Errorf("it answers %s", resp.Status)
	}
	return string(body)
}

func TestInitRefuses(t *testing.T) {
	taken := t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, "main.py"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(taken, "main.py")
	for name, tc := range map[string]struct {
		args []string
		code int
		err  string
	}{
		"no language":       {[]string{"init", taken}, ExitUsage, `--language "": say one of python, nodejs, go`},
		"unknown language":  {[]string{"init", taken, "-l", "cobol"}, ExitUsage, `--language "cobol"`},
		"unknown template":  {[]string{"init", taken, "-l", "go", "-t", "grpc"}, ExitUsage, `--template "grpc": say one of http, event, cron`},
		"no name":           {[]string{"init", filepath.Join(taken, "My_Function"), "-l", "go"}, ExitUsage, `"My_Function" is no name of a function, give another with --name`},
		"a file is there":   {[]string{"init", taken, "-l", "python", "--name", "hello"}, ExitFailure, file + " is there already\nTry:   another folder, or --force"},
		"the folder is one": {[]string{"init", file, "-l", "go", "--name", "hello"}, ExitFailure, "failed to look for"},
		"two folders":       {[]string{"init", "a", "b"}, ExitUsage, "accepts at most 1 arg(s)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newCluster().run(t.Context(), tc.args...); got.code != tc.code || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.err)
			}
		})
	}
	if names, err := os.ReadDir(taken); err != nil || len(names) != 1 {
		t.Errorf("something was written in spite of the refusals: %v, %v", names, err)
	}
}

func TestInitForce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := newCluster().run(t.Context(), "init", dir, "-l", "go", "--name", "orders", "--git", "https://github.com/acme/orders", "--force")
	if got.code != ExitOK || !strings.Contains(got.out, "kn lambda deploy "+dir) {
		t.Errorf("run() = %+v", got)
	}
	fn, err := local.ReadManifest(filepath.Join(dir, "function.yaml"), true)
	if err != nil || fn.Name != "orders" || fn.Spec.Source.Git.URL != "https://github.com/acme/orders" {
		t.Errorf("the manifest is %+v, %v", fn, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "main.go")); err != nil || string(text) == "mine" {
		t.Errorf("main.go is %q, %v", text, err)
	}
}
