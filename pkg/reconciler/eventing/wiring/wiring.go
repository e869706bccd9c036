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

// Package wiring says what an object of ours, such as a LambdaFunction, wants of Knative Eventing, and makes the objects
// of it. The makers are pure: no client, no clock.
package wiring

import (
	rbacv1 "k8s.io/api/rbac/v1"
	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"
)

// Wiring is all that an object wants of Knative Eventing.
type Wiring struct {
	// Labels are on all children of the object, and on those of no other.
	Labels map[string]string
	// Brokers are those that the Triggers and sources are of, each once. The first is the object's own.
	Brokers []Broker
	// Triggers of the object.
	Triggers []Trigger
	// Schedules of the object.
	Schedules []Schedule
	// APISource sends changes of Kubernetes objects. Nil for none.
	APISource *APISource
	// Remedies are what the object's author can do.
	Remedies Remedies
}

// Remedies are what the author of an object can do where it is not wired, by the fields that the object has: each is what
// follows on a cause and a colon.
type Remedies struct {
	// NotInstalled is for a cluster without Knative Eventing.
	NotInstalled string
	// NotOwned is for a name that is taken.
	NotOwned string
	// Filters is for filters that the class of a Broker does not know.
	Filters string
	// Broker is an alternative to settings that are another than those of a shared Broker, with a comma at its end. Empty
	// where there is none.
	Broker string
}

// Broker is a Broker that is needed.
type Broker struct {
	// Name of the Broker.
	Name string
	// Shared is true for a Broker that is made for the first object that needs it, and goes with the last. All others
	// have to be there, and are left as they are.
	Shared bool
	// Class of a shared Broker that is not there yet: the name of one, or config.BrokerClassAuto.
	Class string
	// RabbitMQ is for a shared Broker of class RabbitMQBroker.
	RabbitMQ RabbitMQ
}

// RabbitMQ are the settings of a Broker of class RabbitMQBroker.
type RabbitMQ struct {
	// Wanted is what the object asks for. Empty fields ask for nothing.
	Wanted RabbitMQSettings
	// Default is what a Broker is made with where the object asks for nothing. All fields are set.
	Default RabbitMQSettings
}

// RabbitMQSettings are the settings that a Broker is made with and that cannot change.
type RabbitMQSettings struct {
	// Cluster is the name of the RabbitmqCluster, and Namespace its namespace.
	Cluster, Namespace string
	// QueueType is classic or quorum.
	QueueType string
}

// Trigger has events of a Broker sent to a subscriber.
type Trigger struct {
	// Name of the Trigger, and Broker that of its Broker.
	Name, Broker string
	// Attributes are what events have to have. Brokers of all classes know them.
	Attributes map[string]string
	// Filters are further filters, all of which events have to pass. Not all classes of Brokers know them.
	Filters []eventingv1.SubscriptionsAPIFilter
	// Guards are filters that keep the subscriber's own replies from it. A class of Brokers that knows no filters does
	// without them.
	Guards []eventingv1.SubscriptionsAPIFilter
	// Subscriber gets the events.
	Subscriber duckv1.Destination
	// Delivery says how.
	Delivery *eventingduckv1.DeliverySpec
	// Annotations of the Trigger.
	Annotations map[string]string
	// Forward is true for a Trigger that sends events on to somebody else. It is counted apart.
	Forward bool
}

// Schedule is a PingSource that sends to a Broker.
type Schedule struct {
	// Name of the PingSource, and Broker that of the Broker.
	Name, Broker string
	// Extensions are attributes of the events, by which a Trigger knows them.
	Extensions map[string]string
	// Cron, Timezone, Data and ContentType are those of a PingSource.
	Cron, Timezone, Data, ContentType string
}

// APISource is an ApiServerSource that sends to a Broker, and the account that it reads with.
type APISource struct {
	// Name of the ApiServerSource, its ServiceAccount, Role and RoleBinding, and Broker that of the Broker.
	Name, Broker string
	// Extensions are attributes of the events, by which a Trigger knows them.
	Extensions map[string]string
	// Mode is Resource or Reference.
	Mode string
	// Resources are what is watched.
	Resources []sourcesv1.APIVersionKindSelector
	// Rules are what the account may do.
	Rules []rbacv1.PolicyRule
}
