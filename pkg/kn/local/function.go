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
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/folder"
	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/workers"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// function is what is run.
type function struct {
	dir     string // absolute
	watched []string

	name        string
	namespace   string
	language    string
	handler     string
	interpreter string
	envelope    bool
	timeout     time.Duration
	concurrency int
	env         []string
}

// describe finds out what to run. Code that a manifest has within is written into the folder inline.
func describe(o *Options, inline string) (*function, error) {
	manifest := &v1alpha1.LambdaFunction{}
	var err error
	if o.Manifest != "" {
		if manifest, err = ReadManifest(o.Manifest, false); err != nil {
			return nil, err
		}
	}
	if o.Language != "" {
		manifest.Spec.Runtime.Language = v1alpha1.Language(o.Language)
	}
	if o.Handler != "" {
		manifest.Spec.Runtime.Handler = o.Handler
	}
	dir := cmp.Or(o.Dir, ".")
	if code := manifest.Spec.Source.Inline; o.Dir == "" && code != nil {
		manifest.SetDefaults(context.Background())
		if err := writeInline(string(manifest.Spec.Runtime.Language), code, inline); err != nil {
			return nil, err
		}
		dir = inline
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("failed to find folder: %w", err)
	}
	if manifest.Spec.Runtime.Language == "" {
		if manifest.Spec.Runtime.Language, err = folder.LanguageOf(dir); err != nil {
			return nil, err
		}
	}
	manifest.SetDefaults(context.Background())
	return newFunction(dir, manifest)
}

func newFunction(dir string, manifest *v1alpha1.LambdaFunction) (*function, error) {
	spec := &manifest.Spec
	if _, err := workers.Files(string(spec.Runtime.Language)); err != nil {
		return nil, err
	}
	env, err := variables(spec.Env)
	if err != nil {
		return nil, err
	}
	f := &function{
		dir:         dir,
		watched:     []string{dir},
		name:        cmp.Or(manifest.Name, filepath.Base(dir)),
		namespace:   cmp.Or(manifest.Namespace, "local"),
		language:    string(spec.Runtime.Language),
		handler:     spec.Runtime.Handler,
		envelope:    spec.Runtime.Response == v1alpha1.ResponseEnvelope,
		timeout:     time.Duration(*spec.TimeoutSeconds) * time.Second,
		concurrency: int(*spec.Scaling.ContainerConcurrency),
		env:         env,
	}
	if f.language == "python" {
		f.interpreter = virtualPython(dir)
	}
	return f, nil
}

func (f *function) runtimeOptions() runtime.Options {
	const queue = 100 // as in a container
	return runtime.Options{
		Name: f.name, Namespace: f.namespace, Language: f.language, Handler: f.handler, Interpreter: f.interpreter,
		FunctionDir: f.dir, Envelope: f.envelope, Timeout: f.timeout, Concurrency: f.concurrency, Queue: queue, Env: f.env,
	}
}

// variables returns those whose values are in the manifest itself. Others come from a cluster that is not there.
func variables(env []corev1.EnvVar) ([]string, error) {
	pairs := make([]string, 0, len(env))
	for _, v := range env {
		if v.ValueFrom != nil {
			if _, ok := os.LookupEnv(v.Name); !ok {
				return nil, fmt.Errorf("the manifest takes variable %s from the cluster: set it with --env %s=VALUE, or in your environment", v.Name, v.Name)
			}
			continue
		}
		pairs = append(pairs, v.Name+"="+v.Value)
	}
	return pairs, nil
}

// writeInline writes the code of a manifest into dir.
func writeInline(language string, code *v1alpha1.InlineSource, dir string) error {
	in, err := source.NewInline(language, code.Code, "", code.Files)
	if err != nil {
		return err
	}
	for name, text := range in.Files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return fmt.Errorf("failed to make folder: %w", err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return fmt.Errorf("failed to write code: %w", err)
		}
	}
	return nil
}

// virtualPython returns the interpreter of a virtual environment in dir or, where one is active, that; "" where there is
// none.
func virtualPython(dir string) string {
	for _, environment := range []string{filepath.Join(dir, ".venv"), filepath.Join(dir, "venv"), os.Getenv("VIRTUAL_ENV")} {
		interpreter := filepath.Join(environment, "bin", "python3")
		if _, err := os.Stat(interpreter); environment != "" && err == nil { //nolint:gosec // who runs it names it
			return interpreter
		}
	}
	return ""
}
