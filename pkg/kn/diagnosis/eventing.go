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
	switch broker, sight := find(ctx, e, kindBroker, e.namespace(), name, as[duckv1.KResource](&e.Clients, brokerResource, e.namespace())); sight {
	case seen:
		return append(e.worstLink(kindBroker, name, &broker.Status), e.warning(ctx, kindBroker, name)...)
	case absent:
		return []Link{{Kind: kindBroker, Name: name, Type: state, Status: missing}}
	}
	return nil
}

// triggerChain is that of the first Trigger that is not ready.
func (e *explorer) triggerChain(ctx context.Context) []Link {
	triggers, ok := list(ctx, e, kindTrigger, e.namespace(), e.selector, e.Triggers(e.namespace()))
	if !ok {
		return nil
	}
	for i := range triggers {
		trigger := &triggers[i]
		w := worst(&trigger.Status)
		if w == nil {
			continue
		}
		chain := []Link{e.link(kindTrigger, trigger.Name, w)}
		switch w.Type {
		case triggerBroker:
			return append(chain, e.brokerChain(ctx, trigger.Spec.Broker)...)
		case triggerSubscriber:
			return append(chain, e.destinationChain(ctx, &trigger.Spec.Subscriber)...)
		case triggerDeadLetterSink:
			return append(chain, e.destinationChain(ctx, trigger.Spec.Delivery.DeadLetterSink)...)
		case triggerSubscribed:
			return append(chain, e.subscriptionChain(ctx, trigger.Name)...)
		}
		return append(chain, e.warning(ctx, kindTrigger, trigger.Name)...)
	}
	return nil
}

func (e *explorer) subscriptionChain(ctx context.Context, trigger string) []Link {
	subscriptions, ok := list(ctx, e, "Subscription", e.namespace(), triggerLabel+"="+trigger, as[duckv1.KResource](&e.Clients, subscriptionResource, e.namespace()))
	if !ok {
		return nil
	}
	var chain []Link
	for i := range subscriptions {
		chain = append(chain, e.worstLink("Subscription", subscriptions[i].Name, &subscriptions[i].Status)...)
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
	for _, source := range sourceKinds {
		sources, _ := list(ctx, e, source.kind, e.namespace(), e.selector, as[duckv1.KResource](&e.Clients, source.resource, e.namespace()))
		for i := range sources {
			if chain := e.worstLink(source.kind, sources[i].Name, &sources[i].Status); chain != nil {
				return append(chain, e.warning(ctx, source.kind, sources[i].Name)...)
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
	triggers, ok := list(ctx, e, kindTrigger, e.namespace(), e.selector, e.Triggers(e.namespace()))
	if !ok {
		return nil
	}
	e.unseen = append(e.unseen, "the store of dead letters: whether events were given up is not seen from here")
	var chains [][]Link
	subscribed, sinks := 0, map[duckv1.KReference]bool{}
	for i := range triggers {
		trigger := &triggers[i]
		if ref := trigger.Spec.Subscriber.Ref; ref != nil {
			subscribed++
		}
		sink := trigger.Spec.Delivery.DeadLetterSink
		if sink == nil || sink.Ref == nil || sinks[*sink.Ref] {
			continue
		}
		sinks[*sink.Ref] = true
		if chain := e.destinationChain(ctx, sink); chain != nil {
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
