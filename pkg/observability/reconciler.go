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
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"
)

// The results of reconciles, besides ResultSuccess.
const (
	resultRequeue  = "requeue"
	resultConflict = "conflict"
	resultError    = "error"
)

// Leader is a reconciler that does the work of the keys that this replica leads. The generated ones are.
type Leader interface {
	controller.Reconciler
	reconciler.LeaderAware
	IsLeaderFor(key types.NamespacedName) bool
}

// Object is what is told of an object besides its name.
type Object struct {
	// Phase and Runtime are "" where the object has none.
	Phase, Runtime string
	// Trace is what Carry has written of that in which the object was changed, as long as the change was not reconciled.
	Trace string
}

// Reconciler has another one's reconciles counted, measured and traced, and their logs carry the trace. It is put around
// the generated reconciler, as controller.Impl.Reconciler, so that the update of the status belongs to it.
type Reconciler struct {
	Leader

	look  func(key types.NamespacedName) Object
	clock clock.PassiveClock
}

// NewReconciler returns a Reconciler around another. look tells of the object before it is reconciled.
func NewReconciler(leader Leader, look func(key types.NamespacedName) Object) *Reconciler {
	return &Reconciler{Leader: leader, look: look, clock: clock.RealClock{}}
}

// Reconcile implements controller.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	id := types.NamespacedName{Namespace: namespace, Name: name}
	if err != nil || !r.IsLeaderFor(id) {
		return r.Leader.Reconcile(ctx, key) // which says that it is no work of this replica
	}
	object := r.look(id)
	ctx = withAttributes(ctx, []attribute.KeyValue{
		AttributeNamespace.String(namespace), AttributeFunction.String(name), AttributeRuntime.String(object.Runtime), AttributePhase.String(object.Phase),
	})
	ctx, span := StartSpan(Resume(ctx, object.Trace), "reconcile")
	defer span.End()
	ctx = WithTraceInLog(ctx)

	start := r.clock.Now()
	err = r.Leader.Reconcile(ctx, key)
	r.record(ctx, span, object.Phase, err, r.clock.Since(start))
	return err
}

// record must happen before the span ends: histograms take it as their exemplar.
func (r *Reconciler) record(ctx context.Context, span trace.Span, phase string, err error, took time.Duration) {
	result := ResultSuccess
	switch again, _ := controller.IsRequeueKey(err); {
	case failed(err):
		result = resultError
		span.SetStatus(codes.Error, err.Error())
	case again:
		result = resultRequeue
	case apierrs.IsConflict(err):
		result = resultConflict
	}
	reconciles.Add(ctx, 1, with(label("phase", phase), label("result", result)))
	reconcileDuration.Record(ctx, took.Seconds(), with(label("phase", phase)))
}

// WithTraceInLog has the lines that are logged with the context carry the ids of its span.
func WithTraceInLog(ctx context.Context) context.Context {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return ctx
	}
	return logging.WithLogger(ctx, logging.FromContext(ctx).With("trace_id", span.TraceID().String(), "span_id", span.SpanID().String()))
}
