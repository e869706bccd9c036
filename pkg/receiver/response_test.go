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

package receiver

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// responsesCounted returns what was counted of responses, by "namespace/function status error_type".
func responsesCounted(t *testing.T, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal("Collect() =", err)
	}
	found := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, ok := m.Data.(metricdata.Sum[int64])
			if m.Name != "knative.lambda.function.responses" || !ok {
				continue
			}
			for _, point := range sum.DataPoints {
				label := func(key attribute.Key) string {
					value, _ := point.Attributes.Value(key)
					return value.AsString()
				}
				found[label("namespace")+"/"+label("function")+" "+label("status")+" "+label("error_type")] += point.Value
			}
		}
	}
	return found
}

func TestResponses(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	w := newWorld(t)
	w.settings.OpenNamespaces = []string{"shop"}
	send := func(id, eventType, data, source string) answered {
		return w.do(binary("", eventType, data, "Ce-Id", id, "Ce-Source", source))
	}
	const hello = "io.knative.lambda/shop/hello"
	for id, data := range map[string]string{
		"e1": `{"error":{"type":"timeout"}}`, "e2": `{"error":{"code":"OUT_OF_MEMORY"}}`, "e3": `{"errorType":"ImportError"}`,
		"e4": `{"error":"boom"}`, "e5": `{"code":"HandlerError"}`, "e6": `{"error":{"type":"of my own"}}`, "e7": `boom`, "e8": `{"error":{"type":"permission"}}`,
	} {
		if a := send(id, events.ResponseError, data, hello); a.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", data, a.status, a.body)
		}
	}
	for range 2 {
		if a := send("s1", events.ResponseSuccess, `{}`, hello); a.status != http.StatusAccepted {
			t.Errorf("success: %d %s", a.status, a.body)
		}
	}
	for name, want := range map[string]int{"io.knative.lambda/other/hello": http.StatusUnauthorized, "/else": http.StatusBadRequest, "io.knative.lambda/shop": http.StatusBadRequest} {
		if a := send("s2", events.ResponseSuccess, `{}`, name); a.status != want {
			t.Errorf("of %s: %d %s", name, a.status, a.body)
		}
	}
	want := map[string]int64{
		"shop/hello success ": 1, "shop/hello error timeout": 1, "shop/hello error memory": 1, "shop/hello error import": 1,
		"shop/hello error unknown": 2, "shop/hello error handler": 1, "shop/hello error other": 1, "shop/hello error permission": 1,
	}
	if diff := cmp.Diff(want, responsesCounted(t, reader)); diff != "" {
		t.Error("counted (-want, +got):", diff)
	}
	if len(w.writes()) > 0 {
		t.Errorf("writes %v", w.writes())
	}
}

func TestFunctionsOfResponsesAreBounded(t *testing.T) {
	c := newCounted()
	for i := range maxCounted {
		if _, name := c.names("shop", string(rune('a'+i%26))+string(rune('a'+i/26))); name == functionMany {
			t.Fatalf("function %d is not told apart", i)
		}
	}
	if namespace, name := c.names("shop", "more"); namespace != "shop" || name != functionMany {
		t.Errorf("names() = %s, %s", namespace, name)
	}
	if _, name := c.names("shop", "aa"); name != "aa" {
		t.Errorf("names() = %s", name)
	}
}
