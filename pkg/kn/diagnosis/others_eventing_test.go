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

package diagnosis

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	messagingv1 "knative.dev/eventing/pkg/apis/messaging/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const brokerName = "lambda-broker"

func broker(c apis.Condition) *eventingv1.Broker {
	b := &eventingv1.Broker{ObjectMeta: meta(brokerName, nil)}
	b.Status.Conditions = duckv1.Conditions{c}
	return b
}

// trigger leads to the function, with dead letters in a Service of another namespace.
func trigger(function string, c apis.Condition) *eventingv1.Trigger {
	t := &eventingv1.Trigger{ObjectMeta: meta(function+"-trigger", map[string]string{lambda.FunctionLabelKey: function})}
	t.Spec.Broker = brokerName
	t.Spec.Subscriber.Ref = &duckv1.KReference{APIVersion: "serving.knative.dev/v1", Kind: "Service", Name: function}
	t.Spec.Delivery = &eventingduckv1.DeliverySpec{DeadLetterSink: &duckv1.Destination{
		Ref: &duckv1.KReference{APIVersion: "v1", Kind: "Service", Namespace: "knative-lambda", Name: "lambda-deadletter"},
	}}
	t.Status.Conditions = duckv1.Conditions{c}
	return t
}

// wanting is a function that serves, and whose events are in trouble.
func wanting(name string, status corev1.ConditionStatus, reason, message string) *v1alpha1.LambdaFunction {
	fn := function(name, served, func(s *v1alpha1.LambdaFunctionStatus) {
		s.EventingStatus = &v1alpha1.EventingStatus{BrokerName: brokerName}
		s.MarkEventing(true, status, reason, message)
	})
	fn.Spec.Eventing = &v1alpha1.EventingSpec{}
	return fn
}

func eventings() []golden {
	// troubled is a function whose eventing has a cause further down.
	troubled := func(name, reason string, more ...runtime.Object) golden {
		return golden{name: name, objects: append([]runtime.Object{wanting(name, corev1.ConditionFalse, reason, "It is not ready.")}, more...)}
	}
	no := func(t apis.ConditionType, reason, message string) apis.Condition {
		return condition(t, corev1.ConditionFalse, reason, message)
	}
	subscription := &messagingv1.Subscription{ObjectMeta: meta("lambda-broker-subscription", map[string]string{triggerLabel: "unsubscribed-trigger"})}
	subscription.Status.Conditions = duckv1.Conditions{no(messagingv1.SubscriptionConditionChannelReady, "ChannelNotReady", "The channel has no subscriber yet.")}
	ping := &sourcesv1.PingSource{ObjectMeta: meta("no-ping-schedule-nightly", map[string]string{lambda.FunctionLabelKey: "no-ping"})}
	ping.Status.Conditions = duckv1.Conditions{no(sourcesv1.PingSourceConditionDeployed, "DeploymentUnavailable", `Deployment "pingsource-mt-adapter" is unavailable.`)}
	api := &sourcesv1.ApiServerSource{ObjectMeta: meta("no-api-api-source", map[string]string{lambda.FunctionLabelKey: "no-api"})}
	api.Status.Conditions = duckv1.Conditions{no(sourcesv1.ApiServerConditionSufficientPermissions, "NotSufficient", "user system:serviceaccount:shop:no-api-api-source cannot watch pods")}
	deadLetters := &corev1.Service{}
	deadLetters.Name, deadLetters.Namespace = "lambda-deadletter", "knative-lambda"
	slice := &discoveryv1.EndpointSlice{Endpoints: []discoveryv1.Endpoint{{Conditions: discoveryv1.EndpointConditions{Ready: ptr.Bool(false)}}}}
	slice.Name, slice.Namespace, slice.Labels = "lambda-deadletter-1", "knative-lambda", map[string]string{discoveryv1.LabelServiceName: "lambda-deadletter"}
	answering := slice.DeepCopy()
	answering.Endpoints[0].Conditions.Ready = ptr.Bool(true)
	other := ready(knativeService("other", apis.Condition{}))
	other.Status.Conditions[0] = no(servingv1.ServiceConditionConfigurationsReady, "RevisionFailed", "It exits.")
	toOther := trigger("other-subscriber", no(eventingv1.TriggerConditionSubscriberResolved, "Unable to get the Subscriber's URI", `services.serving.knative.dev "other" has no address`))
	toOther.Spec.Subscriber.Ref.Name = "other"
	good := condition(apis.ConditionReady, corev1.ConditionTrue, "", "")
	events := func(name string, more ...runtime.Object) golden {
		return golden{name: name, objects: append([]runtime.Object{wanting(name, corev1.ConditionTrue, "", ""), ready(knativeService(name, apis.Condition{}))}, more...)}
	}
	unasked := function("unasked", served, func(s *v1alpha1.LambdaFunctionStatus) {
		s.MarkEventing(false, corev1.ConditionTrue, v1alpha1.ReasonEventingNotInstalled, "Knative Eventing is not installed: the function gets no events.")
	})
	late := function("late-events", revisionFailed("It exits."), func(s *v1alpha1.LambdaFunctionStatus) {
		s.MarkEventing(true, corev1.ConditionUnknown, v1alpha1.ReasonWaitingForService, "Events reach the function once its Knative Service is ready.")
	})
	return []golden{
		troubled("no-broker", v1alpha1.ReasonBrokerNotReady),
		troubled("bad-broker", v1alpha1.ReasonBrokerNotReady, broker(no(eventingv1.BrokerConditionIngress, "ServiceFailure", "There are no endpoints of service broker-ingress."))),
		troubled("broker-of-trigger", v1alpha1.ReasonTriggerNotReady, trigger("broker-of-trigger", no(eventingv1.TriggerConditionBroker, "BrokerDoesNotExist", `Broker "lambda-broker" does not exist`))),
		troubled("no-dead-letters", v1alpha1.ReasonTriggerNotReady, trigger("no-dead-letters", no(eventingv1.TriggerConditionDeadLetterSinkResolved, "Unable to get the DeadLetterSink's URI", `services "lambda-deadletter" not found`))),
		troubled("no-subscriber", v1alpha1.ReasonTriggerNotReady, trigger("no-subscriber", no(eventingv1.TriggerConditionSubscriberResolved, "Unable to get the Subscriber's URI", `services.serving.knative.dev "no-subscriber" not found`))),
		troubled("other-subscriber", v1alpha1.ReasonTriggerNotReady, toOther, other),
		troubled("unsubscribed", v1alpha1.ReasonTriggerNotReady, subscription, trigger("unsubscribed", no(eventingv1.TriggerConditionSubscribed, "NotSubscribed", "It is not subscribed."))),
		troubled("no-dependency", v1alpha1.ReasonTriggerNotReady, trigger("no-dependency", no(eventingv1.TriggerConditionDependency, "DependencyNotReady", "PingSource is not ready."))),
		troubled("no-ping", v1alpha1.ReasonEventSourceNotReady, ping),
		troubled("no-api", v1alpha1.ReasonEventSourceNotReady, api),
		{name: "filters", objects: []runtime.Object{wanting("filters", corev1.ConditionFalse, v1alpha1.ReasonFiltersNotSupported, `Broker "lambda-broker" is of class RabbitMQBroker, which knows exact filters only.`)}},
		{name: "eventing-starts", objects: []runtime.Object{wanting("eventing-starts", corev1.ConditionUnknown, v1alpha1.ReasonEventingStarting, "The controller has not yet read triggers.eventing.knative.dev.")}},
		events("events", trigger("events", good), deadLetters, answering),
		events("letters-unkept", trigger("letters-unkept", good), deadLetters, slice),
		events("letters-nowhere", trigger("letters-nowhere", good)),
		events("no-trigger"),
		{name: "unasked", objects: []runtime.Object{unasked}},
		{name: "late-events", objects: []runtime.Object{late}},
	}
}

// agent has a status as the operator writes it.
func agent(name string, marks ...func(*v1alpha1.LambdaAgentStatus)) *v1alpha1.LambdaAgent {
	la := LambdaAgent(name, namespace)
	la.UID = uidOf(name)
	la.Status.InitializeConditions()
	for _, m := range marks {
		m(&la.Status)
	}
	la.Status.Summarize()
	la.Status.ObservedGeneration = la.Generation
	dated(&la.Status.Status)
	return la
}

func agents() []golden {
	serves := func(s *v1alpha1.LambdaAgentStatus) {
		s.PropagateService(ready(knativeService("any", apis.Condition{})))
	}
	model := func(name string, status corev1.ConditionStatus, reason, message string) golden {
		return golden{name: name, agent: true, objects: []runtime.Object{
			agent(name, serves, func(s *v1alpha1.LambdaAgentStatus) { s.MarkAI(status, reason, message) }), ready(knativeService(name, apis.Condition{})),
		}}
	}
	forward := agent("agent-forward", serves, func(s *v1alpha1.LambdaAgentStatus) {
		s.EventingStatus = &v1alpha1.AgentEventingStatus{EventingStatus: v1alpha1.EventingStatus{BrokerName: "agent-forward-broker"}}
		s.MarkEventing(true, corev1.ConditionFalse, v1alpha1.ReasonForwardNotAllowed,
			`Nothing is forwarded to agent "cook" in namespace "kitchen": that agent has to allow it: add namespace "shop" to its spec.permissions.allowedTargetNamespaces.`)
		s.MarkMonitoring(corev1.ConditionFalse, v1alpha1.ReasonMonitoringRefused, `ServiceMonitor "agent-forward-metrics" is refused: it has no such field`)
	})
	forward.Spec.Eventing = &v1alpha1.AgentEventingSpec{}
	port := "The container runs, and nothing in it listens at port 8080: set spec.image.port to where it does."
	silent := append([]runtime.Object{agent("agent-silent", func(s *v1alpha1.LambdaAgentStatus) {
		s.MarkDeploying()
		s.MarkRevisionHindered(v1alpha1.ReasonNotAnswering, port)
	})},
		failedService("agent-silent", servingv1.RevisionConditionResourcesAvailable, corev1.ConditionUnknown, "Deploying", "")...)
	return []golden{
		model("agent-model", corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, `http://ollama.ai.svc:11434 has no model "llama4"; it has llama3.`),
		model("agent-dns", corev1.ConditionFalse, v1alpha1.ReasonEndpointUnreachable, "dial tcp: lookup ollama.ai.svc on 10.96.0.10:53: no such host"),
		model("agent-fallback", corev1.ConditionTrue, v1alpha1.ReasonFallbackActive, `The endpoint has no model "large"; "small" answers.`),
		model("agent-key", corev1.ConditionUnknown, v1alpha1.ReasonAPIKeyUnreadable, "The endpoint asks for an API key that the operator may not read."),
		model("agent-pending", corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckPending, "Nobody has looked yet."),
		model("agent-unchecked", corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckDisabled, "Nobody looks after it."),
		{name: "agent-approvals", agent: true, objects: []runtime.Object{agent("agent-approvals", func(s *v1alpha1.LambdaAgentStatus) { s.MarkApprovalsNotSupported() })}},
		{name: "agent-forward", agent: true, objects: []runtime.Object{forward, ready(knativeService("agent-forward", apis.Condition{}))}},
		{name: "agent-silent", agent: true, objects: silent},
	}
}
