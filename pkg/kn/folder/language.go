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
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// signs are the files that a language is told by, the surer ones first.
var signs = []struct {
	language v1alpha1.Language
	patterns []string
}{
	{v1alpha1.LanguageGo, []string{"go.mod", "*.go"}},
	{v1alpha1.LanguagePython, []string{"requirements.txt", "pyproject.toml", "main.py", "*.py"}},
	{v1alpha1.LanguageNodeJS, []string{"package.json", "index.js", "*.js", "*.mjs", "*.cjs", "*.ts", "*.mts", "*.cts"}},
}

// LanguageOf tells the language by the files right in a folder. It fails where there is no code, code of several languages,
// or no folder.
func LanguageOf(dir string) (v1alpha1.Language, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("failed to find folder: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%q is a file: name the folder that it is in", dir)
	}
	found := map[v1alpha1.Language]string{}
	for _, sign := range signs {
		for _, pattern := range sign.patterns {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err == nil && len(names) > 0 && found[sign.language] == "" {
				found[sign.language] = filepath.Base(names[0])
			}
		}
	}
	languages := slices.Sorted(maps.Keys(found))
	switch len(languages) {
	case 1:
		return languages[0], nil
	case 0:
		return "", fmt.Errorf("there is no code in %q: name its folder, or its language with --language", dir)
	default:
		reasons := make([]string, 0, len(languages))
		for _, language := range languages {
			reasons = append(reasons, fmt.Sprintf("%s (%s)", language, found[language]))
		}
		return "", errors.New("the code may be " + strings.Join(reasons, " or ") + ": say which with --language")
	}
}
