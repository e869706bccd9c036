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
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Views have what Knative measures of its work queues appear in the operator's names, too, as one for all queues. They are
// for sharedmain.WithOTelViews.
func Views() []sdkmetric.View {
	return slices.Concat(
		renamed("kn.workqueue.depth", "workqueue.depth"),
		renamed("kn.workqueue.queue.duration", "workqueue.latency"),
	)
}

// renamed has an instrument appear as ours without its labels, and as it is.
func renamed(name, ours string) []sdkmetric.View {
	instrument := sdkmetric.Instrument{Name: name}
	return []sdkmetric.View{
		sdkmetric.NewView(instrument, sdkmetric.Stream{Name: prefix + ours, AttributeFilter: attribute.NewAllowKeysFilter()}),
		// An instrument that any view matches has no stream but those of views.
		sdkmetric.NewView(instrument, sdkmetric.Stream{}),
	}
}
