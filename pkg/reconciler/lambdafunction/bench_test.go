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

package lambdafunction

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"knative.dev/pkg/controller"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// settled is a reconciler of a function for which nothing is to be done: no request to an API server hides what the rest
// takes.
func settled(b *testing.B) (context.Context, observability.Leader) {
	b.Helper()
	fn := function(codeA, deployed(WithServiceReady))
	listers := NewListers([]runtime.Object{fn, planOf(function(codeA)), taskRunOf(function(codeA), succeeded), serviceOf(fn, WithServiceReady)})
	ctx, _, _ := WithFakes(controller.WithEventRecorder(b.Context(), record.NewFakeRecorder(1000)), &listers)
	r := newReconciler(ctx, &listers, nil)
	Lead(b, r)
	leader, ok := r.(observability.Leader)
	if !ok {
		b.Fatalf("%T does not lead", r)
	}
	return ctx, leader
}

func reconcile(ctx context.Context, b *testing.B, r controller.Reconciler) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Reconcile(ctx, key); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReconcile is without metrics and traces. It goes before BenchmarkReconcileObserved, since what is made once for
// the whole process cannot be taken back: run both with -count=1, again and again.
func BenchmarkReconcile(b *testing.B) {
	ctx, r := settled(b)
	reconcile(ctx, b, r)
}

// nobody takes spans, and keeps none.
type nobody struct{}

func (nobody) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nobody) Shutdown(context.Context) error                             { return nil }

// BenchmarkReconcileObserved has each reconcile measured and traced, as the operator has it by default.
func BenchmarkReconcileObserved(b *testing.B) {
	exporter, err := otelprom.New()
	if err != nil {
		b.Fatal(err)
	}
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(observability.Views()...)))
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(nobody{}))
	otel.SetTracerProvider(traces)
	ctx, r := settled(b)
	reconcile(ctx, b, observability.NewReconciler(r, func(key types.NamespacedName) observability.Object {
		return observability.Object{Phase: "Ready", Runtime: "python"}
	}))
}
