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

// Package folder reads a folder with the code of a function: which language it is in, and whether it is small enough to be
// sent along with the function.
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

// shape is what a folder of a language looks like.
type shape struct {
	// module is that of a handler without one, and main the file that inline code goes to.
	module, main string
	// endings are those of its files.
	endings []string
	// lists are the files that say what the code imports.
	lists []string
	// tests are patterns of the names of files and folders that only tests read.
	tests []string
}

var shapes = map[v1alpha1.Language]shape{
	v1alpha1.LanguagePython: {
		"main", "main.py",
		[]string{".py"},
		[]string{"requirements.txt", "pyproject.toml"},
		[]string{"test_*.py", "*_test.py", "conftest.py", "test", "tests"},
	},
	v1alpha1.LanguageNodeJS: {
		"index", "index.js",
		[]string{".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"},
		[]string{"package.json", "package-lock.json"},
		[]string{"*.test.*", "*.spec.*", "test", "tests", "__tests__"},
	},
	v1alpha1.LanguageGo: {
		"main", "main.go",
		[]string{".go"},
		[]string{"go.mod", "go.sum"},
		[]string{"*_test.go", "testdata"},
	},
}

// signs are patterns of the files that the language is told by, the surer ones first.
func (l *shape) signs() []string {
	patterns := append(slices.Clone(l.lists), l.main)
	for _, ending := range l.endings {
		patterns = append(patterns, "*"+ending)
	}
	return patterns
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
	for language, l := range shapes {
		for _, pattern := range l.signs() {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err == nil && len(names) > 0 && found[language] == "" {
				found[language] = filepath.Base(names[0])
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
