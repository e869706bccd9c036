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
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	logtesting "knative.dev/pkg/logging/testing"
	o11yconfigmap "knative.dev/pkg/observability/configmap"
	"knative.dev/pkg/observability/tracing"

	apiconfig "github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func TestStoreRoundTrip(t *testing.T) {
	var stored []string
	store := NewStore(logtesting.TestLogger(t), func(name string, _ any) { stored = append(stored, name) })
	store.OnConfigChanged(configMap(apiconfig.BuildConfigName, map[string]string{"registry": "ghcr.io/acme"}))
	store.OnConfigChanged(configMap(o11yconfigmap.Name(), map[string]string{
		"tracing-protocol": "grpc", "tracing-endpoint": "http://collector:4317", "tracing-sampling-rate": "0.5",
	}))
	// What does not parse leaves the last good one.
	store.OnConfigChanged(configMap(o11yconfigmap.Name(), map[string]string{"tracing-protocol": "pigeon"}))
	if diff := cmp.Diff([]string{apiconfig.BuildConfigName, o11yconfigmap.Name()}, stored); diff != "" {
		t.Error("onAfterStore (-want, +got):", diff)
	}
	ctx := store.ToContext(t.Context())
	// One reconcile's view is not another's, nor the Store's.
	changed := store.Load()
	changed.Build.Registry, changed.Tracing.Endpoint = "changed", "changed"
	want := tracing.Config{Protocol: tracing.ProtocolGRPC, Endpoint: "http://collector:4317", SamplingRate: 0.5}
	for name, got := range map[string]*Config{"context": FromContextOrDefaults(ctx), "Store": store.Load()} {
		if diff := cmp.Diff(want, got.Tracing); diff != "" {
			t.Errorf("Tracing of the %s (-want, +got): %s", name, diff)
		}
		if got.Build.Registry != "ghcr.io/acme" || got.Eventing == nil || got.Runtimes == nil {
			t.Errorf("Config of the %s = %+v", name, got.Config)
		}
	}
	if got := apiconfig.FromContext(ctx); got == nil || got.Build.Registry != "ghcr.io/acme" {
		t.Errorf("Config of pkg/apis/config = %+v", got)
	}
}

func TestDefaults(t *testing.T) {
	for name, got := range map[string]*Config{
		"context": FromContextOrDefaults(t.Context()),
		"Store":   NewStore(logtesting.TestLogger(t)).Load(),
	} {
		if diff := cmp.Diff(tracing.DefaultConfig(), got.Tracing); diff != "" {
			t.Errorf("Tracing of an empty %s (-want, +got): %s", name, diff)
		}
		if got.Build == nil || got.Eventing == nil || got.Runtimes == nil {
			t.Errorf("Config of an empty %s = %+v", name, got.Config)
		}
	}
}
