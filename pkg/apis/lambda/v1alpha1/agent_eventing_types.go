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

import "strings"

// AgentEventingSpec says which events reach an agent, and which it passes on. The agent gets a Broker of its own.
type AgentEventingSpec struct {
	// enabled is false for an agent without eventing. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// eventSource is the source of the events that the agent emits, such as /agents/chat. The agent has it as EVENT_SOURCE.
	// +optional
	EventSource string `json:"eventSource,omitempty"`

	// intents are the types of the events that the agent emits. They tell people and other agents what to subscribe to:
	// nothing is made of them.
	// +optional
	Intents []string `json:"intents,omitempty"`

	// subscriptions are the events that reach the agent: each is a Trigger of the agent's Broker.
	// +optional
	Subscriptions []SubscriptionSpec `json:"subscriptions,omitempty"`

	// forwards are the events that are sent on from the agent's Broker to those of other agents.
	// +optional
	Forwards []ForwardSpec `json:"forwards,omitempty"`

	// dlq says what becomes of events that the agent fails on.
	// +optional
	DLQ *DLQSpec `json:"dlq,omitempty"`

	// rabbitmq is the RabbitMQ cluster of the agent's Broker, and how the agent takes events from it. It has no effect where
	// Brokers are of another class.
	// +optional
	RabbitMQ *RabbitMQSpec `json:"rabbitmq,omitempty"`
}

// SubscriptionSpec has events sent to an agent.
type SubscriptionSpec struct {
	// eventType is the type of the events: itself, what it begins with and a * after the last dot (com.example.order.*), or *
	// for all.
	EventType string `json:"eventType"`

	// source of the events: itself, or what it begins with and a * (/shop/*). Absent: any.
	// +optional
	Source string `json:"source,omitempty"`

	// description is for people.
	// +optional
	Description string `json:"description,omitempty"`
}

// ForwardSpec has events sent on to the Broker of another agent.
type ForwardSpec struct {
	// eventTypes are the types of the events, written as in subscriptions.
	// +kubebuilder:validation:MinItems=1
	EventTypes []string `json:"eventTypes"`

	// targetAgent is the name of the other agent.
	TargetAgent string `json:"targetAgent"`

	// targetNamespace is the namespace of the other agent. Where it is not the agent's own, permissions.allowedTargetNamespaces
	// of both agents have to allow the other's.
	TargetNamespace string `json:"targetNamespace"`

	// description is for people.
	// +optional
	Description string `json:"description,omitempty"`
}

// WildcardPrefix returns what values begin with that the pattern of an event's type or source is for, and true, where the
// pattern ends in a *; else the one value that it is for, and false. The prefix of * alone is "".
func WildcardPrefix(pattern string) (string, bool) {
	return strings.CutSuffix(pattern, "*")
}
