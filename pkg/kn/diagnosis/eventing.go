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
	"context"

	discoveryv1 "k8s.io/api/discovery/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const (
	kindBroker  = "Broker"
	kindTrigger = "Trigger"
	// triggerLabel is on the Subscription that a Broker of channels makes for a Trigger; the value is the Trigger's name.
	triggerLabel = "eventing.knative.dev/trigger"
	// serviceKind is the kind of Services, Kubernetes' and Knative's.
	serviceKind = "Service"
)

// eventingChain leads from EventingReady to the Broker, Trigger, Subscription, sink or source that is not ready.
func (e *explorer) eventingChain(ctx context.Context, c *apis.Condition) []Link {
	switch c.Reason {
	case v1alpha1.ReasonBrokerNotReady:
		return e.brokerChain(ctx, e.broker)
	case v1alpha1.ReasonTriggerNotReady:
		return e.triggerChain(ctx)
	case v1alpha1.ReasonEventSourceNotReady:
		return e.sourceChain(ctx)
	default:
		return nil // The message has it all.
	}
}

func (e *explorer) brokerChain(ctx context.Context, name string) []Link {
	if name == "" {
		return nil
	}
	switch broker, sight := find(ctx, e, kindBroker, e.namespace(), name, e.Eventing.EventingV1().Brokers(e.namespace())); sight {
	case seen:
		return append(e.worstLink(kindBroker, name, &broker.Status.Status), e.warning(ctx, kindBroker, name)...)
	case absent:
		return []Link{{Kind: kindBroker, Name: name, Type: state, Status: missing}}
	}
	return nil
}

// triggerChain is that of the first Trigger that is not ready.
func (e *explorer) triggerChain(ctx context.Context) []Link {
	triggers, ok := list(ctx, e, kindTrigger, e.namespace(), e.selector, e.Eventing.EventingV1().Triggers(e.namespace()))
	if !ok {
		return nil
	}
	for i := range triggers.Items {
		trigger := &triggers.Items[i]
		w := worst(&trigger.Status.Status)
		if w == nil {
			continue
		}
		chain := []Link{e.link(kindTrigger, trigger.Name, w)}
		switch w.Type {
		case eventingv1.TriggerConditionBroker:
			return append(chain, e.brokerChain(ctx, trigger.Spec.Broker)...)
		case eventingv1.TriggerConditionSubscriberResolved:
			return append(chain, e.destinationChain(ctx, &trigger.Spec.Subscriber)...)
		case eventingv1.TriggerConditionDeadLetterSinkResolved:
			if trigger.Spec.Delivery != nil {
				return append(chain, e.destinationChain(ctx, trigger.Spec.Delivery.DeadLetterSink)...)
			}
		case eventingv1.TriggerConditionSubscribed:
			return append(chain, e.subscriptionChain(ctx, trigger.Name)...)
		}
		return append(chain, e.warning(ctx, kindTrigger, trigger.Name)...)
	}
	return nil
}

func (e *explorer) subscriptionChain(ctx context.Context, trigger string) []Link {
	subscriptions, ok := list(ctx, e, "Subscription", e.namespace(), triggerLabel+"="+trigger, e.Eventing.MessagingV1().Subscriptions(e.namespace()))
	if !ok {
		return nil
	}
	var chain []Link
	for i := range subscriptions.Items {
		chain = append(chain, e.worstLink("Subscription", subscriptions.Items[i].Name, &subscriptions.Items[i].Status.Status)...)
	}
	return chain
}

// destinationChain says what is wrong with the Service that events go to.
func (e *explorer) destinationChain(ctx context.Context, d *duckv1.Destination) []Link {
	if d == nil || d.Ref == nil || d.Ref.Kind != serviceKind {
		return nil
	}
	namespace := d.Ref.Namespace
	if namespace == "" {
		namespace = e.namespace()
	}
	if d.Ref.APIVersion == "v1" {
		return e.kubernetesService(ctx, namespace, d.Ref.Name)
	}
	switch service, sight := find(ctx, e, kindService, namespace, d.Ref.Name, e.Serving.ServingV1().Services(namespace)); sight {
	case seen:
		return e.elsewhereIn(namespace, e.worstLink(kindService, service.Name, &service.Status.Status))
	case absent:
		return e.elsewhereIn(namespace, []Link{{Kind: kindService, Name: d.Ref.Name, Type: state, Status: missing}})
	}
	return nil
}

// kubernetesService says of a Service that it is not there, or that no pod is behind it.
func (e *explorer) kubernetesService(ctx context.Context, namespace, name string) []Link {
	switch _, sight := find(ctx, e, serviceKind, namespace, name, e.Kube.CoreV1().Services(namespace)); sight {
	case absent:
		return e.elsewhereIn(namespace, []Link{{Kind: serviceKind, Name: name, Type: state, Status: missing}})
	case hidden:
		return nil
	}
	slices, ok := list(ctx, e, "EndpointSlice", namespace, discoveryv1.LabelServiceName+"="+name, e.Kube.DiscoveryV1().EndpointSlices(namespace))
	if !ok {
		return nil
	}
	for i := range slices.Items {
		for _, endpoint := range slices.Items[i].Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return nil
			}
		}
	}
	return e.elsewhereIn(namespace, []Link{{
		Kind: serviceKind, Name: name, Type: state, Status: "has no pod that is ready", Reason: noEndpoints,
	}})
}

// elsewhereIn puts the namespace into links, where it is another.
func (e *explorer) elsewhereIn(namespace string, links []Link) []Link {
	for i := range links {
		if namespace != e.namespace() {
			links[i].Namespace = namespace
		}
	}
	return links
}

// sourceChain is that of the first source that is not ready.
func (e *explorer) sourceChain(ctx context.Context) []Link {
	sources := e.Eventing.SourcesV1()
	if pings, ok := list(ctx, e, "PingSource", e.namespace(), e.selector, sources.PingSources(e.namespace())); ok {
		for i := range pings.Items {
			if chain := e.worstLink("PingSource", pings.Items[i].Name, &pings.Items[i].Status.Status); chain != nil {
				return append(chain, e.warning(ctx, "PingSource", pings.Items[i].Name)...)
			}
		}
	}
	if watches, ok := list(ctx, e, "ApiServerSource", e.namespace(), e.selector, sources.ApiServerSources(e.namespace())); ok {
		for i := range watches.Items {
			if chain := e.worstLink("ApiServerSource", watches.Items[i].Name, &watches.Items[i].Status.Status); chain != nil {
				return append(chain, e.warning(ctx, "ApiServerSource", watches.Items[i].Name)...)
			}
		}
	}
	return nil
}

// undelivered are the chains of what keeps events from reaching a function or agent that is ready, or its dead letters from
// being kept.
func (e *explorer) undelivered(ctx context.Context) [][]Link {
	if !e.wantsEvents || !e.object.GetStatus().GetCondition(v1alpha1.ConditionEventingReady).IsTrue() || e.broker == "" {
		return nil
	}
	triggers, ok := list(ctx, e, kindTrigger, e.namespace(), e.selector, e.Eventing.EventingV1().Triggers(e.namespace()))
	if !ok {
		return nil
	}
	e.unseen = append(e.unseen, "the store of dead letters: whether events were given up is not seen from here")
	var chains [][]Link
	subscribed, sinks := 0, map[duckv1.KReference]bool{}
	for i := range triggers.Items {
		trigger := &triggers.Items[i]
		if ref := trigger.Spec.Subscriber.Ref; ref != nil {
			subscribed++
		}
		d := trigger.Spec.Delivery
		if d == nil || d.DeadLetterSink == nil || d.DeadLetterSink.Ref == nil || sinks[*d.DeadLetterSink.Ref] {
			continue
		}
		sinks[*d.DeadLetterSink.Ref] = true
		if chain := e.destinationChain(ctx, d.DeadLetterSink); chain != nil {
			chains = append(chains, append([]Link{{Kind: kindTrigger, Name: trigger.Name, Type: state, Status: "has no place for dead letters"}}, chain...))
		}
	}
	if subscribed == 0 {
		chains = append(chains, []Link{{
			Kind: kindBroker, Name: e.broker, Type: state, Status: "sends nothing here", Reason: noSubscriptions,
			Message: "No Trigger of it leads here.",
		}})
	}
	return chains
}
