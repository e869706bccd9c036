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

package lambdaagent

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

var (
	installed = withKinds(eventing.Brokers, eventing.Triggers)
	triggers  = eventingv1.SchemeGroupVersion.WithResource("triggers")

	readyTrigger = WithReady[*eventingv1.Trigger](corev1.ConditionTrue, "", "", now)
)

// subscribed is an agent with subscriptions to these types.
func subscribed(types ...string) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		la.Spec.Eventing = &v1alpha1.AgentEventingSpec{}
		for _, t := range types {
			la.Spec.Eventing.Subscriptions = append(la.Spec.Eventing.Subscriptions, v1alpha1.SubscriptionSpec{EventType: t})
		}
	}
}

func wiringOf(la *v1alpha1.LambdaAgent) *wiring.Wiring {
	return resources.MakeWiring(la, cluster.Eventing, map[types.NamespacedName]resources.Target{
		{Namespace: "records", Name: "records"}: {
			Broker: apis.HTTP("broker.records.svc.cluster.local"), Sources: []string{"io.knative.lambda/records/records"},
		},
	})
}

func brokerOf(la *v1alpha1.LambdaAgent, changes ...func(*eventingv1.Broker)) *eventingv1.Broker {
	return Change(wiring.MakeBroker(la, &wiringOf(la).Brokers[0], ""), changes...)
}

func readyBroker(b *eventingv1.Broker) {
	WithReady[*eventingv1.Broker](corev1.ConditionTrue, "", "", now)(b)
	WithBrokerAddress(b)
}

func triggerOf(la *v1alpha1.LambdaAgent, i int, changes ...func(*eventingv1.Trigger)) *eventingv1.Trigger {
	w := wiringOf(la)
	return Change(wiring.MakeTrigger(la, w.Labels, &w.Triggers[i], "http://broker.default.svc.cluster.local"), changes...)
}

// early is a Trigger that was made before its Broker had an address.
func early(trigger *eventingv1.Trigger) {
	uri := trigger.Spec.Delivery.DeadLetterSink.URI
	query := uri.URL().Query()
	query.Del("reply")
	uri.RawQuery = query.Encode()
}

// wired is the status of an agent whose Broker and Triggers are ready.
func wired(triggers, forwards int32) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		la.Status.MarkEventing(la.EventingEnabled(), corev1.ConditionTrue, "", "")
		la.Status.EventingStatus = &v1alpha1.AgentEventingStatus{
			EventingStatus: v1alpha1.EventingStatus{
				BrokerName: "chat-broker", BrokerReady: true, BrokerURL: "http://broker.default.svc.cluster.local",
				TriggerCount: triggers, TriggersReady: triggers,
			},
			ForwardCount: forwards, ForwardsReady: forwards,
		}
		la.Status.Summarize()
	}
}

// trouble is the status of an agent that events do not reach.
func trouble(status corev1.ConditionStatus, reason, message string) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		WithAgentEventingMarked(status, reason, message)(la)
		la.Status.Summarize()
	}
}

// unwired has no status of a Broker and its Triggers.
func unwired(la *v1alpha1.LambdaAgent) { la.Status.EventingStatus = nil }

// notReady is the status of an agent whose Broker is there and not ready, and whose Triggers are not either.
func notReady(triggers int32) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		la.Status.EventingStatus = &v1alpha1.AgentEventingStatus{EventingStatus: v1alpha1.EventingStatus{BrokerName: "chat-broker", TriggerCount: triggers}}
	}
}

// live are an agent that serves, and its children.
func live(la *v1alpha1.LambdaAgent, more ...runtime.Object) []runtime.Object {
	return append([]runtime.Object{la, serviceOf(la, WithServiceReady), metricsOf(la)}, more...)
}

// eventingRows are about the agent's Broker and its subscriptions.
func eventingRows() rtesting.TableTest {
	ab, onlyA := subscribed("a", "b"), subscribed("a")
	off := func(la *v1alpha1.LambdaAgent) { la.Spec.Eventing.Enabled = ptr.Bool(false) }
	foreignBroker := func(b *eventingv1.Broker) {
		readyBroker(b)
		b.Labels, b.OwnerReferences = nil, nil
	}
	drifted := func(t *eventingv1.Trigger) { t.Spec.Filters = nil }
	deleted := func(name string) string { return normal("Deleted", "Deleted Trigger %q", name) }
	denied := apierrs.NewBadRequest("denied")
	var many []runtime.Object
	var manyTypes []string
	for i := range 41 {
		manyTypes = append(manyTypes, fmt.Sprintf("com.example.of.kind.%d", i))
	}
	for i := range manyTypes {
		many = append(many, triggerOf(agent(subscribed(manyTypes...)), i, readyTrigger))
	}
	return rtesting.TableTest{{
		Name:    "not installed",
		Key:     key,
		Objects: live(agent(onlyA)),
		WantStatusUpdates: statusUpdate(agent(onlyA, found, trouble(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled,
			"Knative Eventing is not installed: install it, or set spec.eventing.enabled to false."))),
	}, {
		Name:              "off",
		Ctx:               installed,
		Key:               key,
		Objects:           live(agent(onlyA, off)),
		WantStatusUpdates: statusUpdate(agent(onlyA, off, found)),
	}, {
		Name:    "not read yet",
		Ctx:     unread(eventing.RabbitMQConfigs),
		Key:     key,
		Objects: live(agent(onlyA)),
		WantStatusUpdates: statusUpdate(agent(onlyA, found, trouble(corev1.ConditionUnknown, v1alpha1.ReasonEventingStarting,
			"The controller has not yet read rabbitmqbrokerconfigs.eventing.knative.dev."))),
	}, {
		Name:    "not read yet, and left as it was",
		Ctx:     unread(eventing.RabbitMQConfigs),
		Key:     key,
		Objects: live(agent(onlyA, found, wired(1, 0))),
	}, {
		Name:        "a Broker of its own, and a Trigger for each subscription",
		Ctx:         installed,
		Key:         key,
		Objects:     live(agent(ab)),
		WantCreates: []runtime.Object{brokerOf(agent(ab)), triggerOf(agent(ab), 0, early), triggerOf(agent(ab), 1, early)},
		WantEvents: []string{
			normal("Created", "Created Broker %q", "chat-broker"), normal("Created", "Created Trigger %q", "chat-a"), normal("Created", "Created Trigger %q", "chat-b"),
		},
		WantStatusUpdates: statusUpdate(agent(ab, found, notReady(2),
			trouble(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady, `Broker "chat-broker" is not ready yet.`))),
	}, {
		Name:              "a Broker for others that forward to it",
		Ctx:               installed,
		Key:               key,
		Objects:           live(agent(subscribed()), brokerOf(agent(subscribed()), readyBroker)),
		WantStatusUpdates: statusUpdate(agent(subscribed(), found, wired(0, 0))),
	}, {
		Name:    "steady state",
		Ctx:     installed,
		Key:     key,
		Objects: live(agent(ab, found, wired(2, 0)), brokerOf(agent(ab), readyBroker), triggerOf(agent(ab), 0, readyTrigger), triggerOf(agent(ab), 1, readyTrigger)),
	}, {
		Name:        "drift is repaired",
		Ctx:         installed,
		Key:         key,
		Objects:     live(agent(onlyA, found, wired(1, 0)), brokerOf(agent(onlyA), readyBroker), triggerOf(agent(onlyA), 0, readyTrigger, drifted)),
		WantUpdates: updates(triggerOf(agent(onlyA), 0, readyTrigger)),
		WantEvents:  []string{normal("Updated", "Updated Trigger %q", "chat-a")},
	}, {
		Name: "a subscription is gone",
		Ctx:  installed,
		Key:  key,
		Objects: live(agent(ab, found, wired(2, 0), WithAgentEdited(onlyA)), brokerOf(agent(ab), readyBroker),
			triggerOf(agent(ab), 0, readyTrigger), triggerOf(agent(ab), 1, readyTrigger)),
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion(triggers, "chat-b")},
		WantEvents:        []string{deleted("chat-b")},
		WantStatusUpdates: statusUpdate(agent(WithAgentEdited(onlyA), found, wired(1, 0))),
	}, {
		Name:    "eventing is gone",
		Ctx:     installed,
		Key:     key,
		Objects: append(live(agent(found, wired(1, 0))), brokerOf(agent(onlyA), readyBroker), triggerOf(agent(onlyA), 0, readyTrigger)),
		WantDeletes: []clientgotesting.DeleteActionImpl{
			deletion(triggers, "chat-a"), deletion(eventingv1.SchemeGroupVersion.WithResource("brokers"), "chat-broker"),
		},
		WantEvents:        []string{deleted("chat-a"), normal("Deleted", "Deleted Broker %q", "chat-broker")},
		WantStatusUpdates: statusUpdate(agent(found)),
	}, {
		Name:    "41 subscriptions",
		Ctx:     installed,
		Key:     key,
		Objects: append(live(agent(subscribed(manyTypes...), found, wired(41, 0)), brokerOf(agent(onlyA), readyBroker)), many...),
	}, {
		Name:              "a Broker that somebody else made serves as well",
		Ctx:               installed,
		Key:               key,
		Objects:           live(agent(onlyA), brokerOf(agent(onlyA), foreignBroker), triggerOf(agent(onlyA), 0, readyTrigger)),
		WantStatusUpdates: statusUpdate(agent(onlyA, found, wired(1, 0))),
	}, {
		Name:    "a Trigger that belongs to somebody else",
		Ctx:     installed,
		Key:     key,
		Objects: live(agent(onlyA), brokerOf(agent(onlyA), readyBroker), triggerOf(agent(onlyA), 0, WithoutOwner[*eventingv1.Trigger])),
		WantStatusUpdates: statusUpdate(agent(onlyA, found, wired(1, 0), func(la *v1alpha1.LambdaAgent) { la.Status.EventingStatus.TriggersReady = 0 },
			trouble(corev1.ConditionFalse, v1alpha1.ReasonNotOwned,
				`Trigger "chat-a" exists and belongs to somebody else: delete it, or give the agent another name.`))),
	}, {
		Name:         "a Trigger that is refused",
		Ctx:          installed,
		Key:          key,
		Objects:      live(agent(onlyA), brokerOf(agent(onlyA), readyBroker)),
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "triggers", denied)},
		WantErr:      true,
		WantCreates:  []runtime.Object{triggerOf(agent(onlyA), 0)},
		WantEvents: []string{
			warning("CreationFailed", "Failed to create Trigger %q: denied", "chat-a"),
			warning("InternalError", "Trigger %q is refused: failed to create Trigger %q: denied", "chat-a", "chat-a"),
		},
		WantStatusUpdates: statusUpdate(agent(onlyA, found, wired(1, 0), func(la *v1alpha1.LambdaAgent) { la.Status.EventingStatus.TriggersReady = 0 },
			trouble(corev1.ConditionFalse, v1alpha1.ReasonEventingRefused, `Trigger "chat-a" is refused: failed to create Trigger "chat-a": denied`))),
	}, {
		Name: "a Trigger that waits for the Knative Service",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			agent(onlyA), serviceOf(agent(onlyA)), metricsOf(agent()), brokerOf(agent(onlyA), readyBroker),
			triggerOf(agent(onlyA), 0, WithReady[*eventingv1.Trigger](corev1.ConditionFalse, "", "", now)),
		},
		WantStatusUpdates: statusUpdate(agent(onlyA, found, withService(), wired(1, 0), func(la *v1alpha1.LambdaAgent) { la.Status.EventingStatus.TriggersReady = 0 },
			trouble(corev1.ConditionUnknown, v1alpha1.ReasonWaitingForService, "Events reach the agent once its Knative Service is ready."))),
	}, {
		Name: "wildcards on RabbitMQ",
		Ctx:  withKinds(eventing.Brokers, eventing.Triggers, eventing.RabbitMQConfigs),
		Key:  key,
		Objects: live(agent(subscribed("a.*")), wiring.MakeRabbitMQConfig(agent(), &wiringOf(agent(onlyA)).Brokers[0]),
			Change(wiring.MakeBroker(agent(), &wiringOf(agent(onlyA)).Brokers[0], config.BrokerClassRabbitMQ), readyBroker),
			triggerOf(agent(subscribed("a.*")), 0, readyTrigger)),
		WantStatusUpdates: statusUpdate(agent(subscribed("a.*"), found, wired(1, 0), trouble(corev1.ConditionFalse, v1alpha1.ReasonFiltersNotSupported,
			`Broker "chat-broker" is of class RabbitMQBroker, which knows exact filters only: write types and sources of events without a * in `+
				`spec.eventing, or set another broker-class in ConfigMap config-eventing and delete the Broker.`))),
	}}
}

// forwardRows are about events that are sent on to other agents.
func forwardRows() rtesting.TableTest {
	forwarding := func(la *v1alpha1.LambdaAgent) {
		la.Spec.Eventing = &v1alpha1.AgentEventingSpec{Forwards: []v1alpha1.ForwardSpec{
			{EventTypes: []string{"a"}, TargetAgent: "records", TargetNamespace: "records"},
		}}
	}
	allows := func(namespace string) AgentOption {
		return WithPermissions(v1alpha1.PermissionsSpec{AllowedTargetNamespaces: []string{namespace}})
	}
	records := func(options ...AgentOption) *v1alpha1.LambdaAgent {
		return LambdaAgent("records", "records", options...)
	}
	both, target := []AgentOption{forwarding, allows("records")}, []AgentOption{subscribed(), allows("default")}
	here := func(options ...AgentOption) *v1alpha1.LambdaAgent {
		return agent(append(append([]AgentOption{}, both...), options...)...)
	}
	there := func(changes ...func(*eventingv1.Broker)) *eventingv1.Broker {
		return brokerOf(records(target...), changes...)
	}
	own := brokerOf(here(), readyBroker)
	forward := func(changes ...func(*eventingv1.Trigger)) *eventingv1.Trigger {
		return triggerOf(here(), 0, changes...)
	}
	none := `Nothing is forwarded to agent "records" in namespace "records": `
	var rows rtesting.TableTest
	for _, tc := range []struct {
		name    string
		agent   *v1alpha1.LambdaAgent
		objects []runtime.Object
		status  corev1.ConditionStatus
		reason  string
		message string
	}{{
		name: "this agent does not allow it", agent: agent(forwarding), objects: []runtime.Object{records(target...), there(readyBroker)},
		status: corev1.ConditionFalse, reason: v1alpha1.ReasonForwardNotAllowed,
		message: `add namespace "records" to spec.permissions.allowedTargetNamespaces of this agent.`,
	}, {
		name: "the other does not allow it", agent: here(), objects: []runtime.Object{records(subscribed()), there(readyBroker)},
		status: corev1.ConditionFalse, reason: v1alpha1.ReasonForwardNotAllowed,
		message: `that agent has to allow it: add namespace "default" to its spec.permissions.allowedTargetNamespaces.`,
	}, {
		name: "no other agent", agent: here(),
		status: corev1.ConditionFalse, reason: v1alpha1.ReasonForwardTargetNotFound, message: "there is no such agent: make it, or remove the forward.",
	}, {
		name: "the other has no eventing", agent: here(), objects: []runtime.Object{records(allows("default"))},
		status: corev1.ConditionFalse, reason: v1alpha1.ReasonForwardTargetNotFound, message: "that agent has no Broker: enable its spec.eventing.",
	}, {
		name: "the other's Broker is not there", agent: here(), objects: []runtime.Object{records(target...)},
		status: corev1.ConditionUnknown, reason: v1alpha1.ReasonForwardTargetNotFound, message: `that agent's Broker "records-broker" has no address yet.`,
	}, {
		name: "the other's Broker has no address", agent: here(), objects: []runtime.Object{records(target...), there()},
		status: corev1.ConditionUnknown, reason: v1alpha1.ReasonForwardTargetNotFound, message: `that agent's Broker "records-broker" has no address yet.`,
	}} {
		wanted := tc.agent.DeepCopy()
		found(wanted)
		wired(0, 0)(wanted)
		trouble(tc.status, tc.reason, none+tc.message)(wanted)
		rows = append(rows, rtesting.TableRow{
			Name: tc.name, Ctx: installed, Key: key,
			Objects:           append(live(tc.agent, own), tc.objects...),
			WantStatusUpdates: statusUpdate(wanted),
		})
	}
	return append(rows, rtesting.TableRow{
		Name: "both allow it", Ctx: installed, Key: key,
		Objects:     live(here(), own, records(target...), there(readyBroker)),
		WantCreates: []runtime.Object{forward()},
		WantEvents:  []string{normal("Created", "Created Trigger %q", "chat-fwd-records-a")},
		WantStatusUpdates: statusUpdate(here(found, wired(0, 1), func(la *v1alpha1.LambdaAgent) { la.Status.EventingStatus.ForwardsReady = 0 },
			trouble(corev1.ConditionUnknown, v1alpha1.ReasonTriggerNotReady, `Trigger "chat-fwd-records-a" is not ready yet.`))),
	}, rtesting.TableRow{
		Name: "steady state", Ctx: installed, Key: key,
		Objects: live(here(found, wired(0, 1)), own, records(target...), there(readyBroker), forward(readyTrigger)),
	}, rtesting.TableRow{
		Name: "the other's Broker has moved", Ctx: installed, Key: key,
		Objects: live(here(found, wired(0, 1)), own, records(target...), there(readyBroker), forward(readyTrigger, func(t *eventingv1.Trigger) {
			t.Spec.Subscriber.URI = apis.HTTP("elsewhere")
		})),
		WantUpdates: updates(forward(readyTrigger)),
		WantEvents:  []string{normal("Updated", "Updated Trigger %q", "chat-fwd-records-a")},
	}, rtesting.TableRow{
		Name: "the other allows it no more", Ctx: installed, Key: key,
		Objects:     live(here(found, wired(0, 1)), own, records(subscribed()), there(readyBroker), forward(readyTrigger)),
		WantDeletes: []clientgotesting.DeleteActionImpl{deletion(triggers, "chat-fwd-records-a")},
		WantEvents:  []string{normal("Deleted", "Deleted Trigger %q", "chat-fwd-records-a")},
		WantStatusUpdates: statusUpdate(here(found, wired(0, 0), trouble(corev1.ConditionFalse, v1alpha1.ReasonForwardNotAllowed,
			none+`that agent has to allow it: add namespace "default" to its spec.permissions.allowedTargetNamespaces.`))),
	})
}

// monitoringRows are about what the agent's metrics are asked for by.
func monitoringRows() rtesting.TableTest {
	monitored := withKinds(eventing.ServiceMonitors)
	off := WithAgentMetrics(v1alpha1.AgentMetricsSpec{Enabled: ptr.Bool(false)})
	noMonitor := WithAgentMetrics(v1alpha1.AgentMetricsSpec{ServiceMonitor: ptr.Bool(false)})
	marked := func(status corev1.ConditionStatus, reason, message string) AgentOption {
		return func(la *v1alpha1.LambdaAgent) { la.Status.MarkMonitoring(status, reason, message) }
	}
	ready := marked(corev1.ConditionTrue, "", "")
	monitorOf := func(la *v1alpha1.LambdaAgent, changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
		return Change(resources.MakeServiceMonitor(la), changes...)
	}
	drifted := func(u *unstructured.Unstructured) { u.Object["spec"] = map[string]any{} }
	served := func(la *v1alpha1.LambdaAgent, more ...runtime.Object) []runtime.Object {
		return append([]runtime.Object{la, serviceOf(la, WithServiceReady)}, more...)
	}
	services := corev1.SchemeGroupVersion.WithResource("services")
	denied := apierrs.NewBadRequest("denied")
	return rtesting.TableTest{{
		Name: "a ServiceMonitor where there are such", Ctx: monitored, Key: key,
		Objects:           live(agent()),
		WantCreates:       []runtime.Object{monitorOf(agent())},
		WantEvents:        []string{normal("Created", "Created ServiceMonitor %q", "chat-metrics")},
		WantStatusUpdates: statusUpdate(agent(found, ready)),
	}, {
		Name: "steady state", Ctx: monitored, Key: key, Objects: live(agent(found, ready), monitorOf(agent())),
	}, {
		Name: "not read yet, and left as it was", Ctx: unread(eventing.ServiceMonitors), Key: key, Objects: live(agent(found, ready), monitorOf(agent())),
	}, {
		Name: "drift is repaired", Ctx: monitored, Key: key,
		Objects:     served(agent(found, ready), metricsOf(agent(), func(s *corev1.Service) { s.Spec.Selector = nil }), monitorOf(agent(), drifted)),
		WantUpdates: updates(metricsOf(agent()), monitorOf(agent())),
		WantEvents:  []string{normal("Updated", "Updated Service %q", "chat-metrics"), normal("Updated", "Updated ServiceMonitor %q", "chat-metrics")},
	}, {
		Name: "with an address it is made anew", Ctx: monitored, Key: key,
		Objects:     served(agent(found, ready), metricsOf(agent(), func(s *corev1.Service) { s.Spec.ClusterIP = "10.0.0.1" }), monitorOf(agent())),
		WantDeletes: []clientgotesting.DeleteActionImpl{deletion(services, "chat-metrics")},
		WantEvents:  []string{normal("Deleted", "Deleted Service %q", "chat-metrics")},
	}, {
		Name: "no metrics", Ctx: monitored, Key: key,
		Objects:           live(agent(off), monitorOf(agent())),
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion(services, "chat-metrics"), deletion(eventing.ServiceMonitorResource, "chat-metrics")},
		WantEvents:        []string{normal("Deleted", "Deleted Service %q", "chat-metrics"), normal("Deleted", "Deleted ServiceMonitor %q", "chat-metrics")},
		WantStatusUpdates: statusUpdate(agent(off, found, marked(corev1.ConditionTrue, v1alpha1.ReasonMonitoringDisabled, "The agent does not want to be measured."))),
	}, {
		Name: "no ServiceMonitor", Ctx: monitored, Key: key,
		Objects:           live(agent(noMonitor), monitorOf(agent())),
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion(eventing.ServiceMonitorResource, "chat-metrics")},
		WantEvents:        []string{normal("Deleted", "Deleted ServiceMonitor %q", "chat-metrics")},
		WantStatusUpdates: statusUpdate(agent(noMonitor, found, ready)),
	}, {
		Name: "a Service that belongs to somebody else", Key: key,
		Objects: served(agent(), metricsOf(agent(), WithoutOwner[*corev1.Service])),
		WantStatusUpdates: statusUpdate(agent(found, marked(corev1.ConditionFalse, v1alpha1.ReasonNotOwned,
			`Service "chat-metrics" exists and belongs to somebody else: delete it, or give the agent another name.`))),
	}, {
		Name: "a ServiceMonitor that is refused", Ctx: monitored, Key: key,
		Objects:      live(agent()),
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "servicemonitors", denied)},
		WantErr:      true,
		WantCreates:  []runtime.Object{monitorOf(agent())},
		WantEvents: []string{
			warning("CreationFailed", "Failed to create ServiceMonitor %q: denied", "chat-metrics"),
			warning("InternalError", "ServiceMonitor %q is refused: failed to create ServiceMonitor %q: denied", "chat-metrics", "chat-metrics"),
		},
		WantStatusUpdates: statusUpdate(agent(found, marked(corev1.ConditionFalse, v1alpha1.ReasonMonitoringRefused,
			`ServiceMonitor "chat-metrics" is refused: failed to create ServiceMonitor "chat-metrics": denied`))),
	}, {
		Name: "a ServiceMonitor that cannot be written", Ctx: monitored, Key: key,
		Objects:      live(agent(found, ready), monitorOf(agent(), drifted)),
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("update", "servicemonitors")},
		WantErr:      true,
		WantUpdates:  updates(monitorOf(agent())),
		WantEvents:   []string{warning("InternalError", "failed to update ServiceMonitor %q: inducing failure for update servicemonitors", "chat-metrics")},
	}}
}
