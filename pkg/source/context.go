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
	// Revision is the revision of the source: "sha256:" and the hash of the files of an inline source or a folder of a
	// bucket, the commit of a repository, the version or the ETag of an object.
	Revision string
	// ContentHash is "sha256:" and the hash of all files of the context.
	ContentHash string
	// Notes say what of the source may not be as its author means, though nothing failed.
	Notes []string
}

// Fetch gets the files of a source that is not in the plan itself, and returns the revision of it.
type Fetch func(ctx context.Context, p *Plan, files *Files) (revision string, err error)

// WriteContext writes the build context of a plan whose source is in the plan itself. It is FetchContext otherwise.
func WriteContext(ctx context.Context, p *Plan, dir string, limits Limits) (Result, error) {
	return FetchContext(ctx, p, dir, limits, nil)
}

// FetchContext writes the plan's build context into dir, which must be empty or not there: a Dockerfile, the code in
// function/, the language's worker in worker/, and the list of dependencies where there are any. The same plan and the
// same revision are the same context, byte by byte, with the same modes and times.
func FetchContext(ctx context.Context, p *Plan, dir string, limits Limits, fetch Fetch) (_ Result, err error) {
	if err := p.Validate(); err != nil {
		return Result{}, err
	}
	t, err := newTree(dir, limits)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, t.close()) }()

	result, err := writeFunction(ctx, p, t, fetch)
	if err != nil {
		return Result{}, err
	}
	dependencies, err := p.dependencies(t)
	if err != nil {
		return Result{}, err
	}
	recipe := languages[p.Language].recipe
	if recipe == nil {
		recipe = writeRecipe
	}
	if err := recipe(ctx, p, dependencies, t); err != nil {
		return Result{}, err
	}
	if err := t.seal(); err != nil {
		return Result{}, err
	}
	result.ContentHash = t.hash(".")
	return result, nil
}

// writeFunction writes the code.
func writeFunction(ctx context.Context, p *Plan, t *tree, fetch Fetch) (Result, error) {
	if p.Source.Inline != nil {
		if err := p.Source.Inline.write(ctx, t); err != nil {
			return Result{}, err
		}
		return Result{Revision: t.hash(functionDir)}, nil
	}
	if fetch == nil {
		return Result{}, errors.New("nothing is there that fetches sources other than inline")
	}
	files := newFiles(p, t)
	revision, err := fetch(ctx, p, files)
	if err != nil {
		return Result{}, err
	}
	if err := files.close(ctx); err != nil {
		return Result{}, err
	}
	return Result{Revision: revision, Notes: files.notes}, nil
}

// dependencies returns what is to be installed, in its normal form: what the plan says, or what the language's
// manifest says that came with the code.
func (p *Plan) dependencies(t *tree) (string, error) {
	if p.Source.Inline != nil {
		return p.Source.Inline.dependencies(p.Language)
	}
	l, err := languageOf(p.Language)
	if err != nil {
		return "", err
	}
	_, hasManifest := t.sums[functionDir+"/"+l.manifest]
	_, hasProject := t.sums[functionDir+"/"+l.project]
	if !hasManifest && hasProject {
		text, err := t.read(functionDir + "/" + l.project)
		if err != nil {
			return "", err
		}
		return readProject(p.Language, text)
	}
	text, err := t.read(functionDir + "/" + l.manifest)
	if err != nil {
		return "", err
	}
	return readManifest(p.Language, text)
}

// writeRecipe writes the Dockerfile, the files that list the dependencies that it installs, and the language's worker.
func writeRecipe(ctx context.Context, p *Plan, dependencies string, t *tree) error {
	var lists []string
	if dependencies != "" {
		var err error
		if lists, err = writeLists(ctx, p, dependencies, t); err != nil {
			return err
		}
	}
	text, err := Dockerfile(p, lists...)
	if err != nil {
		return err
	}
	if err := t.write(ctx, DockerfileName, []byte(text)); err != nil {
		return err
	}
	if len(lists) > 0 {
		if err := writeDependencies(ctx, p, lists, t); err != nil {
			return err
		}
	}
	return writeWorker(ctx, p.Language, t)
}

func writeLists(ctx context.Context, p *Plan, dependencies string, t *tree) ([]string, error) {
	l, err := languageOf(p.Language)
	if err != nil {
		return nil, err
	}
	lists := []string{l.manifest}
	if err := t.write(ctx, l.manifest, []byte(dependencies)); err != nil {
		return nil, err
	}
	for _, name := range l.beside {
		text, err := t.read(functionDir + "/" + name)
		if err != nil {
			return nil, err
		}
		if text == "" {
			continue
		}
		if err := t.write(ctx, name, []byte(text)); err != nil {
			return nil, err
		}
		lists = append(lists, name)
	}
	return lists, nil
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
