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

package runtime

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	defaultTimeout      = 300 * time.Second
	defaultMaxBodyBytes = 16 << 20
	defaultQueue        = 100
	defaultCancelGrace  = 10 * time.Second
)

// defaultHandlers are what a language runs where the function names nothing.
var defaultHandlers = map[string]string{"python": "main.handler"}

// Options say what to run and how. FromEnv reads them from the environment of a
// function's container.
type Options struct {
	// Listener is where to serve; nil listens on Addr.
	Listener net.Listener
	Addr     string

	// Name and Namespace are those of the function.
	Name      string
	Namespace string

	// Language picks the worker, Handler is the function that it loads, in the
	// language's own form. Empty is the language's default.
	Language string
	Handler  string

	// WorkerDir, FunctionDir and DepsDir are where the worker, the user's code
	// and its dependencies lie.
	WorkerDir   string
	FunctionDir string
	DepsDir     string

	// Timeout is how long a request may take, Envelope how replies are wrapped.
	Timeout  time.Duration
	Envelope bool

	// Concurrency is how many requests run at once; 0 is no limit. Queue is how
	// many more may wait.
	Concurrency int
	Queue       int

	// MaxBodyBytes bounds the body of a request.
	MaxBodyBytes int64

	// CancelGrace is how long a worker may take to end a request that nobody
	// waits for any more, before the worker is replaced.
	CancelGrace time.Duration

	// TerminationLog is the file that says why the function cannot run; empty
	// is none.
	TerminationLog string

	// Output takes the log.
	Output io.Writer
}

// FromEnv returns the options that the environment gives.
func FromEnv() (Options, error) {
	o := Options{
		Addr:           ":" + envOr("PORT", "8080"),
		Name:           os.Getenv("FUNCTION_NAME"),
		Namespace:      os.Getenv("FUNCTION_NAMESPACE"),
		Language:       envOr("LAMBDA_LANGUAGE", "python"),
		Handler:        os.Getenv("HANDLER"),
		WorkerDir:      envOr("LAMBDA_WORKER_DIR", "/lambda/worker"),
		FunctionDir:    envOr("LAMBDA_FUNCTION_DIR", "/lambda/function"),
		DepsDir:        envOr("LAMBDA_DEPS_DIR", "/lambda/deps"),
		CancelGrace:    defaultCancelGrace,
		TerminationLog: envOr("LAMBDA_TERMINATION_LOG", "/dev/termination-log"),
		Output:         os.Stdout,
	}
	var (
		err     error
		seconds int64
		number  int64
	)
	if seconds, err = envInt("TIMEOUT_SECONDS", int64(defaultTimeout/time.Second), 1); err != nil {
		return o, err
	}
	o.Timeout = time.Duration(seconds) * time.Second
	if number, err = envInt("LAMBDA_CONCURRENCY", 0, 0); err != nil {
		return o, err
	}
	o.Concurrency = int(number)
	if number, err = envInt("LAMBDA_QUEUE", defaultQueue, 0); err != nil {
		return o, err
	}
	o.Queue = int(number)
	if o.MaxBodyBytes, err = envInt("LAMBDA_MAX_BODY_BYTES", defaultMaxBodyBytes, 0); err != nil {
		return o, err
	}
	switch mode := envOr("LAMBDA_RESPONSE", "raw"); mode {
	case "raw":
	case "envelope":
		o.Envelope = true
	default:
		return o, fmt.Errorf("failed to read LAMBDA_RESPONSE: %q is neither raw nor envelope", mode)
	}
	return o, nil
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}

func envInt(name string, fallback, least int64) (int64, error) {
	v := os.Getenv(name)
	if v == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least {
		return 0, fmt.Errorf("failed to read %s: %q is not a whole number of at least %d", name, v, least)
	}
	return n, nil
}

// command is what starts the worker.
func (o *Options) command() ([]string, error) {
	switch o.Language {
	case "python":
		// Without site (-S) the interpreter starts in half the time; the worker
		// makes up for it. The image's files are read-only, so writing bytecode
		// (-B) would only fail.
		return []string{"python3", "-S", "-B", filepath.Join(o.WorkerDir, "worker.py")}, nil
	case "nodejs":
		return []string{"node", filepath.Join(o.WorkerDir, "worker.js")}, nil
	case "go":
		// The worker is compiled into the function's own program.
		return []string{filepath.Join(o.WorkerDir, "function")}, nil
	default:
		return nil, fmt.Errorf("failed to find a worker: language %q is not supported", o.Language)
	}
}
