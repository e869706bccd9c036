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

package deadletter

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.uber.org/zap"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/process"
)

const jsonType = "application/json"

const (
	healthPath    = "/health"
	readinessPath = "/readiness"
)

// Options are what a Server needs.
type Options struct {
	// Store keeps the letters. The Server does not close it.
	Store *Store
	// Access says who may do what.
	Access *access.Reviewer
	// Settings returns those that hold now.
	Settings func() *config.DeadLetters
	// Owner names this process among those that use the same store.
	Owner string
	// Transport sends letters again; nil is one that refuses what no Service can be.
	Transport http.RoundTripper
	Logger    *zap.SugaredLogger
}

// Server takes letters and serves the API.
type Server struct {
	store    *Store
	access   *access.Reviewer
	settings func() *config.DeadLetters
	runner   *runner
	logger   *zap.SugaredLogger
}

// NewServer makes a Server.
func NewServer(o Options) *Server {
	transport := o.Transport
	if transport == nil {
		transport = newTransport()
	}
	return &Server{
		store:    o.Store,
		access:   o.Access,
		settings: o.Settings,
		runner:   newRunner(o.Store, o.Owner, o.Settings, transport, o.Logger),
		logger:   o.Logger,
	}
}

// handler answers a request, or returns why not.
type handler func(http.ResponseWriter, *http.Request) error

// apiHandler does so for somebody who is known.
type apiHandler func(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error

// APIHandler serves the API alone.
func (s *Server) APIHandler() http.Handler {
	mux := http.NewServeMux()
	s.route(mux)
	return s.wrap(mux)
}

// Handler serves the API, and takes letters.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.route(mux)
	letters := newIngest(s)
	mux.Handle("/v1/namespaces/{namespace}", s.methods(map[string]handler{http.MethodPost: letters.receive}))
	mux.Handle("/v1/namespaces/{namespace}/{$}", s.methods(map[string]handler{http.MethodPost: letters.receive}))
	return s.wrap(mux)
}

func (s *Server) route(mux *http.ServeMux) {
	a := &api{s}
	const prefix = "/v1/namespaces/{namespace}"
	for path, methods := range map[string]map[string]apiHandler{
		"/letters":            {http.MethodGet: a.list},
		"/letters/{id}":       {http.MethodGet: a.get},
		"/letters/{id}/event": {http.MethodGet: a.event},
		"/stats":              {http.MethodGet: a.stats},
		"/redrive":            {http.MethodPost: a.redrive},
		"/redrives":           {http.MethodGet: a.redrives},
		"/redrives/{id}":      {http.MethodGet: a.getRedrive, http.MethodDelete: a.cancelRedrive},
		"/purge":              {http.MethodPost: a.purge, http.MethodDelete: a.purge},
	} {
		known := map[string]handler{}
		for method, h := range methods {
			known[method] = s.authenticated(h)
		}
		mux.Handle(prefix+path, s.methods(known))
	}
	mux.Handle("/", s.methods(nil))
}

// authenticated refuses strangers.
func (s *Server) authenticated(h apiHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		user, err := s.access.Authenticate(r, "")
		if err != nil {
			return err
		}
		namespace := r.PathValue("namespace")
		if !isName(namespace) {
			return invalid("the path has no name of a namespace")
		}
		w.Header().Set("Cache-Control", "no-store")
		return h(w, r, user, namespace)
	}
}

// methods picks a handler by the request's method, and tells errors. Where there is no method there is nothing.
func (s *Server) methods(known map[string]handler) http.Handler {
	allow := make([]string, 0, len(known))
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		if _, ok := known[method]; ok {
			allow = append(allow, method)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := known[r.Method]
		switch {
		case len(known) == 0:
			writeProblem(w, &Problem{Status: http.StatusNotFound, Code: codeNotFound, Detail: "there is nothing here"})
			return
		case !ok:
			w.Header().Set("Allow", strings.Join(allow, ", "))
			writeProblem(w, &Problem{Status: http.StatusMethodNotAllowed, Code: codeMethod, Detail: "use " + strings.Join(allow, " or ")})
			return
		}
		if err := h(w, r); err != nil {
			p := problemOf(err)
			if p.Status >= http.StatusInternalServerError {
				s.logger.Warnw("Request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
			}
			writeProblem(w, p)
		}
	})
}

// wrap adds what all requests have.
func (s *Server) wrap(mux http.Handler) http.Handler {
	logged := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r.WithContext(logging.WithLogger(r.Context(), s.logger)))
	})
	return otelhttp.NewHandler(logged, "deadletter", otelhttp.WithFilter(func(r *http.Request) bool {
		return r.URL.Path != healthPath && r.URL.Path != readinessPath
	}))
}

// probe answers kubelet. A process whose JetStream has given up is restarted; one without a connection gets no letters.
func (s *Server) probe(w http.ResponseWriter, r *http.Request) {
	err := s.store.Check()
	if err != nil && (r.URL.Path == readinessPath || s.store.server != nil) {
		writeProblem(w, problemOf(err))
		return
	}
	w.WriteHeader(http.StatusOK)
}

// Run serves letters and the API on one listener, the API alone on the other, and sends letters again, until the context
// ends. Then it lets requests end.
func (s *Server) Run(ctx context.Context, letters, apiOnly net.Listener) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var ran sync.WaitGroup
	ran.Go(func() { s.runner.run(running) })
	ran.Go(func() { s.store.sweepUntil(running) })
	drainer := process.NewDrainer(s.Handler(), s.probe)
	err := process.Serve(ctx, drainer, map[net.Listener]http.Handler{letters: drainer, apiOnly: s.APIHandler()})
	stop()
	ran.Wait()
	return err
}
