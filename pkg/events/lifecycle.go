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

package events

import (
	"context"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// LifecyclePrefix is what the types of all lifecycle events begin with.
const LifecyclePrefix = "io.knative.lambda.lifecycle."

// The types of lifecycle events: what has become of a function, its builds and its Knative Service, or of that of an agent.
// Each is sent once for a transition. The schema of each one's data is in Schemas, under its type and ".json".
const (
	FunctionCreated  = LifecyclePrefix + "function.created"
	FunctionUpdated  = LifecyclePrefix + "function.updated"
	FunctionReady    = LifecyclePrefix + "function.ready"
	FunctionDegraded = LifecyclePrefix + "function.degraded"
	FunctionDeleted  = LifecyclePrefix + "function.deleted"

	BuildStarted   = LifecyclePrefix + "build.started"
	BuildCompleted = LifecyclePrefix + "build.completed"
	BuildFailed    = LifecyclePrefix + "build.failed"
	BuildTimeout   = LifecyclePrefix + "build.timeout"
	BuildCancelled = LifecyclePrefix + "build.cancelled"

	ServiceCreated = LifecyclePrefix + "service.created"
	ServiceUpdated = LifecyclePrefix + "service.updated"
	ServiceReady   = LifecyclePrefix + "service.ready"
	ServiceDeleted = LifecyclePrefix + "service.deleted"
)

// Lifecycle are all types of lifecycle events.
func Lifecycle() []string {
	return []string{
		FunctionCreated, FunctionUpdated, FunctionReady, FunctionDegraded, FunctionDeleted,
		BuildStarted, BuildCompleted, BuildFailed, BuildTimeout, BuildCancelled,
		ServiceCreated, ServiceUpdated, ServiceReady, ServiceDeleted,
	}
}

// Function is the data of events of a function.
type Function struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Runtime is what the function is written in. Its members are "" for a ready image.
	Runtime Runtime `json:"runtime"`
	Phase   string  `json:"phase,omitempty"`
	// Conditions are those of the status.
	Conditions         []Condition `json:"conditions"`
	Generation         int64       `json:"generation"`
	ObservedGeneration int64       `json:"observedGeneration"`
}

// Runtime is what a function is written in.
type Runtime struct {
	Language string `json:"language,omitempty"`
	Version  string `json:"version,omitempty"`
	Handler  string `json:"handler,omitempty"`
}

// Condition is one of a status.
type Condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	Reason             string    `json:"reason,omitempty"`
	Message            string    `json:"message,omitempty"`
	LastTransitionTime time.Time `json:"lastTransitionTime,omitzero"`
}

// Build is the data of events of a build.
type Build struct {
	// Name and Namespace are the function's.
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// JobName is the name of the TaskRun.
	JobName string `json:"jobName"`
	// BuildID is the build key; of a build that was cancelled for another one its first twelve hex digits.
	BuildID string `json:"buildId,omitempty"`
	// ImageURI is the image by its digest, Digest is that alone: sha256:<hex>.
	ImageURI    string    `json:"imageUri,omitempty"`
	Digest      string    `json:"digest,omitempty"`
	StartedAt   time.Time `json:"startedAt,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
	// Duration is in seconds.
	Duration float64 `json:"duration,omitempty"`
	// Phase is Running, Succeeded, Failed, TimedOut or Cancelled.
	Phase string      `json:"phase"`
	Error *BuildError `json:"error,omitempty"`
	// LogsURL is where the build's log is, by build-logs-url of ConfigMap config-eventing; "" where that says nothing.
	LogsURL string `json:"logsUrl,omitempty"`
}

// The phases of builds.
const (
	PhaseRunning   = "Running"
	PhaseSucceeded = "Succeeded"
	PhaseFailed    = "Failed"
	PhaseTimedOut  = "TimedOut"
	PhaseCancelled = "Cancelled"
)

// BuildError is why a build did not succeed.
type BuildError struct {
	// Type is the reason of condition BuildReady.
	Type    string `json:"type"`
	Message string `json:"message,omitempty"`
	// Code is one of those below.
	Code string `json:"code"`
	// Retryable is true where the controller tries the build again by itself.
	Retryable bool `json:"retryable"`
}

// The codes of a BuildError.
const (
	CodeBuildFailed    = "BUILD_FAILED"
	CodeBuildTimeout   = "BUILD_TIMEOUT"
	CodeBuildCancelled = "BUILD_CANCELLED"
)

// Service is the data of events of a function's or an agent's Knative Service.
type Service struct {
	// Name and Namespace are the function's or the agent's.
	Name                string    `json:"name"`
	Namespace           string    `json:"namespace"`
	ServiceName         string    `json:"serviceName"`
	URL                 string    `json:"url,omitempty"`
	LatestRevision      string    `json:"latestRevision,omitempty"`
	LatestReadyRevision string    `json:"latestReadyRevision,omitempty"`
	Ready               bool      `json:"ready"`
	Replicas            Replicas  `json:"replicas"`
	Traffic             []Traffic `json:"traffic"`
}

// Replicas are the instances of all Revisions together.
type Replicas struct {
	Desired   int64 `json:"desired"`
	Ready     int64 `json:"ready"`
	Available int64 `json:"available"`
}

// Traffic is what share of the calls a Revision has.
type Traffic struct {
	RevisionName   string `json:"revisionName,omitempty"`
	LatestRevision bool   `json:"latestRevision"`
	Percent        int64  `json:"percent"`
}

// schemaBase is where the receiver serves the schemas.
const schemaBase = "http://lambda-receiver.knative-lambda.svc.cluster.local/schemas/"

// Cause is what an event comes of.
type Cause struct {
	// ID tells the transition apart from all others: the same transition has the same, whoever sees it.
	ID string
	// CorrelationID is what all has in common that comes of one command or edit.
	CorrelationID string
}

// NewLifecycle makes a lifecycle event of a function or an agent. The trace of the context is that of the event.
func NewLifecycle(ctx context.Context, eventType, namespace, name string, cause Cause, data any) (*event.Event, error) {
	e := event.New()
	e.SetID(cause.ID)
	e.SetType(eventType)
	e.SetSource(fmt.Sprintf("io.knative.lambda/operator/%s/%s", namespace, name))
	e.SetSubject(namespace + "/" + name)
	e.SetTime(time.Now())
	e.SetDataSchema(schemaBase + eventType + ".json")
	e.SetExtension("correlationid", cause.CorrelationID)
	carrier := propagation.MapCarrier{}
	otel.GetTextMapPropagator().Inject(ctx, carrier)
	for _, name := range []string{"traceparent", "tracestate"} {
		if carrier[name] != "" {
			e.SetExtension(name, carrier[name])
		}
	}
	if err := e.SetData(event.ApplicationJSON, data); err != nil {
		return nil, fmt.Errorf("failed to encode the data of %s: %w", eventType, err)
	}
	return &e, nil
}
