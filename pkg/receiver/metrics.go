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
	"context"
	"slices"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

// scope is the name of this package's instruments. Knative's exporter makes knative_lambda_receiver_* of theirs.
const scope = "github.com/knative-lambda/knative-lambda-operator/pkg/receiver"

// The attributes of the span of a command, of OpenTelemetry's conventions for CloudEvents.
const (
	attributeType = attribute.Key("cloudevents.event_type")
	attributeID   = attribute.Key("cloudevents.event_id")
)

// The instruments are made before the program has a MeterProvider: OpenTelemetry hands them on to it.
var (
	meter    = otel.Meter(scope)
	commands = observability.Must(meter.Int64Counter("knative.lambda.receiver.commands", metric.WithUnit("{command}"),
		metric.WithDescription("Commands, by type of event and result: accepted, duplicate, or the code of the refusal.")))
	commandDuration = observability.Must(meter.Float64Histogram("knative.lambda.receiver.command.duration", metric.WithUnit("s"),
		metric.WithDescription("How long commands took, by type of event."),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30)))
)

const (
	resultDuplicate = "duplicate"
	// typeOther stands for types that are none of ours, and for what could not be read.
	typeOther = "other"
	// typePush stands for what tells of new code, and typeControl for control events of types that agents chose.
	typePush    = "push"
	typeControl = "control"
)

func record(ctx context.Context, e *event.Event, a *Answer, took time.Duration) {
	eventType := typeOther
	switch {
	case e == nil:
	case slices.Contains(events.Commands(), e.Type()), slices.Contains(events.Controls(), e.Type()):
		eventType = e.Type()
	case events.IsResponse(e.Type()):
		eventType = e.Type()
	case events.IsPush(e.Type()):
		eventType = typePush
	default:
		if _, ok := events.Control(e.Type()); ok {
			eventType = typeControl
		}
	}
	result := a.Error
	switch {
	case a.duplicate:
		result = resultDuplicate
	case result == "":
		result = statusAccepted
	}
	of := attribute.String("type", eventType)
	commands.Add(ctx, 1, metric.WithAttributes(of, attribute.String("result", result)))
	if took > 0 {
		commandDuration.Record(ctx, took.Seconds(), metric.WithAttributes(of))
	}
}
