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

	"go.opentelemetry.io/otel/metric"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// What the instances of functions reserve, and what that costs. Names end in their units: these have none of their own in
// OpenTelemetry.
var (
	coreSeconds = Must(meter.Float64ObservableCounter("knative.lambda.function.cpu_seconds",
		metric.WithDescription("Processors that a function's instances have reserved, times the seconds that they had them.")))
	byteSeconds = Must(meter.Float64ObservableCounter("knative.lambda.function.memory_byte_seconds",
		metric.WithDescription("Memory that a function's instances have reserved, times the seconds that they had it.")))
	instanceCores = Must(meter.Float64ObservableGauge("knative.lambda.function.instance_cpu_cores",
		metric.WithDescription("Processors that one instance of a function reserves.")))
	instanceBytes = Must(meter.Float64ObservableGauge("knative.lambda.function.instance_memory_bytes",
		metric.WithDescription("Memory that one instance of a function reserves.")))
	price = Must(meter.Float64ObservableGauge("knative.lambda.operator.price",
		metric.WithDescription("Prices of config-cost, by what they are of.")))
)

// Usage is what the instances of a function reserve.
type Usage struct {
	// CoreSeconds and ByteSeconds are of all instances that there have been.
	CoreSeconds, ByteSeconds float64
	// Cores and Bytes are of one instance.
	Cores, Bytes float64
}

// ObserveUsage reports what used finds of the functions that this replica leads, and the prices, each time that metrics
// are read.
func ObserveUsage(used func() map[types.NamespacedName]Usage, prices func() *config.Cost) (metric.Registration, error) {
	return meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for function, usage := range used() {
			of := labelsOf(function)
			observer.ObserveFloat64(coreSeconds, usage.CoreSeconds, of)
			observer.ObserveFloat64(byteSeconds, usage.ByteSeconds, of)
			observer.ObserveFloat64(instanceCores, usage.Cores, of)
			observer.ObserveFloat64(instanceBytes, usage.Bytes, of)
		}
		p := prices()
		for resource, value := range map[string]float64{"cpu_core_hour": p.CoreHour, "memory_gib_hour": p.GiBHour, "million_requests": p.MillionRequests} {
			observer.ObserveFloat64(price, value, with(label("resource", resource), label("currency", p.Currency)))
		}
		return nil
	}, coreSeconds, byteSeconds, instanceCores, instanceBytes, price)
}
