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
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/workers"
)

// Result tells what a build context was made of.
type Result struct {
	// Revision is the revision of the source: for an inline source "sha256:" and the hash of its files.
	Revision string
	// ContentHash is "sha256:" and the hash of all files of the context.
	ContentHash string
}

// WriteContext writes the plan's build context into dir, which must be empty or not there: a Dockerfile, the code in
// function/, the language's worker in worker/, and the list of dependencies where there are any. The same plan is the
// same context, byte by byte, with the same modes and times.
func WriteContext(ctx context.Context, p *Plan, dir string, limits Limits) (_ Result, err error) {
	if err := p.Validate(); err != nil {
		return Result{}, err
	}
	t, err := newTree(dir, limits)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, t.close()) }()

	if err := p.Source.Inline.write(ctx, t); err != nil {
		return Result{}, err
	}
	dependencies, err := p.Source.Inline.dependencies(p.Language)
	if err != nil {
		return Result{}, err
	}
	if err := writeRecipe(ctx, p, dependencies, t); err != nil {
		return Result{}, err
	}
	if err := writeWorker(ctx, p.Language, t); err != nil {
		return Result{}, err
	}
	if err := t.seal(); err != nil {
		return Result{}, err
	}
	return Result{Revision: t.hash(functionDir), ContentHash: t.hash(".")}, nil
}

// writeRecipe writes the Dockerfile, and the list of dependencies that it installs.
func writeRecipe(ctx context.Context, p *Plan, dependencies string, t *tree) error {
	text, err := Dockerfile(p, dependencies != "")
	if err != nil {
		return err
	}
	if err := t.write(ctx, "Dockerfile", []byte(text)); err != nil {
		return err
	}
	if dependencies == "" {
		return nil
	}
	return t.write(ctx, languages[p.Language].manifest, []byte(dependencies))
}

func writeWorker(ctx context.Context, language string, t *tree) error {
	files, err := workers.Files(language)
	if err != nil {
		return fmt.Errorf("failed to find worker: %w", err)
	}
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("failed to read worker: %w", err)
		}
		return t.write(ctx, path.Join(workerDir, name), content)
	})
}
