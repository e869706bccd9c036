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

package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/workers"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// prepare returns the folder of the worker: the one of the language, or the program that the code is compiled to.
func (r *runner) prepare(ctx context.Context) (string, error) {
	if r.function.language == "go" {
		r.builds++
		return r.compile(ctx, filepath.Join(r.temp, "build"+strconv.Itoa(r.builds)))
	}
	dir := filepath.Join(r.temp, "worker")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	files, err := workers.Files(r.function.language)
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, files); err != nil {
		return "", fmt.Errorf("failed to write worker: %w", err)
	}
	return dir, nil
}

// compile compiles the function with what makes a program of it. That is laid over the function's folder, in which
// nothing is written, so that what the compiler says names the user's own files.
func (r *runner) compile(ctx context.Context, out string) (string, error) {
	version, err := r.goVersion(ctx)
	if err != nil {
		return "", err
	}
	sources := filepath.Join(out, "source")
	pkg, err := source.WriteGoWorker(ctx, r.function.dir, r.function.handler, version, sources)
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(out, "overlay.json")
	if err := writeOverlay(overlay, sources, r.function.dir); err != nil {
		return "", err
	}
	said, err := r.goCommand(ctx, "build", "-overlay", overlay, "-o", filepath.Join(out, "function"), pkg)
	if err != nil {
		return "", fmt.Errorf("failed to compile: %w\n%s", err, said)
	}
	return out, nil
}

// goVersion returns the version of the user's Go, without its patch.
func (r *runner) goVersion(ctx context.Context) (string, error) {
	said, err := r.goCommand(ctx, "env", "GOVERSION")
	if err != nil {
		return "", fmt.Errorf("failed to run go, which functions in Go need: %w %s", err, said)
	}
	parts := strings.Split(strings.TrimPrefix(said, "go"), ".")
	return strings.Join(parts[:min(2, len(parts))], "."), nil
}

func (r *runner) goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.function.dir
	said, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(said)), err
}

// writeOverlay writes the file that has go take the files of one folder for files of another.
func writeOverlay(file, from, to string) error {
	replace := map[string]string{}
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(from, name)
		replace[filepath.Join(to, relative)] = name
		return err
	})
	if err != nil {
		return fmt.Errorf("failed to read folder: %w", err)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return fmt.Errorf("failed to encode overlay: %w", err)
	}
	return os.WriteFile(file, text, 0o600)
}
