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
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// validAgent is the shortest agent that is accepted, with changes.
func validAgent(change func(*LambdaAgent)) *LambdaAgent {
	la := &LambdaAgent{
		ObjectMeta: metav1.ObjectMeta{Name: "chat", Namespace: "default"},
		Spec:       LambdaAgentSpec{Image: ImageSource{Repository: "ghcr.io/acme/chat"}},
	}
	if change != nil {
		change(la)
	}
	return la
}

// withAI gives an agent a model of Ollama's, with changes.
func withAI(change func(*AISpec)) func(*LambdaAgent) {
	return func(la *LambdaAgent) {
		la.Spec.AI = &AISpec{Provider: AIProviderOllama, Endpoint: "http://ollama.ollama.svc:11434", Model: "llama3.2:3b"}
		change(la.Spec.AI)
	}
}

func withAIEndpoint(endpoint string) func(*LambdaAgent) {
	return withAI(func(ai *AISpec) { ai.Endpoint = endpoint })
}

func withBehavior(behavior BehaviorSpec) func(*LambdaAgent) {
	return func(la *LambdaAgent) { la.Spec.Behavior = behavior }
}

func withHealthCheck(check HealthCheckSpec) func(*LambdaAgent) {
	return withBehavior(BehaviorSpec{HealthCheck: &check})
}

func withPermissions(permissions PermissionsSpec) func(*LambdaAgent) {
	return func(la *LambdaAgent) { la.Spec.Permissions = &permissions }
}

func withAgentEventing(eventing AgentEventingSpec) func(*LambdaAgent) {
	return func(la *LambdaAgent) { la.Spec.Eventing = &eventing }
}

func withSubscriptions(subscriptions ...SubscriptionSpec) func(*LambdaAgent) {
	return withAgentEventing(AgentEventingSpec{Subscriptions: subscriptions})
}

// withForwards allows the namespace others.
func withForwards(forwards ...ForwardSpec) func(*LambdaAgent) {
	return func(la *LambdaAgent) {
		withPermissions(PermissionsSpec{AllowedTargetNamespaces: []string{"others"}})(la)
		withAgentEventing(AgentEventingSpec{Forwards: forwards})(la)
	}
}

func withAgentMetrics(metrics AgentMetricsSpec) func(*LambdaAgent) {
	return func(la *LambdaAgent) { la.Spec.Observability = &AgentObservabilitySpec{Metrics: &metrics} }
}

func withMemory(object string) func(*LambdaAgent) {
	return func(la *LambdaAgent) { la.Spec.Memory = &runtime.RawExtension{Raw: []byte(object)} }
}

func seconds(n int) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n) * time.Second}
}

func TestValidateAcceptsAgents(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*LambdaAgent)
	}{
		{name: "the shortest agent"},
		{name: "a digest in place of a tag", change: func(la *LambdaAgent) { la.Spec.Image.Digest = "sha256:" + strings.Repeat("a", 64) }},
		{name: "a model", change: withAI(func(*AISpec) {})},
		{name: "a model that the agent chooses", change: withAI(func(ai *AISpec) { ai.Model = "" })},
		{name: "OpenAI", change: withAI(func(ai *AISpec) {
			*ai = AISpec{Provider: AIProviderOpenAI, Model: "ft:gpt-4o:acme::b1", APIKeySecretRef: secretKey("openai", "key")}
		})},
		{name: "a server that speaks Anthropic's protocol", change: withAI(func(ai *AISpec) {
			*ai = AISpec{Provider: AIProviderAnthropic, Endpoint: "https://llm.example.com/a/b/", APIKeySecretRef: secretKey("a", "b")}
		})},
		{name: "no model", change: withAI(func(ai *AISpec) { *ai = AISpec{Provider: AIProviderNone} })},
		{name: "the limits of a model", change: withAI(func(ai *AISpec) {
			ai.FallbackModel, ai.MaxTokens, ai.Temperature, ai.TopP, ai.ContextWindowSize = "hf.co/a/B-GGUF:Q4_K_M", ptr.Int32(1000000), "2.0", "0", ptr.Int32(1)
		})},
		{name: "an endpoint by its short name", change: withAIEndpoint("ollama:11434")},
		{name: "the limits of behavior", change: withBehavior(BehaviorSpec{
			MaxContextMessages: ptr.Int32(0), EmitEvents: ptr.Bool(false), SystemPrompt: strings.Repeat("a", 96*1024),
			HealthCheck:     &HealthCheckSpec{Enabled: ptr.Bool(true), Path: "/api/v1/health", Interval: seconds(10)},
			ConversationTTL: seconds(1), MaxConcurrentConversations: ptr.Int32(1),
		})},
		{name: "a prompt in a ConfigMap", change: withBehavior(BehaviorSpec{SystemPromptRef: &SystemPromptReference{Name: "a", Key: "b.txt"}})},
		{name: "a prompt in a Secret", change: withBehavior(BehaviorSpec{SystemPromptRef: &SystemPromptReference{Kind: "Secret", Name: "a", Key: "b"}})},
		{name: "memory", change: withMemory(`{"anything": [1, {"a": null}]}`)},
		{name: "agentic", change: func(la *LambdaAgent) { la.Spec.OperationMode = OperationModeAgentic }},
		{name: "permissions", change: withPermissions(PermissionsSpec{
			DisableBrokerCreation: true, AllowedTargetNamespaces: []string{"*", "others"},
			EventControls: &EventControlsSpec{AllowEventDisable: true, ControlEventTypes: []string{"a.disable", "enable"}, AllowedControlSources: []string{"/guard", "https://example.com/?a=b"}},
		})},
		{name: "disabled by an event", change: func(la *LambdaAgent) {
			la.Annotations = map[string]string{lambda.DisabledByEventAnnotationKey: `[{"capability":"broker","until":"2026-01-02T03:04:05Z"}]`}
		}},
		{name: "subscriptions", change: withSubscriptions(
			SubscriptionSpec{EventType: "*"}, SubscriptionSpec{EventType: "a"}, SubscriptionSpec{EventType: "a.*"}, SubscriptionSpec{EventType: "a.b", Source: "/a"},
			SubscriptionSpec{EventType: "a.b", Source: "/a/*"}, SubscriptionSpec{EventType: "a.b", Source: "*"}, SubscriptionSpec{EventType: strings.Repeat("a", 256) + ".*"},
		)},
		{name: "forwards", change: withForwards(
			ForwardSpec{EventTypes: []string{"a.b", "a.*", "*"}, TargetAgent: "chat", TargetNamespace: "others"},
			ForwardSpec{EventTypes: []string{"a.b"}, TargetAgent: "other", TargetNamespace: "default"},
		)},
		{name: "eventing", change: withAgentEventing(AgentEventingSpec{
			EventSource: "/agents/chat", Intents: []string{"a.b", "c"}, DLQ: &DLQSpec{Enabled: ptr.Bool(false)},
			RabbitMQ: &RabbitMQSpec{ClusterName: "a", Namespace: "b", QueueType: "quorum", Parallelism: ptr.Int32(10)},
		})},
		{name: "eventing that is off", change: withAgentEventing(AgentEventingSpec{Enabled: ptr.Bool(false)})},
		{name: "metrics", change: withAgentMetrics(AgentMetricsSpec{Path: "/metrics", Interval: seconds(1)})},
		{name: "metrics that take long", change: withAgentMetrics(AgentMetricsSpec{Interval: seconds(60), Timeout: seconds(60)})},
		{name: "tracing", change: func(la *LambdaAgent) {
			la.Spec.Observability = &AgentObservabilitySpec{Tracing: &TracingSpec{SamplingRate: "0.1"}, Logging: &LoggingSpec{Level: "debug"}}
		}},
		{name: "environment", change: func(la *LambdaAgent) {
			la.Spec.Env = []corev1.EnvVar{{Name: "A", Value: "b"}}
			la.Spec.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: configMapRef("a")}}
			la.Spec.ServiceAccountName = "robot"
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			la := validAgent(tc.change)
			before := la.DeepCopy()
			if err := la.Validate(t.Context()); err != nil {
				t.Error("Validate() =", err)
			}
			if diff := cmp.Diff(before, la); diff != "" {
				t.Error("Validate() changed the agent (-before, +after):", diff)
			}
		})
	}
}

type agentRefusal struct {
	name   string
	change func(*LambdaAgent)
	want   string
}

const approvals = "approvals are not part of this release: "

var agentRefusals = []agentRefusal{{
	name:   "a name that no Knative Service can have",
	change: func(la *LambdaAgent) { la.Name = "1st" },
	want: "not a name for a Knative Service: 1st: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, " +
		"and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?'): metadata.name",
}, {
	name:   "privilege",
	change: func(la *LambdaAgent) { la.Annotations = map[string]string{"lambda.knative.io/receiver-mode": "true"} },
	want:   "invalid key name \"lambda.knative.io/receiver-mode\": metadata.annotations\nno annotation gives privilege; remove it",
}, {
	name:   "no image",
	change: func(la *LambdaAgent) { la.Spec.Image.Repository = "" },
	want:   "missing field(s): spec.image.repository",
}, {
	name:   "an image with its tag",
	change: func(la *LambdaAgent) { la.Spec.Image.Repository = "https://ghcr.io/acme/chat:v1" },
	want:   "invalid value: https://ghcr.io/acme/chat:v1: spec.image.repository\nwrite registry and path without scheme, tag and digest, such as docker.io/library/nginx",
}, {
	name:   "Knative's port",
	change: func(la *LambdaAgent) { la.Spec.Image.Port = ptr.Int32(8012) },
	want:   "invalid value: 8012: spec.image.port\nit is Knative's own: let the server listen on another",
}, {
	name:   "a service account that is none",
	change: func(la *LambdaAgent) { la.Spec.ServiceAccountName = "A" },
	want:   "invalid value: A: spec.serviceAccountName\n" + subdomain,
}, {
	name:   "unknown provider",
	change: withAI(func(ai *AISpec) { ai.Provider = "pigeon" }),
	want:   "invalid value: pigeon: spec.ai.provider\nchoose one of: ollama, openai, anthropic, none",
}, {
	name:   "Ollama nowhere",
	change: func(la *LambdaAgent) { la.Spec.AI = &AISpec{} },
	want: "missing field(s): spec.ai.endpoint\n" +
		"provider ollama has no server of its own: write for example http://ollama.ollama.svc.cluster.local:11434",
}, {
	name:   "OpenAI without a key",
	change: withAI(func(ai *AISpec) { ai.Provider = AIProviderOpenAI }),
	want:   "missing field(s): spec.ai.apiKeySecretRef\nprovider openai takes an API key: give name and key of a Secret that has it",
}, {
	name:   "Anthropic without a key",
	change: withAI(func(ai *AISpec) { ai.Provider = AIProviderAnthropic }),
	want:   "missing field(s): spec.ai.apiKeySecretRef\nprovider anthropic takes an API key: give name and key of a Secret that has it",
}, {
	name:   "a key of no Secret",
	change: withAI(func(ai *AISpec) { ai.Provider, ai.APIKeySecretRef = AIProviderOpenAI, secretKey("", "") }),
	want:   "missing field(s): spec.ai.apiKeySecretRef.key, spec.ai.apiKeySecretRef.name",
}, {
	name:   "a model to fall back on from nothing",
	change: withAI(func(ai *AISpec) { ai.Model, ai.FallbackModel = "", "llama3.2:1b" }),
	want:   "missing field(s): spec.ai.model\nfallbackModel is for the time that it is not there",
}, {
	name:   "models that are none",
	change: withAI(func(ai *AISpec) { ai.Model, ai.FallbackModel = "llama 3", strings.Repeat("a", 257) }),
	want: "invalid value: " + strings.Repeat("a", 100) + "...: spec.ai.fallbackModel\nwrite letters, digits and . _ : / @ + ~ = -, at most 256, and first a letter or digit\n" +
		"invalid value: llama 3: spec.ai.model\nwrite letters, digits and . _ : / @ + ~ = -, at most 256, and first a letter or digit",
}, {
	name: "numbers out of range",
	change: withAI(func(ai *AISpec) {
		ai.MaxTokens, ai.ContextWindowSize, ai.Temperature, ai.TopP = ptr.Int32(0), ptr.Int32(-1), "2.1", "1.01"
	}),
	want: "expected 1 <= -1 <= 2147483647: spec.ai.contextWindowSize\nexpected 1 <= 0 <= 1000000: spec.ai.maxTokens\n" +
		"invalid value: 1.01: spec.ai.topP\nwrite a number from 0 to 1 in quotes\n" +
		"invalid value: 2.1: spec.ai.temperature\nwrite a number from 0 to 2 in quotes",
}, {
	name:   "a number that only some read",
	change: withAI(func(ai *AISpec) { ai.Temperature, ai.TopP = "0x1p-1", "NaN" }),
	want: "invalid value: 0x1p-1: spec.ai.temperature\nwrite a number from 0 to 2 in quotes\n" +
		"invalid value: NaN: spec.ai.topP\nwrite a number from 0 to 1 in quotes",
}, {
	name:   "too many tokens",
	change: withAI(func(ai *AISpec) { ai.MaxTokens = ptr.Int32(1000001) }),
	want:   "expected 1 <= 1000001 <= 1000000: spec.ai.maxTokens",
}, {
	name:   "two prompts",
	change: withBehavior(BehaviorSpec{SystemPrompt: "a", SystemPromptRef: &SystemPromptReference{Name: "a", Key: "b"}}),
	want:   "expected exactly one, got both: spec.behavior.systemPrompt, spec.behavior.systemPromptRef",
}, {
	name:   "a prompt nowhere",
	change: withBehavior(BehaviorSpec{SystemPromptRef: &SystemPromptReference{Kind: "Pod", Key: "a/b"}}),
	want: "invalid value: Pod: spec.behavior.systemPromptRef.kind\nchoose one of: ConfigMap, Secret\n" +
		"invalid value: a/b: spec.behavior.systemPromptRef.key\na valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
		"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')\n" +
		"missing field(s): spec.behavior.systemPromptRef.name",
}, {
	name:   "a prompt that is too long",
	change: withBehavior(BehaviorSpec{SystemPrompt: strings.Repeat("a", 96*1024+1)}),
	want:   "98305 bytes, over the limit of 98304 for a variable: put what is long into the image: spec.behavior.systemPrompt",
}, {
	name:   "a prompt that no variable can have",
	change: withBehavior(BehaviorSpec{SystemPrompt: "a\x00b"}),
	want:   "remove the character NUL: no variable can have it: spec.behavior.systemPrompt",
}, {
	name: "behavior out of range",
	change: withBehavior(BehaviorSpec{
		MaxContextMessages: ptr.Int32(-1), ConversationTTL: &metav1.Duration{}, MaxConcurrentConversations: ptr.Int32(0),
	}),
	want: "expected 0 <= -1 <= 2147483647: spec.behavior.maxContextMessages\n" +
		"expected 1 <= 0 <= 2147483647: spec.behavior.maxConcurrentConversations\nexpected 1s <= 0s <= 8760h0m0s: spec.behavior.conversationTTL",
}, {
	name:   "checks too often, and of no path",
	change: withHealthCheck(HealthCheckSpec{Path: "health", Interval: seconds(9)}),
	want: "expected 10s <= 9s <= 24h0m0s: spec.behavior.healthCheck.interval\n" +
		"invalid value: health: spec.behavior.healthCheck.path\nwrite a path that begins with /, of letters, digits and . _ - /, at most 512",
}, {
	name:   "checks too seldom, and of a query",
	change: withHealthCheck(HealthCheckSpec{Path: "/health?a=b", Interval: seconds(86401)}),
	want: "expected 10s <= 24h0m1s <= 24h0m0s: spec.behavior.healthCheck.interval\n" +
		"invalid value: /health?a=b: spec.behavior.healthCheck.path\nwrite a path that begins with /, of letters, digits and . _ - /, at most 512",
}, {
	name:   "memory that is no object",
	change: withMemory(`["a"]`),
	want:   "write an object: spec.memory",
}, {
	name:   "memory that is nothing",
	change: withMemory(`null`),
	want:   "write an object: spec.memory",
}, {
	name:   "memory that is no JSON",
	change: withMemory(`{`),
	want:   "write an object: spec.memory",
}, {
	name:   "memory that is too long",
	change: withMemory(`{"a":"` + strings.Repeat("a", 96*1024) + `"}`),
	want:   "98312 bytes, over the limit of 98304 for a variable: put what is long into the image: spec.memory",
}, {
	name:   "supervised",
	change: func(la *LambdaAgent) { la.Spec.OperationMode = OperationModeSupervised },
	want:   "invalid value: supervised: spec.operationMode\n" + approvals + "write agentic; an agent acts by itself, which is operationMode agentic",
}, {
	name: "approval",
	change: func(la *LambdaAgent) {
		la.Spec.Approval = &runtime.RawExtension{Raw: []byte(`{"providers":["slack"],"timeout":"1h"}`)}
	},
	want: approvals + "remove it; an agent acts by itself, which is operationMode agentic: spec.approval",
}, {
	name:   "unknown mode",
	change: func(la *LambdaAgent) { la.Spec.OperationMode = "manual" },
	want:   "invalid value: manual: spec.operationMode\nwrite agentic",
}, {
	name: "permissions that are none",
	change: withPermissions(PermissionsSpec{
		AllowedTargetNamespaces: []string{"a", ""},
		EventControls:           &EventControlsSpec{ControlEventTypes: []string{"a.*", "a.disabled"}, AllowedControlSources: []string{"", "a b", "/a/*"}},
	}),
	want: "invalid value: /a/*: spec.permissions.eventControls.allowedControlSources[2]\n" + eventSource + "\n" +
		"invalid value: a b: spec.permissions.eventControls.allowedControlSources[1]\n" + eventSource + "\n" +
		"invalid value: a.*: spec.permissions.eventControls.controlEventTypes[0]\n" + star + "\n" +
		"invalid value: a.disabled: spec.permissions.eventControls.controlEventTypes[1]\n" +
		"it says neither disable nor enable after its last dot, as io.homelab.rbac.disable does\n" +
		"missing field(s): spec.permissions.allowedTargetNamespaces[1], spec.permissions.eventControls.allowedControlSources[0]",
}, {
	name: "an event that has disabled what there is not",
	change: func(la *LambdaAgent) {
		la.Annotations = map[string]string{lambda.DisabledByEventAnnotationKey: `[{"capability":"pods"}]`}
	},
	want: `lambda.knative.io/disabled-by-event: [0].capability: "pods" is no capability; ` +
		"the capabilities are: broker, trigger, function: metadata.annotations",
}, {
	name:   "a variable of Knative's",
	change: func(la *LambdaAgent) { la.Spec.Env = []corev1.EnvVar{{Name: "PORT", Value: "1"}} },
	want:   "invalid value: PORT: spec.env[0].name\nPORT and K_* are Knative's own: take another name",
}, {
	name:   "variables of nowhere",
	change: func(la *LambdaAgent) { la.Spec.EnvFrom = []corev1.EnvFromSource{{}} },
	want:   "expected exactly one, got neither: spec.envFrom[0].configMapRef, spec.envFrom[0].secretRef",
}, {
	name: "scaling",
	change: func(la *LambdaAgent) {
		la.Spec.Scaling = ScalingSpec{MinReplicas: ptr.Int32(3), MaxReplicas: ptr.Int32(2), ScaleToZeroGracePeriod: seconds(3601)}
	},
	want: "expected 0s <= 1h0m1s <= 1h0m0s: spec.scaling.scaleToZeroGracePeriod\n" +
		"minReplicas 3 is over maxReplicas 2: spec.scaling.maxReplicas, spec.scaling.minReplicas",
}, {
	name: "resources",
	change: func(la *LambdaAgent) {
		la.Spec.Resources = ResourcesSpec{Requests: quantities("2", ""), Limits: quantities("1", "")}
	},
	want: "invalid value: 2: spec.resources.requests.cpu\nover the limit of 1",
}, {
	name: "metrics",
	change: withAgentMetrics(AgentMetricsSpec{
		Path: "metrics", Interval: &metav1.Duration{Duration: notADuration}, Timeout: &metav1.Duration{Duration: notADuration},
	}),
	want: "invalid value: metrics: spec.observability.metrics.path\nwrite a path that begins with /, of letters, digits and . _ - /, at most 512\n" +
		"not a duration: write for example 10s: spec.observability.metrics.timeout\nnot a duration: write for example 30s: spec.observability.metrics.interval",
}, {
	name:   "metrics that take longer than they are valid",
	change: withAgentMetrics(AgentMetricsSpec{Timeout: seconds(31)}),
	want:   "expected 1s <= 31s <= 30s: spec.observability.metrics.timeout",
}, {
	name: "tracing",
	change: func(la *LambdaAgent) {
		la.Spec.Observability = &AgentObservabilitySpec{Tracing: &TracingSpec{SamplingRate: "2"}}
	},
	want: "invalid value: 2: spec.observability.tracing.samplingRate\nwrite a number from 0 to 1 in quotes",
}}

const (
	eventType   = "write a type such as com.example.order.paid, without spaces, and without a dot at either end, of at most 256 characters"
	eventSource = "write a URI or a path such as /shop/orders, without spaces, at most 2048 characters"
	star        = "a * stands alone or after the last dot, such as com.example.*, where it is taken at all"
)

var agentEventingRefusals = []agentRefusal{{
	name:   "a source with spaces, and intents that are none",
	change: withAgentEventing(AgentEventingSpec{EventSource: "a b", Intents: []string{"a", "", "a.*", "b\tc"}}),
	want: "invalid value: a b: spec.eventing.eventSource\n" + eventSource + "\n" +
		"invalid value: a.*: spec.eventing.intents[2]\n" + star + "\n" +
		"invalid value: b\tc: spec.eventing.intents[3]\n" + eventType + "\n" +
		"missing field(s): spec.eventing.intents[1]",
}, {
	name: "wildcards",
	change: withSubscriptions(SubscriptionSpec{EventType: "a*"}, SubscriptionSpec{EventType: "a.*.b"}, SubscriptionSpec{EventType: "**"},
		SubscriptionSpec{EventType: ".*"}, SubscriptionSpec{EventType: "a.b", Source: "/*/b"}, SubscriptionSpec{EventType: "a.b", Source: "**"}),
	want: "invalid value: *: spec.eventing.subscriptions[5].source\n" + eventSource + "\n" +
		"invalid value: **: spec.eventing.subscriptions[2].eventType\n" + star + "\n" +
		"invalid value: .*: spec.eventing.subscriptions[3].eventType\n" + star + "\n" +
		"invalid value: /*/b: spec.eventing.subscriptions[4].source\n" + eventSource + "\n" +
		"invalid value: a*: spec.eventing.subscriptions[0].eventType\n" + star + "\n" +
		"invalid value: a.*.b: spec.eventing.subscriptions[1].eventType\n" + star,
}, {
	name: "types that are none",
	change: withSubscriptions(SubscriptionSpec{}, SubscriptionSpec{EventType: ".a"}, SubscriptionSpec{EventType: "a."}, SubscriptionSpec{EventType: "a b"},
		SubscriptionSpec{EventType: strings.Repeat("a", 257)}),
	want: "invalid value: .a: spec.eventing.subscriptions[1].eventType\n" + eventType + "\n" +
		"invalid value: a b: spec.eventing.subscriptions[3].eventType\n" + eventType + "\n" +
		"invalid value: a.: spec.eventing.subscriptions[2].eventType\n" + eventType + "\n" +
		"invalid value: " + strings.Repeat("a", 100) + "...: spec.eventing.subscriptions[4].eventType\n" + eventType + "\n" +
		"missing field(s): spec.eventing.subscriptions[0].eventType",
}, {
	name: "the same events twice",
	change: withSubscriptions(SubscriptionSpec{EventType: "a.b", Source: "/c"}, SubscriptionSpec{EventType: "a.b"},
		SubscriptionSpec{EventType: "a.b", Source: "/c"}, SubscriptionSpec{EventType: "a.b", Source: "*"}),
	want: "subscriptions[0] is for the same type and source: remove one of the two: spec.eventing.subscriptions[2]\n" +
		"subscriptions[1] is for the same type and source: remove one of the two: spec.eventing.subscriptions[3]",
}, {
	name:   "a forward of nothing to nobody",
	change: withForwards(ForwardSpec{}),
	want: "missing field(s): spec.eventing.forwards[0].targetAgent, spec.eventing.forwards[0].targetNamespace\n" +
		"missing field(s): spec.eventing.forwards[0].eventTypes\ngive at least one type",
}, {
	name:   "a forward of what is no type",
	change: withForwards(ForwardSpec{EventTypes: []string{"a", "b*"}, TargetAgent: "other", TargetNamespace: "others"}),
	want:   "invalid value: b*: spec.eventing.forwards[0].eventTypes[1]\n" + star,
}, {
	name:   "a forward to what is no name",
	change: withForwards(ForwardSpec{EventTypes: []string{"a"}, TargetAgent: "Other", TargetNamespace: "others"}),
	want: "invalid value: Other: spec.eventing.forwards[0].targetAgent\na lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', " +
		"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
}, {
	name:   "a forward to itself",
	change: withForwards(ForwardSpec{EventTypes: []string{"a"}, TargetAgent: "chat", TargetNamespace: "default"}),
	want:   "an agent does not forward events to itself: name another: spec.eventing.forwards[0].targetAgent",
}, {
	name:   "a forward that is not allowed",
	change: withForwards(ForwardSpec{EventTypes: []string{"a"}, TargetAgent: "other", TargetNamespace: "elsewhere"}),
	want: "invalid value: elsewhere: spec.eventing.forwards[0].targetNamespace\n" +
		"not allowed: add it to spec.permissions.allowedTargetNamespaces, or write * there for all",
}, {
	name: "forwards of the same twice",
	change: withForwards(ForwardSpec{EventTypes: []string{"a", "b"}, TargetAgent: "other", TargetNamespace: "others"},
		ForwardSpec{EventTypes: []string{"c", "b", "c"}, TargetAgent: "other", TargetNamespace: "others"}),
	want: "forwards[0] sends the same type to the same agent: remove one of the two: spec.eventing.forwards[1].eventTypes[1]\n" +
		"forwards[1] sends the same type to the same agent: remove one of the two: spec.eventing.forwards[1].eventTypes[2]",
}, {
	name:   "dead letters",
	change: withAgentEventing(AgentEventingSpec{DLQ: &DLQSpec{RetryMaxAttempts: ptr.Int32(101)}}),
	want:   "expected 0 <= 101 <= 100: spec.eventing.dlq.retryMaxAttempts",
}, {
	name:   "RabbitMQ",
	change: withAgentEventing(AgentEventingSpec{RabbitMQ: &RabbitMQSpec{ClusterName: "A"}}),
	want:   "invalid value: A: spec.eventing.rabbitmq.clusterName\n" + subdomain,
}}

func TestValidateRefusesAgents(t *testing.T) {
	for _, tc := range slices.Concat(agentRefusals, agentEventingRefusals) {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, validAgent(tc.change).Validate(t.Context()).Error()); diff != "" {
				t.Error("Validate() (-want, +got):", diff)
			}
		})
	}
}

func TestValidateRefusesEndpoints(t *testing.T) {
	ctx := WithAPIServer(t.Context(), "1.2.3.4")
	const example = "write for example http://ollama.ollama.svc.cluster.local:11434, without a login"
	for endpoint, want := range map[string]string{
		"ftp://ollama.svc":            "ftp://ollama.svc: spec.ai.endpoint\n" + example,
		"https://a:b@llm.example.com": "https://llm.example.com: spec.ai.endpoint\n" + example,
		"http://ollama.svc:0":         "http://ollama.svc:0: spec.ai.endpoint\ngive a port from 1 to 65535",
		"http://ollama.svc?a":         "http://ollama.svc?a: spec.ai.endpoint\nremove \"?\"",
		"http://":                     "http://: spec.ai.endpoint\nname a host",
		"http://localhost:11434":      "http://localhost:11434: spec.ai.endpoint\nhost localhost is refused, it is the agent's own: name another",
		"127.0.0.1:11434":             "127.0.0.1:11434: spec.ai.endpoint\nhost 127.0.0.1 is refused, it is the agent's own: name another",
		"http://169.254.169.254/v1":   "http://169.254.169.254/v1: spec.ai.endpoint\nhost 169.254.169.254 is refused, it is link-local, where clouds have their credentials: name another",
		"https://1.2.3.4":             "https://1.2.3.4: spec.ai.endpoint\nhost 1.2.3.4 is refused, it is the API server: name another",
		"https://kubernetes.default":  "https://kubernetes.default: spec.ai.endpoint\nhost kubernetes.default is refused, it is the API server: name another",
	} {
		if diff := cmp.Diff("invalid value: "+want, validAgent(withAIEndpoint(endpoint)).Validate(ctx).Error()); diff != "" {
			t.Errorf("Validate() of %s (-want, +got): %s", endpoint, diff)
		}
	}
}

func TestValidateWarnsOfAgents(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*LambdaAgent)
		want   string
	}{{
		name: "the user's variables",
		change: func(la *LambdaAgent) {
			withAI(func(*AISpec) {})(la)
			la.Spec.Env = []corev1.EnvVar{{Name: "OLLAMA_MODEL"}, {Name: "OPENAI_MODEL"}, {Name: "EMIT_EVENTS"}}
		},
		want: "EMIT_EVENTS is made of spec.behavior.emitEvents too: this one wins: spec.env[2].name\n" +
			"OLLAMA_MODEL is made of spec.ai.model too: this one wins: spec.env[0].name",
	}, {
		name:   "a model of no provider",
		change: withAI(func(ai *AISpec) { ai.Provider = AIProviderNone }),
		want:   "provider is none: the other fields have no effect: spec.ai",
	}, {
		name:   "a private address",
		change: withAIEndpoint("http://192.168.1.7:11434"),
		want: "the address is private: no health check goes there before an operator adds its network to allowed-networks of ConfigMap config-build: " +
			"spec.ai.endpoint",
	}, {
		name:   "a private address that an operator allows",
		change: withAIEndpoint("http://10.1.2.3:11434"),
	}, {
		name: "a forward of an older manifest",
		change: withAgentEventing(AgentEventingSpec{Forwards: []ForwardSpec{
			{EventTypes: []string{"a"}, TargetAgent: "other", TargetNamespace: "others"},
		}}),
		want: "nothing is forwarded before spec.permissions.allowedTargetNamespaces has this namespace: spec.eventing.forwards[0].targetNamespace",
	}, {
		name:   "dead letters in RabbitMQ",
		change: withAgentEventing(AgentEventingSpec{DLQ: &DLQSpec{QueueName: "q"}}),
		want:   "stored and has no effect: dead letters are not kept in RabbitMQ: spec.eventing.dlq.queueName",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := config.ToContext(t.Context(), &config.Config{Build: mustBuild(t, map[string]string{"allowed-networks": "10.0.0.0/8"})})
			err := validAgent(tc.change).Validate(ctx)
			if refused := err.Filter(apis.ErrorLevel); refused != nil {
				t.Error("Validate() refuses", refused)
			}
			if diff := cmp.Diff(tc.want, err.Filter(apis.WarningLevel).Error()); diff != "" {
				t.Error("Validate() (-want, +got):", diff)
			}
		})
	}
}

// TestValidateLetsAgentsGo holds that what an older version stored can be deleted, and is refused else.
func TestValidateLetsAgentsGo(t *testing.T) {
	invalid := validAgent(func(la *LambdaAgent) { la.Spec.OperationMode = OperationModeSupervised })
	dying := invalid.DeepCopy()
	dying.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	if err := invalid.Validate(apis.WithinUpdate(t.Context(), invalid)); err == nil {
		t.Error("Validate() lets an update pass")
	}
	if err := invalid.Validate(apis.WithinDelete(t.Context())); err != nil {
		t.Error("Validate() of a deletion =", err)
	}
	if err := dying.Validate(apis.WithinUpdate(t.Context(), dying)); err != nil {
		t.Error("Validate() of a finalizer's removal =", err)
	}
	if err := invalid.Validate(apis.WithinSubResourceUpdate(t.Context(), invalid, "status")); err != nil {
		t.Error("Validate() of a status =", err)
	}
	if !invalid.WantsApprovals() || validAgent(nil).WantsApprovals() {
		t.Error("WantsApprovals() is not true for supervised agents alone")
	}
}

// TestLegacyAgents applies older manifests of agents.
func TestLegacyAgents(t *testing.T) {
	server := newAPIServer(t, "LambdaAgent")
	manifests := legacyManifests(t, "legacy/agents")
	for _, name := range slices.Sorted(maps.Keys(manifests)) {
		t.Run(name, func(t *testing.T) {
			la := &LambdaAgent{}
			server.applyManifest(t, manifests[name], la, &LambdaAgent{})
			if err := la.Validate(apis.WithinCreate(t.Context())).Filter(apis.ErrorLevel); err != nil {
				t.Error("Validate() =", err)
			}
			// What has no meaning here is kept all the same.
			stored := toObject(t, la)["spec"].(map[string]any)
			given := decodeObject(t, manifests[name])["spec"].(map[string]any)
			if diff := cmp.Diff(given["memory"], stored["memory"]); diff != "" {
				t.Error("memory (-given, +stored):", diff)
			}
		})
	}
}

// TestAgentSchemaRefuses holds what the schema says by itself, also where the webhook is not asked, and what it leaves
// to the webhook's better words.
func TestAgentSchemaRefuses(t *testing.T) {
	server := newAPIServer(t, "LambdaAgent")
	for _, tc := range []struct{ spec, want string }{
		{`{}`, "spec.image: Required value"},
		{`{image: {}}`, "spec.image.repository: Required value"},
		{`{image: {repository: a}, ai: {provider: pigeon}}`, "spec.ai.provider: Unsupported value"},
		{`{image: {repository: a}, memory: [a]}`, "spec.memory: Invalid value"},
		{`{image: {repository: a}, eventing: {forwards: [{eventTypes: [], targetAgent: a, targetNamespace: b}]}}`, "spec.eventing.forwards[0].eventTypes: Invalid value"},
		{`{image: {repository: a}, eventing: {forwards: [{eventTypes: [a], targetAgent: a}]}}`, "spec.eventing.forwards[0].targetNamespace: Required value"},
		{`{image: {repository: a}, eventing: {subscriptions: [{}]}}`, "spec.eventing.subscriptions[0].eventType: Required value"},
		{`{image: {repository: a}, operationMode: supervised, approval: {providers: [slack], slack: {channel: a}}, ai: {temperature: 0.7, topP: {}, maxTokens: "1"}}`, ""},
	} {
		object := decodeObject(t, []byte("{apiVersion: lambda.knative.io/v1alpha1, kind: LambdaAgent, metadata: {name: a}, spec: "+tc.spec+"}"))
		errs, unknown := server.check(t, object)
		if len(unknown) > 0 {
			t.Errorf("the schema does not know %v of %s", unknown, tc.spec)
		}
		if tc.want == "" && len(errs) == 0 {
			continue
		}
		if tc.want == "" || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), tc.want) {
			t.Errorf("of %s the schema says %v, want %q", tc.spec, errs, tc.want)
		}
	}
}

// TestReadAgents reads forms of older manifests, and what is none of them, which is refused.
func TestReadAgents(t *testing.T) {
	for _, tc := range []struct {
		spec string
		want LambdaAgentSpec
		err  string
	}{{
		spec: `{ai: {provider: none, temperature: 0.70, topP: 1, maxTokens: "5", contextWindowSize: " 6 "}}`,
		want: LambdaAgentSpec{AI: &AISpec{Provider: "none", Temperature: "0.7", TopP: "1", MaxTokens: ptr.Int32(5), ContextWindowSize: ptr.Int32(6)}},
	}, {
		spec: `{ai: {provider: none, temperature: [1], maxTokens: many}}`,
		want: LambdaAgentSpec{AI: &AISpec{Provider: "none", Temperature: "[1]", MaxTokens: ptr.Int32(notASmallNumber)}},
		err:  "invalid value: [1]: spec.ai.temperature\nwrite a number from 0 to 2 in quotes\n" + wholeNumber + ": spec.ai.maxTokens",
	}, {
		spec: `{behavior: {maxContextMessages: "7", maxConcurrentConversations: "8", conversationTTL: 1h, healthCheck: {interval: 15s}}}`,
		want: LambdaAgentSpec{Behavior: BehaviorSpec{
			MaxContextMessages: ptr.Int32(7), MaxConcurrentConversations: ptr.Int32(8), ConversationTTL: seconds(3600),
			HealthCheck: &HealthCheckSpec{Interval: seconds(15)},
		}},
	}, {
		spec: `{behavior: {conversationTTL: long, healthCheck: {interval: often}}}`,
		want: LambdaAgentSpec{Behavior: BehaviorSpec{
			ConversationTTL: &metav1.Duration{Duration: notADuration}, HealthCheck: &HealthCheckSpec{Interval: &metav1.Duration{Duration: notADuration}},
		}},
		err: "not a duration: write for example 1m: spec.behavior.healthCheck.interval\nnot a duration: write for example 24h: spec.behavior.conversationTTL",
	}, {
		spec: `{observability: {metrics: {interval: 1m, timeout: "15s"}}, memory: null, approval: null}`,
		want: LambdaAgentSpec{Observability: &AgentObservabilitySpec{Metrics: &AgentMetricsSpec{Interval: seconds(60), Timeout: seconds(15)}}},
	}} {
		t.Run(tc.spec, func(t *testing.T) {
			var got LambdaAgentSpec
			if err := yaml.Unmarshal([]byte(tc.spec), &got); err != nil {
				t.Fatal("Unmarshal() =", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("Unmarshal() (-want, +got):", diff)
			}
			err := validAgent(func(la *LambdaAgent) {
				got.Image = la.Spec.Image
				la.Spec = got
			}).Validate(t.Context())
			if diff := cmp.Diff(tc.err, err.Filter(apis.ErrorLevel).Error()); diff != "" {
				t.Error("Validate() (-want, +got):", diff)
			}
		})
	}
}

// FuzzLambdaAgent looks for agents that crash the webhook or the controller, and for those that change when what is
// stored is read again.
func FuzzLambdaAgent(f *testing.F) {
	for _, manifest := range legacyManifests(f, "legacy/agents") {
		seed, err := yaml.YAMLToJSON(manifest)
		if err != nil {
			f.Fatal("YAMLToJSON() =", err)
		}
		f.Add(seed)
	}
	for _, seed := range []string{
		`{}`,
		`{"spec":{"image":{"repository":"a/b"},"ai":{}}}`,
		`{"spec":{"ai":{"provider":"openai","endpoint":"https://[::1%25a]/%2f/..","maxTokens":"9e9","temperature":1e-400,"topP":[{}]}}}`,
		`{"spec":{"ai":{"provider":"none"},"behavior":{"conversationTTL":"-1ns","systemPrompt":"$(A) $$ \u0000","systemPromptRef":{}}}}`,
		`{"spec":{"memory":{"a":1e400,"b":"\ud800"},"approval":{},"operationMode":"supervised"}}`,
		`{"spec":{"memory":"a","behavior":{"healthCheck":{"interval":"soon","path":"//"}}}}`,
		`{"spec":{"permissions":{"allowedTargetNamespaces":["*",""],"eventControls":{}},"eventing":{"forwards":[{"eventTypes":["*","a.*",".*"]}]}}}`,
		`{"spec":{"eventing":{"subscriptions":[{"eventType":"a.*","source":"*"},{"eventType":"a.*"}],"dlq":{"retryMaxAttempts":"x"}}}}`,
		`{"spec":{"observability":{"metrics":{"interval":"1ns","timeout":"1h"}},"env":[{"name":"OLLAMA_URL"}]}}`,
		`{"status":{"aiStatus":{"latency":"1.5s"},"permissionStatus":{"disabledByEvent":[{"capability":"broker","disabledAt":null}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRoundTrip(t, data, &LambdaAgent{}, &LambdaAgent{})
		checkAdmission(t, data, func() admitted { return &LambdaAgent{} })
		la := &LambdaAgent{}
		if json.Unmarshal(data, la) != nil {
			return
		}
		la.SetDefaults(t.Context())
		refused := la.Validate(t.Context()).Filter(apis.ErrorLevel) != nil
		seen := map[string]bool{}
		for _, variable := range la.InjectedEnv() {
			if seen[variable.Name] && !refused {
				t.Errorf("InjectedEnv() has %s twice", variable.Name)
			}
			seen[variable.Name] = true
		}
		la.HealthCheckInterval()
		la.Scraping()
	})
}
