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
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// pyproject is what of a pyproject.toml says what to install. All else of it is for those who publish a package.
type pyproject struct {
	Project *struct {
		Dependencies []string `toml:"dependencies"`
		Dynamic      []string `toml:"dynamic"`
	} `toml:"project"`
	Tool map[string]any `toml:"tool"`
}

// ownTables are the tools that list dependencies in a form of their own, and what of them does.
var ownTables = map[string]string{"poetry": "dependencies", "pdm": "dependencies", "flit": "metadata"}

// requirementsFromProject returns the dependencies of a pyproject.toml as the text of a requirements.txt, in their order,
// "" where it has none.
func requirementsFromProject(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("is not UTF-8 text")
	}
	var p pyproject
	if err := toml.Unmarshal([]byte(text), &p); err != nil {
		return "", fmt.Errorf("is not a pyproject.toml: %w", err)
	}
	if p.Project == nil || p.Project.Dependencies == nil {
		for _, tool := range []string{"poetry", "pdm", "flit"} {
			if table, ok := p.Tool[tool].(map[string]any); ok && table[ownTables[tool]] != nil {
				return "", fmt.Errorf("tool.%s.%s: is in the form of one tool: write [project] with dependencies, or a requirements.txt beside it", tool, ownTables[tool])
			}
		}
	}
	if p.Project == nil {
		return "", nil
	}
	if slices.Contains(p.Project.Dynamic, "dependencies") {
		return "", errors.New("project.dynamic: has dependencies, which only the project's own build could tell: list them in project.dependencies, or in a requirements.txt beside it")
	}
	var b strings.Builder
	for i, dependency := range p.Project.Dependencies {
		dependency = strings.TrimSpace(dependency)
		if err := checkProjectDependency(dependency); err != nil {
			return "", fmt.Errorf("project.dependencies[%d]: %w", i, err)
		}
		b.WriteString(dependency + "\n")
	}
	return b.String(), nil
}

// checkProjectDependency refuses what pip would read as something else in a requirements.txt: options, paths, comments,
// variables and lines that go on.
func checkProjectDependency(dependency string) error {
	first := strings.IndexFunc(dependency, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
	name := dependency
	if first >= 0 {
		name = dependency[:first]
	}
	switch {
	case !requirementName.MatchString(name):
		return fmt.Errorf("%q does not begin with the name of a package", dependency)
	case strings.ContainsFunc(dependency, unicode.IsControl):
		return fmt.Errorf("%q has more than one line", dependency)
	case strings.ContainsAny(dependency, `\`), strings.Contains(dependency, " #"), strings.Contains(dependency, " --"), strings.Contains(dependency, "${"):
		return fmt.Errorf("%q is a line of a requirements.txt, not a dependency such as \"requests>=2,<3\"", dependency)
	case first >= 0 && (dependency[first] == '/' || dependency[first] == ':'):
		return fmt.Errorf("%q is a path or an address: write \"name @ https://...\"", dependency)
	case strings.Contains(dependency, "file:"):
		return fmt.Errorf("%q is a folder or file of its own, which is not there when dependencies are installed: import its modules by their paths", dependency)
	}
	return nil
}
