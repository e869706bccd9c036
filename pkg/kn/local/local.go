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

// Package local runs a function on the machine of who writes it: the supervisor of its container, with the
// interpreter, compiler and packages that are installed, and again whenever a file changes.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

// Options say which function to run, and how.
type Options struct {
	// Dir is the function's folder; empty is the working directory, or what a Manifest with an inline source says.
	Dir string
	// Manifest is a file with a LambdaFunction; empty is none.
	Manifest string

	// Language and Handler win over those of the manifest. Empty is what the files look like, and the language's
	// default.
	Language string
	Handler  string

	// Addr and Port are where to listen; port 0 is any that is free.
	Addr string
	Port int

	// Env are variables of the function, as NAME=value. They win over those of the manifest.
	Env []string

	// Output takes the log.
	Output io.Writer
}

// runner runs one function.
type runner struct {
	Options

	function *function
	temp     string // a folder of its own
	console  *console
	builds   int
}

// Run serves until ctx is done. It fails where there is nothing to run; what is wrong with the code it prints, and
// waits for a change of it.
func Run(ctx context.Context, o Options) (err error) {
	temp, err := os.MkdirTemp("", "kn-lambda-")
	if err != nil {
		return fmt.Errorf("failed to make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	r := &runner{Options: o, temp: temp, console: &console{out: o.Output}}
	if r.function, err = describe(&o, filepath.Join(temp, "source")); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(o.Addr, strconv.Itoa(o.Port))) //nolint:noctx // it is immediate
	if err != nil {
		return fmt.Errorf("failed to listen: %w", err)
	}
	defer listener.Close() // where nobody has served
	changes, err := watch(ctx, r.function.watched)
	if err != nil {
		return err
	}
	r.console.say("serving %s function %s in %s at http://%s", r.function.language, r.function.handler, r.function.dir, listener.Addr())
	return r.serve(ctx, listener, changes)
}

// serve runs the supervisor, and has it load the code again after each change.
func (r *runner) serve(ctx context.Context, listener net.Listener, changes <-chan struct{}) error {
	for {
		worker, err := r.prepare(ctx)
		if err == nil {
			return r.supervise(ctx, listener, changes, worker)
		}
		r.console.fail(err)
		select {
		case <-changes:
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *runner) supervise(ctx context.Context, listener net.Listener, changes <-chan struct{}, worker string) error {
	o := r.function.runtimeOptions()
	o.Listener, o.WorkerDir, o.DepsDir = listener, worker, filepath.Join(r.temp, "none")
	o.Output, o.LogText, o.LogRequests, o.Reloads = r.console, true, true, true
	o.Env = append(o.Env, r.Env...)
	supervisor, err := runtime.New(o)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- supervisor.Run(ctx) }()
	for {
		select {
		case <-changes:
			r.reload(ctx, supervisor)
		case err := <-ended:
			return err
		}
	}
}

// reload has the changed code take over, or says why it does not.
func (r *runner) reload(ctx context.Context, supervisor *runtime.Runtime) {
	start := time.Now()
	worker, err := r.prepare(ctx)
	if err == nil {
		err = supervisor.Reload(ctx, func(o *runtime.Options) { o.WorkerDir = worker })
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.console.fail(fmt.Errorf("%w; what was there before goes on", err))
	default:
		r.console.say("loaded again in %v", time.Since(start).Round(time.Millisecond))
	}
}
