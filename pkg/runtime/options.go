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
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
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

	// Interpreter is the program that runs workers of interpreted languages; empty
	// is python3 or node in PATH. Env are further variables of the worker, as
	// NAME=value.
	Interpreter string
	Env         []string

	// Reloads keeps the runtime there when the handler cannot be loaded: the next
	// Reload may load it. Until then requests are answered with the reason.
	Reloads bool

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

	// Output takes the log. LogText writes it for people and not as JSON,
	// LogRequests adds a line for each request.
	// LogNoTrace and LogNoEvent leave out the ids of the trace, and what event a
	// line is about.
	Output      io.Writer
	LogText     bool
	LogRequests bool
	LogNoTrace  bool
	LogNoEvent  bool

	// NoMetrics has /metrics answered by the function, as any other path.
	// MetricsPath is where they are instead of /metrics; MetricsAddr is an address
	// where they are served besides, empty is none. MetricLabels are on all of
	// them. NoExemplars leaves out the traces that lead from them.
	NoMetrics    bool
	MetricsPath  string
	MetricsAddr  string
	MetricLabels map[string]string
	NoExemplars  bool
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
	switch format := envOr("LAMBDA_LOG_FORMAT", "json"); format {
	case "json":
	case "text":
		o.LogText = true
	default:
		return o, fmt.Errorf("failed to read LAMBDA_LOG_FORMAT: %q is neither json nor text", format)
	}
	return o, o.observabilityFromEnv()
}

// observabilityFromEnv reads what the function tells of itself, but for where it is sent to.
func (o *Options) observabilityFromEnv() error {
	trace, err := envBool("LAMBDA_LOG_TRACE")
	event, wrong := envBool("LAMBDA_LOG_EVENT")
	metrics, failed := envBool("LAMBDA_METRICS")
	if err := errors.Join(err, wrong, failed); err != nil {
		return err
	}
	o.LogNoTrace, o.LogNoEvent, o.NoMetrics = !trace, !event, !metrics
	o.NoExemplars = os.Getenv("OTEL_METRICS_EXEMPLAR_FILTER") == "always_off"
	o.MetricsPath = os.Getenv("LAMBDA_METRICS_PATH")
	if port := os.Getenv("LAMBDA_METRICS_PORT"); port != "" && ":"+port != o.Addr {
		o.MetricsAddr = ":" + port
	}
	labels, err := otlp.ParseAttributes(os.Getenv("LAMBDA_METRICS_LABELS"))
	if err != nil {
		return fmt.Errorf("failed to read LAMBDA_METRICS_LABELS: %w", err)
	}
	for _, label := range labels {
		if o.MetricLabels == nil {
			o.MetricLabels = make(map[string]string, len(labels))
		}
		o.MetricLabels[labelName(label.Key)] = label.Value.(string) //nolint:forcetypeassert // they are text
	}
	return nil
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
		return []string{cmp.Or(o.Interpreter, "python3"), "-S", "-B", filepath.Join(o.WorkerDir, "worker.py")}, nil
	case "nodejs":
		return []string{cmp.Or(o.Interpreter, "node"), filepath.Join(o.WorkerDir, "worker.js")}, nil
	case "go":
		// The worker is compiled into the function's own program.
		return []string{filepath.Join(o.WorkerDir, "function")}, nil
	default:
		return nil, fmt.Errorf("failed to find a worker: language %q is not supported", o.Language)
	}
}
