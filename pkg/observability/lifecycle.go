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
)

var (
	lifecycleEvents = counter("lifecycle.events", "{event}", "Lifecycle events, by type and result: sent, or dead where nobody got them.")
	lifecycleQueue  = gauge("lifecycle.queue", "{event}", "Lifecycle events that wait for their sink.")
)

// The results of lifecycle events.
const (
	LifecycleSent = "sent"
	LifecycleDead = "dead"
)

// CountLifecycle counts a lifecycle event that was sent, or that nobody gets.
func CountLifecycle(ctx context.Context, eventType, result string) {
	lifecycleEvents.Add(ctx, 1, with(label("type", eventType), label("result", result)))
}

// ObserveLifecycle has each scrape look at how many lifecycle events wait.
func ObserveLifecycle(queued func() int64) (metric.Registration, error) {
	return meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		observer.ObserveInt64(lifecycleQueue, queued())
		return nil
	}, lifecycleQueue)
}
