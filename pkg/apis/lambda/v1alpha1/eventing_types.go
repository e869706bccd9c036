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

package v1alpha1

// EventingSpec says which events reach a function, and what becomes of those it fails on. It is kept as it is given:
// no default is filled in, and an absent block stays absent.
type EventingSpec struct {
	// enabled is false for a function without eventing. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// brokerName is an existing Broker of the function's namespace.
	// +optional
	BrokerName string `json:"brokerName,omitempty"`

	// resourcePrefix begins the names of the function's eventing resources. Absent: the function's name.
	// +optional
	ResourcePrefix string `json:"resourcePrefix,omitempty"`

	// subscriberServiceName is the Knative Service that gets the events. Absent: the function's own.
	// +optional
	SubscriberServiceName string `json:"subscriberServiceName,omitempty"`

	// eventSource is the source of the events that are sent for the function.
	// +optional
	EventSource string `json:"eventSource,omitempty"`

	// rabbitmq is the RabbitMQ cluster of the Broker.
	// +optional
	RabbitMQ *RabbitMQSpec `json:"rabbitmq,omitempty"`

	// dlq says what becomes of events that the function fails on.
	// +optional
	DLQ *DLQSpec `json:"dlq,omitempty"`

	// eventTypes are other types for the events that are sent and taken, from the name of the event (such as
	// lifecycleBuildStarted) to its type.
	// +optional
	EventTypes map[string]string `json:"eventTypes,omitempty"`

	// apiSource sends changes of Kubernetes objects to the function.
	// +optional
	APISource *APISourceSpec `json:"apiSource,omitempty"`

	// monitoring of the eventing resources.
	// +optional
	Monitoring *MonitoringSpec `json:"monitoring,omitempty"`
}

// RabbitMQSpec is the RabbitMQ cluster of a Broker.
type RabbitMQSpec struct {
	// clusterName is the name of the RabbitmqCluster.
	// +optional
	ClusterName string `json:"clusterName,omitempty"`

	// namespace of the RabbitmqCluster.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// queueType is classic or quorum.
	// +optional
	// +kubebuilder:validation:Enum=classic;quorum
	QueueType string `json:"queueType,omitempty"`

	// parallelism is how many events are delivered at once.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	Parallelism *int32 `json:"parallelism,omitempty"`

	// prefetchCount is how many events are taken from the queue before the first is settled.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	PrefetchCount *int32 `json:"prefetchCount,omitempty"`
}

// DLQSpec says what becomes of events that a function fails on.
type DLQSpec struct {
	// enabled is false where such events are dropped. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// exchangeName of the dead letters in RabbitMQ.
	// +optional
	ExchangeName string `json:"exchangeName,omitempty"`

	// queueName of the dead letters in RabbitMQ.
	// +optional
	QueueName string `json:"queueName,omitempty"`

	// routingKeyPrefix of the dead letters in RabbitMQ.
	// +optional
	RoutingKeyPrefix string `json:"routingKeyPrefix,omitempty"`

	// retryMaxAttempts is how often an event is delivered again before it is a dead letter: 0 to 100.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	RetryMaxAttempts *int32 `json:"retryMaxAttempts,omitempty"`

	// retryBackoffDelay is the time before the first further delivery, an ISO 8601 duration such as PT1S.
	// +optional
	RetryBackoffDelay string `json:"retryBackoffDelay,omitempty"`

	// messageTTL is how long a dead letter is kept, in milliseconds.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MessageTTL *int64 `json:"messageTTL,omitempty"`

	// maxLength is how many dead letters are kept.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MaxLength *int64 `json:"maxLength,omitempty"`

	// overflowPolicy says what happens at maxLength: drop-head or reject-publish.
	// +optional
	// +kubebuilder:validation:Enum=drop-head;reject-publish
	OverflowPolicy string `json:"overflowPolicy,omitempty"`

	// cleanup of old dead letters.
	// +optional
	Cleanup *DLQCleanupSpec `json:"cleanup,omitempty"`
}

// DLQCleanupSpec is the cleanup of old dead letters.
type DLQCleanupSpec struct {
	// enabled is true where there is cleanup.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// interval between two cleanups, for example 1h.
	// +optional
	Interval string `json:"interval,omitempty"`

	// retention is the age from which dead letters are removed, for example 168h.
	// +optional
	Retention string `json:"retention,omitempty"`
}

// APISourceSpec sends changes of Kubernetes objects to a function.
type APISourceSpec struct {
	// enabled is true where objects are watched.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// mode is Resource (events have the object) or Reference (events have its reference).
	// +optional
	// +kubebuilder:validation:Enum=Resource;Reference
	Mode string `json:"mode,omitempty"`

	// resources are the kinds of objects that are watched.
	// +optional
	Resources []APISourceResourceSpec `json:"resources,omitempty"`
}

// APISourceResourceSpec is one kind of objects.
type APISourceResourceSpec struct {
	// apiVersion of the objects.
	APIVersion string `json:"apiVersion"`

	// kind of the objects.
	Kind string `json:"kind"`

	// labelSelector are labels that the objects have.
	// +optional
	LabelSelector map[string]string `json:"labelSelector,omitempty"`
}

// MonitoringSpec is the monitoring of eventing resources.
type MonitoringSpec struct {
	// enabled is true where they are monitored.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// TriggerSpec is a filter on a Broker, in the form that is older than EventingSpec.
type TriggerSpec struct {
	// broker is the name of the Broker.
	Broker string `json:"broker"`

	// filter are attributes of events and the values they have to have.
	// +optional
	Filter map[string]string `json:"filter,omitempty"`
}
