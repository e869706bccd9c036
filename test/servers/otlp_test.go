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
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func askCollector(t *testing.T, c *collector, path string, into any) {
	t.Helper()
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s answered %d", path, w.Code)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestCollector tells of spans as they are, and adds up what instances count, each by its newest value.
func TestCollector(t *testing.T) {
	c := &collector{counters: map[string]map[string]int64{}}
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "lambda-fn")
	sent := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	sent.SetName("receive")
	sent.SetTraceID([16]byte{15: 1})
	sent.SetSpanID([8]byte{7: 2})
	sent.Attributes().PutBool("faas.coldstart", true)
	if err := c.takeTraces(t.Context(), traces); err != nil {
		t.Fatal("takeTraces() =", err)
	}
	for _, counted := range []struct {
		instance string
		value    int64
	}{{"a", 1}, {"b", 5}, {"a", 3}} {
		metrics := pmetric.NewMetrics()
		resource := metrics.ResourceMetrics().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.instance.id", counted.instance)
		all := resource.ScopeMetrics().AppendEmpty().Metrics()
		all.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(9)
		metric := all.AppendEmpty()
		metric.SetName("calls")
		point := metric.SetEmptySum().DataPoints().AppendEmpty()
		point.Attributes().PutStr("status", "success")
		point.Attributes().PutStr("function", "fn")
		point.SetIntValue(counted.value)
		if err := c.takeMetrics(t.Context(), metrics); err != nil {
			t.Fatal("takeMetrics() =", err)
		}
	}
	var spans []span
	askCollector(t, c, "/spans", &spans)
	if len(spans) != 1 || spans[0].TraceID != "00000000000000000000000000000001" || spans[0].SpanID != "0000000000000002" ||
		spans[0].Service != "lambda-fn" || spans[0].Name != "receive" || spans[0].Attributes["faas.coldstart"] != true {
		t.Errorf("/spans told %+v", spans)
	}
	var counters map[string]int64
	askCollector(t, c, "/counters", &counters)
	if len(counters) != 1 || counters[`calls[function="fn" status="success"]`] != 8 {
		t.Errorf("/counters told %v", counters)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/none", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("/none answered %d", w.Code)
	}
}
