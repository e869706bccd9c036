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

package folder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// write writes files, by their paths, into a folder of its own. Text that begins with -> is a link.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLanguageOf(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  v1alpha1.Language
		err   string
	}{
		"python":      {map[string]string{"orders.py": ""}, "python", ""},
		"its list":    {map[string]string{"pyproject.toml": ""}, "python", ""},
		"nodejs":      {map[string]string{"index.ts": ""}, "nodejs", ""},
		"go":          {map[string]string{"go.mod": "", "lib/a.py": ""}, "go", ""},
		"nothing":     {nil, "", "there is no code in"},
		"only folder": {map[string]string{"lib/a.py": ""}, "", "there is no code in"},
		"two":         {map[string]string{"main.py": "", "package.json": ""}, "", "the code may be nodejs (package.json) or python (main.py): say which with --language"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := LanguageOf(write(t, tc.files))
			if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("LanguageOf() = %q, %v, want %q, %q", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestInline(t *testing.T) {
	const code = "code\n"
	for name, tc := range map[string]struct {
		language v1alpha1.Language
		handler  string
		files    map[string]string
		want     *v1alpha1.InlineSource
		why      string
	}{
		"python": {"python", "main.handler", map[string]string{"main.py": code}, &v1alpha1.InlineSource{Code: code}, ""},
		"with what is no code": {"python", "main.handler", map[string]string{
			"main.py": code + "# function.yaml\n", "function.yaml": "x", "prod.yaml": "x", "README.md": "x", "LICENSE": "x", ".env": "x", ".git/config": "x", "test_main.py": "x", "main_test.py": "x", "conftest.py": "x",
			"tests/a.py": "x", "__pycache__/main.pyc": "x", "venv/pyvenv.cfg": "x", "venv/bin/python": "->/usr/bin/python3", "node_modules/a.js": "x",
		}, &v1alpha1.InlineSource{Code: code + "# function.yaml\n"}, ""},
		"with dependencies": {"python", "handler", map[string]string{"main.py": code, "requirements.txt": "a\n"}, &v1alpha1.InlineSource{Code: code, Files: map[string]string{"requirements.txt": "a\n"}}, ""},
		"with a project":    {"python", "main.handler", map[string]string{"main.py": code, "pyproject.toml": "a\n"}, &v1alpha1.InlineSource{Code: code, Files: map[string]string{"pyproject.toml": "a\n"}}, ""},
		"another module":    {"python", "orders.total", map[string]string{"orders.py": code}, &v1alpha1.InlineSource{Files: map[string]string{"orders.py": code}}, ""},
		"another beside":    {"python", "orders.total", map[string]string{"orders.py": code, "main.py": code}, nil, "main.py is beside orders.py"},
		"a package":         {"python", "orders.total", map[string]string{"orders/__init__.py": code}, nil, "orders/__init__.py is in a folder of its own"},
		"a module below":    {"python", "shop.orders.total", map[string]string{"shop/orders.py": code}, nil, "shop/orders.py is in a folder of its own"},
		"a folder beside":   {"python", "main.handler", map[string]string{"main.py": code, "lib/a.py": ""}, nil, "lib is beside main.py"},
		"data beside":       {"python", "main.handler", map[string]string{"main.py": code, "words.txt": ""}, nil, "words.txt is beside main.py"},
		"imports a test":    {"python", "main.handler", map[string]string{"main.py": "import test_main\n", "test_main.py": ""}, nil, "main.py names test_main.py"},
		"imports of tests":  {"python", "main.handler", map[string]string{"main.py": "from tests.a import b\n", "tests/a.py": ""}, nil, "main.py names tests"},
		"reads what is hidden": {
			"python", "main.handler", map[string]string{"main.py": "open('.env')\n", ".env": ""}, nil, "main.py names .env",
		},
		"has a licence": {
			"python", "main.handler",
			map[string]string{"main.py": "# http://www.apache.org/licenses/LICENSE-2.0\n", "LICENSE": ""},
			&v1alpha1.InlineSource{Code: "# http://www.apache.org/licenses/LICENSE-2.0\n"}, "",
		},
		"no text":         {"python", "main.handler", map[string]string{"main.py": "\xff"}, nil, "main.py is not UTF-8 text"},
		"a link":          {"python", "main.handler", map[string]string{"main.py": "->.b.py", ".b.py": ""}, nil, "main.py is not a file of its own"},
		"all that goes":   {"python", "main.handler", map[string]string{"main.py": strings.Repeat("a", v1alpha1.MaxInlineBytes-7)}, &v1alpha1.InlineSource{Code: strings.Repeat("a", v1alpha1.MaxInlineBytes-7)}, ""},
		"more than goes":  {"python", "main.handler", map[string]string{"main.py": strings.Repeat("a", v1alpha1.MaxInlineBytes-6)}, nil, "it has more than the 524288 bytes"},
		"nodejs":          {"nodejs", "index.handler", map[string]string{"index.js": code, "index.test.js": "", "a.spec.mjs": ""}, &v1alpha1.InlineSource{Code: code}, ""},
		"a module of ES":  {"nodejs", "index.handler", map[string]string{"index.mjs": code}, &v1alpha1.InlineSource{Files: map[string]string{"index.mjs": code}}, ""},
		"locked packages": {"nodejs", "index.handler", map[string]string{"index.js": code, "package.json": "{}", "package-lock.json": "{}"}, &v1alpha1.InlineSource{Code: code, Files: map[string]string{"package.json": "{}", "package-lock.json": "{}"}}, ""},
		"what npm goes by": {
			"nodejs", "index.handler", map[string]string{"index.js": code, ".npmrc": ""}, nil, ".npmrc is beside index.js",
		},
		"the main of a package": {"nodejs", "index.handler", map[string]string{"a.js": code, "package.json": `{"main": "./a"}`}, &v1alpha1.InlineSource{Files: map[string]string{"a.js": code, "package.json": `{"main": "./a"}`}}, ""},
		"the index of a folder": {"nodejs", "orders.total", map[string]string{"orders/index.js": code}, nil, "orders/index.js is in a folder of its own"},
		"go":                    {"go", "main.Handler", map[string]string{"main.go": code, "main_test.go": "", "testdata/a": ""}, &v1alpha1.InlineSource{Code: code}, ""},
		"a file of any name":    {"go", "main.Handler", map[string]string{"fn.go": code, "go.mod": "a", "go.sum": "b"}, &v1alpha1.InlineSource{Files: map[string]string{"fn.go": code, "go.mod": "a", "go.sum": "b"}}, ""},
		"the package by name":   {"go", "orders.Total", map[string]string{"fn.go": code}, &v1alpha1.InlineSource{Files: map[string]string{"fn.go": code}}, ""},
		"two files":             {"go", "main.Handler", map[string]string{"a.go": code, "b.go": code}, nil, "b.go is beside a.go"},
		"a package below":       {"go", "orders.Total", map[string]string{"orders/a.go": code, "orders/a_test.go": code}, nil, "orders/a.go is in a folder of its own"},
		"embedded":              {"go", "main.Handler", map[string]string{"main.go": "//go:embed *.md\n", "a.md": ""}, nil, "main.go embeds files"},
	} {
		t.Run(name, func(t *testing.T) {
			got, why, err := Inline(write(t, tc.files), &v1alpha1.RuntimeSpec{Language: tc.language, Handler: tc.handler}, "deploy/prod.yaml")
			if err != nil || !strings.Contains(why, tc.why) || (why == "") != (tc.why == "") {
				t.Errorf("Inline() = %q, %v, want %q", why, err, tc.why)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("it is another (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestInlineRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		language v1alpha1.Language
		handler  string
		files    map[string]string
		want     string
	}{
		"unknown language":    {"cobol", "main.handler", nil, `language "cobol" is none of`},
		"no file":             {"python", "main.handler", map[string]string{"hello.py": ""}, `handler "main.handler"`},
		"what there is not":   {"python", "main.handler", map[string]string{"hello.py": ""}, "there is no file main.py: name what is called with --handler"},
		"any of these":        {"nodejs", "index.handler", map[string]string{"package.json": "{"}, "there is no file index.js, index.mjs"},
		"main of no file":     {"nodejs", "index.handler", map[string]string{"package.json": `{"main": "../a.js"}`}, "there is no file"},
		"folder of that name": {"python", "main.handler", map[string]string{"main.py/a": ""}, "there is no file"},
		"link out":            {"python", "main.handler", map[string]string{"main.py": "->../main.py"}, "there is no file"},
		"only tests":          {"go", "main.Handler", map[string]string{"main_test.go": "", "go.mod": ""}, "there is no file main.go"},
		"no handler":          {"go", "[.Handler", nil, "syntax error in pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Inline(write(t, tc.files), &v1alpha1.RuntimeSpec{Language: tc.language, Handler: tc.handler}, "")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Inline() = %v, want %q", err, tc.want)
			}
		})
	}
	for name, dir := range map[string]string{"no folder": "none", "a file": "folder_test.go"} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Inline(dir, &v1alpha1.RuntimeSpec{Language: "go", Handler: "main.Handler"}, ""); err == nil || !strings.Contains(err.Error(), "failed to find folder") {
				t.Errorf("Inline() = %v", err)
			}
		})
	}
}
