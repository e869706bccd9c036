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

package config

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	logtesting "knative.dev/pkg/logging/testing"
)

var compareRuntimes = cmp.AllowUnexported(Runtimes{})

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func TestStoreRoundTrip(t *testing.T) {
	var stored []string
	store := NewStore(logtesting.TestLogger(t), func(name string, _ any) { stored = append(stored, name) })
	eventing := configMap(EventingConfigName, map[string]string{"retry": "3"})
	build := configMap(BuildConfigName, map[string]string{"registry": "ghcr.io/acme", "cpu-limit": "2"})
	runtimes := configMap(RuntimesConfigName, map[string]string{"python": twoVersions})
	store.OnConfigChanged(build)
	store.OnConfigChanged(runtimes)
	store.OnConfigChanged(eventing)
	if diff := cmp.Diff([]string{BuildConfigName, RuntimesConfigName, EventingConfigName}, stored); diff != "" {
		t.Error("onAfterStore (-want, +got):", diff)
	}

	wantBuild, err := NewBuildFromConfigMap(build)
	if err != nil {
		t.Fatal("NewBuildFromConfigMap() =", err)
	}
	wantRuntimes, err := NewRuntimesFromConfigMap(runtimes)
	if err != nil {
		t.Fatal("NewRuntimesFromConfigMap() =", err)
	}
	wantEventing, err := NewEventingFromConfigMap(eventing)
	if err != nil {
		t.Fatal("NewEventingFromConfigMap() =", err)
	}
	want := &Config{Build: wantBuild, Runtimes: wantRuntimes, Eventing: wantEventing}
	if diff := cmp.Diff(want, FromContext(store.ToContext(context.Background())), compareRuntimes); diff != "" {
		t.Error("Config (-want, +got):", diff)
	}

	// One reconcile's view is not another's, nor the Store's.
	changed := store.Load()
	changed.Build.Registry, changed.Eventing.BrokerName = "changed", "changed"
	delete(changed.Build.Limits, corev1.ResourceCPU)
	if diff := cmp.Diff(want, store.Load(), compareRuntimes); diff != "" {
		t.Error("Config after a change of a copy (-want, +got):", diff)
	}
}

func TestStoreKeepsTheLastGood(t *testing.T) {
	store := NewStore(logtesting.TestLogger(t))
	store.OnConfigChanged(configMap(BuildConfigName, map[string]string{"registry": "ghcr.io/acme"}))
	store.OnConfigChanged(configMap(BuildConfigName, map[string]string{"registry": "https://ghcr.io"}))
	if got, want := store.Load().Build.Registry, "ghcr.io/acme"; got != want {
		t.Errorf("Registry = %q, want %q", got, want)
	}
}

func TestEmptyStoreHasDefaults(t *testing.T) {
	want := &Config{Build: defaultBuild(), Runtimes: defaultRuntimes(), Eventing: defaultEventing()}
	if diff := cmp.Diff(want, NewStore(logtesting.TestLogger(t)).Load(), compareRuntimes); diff != "" {
		t.Error("Load() (-want, +got):", diff)
	}
}

func TestFromContextOrDefaults(t *testing.T) {
	build, runtimes, eventing := &Build{Registry: "ghcr.io/acme"}, &Runtimes{}, &Eventing{BrokerName: "ours"}
	for _, tc := range []struct {
		name       string
		have, want *Config
	}{
		{name: "nothing", want: &Config{Build: defaultBuild(), Runtimes: defaultRuntimes(), Eventing: defaultEventing()}},
		{name: "build", have: &Config{Build: build}, want: &Config{Build: build, Runtimes: defaultRuntimes(), Eventing: defaultEventing()}},
		{name: "runtimes", have: &Config{Runtimes: runtimes}, want: &Config{Build: defaultBuild(), Runtimes: runtimes, Eventing: defaultEventing()}},
		{name: "eventing", have: &Config{Eventing: eventing}, want: &Config{Build: defaultBuild(), Runtimes: defaultRuntimes(), Eventing: eventing}},
		{
			name: "all", have: &Config{Build: build, Runtimes: runtimes, Eventing: eventing},
			want: &Config{Build: build, Runtimes: runtimes, Eventing: eventing},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := context.Background()
			if tc.have != nil {
				ctx = ToContext(ctx, tc.have)
			}
			if diff := cmp.Diff(tc.want, FromContextOrDefaults(ctx), compareRuntimes); diff != "" {
				t.Error("FromContextOrDefaults() (-want, +got):", diff)
			}
		})
	}
	if got := FromContext(context.Background()); got != nil {
		t.Errorf("FromContext() of an empty context = %+v", got)
	}
}
