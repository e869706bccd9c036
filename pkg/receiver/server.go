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

package receiver

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/utils/clock"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/process"
)

const (
	healthPath = "/health"
	readyPath  = "/ready"
	// readTimeout is how long a sender may take to send an event.
	readTimeout = 10 * time.Second
)

// Options are what a Server needs.
type Options struct {
	// Client writes LambdaFunctions and LambdaAgents, and reads Revisions.
	Client dynamic.Interface
	// Leases are those of the receiver's own namespace.
	Leases coordinationclient.LeaseInterface
	// Access says who may do what.
	Access *access.Reviewer
	// Ready says whether the API server may be believed that something is forbidden.
	Ready access.Ready
	// Settings returns those that hold now.
	Settings func() *config.Receiver
	Clock    clock.WithTicker
	Logger   *zap.SugaredLogger
}

// Server takes commands.
type Server struct {
	client   dynamic.Interface
	graves   *graves
	access   *access.Reviewer
	ready    access.Ready
	settings func() *config.Receiver
	limits   *limits
	room     *room
	counted  *counted
	clock    clock.WithTicker
	logger   *zap.SugaredLogger
}

// NewServer makes a Server.
func NewServer(o Options) *Server {
	return &Server{
		client:   o.Client,
		graves:   &graves{leases: o.Leases, clock: o.Clock, memory: func() time.Duration { return o.Settings().Memory }},
		access:   o.Access,
		ready:    o.Ready,
		settings: o.Settings,
		limits:   newLimits(o.Settings, o.Clock),
		room:     newRoom(),
		counted:  newCounted(),
		clock:    o.Clock,
		logger:   o.Logger,
	}
}

// Run serves until the context ends. Then it lets requests end.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	go wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := s.graves.sweep(ctx); err != nil && ctx.Err() == nil {
			s.logger.Errorw("Failed to forget deleted functions", "error", err)
		}
	}, sweepEvery)
	drainer := process.NewDrainer(s.Handler(), alive)
	return process.Serve(ctx, drainer, map[net.Listener]http.Handler{listener: drainer})
}

func alive(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// Handler takes commands at / and /events, and serves the schemas of their data at /schemas/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, methods := range map[string]map[string]http.HandlerFunc{
		"/{$}":            {http.MethodPost: s.receive},
		"/events":         {http.MethodPost: s.receive},
		healthPath:        {http.MethodGet: alive},
		readyPath:         {http.MethodGet: alive},
		"/schemas/{$}":    {http.MethodGet: listSchemas},
		"/schemas/{name}": {http.MethodGet: showSchema},
		"/":               nil,
	} {
		mux.HandleFunc(path, byMethod(methods))
	}
	return otelhttp.NewHandler(mux, "receiver", otelhttp.WithFilter(func(r *http.Request) bool {
		return r.URL.Path != healthPath && r.URL.Path != readyPath
	}))
}

// byMethod picks a handler by the request's method. Where there is none there is nothing.
func byMethod(methods map[string]http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		handler, ok := methods[r.Method]
		switch {
		case ok:
			handler(w, r)
		case len(methods) == 0:
			newAnswer(nil, refuse(http.StatusNotFound, codeNotFound, "", "there is nothing here; send events to /")).write(w, r)
		default:
			allowed := make([]string, 0, len(methods))
			for method := range methods {
				allowed = append(allowed, method)
			}
			slices.Sort(allowed)
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			newAnswer(nil, refuse(http.StatusMethodNotAllowed, codeMethod, "", "use %s", strings.Join(allowed, " or "))).write(w, r)
		}
	}
}

func listSchemas(w http.ResponseWriter, _ *http.Request) {
	names, err := fs.Glob(events.Schemas(), "*.json")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	writeJSON(w, http.StatusOK, map[string][]string{"schemas": names})
}

func showSchema(w http.ResponseWriter, r *http.Request) {
	text, err := fs.ReadFile(events.Schemas(), r.PathValue("name"))
	if err != nil {
		newAnswer(nil, refuse(http.StatusNotFound, codeNotFound, "", "there is no such schema; /schemas/ lists them")).write(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write(text) // the caller may have gone
}

// receive does the commands of a request.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	leave, err := s.room.enter(r, s.settings().MaxEventBytes)
	if err != nil {
		s.refuseUnread(w, r, err)
		return
	}
	defer leave()
	user, err := s.identify(r)
	var found []received
	var batch bool
	if err == nil {
		// Who sends slowly must not keep the room of others. A server without deadlines is one of a test.
		body := http.NewResponseController(w)
		_ = body.SetReadDeadline(time.Now().Add(readTimeout))
		found, batch, err = read(w, r, s.settings().MaxEventBytes)
		_ = body.SetReadDeadline(time.Time{})
	}
	if err == nil && !s.limits.allow(senderOf(user, r), len(found)) {
		err = refuse(http.StatusTooManyRequests, codeTooMany, "", "you give more commands in a second than ConfigMap config-receiver allows (rate, burst)")
	}
	if err != nil {
		s.refuseUnread(w, r, err)
		return
	}
	answers := make([]*Answer, len(found))
	for i, event := range found {
		answers[i] = s.answer(r.Context(), user, event)
	}
	if batch {
		writeBatch(w, r, answers)
		return
	}
	answers[0].write(w, r)
}

// answer does the command of an event, and says how that went.
func (s *Server) answer(ctx context.Context, user *access.User, found received) *Answer {
	begun := s.clock.Now()
	duplicate, err := false, found.err
	if err == nil {
		duplicate, err = s.obey(ctx, user, found.event)
	}
	a := newAnswer(found.event, err)
	a.duplicate = duplicate
	record(ctx, found.event, a, s.clock.Since(begun))
	return a
}

// obey does the command of an event.
func (s *Server) obey(ctx context.Context, user *access.User, e *event.Event) (duplicate bool, err error) {
	if events.IsResponse(e.Type()) {
		return s.count(ctx, user, e)
	}
	settings := s.settings()
	attributes := []attribute.KeyValue{attributeType.String(e.Type()), attributeID.String(e.ID())}
	do, o := func(ctx context.Context) (bool, error) { return s.rebuild(ctx, user, e) }, (*order)(nil)
	if !events.IsPush(e.Type()) {
		if o, err = newOrder(e, settings.DefaultNamespace); err != nil {
			s.note(ctx, user, e, nil, false, err)
			return false, err
		}
		do = func(ctx context.Context) (bool, error) { return s.do(ctx, user, o) }
		attributes = append(attributes, observability.AttributeNamespace.String(o.namespace), observability.AttributeFunction.String(o.name))
	}
	ctx, span := observability.StartSpan(ctx, "command", trace.WithAttributes(attributes...))
	defer span.End()
	duplicate, err = persist(ctx, settings.Timeout, s.ready, do)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	s.note(ctx, user, e, o, duplicate, err)
	return duplicate, err
}

// do does a command, unless it was done before.
func (s *Server) do(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	if o.kind == agents {
		return s.control(ctx, user, o)
	}
	switch o.event.Type() {
	case events.ServiceDelete:
		return s.remove(ctx, user, o)
	case events.BuildStart, events.BuildRetry:
		return s.build(ctx, user, o)
	case events.BuildCancel:
		return s.cancel(ctx, user, o)
	case events.FunctionRollback:
		return s.rollBack(ctx, user, o)
	default:
		return s.apply(ctx, user, o)
	}
}

// note logs who did what, for audits.
func (s *Server) note(ctx context.Context, user *access.User, e *event.Event, o *order, duplicate bool, err error) {
	logger := s.logger.With("audit", true, "user", nameOf(user), "type", e.Type(), "id", e.ID(), "source", e.Source(), "correlationid", correlationOf(e))
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		logger = logger.With("trace_id", span.TraceID().String(), "span_id", span.SpanID().String())
	}
	if o != nil {
		logger = logger.With("namespace", o.namespace, o.kind.noun, o.name, "reason", o.payload.Reason)
	}
	switch {
	case err == nil:
		logger.Infow("The command is done", "duplicate", duplicate)
	case refusalOf(err).status >= http.StatusInternalServerError:
		logger.Errorw("The command failed", "error", err)
	default:
		logger.Infow("The command is refused", "error", err)
	}
}

// refuseUnread refuses a request before its events are looked at.
func (s *Server) refuseUnread(w http.ResponseWriter, r *http.Request, err error) {
	a := newAnswer(nil, err)
	record(r.Context(), nil, a, 0)
	if _, refused := errors.AsType[*refusal](err); !refused && !errors.Is(r.Context().Err(), context.Canceled) {
		s.logger.Errorw("Failed to read a request", "error", err)
	} else {
		s.logger.Debugw("Refused a request", "error", err, "from", r.RemoteAddr)
	}
	a.write(w, r)
}
