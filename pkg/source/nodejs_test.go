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
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNormalizePackage(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"empty":     {"", ""},
		"blank":     {" \n", ""},
		"no names":  {"{}", ""},
		"names":     {`{"b": " ^1.2 ", "a": "", "@scope/c": ">=1 <3"}`, `{"dependencies": {"@scope/c": ">=1 <3", "a": "*", "b": "^1.2"}}`},
		"addresses": {`{"a": "npm:b@1", "c": "git+https://example.com/c.git", "d": "owner/d", "e": "https://example.com/e.tgz"}`, `{"dependencies": {"a": "npm:b@1", "c": "git+https://example.com/c.git", "d": "owner/d", "e": "https://example.com/e.tgz"}}`},
		"package called type": {
			`{"type": "^2.7.3"}`, `{"dependencies": {"type": "^2.7.3"}}`,
		},
		"package.json": {
			`{"name": "fn", "version": "1.0.0", "type": "module", "scripts": {"test": "x"}, "dependencies": {"a": "1"}, "devDependencies": {"b": "1"}}`,
			`{"dependencies": {"a": "1"}}`,
		},
		"package.json, all": {
			`{"dependencies": {"a": "1"}, "optionalDependencies": {"b": "2"}, "peerDependencies": {"c": "3"}, "overrides": {"d": {"e": "4"}}}`,
			`{"dependencies": {"a": "1"}, "optionalDependencies": {"b": "2"}, "peerDependencies": {"c": "3"}, "overrides": {"d": {"e": "4"}}}`,
		},
		"package.json without dependencies": {`{"name": "fn", "version": "1.0.0"}`, ""},
		"package.json of a module":          {`{"type": "module"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NormalizeDependencies("nodejs", test.in)
			if err != nil {
				t.Fatal("NormalizeDependencies() =", err)
			}
			if diff := cmp.Diff(compact(t, test.want), compact(t, got)); diff != "" {
				t.Errorf("NormalizeDependencies() (-want, +got) =\n%s", diff)
			}
		})
	}
}

// compact returns JSON in one form, and no text as it is.
func compact(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("failed to parse %q: %v", text, err)
	}
	return value
}

func TestNormalizePackageRefuses(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"binary":           {"\xff", "UTF-8"},
		"half an object":   {"{", "is neither a package.json nor"},
		"requirements.txt": {"requests==2.32.3", "is neither a package.json nor"},
		"numbers":          {`{"a": 1}`, "is neither a package.json nor"},
		"duplicate":        {`{"a": "1", "a": "2"}`, `duplicate field "a"`},
		"name, path":       {`{"../a": "1"}`, `dependencies: "../a" is not the name of a package`},
		"name, option":     {`{"--registry=https://a": "1"}`, "is not the name of a package"},
		"version, lines":   {`{"a": "1\n2"}`, "is not a version"},
		"version, file":    {`{"a": "file:../lib"}`, `"file:../lib" is a folder`},
		"version, folder":  {`{"a": "./lib"}`, `"./lib" is a folder`},
		"version, root":    {`{"dependencies": {"a": "/etc"}}`, `"/etc" is a folder`},
		"version, home":    {`{"dependencies": {"a": "~/lib"}}`, `"~/lib" is a folder`},
		"workspaces":       {`{"name": "a", "workspaces": ["b"]}`, "workspaces: are not supported"},
		"dependencies":     {`{"dependencies": ["a"]}`, "is not a package.json"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NormalizeDependencies("nodejs", test.in)
			wantFailure(t, err, ReasonInvalidDependencies, test.want)
		})
	}
}

func FuzzNormalizePackage(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"a": "1"}`, `{"name": "fn", "dependencies": {"a": "^1"}}`, `{"type": "module"}`, `{"dependencies": {"a": ""}, "overrides": {"b": {"c": 1.50}}}`,
		`{"a": "\u2028<&>"}`, "[]", "null", `{"dependencies": null}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, err := NormalizeDependencies("nodejs", text)
		if err != nil {
			if ReasonOf(err) != ReasonInvalidDependencies {
				t.Errorf("reason of %v = %s", err, ReasonOf(err))
			}
			return
		}
		again, err := NormalizeDependencies("nodejs", normal)
		if err != nil || again != normal {
			t.Errorf("%q is normal, and becomes %q, %v", normal, again, err)
		}
	})
}

func TestWriteContextOfNode(t *testing.T) {
	const lock = "{\"lockfileVersion\": 3}\n"
	for name, test := range map[string]struct {
		dependencies string
		files        map[string]string
		want         map[string]string
		command      string
	}{
		"nothing":                    {},
		"a module":                   {files: map[string]string{"package.json": `{"type": "module"}`}},
		"lock file of nothing":       {files: map[string]string{"package-lock.json": lock}},
		"dependencies":               {dependencies: `{"a": "1"}`, command: `"install"`},
		"dependencies and lock file": {dependencies: `{"a": "1"}`, files: map[string]string{"package-lock.json": lock}, command: `"ci"`, want: map[string]string{"package-lock.json": lock}},
		"files": {
			files:   map[string]string{"package.json": `{"type": "module", "dependencies": {"a": "1"}}`, "package-lock.json": lock, ".npmrc": "x=y\n"},
			want:    map[string]string{"package-lock.json": lock, ".npmrc": "x=y\n"},
			command: `"ci"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inline, err := NewInline("nodejs", "exports.handler = () => 1", test.dependencies, test.files)
			if err != nil {
				t.Fatal("NewInline() =", err)
			}
			dir := t.TempDir()
			plan := nodePlan(func(p *Plan) { p.Source.Inline = inline })
			if _, err := WriteContext(t.Context(), plan, dir, DefaultLimits); err != nil {
				t.Fatal("WriteContext() =", err)
			}
			files := readTree(t, dir)
			if got := strings.Contains(files["Dockerfile"], test.command) && strings.Contains(files["Dockerfile"], "RUN"); got != (test.command != "") {
				t.Errorf("Dockerfile does not run npm with %s:\n%s", test.command, files["Dockerfile"])
			}
			want := test.want
			if test.command != "" {
				want = map[string]string{"package.json": "{\n  \"dependencies\": {\n    \"a\": \"1\"\n  }\n}\n"}
				for file, text := range test.want {
					want[file] = text
				}
			}
			for _, file := range []string{"package.json", "package-lock.json", ".npmrc"} {
				if diff := cmp.Diff(want[file], files[file]); diff != "" {
					t.Errorf("%s (-want, +got) =\n%s", file, diff)
				}
			}
			for file, text := range test.files {
				if diff := cmp.Diff(text, files["function/"+file]); diff != "" {
					t.Errorf("function/%s (-want, +got) =\n%s", file, diff)
				}
			}
			if _, ok := files["worker/lib/main.js"]; !ok {
				t.Error("there is no worker")
			}
		})
	}
}
