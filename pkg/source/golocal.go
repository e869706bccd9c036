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
	"os"
	"path/filepath"
	"strings"
)

// WriteGoWorker writes into out, which must be empty or not there, what a Go function in folder dir is compiled
// together with in its image: the worker, a main function and, where the function has none, a go.mod of that version of
// Go. Paths are those that the files have in dir. It returns the package to build, such as "./zz_lambda".
func WriteGoWorker(ctx context.Context, dir, handler, version, out string) (pkg string, err error) {
	t, err := newTree(out, DefaultLimits)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := copyGoFiles(ctx, dir, t); err != nil {
		return "", err
	}
	b := &goBuild{}
	if err := b.readModule(&Plan{LanguageVersion: version}, "", t); err != nil {
		return "", err
	}
	if b.handler, err = findGoHandler(handler, b.module.Module.Mod.Path, t); err != nil {
		return "", err
	}
	for name, content := range b.handler.files() {
		if err := t.write(ctx, workerDir+"/"+name, content); err != nil {
			return "", err
		}
	}
	if !b.own {
		if err := t.write(ctx, workerDir+"/"+goModFile, b.mod); err != nil {
			return "", err
		}
	}
	if err := b.writeWorker(ctx, t); err != nil {
		return "", err
	}
	// Only what belongs to the worker is of use to the caller.
	if err := t.root.RemoveAll(functionDir); err != nil {
		return "", fmt.Errorf("failed to remove the copies: %w", err)
	}
	names, err := fs.ReadDir(t.root.FS(), workerDir)
	if err != nil {
		return "", fmt.Errorf("failed to read folder: %w", err)
	}
	for _, name := range names {
		if err := t.root.Rename(workerDir+"/"+name.Name(), name.Name()); err != nil {
			return "", fmt.Errorf("failed to move %q: %w", name.Name(), err)
		}
	}
	return "./" + b.handler.mainDir(), t.root.Remove(workerDir)
}

// copyGoFiles copies what says where the handler is. Folders that Go does not look into are left out.
func copyGoFiles(ctx context.Context, dir string, t *tree) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("failed to open folder: %w", err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if base := entry.Name(); name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(name) != ".go" && name != goModFile:
			return nil
		}
		f, err := root.Open(name)
		if err != nil {
			return fmt.Errorf("failed to read %q: %w", name, err)
		}
		defer f.Close()
		return t.copy(ctx, functionDir+"/"+name, f, false)
	})
}
