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

package otlp_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricsservice "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traceservice "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp/otlptest"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID  = "00f067aa0ba902b7"
	scope   = "github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

var (
	traceBytes = []byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}
	spanBytes  = []byte{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
	start, end = time.Unix(1, 2), time.Unix(3, 4)
	nanos      = func(t time.Time) uint64 { return uint64(t.UnixNano()) }
)

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func TestEncodeSpans(t *testing.T) {
	long := strings.Repeat("z", 70_000) // its length takes three bytes
	encoded := otlp.EncodeSpans([]otlp.Attribute{{Key: "service.name", Value: "fn"}}, []otlp.Span{
		{
			TraceID: traceID, SpanID: spanID, ParentID: spanID, TraceState: "a=b", Name: "receive", Kind: otlp.Server, Start: start, End: end,
			Attributes: []otlp.Attribute{{"s", ""}, {"long", long}, {"b", true}, {"i", -1}, {"f", 1.5}}, Error: "it failed",
		},
		{TraceID: traceID, SpanID: spanID, Name: "handler", Kind: otlp.Internal},
	})
	want := &traceservice.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: text("fn")}}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: scope},
			Spans: []*tracepb.Span{{
				TraceId: traceBytes, SpanId: spanBytes, ParentSpanId: spanBytes, TraceState: "a=b", Name: "receive",
				Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: nanos(start), EndTimeUnixNano: nanos(end),
				Attributes: []*commonpb.KeyValue{
					{Key: "s", Value: text("")},
					{Key: "long", Value: text(long)},
					{Key: "b", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
					{Key: "i", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: -1}}},
					{Key: "f", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 1.5}}},
				},
				Status: &tracepb.Status{Message: "it failed", Code: tracepb.Status_STATUS_CODE_ERROR},
			}, {TraceId: traceBytes, SpanId: spanBytes, Name: "handler", Kind: tracepb.Span_SPAN_KIND_INTERNAL}},
		}},
	}}}
	got := &traceservice.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(encoded, got); err != nil {
		t.Fatal("it is not protobuf:", err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("unexpected spans (-want, +got): %s", diff)
	}
}

func TestEncodeMetrics(t *testing.T) {
	labels := []otlp.Attribute{{Key: "function", Value: "fn"}}
	encoded := otlp.EncodeMetrics(nil, []otlp.Metric{
		{Name: "c", Description: "d", Unit: "u", Counter: []otlp.Point{{Labels: labels, Value: math.MaxInt64}}},
		{Name: "none", Counter: []otlp.Point{}},
		{Name: "g", Gauge: []otlp.Point{{}}},
		{Name: "h", Histogram: []otlp.HistogramPoint{{
			Labels: labels, Count: 3, Sum: 2.5, Bounds: []float64{.5, 1}, Counts: []uint64{1, 2, 0},
			Exemplars: []otlp.Exemplar{{TraceID: traceID, SpanID: spanID, Value: .25, At: end}},
		}}},
	}, start, end)
	attributes := []*commonpb.KeyValue{{Key: "function", Value: text("fn")}}
	number := func(n int64) *metricspb.NumberDataPoint_AsInt { return &metricspb.NumberDataPoint_AsInt{AsInt: n} }
	const cumulative = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE
	want := []*metricspb.Metric{
		{Name: "c", Description: "d", Unit: "u", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
			AggregationTemporality: cumulative, IsMonotonic: true,
			DataPoints: []*metricspb.NumberDataPoint{{Attributes: attributes, StartTimeUnixNano: nanos(start), TimeUnixNano: nanos(end), Value: number(math.MaxInt64)}},
		}}},
		{Name: "none", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{AggregationTemporality: cumulative, IsMonotonic: true}}},
		{Name: "g", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{
			DataPoints: []*metricspb.NumberDataPoint{{TimeUnixNano: nanos(end), Value: number(0)}},
		}}},
		{Name: "h", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
			AggregationTemporality: cumulative,
			DataPoints: []*metricspb.HistogramDataPoint{{
				Attributes: attributes, StartTimeUnixNano: nanos(start), TimeUnixNano: nanos(end),
				Count: 3, Sum: proto.Float64(2.5), ExplicitBounds: []float64{.5, 1}, BucketCounts: []uint64{1, 2, 0},
				Exemplars: []*metricspb.Exemplar{{
					TraceId: traceBytes, SpanId: spanBytes, TimeUnixNano: nanos(end), Value: &metricspb.Exemplar_AsDouble{AsDouble: .25},
				}},
			}},
		}}},
	}
	got := &metricsservice.ExportMetricsServiceRequest{}
	if err := proto.Unmarshal(encoded, got); err != nil {
		t.Fatal("it is not protobuf:", err)
	}
	if diff := cmp.Diff(want, got.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics(), protocmp.Transform()); diff != "" {
		t.Errorf("unexpected metrics (-want, +got): %s", diff)
	}
}

func TestSend(t *testing.T) {
	body := otlp.EncodeSpans(nil, []otlp.Span{{TraceID: traceID, SpanID: spanID, Name: "receive"}})
	for name, tc := range map[string]struct {
		env      map[string]string
		refusals []int
		err      string // empty: it arrives
		refused  bool
	}{
		"http":             {nil, nil, "", false},
		"http, compressed": {map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, x-other=1"}, nil, "", false},
		"its own endpoint": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http:/v1/traces"}, nil, "", false},
		"busy":             {nil, []int{503, 429}, "", false},
		"bad":              {nil, []int{400}, "400 Bad Request", false},
		"not wanted":       {nil, []int{404}, "404 Not Found", true},
		"too late":         {map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "100"}, []int{503, 503, 503}, "503", false},
		"grpc":             {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, nil, "", false},
		"grpc, compressed": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip"}, nil, "", false},
		"grpc, busy":       {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []int{14, 8}, "", false},
		"grpc, bad":        {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []int{3}, "code 3: as the test says", false},
		"grpc, not wanted": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, []int{12}, "code 12", true},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.New(t)
			collector.Refuse(tc.refusals...)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.HTTP)
			if strings.HasPrefix(name, "grpc") {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.GRPC)
			}
			for variable, value := range tc.env {
				t.Setenv(variable, strings.Replace(value, "http:/v1", collector.HTTP+"/own/v1", 1))
			}
			client, err := otlp.ClientFromEnv(otlp.Traces)
			if err != nil {
				t.Fatal("ClientFromEnv() =", err)
			}
			err = client.Send(t.Context(), body)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || errors.Is(err, otlp.ErrRefused) != tc.refused {
					t.Errorf("Send() = %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal("Send() =", err)
			}
			spans, _ := collector.Await(t, func(spans []*tracepb.Span, _ map[string]*metricspb.Metric) bool { return len(spans) > 0 })
			if len(spans) != 1 || spans[0].GetName() != "receive" {
				t.Errorf("spans = %v", spans)
			}
			if want := tc.env["OTEL_EXPORTER_OTLP_HEADERS"]; want != "" {
				if got := collector.Requests()[0]; got.Get("X-Key") != "a b" || got.Get("X-Other") != "1" {
					t.Errorf("headers = %v", got)
				}
			}
		})
	}
}

// Nobody there is an error, but not at once: it may come.
func TestNobodyThere(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
	client, err := otlp.ClientFromEnv(otlp.Metrics)
	if err != nil {
		t.Fatal("ClientFromEnv() =", err)
	}
	if err := client.Send(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "failed to reach collector") {
		t.Errorf("Send() = %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Send(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Send() = %v, want that it was cancelled", err)
	}
}

func TestNothingToSend(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no endpoint":   {},
		"disabled":      {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"},
		"other":         {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_METRICS_EXPORTER": "prometheus"},
		"only traces":   {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a"},
		"none of these": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_METRICS_EXPORTER": "none"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range env {
				t.Setenv(variable, value)
			}
			if client, err := otlp.ClientFromEnv(otlp.Metrics); client != nil || err != nil {
				t.Errorf("ClientFromEnv() = %v, %v, want none", client, err)
			}
		})
	}
}

func TestWrongSettings(t *testing.T) {
	for variable, value := range map[string]string{
		"ENDPOINT": "ftp://a", "PROTOCOL": "http/json", "HEADERS": "a", "TIMEOUT": "soon", "COMPRESSION": "zip", "CERTIFICATE": "none.pem",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
			t.Setenv("OTEL_EXPORTER_OTLP_"+variable, value)
			if _, err := otlp.ClientFromEnv(otlp.Traces); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_"+variable) {
				t.Errorf("ClientFromEnv() = %v", err)
			}
		})
	}
}

// FuzzParseAttributes has any list at all: what is taken has keys, and no list panics.
func FuzzParseAttributes(f *testing.F) {
	for _, seed := range []string{"", "a=b", "a=b%20c,d=", " a = b ,,c=d", "=", "a", "a=%zz", "a==b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, list string) {
		attributes, err := otlp.ParseAttributes(list)
		if err != nil {
			return
		}
		for _, a := range attributes {
			if a.Key == "" || http.CanonicalHeaderKey(a.Key) == "" {
				t.Errorf("%q has an attribute without a key", list)
			}
		}
	})
}
