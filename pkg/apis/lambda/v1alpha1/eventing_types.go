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
// no default is filled in, and an absent block stays absent. Events that have the function's name as their subject reach
// it; where Knative Eventing is installed this is so without a block too.
type EventingSpec struct {
	// enabled is false for a function without eventing: it gets no events, but for those of spec.triggers. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// brokerName is an existing Broker of the function's namespace. It is never made, changed or deleted. Absent: the
	// Broker that the functions of the namespace share (broker-name of ConfigMap config-eventing, lambda-broker unless
	// changed), which is made for the first of them and goes with the last.
	// +optional
	BrokerName string `json:"brokerName,omitempty"`

	// resourcePrefix begins the names of the function's eventing resources. Absent: the function's name.
	// +optional
	ResourcePrefix string `json:"resourcePrefix,omitempty"`

	// subscriberServiceName is the Knative Service that gets the events. Absent: the function's own.
	// +optional
	SubscriberServiceName string `json:"subscriberServiceName,omitempty"`

	// filters narrow down the events that are addressed to the function: those that pass all of them reach it. A Broker of
	// RabbitMQ knows exact only, and of it one list of attributes.
	// +optional
	Filters []EventFilter `json:"filters,omitempty"`

	// delivery says how events are delivered to the function.
	// +optional
	Delivery *DeliverySpec `json:"delivery,omitempty"`

	// schedules send events to the function at times of their own.
	// +optional
	Schedules []ScheduleSpec `json:"schedules,omitempty"`

	// eventSource is stored and has no effect: the source of a function's replies is io.knative.lambda/<namespace>/<name>.
	// +optional
	EventSource string `json:"eventSource,omitempty"`

	// rabbitmq is the RabbitMQ cluster of the shared Broker, and how the function takes events from it. It has no effect
	// where Brokers are of another class.
	// +optional
	RabbitMQ *RabbitMQSpec `json:"rabbitmq,omitempty"`

	// dlq says what becomes of events that the function fails on.
	// +optional
	DLQ *DLQSpec `json:"dlq,omitempty"`

	// eventTypes are other types for the events that are sent and taken, from the name of the event (such as
	// lifecycleBuildStarted) to its type. They are stored and have no effect.
	// +optional
	EventTypes map[string]string `json:"eventTypes,omitempty"`

	// apiSource sends changes of Kubernetes objects to the function.
	// +optional
	APISource *APISourceSpec `json:"apiSource,omitempty"`

	// monitoring of the eventing resources. It is stored and has no effect.
	// +optional
	Monitoring *MonitoringSpec `json:"monitoring,omitempty"`
}

// EventFilter is a filter of events as in the CloudEvents Subscriptions API. Exactly one field is set.
type EventFilter struct {
	// exact are attributes of events and the values they have.
	// +optional
	Exact map[string]string `json:"exact,omitempty"`

	// prefix are attributes of events and what their values begin with.
	// +optional
	Prefix map[string]string `json:"prefix,omitempty"`

	// suffix are attributes of events and what their values end with.
	// +optional
	Suffix map[string]string `json:"suffix,omitempty"`

	// all are filters that an event passes each of.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	All []EventFilter `json:"all,omitempty"`

	// any are filters that an event passes one of at least.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Any []EventFilter `json:"any,omitempty"`

	// not is a filter that an event does not pass.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Not *EventFilter `json:"not,omitempty"`

	// cesql is an expression of CloudEvents SQL that is true for an event, such as "type LIKE 'com.example.%'".
	// +optional
	CESQL string `json:"cesql,omitempty"`
}

// BackoffPolicy says how the time between two deliveries of an event grows.
// +kubebuilder:validation:Enum=linear;exponential
type BackoffPolicy string

const (
	// BackoffLinear waits the delay times the number of the try.
	BackoffLinear BackoffPolicy = "linear"
	// BackoffExponential doubles the delay with each try.
	BackoffExponential BackoffPolicy = "exponential"
)

// DeliverySpec says how events are delivered to a function. What is absent is taken from ConfigMap config-eventing.
type DeliverySpec struct {
	// retry is how often an event is delivered again before it is a dead letter: 0 to 100. Absent: dlq.retryMaxAttempts.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	Retry *int32 `json:"retry,omitempty"`

	// backoffPolicy is linear or exponential.
	// +optional
	BackoffPolicy BackoffPolicy `json:"backoffPolicy,omitempty"`

	// backoffDelay is the time before the first further delivery, an ISO 8601 duration such as PT1S. Absent:
	// dlq.retryBackoffDelay.
	// +optional
	BackoffDelay string `json:"backoffDelay,omitempty"`

	// timeout of one delivery, an ISO 8601 duration of more than nothing such as PT30S. An event whose delivery takes longer
	// is delivered again although the function still works on it: give more than timeoutSeconds.
	// +optional
	Timeout string `json:"timeout,omitempty"`

	// retryAfterMax is the longest that the header Retry-After of an answer is heeded, an ISO 8601 duration. Knative
	// Eventing refuses it unless its feature delivery-retryafter is enabled.
	// +optional
	RetryAfterMax string `json:"retryAfterMax,omitempty"`
}

// ScheduleSpec sends an event to a function again and again. It has the type dev.knative.sources.ping.
type ScheduleSpec struct {
	// name of the schedule, which no other schedule of the function has: a DNS label.
	Name string `json:"name"`

	// schedule in the form of cron, minute hour day-of-month month day-of-week, or one of @hourly, @daily, @weekly,
	// @monthly, @yearly. With six fields the first is seconds.
	Schedule string `json:"schedule"`

	// timezone of the schedule, as in the IANA database, for example Europe/Berlin. Absent: that of Knative Eventing's pods,
	// which is UTC.
	// +optional
	Timezone string `json:"timezone,omitempty"`

	// data of the event. It has to be a JSON object where contentType is application/json.
	// +optional
	Data string `json:"data,omitempty"`

	// contentType of data, for example application/json.
	// +optional
	ContentType string `json:"contentType,omitempty"`
}

// RabbitMQSpec is the RabbitMQ cluster of a Broker. An agent has a Broker of its own. The first function of a namespace that
// names a cluster or a type of queue decides for the shared Broker; functions that want another say so in their condition
// EventingReady.
type RabbitMQSpec struct {
	// clusterName is the name of the RabbitmqCluster. Absent: rabbitmq-cluster of ConfigMap config-eventing.
	// +optional
	ClusterName string `json:"clusterName,omitempty"`

	// namespace of the RabbitmqCluster. Absent: rabbitmq-namespace of ConfigMap config-eventing.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// queueType is classic or quorum. Absent: rabbitmq-queue-type of ConfigMap config-eventing.
	// +optional
	// +kubebuilder:validation:Enum=classic;quorum
	QueueType string `json:"queueType,omitempty"`

	// parallelism is how many events are delivered at once: 1 to 1000.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	Parallelism *int32 `json:"parallelism,omitempty"`

	// prefetchCount is how many events are taken from the queue before the first is settled. Newer releases of Knative's
	// RabbitMQ Broker take parallelism for it.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	PrefetchCount *int32 `json:"prefetchCount,omitempty"`
}

// DLQSpec says what becomes of events that a function or an agent fails on.
type DLQSpec struct {
	// enabled is false where such events are dropped. Absent is true: they go to dead-letter-sink of ConfigMap
	// config-eventing.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// exchangeName is stored and has no effect: dead letters are not kept in RabbitMQ.
	// +optional
	ExchangeName string `json:"exchangeName,omitempty"`

	// queueName is stored and has no effect: dead letters are not kept in RabbitMQ.
	// +optional
	QueueName string `json:"queueName,omitempty"`

	// routingKeyPrefix is stored and has no effect: dead letters are not kept in RabbitMQ.
	// +optional
	RoutingKeyPrefix string `json:"routingKeyPrefix,omitempty"`

	// retryMaxAttempts is how often an event is delivered again before it is a dead letter: 0 to 100. Default 3 for agents;
	// for functions it is the older form of delivery.retry.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	RetryMaxAttempts *int32 `json:"retryMaxAttempts,omitempty"`

	// retryBackoffDelay is the time before the first further delivery, an ISO 8601 duration such as PT1S. For functions it is
	// the older form of delivery.backoffDelay.
	// +optional
	RetryBackoffDelay string `json:"retryBackoffDelay,omitempty"`

	// messageTTL is how long a dead letter is kept, in milliseconds. Absent: cleanup.retention, else the sink's own limit.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MessageTTL *int64 `json:"messageTTL,omitempty"`

	// maxLength is how many dead letters are kept. Absent: the sink's own limit.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MaxLength *int64 `json:"maxLength,omitempty"`

	// overflowPolicy says what happens at maxLength: drop-head or reject-publish.
	// +optional
	// +kubebuilder:validation:Enum=drop-head;reject-publish
	OverflowPolicy string `json:"overflowPolicy,omitempty"`

	// cleanup of old dead letters, in the form that is older than messageTTL.
	// +optional
	Cleanup *DLQCleanupSpec `json:"cleanup,omitempty"`
}

// DLQCleanupSpec is the cleanup of old dead letters.
type DLQCleanupSpec struct {
	// enabled is true where there is cleanup.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// interval is stored and has no effect: dead letters go when they are old enough.
	// +optional
	Interval string `json:"interval,omitempty"`

	// retention is the age from which dead letters are removed, for example 168h. messageTTL wins over it.
	// +optional
	Retention string `json:"retention,omitempty"`
}

// The modes of APISourceSpec.
const (
	// APISourceModeResource is for events that have the object.
	APISourceModeResource = "Resource"
	// APISourceModeReference is for events that have the object's reference.
	APISourceModeReference = "Reference"
)

// APISourceSpec sends changes of Kubernetes objects of the function's namespace to a function.
type APISourceSpec struct {
	// enabled is true where objects are watched. Absent is false.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// mode is Resource (events have the object) or Reference (events have its reference). Absent is Reference.
	// +optional
	// +kubebuilder:validation:Enum=Resource;Reference
	Mode string `json:"mode,omitempty"`

	// resources are the kinds of objects that are watched. An account is made for the function that may read these, and
	// nothing else.
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

// TriggerSpec has events of a Broker sent to a function, whatever their subject is.
type TriggerSpec struct {
	// broker is the name of the Broker: the one that functions share, or one that is there.
	Broker string `json:"broker"`

	// filter are attributes of events and the values they have to have. Absent: all events, but for the function's own
	// replies.
	// +optional
	Filter map[string]string `json:"filter,omitempty"`
}

// EventingStatus tells of the Broker, the Triggers and the sources of a function or an agent.
type EventingStatus struct {
	// brokerName is the name of the Broker.
	// +optional
	BrokerName string `json:"brokerName,omitempty"`

	// brokerReady is true while the Broker is.
	BrokerReady bool `json:"brokerReady"`

	// brokerUrl is where events for the Broker are sent to.
	// +optional
	BrokerURL string `json:"brokerUrl,omitempty"`

	// triggerCount is the number of Triggers.
	TriggerCount int32 `json:"triggerCount"`

	// triggersReady is the number of Triggers that are ready.
	TriggersReady int32 `json:"triggersReady"`

	// sourceCount is the number of sources: one for each schedule, and one for objects that are watched.
	SourceCount int32 `json:"sourceCount"`

	// sourcesReady is the number of sources that are ready.
	SourcesReady int32 `json:"sourcesReady"`
}
