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
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opencensus.io/stats"
	"go.opencensus.io/stats/view"
	"go.opencensus.io/tag"
	"go.opentelemetry.io/otel"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"k8s.io/apimachinery/pkg/types"
	k8smetrics "knative.dev/pkg/observability/metrics/k8s"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// spans has all spans that ended.
var spans = tracetest.NewSpanRecorder()

// What a linked library measures with OpenCensus.
var (
	linkedMethod   = tag.MustNewKey("method")
	linkedRequests = stats.Int64("linked/requests", "Requests of a linked library.", stats.UnitDimensionless)
)

// TestMain has the tests' process measure and trace as the operator's: with the default registry, and all sampled.
func TestMain(m *testing.M) {
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func setUp() error {
	exporter, err := otelprom.New()
	if err != nil {
		return err
	}
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithView(Views()...)))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	err = view.Register(&view.View{Measure: linkedRequests, Aggregation: view.Count(), TagKeys: []tag.Key{linkedMethod}})
	return errors.Join(err, BridgeOpenCensus())
}

// labels are those of a sample, without what the exporter adds to all.
type labels map[string]string

// sample returns the sample of a metric with exactly the labels.
func sample(t *testing.T, name string, want labels) *dto.Metric {
	t.Helper()
	families, err := promclient.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal("Gather() =", err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			got := labels{}
			for _, pair := range metric.GetLabel() {
				if !strings.HasPrefix(pair.GetName(), "otel_scope_") {
					got[pair.GetName()] = pair.GetValue()
				}
			}
			if maps.Equal(got, want) {
				return metric
			}
		}
	}
	return nil
}

// count is the value of a counter, or how many a histogram has counted. It is 0 without a sample.
func count(t *testing.T, name string, want labels) float64 {
	t.Helper()
	metric := sample(t, name, want)
	return metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
}

// since returns how much a counter, or the count of a histogram, has grown since it was called.
func since(t *testing.T, name string, of labels) func() float64 {
	t.Helper()
	before := count(t, name, of)
	return func() float64 {
		t.Helper()
		return count(t, name, of) - before
	}
}

// recordAll has each metric move.
func recordAll(t *testing.T) {
	t.Helper()
	ctx, span := StartSpan(t.Context(), "test")
	defer span.End()
	queue, err := k8smetrics.NewWorkqueueMetricsProvider()
	if err != nil {
		t.Fatal("NewWorkqueueMetricsProvider() =", err)
	}
	for _, name := range []string{"a", "b"} {
		depth := queue.NewDepthMetric(name)
		depth.Inc()
		t.Cleanup(depth.Dec)
	}
	queue.NewLatencyMetric("a").Observe(1)
	CountBuild(ctx, BuildComplete)
	RecordBuild(ctx, "python", ResultFailed, 45*time.Second)
	RecordBuildWait(ctx, time.Second)
	CountService(ctx, ServiceReady)
	CountParsed(ctx, true)
	CountParsed(ctx, false)
	CountError(ctx, "build", "CompileFailed")
	CountLifecycle(ctx, "io.knative.lambda.lifecycle.function.ready", LifecycleSent)
	CountHealthCheck(ctx, "ollama", "", time.Second)
	if _, err := ObserveLifecycle(func() int64 { return 1 }); err != nil {
		t.Fatal("ObserveLifecycle() =", err)
	}
	reconciles.Add(ctx, 1, with(label("phase", "Ready"), label("result", ResultSuccess)))
	reconcileDuration.Record(ctx, 1, with(label("phase", "Ready")))
	apiRequests.Add(ctx, 1, with(label("verb", "get"), label("resource", "pods"), label("result", ResultSuccess)))

	state := NewState()
	Count(state.Functions, "all", "Ready")
	Count(state.Eventing, "all", "broker")
	state.Builds["all"] = 1
	registration, err := ObserveState(func() *State { return state }, []string{"Ready"}, []string{"broker"})
	if err != nil {
		t.Fatal("ObserveState() =", err)
	}
	function := types.NamespacedName{Namespace: "a", Name: "f"}
	began := time.Now()
	RecordStart(ctx, &Start{
		Function: function, Pod: "hello-1", Created: began, Scheduled: began.Add(time.Second), Ran: began.Add(4 * time.Second), Pulled: 2 * time.Second,
	})
	CountScaleToZero(ctx, function)
	scaled, err := ObserveScale(func() map[types.NamespacedName]Scale { return map[types.NamespacedName]Scale{function: {3, 2, 7}} })
	if err != nil {
		t.Fatal("ObserveScale() =", err)
	}
	used, err := ObserveUsage(func() map[types.NamespacedName]Usage {
		return map[types.NamespacedName]Usage{function: {CoreSeconds: 10, ByteSeconds: 11, Cores: 12, Bytes: 13}}
	}, func() *config.Cost { return &config.Cost{Currency: "EUR", CoreHour: 1, GiBHour: 2, MillionRequests: 3} })
	if err != nil {
		t.Fatal("ObserveUsage() =", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(registration.Unregister(), scaled.Unregister(), used.Unregister()); err != nil {
			t.Error("Unregister() =", err)
		}
	})
}

// TestMetricsOfFunctions holds the names and labels of what the operator knows of functions, and their runtime does not.
func TestMetricsOfFunctions(t *testing.T) {
	of := labels{"function": "f", "namespace": "a"}
	with := func(name, value string) labels { return labels{"function": "f", "namespace": "a", name: value} }
	stopped := since(t, "knative_lambda_function_scale_to_zero_total", of)
	recordAll(t)
	if got := stopped(); got != 1 {
		t.Errorf("scale_to_zero_total counted %v, want 1", got)
	}
	for phase, want := range map[string]float64{"schedule": 1, "pull": 2, "create": 1} {
		h := sample(t, "knative_lambda_function_cold_start_duration_seconds", with("phase", phase)).GetHistogram()
		if got := h.GetSampleSum() / float64(h.GetSampleCount()); got != want {
			t.Errorf("%s took %v s, want %v", phase, got, want)
		}
	}
	for state, want := range map[string]float64{"desired": 3, "actual": 2} {
		if got := sample(t, "knative_lambda_function_replicas", with("state", state)).GetGauge().GetValue(); got != want {
			t.Errorf("%s replicas = %v, want %v", state, got, want)
		}
	}
	for name, want := range map[string]float64{"cpu_seconds_total": 10, "memory_byte_seconds_total": 11, "instance_cpu_cores": 12, "instance_memory_bytes": 13} {
		got := sample(t, "knative_lambda_function_"+name, of)
		if value := got.GetCounter().GetValue() + got.GetGauge().GetValue(); value != want {
			t.Errorf("%s = %v, want %v", name, value, want)
		}
	}
	for resource, want := range map[string]float64{"cpu_core_hour": 1, "memory_gib_hour": 2, "million_requests": 3} {
		if got := sample(t, "knative_lambda_operator_price", labels{"resource": resource, "currency": "EUR"}).GetGauge().GetValue(); got != want {
			t.Errorf("price of %s = %v, want %v", resource, got, want)
		}
	}
	if got := sample(t, "knative_lambda_function_concurrency_limit", of).GetGauge().GetValue(); got != 7 {
		t.Errorf("concurrency_limit = %v, want 7", got)
	}
}

// TestMetrics holds names, labels and that each metric moves.
func TestMetrics(t *testing.T) {
	counted := map[string]func() float64{}
	for _, tc := range []struct {
		name   string
		labels labels
	}{
		{"reconcile_total", labels{"phase": "Ready", "result": "success"}},
		{"reconcile_duration_seconds", labels{"phase": "Ready"}},
		{"build_events_total", labels{"status": "complete"}},
		{"build_duration_seconds", labels{"runtime": "python", "result": "failed"}},
		{"build_queue_wait_seconds", labels{}},
		{"service_events_total", labels{"status": "ready"}},
		{"parser_events_total", labels{"status": "complete"}},
		{"parser_events_total", labels{"status": "failed"}},
		{"errors_total", labels{"component": "build", "error_type": "CompileFailed"}},
		{"apiserver_requests_total", labels{"verb": "get", "resource": "pods", "result": "success"}},
		{"workqueue_latency_seconds", labels{}},
	} {
		counted[fmt.Sprint(tc.name, tc.labels)] = since(t, "knative_lambda_operator_"+tc.name, tc.labels)
	}
	recordAll(t)
	for metric, counted := range counted {
		if got := counted(); got != 1 {
			t.Errorf("%s counted %v, want 1", metric, got)
		}
	}
	if got := sample(t, "knative_lambda_operator_workqueue_depth", labels{}).GetGauge().GetValue(); got != 2 {
		t.Errorf("workqueue_depth = %v, want the sum of both queues", got)
	}
	if got := sample(t, "kn_workqueue_depth", labels{"name": "a"}).GetGauge().GetValue(); got != 1 {
		t.Errorf("kn_workqueue_depth of one queue = %v, want 1", got)
	}
	for _, bucket := range sample(t, "knative_lambda_operator_build_duration_seconds", labels{"runtime": "python", "result": "failed"}).GetHistogram().GetBucket() {
		if bucket.GetExemplar() != nil && bucket.GetUpperBound() == 60 {
			return
		}
	}
	t.Error("build_duration_seconds has no exemplar in the bucket of a minute")
}

func TestCountFromZero(t *testing.T) {
	CountFromZero([]string{"Untouched"})
	for name, by := range map[string]labels{
		"build_events_total":   {"status": "timeout"},
		"service_events_total": {"status": "deleted"},
		"parser_events_total":  {"status": "failed"},
		"reconcile_total":      {"phase": "Untouched", "result": "error"},
	} {
		if sample(t, "knative_lambda_operator_"+name, by) == nil {
			t.Errorf("there is no %s%v", name, by)
		}
	}
}

// TestDocumented holds that docs/observability.md has each metric with its type and its labels.
func TestDocumented(t *testing.T) {
	recordAll(t)
	page, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := promclient.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal("Gather() =", err)
	}
	_, table, _ := strings.Cut(string(page), "\n### Metrics of the operator\n")
	table, _, _ = strings.Cut(table, "\n### ")
	metrics := 0
	for _, family := range families {
		name, ours := strings.CutPrefix(family.GetName(), "knative_lambda_operator_")
		if !ours {
			name, ours = strings.CutPrefix(family.GetName(), "knative_lambda_function_")
		}
		if !ours {
			continue
		}
		metrics++
		_, row, ok := strings.Cut(table, fmt.Sprintf("\n| `%s` | %s | ", name, strings.ToLower(family.GetType().String())))
		names, _, _ := strings.Cut(row, " | ")
		if !ok {
			t.Errorf("the page has no %s %s", family.GetType(), name)
		}
		for _, pair := range family.GetMetric()[0].GetLabel() {
			if !strings.HasPrefix(pair.GetName(), "otel_scope_") && !strings.Contains(names, "`"+pair.GetName()+"`") {
				t.Errorf("%s: the page does not have label %s", name, pair.GetName())
			}
		}
	}
	if rows := strings.Count(table, "\n| `"); metrics != rows {
		t.Errorf("there are %d metrics, and the page has %d", metrics, rows)
	}
}

func TestHandler(t *testing.T) {
	ctx, span := StartSpan(t.Context(), "test")
	RecordBuildWait(ctx, time.Hour)
	span.End()
	for accept, want := range map[string]string{
		"": `knative_lambda_operator_build_queue_wait_seconds_bucket`,
		"application/openmetrics-text; version=1.0.0": `trace_id="` + span.SpanContext().TraceID().String() + `"`,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("Accept: %s: there is no %s", accept, want)
		}
	}
}

func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, "127.0.0.1:0") }()
	cancel()
	if err := <-ended; err != nil {
		t.Error("Serve() =", err)
	}
	if err := Serve(t.Context(), "127.0.0.1:none"); err == nil {
		t.Error("Serve() at no port worked")
	}
}

// TestOpenCensus records with OpenCensus, as a linked library does.
func TestOpenCensus(t *testing.T) {
	counted := since(t, "linked_requests_total", labels{"method": "get"})
	if err := stats.RecordWithTags(t.Context(), []tag.Mutator{tag.Insert(linkedMethod, "get")}, linkedRequests.M(1)); err != nil {
		t.Fatal("RecordWithTags() =", err)
	}
	// It is recorded once this has waited for its turn.
	if _, err := view.RetrieveData(linkedRequests.Name()); err != nil {
		t.Fatal("RetrieveData() =", err)
	}
	if got := counted(); got != 1 {
		t.Errorf("linked_requests_total counted %v, want 1", got)
	}
}

func TestState(t *testing.T) {
	now := time.Now()
	state := NewState()
	Count(state.Functions, "shop", "Ready")
	Count(state.Functions, "shop", "Ready")
	Count(state.Eventing, "shop", "broker")
	state.Builds["other"] = 3
	o := &stateObserver{
		look: func() *State { return state }, phases: []string{"Ready", "Failed"}, kinds: []string{"broker"},
		now: func() time.Time { return now }, seen: map[string]time.Time{},
	}
	registration, err := meter.RegisterCallback(o.observe, functions, buildsActive, eventingResources)
	if err != nil {
		t.Fatal("RegisterCallback() =", err)
	}
	defer func() {
		if err := registration.Unregister(); err != nil {
			t.Error("Unregister() =", err)
		}
	}()
	want := func(name string, by labels, value float64) {
		t.Helper()
		metric := sample(t, "knative_lambda_operator_"+name, by)
		if metric == nil || metric.GetGauge().GetValue() != value {
			t.Errorf("%s%v = %v, want %v", name, by, metric, value)
		}
	}
	want("lambdafunctions_total", labels{"namespace": "shop", "phase": "Ready"}, 2)
	want("lambdafunctions_total", labels{"namespace": "shop", "phase": "Failed"}, 0)
	want("lambdafunctions_total", labels{"namespace": "other", "phase": "Ready"}, 0)
	want("eventing_resources_total", labels{"namespace": "shop", "resource_type": "broker"}, 1)
	want("build_jobs_active", labels{"namespace": "other"}, 3)

	state = NewState()
	now = now.Add(forgetAfter)
	want("lambdafunctions_total", labels{"namespace": "shop", "phase": "Ready"}, 0)
	want("build_jobs_active", labels{"namespace": "other"}, 0)
	now = now.Add(time.Second)
	if metric := sample(t, "knative_lambda_operator_build_jobs_active", labels{"namespace": "other"}); metric != nil {
		t.Errorf("build_jobs_active of a namespace that has been empty for long = %v, want none", metric)
	}
}
