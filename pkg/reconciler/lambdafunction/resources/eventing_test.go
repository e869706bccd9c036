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

package resources_test

import (
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/eventing/pkg/eventfilter"
	"knative.dev/eventing/pkg/eventfilter/subscriptionsapi"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

func makeWiring(t *testing.T, options ...FunctionOption) *wiring.Wiring {
	t.Helper()
	return resources.MakeWiring(LambdaFunction("hello", "default", options...), config.FromContextOrDefaults(t.Context()).Eventing)
}

func TestMakeWiringTrigger(t *testing.T) {
	w := makeWiring(t, WithEventing(v1alpha1.EventingSpec{
		SubscriberServiceName: "other",
		Filters:               []v1alpha1.EventFilter{{Exact: map[string]string{"type": "order.placed"}}},
		RabbitMQ:              &v1alpha1.RabbitMQSpec{ClusterName: "rabbit", Namespace: "queues", QueueType: "classic", Parallelism: ptr.Int32(7), PrefetchCount: ptr.Int32(9)},
	}))
	checkGolden(t, "trigger", wiring.MakeTrigger(LambdaFunction("hello", "default"), w.Labels, &w.Triggers[0], "http://broker.example.com/default/lambda-broker"))
	want := []wiring.Broker{{
		Name: "lambda-broker", Shared: true, Class: config.BrokerClassAuto,
		RabbitMQ: wiring.RabbitMQ{
			Wanted:  wiring.RabbitMQSettings{Cluster: "rabbit", Namespace: "queues", QueueType: "classic"},
			Default: wiring.RabbitMQSettings{Cluster: "rabbitmq", Namespace: "rabbitmq-system", QueueType: "quorum"},
		},
	}}
	if diff := cmp.Diff(want, w.Brokers); diff != "" {
		t.Error("Brokers (-want, +got):", diff)
	}
}

func TestMakeWiringBrokersAndTriggers(t *testing.T) {
	type trigger struct {
		Name, Broker string
		Attributes   map[string]string
	}
	off := WithEventing(v1alpha1.EventingSpec{Enabled: ptr.Bool(false), BrokerName: "own", Schedules: []v1alpha1.ScheduleSpec{{Name: "a"}}})
	for _, tc := range []struct {
		name     string
		options  []FunctionOption
		brokers  []string
		shared   []bool
		triggers []trigger
	}{{
		name:     "nothing is said",
		brokers:  []string{"lambda-broker"},
		shared:   []bool{true},
		triggers: []trigger{{"hello-trigger", "lambda-broker", map[string]string{"subject": "hello"}}},
	}, {
		name:    "off",
		options: []FunctionOption{off},
	}, {
		name:     "off, and triggers",
		options:  []FunctionOption{off, WithTrigger("default", nil)},
		brokers:  []string{"default"},
		shared:   []bool{false},
		triggers: []trigger{{"hello-default-e3b0c442", "default", nil}},
	}, {
		// Manifests of the older operator name the shared one.
		name:     "the shared Broker by its name",
		options:  []FunctionOption{WithEventing(v1alpha1.EventingSpec{BrokerName: "lambda-broker"})},
		brokers:  []string{"lambda-broker"},
		shared:   []bool{true},
		triggers: []trigger{{"hello-trigger", "lambda-broker", map[string]string{"subject": "hello"}}},
	}, {
		name: "several Brokers, and a trigger that is there twice",
		options: []FunctionOption{
			WithEventing(v1alpha1.EventingSpec{BrokerName: "own", ResourcePrefix: "mine"}), WithTrigger("lambda-broker", nil), WithTrigger("own", nil),
			WithTrigger("own", nil),
		},
		brokers: []string{"own", "lambda-broker"},
		shared:  []bool{false, true},
		triggers: []trigger{
			{"mine-trigger", "own", map[string]string{"subject": "hello"}},
			{"mine-lambda-broker-e3b0c442", "lambda-broker", nil},
			{"mine-own-e3b0c442", "own", nil},
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			w := makeWiring(t, tc.options...)
			var (
				brokers  []string
				shared   []bool
				triggers []trigger
			)
			for _, b := range w.Brokers {
				brokers, shared = append(brokers, b.Name), append(shared, b.Shared)
			}
			for _, tr := range w.Triggers {
				triggers = append(triggers, trigger{tr.Name, tr.Broker, tr.Attributes})
			}
			for what, diff := range map[string]string{
				"Brokers": cmp.Diff(tc.brokers, brokers), "shared": cmp.Diff(tc.shared, shared), "Triggers": cmp.Diff(tc.triggers, triggers),
			} {
				if diff != "" {
					t.Errorf("%s (-want, +got): %s", what, diff)
				}
			}
			if len(w.Schedules) > 0 || w.APISource != nil {
				t.Error("there are sources that nobody asked for")
			}
		})
	}
}

func TestMakeWiringSources(t *testing.T) {
	w := makeWiring(t, WithEventing(v1alpha1.EventingSpec{
		BrokerName: "own",
		Schedules: []v1alpha1.ScheduleSpec{
			{Name: "a", Schedule: "@daily", Timezone: "UTC", Data: "{}", ContentType: "application/json"}, {Name: "b", Schedule: "@hourly"},
		},
		APISource: &v1alpha1.APISourceSpec{Enabled: ptr.Bool(true), Resources: []v1alpha1.APISourceResourceSpec{
			{APIVersion: "v1", Kind: "Pod"}, {APIVersion: "apps/v1", Kind: "Deployment", LabelSelector: map[string]string{"app": "web"}},
		}},
	}))
	extensions := map[string]string{"lambdafunction": "hello"}
	schedules := []wiring.Schedule{
		{Name: "hello-schedule-a", Broker: "own", Extensions: extensions, Cron: "@daily", Timezone: "UTC", Data: "{}", ContentType: "application/json"},
		{Name: "hello-schedule-b", Broker: "own", Extensions: extensions, Cron: "@hourly"},
	}
	read := []string{"get", "list", "watch"}
	source := &wiring.APISource{
		Name: "hello-api-source", Broker: "own", Extensions: extensions, Mode: "Reference",
		Resources: []sourcesv1.APIVersionKindSelector{
			{APIVersion: "v1", Kind: "Pod"},
			{APIVersion: "apps/v1", Kind: "Deployment", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: read},
			{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: read},
		},
	}
	if diff := cmp.Diff(schedules, w.Schedules); diff != "" {
		t.Error("Schedules (-want, +got):", diff)
	}
	if diff := cmp.Diff(source, w.APISource); diff != "" {
		t.Error("APISource (-want, +got):", diff)
	}
	if got := w.Triggers[1]; got.Name != "hello-sources" || got.Broker != "own" || !cmp.Equal(got.Attributes, extensions) {
		t.Errorf("the Trigger of the sources = %+v", got)
	}
}

// TestWhatTriggersLetPass asks what Brokers filter with which events reach the function.
func TestWhatTriggersLetPass(t *testing.T) {
	narrowed := WithEventing(v1alpha1.EventingSpec{Filters: []v1alpha1.EventFilter{
		{Any: []v1alpha1.EventFilter{{Prefix: map[string]string{"type": "order."}}, {Suffix: map[string]string{"type": ".order"}}}},
		{Not: &v1alpha1.EventFilter{CESQL: "EXISTS tenant AND tenant = 'test'"}},
		{All: []v1alpha1.EventFilter{{Exact: map[string]string{"subject": "hello"}}, {Exact: map[string]string{"source": "/shop"}}}},
		{Exact: map[string]string{"tenant": "acme"}},
	}})
	scheduled := WithEventing(v1alpha1.EventingSpec{Schedules: []v1alpha1.ScheduleSpec{{Name: "a"}}})
	all := []FunctionOption{WithEventing(v1alpha1.EventingSpec{Enabled: ptr.Bool(false)}), WithTrigger("default", nil)}
	for _, tc := range []struct {
		name    string
		options []FunctionOption
		trigger int
		event   func(*event.Event)
		want    bool
	}{
		{name: "addressed to it", event: func(*event.Event) {}, want: true},
		{name: "addressed to another", event: func(e *event.Event) { e.SetSubject("other") }},
		{name: "addressed to nobody", event: func(e *event.Event) { e.SetSubject("") }},
		{name: "its own reply", event: func(e *event.Event) { e.SetSource("io.knative.lambda/default/hello") }},
		{name: "its own reply from another source", event: func(e *event.Event) { e.SetExtension("repliedby", "default/hello") }},
		{name: "another function's reply", event: func(e *event.Event) {
			e.SetSource("io.knative.lambda/default/other")
			e.SetExtension("repliedby", "default/other")
		}, want: true},

		{name: "all that is asked for", options: []FunctionOption{narrowed}, event: func(e *event.Event) { e.SetExtension("tenant", "acme") }, want: true},
		{name: "another type", options: []FunctionOption{narrowed}, event: func(e *event.Event) {
			e.SetExtension("tenant", "acme")
			e.SetType("bill.placed")
		}},
		{name: "another tenant", options: []FunctionOption{narrowed}, event: func(e *event.Event) { e.SetExtension("tenant", "test") }},
		{name: "no tenant", options: []FunctionOption{narrowed}, event: func(*event.Event) {}},
		{name: "another source", options: []FunctionOption{narrowed}, event: func(e *event.Event) {
			e.SetExtension("tenant", "acme")
			e.SetSource("/elsewhere")
		}},
		{name: "all that is asked for, as a reply of its own", options: []FunctionOption{narrowed}, event: func(e *event.Event) {
			e.SetExtension("tenant", "acme")
			e.SetExtension("repliedby", "default/hello")
		}},

		{name: "all events", options: all, event: func(e *event.Event) { e.SetSubject("other") }, want: true},
		{name: "all events but its own replies", options: all, event: func(e *event.Event) { e.SetSource("io.knative.lambda/default/hello") }},
		{name: "all events but its own replies from another source", options: all, event: func(e *event.Event) { e.SetExtension("repliedby", "default/hello") }},

		{name: "a schedule of its own", options: []FunctionOption{scheduled}, trigger: 1, event: func(e *event.Event) {
			e.SetSubject("")
			e.SetExtension("lambdafunction", "hello")
		}, want: true},
		{name: "a schedule of another", options: []FunctionOption{scheduled}, trigger: 1, event: func(e *event.Event) { e.SetExtension("lambdafunction", "other") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := makeWiring(t, tc.options...)
			e := event.New()
			e.SetID("1")
			e.SetType("order.placed")
			e.SetSource("/shop")
			e.SetSubject("hello")
			tc.event(&e)
			trigger := wiring.MakeTrigger(LambdaFunction("hello", "default"), w.Labels, &w.Triggers[tc.trigger], "")
			if got := passes(t, trigger, e); got != tc.want {
				t.Errorf("it passes: %t, want %t", got, tc.want)
			}
		})
	}
}

// passes filters as Knative's Broker does.
func passes(t *testing.T, trigger *eventingv1.Trigger, e event.Event) bool {
	t.Helper()
	filter := subscriptionsapi.CreateSubscriptionsAPIFilters(zap.NewNop(), trigger.Spec.Filters)
	// It sorts its parts after a failure, by itself: to log it, or to clean it up, would race with that.
	ctx := logging.WithLogger(t.Context(), zap.NewNop().Sugar())
	return filter.Filter(ctx, e) != eventfilter.FailFilter
}
