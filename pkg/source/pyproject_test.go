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
	"context"
	"path/filepath"
	"strings"
	"testing"
)

func TestRequirementsFromProject(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", ""},
		"settings only":   {"[tool.ruff]\nline-length = 120\n", ""},
		"no dependencies": {"[project]\nname = \"fn\"\nversion = \"1\"\n", ""},
		"none listed":     {"[project]\ndependencies = []\n", ""},
		"in order": {
			"[build-system]\nrequires = [\"hatchling\"]\n[project]\nname = \"fn\"\ndependencies = [\n  \"requests>=2,<3\", # why\n  \" six \",\n]\n",
			"requests>=2,<3\nsix\n",
		},
		"extras, markers and addresses": {
			"[project]\ndependencies = ['httpx[http2]~=0.27', 'tomli; python_version < \"3.11\"', 'lib @ https://example.com/lib.zip', 'a-b.c_d (>=1)']\n",
			"httpx[http2]~=0.27\ntomli; python_version < \"3.11\"\nlib @ https://example.com/lib.zip\na-b.c_d (>=1)\n",
		},
		"other things dynamic":    {"[project]\ndynamic = [\"version\"]\ndependencies = [\"six\"]\n", "six\n"},
		"poetry beside a project": {"[project]\ndependencies = [\"six\"]\n[tool.poetry.dependencies]\npython = \"^3.13\"\n", "six\n"},
		"poetry for a package":    {"[tool.poetry]\npackages = []\n", ""},
		"optional ones":           {"[project]\n[project.optional-dependencies]\ntest = [\"pytest\"]\n[dependency-groups]\ndev = [\"ruff\"]\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := requirementsFromProject(test.text)
			if err != nil || got != test.want {
				t.Errorf("requirementsFromProject() = %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestRequirementsFromProjectRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no TOML":         {"[project\n", "is not a pyproject.toml: "},
		"twice":           {"[project]\n[project]\n", "is not a pyproject.toml: "},
		"no text":         {"[project]\nname = \"\xff\"\n", "is not UTF-8 text"},
		"no list":         {"[project]\ndependencies = \"six\"\n", "is not a pyproject.toml: "},
		"no strings":      {"[project]\ndependencies = [1]\n", "is not a pyproject.toml: "},
		"dynamic":         {"[project]\nname = \"fn\"\ndynamic = [\"version\", \"dependencies\"]\n", "project.dynamic: has dependencies, which only the project's own build could tell: list them in"},
		"poetry":          {"[tool.poetry.dependencies]\npython = \"^3.13\"\nsix = \"*\"\n", "tool.poetry.dependencies: is in the form of one tool: write [project] with dependencies, or a requirements.txt beside it"},
		"poetry and name": {"[project]\nname = \"fn\"\n[tool.poetry.dependencies]\nsix = \"*\"\n", "tool.poetry.dependencies: "},
		"pdm":             {"[tool.pdm]\ndependencies = [\"six\"]\n", "tool.pdm.dependencies: "},
		"flit":            {"[tool.flit.metadata]\nrequires = [\"six\"]\n", "tool.flit.metadata: "},
		"option":          {"[project]\ndependencies = [\"six\", \"--index-url=http://evil\"]\n", "project.dependencies[1]: \"--index-url=http://evil\" does not begin with the name of a package"},
		"option behind":   {"[project]\ndependencies = [\"six --global-option=x\"]\n", "is a line of a requirements.txt, not a dependency"},
		"file of options": {"[project]\ndependencies = [\"-r other.txt\"]\n", "does not begin with the name of a package"},
		"two lines":       {"[project]\ndependencies = [\"six\\n-r other.txt\"]\n", "has more than one line"},
		"line that goes on": {`[project]
dependencies = ['six \']
`, "is a line of a requirements.txt"},
		"comment":  {"[project]\ndependencies = [\"six # why\"]\n", "is a line of a requirements.txt"},
		"variable": {"[project]\ndependencies = [\"six @ https://${TOKEN}@example.com/\"]\n", "is a line of a requirements.txt"},
		"folder":   {"[project]\ndependencies = [\"./lib\"]\n", "does not begin with the name of a package"},
		"path":     {"[project]\ndependencies = [\"lib/a\"]\n", "is a path or an address: write \"name @ https://...\""},
		"address":  {"[project]\ndependencies = [\"https://example.com/lib.zip\"]\n", "is a path or an address"},
		"file":     {"[project]\ndependencies = [\"lib @ file:///etc\"]\n", "is a folder or file of its own"},
		"nothing":  {"[project]\ndependencies = [\"\"]\n", "does not begin with the name of a package"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := requirementsFromProject(test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("requirementsFromProject() = %q, %v, want %q in it", got, err, test.want)
			}
		})
	}
}

// TestProjectInContext holds that the layer of dependencies comes from the project where there is no requirements.txt, of
// code in the plan and of code from elsewhere.
func TestProjectInContext(t *testing.T) {
	const project = "[project]\ndependencies = [\"six==1.17.0\"]\n"
	for name, test := range map[string]struct {
		files        map[string]string
		dependencies string
		want         string
	}{
		"project":              {map[string]string{"main.py": "", "pyproject.toml": project}, "", "six==1.17.0\n"},
		"both":                 {map[string]string{"main.py": "", "pyproject.toml": project, "requirements.txt": "flask\n"}, "", "flask\n"},
		"requirements without": {map[string]string{"main.py": "", "pyproject.toml": project, "requirements.txt": "# none\n"}, "", ""},
		"dependencies":         {map[string]string{"main.py": "", "pyproject.toml": project}, "django\n", "django\n"},
		"settings":             {map[string]string{"main.py": "", "pyproject.toml": "[tool.ruff]\n"}, "", ""},
	} {
		check := func(t *testing.T, dir string, err error) {
			t.Helper()
			if err != nil {
				t.Fatal("FetchContext() =", err)
			}
			files := readTree(t, dir)
			if files["requirements.txt"] != test.want || strings.Contains(files["Dockerfile"], "pip") != (test.want != "") {
				t.Errorf("requirements.txt = %q, want %q; Dockerfile =\n%s", files["requirements.txt"], test.want, files["Dockerfile"])
			}
		}
		t.Run(name+" inline", func(t *testing.T) {
			plan := helloPlan(func(p *Plan) { p.Source.Inline = &Inline{Files: test.files, Dependencies: test.dependencies} })
			dir := filepath.Join(t.TempDir(), "context")
			_, err := WriteContext(t.Context(), plan, dir, DefaultLimits)
			check(t, dir, err)
			if plan.InstallsDependencies() != (test.want != "") {
				t.Errorf("InstallsDependencies() = %t", plan.InstallsDependencies())
			}
		})
		if test.dependencies != "" {
			continue
		}
		t.Run(name+" fetched", func(t *testing.T) {
			plan := helloPlan(func(p *Plan) { p.Source = Source{Git: &Git{URL: "https://git.example.com/a/b", Ref: "main"}} })
			dir := filepath.Join(t.TempDir(), "context")
			_, err := FetchContext(t.Context(), plan, dir, DefaultLimits, func(ctx context.Context, _ *Plan, f *Files) (string, error) {
				for file, text := range test.files {
					if err := f.Add(ctx, file, strings.NewReader(text), false); err != nil {
						return "", err
					}
				}
				return "1", nil
			})
			check(t, dir, err)
		})
	}
	plan := helloPlan(func(p *Plan) {
		p.Source.Inline = &Inline{Files: map[string]string{"main.py": "", "pyproject.toml": "[project]\ndynamic = [\"dependencies\"]\n"}}
	})
	_, err := WriteContext(t.Context(), plan, t.TempDir(), DefaultLimits)
	wantFailure(t, err, ReasonInvalidDependencies, "pyproject.toml: project.dynamic: has dependencies")
}

func FuzzRequirementsFromProject(f *testing.F) {
	for _, seed := range []string{
		"[project]\ndependencies = [\"six\", 'a[b]>=1,<2; python_version < \"3\"']\n", "[project]\ndynamic = ['dependencies']", "[tool.poetry.dependencies]\na = \"*\"",
		"project.dependencies = ['a\\\\']", "[project]\ndependencies = [\"\"\"a\n-r b\"\"\"]", "[[project]]", "tool = 1", "project = {dependencies = ['a @ https://b#c']}",
		"[project]\ndependencies = [\"a\\u2028b\"]", "a = 1979-05-27T07:32:00Z\nb = 0x\nc = inf",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		requirements, err := requirementsFromProject(text)
		if err != nil {
			return
		}
		// What comes out is read as what it is: the same lines, each of them a package.
		normal, err := normalizeRequirements(requirements)
		if err != nil || normal != requirements {
			t.Errorf("%q becomes %q, %v", requirements, normal, err)
		}
		for line := range strings.Lines(requirements) {
			if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
				t.Errorf("%q has the line %q", requirements, line)
			}
		}
	})
}
