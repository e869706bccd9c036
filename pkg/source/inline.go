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
	"unicode/utf8"
)

// Inline is code within the plan itself.
type Inline struct {
	// Files are the function's files from path to text, the main file among them. Paths are relative, with / between
	// folders.
	Files map[string]string `json:"files"`
	// Dependencies are what the code imports from elsewhere, in the language's own form and as NormalizeDependencies
	// returns it. Empty: what the language's own list of them says, such as a requirements.txt or else a pyproject.toml, if
	// it is among the files.
	Dependencies string `json:"dependencies,omitempty"`
}

// NewInline makes an inline source of what a user wrote: code is the text of the language's main file, dependencies
// are in any form that NormalizeDependencies reads, and files are the further ones.
func NewInline(language, code, dependencies string, files map[string]string) (*Inline, error) {
	l, err := languageOf(language)
	if err != nil {
		return nil, err
	}
	dependencies, err = NormalizeDependencies(language, dependencies)
	if err != nil {
		return nil, err
	}
	in := &Inline{Files: maps.Clone(files), Dependencies: dependencies}
	if code != "" {
		if _, ok := files[l.mainFile]; ok {
			return nil, failf(ReasonInvalidPath, "source.inline.files[%q]: is the file that code goes to: leave out one of the two", l.mainFile)
		}
		if in.Files == nil {
			in.Files = map[string]string{}
		}
		in.Files[l.mainFile] = code
	}
	return in, in.validate(language)
}

func (in *Inline) validate(language string) error {
	if len(in.Files) == 0 {
		return failf(ReasonInvalidPlan, "source.inline.files: there is no file")
	}
	for _, file := range slices.Sorted(maps.Keys(in.Files)) {
		if msg := checkPath(file); msg != "" {
			return failf(ReasonInvalidPath, "source.inline.files[%q]: %s", file, msg)
		}
		for folder := range folders(file) {
			if _, ok := in.Files[folder]; ok {
				return failf(ReasonInvalidPath, "source.inline.files[%q]: is below %q, which is a file too", file, folder)
			}
		}
		if !utf8.ValidString(in.Files[file]) {
			return failf(ReasonInvalidPlan, "source.inline.files[%q]: is not UTF-8 text", file)
		}
	}
	return in.validateDependencies(language)
}

func (in *Inline) validateDependencies(language string) error {
	l, err := languageOf(language)
	if err != nil {
		return err
	}
	if _, ok := in.Files[l.manifest]; ok && in.Dependencies != "" {
		return failf(ReasonInvalidDependencies, "source.inline.dependencies: %s is among the files too: leave out one of the two", l.manifest)
	}
	normal, err := NormalizeDependencies(language, in.Dependencies)
	if err != nil {
		return err
	}
	if normal != in.Dependencies {
		// Else two ways to write the same would be two keys.
		return failf(ReasonInvalidDependencies, "source.inline.dependencies: is not in the normal form")
	}
	return nil
}

// write puts the files into the function's folder.
func (in *Inline) write(ctx context.Context, t *tree) error {
	for _, file := range slices.Sorted(maps.Keys(in.Files)) {
		if err := t.write(ctx, functionDir+"/"+file, []byte(in.Files[file])); err != nil {
			return err
		}
	}
	return nil
}

// dependencies returns what is to be installed beside the files, in its normal form.
func (in *Inline) dependencies(language string) (string, error) {
	l, err := languageOf(language)
	if err != nil {
		return "", err
	}
	if in.Dependencies != "" {
		return in.Dependencies, nil
	}
	text, ok := in.Files[l.manifest]
	if project, hasProject := in.Files[l.project]; !ok && hasProject {
		return readProject(language, project)
	}
	return readManifest(language, text)
}
