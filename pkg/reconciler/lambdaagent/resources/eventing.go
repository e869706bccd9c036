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

package resources

import (
	"k8s.io/apimachinery/pkg/types"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
)

// The attributes of events that subscriptions and forwards go by.
const (
	typeAttribute   = "type"
	sourceAttribute = "source"
)

// remedies are what the author of an agent can do.
var remedies = wiring.Remedies{
	NotInstalled: "install it, or set spec.eventing.enabled to false.",
	NotOwned:     "delete it, or give the agent another name.",
	Filters:      "write types and sources of events without a * in spec.eventing, or set another broker-class in ConfigMap config-eventing and delete the Broker.",
}

// Target is an agent that events may be forwarded to.
type Target struct {
	// Broker is the address of its Broker.
	Broker *apis.URL
	// Sources are those of its own events, which are not sent back to it.
	Sources []string
}

// MakeWiring says what the agent wants of Knative Eventing: nothing where eventing is off. Forwards are made to the targets
// only; all others have to wait.
func MakeWiring(la *v1alpha1.LambdaAgent, cfg *config.Eventing, targets map[types.NamespacedName]Target) *wiring.Wiring {
	w := &wiring.Wiring{Labels: AgentLabels(la), Remedies: remedies}
	if !la.EventingEnabled() {
		return w
	}
	spec := la.Spec.Eventing
	w.Brokers = []wiring.Broker{wiring.SharedBroker(names.Broker(la.Name), cfg, spec.RabbitMQ)}
	triggers := names.NewTriggers(la)
	for i := range spec.Subscriptions {
		s := &spec.Subscriptions[i]
		if name, ok := triggers.Subscription(s); ok {
			w.Triggers = append(w.Triggers, makeSubscription(la, cfg, name, s))
		}
	}
	for i := range spec.Forwards {
		f := &spec.Forwards[i]
		target, there := targets[TargetOf(f)]
		for _, eventType := range f.EventTypes {
			// Those that wait have their names already.
			if name, ok := triggers.Forward(f, eventType); ok && there {
				w.Triggers = append(w.Triggers, makeForward(la, cfg, name, eventType, target))
			}
		}
	}
	return w
}

// TargetOf is the name of the agent that events are forwarded to.
func TargetOf(f *v1alpha1.ForwardSpec) types.NamespacedName {
	return types.NamespacedName{Namespace: f.TargetNamespace, Name: f.TargetAgent}
}

// EventSources are the sources of the agent's own events: what it replies with, and what its spec says.
func EventSources(la *v1alpha1.LambdaAgent) []string {
	sources := []string{wiring.ReplySource(la.Namespace, la.Name)}
	if e := la.Spec.Eventing; e != nil && e.EventSource != "" {
		sources = append(sources, e.EventSource)
	}
	return sources
}

// makeSubscription makes the Trigger that sends what is subscribed to to the agent, but for its own events.
func makeSubscription(la *v1alpha1.LambdaAgent, cfg *config.Eventing, name string, s *v1alpha1.SubscriptionSpec) wiring.Trigger {
	t := makeTrigger(la, cfg, name)
	t.Subscriber = duckv1.Destination{Ref: &duckv1.KReference{
		APIVersion: servingv1.SchemeGroupVersion.String(), Kind: "Service", Name: names.Service(la), Namespace: la.Namespace,
	}}
	t.Guards = wiring.ReplyGuards(la.Namespace, la.Name)
	if source := la.Spec.Eventing.EventSource; source != "" {
		t.Guards = append(t.Guards, wiring.NotFrom(source))
	}
	match(&t, typeAttribute, s.EventType)
	match(&t, sourceAttribute, s.Source)
	return t
}

// makeForward makes the Trigger that sends events on to the Broker of the target, but for those that come from there.
func makeForward(la *v1alpha1.LambdaAgent, cfg *config.Eventing, name, eventType string, target Target) wiring.Trigger {
	t := makeTrigger(la, cfg, name)
	t.Forward = true
	t.Subscriber = duckv1.Destination{URI: target.Broker.DeepCopy()}
	for _, source := range target.Sources {
		t.Guards = append(t.Guards, wiring.NotFrom(source))
	}
	match(&t, typeAttribute, eventType)
	return t
}

// makeTrigger makes what all the agent's Triggers have.
func makeTrigger(la *v1alpha1.LambdaAgent, cfg *config.Eventing, name string) wiring.Trigger {
	spec := la.Spec.Eventing
	return wiring.Trigger{
		Name: name, Broker: names.Broker(la.Name), Attributes: map[string]string{},
		Delivery:    wiring.MakeDelivery(cfg, la.Namespace, la.Name, nil, spec.DLQ),
		Annotations: wiring.QueueAnnotations(spec.RabbitMQ),
	}
}

// match lets pass what has the attribute as the pattern says. Neither "" nor * says anything.
func match(t *wiring.Trigger, attribute, pattern string) {
	prefix, wildcard := v1alpha1.WildcardPrefix(pattern)
	switch {
	case prefix == "":
	case wildcard:
		t.Filters = append(t.Filters, eventingv1.SubscriptionsAPIFilter{Prefix: map[string]string{attribute: prefix}})
	default:
		t.Attributes[attribute] = pattern
	}
}
