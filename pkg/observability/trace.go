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

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/controller"
)

// The attributes of spans.
const (
	AttributeFunction  = attribute.Key("lambda.function")
	AttributeNamespace = attribute.Key("lambda.namespace")
	AttributeRuntime   = attribute.Key("lambda.runtime")
	AttributePhase     = attribute.Key("lambda.phase")
	// AttributePod is the name of an instance's pod. The instance's own spans have it in their resource.
	AttributePod = attribute.Key("k8s.pod.name")
	// AttributeOperation and AttributeOperationName are what the span is of: reconcile, build, deploy, eventing. They are
	// the same: older queries ask for the second.
	AttributeOperation     = attribute.Key("operation.type")
	AttributeOperationName = attribute.Key("operation.name")
)

// tracer's spans are made once the program has a TracerProvider: OpenTelemetry hands it on.
var tracer = otel.Tracer(scope)

type attributesKey struct{}

// withAttributes has spans that are begun in the context have these attributes.
func withAttributes(ctx context.Context, attributes []attribute.KeyValue) context.Context {
	return context.WithValue(ctx, attributesKey{}, attributes)
}

// StartSpan begins a span of an operation, with the attributes of the object that the context is of.
func StartSpan(ctx context.Context, operation string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	attributes, _ := ctx.Value(attributesKey{}).([]attribute.KeyValue)
	options = append(options, trace.WithAttributes(attributes...),
		trace.WithAttributes(AttributeOperation.String(operation), AttributeOperationName.String(operation)))
	return tracer.Start(ctx, operation, options...) //nolint:spancheck // Who begins it ends it.
}

// Phase does a part of a reconcile in a span of its own, and counts its error.
func Phase(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, span := StartSpan(ctx, name)
	defer span.End()
	err := do(ctx)
	if failed(err) {
		CountError(ctx, name, errorType(err))
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// failed is false for what a reconcile returns to be done again, for conflicts, where somebody else was first, and for what
// is not made because its namespace goes.
func failed(err error) bool {
	if err == nil || controller.IsSkipKey(err) || apierrs.IsConflict(err) || apierrs.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return false
	}
	again, _ := controller.IsRequeueKey(err)
	return !again
}

// errorType returns the reason of the API server where there is one.
func errorType(err error) string {
	switch reason := apierrs.ReasonForError(err); {
	case reason != metav1.StatusReasonUnknown:
		return string(reason)
	case errors.Is(err, context.DeadlineExceeded):
		return string(metav1.StatusReasonTimeout)
	case controller.IsPermanentError(err):
		return "Permanent"
	default:
		return string(metav1.StatusReasonInternalError)
	}
}

// Carry returns the context's trace as an annotation can have it: a JSON object of W3C headers. It is "" without a trace.
func Carry(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	text, err := json.Marshal(carrier)
	if err != nil {
		return "" // It is a map of strings.
	}
	return string(text)
}

// Resume returns a context with the trace of what Carry has written. Of anything else it is the context itself.
func Resume(ctx context.Context, carried string) context.Context {
	carrier := propagation.MapCarrier{}
	if json.Unmarshal([]byte(carried), &carrier) != nil {
		return ctx
	}
	return otel.GetTextMapPropagator().Extract(ctx, carrier)
}

// LinkTo links the span of the context to what Carry has written: to what it goes on from, and is no part of.
func LinkTo(ctx context.Context, carried string) {
	trace.SpanFromContext(ctx).AddLink(trace.LinkFromContext(Resume(context.Background(), carried)))
}
