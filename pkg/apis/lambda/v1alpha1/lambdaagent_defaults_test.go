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

package v1alpha1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
)

// defaultedAgent is the spec of an agent whose user gave nothing but the image.
func defaultedAgent(change func(*LambdaAgentSpec)) LambdaAgentSpec {
	spec := LambdaAgentSpec{
		Image:         ImageSource{Repository: "ghcr.io/acme/chat", Tag: "latest", Port: ptr.Int32(8080)},
		Behavior:      BehaviorSpec{MaxContextMessages: ptr.Int32(10), EmitEvents: ptr.Bool(true)},
		OperationMode: OperationModeAgentic,
		Scaling: ScalingSpec{
			MinReplicas: ptr.Int32(0), MaxReplicas: ptr.Int32(10), ContainerConcurrency: ptr.Int64(0), TargetConcurrency: ptr.Int32(10),
			ScaleToZeroGracePeriod: seconds(30),
		},
		Resources: ResourcesSpec{Requests: quantities("50m", "64Mi"), Limits: quantities("1", "512Mi")},
	}
	if change != nil {
		change(&spec)
	}
	return spec
}

func TestSetDefaultsOfAgents(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*LambdaAgent)
		want   func(*LambdaAgentSpec)
	}{{
		name: "nothing but the image",
	}, {
		name:   "a digest",
		change: func(la *LambdaAgent) { la.Spec.Image.Digest = "sha256:a" },
		want:   func(s *LambdaAgentSpec) { s.Image.Digest, s.Image.Tag = "sha256:a", "" },
	}, {
		name:   "a model",
		change: func(la *LambdaAgent) { la.Spec.AI = &AISpec{Endpoint: "ollama", Model: "a"} },
		want: func(s *LambdaAgentSpec) {
			s.AI = &AISpec{Provider: AIProviderOllama, Endpoint: "ollama", Model: "a", MaxTokens: ptr.Int32(2048), Temperature: "0.7"}
		},
	}, {
		name:   "no model",
		change: func(la *LambdaAgent) { la.Spec.AI = &AISpec{Provider: AIProviderNone} },
		want:   func(s *LambdaAgentSpec) { s.AI = &AISpec{Provider: AIProviderNone} },
	}, {
		name: "behavior",
		change: withBehavior(BehaviorSpec{
			MaxContextMessages: ptr.Int32(0), EmitEvents: ptr.Bool(false), SystemPromptRef: &SystemPromptReference{Name: "a", Key: "b"},
			HealthCheck: &HealthCheckSpec{},
		}),
		want: func(s *LambdaAgentSpec) {
			s.Behavior = BehaviorSpec{
				MaxContextMessages: ptr.Int32(0), EmitEvents: ptr.Bool(false),
				SystemPromptRef: &SystemPromptReference{Kind: SystemPromptConfigMap, Name: "a", Key: "b"},
				HealthCheck:     &HealthCheckSpec{Interval: seconds(60)},
			}
		},
	}, {
		name:   "permissions",
		change: withPermissions(PermissionsSpec{EventControls: &EventControlsSpec{}}),
		want: func(s *LambdaAgentSpec) {
			s.Permissions = &PermissionsSpec{
				EventControls: &EventControlsSpec{ControlEventTypes: []string{"io.homelab.rbac.disable", "io.homelab.rbac.enable"}},
			}
		},
	}, {
		name:   "other controls",
		change: withPermissions(PermissionsSpec{EventControls: &EventControlsSpec{ControlEventTypes: []string{"a"}}}),
		want: func(s *LambdaAgentSpec) {
			s.Permissions = &PermissionsSpec{EventControls: &EventControlsSpec{ControlEventTypes: []string{"a"}}}
		},
	}, {
		name:   "eventing",
		change: withAgentEventing(AgentEventingSpec{}),
		want: func(s *LambdaAgentSpec) {
			s.Eventing = &AgentEventingSpec{DLQ: &DLQSpec{RetryMaxAttempts: ptr.Int32(3)}}
		},
	}, {
		name:   "eventing without a further try",
		change: withAgentEventing(AgentEventingSpec{DLQ: &DLQSpec{RetryMaxAttempts: ptr.Int32(0)}}),
		want: func(s *LambdaAgentSpec) {
			s.Eventing = &AgentEventingSpec{DLQ: &DLQSpec{RetryMaxAttempts: ptr.Int32(0)}}
		},
	}, {
		name:   "many at once",
		change: func(la *LambdaAgent) { la.Spec.Scaling.MinReplicas = ptr.Int32(20) },
		want: func(s *LambdaAgentSpec) {
			s.Scaling.MinReplicas, s.Scaling.MaxReplicas = ptr.Int32(20), ptr.Int32(20)
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			la := validAgent(tc.change)
			la.SetDefaults(t.Context())
			if diff := cmp.Diff(defaultedAgent(tc.want), la.Spec); diff != "" {
				t.Error("SetDefaults() (-want, +got):", diff)
			}
			again := la.DeepCopy()
			again.SetDefaults(t.Context())
			if diff := cmp.Diff(la, again); diff != "" {
				t.Error("SetDefaults() a second time (-want, +got):", diff)
			}
		})
	}
}

// TestUpdateOfAgentsForgetsDefaults edits fields that defaults of others were made from.
func TestUpdateOfAgentsForgetsDefaults(t *testing.T) {
	before := validAgent(nil)
	before.SetDefaults(t.Context())
	after := before.DeepCopy()
	after.Spec.Scaling.ContainerConcurrency = ptr.Int64(2)
	after.Spec.Resources.Limits = quantities("1", "32Mi")
	after.SetDefaults(apis.WithinUpdate(t.Context(), before))
	want := defaultedAgent(func(s *LambdaAgentSpec) {
		s.Scaling.ContainerConcurrency, s.Scaling.TargetConcurrency = ptr.Int64(2), ptr.Int32(2)
		s.Resources = ResourcesSpec{Requests: quantities("50m", "32Mi"), Limits: quantities("1", "32Mi")}
	})
	if diff := cmp.Diff(want, after.Spec); diff != "" {
		t.Error("SetDefaults() (-want, +got):", diff)
	}
}

func TestDefaultsAreNotShared(t *testing.T) {
	first, second := validAgent(withPermissions(PermissionsSpec{EventControls: &EventControlsSpec{}})),
		validAgent(withPermissions(PermissionsSpec{EventControls: &EventControlsSpec{}}))
	first.SetDefaults(t.Context())
	first.Spec.Permissions.EventControls.ControlEventTypes[0] = "changed"
	second.SetDefaults(t.Context())
	if got := second.Spec.Permissions.EventControls.ControlEventTypes[0]; got != "io.homelab.rbac.disable" {
		t.Errorf("ControlEventTypes[0] = %q", got)
	}
}

func TestAgentQuestions(t *testing.T) {
	type answers struct {
		Checks, Eventing, Metrics, Monitor bool
		Check, Interval, Timeout           string
		Path                               string
	}
	for _, tc := range []struct {
		name   string
		change func(*LambdaAgent)
		want   answers
	}{{
		name: "the shortest agent",
		want: answers{Metrics: true, Monitor: true, Check: "1m0s", Interval: "30s", Timeout: "10s", Path: "/metrics"},
	}, {
		name: "all that is asked for",
		change: func(la *LambdaAgent) {
			withAI(func(*AISpec) {})(la)
			withHealthCheck(HealthCheckSpec{Enabled: ptr.Bool(true), Interval: seconds(15)})(la)
			withAgentEventing(AgentEventingSpec{Enabled: ptr.Bool(true)})(la)
			withAgentMetrics(AgentMetricsSpec{Enabled: ptr.Bool(true), ServiceMonitor: ptr.Bool(true), Path: "/m", Interval: seconds(5)})(la)
		},
		want: answers{Checks: true, Eventing: true, Metrics: true, Monitor: true, Check: "15s", Interval: "5s", Timeout: "5s", Path: "/m"},
	}, {
		name: "nothing, said so",
		change: func(la *LambdaAgent) {
			withAI(func(*AISpec) {})(la)
			withHealthCheck(HealthCheckSpec{Enabled: ptr.Bool(false)})(la)
			withAgentEventing(AgentEventingSpec{Enabled: ptr.Bool(false)})(la)
			withAgentMetrics(AgentMetricsSpec{Enabled: ptr.Bool(false), ServiceMonitor: ptr.Bool(true), Timeout: seconds(2)})(la)
		},
		want: answers{Check: "1m0s", Interval: "30s", Timeout: "2s", Path: "/metrics"},
	}, {
		name: "metrics without a ServiceMonitor, no model, and eventing",
		change: func(la *LambdaAgent) {
			withAI(func(ai *AISpec) { ai.Provider = AIProviderNone })(la)
			withAgentEventing(AgentEventingSpec{})(la)
			withAgentMetrics(AgentMetricsSpec{ServiceMonitor: ptr.Bool(false)})(la)
		},
		want: answers{Eventing: true, Metrics: true, Check: "1m0s", Interval: "30s", Timeout: "10s", Path: "/metrics"},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			la := validAgent(tc.change)
			path, interval, timeout := la.Scraping()
			got := answers{
				Checks: la.ChecksModel(), Eventing: la.EventingEnabled(), Metrics: la.ServesMetrics(), Monitor: la.WantsServiceMonitor(),
				Check: la.HealthCheckInterval().String(), Interval: interval.String(), Timeout: timeout.String(), Path: path,
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("(-want, +got):", diff)
			}
		})
	}
}

func TestAllowsNamespace(t *testing.T) {
	for _, tc := range []struct {
		name        string
		permissions *PermissionsSpec
		others      bool
	}{
		{name: "no permissions"},
		{name: "no list", permissions: &PermissionsSpec{}},
		{name: "another", permissions: &PermissionsSpec{AllowedTargetNamespaces: []string{"another"}}},
		{name: "this one", permissions: &PermissionsSpec{AllowedTargetNamespaces: []string{"another", "others"}}, others: true},
		{name: "all", permissions: &PermissionsSpec{AllowedTargetNamespaces: []string{"*"}}, others: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			la := &LambdaAgent{ObjectMeta: metav1.ObjectMeta{Namespace: "own"}, Spec: LambdaAgentSpec{Permissions: tc.permissions}}
			if !la.AllowsNamespace("own") {
				t.Error("AllowsNamespace() = false for its own")
			}
			if got := la.AllowsNamespace("others"); got != tc.others {
				t.Errorf("AllowsNamespace() = %t, want %t", got, tc.others)
			}
		})
	}
}
