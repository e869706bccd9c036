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

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"k8s.io/apimachinery/pkg/types"
)

// What Knative's autoscaler makes of a function is named as what the function's own runtime measures.
var (
	replicas = Must(meter.Int64ObservableGauge("knative.lambda.function.replicas", metric.WithUnit("{replica}"),
		metric.WithDescription("Instances of functions: how many the autoscaler wants, and how many there are.")))
	concurrencyLimit = Must(meter.Int64ObservableGauge("knative.lambda.function.concurrency.limit", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that one instance of a function gets at once at most; 0 is no limit.")))
	scaledToZero = Must(meter.Int64Counter("knative.lambda.function.scale_to_zero", metric.WithUnit("{event}"),
		metric.WithDescription("How often a function was left without an instance, because nobody called it.")))
)

// Scale is what the autoscaler has decided of a function, in all of its revisions.
type Scale struct {
	// Desired and Actual are numbers of instances.
	Desired, Actual int64
	// Limit is how many requests an instance gets at once, 0 without a limit.
	Limit int64
}

func labelsOf(function types.NamespacedName, more ...attribute.KeyValue) metric.MeasurementOption {
	return with(append(more, label("function", function.Name), label("namespace", function.Namespace))...)
}

// ObserveScale reports what look finds, each time that metrics are read, of the functions that this replica leads.
func ObserveScale(look func() map[types.NamespacedName]Scale) (metric.Registration, error) {
	return meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for function, scale := range look() {
			observer.ObserveInt64(replicas, scale.Desired, labelsOf(function, label("state", "desired")))
			observer.ObserveInt64(replicas, scale.Actual, labelsOf(function, label("state", "actual")))
			observer.ObserveInt64(concurrencyLimit, scale.Limit, labelsOf(function))
		}
		return nil
	}, replicas, concurrencyLimit)
}

// CountScaleToZero counts that a function has no instance any more.
func CountScaleToZero(ctx context.Context, function types.NamespacedName) {
	scaledToZero.Add(ctx, 1, labelsOf(function))
}
