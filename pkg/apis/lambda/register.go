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

// Package lambda holds what all versions of the lambda.knative.io API group share.
package lambda

import "k8s.io/apimachinery/pkg/runtime/schema"

const (
	// GroupName is the API group of LambdaFunction and LambdaAgent.
	GroupName = "lambda.knative.io"

	// FunctionLabelKey is on every child of a LambdaFunction (ConfigMap, TaskRun and its Pod, Knative Service and
	// its Pods); the value is the function's name, cut with a hash where it is longer than a label may be.
	FunctionLabelKey = GroupName + "/function"

	// BuildKeyLabelKey is on the ConfigMap and the TaskRun of a build; the value is the first twelve hex digits of
	// the build key, which are the image's tag as well.
	BuildKeyLabelKey = GroupName + "/build-key"

	// MetricsLabelKey is on the pods of functions that serve the runtime's metrics at /metrics of their own port, with the
	// value "true": what a PodMonitor selects.
	MetricsLabelKey = GroupName + "/metrics"

	// ManagedByLabelKey marks what the controllers made: they watch nothing else of the kinds TaskRun and ConfigMap.
	ManagedByLabelKey = "app.kubernetes.io/managed-by"

	// ManagedByLabelValue is the value of ManagedByLabelKey.
	ManagedByLabelValue = "knative-lambda-operator"

	// BuildSettingsAnnotationKey is on a TaskRun; the value is a hash of its spec, as it was made. A build that failed is
	// tried again where the spec would now be another, for example because the Secret of the registry has been named.
	BuildSettingsAnnotationKey = GroupName + "/build-settings"

	// BuildAttemptAnnotationKey is on a TaskRun; the value is the number of the try that it is, counted from 1.
	BuildAttemptAnnotationKey = GroupName + "/build-attempt"

	// BrokerSettingsAnnotationKey is on a shared Broker's RabbitmqBrokerConfig; the value is the name of the object whose
	// settings it has. Settings of a Broker cannot change: others that want other settings are told whose these are.
	BrokerSettingsAnnotationKey = GroupName + "/settings-of"

	// RebuildAnnotationKey on a LambdaFunction makes a new build whenever its value changes, although nothing else
	// did, for example to take in security updates of a base image.
	RebuildAnnotationKey = GroupName + "/rebuild"

	// CancelBuildAnnotationKey on a LambdaFunction stops the build whose build key (status.buildStatus.key) is its value.
	// The function keeps its last image, until a change of the spec or of RebuildAnnotationKey makes another build.
	CancelBuildAnnotationKey = GroupName + "/cancel-build"

	// RollbackAnnotationKey on a LambdaFunction sends all calls to the Revision of this name. It is taken away when the
	// spec changes.
	RollbackAnnotationKey = GroupName + "/rollback"

	// TraceAnnotationKey on a LambdaFunction has the trace of the command that has last written its spec, a JSON object of
	// W3C headers: the reconcile of that spec is part of it.
	TraceAnnotationKey = GroupName + "/trace"

	// CorrelationAnnotationKey on a LambdaFunction has the correlationid of the command that has last changed it, which its
	// lifecycle events carry on.
	CorrelationAnnotationKey = GroupName + "/correlation-id"
)

// LambdaFunctionsResource is the resource of LambdaFunction.
var LambdaFunctionsResource = schema.GroupResource{Group: GroupName, Resource: "lambdafunctions"}

// LambdaAgentsResource is the resource of LambdaAgent.
var LambdaAgentsResource = schema.GroupResource{Group: GroupName, Resource: "lambdaagents"}
