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

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
)

// span is what a test is told of one.
type span struct {
	TraceID, SpanID, ParentID string
	Service, Name             string
	Start, End                time.Time
	Attributes                map[string]any
}

// collector is the OpenTelemetry Collector's receiver of OTLP, and keeps what comes.
type collector struct {
	mu    sync.Mutex
	spans []span
	// counters are the newest values by name, attributes and who tells of them.
	counters map[string]map[string]int64
}

// startCollector listens for gRPC and HTTP.
func startCollector(ctx context.Context) (*collector, error) {
	c := &collector{counters: map[string]map[string]int64{}}
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{
		"grpc": map[string]any{"endpoint": otlpGRPCAddress}, "http": map[string]any{"endpoint": otlpHTTPAddress},
	}}).Unmarshal(config); err != nil {
		return nil, fmt.Errorf("failed to configure the receiver: %w", err)
	}
	settings := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	traces, err := consumer.NewTraces(c.takeTraces)
	if err != nil {
		return nil, err
	}
	metrics, err := consumer.NewMetrics(c.takeMetrics)
	if err != nil {
		return nil, err
	}
	received, err := factory.CreateTraces(ctx, settings, config, traces)
	if err != nil {
		return nil, fmt.Errorf("failed to make the receiver: %w", err)
	}
	if _, err := factory.CreateMetrics(ctx, settings, config, metrics); err != nil { // it is the same one
		return nil, fmt.Errorf("failed to make the receiver: %w", err)
	}
	return c, received.Start(ctx, componenttest.NewNopHost())
}

func (c *collector) takeTraces(_ context.Context, traces ptrace.Traces) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range traces.ResourceSpans().All() {
		service, _ := resource.Resource().Attributes().Get("service.name")
		for _, scope := range resource.ScopeSpans().All() {
			for _, s := range scope.Spans().All() {
				c.spans = append(c.spans, span{
					TraceID: s.TraceID().String(), SpanID: s.SpanID().String(), ParentID: s.ParentSpanID().String(),
					Service: service.AsString(), Name: s.Name(), Start: s.StartTimestamp().AsTime(), End: s.EndTimestamp().AsTime(),
					Attributes: s.Attributes().AsRaw(),
				})
			}
		}
	}
	return nil
}

func (c *collector) takeMetrics(_ context.Context, metrics pmetric.Metrics) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range metrics.ResourceMetrics().All() {
		instance, _ := resource.Resource().Attributes().Get("service.instance.id")
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				if metric.Type() != pmetric.MetricTypeSum {
					continue
				}
				for _, point := range metric.Sum().DataPoints().All() {
					name := metric.Name() + labelsOf(point.Attributes())
					if c.counters[name] == nil {
						c.counters[name] = map[string]int64{}
					}
					c.counters[name][instance.AsString()] = point.IntValue()
				}
			}
		}
	}
	return nil
}

// labelsOf are attributes in the order of their names.
func labelsOf(attributes pcommon.Map) string {
	var labels []string
	for name, value := range attributes.All() {
		labels = append(labels, fmt.Sprintf("%s=%q", name, value.AsString()))
	}
	slices.Sort(labels)
	return fmt.Sprint(labels)
}

// ServeHTTP tells what has come: at /spans all spans, at /counters what all who count have counted together.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var told any
	switch r.URL.Path {
	case "/spans":
		told = c.spans
	case "/counters":
		sums := map[string]int64{}
		for name, values := range c.counters {
			for _, value := range values {
				sums[name] += value
			}
		}
		told = sums
	case "/health":
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(told) // who asks may have gone
}
