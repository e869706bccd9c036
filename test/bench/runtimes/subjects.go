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

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/workers"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

//go:embed testdata
var functions embed.FS

// The kinds of requests that a subject takes.
const (
	kindHTTP  = "http"
	kindEvent = "event"
)

// subject is a runtime with the function that does what its caller says.
type subject struct {
	language string
	name     string
	ours     bool
	bare     bool // a server of the language, without a runtime
	folder   string
	// shares are files of the language's folder that its function is made of, too.
	shares []string
	kinds  []string
	// writes is true where functions write their answer themselves: what they return says nothing.
	writes bool
	// mute is true where functions for events cannot reply with one.
	mute bool
	// packages are Python's, which the subject needs.
	packages []string
	// install brings what the runtime is made of into the folder dir.
	install func(ctx context.Context, dir string) error
	// start is what starts it, for requests of a kind at a port.
	start func(dir, kind string, port int) *exec.Cmd

	dir string
}

func (s *subject) takes(kind string) bool { return slices.Contains(s.kinds, kind) }

const (
	cloudEventsModule = "github.com/cloudevents/sdk-go/v2@v2.16.2"
	frameworkModule   = "github.com/GoogleCloudPlatform/functions-framework-go@v1.9.2"
	funcModule        = "knative.dev/func-go@v0.22.0"
)

// sitePackages is the folder of a subject's Python packages.
const sitePackages = "site-packages"

// subjects are all runtimes that are compared. Versions are those that the contracts were looked at in.
func subjects(root string) []*subject {
	both := []string{kindHTTP, kindEvent}
	return []*subject{
		{language: "nodejs", name: "ours", ours: true, folder: "nodejs-ours", kinds: both, install: installWorker("nodejs"), start: startOurs(root, "nodejs", "index.handler")},
		{language: "nodejs", name: "faas-js-runtime", folder: "nodejs-func", kinds: both, install: npm("faas-js-runtime@3.0.2"), start: startFuncNode},
		{language: "nodejs", name: "functions-framework", folder: "nodejs-framework", kinds: both, install: npm("@google-cloud/functions-framework@5.0.5"), start: startFrameworkNode},
		{language: "nodejs", name: "http", bare: true, writes: true, folder: "nodejs-bare", kinds: []string{kindHTTP}, install: nothing, start: program("node", "index.js")},

		{language: "go", name: "ours", ours: true, folder: "go-ours", shares: []string{"answer.go"}, kinds: both, install: installGoWorker, start: startOurs(root, "go", "main.Handler")},
		{language: "go", name: "func-go", folder: "go-func-http", shares: []string{"answer.go", "serve.go"}, kinds: []string{kindHTTP}, writes: true, install: goBuild(funcModule), start: startFuncGo},
		{language: "go", name: "func-go", folder: "go-func-event", shares: []string{"answer.go", "handle.go"}, kinds: []string{kindEvent}, install: goBuild(funcModule, cloudEventsModule), start: startFuncGo},
		{language: "go", name: "functions-framework-go", folder: "go-framework", shares: []string{"answer.go", "serve.go"}, kinds: both, writes: true, mute: true, install: goBuild(frameworkModule, cloudEventsModule), start: startFrameworkGo},
		{language: "go", name: "net/http with the binding", bare: true, folder: "go-plain", shares: []string{"answer.go", "serve.go", "handle.go"}, kinds: both, writes: true, install: goBuild(cloudEventsModule), start: program("./function")},

		{language: "python", name: "ours", ours: true, folder: "python-ours", kinds: both, install: installWorker("python"), start: startOurs(root, "python", "main.handler")},
		{language: "python", name: "func-python", folder: "python-func", kinds: both, writes: true, packages: []string{"func-python==0.8.1"}, install: nothing, start: startFuncPython},
		{language: "python", name: "functions-framework-python", folder: "python-framework", kinds: both, mute: true, packages: []string{"functions-framework==3.10.2"}, install: nothing, start: startFrameworkPython},
		{language: "python", name: "http.server", bare: true, writes: true, folder: "python-bare", kinds: []string{kindHTTP}, install: nothing, start: program("python3", "main.py")},
	}
}

// prepare installs what is to be compared, or ours only. A runtime that cannot be had is left out, ours excepted.
func prepare(ctx context.Context, root string, languages []string, oursOnly bool) ([]*subject, error) {
	if err := os.MkdirAll(root, 0o750); err != nil {
		return nil, fmt.Errorf("failed to make folder: %w", err)
	}
	if err := command(ctx, ".", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(root, "supervisor"), "./cmd/runtime"); err != nil {
		return nil, err
	}
	var ready []*subject
	for _, s := range subjects(root) {
		if !slices.Contains(languages, s.language) || oursOnly && !s.ours {
			continue
		}
		s.dir = filepath.Join(root, s.folder)
		progress("installing %s, %s", s.language, s.name)
		err := s.copyFunction()
		if err == nil {
			err = s.install(ctx, s.dir)
		}
		if err == nil && len(s.packages) > 0 {
			err = pip(ctx, s, sitePackages)
		}
		switch {
		case err == nil:
			ready = append(ready, s)
		case s.ours:
			return nil, err
		default:
			progress("%s, %s is left out: %v", s.language, s.name, err)
		}
	}
	return ready, nil
}

// copyFunction brings the function into the subject's folder: files of its own, and those that it shares.
func (s *subject) copyFunction() error {
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return err
	}
	files, err := fs.Glob(functions, path.Join("testdata", s.folder, "*"))
	if err != nil {
		return fmt.Errorf("failed to find function: %w", err)
	}
	for _, name := range s.shares {
		files = append(files, path.Join("testdata", s.language, name))
	}
	for _, name := range files {
		text, err := fs.ReadFile(functions, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.dir, path.Base(name)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func nothing(context.Context, string) error { return nil }

func npm(packages ...string) func(context.Context, string) error {
	return once(".installed", func(ctx context.Context, dir string) error {
		return command(ctx, dir, "npm", append([]string{"install", "--no-audit", "--no-fund", "--no-save"}, packages...)...)
	})
}

// pip installs Python packages into a folder of the subject, for the Python that the options say.
func pip(ctx context.Context, s *subject, folder string, options ...string) error {
	args := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--target", folder}, options...)
	mark := ".installed-" + folder
	return once(mark, func(ctx context.Context, dir string) error {
		return command(ctx, dir, "python3", append(args, s.packages...)...)
	})(ctx, s.dir)
}

// once installs what is not there yet.
func once(mark string, install func(context.Context, string) error) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		mark := filepath.Join(dir, mark)
		if _, err := os.Stat(mark); err == nil {
			return nil
		}
		if err := install(ctx, dir); err != nil {
			return err
		}
		return os.WriteFile(mark, nil, 0o600)
	}
}

func goBuild(modules ...string) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); errors.Is(err, fs.ErrNotExist) {
			if err := command(ctx, dir, "go", "mod", "init", "example.com/function"); err != nil {
				return err
			}
			if err := command(ctx, dir, "go", append([]string{"get"}, modules...)...); err != nil {
				return errors.Join(err, os.Remove(filepath.Join(dir, "go.mod")))
			}
			if err := command(ctx, dir, "go", "mod", "tidy"); err != nil {
				return errors.Join(err, os.Remove(filepath.Join(dir, "go.mod")))
			}
		}
		return command(ctx, dir, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", "function", ".")
	}
}

func installWorker(language string) func(context.Context, string) error {
	return func(_ context.Context, dir string) error {
		files, err := workers.Files(language)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(dir, "worker")); err != nil {
			return err
		}
		return os.CopyFS(filepath.Join(dir, "worker"), files)
	}
}

// installGoWorker compiles the function as its image has it.
func installGoWorker(ctx context.Context, dir string) error {
	temp, err := os.MkdirTemp("", "bench-runtimes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	sources := filepath.Join(temp, "sources")
	if _, err := source.WriteGoWorker(ctx, dir, "main.Handler", "1.26", sources); err != nil {
		return err
	}
	for _, name := range []string{"main.go", "answer.go"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(sources, name), text, 0o600); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "worker"), 0o750); err != nil {
		return err
	}
	return command(ctx, sources, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "worker", "function"), ".")
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as functions are built: their images have no C library
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("failed to run %s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
