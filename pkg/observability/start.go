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
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/types"
)

// The phases of a cold start that happen outside of the instance. The runtime in it measures boot, init and first, under
// the same name.
const (
	phaseSchedule = "schedule"
	phasePull     = "pull"
	phaseCreate   = "create"
)

// coldStart is named as the runtime's, and has its buckets.
var coldStart = Must(meter.Float64Histogram("knative.lambda.function.cold_start.duration", metric.WithUnit("s"),
	metric.WithDescription("Time that a cold start takes: schedule is until the pod has a node, pull is for its images, create is what else there is until its container runs."),
	metric.WithExplicitBucketBoundaries(.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30)))

// Start is how a pod of a function came to run.
type Start struct {
	Function types.NamespacedName
	Pod      string
	// Created, Scheduled and Ran are when it was created, had a node, and when the function's container ran. What is heard
	// of in another order has happened at once.
	Created, Scheduled, Ran time.Time
	// Pulled is what the pulls of its images took of the time on the node.
	Pulled time.Duration
}

// RecordStart records the phases of a start. It is a trace of its own, with a span for each phase.
func RecordStart(ctx context.Context, s *Start) {
	scheduled := s.Scheduled
	if s.Ran.Before(scheduled) {
		scheduled = s.Ran
	}
	pulled := min(s.Pulled, s.Ran.Sub(scheduled))
	ctx, span := StartSpan(ctx, "start", trace.WithTimestamp(s.Created), trace.WithAttributes(
		AttributeNamespace.String(s.Function.Namespace), AttributeFunction.String(s.Function.Name), AttributePod.String(s.Pod)))
	defer span.End(trace.WithTimestamp(s.Ran))
	begin := s.Created
	for _, phase := range []struct {
		name string
		took time.Duration
	}{
		{phaseSchedule, scheduled.Sub(s.Created)}, {phasePull, pulled}, {phaseCreate, s.Ran.Sub(scheduled) - pulled},
	} {
		inPhase, part := StartSpan(ctx, phase.name, trace.WithTimestamp(begin))
		coldStart.Record(inPhase, phase.took.Seconds(),
			labelsOf(s.Function, label("phase", phase.name)))
		begin = begin.Add(phase.took)
		part.End(trace.WithTimestamp(begin))
	}
}
