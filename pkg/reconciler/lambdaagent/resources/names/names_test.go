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

package names

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

func agent(name string) *v1alpha1.LambdaAgent {
	return &v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}}
}

func subscription(la *v1alpha1.LambdaAgent, eventType, source string) string {
	name, _ := NewTriggers(la).Subscription(&v1alpha1.SubscriptionSpec{EventType: eventType, Source: source})
	return name
}

func forward(la *v1alpha1.LambdaAgent, target, eventType string) string {
	name, _ := NewTriggers(la).Forward(&v1alpha1.ForwardSpec{TargetAgent: target, TargetNamespace: "other"}, eventType)
	return name
}

func TestNames(t *testing.T) {
	chat := agent("chat")
	for _, tc := range []struct{ name, got, want string }{
		{"Service", Service(chat), "chat"},
		{"Broker", Broker("chat"), "chat-broker"},
		{"Metrics", Metrics(chat), "chat-metrics"},
		{"Binding", Binding("default", "chat"), "default.chat"},
		{"Subscription", subscription(chat, "com.example.order", ""), "chat-com-example-order"},
		{"Subscription of any source", subscription(chat, "com.example.order", "*"), "chat-com-example-order"},
		{"Forward", forward(chat, "records", "com.example.order"), "chat-fwd-records-com-example-order"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s = %q, want %q", tc.name, tc.got, tc.want)
		}
	}
	for _, tc := range []struct{ name, got, prefix string }{
		{"wildcard", subscription(chat, "com.example.*", ""), "chat-com-example-"},
		{"all", subscription(chat, "*", ""), "chat-all-"},
		{"letters that names have not", subscription(chat, "Order_Päid", ""), "chat-order-p-id-"},
		{"no letter at all", subscription(chat, "ÄÖ", ""), "chat-"},
	} {
		if hash, ok := strings.CutPrefix(tc.got, tc.prefix); !ok || len(hash) != hashLength {
			t.Errorf("name of %s = %q, want %q and a hash", tc.name, tc.got, tc.prefix)
		}
	}
}

// TestNamesDiffer holds that what differs has another name, that each is a name, and that none is too long.
func TestNamesDiffer(t *testing.T) {
	var types []string
	for i := range 41 {
		types = append(types, fmt.Sprintf("com.example.order.of.kind.%d", i), fmt.Sprintf("com.example.%s.%d", strings.Repeat("long", 15), i))
	}
	types = append(types, "*", "all", "a.b", "a-b", "a_b", "A.b", "a.b.*", "a.b-*", "a..b", "broker", "metrics", "fwd.records.a")
	for i := range 217 {
		types = append(types, fmt.Sprintf("intent.%d", i))
	}
	seen := map[string]string{}
	check := func(what, name string) {
		t.Helper()
		if msgs := validation.IsDNS1123Label(name); len(msgs) > 0 {
			t.Errorf("%s = %q: %v", what, name, msgs)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%q is the name of %s and of %s", name, other, what)
		}
		seen[name] = what
	}
	for _, name := range []string{"chat", strings.Repeat("a", 50), strings.Repeat("a", 62) + "b", strings.Repeat("a", 62) + "c"} {
		la := agent(name)
		triggers := NewTriggers(la)
		for _, eventType := range types {
			for _, source := range []string{"", "/shop", "/shop/*", "/Shop"} {
				got, _ := triggers.Subscription(&v1alpha1.SubscriptionSpec{EventType: eventType, Source: source})
				check(name+" "+eventType+" from "+source, got)
			}
			for _, target := range []string{"default/records", "other/records", "other/records-a", "other/" + strings.Repeat("r", 63)} {
				namespace, agent, _ := strings.Cut(target, "/")
				got, _ := triggers.Forward(&v1alpha1.ForwardSpec{TargetAgent: agent, TargetNamespace: namespace}, eventType)
				check(name+" "+eventType+" to "+target, got)
			}
		}
		for _, other := range []string{Broker(name), Metrics(la)} {
			if msgs := validation.IsDNS1123Label(other); len(msgs) > 0 {
				t.Errorf("%q: %v", other, msgs)
			}
		}
	}
}

func TestTheSameTwice(t *testing.T) {
	triggers, f := NewTriggers(agent("chat")), &v1alpha1.ForwardSpec{TargetAgent: "records", TargetNamespace: "other"}
	for i, want := range []bool{true, false} {
		if _, ok := triggers.Subscription(&v1alpha1.SubscriptionSpec{EventType: "a", Source: []string{"", "*"}[i]}); ok != want {
			t.Errorf("Subscription() = %t, want %t", ok, want)
		}
		if _, ok := triggers.Forward(f, "a"); ok != want {
			t.Errorf("Forward() = %t, want %t", ok, want)
		}
	}
}
