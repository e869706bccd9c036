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

package runtime_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp/otlptest"
)

// tellsAll is a handler that says which trace it is in.
const tellsAll = `
def handler(data, context):
    if data == "raise":
        raise ValueError("broken")
    context.logger.info("seen")
    return {"trace": context.trace_id, "span": context.span_id, "traceparent": context.headers.get("traceparent")}
`

// TestScrape has the names of all metrics, as dashboards and alerts have them.
func TestScrape(t *testing.T) {
	o := pythonOptions(t, folder(t, map[string]string{"main.py": tellsAll}), "")
	f := serve(t, &o)
	f.send(t, http.MethodPost, "/", `"x"`, append(plain, "Traceparent", goTrace)...)
	f.send(t, http.MethodPost, "/", `"raise"`, plain...)
	_, text := f.send(t, http.MethodGet, "/metrics", "", "Accept", "application/openmetrics-text")
	series := map[string]bool{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " # ") // what follows is an exemplar
		if m := regexp.MustCompile(`^(\w+)\{(.*)\} \S+`).FindStringSubmatch(line); m != nil {
			labels := regexp.MustCompile(`(\w+)="[^"]*"`).FindAllStringSubmatch(m[2], -1)
			names := make([]string, 0, len(labels))
			for _, label := range labels {
				names = append(names, label[1])
			}
			series[m[1]+" "+strings.Join(names, ",")] = true
		}
	}
	want := map[string]bool{}
	for _, name := range []string{
		"invocations_total function,namespace,status",
		"duration_seconds_bucket function,namespace,le", "duration_seconds_sum function,namespace", "duration_seconds_count function,namespace",
		"errors_total function,namespace,error_type",
		"cold_starts_total function,namespace",
		"cold_start_duration_seconds_bucket function,namespace,phase,le", "cold_start_duration_seconds_sum function,namespace,phase", "cold_start_duration_seconds_count function,namespace,phase",
		"concurrent_executions function,namespace",
	} {
		want["knative_lambda_function_"+name] = true
	}
	if diff := cmp.Diff(want, series); diff != "" {
		t.Errorf("unexpected metrics (-want, +got): %s", diff)
	}
	for _, line := range []string{
		`knative_lambda_function_invocations_total{function="fn",namespace="ns",status="success"} 1`,
		`knative_lambda_function_invocations_total{function="fn",namespace="ns",status="error"} 1`,
		`knative_lambda_function_errors_total{function="fn",namespace="ns",error_type="HandlerError"} 1`,
		`knative_lambda_function_cold_start_duration_seconds_count{function="fn",namespace="ns",phase="boot"} 1`,
		`knative_lambda_function_cold_start_duration_seconds_count{function="fn",namespace="ns",phase="init"} 1`,
		`knative_lambda_function_cold_start_duration_seconds_count{function="fn",namespace="ns",phase="first"} 1`,
		`# {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"}`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("there is no %s in\n%s", line, text)
		}
	}
}

// TestTelemetry has a function that lives for a few requests and is told to go long before anything would be sent.
func TestTelemetry(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			collector := otlptest.New(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", map[string]string{"grpc": collector.GRPC, "http/protobuf": collector.HTTP}[protocol])
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,service.version=7")
			o := pythonOptions(t, folder(t, map[string]string{"main.py": tellsAll}), "")
			f := serve(t, &o)
			const n = 700            // more than a batch
			const want = 3*n - 1 + 3 // the one that raised has no reply of the handler's; the start has three
			for range n - 2 {
				f.send(t, http.MethodPost, "/", `"x"`, plain...)
			}
			resp, body := f.send(t, http.MethodPost, "/orders", `"x"`, append(binary, "Traceparent", goTrace, "Tracestate", "a=b")...)
			f.send(t, http.MethodPost, "/", `"raise"`, plain...)
			if err := f.stop(); err != nil {
				t.Error("Run() =", err)
			}
			spans, metrics := collector.Await(t, func(spans []*tracepb.Span, metrics map[string]*metricspb.Metric) bool {
				return len(spans) >= want && metrics != nil
			})
			if len(spans) != want {
				t.Errorf("%d spans, want %d", len(spans), want)
			}
			checkStart(t, spans, metrics)
			checkTrace(t, spans, resp, body)
			checkFailure(t, spans)
			checkMetrics(t, metrics, n)
			if got := collector.Resource(); got["service.name"] != "lambda-fn" || got["k8s.namespace.name"] != "ns" || got["team"] != "a b" || got["service.version"] != "7" || got["lambda.runtime"] != "python" {
				t.Errorf("resource = %v", got)
			}
		})
	}
}

// checkStart looks at the spans of the start: they are part of the first request's trace, and exemplars lead to them.
func checkStart(t *testing.T, spans []*tracepb.Span, metrics map[string]*metricspb.Metric) {
	t.Helper()
	byName, first := map[string]*tracepb.Span{}, (*tracepb.Span)(nil)
	for _, s := range spans {
		byName[s.GetName()] = s
		if otlptest.Attributes(s.GetAttributes())["faas.coldstart"] == "bool_value:true" {
			first = s
		}
	}
	boot, load, route := byName["boot"], byName["init"], byName["route"]
	if boot == nil || load == nil || route == nil || first == nil {
		t.Fatalf("boot = %v, init = %v, route = %v, first request = %v", boot, load, route, first)
	}
	for _, s := range []*tracepb.Span{boot, load, route} {
		if string(s.GetTraceId()) != string(first.GetTraceId()) || string(s.GetParentSpanId()) != string(first.GetSpanId()) {
			t.Errorf("%v is no part of %v", s, first)
		}
	}
	if boot.GetEndTimeUnixNano() != load.GetStartTimeUnixNano() || load.GetEndTimeUnixNano() <= load.GetStartTimeUnixNano() {
		t.Errorf("init = %v does not follow boot = %v", load, boot)
	}
	// The first request may have come before the handler was loaded: then it need not find its way any more.
	if end := max(load.GetEndTimeUnixNano(), first.GetStartTimeUnixNano()); load.GetEndTimeUnixNano() != route.GetStartTimeUnixNano() || route.GetEndTimeUnixNano() != end {
		t.Errorf("route = %v is not what is between init = %v and the first request = %v", route, load, first)
	}
	for _, p := range metrics["knative.lambda.function.cold_start.duration"].GetHistogram().GetDataPoints() {
		if phase := otlptest.Attributes(p.GetAttributes())["phase"]; len(p.GetExemplars()) != 1 || string(p.GetExemplars()[0].GetTraceId()) != string(first.GetTraceId()) {
			t.Errorf("exemplars of %s = %v, want one of the first request's trace", phase, p.GetExemplars())
		}
	}
}

// checkTrace looks at the spans of the request that was part of a trace.
func checkTrace(t *testing.T, spans []*tracepb.Span, resp answer, body string) {
	t.Helper()
	byName := map[string]*tracepb.Span{}
	for _, s := range spans {
		if hex.EncodeToString(s.GetTraceId()) == "0af7651916cd43dd8448eb211c80319c" {
			byName[s.GetName()] = s
		}
	}
	receive, handler, reply := byName["receive"], byName["handler"], byName["reply"]
	if len(byName) != 3 || receive == nil || handler == nil || reply == nil {
		t.Fatalf("spans = %v", byName)
	}
	if got := hex.EncodeToString(receive.GetParentSpanId()); got != "b7ad6b7169203331" || receive.GetTraceState() != "a=b" || receive.GetKind() != tracepb.Span_SPAN_KIND_SERVER {
		t.Errorf("receive = %v", receive)
	}
	for _, child := range []*tracepb.Span{handler, reply} {
		if string(child.GetParentSpanId()) != string(receive.GetSpanId()) || child.GetStartTimeUnixNano() < receive.GetStartTimeUnixNano() || child.GetEndTimeUnixNano() > receive.GetEndTimeUnixNano() {
			t.Errorf("%v is no part of %v", child, receive)
		}
	}
	got := otlptest.Attributes(receive.GetAttributes())
	for name, want := range map[string]string{
		"lambda.function": "fn", "lambda.namespace": "ns", "lambda.runtime": "python", "url.path": "/orders", "http.request.method": "POST",
		"http.response.status_code": "int_value:200", "cloudevents.event_type": "order", "cloudevents.event_id": "7", "cloudevents.event_source": "/s",
		"faas.coldstart": "bool_value:false",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	var told struct{ Trace, Span, Traceparent string }
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	span := hex.EncodeToString(handler.GetSpanId())
	if want := "00-0af7651916cd43dd8448eb211c80319c-" + span + "-01"; told.Span != span || told.Traceparent != want {
		t.Errorf("the handler was told %+v, want %s", told, want)
	}
	if want := "00-0af7651916cd43dd8448eb211c80319c-" + hex.EncodeToString(receive.GetSpanId()) + "-01"; resp.Header.Get("Ce-Traceparent") != want {
		t.Errorf("the event that answers has %q, want %q", resp.Header.Get("Ce-Traceparent"), want)
	}
}

func checkFailure(t *testing.T, spans []*tracepb.Span) {
	t.Helper()
	failed := 0
	for _, s := range spans {
		if s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
			failed++
			if !strings.Contains(s.GetStatus().GetMessage(), "ValueError: broken") {
				t.Errorf("span = %v", s)
			}
		}
	}
	if failed != 2 {
		t.Errorf("%d spans failed, want the request's and the handler's", failed)
	}
}

func checkMetrics(t *testing.T, metrics map[string]*metricspb.Metric, n int) {
	t.Helper()
	names := make([]string, 0, len(metrics))
	for name := range metrics {
		names = append(names, strings.TrimPrefix(name, "knative.lambda.function."))
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"cold_start.duration", "cold_starts", "concurrent_executions", "duration", "errors", "invocations"}, names); diff != "" {
		t.Fatalf("unexpected metrics (-want, +got): %s", diff)
	}
	counts := map[string]int64{}
	for _, p := range metrics["knative.lambda.function.invocations"].GetSum().GetDataPoints() {
		counts[otlptest.Attributes(p.GetAttributes())["status"]] = p.GetAsInt()
	}
	if diff := cmp.Diff(map[string]int64{"success": int64(n - 1), "error": 1}, counts); diff != "" {
		t.Errorf("unexpected invocations (-want, +got): %s", diff)
	}
	durations := metrics["knative.lambda.function.duration"].GetHistogram().GetDataPoints()
	if len(durations) != 1 || durations[0].GetCount() != uint64(n) || len(durations[0].GetExemplars()) == 0 {
		t.Errorf("durations = %v", durations)
	}
}

// Without a collector the ids of the caller go to the handler as they are.
func TestNoTelemetry(t *testing.T) {
	o := pythonOptions(t, folder(t, map[string]string{"main.py": tellsAll}), "")
	f := serve(t, &o)
	_, body := f.send(t, http.MethodPost, "/", `"x"`, append(plain, "Traceparent", goTrace)...)
	if want := fmt.Sprintf(`{"trace":"0af7651916cd43dd8448eb211c80319c","span":"b7ad6b7169203331","traceparent":%q}`, goTrace); body != want {
		t.Errorf("body = %s, want %s", body, want)
	}
	if _, body := f.send(t, http.MethodPost, "/", `"x"`, plain...); body != `{"trace":null,"span":null,"traceparent":null}` {
		t.Errorf("body = %s", body)
	}
}

// A collector that does not want it, and settings that say nothing, cost the function nothing but a line in its log.
func TestTelemetryThatFails(t *testing.T) {
	for name, tc := range map[string]struct{ variable, value, want string }{
		"nobody there":  {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "failed to send spans: failed to reach collector"},
		"wrong setting": {"OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon", "traces and metrics are not sent: failed to read OTEL_EXPORTER_OTLP_PROTOCOL"},
		"wrong sampler": {"OTEL_TRACES_SAMPLER", "coin", `traces and metrics are not sent: failed to read OTEL_TRACES_SAMPLER: "coin"`},
		"wrong format":  {"OTEL_PROPAGATORS", "pigeon", `failed to read OTEL_PROPAGATORS: "pigeon"`},
		"refused":       {"OTEL_BSP_SCHEDULE_DELAY", "10", "the collector does not take it: it answered 404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.New(t)
			collector.Refuse(404, 404, 404, 404)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.HTTP)
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
			t.Setenv(tc.variable, tc.value)
			o := pythonOptions(t, folder(t, map[string]string{"main.py": tellsAll}), "")
			f := serve(t, &o)
			for range 3 {
				if resp, body := f.send(t, http.MethodPost, "/", `"x"`, plain...); resp.StatusCode != http.StatusOK {
					t.Errorf("%d %s", resp.StatusCode, body)
				}
			}
			if err := f.stop(); err != nil {
				t.Error("Run() =", err)
			}
			f.log.await(t, tc.want)
		})
	}
}

func TestObservabilitySettings(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	o := pythonOptions(t, folder(t, map[string]string{"main.py": tellsAll}), "")
	o.MetricsPath, o.MetricsAddr, o.MetricLabels = "/stats", addr, map[string]string{"team": "a"}
	o.LogNoTrace, o.LogNoEvent = true, true
	f := serve(t, &o)
	if resp, body := f.send(t, http.MethodGet, "/metrics", ""); !strings.Contains(body, `"trace":`) {
		t.Errorf("%d %s, want the function's answer", resp.StatusCode, body)
	}
	f.send(t, http.MethodPost, "/", `"x"`, append(binary, "Traceparent", goTrace)...)
	if line := f.log.await(t, "seen"); line.TraceID != "" || line.EventID != "" {
		t.Errorf("line = %+v, want neither trace nor event", line)
	}
	for _, url := range []string{f.url, "http://" + addr} {
		_, body := (&function{url: url}).send(t, http.MethodGet, "/stats", "")
		if !strings.Contains(body, `invocations_total{function="fn",namespace="ns",team="a",status="success"} 2`) {
			t.Errorf("%s: %s", url, body)
		}
	}

	o = pythonOptions(t, folder(t, map[string]string{"main.py": tellsAll}), "")
	o.NoMetrics, o.MetricsAddr = true, addr
	f = serve(t, &o)
	if resp, body := f.send(t, http.MethodGet, "/metrics", ""); !strings.Contains(body, `"trace":`) {
		t.Errorf("%d %s, want the function's answer", resp.StatusCode, body)
	}
	f.send(t, http.MethodPost, "/", `"x"`, binary...)
	if line := f.log.await(t, "seen"); line.EventID != "" && line.EventID != "7" {
		t.Errorf("line = %+v, want the event", line)
	}
}
