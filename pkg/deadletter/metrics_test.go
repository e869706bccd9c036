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

package deadletter

import (
	"net/http"
	"strings"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// TestMetrics scrapes a registry as Knative fills it.
func TestMetrics(t *testing.T) {
	registry := promclient.NewRegistry()
	exporter, err := prometheus.New(prometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal("New() =", err)
	}
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)))
	t.Cleanup(func() { otel.SetMeterProvider(before) })

	w := newWorld(t, func(d *config.DeadLetters) { d.MaxEventBytes = 100 })
	var orders inbox
	w.handle("orders", orders.ServeHTTP)
	w.start()
	for _, id := range []string{"1", "1", "2", "3"} {
		w.deliver(id)
	}
	w.deliverTo("shop", "function=bills&max=1", "4")
	w.deliverTo("shop", "function=bills&max=1", "5")
	w.do("POST", "/v1/namespaces/shop", "", eventHeader("6"), []byte(strings.Repeat("x", 101)))
	w.redrive(`{"ids": ["` + w.letters("")[0].ID + `"]}`)
	var purged PurgeResult
	w.post("/purge", `{"ids": ["`+w.letters("")[0].ID+`"]}`, http.StatusOK, &purged)

	families, err := registry.Gather()
	if err != nil {
		t.Fatal("Gather() =", err)
	}
	var text strings.Builder
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal("MetricFamilyToText() =", err)
		}
	}
	for _, want := range []struct{ name, labels, value string }{
		{"received_total", `namespace="shop"`, "5"},
		{"duplicates_total", `namespace="shop"`, "1"},
		{"rejected_total", `reason="TooLarge"`, "1"},
		{"dropped_total", `namespace="shop"`, "1"},
		{"purged_total", `namespace="shop"`, "1"},
		{"redriven_total", `result="delivered"`, "1"},
		{"depth", `namespace="shop"`, "2"},
		{"size_bytes", `namespace="shop"`, ""},
		{"oldest_age_seconds", `namespace="shop"`, ""},
		{"store_duration_seconds_count", "", ""},
		{"store_batch_count", "", ""},
	} {
		if !hasSample(text.String(), "knative_lambda_deadletter_"+want.name, want.labels, want.value) {
			t.Errorf("there is no %s{%s} %s", want.name, want.labels, want.value)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}

func hasSample(text, name, label, value string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, label) && (value == "" || strings.HasSuffix(strings.TrimSpace(line), " "+value)) {
			return true
		}
	}
	return false
}
