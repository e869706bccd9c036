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
	"maps"
	"slices"
	"strings"
)

// language is what differs between languages when an image is made.
type language struct {
	// mainFile is the file of code that comes without a path.
	mainFile string
	// manifest is the file that lists dependencies.
	manifest string
	// project is another file that may list dependencies, where there is no manifest.
	project string
	// beside are the files that say more of the dependencies, where the function has them.
	beside []string
	// normalize returns what a user wrote as dependencies in the manifest's one normal form, "" when it lists nothing.
	normalize func(text string) (string, error)
	// read does the same with a manifest that is among the files.
	read func(text string) (string, error)
	// readProject returns what the project lists, in the manifest's normal form.
	readProject func(text string) (string, error)
	// install writes the instructions that install into dependenciesPath what the files, manifest first, list.
	install func(d *dockerfile, p *Plan, files []string) error
	// dependenciesPath is where the dependencies are in the image.
	dependenciesPath string
	// env is what the language's interpreter and libraries go by.
	env []variable
	// recipe writes all of the build context but the code, where the code is compiled. Then there is no install.
	recipe func(ctx context.Context, p *Plan, dependencies string, t *tree) error
}

var languages = map[string]language{
	"go":     golang,
	"nodejs": nodejs,
	"python": python,
}

func languageOf(name string) (language, error) {
	l, ok := languages[name]
	if !ok {
		return language{}, failf(ReasonInvalidPlan, "language: %q is not one of: %s", name, strings.Join(slices.Sorted(maps.Keys(languages)), ", "))
	}
	return l, nil
}

// NormalizeDependencies returns dependencies as the language's installer reads them, in one normal form: the same
// dependencies have the same build key, however they are written. For python that is the text of a requirements.txt,
// for nodejs that of a package.json, for go that of a go.mod; text may be one, or a JSON object of names and versions.
func NormalizeDependencies(language, text string) (string, error) {
	l, err := languageOf(language)
	if err != nil {
		return "", err
	}
	normal, err := l.normalize(text)
	if err != nil {
		return "", failf(ReasonInvalidDependencies, "source.inline.dependencies: %w", err)
	}
	return normal, nil
}

// readManifest is NormalizeDependencies for a manifest that is among the function's files.
func readManifest(language, text string) (string, error) {
	l, err := languageOf(language)
	if err != nil {
		return "", err
	}
	normal, err := l.read(text)
	if err != nil {
		return "", failf(ReasonInvalidDependencies, "%s: %w", l.manifest, err)
	}
	return normal, nil
}

// readProject is readManifest for the project's file.
func readProject(language, text string) (string, error) {
	l, err := languageOf(language)
	if err != nil {
		return "", err
	}
	normal, err := l.readProject(text)
	if err != nil {
		return "", failf(ReasonInvalidDependencies, "%s: %w", l.project, err)
	}
	return normal, nil
}
