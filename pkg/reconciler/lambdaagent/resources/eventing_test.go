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
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/eventing/pkg/eventfilter"
	"knative.dev/eventing/pkg/eventfilter/subscriptionsapi"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// records is an agent that events are forwarded to.
var records = types.NamespacedName{Namespace: "records", Name: "records"}

func makeWiring(t *testing.T, e v1alpha1.AgentEventingSpec) *wiring.Wiring {
	t.Helper()
	targets := map[types.NamespacedName]resources.Target{
		records: {Broker: apis.HTTP("broker.example.com"), Sources: []string{"io.knative.lambda/records/records", "/records"}},
	}
	return resources.MakeWiring(LambdaAgent("chat", "default", WithAgentEventing(e)), config.FromContextOrDefaults(t.Context()).Eventing, targets)
}

func TestMakeWiringBroker(t *testing.T) {
	w := makeWiring(t, v1alpha1.AgentEventingSpec{RabbitMQ: &v1alpha1.RabbitMQSpec{
		ClusterName: "rabbit", Namespace: "queues", Parallelism: ptr.Int32(7),
	}, Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "a"}}})
	want := []wiring.Broker{{
		Name: "chat-broker", Shared: true, Class: config.BrokerClassAuto,
		RabbitMQ: wiring.RabbitMQ{
			Wanted:  wiring.RabbitMQSettings{Cluster: "rabbit", Namespace: "queues"},
			Default: wiring.RabbitMQSettings{Cluster: "rabbitmq", Namespace: "rabbitmq-system", QueueType: "quorum"},
		},
	}}
	if diff := cmp.Diff(want, w.Brokers); diff != "" {
		t.Error("Brokers (-want, +got):", diff)
	}
	if diff := cmp.Diff(map[string]string{wiring.ParallelismAnnotation: "7"}, w.Triggers[0].Annotations); diff != "" {
		t.Error("annotations of the Trigger (-want, +got):", diff)
	}
	for _, off := range []v1alpha1.AgentEventingSpec{{Enabled: ptr.Bool(false), Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "a"}}}} {
		if w := makeWiring(t, off); len(w.Brokers)+len(w.Triggers) > 0 {
			t.Errorf("MakeWiring() of eventing that is off = %+v", w)
		}
	}
}

// TestMakeWiringMany holds that each subscription and each forward is a Trigger, however many there are, and intents are none.
func TestMakeWiringMany(t *testing.T) {
	e := v1alpha1.AgentEventingSpec{Forwards: []v1alpha1.ForwardSpec{
		{EventTypes: []string{"a.b", "a.*"}, TargetAgent: "records", TargetNamespace: "records"},
		{EventTypes: []string{"a.b"}, TargetAgent: "missing", TargetNamespace: "records"},
	}}
	for i := range 41 {
		e.Subscriptions = append(e.Subscriptions, v1alpha1.SubscriptionSpec{EventType: fmt.Sprintf("com.example.%s.%d", strings.Repeat("x", i*2), i)})
	}
	for i := range 217 {
		e.Intents = append(e.Intents, fmt.Sprintf("com.example.intent.%d", i))
	}
	e.Subscriptions = append(e.Subscriptions, e.Subscriptions[0]) // as an older release may have stored it
	w := makeWiring(t, e)
	var forwards int
	names := map[string]bool{}
	for _, trigger := range w.Triggers {
		names[trigger.Name] = true
		if trigger.Forward {
			forwards++
		}
		if len(trigger.Name) > 63 || trigger.Broker != "chat-broker" {
			t.Errorf("Trigger %q of Broker %q", trigger.Name, trigger.Broker)
		}
	}
	if len(names) != 43 || len(w.Triggers) != 43 || forwards != 2 {
		t.Errorf("%d names of %d Triggers, of which %d are forwards", len(names), len(w.Triggers), forwards)
	}
	e.Subscriptions = e.Subscriptions[20:41]
	for _, trigger := range makeWiring(t, e).Triggers {
		if !names[trigger.Name] {
			t.Errorf("Trigger %q has another name where others are gone", trigger.Name)
		}
	}
}

// TestWhatTriggersLetPass asks what Brokers filter with which events reach whom.
func TestWhatTriggersLetPass(t *testing.T) {
	subscribe := func(eventType, source string) v1alpha1.AgentEventingSpec {
		return v1alpha1.AgentEventingSpec{EventSource: "/chat", Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: eventType, Source: source}}}
	}
	forward := v1alpha1.AgentEventingSpec{EventSource: "/chat", Forwards: []v1alpha1.ForwardSpec{
		{EventTypes: []string{"order.*"}, TargetAgent: "records", TargetNamespace: "records"},
	}}
	for _, tc := range []struct {
		name  string
		spec  v1alpha1.AgentEventingSpec
		event func(*event.Event)
		want  bool
	}{
		{name: "the type", spec: subscribe("order.placed", ""), want: true},
		{name: "another type", spec: subscribe("order.paid", "")},
		{name: "the beginning of the type", spec: subscribe("order.*", ""), want: true},
		{name: "a type that begins otherwise", spec: subscribe("orders.*", "")},
		{name: "any", spec: subscribe("*", ""), want: true},
		{name: "any, from any source", spec: subscribe("*", "*"), want: true},
		{name: "the source", spec: subscribe("order.*", "/shop/1"), want: true},
		{name: "another source", spec: subscribe("order.*", "/shop")},
		{name: "the beginning of the source", spec: subscribe("*", "/shop/*"), want: true},
		{name: "a source that begins otherwise", spec: subscribe("*", "/shops/*")},
		{name: "its own event", spec: subscribe("*", ""), event: func(e *event.Event) { e.SetSource("/chat") }},
		{name: "its own reply", spec: subscribe("*", ""), event: func(e *event.Event) { e.SetSource("io.knative.lambda/default/chat") }},
		{name: "its own reply from another source", spec: subscribe("*", ""), event: func(e *event.Event) { e.SetExtension("repliedby", "default/chat") }},
		{name: "forwarded", spec: forward, want: true},
		{name: "its own event, forwarded", spec: forward, event: func(e *event.Event) { e.SetSource("/chat") }, want: true},
		{name: "of a type that is not forwarded", spec: forward, event: func(e *event.Event) { e.SetType("bill.placed") }},
		{name: "back to whom it is of", spec: forward, event: func(e *event.Event) { e.SetSource("/records") }},
		{name: "back to whose reply it is", spec: forward, event: func(e *event.Event) { e.SetSource("io.knative.lambda/records/records") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := makeWiring(t, tc.spec)
			e := event.New()
			e.SetID("1")
			e.SetType("order.placed")
			e.SetSource("/shop/1")
			if tc.event != nil {
				tc.event(&e)
			}
			trigger := wiring.MakeTrigger(LambdaAgent("chat", "default"), w.Labels, &w.Triggers[0], "")
			filter := subscriptionsapi.CreateSubscriptionsAPIFilters(zap.NewNop(), trigger.Spec.Filters)
			ctx := logging.WithLogger(t.Context(), zap.NewNop().Sugar())
			if got := filter.Filter(ctx, e) != eventfilter.FailFilter; got != tc.want {
				t.Errorf("it passes: %t, want %t", got, tc.want)
			}
		})
	}
}

func TestSubscribersAndDelivery(t *testing.T) {
	w := makeWiring(t, v1alpha1.AgentEventingSpec{
		Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "a"}},
		Forwards:      []v1alpha1.ForwardSpec{{EventTypes: []string{"a"}, TargetAgent: "records", TargetNamespace: "records"}},
		DLQ:           &v1alpha1.DLQSpec{RetryMaxAttempts: ptr.Int32(7)},
	})
	ref, uri := w.Triggers[0].Subscriber.Ref, w.Triggers[1].Subscriber.URI
	if ref == nil || ref.Name != "chat" || ref.Kind != "Service" || ref.APIVersion != "serving.knative.dev/v1" {
		t.Errorf("subscriber of a subscription = %+v", ref)
	}
	if got := uri.String(); got != "http://broker.example.com" {
		t.Errorf("subscriber of a forward = %q", got)
	}
	for _, trigger := range w.Triggers {
		if d := trigger.Delivery; *d.Retry != 7 || !strings.Contains(d.DeadLetterSink.URI.String(), "function=chat") {
			t.Errorf("delivery of %q = %+v", trigger.Name, d)
		}
	}
}

func TestEventSources(t *testing.T) {
	for _, tc := range []struct {
		name string
		la   *v1alpha1.LambdaAgent
		want []string
	}{
		{"no eventing", LambdaAgent("chat", "a"), []string{"io.knative.lambda/a/chat"}},
		{"a source", LambdaAgent("chat", "a", WithAgentEventing(v1alpha1.AgentEventingSpec{EventSource: "/chat"})), []string{"io.knative.lambda/a/chat", "/chat"}},
	} {
		if got := resources.EventSources(tc.la); !slices.Equal(got, tc.want) {
			t.Errorf("%s: EventSources() = %q, want %q", tc.name, got, tc.want)
		}
	}
}
