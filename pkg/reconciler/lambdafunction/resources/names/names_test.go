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
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

func function(name string) *v1alpha1.LambdaFunction {
	return &v1alpha1.LambdaFunction{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestNames(t *testing.T) {
	key := strings.Repeat("0123456789abcdef", 4)
	if got, want := Build(function("hello"), key), "hello-0123456789"; got != want {
		t.Errorf("Build() = %q, want %q", got, want)
	}
	if got, want := Service(function("hello")), "hello"; got != want {
		t.Errorf("Service() = %q, want %q", got, want)
	}
}

// TestLongNames holds that a name that has to be cut is a name still, and differs from that of its neighbours.
func TestLongNames(t *testing.T) {
	keys := []string{strings.Repeat("0", 64), strings.Repeat("f", 64)}
	seen := map[string]string{}
	for _, length := range []int{51, 52, 53, 62, 63} {
		for _, last := range []string{"a", "b"} {
			for _, key := range keys {
				fn := function(strings.Repeat("a", length-1) + last)
				got := Build(fn, key)
				if msgs := validation.IsDNS1123Label(got); len(msgs) > 0 {
					t.Errorf("Build() of %d characters = %q: %v", length, got, msgs)
				}
				if other, ok := seen[got]; ok {
					t.Errorf("Build() = %q for both %q and %q", got, fn.Name, other)
				}
				seen[got] = fn.Name
			}
		}
	}
}

func TestEventingNames(t *testing.T) {
	plain, prefixed := function("hello"), function("hello")
	prefixed.Spec.Eventing = &v1alpha1.EventingSpec{ResourcePrefix: "other"}
	further := func(filter map[string]string) *v1alpha1.TriggerSpec {
		return &v1alpha1.TriggerSpec{Broker: "default", Filter: filter}
	}
	for _, tc := range []struct{ name, got, want string }{
		{"Trigger", Trigger(plain), "hello-trigger"},
		{"Trigger with a prefix", Trigger(prefixed), "other-trigger"},
		{"SourcesTrigger", SourcesTrigger(plain), "hello-sources"},
		{"Schedule", Schedule(plain, &v1alpha1.ScheduleSpec{Name: "nightly"}), "hello-schedule-nightly"},
		{"APISource", APISource(prefixed), "other-api-source"},
		{"FurtherTrigger of all events", FurtherTrigger(plain, further(nil)), "hello-default-e3b0c442"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s = %q, want %q", tc.name, tc.got, tc.want)
		}
	}
	// Two filters are told apart, however alike they are.
	seen := map[string]bool{}
	for _, filter := range []map[string]string{nil, {"a": "b"}, {"a": "b", "c": "d"}, {"a": "bc", "": "d"}, {"ab": ""}, {"a": "b\x00c\x00d"}} {
		name := FurtherTrigger(plain, further(filter))
		if seen[name] {
			t.Errorf("FurtherTrigger(%q) = %q, which another filter has", filter, name)
		}
		seen[name] = true
	}
}

// TestLongEventingNames holds that names that have to be cut differ from those of neighbours, and from one another.
func TestLongEventingNames(t *testing.T) {
	seen := map[string]string{}
	for _, length := range []int{50, 55, 63} {
		for _, last := range []string{"a", "b"} {
			fn := function(strings.Repeat("a", length-1) + last)
			for kind, name := range map[string]string{
				"trigger":  Trigger(fn),
				"sources":  SourcesTrigger(fn),
				"one":      Schedule(fn, &v1alpha1.ScheduleSpec{Name: strings.Repeat("s", 62) + "1"}),
				"two":      Schedule(fn, &v1alpha1.ScheduleSpec{Name: strings.Repeat("s", 62) + "2"}),
				"api":      APISource(fn),
				"further":  FurtherTrigger(fn, &v1alpha1.TriggerSpec{Broker: "default"}),
				"further2": FurtherTrigger(fn, &v1alpha1.TriggerSpec{Broker: "default", Filter: map[string]string{"type": "a"}}),
			} {
				if msgs := validation.IsDNS1123Label(name); len(msgs) > 0 {
					t.Errorf("%s of %d characters = %q: %v", kind, length, name, msgs)
				}
				if other, ok := seen[name]; ok {
					t.Errorf("%q is the name of %s and of %s", name, other, fn.Name+" "+kind)
				}
				seen[name] = fn.Name + " " + kind
			}
		}
	}
}
