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
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lifecycle"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// observed is what the tests' process measures and traces with, from the first test on that asks for it.
var observed = sync.OnceValues(func() (sdkmetric.Reader, *tracetest.SpanRecorder) {
	reader, spans := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return reader, spans
})

// measures are the values of counters, and the sums of histograms, by name and labels.
type measures map[string]float64

func measure(t *testing.T) measures {
	t.Helper()
	reader, _ := observed()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal("Collect() =", err)
	}
	m := measures{}
	add := func(name string, labels attribute.Set, value float64) {
		m[strings.TrimPrefix(name, "knative.lambda.operator.")+"{"+labels.Encoded(attribute.DefaultEncoder())+"}"] = value
	}
	for _, scope := range all.ScopeMetrics {
		for _, metric := range scope.Metrics {
			switch data := metric.Data.(type) {
			case metricdata.Sum[int64]:
				for _, point := range data.DataPoints {
					add(metric.Name, point.Attributes, float64(point.Value))
				}
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					add(metric.Name, point.Attributes, point.Sum)
				}
			}
		}
	}
	return m
}

// less are the measures that have grown since others, and by how much.
func (m measures) less(before measures) measures {
	grown := measures{}
	for name, value := range m {
		if value > before[name] {
			grown[name] = value - before[name]
		}
	}
	return grown
}

// ledHere leads the functions in namespace default.
func ledHere(key types.NamespacedName) bool { return key.Namespace == "default" }

func newTransitions(objects ...runtime.Object) *transitions {
	listers := NewListers(objects)
	return &transitions{leads: ledHere, functions: listers.LambdaFunctionLister(), logger: zap.NewNop().Sugar()}
}

func TestFunctionTransitions(t *testing.T) {
	failed := function(failedBuild(v1alpha1.ReasonCompileFailed, "line 3"))
	for name, tc := range map[string]struct {
		before, after *v1alpha1.LambdaFunction
		want          measures
	}{
		"source fails": {
			function(), function(WithSourceFailed("RefNotFound", "no such ref")),
			measures{"errors{component=source,error_type=RefNotFound}": 1, "parser.events{status=failed}": 1},
		},
		"build fails":       {function(WithSourceReady), failed, measures{"errors{component=build,error_type=CompileFailed}": 1}},
		"other message":     {failed, function(failedBuild(v1alpha1.ReasonCompileFailed, "line 4")), measures{}},
		"fails otherwise":   {failed, function(failedBuild(v1alpha1.ReasonBuildTimeout, "")), measures{"errors{component=build,error_type=BuildTimeout}": 1}},
		"is built":          {failed, function(WithSourceReady, WithBuildReady), measures{}},
		"does not start":    {function(WithDeploying), function(WithRevisionFailed("exit 1")), measures{"errors{component=deploy,error_type=RevisionFailed}": 1}},
		"another replica's": {LambdaFunction("hello", "theirs"), LambdaFunction("hello", "theirs", WithRevisionFailed("exit 1")), measures{}},
		"another object": {
			function(func(fn *v1alpha1.LambdaFunction) { fn.UID = "older" }), function(WithRevisionFailed("exit 1")), measures{},
		},
		"eventing": {
			function(), function(WithEventingMarked(corev1.ConditionFalse, v1alpha1.ReasonTriggerNotReady, "")),
			measures{"errors{component=eventing,error_type=TriggerNotReady}": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			handler := lifecycle.Updates(newTransitions().functionChanged)
			before := measure(t)
			handler.OnUpdate(tc.before, tc.after) // a resync: it has the version that it had
			after := tc.after.DeepCopy()
			after.ResourceVersion = "newer"
			handler.OnUpdate(tc.before, after)
			if diff := cmp.Diff(tc.want, measure(t).less(before)); diff != "" {
				t.Error("measured (-want, +got):", diff)
			}
		})
	}
}

func TestServiceTransitions(t *testing.T) {
	fn := function(built)
	starting, ready := serviceOf(fn), serviceOf(fn, WithServiceReady)
	failed := serviceOf(fn, WithServiceReady, func(s *servingv1.Service) {
		for i := range s.Status.Conditions {
			s.Status.Conditions[i].Status = corev1.ConditionFalse
		}
	})
	for name, tc := range map[string]struct {
		before, after *servingv1.Service
		want          measures
	}{
		"ready":        {starting, ready, measures{"service.events{status=ready}": 1}},
		"still ready":  {ready, ready, measures{}},
		"failed":       {ready, failed, measures{"service.events{status=failed}": 1}},
		"still failed": {failed, failed, measures{}},
		"deleted":      {ready, nil, measures{"service.events{status=deleted}": 1}},
		"somebody's":   {starting, serviceOf(fn, WithServiceReady, WithoutOwner[*servingv1.Service]), measures{}},
	} {
		t.Run(name, func(t *testing.T) {
			transitions := newTransitions()
			before := measure(t)
			if tc.after == nil {
				transitions.serviceDeleted(cache.DeletedFinalStateUnknown{Obj: tc.before})
				transitions.serviceDeleted("no object")
			} else {
				after := tc.after.DeepCopy()
				after.ResourceVersion = "newer"
				lifecycle.Updates(transitions.serviceChanged).OnUpdate(tc.before, after)
			}
			if diff := cmp.Diff(tc.want, measure(t).less(before)); diff != "" {
				t.Error("measured (-want, +got):", diff)
			}
		})
	}
}

// wantBuildLog looks for the line that leads from a build that ended to its trace.
func wantBuildLog(t *testing.T, logged *observer.ObservedLogs, span sdktrace.ReadOnlySpan, status codes.Code) {
	t.Helper()
	if logged.Len() != 1 {
		t.Fatalf("%d lines, want one of the build", logged.Len())
	}
	line := logged.All()[0]
	message, level := "The build is complete", zapcore.InfoLevel
	if status == codes.Error {
		message, level = "The build failed", zapcore.WarnLevel
	}
	fields := line.ContextMap()
	if line.Message != message || line.Level != level || fields["function"] != "hello" || fields["namespace"] != "default" ||
		fields["duration"] != 60*time.Second || fields["trace_id"] != span.SpanContext().TraceID().String() {
		t.Errorf("logged %v %q %v, want %v %q of the build", line.Level, line.Message, fields, level, message)
	}
}

func TestBuildTransitions(t *testing.T) {
	fn := defaulted(function())
	fetched := func(exitCode int32) TaskRunOption { return WithTaskRunStep(resources.StepFetch, exitCode) }
	ends := func(reason string) TaskRunOption {
		return func(tr *tektonv1.TaskRun) {
			WithTaskRunStarted(began)(tr)
			WithTaskRunFailed(ended, reason, "what happened")(tr)
		}
	}
	const took = 60 // seconds, from began to ended
	duration := func(result string) string { return fmt.Sprintf("build.duration{result=%s,runtime=python}", result) }
	for name, tc := range map[string]struct {
		before, after []TaskRunOption
		want          measures
		status        codes.Code
	}{
		"its turn": {
			nil,
			[]TaskRunOption{WithTaskRunCreated(began.Add(-5 * time.Second)), running},
			measures{"build.events{status=started}": 1, "build.queue.wait{}": 5},
			codes.Unset,
		},
		"complete": {
			[]TaskRunOption{running},
			[]TaskRunOption{succeeded, fetched(0)},
			measures{"build.events{status=complete}": 1, duration("success"): took, "parser.events{status=complete}": 1},
			codes.Unset,
		},
		"not read": {
			[]TaskRunOption{running},
			[]TaskRunOption{ends("Failed"), fetched(1)},
			measures{"build.events{status=failed}": 1, duration("failed"): took, "parser.events{status=failed}": 1},
			codes.Error,
		},
		"timeout": {
			[]TaskRunOption{running},
			[]TaskRunOption{ends(string(tektonv1.TaskRunReasonTimedOut))},
			measures{"build.events{status=timeout}": 1, duration("failed"): took},
			codes.Error,
		},
		"cancelled": {
			[]TaskRunOption{running},
			[]TaskRunOption{cancelled},
			measures{"build.events{status=cancelled}": 1, duration("failed"): took},
			codes.Error,
		},
		"over for long": {[]TaskRunOption{succeeded}, []TaskRunOption{succeeded}, measures{}, codes.Unset},
		"somebody's":    {[]TaskRunOption{running}, []TaskRunOption{succeeded, WithoutOwner[*tektonv1.TaskRun]}, measures{}, codes.Unset},
	} {
		t.Run(name, func(t *testing.T) {
			_, spans := observed()
			ctx, reconcile := observability.StartSpan(t.Context(), "reconcile")
			reconcile.End()
			was, is := taskRunOf(fn, tc.before...), taskRunOf(fn, tc.after...)
			is.ResourceVersion = "newer"
			is.Annotations[resources.SpanContextAnnotation] = observability.Carry(ctx)

			before, spansBefore := measure(t), len(spans.Ended())
			core, logged := observer.New(zapcore.InfoLevel)
			transitions := newTransitions(fn)
			transitions.logger = zap.New(core).Sugar()
			lifecycle.Updates(transitions.taskRunChanged).OnUpdate(was, is)
			if diff := cmp.Diff(tc.want, measure(t).less(before)); diff != "" {
				t.Error("measured (-want, +got):", diff)
			}
			made := spans.Ended()[spansBefore:]
			if _, over := tc.want["build.events{status=started}"]; over || len(tc.want) == 0 {
				if len(made) > 0 {
					t.Errorf("%d spans, want none", len(made))
				}
				return
			}
			if len(made) != 1 {
				t.Fatalf("%d spans, want one of the build", len(made))
			}
			span := made[0]
			wantBuildLog(t, logged, span, tc.status)
			if span.Name() != "build" || span.Parent().SpanID() != reconcile.SpanContext().SpanID() || span.Status().Code != tc.status {
				t.Errorf("span %q of %v with status %v, want that of the build, part of the reconcile that began it, with %v",
					span.Name(), span.Parent(), span.Status(), tc.status)
			}
			if !span.StartTime().Equal(began) || !span.EndTime().Equal(ended) {
				t.Errorf("span from %v to %v, want %v to %v", span.StartTime(), span.EndTime(), began, ended)
			}
		})
	}
}

func TestCensus(t *testing.T) {
	broker := func(name string, labels map[string]string) *eventingv1.Broker {
		return &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels}}
	}
	managed := map[string]string{lambda.ManagedByLabelKey: lambda.ManagedByLabelValue}
	listers := NewListers([]runtime.Object{
		LambdaFunction("new", "default"), LambdaFunction("leaving", "default", WithPhase(v1alpha1.PhaseReady), WithFunctionDeleted),
		LambdaFunction("ready", "default", WithPhase(v1alpha1.PhaseReady)), LambdaFunction("also", "default", WithPhase(v1alpha1.PhaseReady)),
		LambdaFunction("theirs", "theirs"),
		taskRunOf(function(codeA), WithTaskRunAdmitted, running), taskRunOf(function(codeB)), taskRunOf(function(WithCode("x = 1")), WithTaskRunAdmitted, succeeded),
		broker("shared", managed), broker("own", managed), broker("somebodys", nil),
	})
	c := &census{
		leads: ledHere, functions: listers.LambdaFunctionLister(), taskRuns: listers.TaskRunLister(),
		kinds: listers.Kinds(map[eventing.Kind]eventing.Presence{eventing.Brokers: eventing.Present, eventing.Triggers: eventing.Unseen}),
	}
	want := observability.NewState()
	want.Functions["default"] = map[string]int64{"Pending": 1, "Ready": 2, "Deleting": 1}
	want.Builds["default"] = 1
	want.Eventing["default"] = map[string]int64{"broker": 2}
	if diff := cmp.Diff(want, c.take()); diff != "" {
		t.Error("census (-want, +got):", diff)
	}
	for phase := range want.Functions["default"] {
		if !slices.Contains(phases, phase) {
			t.Errorf("phase %q is not among those that read 0", phase)
		}
	}
}
