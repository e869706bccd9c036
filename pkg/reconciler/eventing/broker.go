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

package eventing

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
)

const kindBroker = "Broker"

func (p *pass) reconcileBrokers(ctx context.Context) {
	for i := range p.wiring.Brokers {
		b := &p.wiring.Brokers[i]
		broker, err := p.broker(ctx, b)
		if err != nil {
			p.fail(err, v1alpha1.ReasonBrokerNotReady)
			continue
		}
		if broker == nil {
			continue
		}
		p.classes[b.Name] = broker.Annotations[eventingv1.BrokerClassAnnotationKey]
		ready := p.ready(kindBroker, broker, v1alpha1.ReasonBrokerNotReady, &broker.Status.Status)
		if a := broker.Status.Address; a != nil && a.URL != nil {
			p.addresses[b.Name] = a.URL.String()
		}
		if i == 0 {
			p.status.BrokerName, p.status.BrokerReady, p.status.BrokerURL = b.Name, ready, p.addresses[b.Name]
		}
	}
}

// broker returns the Broker, or nil where there is none; the troubles say why.
func (p *pass) broker(ctx context.Context, b *wiring.Broker) (*eventingv1.Broker, error) {
	existing, err := p.existingBroker(b.Name)
	if err != nil {
		return nil, err
	}
	if !b.Shared {
		if existing == nil {
			p.trouble(corev1.ConditionFalse, v1alpha1.ReasonBrokerNotFound,
				"There is no Broker %q in the namespace: make it, or name another.", b.Name)
		}
		return existing, nil
	}
	if existing != nil && !ours(existing) {
		// Somebody made one of this name, such as an older operator: it serves as well, and is left alone.
		return existing, nil
	}
	class := b.Class
	switch {
	case existing != nil:
		class = existing.Annotations[eventingv1.BrokerClassAnnotationKey]
	case class == config.BrokerClassAuto && p.has(RabbitMQConfigs):
		class = config.BrokerClassRabbitMQ
	case class == config.BrokerClassAuto:
		class = ""
	}
	if class == config.BrokerClassRabbitMQ {
		if there, err := p.reconcileRabbitMQ(ctx, b); err != nil || !there {
			return nil, err
		}
	}
	return p.sharedBrokers().use(ctx, b.Name, func() *eventingv1.Broker { return wiring.MakeBroker(p.owner, b, class) })
}

func (p *pass) existingBroker(name string) (*eventingv1.Broker, error) {
	found, ok, err := p.objects(Brokers).GetByKey(p.namespace() + "/" + name)
	if err != nil {
		return nil, fmt.Errorf("failed to get Broker %q: %w", name, err)
	}
	if !ok {
		return nil, nil
	}
	return found.(*eventingv1.Broker), nil
}

// reconcileRabbitMQ makes sure that the settings of a Broker of class RabbitMQBroker are there, and false where they
// cannot be. They cannot change: what the owner wants otherwise is told to it.
func (p *pass) reconcileRabbitMQ(ctx context.Context, b *wiring.Broker) (bool, error) {
	if !p.has(RabbitMQConfigs) {
		p.notInstalled("Knative's RabbitMQ Broker is not installed: install it, or set another broker-class in ConfigMap config-eventing.")
		return false, nil
	}
	settings, err := p.sharedSettings().use(ctx, wiring.RabbitMQConfigName(b.Name), func() *unstructured.Unstructured {
		return wiring.MakeRabbitMQConfig(p.owner, b)
	})
	if err != nil {
		return false, err
	}
	if field, wanted, has := b.RabbitMQ.Wanted.Conflict(wiring.SettingsOf(settings)); field != "" {
		maker := settings.GetAnnotations()[lambda.BrokerSettingsAnnotationKey]
		if maker == "" {
			maker = "somebody else"
		}
		alternative := p.wiring.Remedies.Broker
		if alternative != "" {
			alternative += " "
		}
		p.trouble(corev1.ConditionFalse, v1alpha1.ReasonBrokerSettingsConflict,
			"Broker %q was made by %s with %q for %s, and %q is wanted here. Settings of a Broker cannot change: remove spec.eventing.%s, "+
				"%sor delete the Broker and RabbitmqBrokerConfig %q, with the events in it.",
			b.Name, maker, has, field, wanted, field, alternative, settings.GetName())
	}
	return true, nil
}

// releaseBrokers gives up the shared Brokers, and their settings, that the owner no longer uses.
func (p *pass) releaseBrokers(ctx context.Context) {
	brokers, settings := map[string]struct{}{}, map[string]struct{}{}
	for i := range p.wiring.Brokers {
		if b := &p.wiring.Brokers[i]; b.Shared {
			brokers[b.Name], settings[wiring.RabbitMQConfigName(b.Name)] = struct{}{}, struct{}{}
		}
	}
	p.errs = append(p.errs, p.sharedBrokers().release(ctx, brokers))
	if p.has(RabbitMQConfigs) {
		p.errs = append(p.errs, p.sharedSettings().release(ctx, settings))
	}
}

func (p *pass) sharedBrokers() *shared[*eventingv1.Broker] {
	return &shared[*eventingv1.Broker]{
		kind: kindBroker, owner: p.owner, objects: p.objects(Brokers),
		client: p.Eventing.EventingV1().Brokers(p.namespace()),
	}
}

func (p *pass) sharedSettings() *shared[*unstructured.Unstructured] {
	return &shared[*unstructured.Unstructured]{
		kind: wiring.RabbitMQConfigKind.Kind, owner: p.owner, objects: p.objects(RabbitMQConfigs),
		client: children.Untyped{ResourceInterface: p.Dynamic.Resource(wiring.RabbitMQConfigResource).Namespace(p.namespace())},
	}
}
