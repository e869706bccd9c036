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
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

const (
	defaultMetricsPath = "/metrics"
	readHeaderTimeout  = time.Minute
	// Headers become JSON, up to six times as long, and go into one frame.
	maxHeaderBytes = protocol.MaxPayload / 8
	// While it drains, the server still accepts until no request has come for
	// quietPeriod: routers learn late that it goes. lameDuck bounds that.
	quietPeriod = 200 * time.Millisecond
	lameDuck    = 5 * time.Second
	// failedGrace is how long those get their answer who wait for a function
	// that cannot be loaded.
	failedGrace = time.Second
	// maxProbe is how long a probe waits for the handler to be loaded. It is less than the second that probers wait.
	maxProbe = 700 * time.Millisecond
)

// Runtime serves one function.
type Runtime struct {
	options *Options
	name    string // of the function, with its namespace
	source  string // of reply events
	log     *logger
	metrics *metrics
	pool    *pool

	transport *transport

	tracer       *tracer // nil where nothing is traced
	telemetry    *telemetry
	propagations []propagation

	arrivals arrivals
	warm     atomic.Bool // a request has come
	startup  atomic.Pointer[startup]
	draining atomic.Bool
	waiting  atomic.Int64
	requests atomic.Int64 // all that have come
}

// New returns a Runtime. It starts nothing.
func New(o Options) (*Runtime, error) {
	if _, err := o.command(); err != nil {
		return nil, err
	}
	if o.Handler == "" {
		o.Handler = defaultHandlers[o.Language]
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = defaultMaxBodyBytes
	}
	if o.CancelGrace <= 0 {
		o.CancelGrace = defaultCancelGrace
	}
	if o.Output == nil {
		o.Output = os.Stdout
	}
	r := &Runtime{
		options: &o,
		name:    o.Namespace + "/" + o.Name,
		source:  "io.knative.lambda/" + o.Namespace + "/" + o.Name,
		log:     newLogger(&o),
		metrics: newMetrics(&o),
	}
	if o.MetricsPath == "" {
		o.MetricsPath = defaultMetricsPath
	}
	r.telemetry, r.tracer = newTelemetry(&o, r.log, r.metrics)
	r.metrics.off = o.NoMetrics && r.telemetry.measured == nil
	var err error
	if r.propagations, err = propagationsOf(os.Getenv("OTEL_PROPAGATORS")); err != nil {
		r.log.error(err.Error())
	}
	r.pool = newPool(&o, r.log)
	r.pool.start = func(s startup) {
		r.metrics.started(&s)
		r.startup.Store(&s)
	}
	r.transport = newTransport()
	return r, nil
}

// Run serves until ctx is done, and then until the requests that have come are
// answered, and a collector has what is known of them. It fails when the handler
// cannot be loaded.
func (r *Runtime) Run(ctx context.Context) error {
	telling, tell := context.WithCancel(context.Background())
	var told sync.WaitGroup
	told.Go(func() { r.telemetry.run(telling) })
	defer told.Wait()
	defer tell()
	stop := r.serveMetrics()
	defer stop()
	return r.run(ctx)
}

// serveMetrics serves the metrics at a port of their own, where that is wanted.
func (r *Runtime) serveMetrics() (stop func()) {
	if r.options.MetricsAddr == "" || r.options.NoMetrics {
		return func() {}
	}
	listener, err := net.Listen("tcp", r.options.MetricsAddr) //nolint:noctx // it is immediate
	if err != nil {
		r.log.warn(fmt.Sprintf("the metrics have no port of their own: %v", err))
		return func() {}
	}
	mux := http.NewServeMux()
	mux.HandleFunc(r.options.MetricsPath, r.metrics.serve)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderTimeout, ErrorLog: r.log.asLog()}
	go func() { _ = server.Serve(listener) }() // it ends when it is closed
	return func() { _ = server.Close() }
}

func (r *Runtime) run(ctx context.Context) error {
	listener := r.options.Listener
	if listener == nil {
		var err error
		if listener, err = net.Listen("tcp", r.options.Addr); err != nil { //nolint:noctx // it is immediate
			return fmt.Errorf("failed to listen: %w", err)
		}
	}
	base, abort := context.WithCancelCause(context.Background())
	defer abort(nil)
	server := r.newServer(base)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	if os.Getpid() == 1 {
		go r.pool.reap.run(base.Done())
	}
	poolCtx, stopPool := context.WithCancel(context.Background())
	defer stopPool()
	pooled := make(chan error, 1)
	go func() { pooled <- r.pool.run(poolCtx) }()

	select {
	case err := <-served:
		stopPool()
		<-pooled
		return fmt.Errorf("failed to serve: %w", err)
	case err := <-pooled:
		abort(errNotReady)
		grace, cancel := context.WithTimeout(context.Background(), failedGrace)
		defer cancel()
		return errors.Join(err, r.terminated(err), ignoreDeadline(server.Shutdown(grace)))
	case <-ctx.Done():
	}
	r.drain(listener)
	<-served
	err := server.Shutdown(context.Background())
	stopPool()
	return errors.Join(err, <-pooled)
}

// Reload has a new worker load the handler, with options that change has changed,
// and serve once it has. Requests that the old one has it finishes. Where the
// handler cannot be loaded, the error says why, and what serves goes on. Only
// one may run at a time, and only while Run does.
func (r *Runtime) Reload(ctx context.Context, change func(*Options)) error {
	return r.pool.reload(ctx, change)
}

func (r *Runtime) newServer(base context.Context) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           r,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          r.log.asLog(),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnState:         r.arrivals.observe,
	}
}

// drain waits until no new requests come, and no connection may bring one.
func (r *Runtime) drain(listener net.Listener) {
	r.draining.Store(true)
	quiet, cancel := context.WithTimeout(context.Background(), lameDuck)
	defer cancel()
	for seen := int64(-1); seen != r.requests.Load() && quiet.Err() == nil; {
		seen = r.requests.Load()
		select {
		case <-time.After(quietPeriod):
		case <-quiet.Done():
		}
	}
	_ = listener.Close() // the server would, but it drops what has been accepted and not read
	r.arrivals.settle(lameDuck)
}

// terminated leaves the reason where Kubernetes looks for it.
func (r *Runtime) terminated(reason error) error {
	if r.options.TerminationLog == "" {
		return nil
	}
	if err := os.WriteFile(r.options.TerminationLog, []byte(reason.Error()+"\n"), 0o644); err != nil { //nolint:gosec // the kubelet reads it
		return fmt.Errorf("failed to write the termination message: %w", err)
	}
	return nil
}

func ignoreDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// ServeHTTP answers probes and scrapes, and has the function answer all else.
func (r *Runtime) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		switch req.URL.Path {
		case "/health", "/healthz", "/readyz":
			r.health(w, req)
			return
		case r.options.MetricsPath:
			if !r.options.NoMetrics {
				r.metrics.serve(w, req)
				return
			}
		}
	}
	r.requests.Add(1)
	r.invoke(w, req)
}

// health answers as soon as the handler is loaded, or when the prober has waited long enough: one that comes a moment
// too early need not come again.
func (r *Runtime) health(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), maxProbe)
	defer cancel()
	status, text := http.StatusOK, "ok\n"
	switch {
	case r.draining.Load():
		status, text = http.StatusServiceUnavailable, "draining\n"
	case !r.pool.awaitReady(ctx):
		status, text = http.StatusServiceUnavailable, "the handler is not loaded yet\n"
	}
	w.Header().Set("Content-Type", textMediaType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the prober may have gone
}
