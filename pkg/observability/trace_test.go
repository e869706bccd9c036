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

package observability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"
)

var functionResource = schema.GroupResource{Group: "lambda.knative.io", Resource: "lambdafunctions"}

// leader leads the functions of the namespace "ours", and does what it is told to.
type leader struct {
	reconciler.LeaderAware
	do func(context.Context) error
}

func (l *leader) IsLeaderFor(key types.NamespacedName) bool { return key.Namespace == "ours" }

func (l *leader) Reconcile(ctx context.Context, _ string) error { return l.do(ctx) }

// last returns the span of the name that ended last.
func last(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	ended := spans.Ended()
	for i := len(ended) - 1; i >= 0; i-- {
		if ended[i].Name() == name {
			return ended[i]
		}
	}
	t.Fatalf("no span %q ended", name)
	return nil
}

func wantAttributes(t *testing.T, span sdktrace.ReadOnlySpan, want ...attribute.KeyValue) {
	t.Helper()
	set := attribute.NewSet(span.Attributes()...)
	for _, pair := range want {
		if got, ok := set.Value(pair.Key); !ok || got != pair.Value {
			t.Errorf("span %q: %s = %v, want %v", span.Name(), pair.Key, got.AsString(), pair.Value.AsString())
		}
	}
}

// terminating is what the API server answers where something is made in a namespace that is being deleted.
func terminating() error {
	err := apierrs.NewForbidden(functionResource, "f", errors.New("because it is being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	return err
}

func TestReconciler(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		result string
		status codes.Code
	}{
		"success":         {nil, "success", codes.Unset},
		"again":           {controller.NewRequeueAfter(time.Second), "requeue", codes.Unset},
		"conflict":        {fmt.Errorf("update: %w", apierrs.NewConflict(functionResource, "f", errors.New("newer"))), "conflict", codes.Unset},
		"namespace goes":  {fmt.Errorf("create: %w", terminating()), "success", codes.Unset},
		"error":           {errors.New("broken"), "error", codes.Error},
		"permanent error": {controller.NewPermanentError(errors.New("broken")), "error", codes.Error},
	} {
		t.Run(name, func(t *testing.T) {
			phase := "phase of " + name
			var inner trace.SpanContext
			reconciled := since(t, "knative_lambda_operator_reconcile_total", labels{"phase": phase, "result": tc.result})
			measured := since(t, "knative_lambda_operator_reconcile_duration_seconds", labels{"phase": phase})
			core, logs := observer.New(zapcore.InfoLevel)
			ctx := logging.WithLogger(t.Context(), zap.New(core).Sugar())
			r := NewReconciler(&leader{do: func(ctx context.Context) error {
				logging.FromContext(ctx).Info("working")
				return Phase(ctx, "deploy", func(ctx context.Context) error {
					inner = trace.SpanContextFromContext(ctx)
					return tc.err
				})
			}}, func(key types.NamespacedName) Object {
				return Object{Phase: phase, Runtime: "python"}
			})
			if err := r.Reconcile(ctx, "ours/f"); !errors.Is(err, tc.err) {
				t.Errorf("Reconcile() = %v, want %v", err, tc.err)
			}
			if got := reconciled(); got != 1 {
				t.Errorf("reconcile_total = %v, want 1", got)
			}
			if got := measured(); got != 1 {
				t.Errorf("reconcile_duration_seconds counted %v, want 1", got)
			}
			outer, part := last(t, "reconcile"), last(t, "deploy")
			about := []attribute.KeyValue{
				AttributeNamespace.String("ours"), AttributeFunction.String("f"), AttributeRuntime.String("python"), AttributePhase.String(phase),
			}
			wantAttributes(t, outer, append(about, AttributeOperation.String("reconcile"), AttributeOperationName.String("reconcile"))...)
			wantAttributes(t, part, append(about, AttributeOperation.String("deploy"))...)
			if part.Parent().SpanID() != outer.SpanContext().SpanID() || part.SpanContext().SpanID() != inner.SpanID() {
				t.Error("the phase is no part of the reconcile")
			}
			if outer.Status().Code != tc.status || part.Status().Code != tc.status {
				t.Errorf("status = %v and %v, want %v", outer.Status().Code, part.Status().Code, tc.status)
			}
			if got := logs.All()[0].ContextMap()["trace_id"]; got != outer.SpanContext().TraceID().String() {
				t.Errorf("trace_id in the log = %v, want that of the reconcile", got)
			}
		})
	}
}

// TestNotLeader holds that what another replica does is not counted here.
func TestNotLeader(t *testing.T) {
	for _, key := range []string{"theirs/f", "no/key/at/all"} {
		before := len(spans.Ended())
		r := NewReconciler(&leader{do: func(context.Context) error { return controller.NewSkipKey(key) }}, func(types.NamespacedName) Object {
			t.Error("looked at what another replica leads")
			return Object{}
		})
		if err := r.Reconcile(t.Context(), key); !controller.IsSkipKey(err) {
			t.Errorf("Reconcile(%q) = %v, want the key to be skipped", key, err)
		}
		if after := len(spans.Ended()); after != before {
			t.Errorf("Reconcile(%q) made %d spans", key, after-before)
		}
	}
}

func TestPhaseErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string // "" is not counted
	}{
		{nil, ""},
		{apierrs.NewConflict(functionResource, "f", nil), ""},
		{controller.NewSkipKey("key"), ""},
		{controller.NewRequeueAfter(time.Second), ""},
		{apierrs.NewForbidden(functionResource, "f", nil), "Forbidden"},
		{errors.Join(nil, fmt.Errorf("create: %w", apierrs.NewNotFound(functionResource, "f"))), "NotFound"},
		{fmt.Errorf("get: %w", context.DeadlineExceeded), "Timeout"},
		{controller.NewPermanentError(errors.New("owned by others")), "Permanent"},
		{errors.New("anything"), "InternalError"},
	} {
		component := fmt.Sprintf("component of %v", tc.err)
		counted := since(t, "knative_lambda_operator_errors_total", labels{"component": component, "error_type": tc.want})
		if err := Phase(t.Context(), component, func(context.Context) error { return tc.err }); !errors.Is(err, tc.err) {
			t.Errorf("Phase() = %v, want %v", err, tc.err)
		}
		want := 0.0
		if tc.want != "" {
			want = 1
		}
		if got := counted(); got != want {
			t.Errorf("%v: errors_total with error_type %q = %v, want %v", tc.err, tc.want, got, want)
		}
	}
}

func TestAPITransport(t *testing.T) {
	for _, tc := range []struct {
		method, path           string
		status                 int
		verb, resource, result string
	}{
		{"GET", "/api/v1/namespaces/a/pods/p", 200, "get", "pods", "success"},
		{"GET", "/api/v1/namespaces/a/pods/p/log", 404, "get", "pods/log", "not_found"},
		{"GET", "/apis/tekton.dev/v1/taskruns", 200, "list", "taskruns.tekton.dev", "success"},
		{"GET", "/apis/tekton.dev/v1/taskruns?watch=true", 429, "watch", "taskruns.tekton.dev", "throttled"},
		{"POST", "/apis/serving.knative.dev/v1/namespaces/a/services", 409, "create", "services.serving.knative.dev", "conflict"},
		{"PUT", "/apis/lambda.knative.io/v1alpha1/namespaces/a/lambdafunctions/f/status", 422, "update", "lambdafunctions.lambda.knative.io/status", "refused"},
		{"PATCH", "/apis/tekton.dev/v1/namespaces/a/taskruns/t", 500, "patch", "taskruns.tekton.dev", "error"},
		{"DELETE", "/apis/tekton.dev/v1/namespaces/a/taskruns/t", 200, "delete", "taskruns.tekton.dev", "success"},
		{"DELETE", "/apis/tekton.dev/v1/namespaces/a/taskruns", 0, "deletecollection", "taskruns.tekton.dev", "unreachable"},
		{"GET", "/version", 200, "get", "other", "success"},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tc.status) }))
			defer server.Close()
			if tc.status == 0 {
				server.Close()
			}
			by := labels{"verb": tc.verb, "resource": tc.resource, "result": tc.result}
			counted := since(t, "knative_lambda_operator_apiserver_requests_total", by)
			ctx, span := StartSpan(t.Context(), "test")
			for _, ctx := range []context.Context{ctx, t.Context()} {
				ended := len(spans.Ended())
				request, err := http.NewRequestWithContext(ctx, tc.method, server.URL+tc.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if response, err := APITransport(http.DefaultTransport).RoundTrip(request); err == nil {
					if _, err := io.Copy(io.Discard, response.Body); err != nil {
						t.Error("Copy() =", err)
					}
					if err := response.Body.Close(); err != nil {
						t.Error("Close() =", err)
					}
				}
				want := 0
				if trace.SpanContextFromContext(ctx).IsValid() {
					want = 1
				}
				if got := len(spans.Ended()) - ended; got != want {
					t.Errorf("%d spans, want %d", got, want)
				}
			}
			span.End()
			call := last(t, tc.verb+" "+tc.resource)
			wantAttributes(t, call, AttributeOperation.String("api"))
			if call.Parent().SpanID() != span.SpanContext().SpanID() {
				t.Error("the call is no part of what made it")
			}
			if got := counted(); got != 2 {
				t.Errorf("apiserver_requests_total%v counted %v, want 2", by, got)
			}
		})
	}
}

func TestCarry(t *testing.T) {
	if got := Carry(t.Context()); got != "" {
		t.Errorf("Carry() without a trace = %q, want none", got)
	}
	ctx, span := StartSpan(t.Context(), "test")
	defer span.End()
	carried := Carry(ctx)
	var headers map[string]string
	if err := json.Unmarshal([]byte(carried), &headers); err != nil || headers["traceparent"] == "" {
		t.Errorf("Carry() = %q, want an object with traceparent", carried)
	}
	got := trace.SpanContextFromContext(Resume(t.Context(), carried))
	if got.TraceID() != span.SpanContext().TraceID() || got.SpanID() != span.SpanContext().SpanID() || !got.IsSampled() {
		t.Errorf("Resume(%q) = %v, want %v", carried, got, span.SpanContext())
	}
}

func FuzzResume(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}`, `{"traceparent": "00-0-0-0"}`, `{"traceparent": 1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, carried string) {
		ctx := Resume(t.Context(), carried)
		if span := trace.SpanContextFromContext(ctx); span.IsValid() && Carry(ctx) == "" {
			t.Errorf("Resume(%q) has a trace that cannot be carried on", carried)
		}
	})
}

func TestLinkTo(t *testing.T) {
	first, span := StartSpan(t.Context(), "first")
	span.End()
	for name, tc := range map[string]struct {
		carried string
		links   int
	}{
		"what was carried": {Carry(first), 1},
		"nothing":          {"", 0},
		"something else":   {`{"traceparent": "no"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, next := StartSpan(t.Context(), "next")
			LinkTo(ctx, tc.carried)
			next.End()
			links := last(t, "next").Links()
			if len(links) != tc.links || tc.links > 0 && links[0].SpanContext.SpanID() != span.SpanContext().SpanID() {
				t.Errorf("links = %v, want %d to %v", links, tc.links, span.SpanContext())
			}
		})
	}
}
