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

package plugin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn"
)

// knPlugin is Plugin of knative.dev/client/pkg/plugin.
type knPlugin interface {
	Name() string
	Execute(args []string) error
	Description() (string, error)
	CommandParts() []string
	Path() string
}

func TestPlugin(t *testing.T) {
	var p knPlugin = Plugin{}
	description, err := p.Description()
	if err != nil {
		t.Error("Description() =", err)
	}
	got := []string{p.Name(), description, strings.Join(p.CommandParts(), " "), p.Path()}
	if diff := cmp.Diff([]string{"kn-lambda", "Write, run and manage functions", "lambda", ""}, got); diff != "" {
		t.Error("name, description, parts and path are others (-want, +got):", diff)
	}
}

func TestExecute(t *testing.T) {
	for verb, tc := range map[string]struct {
		code     int
		out, err string
	}{
		"version": {kn.ExitOK, "kn lambda ", ""},
		"walk":    {kn.ExitUsage, "", "unknown command \"walk\" for \"kn lambda\"\nTry:   kn lambda --help\n"},
	} {
		out, errOut := redirect(t, &os.Stdout), redirect(t, &os.Stderr)
		code := kn.ExitOK
		if err := (Plugin{}).Execute([]string{verb}); err != nil {
			var exit *ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("Execute(%q) = %v, want an *ExitError", verb, err)
			}
			code = exit.Code
			if want := "exit status 2"; err.Error() != want {
				t.Errorf("Execute(%q) = %v, want %s", verb, err, want)
			}
		}
		if code != tc.code || !strings.Contains(out(), tc.out) || !strings.Contains(errOut(), tc.err) {
			t.Errorf("Execute(%q) ends with %d, prints %q and %q, want %d, %q and %q", verb, code, out(), errOut(), tc.code, tc.out, tc.err)
		}
	}
}

// redirect has a stream of the process written to a file until the test ends, and returns what reads it.
func redirect(t *testing.T, stream **os.File) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stream")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	before := *stream
	*stream = file
	t.Cleanup(func() {
		*stream = before
		file.Close()
	})
	return func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}
