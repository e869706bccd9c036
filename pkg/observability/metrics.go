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

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope is the name of this package's instruments and spans.
const scope = "github.com/knative-lambda/knative-lambda-operator/pkg/observability"

// prefix is that of all names. The exporter writes dots as underscores, and appends units and "_total".
const prefix = "knative.lambda.operator."

// The buckets of histograms, in seconds.
var (
	reconcileBuckets = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	// Builds of small functions take a few seconds, which is finer than the older buckets from 10 on.
	buildBuckets = []float64{1, 2, 3, 4, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800}
	waitBuckets  = []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800}
)

// The instruments are made before the program has a MeterProvider: OpenTelemetry hands them on to it.
var (
	meter = otel.Meter(scope)

	reconciles        = counter("reconcile", "{reconcile}", "Reconciles, by the phase of the object and the result.")
	reconcileDuration = histogram("reconcile.duration", "How long reconciles took, by the phase of the object.", reconcileBuckets)
	failures          = counter("errors", "{error}", "Errors, by the component that met them and their type.")
	apiRequests       = counter("apiserver.requests", "{request}", "Requests to the API server, by verb, resource and result.")

	buildEvents    = counter("build.events", "{event}", "What happened to builds, by status.")
	buildDuration  = histogram("build.duration", "How long builds took from their turn to their end, by runtime and result.", buildBuckets)
	buildQueueWait = histogram("build.queue.wait", "How long builds waited for their turn.", waitBuckets)
	serviceEvents  = counter("service.events", "{event}", "What happened to Knative Services of functions, by status.")
	parserEvents   = counter("parser.events", "{event}", "Sources that were read: whether a build could be made of them, by status.")

	functions         = gauge("lambdafunctions.total", "{function}", "LambdaFunctions, by namespace and phase.")
	buildsActive      = gauge("build.jobs.active", "{build}", "Builds that run, by namespace.")
	eventingResources = gauge("eventing.resources.total", "{object}", "Objects of Knative Eventing made for functions, by namespace and type.")
)

// Must is for instruments, whose names are constants.
func Must[T any](instrument T, err error) T {
	if err != nil {
		panic(err)
	}
	return instrument
}

func counter(name, unit, description string) metric.Int64Counter {
	return Must(meter.Int64Counter(prefix+name, metric.WithUnit(unit), metric.WithDescription(description)))
}

func histogram(name, description string, buckets []float64) metric.Float64Histogram {
	return Must(meter.Float64Histogram(prefix+name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(buckets...)))
}

func gauge(name, unit, description string) metric.Int64ObservableGauge {
	return Must(meter.Int64ObservableGauge(prefix+name, metric.WithUnit(unit), metric.WithDescription(description)))
}

func label(name, value string) attribute.KeyValue { return attribute.String(name, value) }

func with(labels ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(labels...))
}

// The results of builds. The first is one of reconciles and of requests, too.
const (
	ResultSuccess = "success"
	ResultFailed  = "failed"
)

// BuildStatus is what happens to a build.
type BuildStatus string

// What happens to builds. The last four end one.
const (
	// BuildCreated : a TaskRun was made, which may have to wait for its turn.
	BuildCreated BuildStatus = "created"
	// BuildStarted : its turn has come.
	BuildStarted   BuildStatus = "started"
	BuildComplete  BuildStatus = "complete"
	BuildFailed    BuildStatus = "failed"
	BuildTimeout   BuildStatus = "timeout"
	BuildCancelled BuildStatus = "cancelled"
)

// CountFromZero has counters begin with 0 where it is known what they will count: phases are those of objects. The first
// of something would be missing in an increase otherwise, and alerts count from the first. A MeterProvider must be there.
func CountFromZero(phases []string) {
	ctx := context.Background()
	for _, status := range []BuildStatus{BuildCreated, BuildStarted, BuildComplete, BuildFailed, BuildTimeout, BuildCancelled} {
		buildEvents.Add(ctx, 0, with(label("status", string(status))))
	}
	for _, status := range []ServiceStatus{ServiceCreated, ServiceUpdated, ServiceReady, ServiceFailed, ServiceDeleted} {
		serviceEvents.Add(ctx, 0, with(label("status", string(status))))
	}
	for _, status := range []string{parsedComplete, parsedFailed} {
		parserEvents.Add(ctx, 0, with(label("status", status)))
	}
	for _, phase := range phases {
		for _, result := range []string{ResultSuccess, resultRequeue, resultConflict, resultError} {
			reconciles.Add(ctx, 0, with(label("phase", phase), label("result", result)))
		}
	}
}

// CountBuild counts what happened to a build.
func CountBuild(ctx context.Context, status BuildStatus) {
	buildEvents.Add(ctx, 1, with(label("status", string(status))))
}

// RecordBuild records how long a build took. The runtime is the language of the function.
func RecordBuild(ctx context.Context, runtime, result string, took time.Duration) {
	buildDuration.Record(ctx, took.Seconds(), with(label("runtime", runtime), label("result", result)))
}

// RecordBuildWait records how long a build waited for its turn.
func RecordBuildWait(ctx context.Context, waited time.Duration) {
	buildQueueWait.Record(ctx, waited.Seconds())
}

// ServiceStatus is what happens to a Knative Service.
type ServiceStatus string

// What happens to Knative Services.
const (
	ServiceCreated ServiceStatus = "created"
	ServiceUpdated ServiceStatus = "updated"
	ServiceReady   ServiceStatus = "ready"
	ServiceFailed  ServiceStatus = "failed"
	ServiceDeleted ServiceStatus = "deleted"
)

// CountService counts what happened to a Knative Service.
func CountService(ctx context.Context, status ServiceStatus) {
	serviceEvents.Add(ctx, 1, with(label("status", string(status))))
}

const parsedComplete, parsedFailed = "complete", "failed"

// CountParsed counts a source that was read: complete, or failed where nothing could be built of it.
func CountParsed(ctx context.Context, read bool) {
	status := parsedComplete
	if !read {
		status = parsedFailed
	}
	parserEvents.Add(ctx, 1, with(label("status", status)))
}

// CountError counts an error: component is the phase or controller that met it, errorType one of a bounded set, such as
// the reason of a condition or of the API server's refusal.
func CountError(ctx context.Context, component, errorType string) {
	failures.Add(ctx, 1, with(label("component", component), label("error_type", errorType)))
}
