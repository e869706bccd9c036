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
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/ptr"
)

func TestInjectedEnv(t *testing.T) {
	fromSecret := func(name, key string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: secretKey(name, key)}
	}
	behavior := []corev1.EnvVar{{Name: "MAX_CONTEXT_MESSAGES", Value: "10"}, {Name: "EMIT_EVENTS", Value: "true"}}
	model := []corev1.EnvVar{{Name: "MAX_TOKENS", Value: "2048"}, {Name: "TEMPERATURE", Value: "0.7"}}
	for _, tc := range []struct {
		name   string
		change func(*LambdaAgent)
		want   [][]corev1.EnvVar
	}{{
		name: "the shortest agent",
		want: [][]corev1.EnvVar{behavior},
	}, {
		name:   "no model",
		change: withAI(func(ai *AISpec) { ai.Provider = AIProviderNone }),
		want:   [][]corev1.EnvVar{behavior},
	}, {
		name:   "Ollama",
		change: withAI(func(ai *AISpec) { ai.Endpoint = "http://ollama:11434/" }),
		want: [][]corev1.EnvVar{{
			{Name: "OLLAMA_URL", Value: "http://ollama:11434/"}, {Name: "OLLAMA_MODEL", Value: "llama3.2:3b"},
		}, model, behavior},
	}, {
		name: "all of a model, and a key that Ollama asks for",
		change: withAI(func(ai *AISpec) {
			ai.Endpoint, ai.APIKeySecretRef, ai.FallbackModel = "ollama.svc:11434", secretKey("a", "b"), "llama3.2:1b"
			ai.MaxTokens, ai.Temperature, ai.TopP, ai.ContextWindowSize = ptr.Int32(1), "1", "0.5", ptr.Int32(8192)
		}),
		want: [][]corev1.EnvVar{{
			{Name: "OLLAMA_URL", Value: "http://ollama.svc:11434"},
			{Name: "OLLAMA_MODEL", Value: "llama3.2:3b"},
			{Name: "OLLAMA_API_KEY", ValueFrom: fromSecret("a", "b")},
			{Name: "FALLBACK_MODEL", Value: "llama3.2:1b"},
			{Name: "MAX_TOKENS", Value: "1"},
			{Name: "TEMPERATURE", Value: "1"},
			{Name: "TOP_P", Value: "0.5"},
			{Name: "CONTEXT_WINDOW_SIZE", Value: "8192"},
		}, behavior},
	}, {
		name: "OpenAI",
		change: func(la *LambdaAgent) {
			la.Spec.AI = &AISpec{Provider: AIProviderOpenAI, Model: "gpt-4o", APIKeySecretRef: secretKey("a", "b")}
		},
		want: [][]corev1.EnvVar{{
			{Name: "OLLAMA_MODEL", Value: "gpt-4o"},
			{Name: "OPENAI_BASE_URL", Value: "https://api.openai.com/v1"},
			{Name: "OPENAI_API_BASE", Value: "https://api.openai.com/v1"},
			{Name: "OPENAI_MODEL", Value: "gpt-4o"},
			{Name: "OPENAI_API_KEY", ValueFrom: fromSecret("a", "b")},
		}, model, behavior},
	}, {
		name: "a server that speaks OpenAI's protocol",
		change: func(la *LambdaAgent) {
			la.Spec.AI = &AISpec{Provider: AIProviderOpenAI, Endpoint: "vllm.llm.svc:8000", APIKeySecretRef: secretKey("a", "b")}
		},
		want: [][]corev1.EnvVar{{
			{Name: "OLLAMA_URL", Value: "http://vllm.llm.svc:8000"},
			{Name: "OPENAI_BASE_URL", Value: "http://vllm.llm.svc:8000/v1"},
			{Name: "OPENAI_API_BASE", Value: "http://vllm.llm.svc:8000/v1"},
			{Name: "OPENAI_API_KEY", ValueFrom: fromSecret("a", "b")},
		}, model, behavior},
	}, {
		name: "Anthropic",
		change: func(la *LambdaAgent) {
			la.Spec.AI = &AISpec{Provider: AIProviderAnthropic, Endpoint: "https://llm.example.com/a/", Model: "claude", APIKeySecretRef: secretKey("a", "b")}
		},
		want: [][]corev1.EnvVar{{
			{Name: "OLLAMA_URL", Value: "https://llm.example.com/a/"},
			{Name: "OLLAMA_MODEL", Value: "claude"},
			{Name: "ANTHROPIC_BASE_URL", Value: "https://llm.example.com/a"},
			{Name: "ANTHROPIC_MODEL", Value: "claude"},
			{Name: "ANTHROPIC_API_KEY", ValueFrom: fromSecret("a", "b")},
		}, model, behavior},
	}, {
		name: "all of behavior, memory and a source",
		change: func(la *LambdaAgent) {
			withBehavior(BehaviorSpec{
				MaxContextMessages: ptr.Int32(0), EmitEvents: ptr.Bool(false), SystemPrompt: "It costs $5, or $(PRICE).\n",
				ConversationTTL: seconds(3600), MaxConcurrentConversations: ptr.Int32(8),
			})(la)
			la.Spec.Memory = &runtime.RawExtension{Raw: []byte("{ \"a\": [ 1,\n2 ] }")}
			withAgentEventing(AgentEventingSpec{EventSource: "/agents/chat"})(la)
		},
		want: [][]corev1.EnvVar{{
			{Name: "MAX_CONTEXT_MESSAGES", Value: "0"},
			{Name: "EMIT_EVENTS", Value: "false"},
			{Name: "SYSTEM_PROMPT", Value: "It costs $$5, or $$(PRICE).\n"},
			{Name: "CONVERSATION_TTL_SECONDS", Value: "3600"},
			{Name: "MAX_CONCURRENT_CONVERSATIONS", Value: "8"},
			{Name: "MEMORY_CONFIG", Value: `{"a":[1,2]}`},
			{Name: "EVENT_SOURCE", Value: "/agents/chat"},
		}},
	}, {
		name:   "a prompt in a ConfigMap",
		change: withBehavior(BehaviorSpec{SystemPromptRef: &SystemPromptReference{Name: "a", Key: "b"}}),
		want: [][]corev1.EnvVar{behavior, {
			{Name: "SYSTEM_PROMPT", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: configMapKey("a", "b")}},
		}},
	}, {
		name:   "a prompt in a Secret",
		change: withBehavior(BehaviorSpec{SystemPromptRef: &SystemPromptReference{Kind: SystemPromptSecret, Name: "a", Key: "b"}}),
		want:   [][]corev1.EnvVar{behavior, {{Name: "SYSTEM_PROMPT", ValueFrom: fromSecret("a", "b")}}},
	}, {
		name: "eventing that is off, memory that is none, and variables of the user's",
		change: func(la *LambdaAgent) {
			withAgentEventing(AgentEventingSpec{Enabled: ptr.Bool(false), EventSource: "/agents/chat"})(la)
			withMemory("{")(la)
			la.Spec.Env = []corev1.EnvVar{{Name: "EMIT_EVENTS", Value: "mine"}}
		},
		want: [][]corev1.EnvVar{behavior},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			la := validAgent(tc.change)
			la.SetDefaults(t.Context())
			want := []corev1.EnvVar{}
			for _, part := range tc.want {
				want = append(want, part...)
			}
			if diff := cmp.Diff(want, la.InjectedEnv()); diff != "" {
				t.Error("InjectedEnv() (-want, +got):", diff)
			}
		})
	}
}

func TestAIEndpointURL(t *testing.T) {
	for _, tc := range []struct {
		ai   *AISpec
		want string
	}{
		{ai: nil, want: ""},
		{ai: &AISpec{Provider: AIProviderNone, Endpoint: "http://a"}, want: ""},
		{ai: &AISpec{Provider: AIProviderOllama}, want: ""},
		{ai: &AISpec{Provider: AIProviderOllama, Endpoint: "ollama.svc:11434"}, want: "http://ollama.svc:11434"},
		{ai: &AISpec{Provider: AIProviderOllama, Endpoint: "ollama.example.com/a/"}, want: "https://ollama.example.com/a"},
		{ai: &AISpec{Provider: AIProviderOpenAI}, want: DefaultOpenAIEndpoint},
		{ai: &AISpec{Provider: AIProviderOpenAI, Endpoint: "http://vllm:8000/"}, want: "http://vllm:8000/v1"},
		{ai: &AISpec{Provider: AIProviderOpenAI, Endpoint: "https://a.example.com/openai/v2/"}, want: "https://a.example.com/openai/v2"},
		{ai: &AISpec{Provider: AIProviderOpenAI, Endpoint: "https://a b"}, want: "https://a b"},
		{ai: &AISpec{Provider: AIProviderAnthropic}, want: DefaultAnthropicEndpoint},
		{ai: &AISpec{Provider: AIProviderAnthropic, Endpoint: "https://a.example.com"}, want: "https://a.example.com"},
	} {
		if got := tc.ai.EndpointURL(); got != tc.want {
			t.Errorf("EndpointURL() of %v = %q, want %q", tc.ai, got, tc.want)
		}
	}
}

func TestWildcardPrefix(t *testing.T) {
	for pattern, want := range map[string]struct {
		prefix   string
		wildcard bool
	}{
		"a.b":   {"a.b", false},
		"a.b.*": {"a.b.", true},
		"*":     {"", true},
		"/a/*":  {"/a/", true},
		"":      {"", false},
	} {
		if prefix, wildcard := WildcardPrefix(pattern); prefix != want.prefix || wildcard != want.wildcard {
			t.Errorf("WildcardPrefix(%q) = %q, %t, want %q, %t", pattern, prefix, wildcard, want.prefix, want.wildcard)
		}
	}
}
