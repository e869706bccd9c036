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

// Package otlptest is an OpenTelemetry collector for tests, by OpenTelemetry's
// own messages: http/protobuf and gRPC at one address.
package otlptest

import (
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metricsservice "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traceservice "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // registers it
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Collector keeps what it gets.
type Collector struct {
	traceservice.UnimplementedTraceServiceServer
	metricsservice.UnimplementedMetricsServiceServer

	// HTTP and GRPC are the endpoints.
	HTTP, GRPC string

	mu       sync.Mutex
	changed  *sync.Cond
	refusals []int // HTTP statuses to answer with first
	requests []http.Header
	resource map[string]string
	spans    []*tracepb.Span
	metrics  map[string]*metricspb.Metric // the last of each name
}

// New starts a collector that ends with the test.
func New(t *testing.T) *Collector {
	t.Helper()
	c := &Collector{metrics: map[string]*metricspb.Metric{}, resource: map[string]string{}}
	c.changed = sync.NewCond(&c.mu)
	plain := &http.Server{Handler: http.HandlerFunc(c.serve), ReadHeaderTimeout: time.Minute}
	c.HTTP = "http://" + listen(t, func(l net.Listener) { _ = plain.Serve(l) })
	t.Cleanup(func() { _ = plain.Close() })
	server := grpc.NewServer()
	traceservice.RegisterTraceServiceServer(server, c)
	metricsservice.RegisterMetricsServiceServer(server, metricsServer{c})
	c.GRPC = "http://" + listen(t, func(l net.Listener) { _ = server.Serve(l) })
	t.Cleanup(server.Stop)
	return c
}

func listen(t *testing.T, serve func(net.Listener)) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go serve(l)
	return l.Addr().String()
}

// Refuse has the next requests answered with these statuses.
func (c *Collector) Refuse(statuses ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals = append(c.refusals, statuses...)
}

func (c *Collector) refusal(h http.Header) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, h)
	if len(c.refusals) == 0 {
		return 0
	}
	first := c.refusals[0]
	c.refusals = c.refusals[1:]
	return first
}

func (c *Collector) serve(w http.ResponseWriter, req *http.Request) {
	if n := c.refusal(req.Header); n != 0 {
		w.WriteHeader(n)
		return
	}
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err == nil && req.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	traces, metrics := &traceservice.ExportTraceServiceRequest{}, &metricsservice.ExportMetricsServiceRequest{}
	switch {
	case err != nil:
	case strings.HasSuffix(req.URL.Path, "/v1/traces"):
		if err = proto.Unmarshal(b, traces); err == nil {
			c.addSpans(traces)
		}
	case strings.HasSuffix(req.URL.Path, "/v1/metrics"):
		if err = proto.Unmarshal(b, metrics); err == nil {
			c.addMetrics(metrics)
		}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// Export makes Collector a TraceServiceServer.
func (c *Collector) Export(_ context.Context, r *traceservice.ExportTraceServiceRequest) (*traceservice.ExportTraceServiceResponse, error) {
	if n := c.refusal(nil); n != 0 {
		return nil, status.Error(codes.Code(n), "as the test says") //nolint:gosec // a test's own number
	}
	c.addSpans(r)
	return &traceservice.ExportTraceServiceResponse{}, nil
}

// metricsServer is the Collector where its method has the same name.
type metricsServer struct{ *Collector }

func (c metricsServer) Export(_ context.Context, r *metricsservice.ExportMetricsServiceRequest) (*metricsservice.ExportMetricsServiceResponse, error) {
	c.addMetrics(r)
	return &metricsservice.ExportMetricsServiceResponse{}, nil
}

func (c *Collector) addSpans(r *traceservice.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		maps.Copy(c.resource, Attributes(resource.GetResource().GetAttributes()))
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	c.changed.Broadcast()
}

func (c *Collector) addMetrics(r *metricsservice.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceMetrics() {
		maps.Copy(c.resource, Attributes(resource.GetResource().GetAttributes()))
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				c.metrics[m.GetName()] = m
			}
		}
	}
	c.changed.Broadcast()
}

// Attributes returns attributes as text.
func Attributes(list []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			all[a.GetKey()] = v.StringValue
		default:
			all[a.GetKey()] = strings.TrimSpace(a.GetValue().String())
		}
	}
	return all
}

// Await returns what there is once done is true of it, or fails the test.
func (c *Collector) Await(t *testing.T, done func(spans []*tracepb.Span, metrics map[string]*metricspb.Metric) bool) ([]*tracepb.Span, map[string]*metricspb.Metric) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !done(c.spans, c.metrics) {
		if ctx.Err() != nil {
			t.Fatalf("the collector has no more than %v %v", c.spans, c.metrics)
		}
		c.changed.Wait()
	}
	return slices.Clone(c.spans), maps.Clone(c.metrics)
}

// Resource returns whose telemetry has come.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.resource)
}

// Requests returns the headers of all requests, nil for those by gRPC.
func (c *Collector) Requests() []http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}
