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
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
)

const (
	// subjectAttribute has the name of the function that an event is addressed to.
	subjectAttribute = "subject"
	// functionExtension has the name of the function that a source of its own sends to.
	functionExtension = "lambdafunction"
)

// MakeWiring says what the function wants of Knative Eventing: nothing where eventing is off and there are no triggers.
func MakeWiring(fn *v1alpha1.LambdaFunction, cfg *config.Eventing) *wiring.Wiring {
	m := &wiringMaker{fn: fn, cfg: cfg, wiring: &wiring.Wiring{Labels: FunctionLabels(fn), Remedies: remedies}}
	if fn.EventingEnabled() {
		m.addressed()
		m.sources()
	}
	for i := range fn.Spec.Triggers {
		m.further(&fn.Spec.Triggers[i])
	}
	return m.wiring
}

// remedies are what the author of a function can do.
var remedies = wiring.Remedies{
	NotInstalled: "install it, or set spec.eventing.enabled to false and remove spec.triggers.",
	NotOwned:     "delete it, or set spec.eventing.resourcePrefix.",
	Filters:      "remove the others from spec.eventing.filters, or name a Broker of another class.",
	Broker:       "name a Broker of its own in spec.eventing.brokerName,",
}

type wiringMaker struct {
	fn     *v1alpha1.LambdaFunction
	cfg    *config.Eventing
	wiring *wiring.Wiring
}

// spec is the function's, or an empty one.
func (m *wiringMaker) spec() *v1alpha1.EventingSpec {
	if m.fn.Spec.Eventing == nil {
		return &v1alpha1.EventingSpec{}
	}
	return m.fn.Spec.Eventing
}

// broker notes that the Broker is needed, and returns its name. No name is that of the shared one.
func (m *wiringMaker) broker(name string) string {
	name = cmp.Or(name, m.cfg.BrokerName)
	if slices.ContainsFunc(m.wiring.Brokers, func(b wiring.Broker) bool { return b.Name == name }) {
		return name
	}
	b := wiring.Broker{Name: name}
	// Older manifests name the shared one too.
	if name == m.cfg.BrokerName {
		b = wiring.SharedBroker(name, m.cfg, m.spec().RabbitMQ)
	}
	m.wiring.Brokers = append(m.wiring.Brokers, b)
	return name
}

// addressed makes the Trigger of events whose subject is the function's name.
func (m *wiringMaker) addressed() {
	t := m.trigger(names.Trigger(m.fn), m.broker(m.spec().BrokerName))
	t.Attributes = map[string]string{subjectAttribute: m.fn.Name}
	for i := range m.spec().Filters {
		m.filter(&t, &m.spec().Filters[i])
	}
	m.wiring.Triggers = append(m.wiring.Triggers, t)
}

// filter adds a filter of the user's. What Brokers of all classes know, they are told in the way that all know.
func (m *wiringMaker) filter(t *wiring.Trigger, f *v1alpha1.EventFilter) {
	for name := range f.Exact {
		if _, taken := t.Attributes[name]; taken {
			t.Filters = append(t.Filters, makeFilter(f))
			return
		}
	}
	if len(f.Exact) == 0 {
		t.Filters = append(t.Filters, makeFilter(f))
	}
	for name, value := range f.Exact {
		t.Attributes[name] = value
	}
}

// further makes the Trigger of one of spec.triggers.
func (m *wiringMaker) further(spec *v1alpha1.TriggerSpec) {
	name := names.FurtherTrigger(m.fn, spec)
	if slices.ContainsFunc(m.wiring.Triggers, func(t wiring.Trigger) bool { return t.Name == name }) {
		return
	}
	t := m.trigger(name, m.broker(spec.Broker))
	t.Attributes = spec.Filter
	m.wiring.Triggers = append(m.wiring.Triggers, t)
}

// sources makes the sources of the function's own, and the Trigger of their events.
func (m *wiringMaker) sources() {
	broker := m.broker(m.spec().BrokerName)
	extensions := map[string]string{functionExtension: m.fn.Name}
	for i := range m.spec().Schedules {
		s := &m.spec().Schedules[i]
		m.wiring.Schedules = append(m.wiring.Schedules, wiring.Schedule{
			Name: names.Schedule(m.fn, s), Broker: broker, Extensions: extensions,
			Cron: s.Schedule, Timezone: s.Timezone, Data: s.Data, ContentType: s.ContentType,
		})
	}
	if s := m.spec().APISource; s != nil && s.Enabled != nil && *s.Enabled {
		m.wiring.APISource = &wiring.APISource{
			Name: names.APISource(m.fn), Broker: broker, Extensions: extensions,
			Mode: cmp.Or(s.Mode, v1alpha1.APISourceModeReference), Resources: makeSelectors(s.Resources), Rules: makeRules(s.Resources),
		}
	}
	if len(m.wiring.Schedules) == 0 && m.wiring.APISource == nil {
		return
	}
	t := m.trigger(names.SourcesTrigger(m.fn), broker)
	t.Attributes = extensions
	m.wiring.Triggers = append(m.wiring.Triggers, t)
}

// trigger is a Trigger that sends to the function, in the way that all its Triggers do.
func (m *wiringMaker) trigger(name, broker string) wiring.Trigger {
	return wiring.Trigger{
		Name:   name,
		Broker: broker,
		Guards: wiring.ReplyGuards(m.fn.Namespace, m.fn.Name),
		Subscriber: duckv1.Destination{Ref: &duckv1.KReference{
			APIVersion: servingv1.SchemeGroupVersion.String(), Kind: "Service",
			Name: cmp.Or(m.spec().SubscriberServiceName, names.Service(m.fn)), Namespace: m.fn.Namespace,
		}},
		Delivery:    wiring.MakeDelivery(m.cfg, m.fn.Namespace, m.fn.Name, m.spec().Delivery, m.spec().DLQ),
		Annotations: wiring.QueueAnnotations(m.spec().RabbitMQ),
	}
}

func makeFilter(f *v1alpha1.EventFilter) eventingv1.SubscriptionsAPIFilter {
	made := eventingv1.SubscriptionsAPIFilter{
		Exact: f.Exact, Prefix: f.Prefix, Suffix: f.Suffix, CESQL: f.CESQL, All: makeFilters(f.All), Any: makeFilters(f.Any),
	}
	if f.Not != nil {
		not := makeFilter(f.Not)
		made.Not = &not
	}
	return made
}

func makeFilters(filters []v1alpha1.EventFilter) []eventingv1.SubscriptionsAPIFilter {
	if len(filters) == 0 {
		return nil
	}
	made := make([]eventingv1.SubscriptionsAPIFilter, 0, len(filters))
	for i := range filters {
		made = append(made, makeFilter(&filters[i]))
	}
	return made
}

func makeSelectors(resources []v1alpha1.APISourceResourceSpec) []sourcesv1.APIVersionKindSelector {
	selectors := make([]sourcesv1.APIVersionKindSelector, 0, len(resources))
	for i := range resources {
		selector := sourcesv1.APIVersionKindSelector{APIVersion: resources[i].APIVersion, Kind: resources[i].Kind}
		if labels := resources[i].LabelSelector; len(labels) > 0 {
			selector.LabelSelector = &metav1.LabelSelector{MatchLabels: labels}
		}
		selectors = append(selectors, selector)
	}
	return selectors
}

func makeRules(resources []v1alpha1.APISourceResourceSpec) []rbacv1.PolicyRule {
	rules := make([]rbacv1.PolicyRule, 0, len(resources))
	for i := range resources {
		rules = append(rules, wiring.Rule(resources[i].APIVersion, resources[i].Kind))
	}
	return rules
}
