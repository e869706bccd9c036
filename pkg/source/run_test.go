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

package source

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	data, err := helloPlan().Encode()
	if err != nil {
		t.Fatal("Encode() =", err)
	}
	writeFile(t, filepath.Join(dir, "plan.json"), string(data))

	var o Options
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse([]string{
		"--plan=" + filepath.Join(dir, "plan.json"),
		"--output=" + filepath.Join(dir, "context"),
		"--image-url=registry.example.com/default/hello",
		"--image-url-file=" + filepath.Join(dir, "IMAGE_URL"),
		"--revision-file=" + filepath.Join(dir, "SOURCE_REVISION"),
		"--content-hash-file=" + filepath.Join(dir, "CONTENT_HASH"),
		"--failure-file=" + filepath.Join(dir, "FAILURE"),
		"--copy-program=" + filepath.Join(dir, "program"),
	}); err != nil {
		t.Fatal("Parse() =", err)
	}

	var stderr bytes.Buffer
	if code := Run(t.Context(), o, &stderr); code != ExitOK || stderr.Len() > 0 {
		t.Fatalf("Run() = %d, and says %q", code, &stderr)
	}
	files := readTree(t, filepath.Join(dir, "context"))
	for file, want := range map[string]string{
		"IMAGE_URL":       "registry.example.com/default/hello",
		"SOURCE_REVISION": hashOf(files, "function"),
		"CONTENT_HASH":    hashOf(files, "."),
	} {
		if got := readFile(t, filepath.Join(dir, file)); got != want {
			t.Errorf("%s = %q, want %q", file, got, want)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal("Executable() =", err)
	}
	if readFile(t, filepath.Join(dir, "program")) != readFile(t, program) {
		t.Error("the copy of the program is another one")
	}
	if info, err := os.Stat(filepath.Join(dir, "program")); err != nil || info.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("the copy of the program cannot be run: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "FAILURE")); err == nil {
		t.Error("there is a failure though nothing failed")
	}
}

func TestRunFails(t *testing.T) {
	good, err := helloPlan().Encode()
	if err != nil {
		t.Fatal("Encode() =", err)
	}
	for name, test := range map[string]struct {
		plan   string
		change func(dir string, o *Options)
		code   int
		reason Reason
		want   string
	}{
		"not a plan": {plan: "{", code: ExitRefused, reason: ReasonInvalidPlan, want: "failed to read plan"},
		"path": {
			plan: strings.Replace(string(good), "main.py", "../main.py", 1),
			code: ExitRefused, reason: ReasonInvalidPath, want: `source.inline.files["../main.py"]`,
		},
		"limits": {
			plan: string(good), change: func(_ string, o *Options) { o.Limits.Bytes = 1 },
			code: ExitRefused, reason: ReasonSourceTooLarge, want: "more than 1 bytes",
		},
		"no plan": {
			plan: string(good), change: func(_ string, o *Options) { o.PlanFile += "x" },
			code: ExitFailed, reason: ReasonInternal, want: "failed to read plan",
		},
		"no folder for a result": {
			plan: string(good), change: func(dir string, o *Options) { o.RevisionFile = filepath.Join(dir, "a", "b") },
			code: ExitFailed, reason: ReasonInternal, want: "failed to write result",
		},
		"preparation": {
			plan: "{", change: func(_ string, o *Options) {
				o.Prepare = func() error { return Failf(ReasonSecretInvalid, "the Secret is of no use") }
			},
			code: ExitRefused, reason: ReasonSecretInvalid, want: "of no use",
		},
		"no folder for the program": {
			plan: string(good), change: func(dir string, o *Options) { o.ProgramFile = filepath.Join(dir, "a", "b") },
			code: ExitFailed, reason: ReasonInternal, want: "failed to copy program",
		},
		"output is a file": {
			plan: string(good), change: func(_ string, o *Options) { o.OutputDir = o.PlanFile },
			code: ExitFailed, reason: ReasonInternal, want: "failed to make folder",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{
				PlanFile:    filepath.Join(dir, "plan.json"),
				OutputDir:   filepath.Join(dir, "context"),
				FailureFile: filepath.Join(dir, "FAILURE"),
				Limits:      DefaultLimits,
			}
			writeFile(t, o.PlanFile, test.plan)
			if test.change != nil {
				test.change(dir, &o)
			}
			var stderr bytes.Buffer
			if code := Run(t.Context(), o, &stderr); code != test.code {
				t.Errorf("Run() = %d, want %d", code, test.code)
			}
			if diff := cmp.Diff(readFile(t, o.FailureFile)+"\n", stderr.String()); diff != "" {
				t.Errorf("stderr (-want, +got) =\n%s", diff)
			}
			wantReport(t, stderr.Bytes(), test.reason, test.want)
		})
	}
}

func wantReport(t *testing.T, line []byte, reason Reason, message string) {
	t.Helper()
	var failure Failure
	if err := json.Unmarshal(line, &failure); err != nil {
		t.Fatal("failed to read failure:", err)
	}
	if failure.Reason != reason || !strings.Contains(failure.Message, message) {
		t.Errorf("failure = %+v, want %s: %s", failure, reason, message)
	}
}

func TestRunUsage(t *testing.T) {
	for name, o := range map[string]Options{
		"no plan":   {OutputDir: "context"},
		"no output": {PlanFile: "plan.json"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := Run(t.Context(), o, &stderr); code != ExitUsage || stderr.Len() == 0 {
				t.Errorf("Run() = %d, and says %q", code, &stderr)
			}
		})
	}
}

func TestRunWithoutFailureFile(t *testing.T) {
	var stderr bytes.Buffer
	missing := filepath.Join(t.TempDir(), "missing", "file")
	o := Options{PlanFile: missing, OutputDir: missing, FailureFile: missing}
	if code := Run(t.Context(), o, &stderr); code != ExitFailed {
		t.Errorf("Run() = %d, want %d", code, ExitFailed)
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "failed to write result") || !strings.Contains(lines[1], `"reason":"InternalError"`) {
		t.Errorf("stderr = %q", lines)
	}
}

func TestShorten(t *testing.T) {
	got := shorten(strings.Repeat("é", maxFailureLength))
	if len(got) > maxFailureLength+len("...") || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
		t.Errorf("shorten() = %q", got)
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal("failed to write file:", err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal("failed to read file:", err)
	}
	return string(content)
}
