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
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AIProvider says which protocol the endpoint of a model speaks.
// +kubebuilder:validation:Enum=ollama;openai;anthropic;none
type AIProvider string

const (
	// AIProviderOllama is Ollama.
	AIProviderOllama AIProvider = "ollama"
	// AIProviderOpenAI is OpenAI, or a server that speaks its protocol.
	AIProviderOpenAI AIProvider = "openai"
	// AIProviderAnthropic is Anthropic, or a server that speaks its protocol.
	AIProviderAnthropic AIProvider = "anthropic"
	// AIProviderNone is for agents without a model.
	AIProviderNone AIProvider = "none"
)

// AISpec is the model that an agent asks. It becomes variables of the agent: OLLAMA_URL and OLLAMA_MODEL; for openai
// OPENAI_BASE_URL, OPENAI_API_BASE, OPENAI_MODEL and OPENAI_API_KEY; for anthropic ANTHROPIC_BASE_URL, ANTHROPIC_MODEL and
// ANTHROPIC_API_KEY; and those that fields name.
type AISpec struct {
	// provider is ollama (default), openai, anthropic, or none for an agent without a model. The others are for servers that
	// speak the protocol of that name, too.
	// +optional
	Provider AIProvider `json:"provider,omitempty"`

	// endpoint is the address of the model's server, such as http://ollama.ollama.svc.cluster.local:11434. Without a scheme
	// it is http for a Service of the cluster (*.svc, *.svc.cluster.local), else https. For openai, an address without a path
	// gets /v1. Required for ollama. Default: OpenAI's or Anthropic's own.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// model is the name by which the endpoint knows the model. Without it the agent chooses, and health checks look only
	// whether the endpoint answers.
	// +optional
	Model string `json:"model,omitempty"`

	// fallbackModel is a model of the same endpoint for the time that model is not there. The agent has it as
	// FALLBACK_MODEL.
	// +optional
	FallbackModel string `json:"fallbackModel,omitempty"`

	// maxTokens is the most tokens of one answer, 1 to 1000000. The agent has it as MAX_TOKENS. Default 2048.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MaxTokens *int32 `json:"maxTokens,omitempty"`

	// temperature is how freely the model chooses its words, a number from 0 to 2 in quotes. The agent has it as
	// TEMPERATURE. Default "0.7".
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Temperature string `json:"temperature,omitempty"`

	// topP is the share of the likeliest words that the model chooses from, a number from 0 to 1 in quotes. The agent has
	// it as TOP_P. Absent: the model's own.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	TopP string `json:"topP,omitempty"`

	// contextWindowSize is the most tokens that the model is given at once, 1 or more. The agent has it as
	// CONTEXT_WINDOW_SIZE. Absent: the model's own.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	ContextWindowSize *int32 `json:"contextWindowSize,omitempty"`

	// apiKeySecretRef is the key of a Secret of the agent's namespace with the API key, which the agent has as OPENAI_API_KEY
	// or ANTHROPIC_API_KEY. Required for openai and anthropic.
	// +optional
	APIKeySecretRef *corev1.SecretKeySelector `json:"apiKeySecretRef,omitempty"`
}

// asksModel is true for an agent that has a model.
func (s *AISpec) asksModel() bool {
	return s != nil && s.Provider != AIProviderNone
}

// EndpointURL returns the address that clients of the provider's protocol put their paths after, without a / at its end:
// /api/tags for ollama, /models for openai, /v1/models for anthropic. It is "" where there is no model.
func (s *AISpec) EndpointURL() string {
	if !s.asksModel() {
		return ""
	}
	address := strings.TrimRight(endpointURL(s.Endpoint, false), "/")
	switch {
	case s.Provider == AIProviderOpenAI && address == "":
		return DefaultOpenAIEndpoint
	case s.Provider == AIProviderAnthropic && address == "":
		return DefaultAnthropicEndpoint
	case s.Provider == AIProviderOpenAI:
		if u, err := url.Parse(address); err == nil && u.Path == "" {
			return address + "/v1"
		}
	}
	return address
}

// BehaviorSpec says how an agent talks.
type BehaviorSpec struct {
	// maxContextMessages is how many messages of a conversation the agent gives to its model, 0 or more. The agent has it as
	// MAX_CONTEXT_MESSAGES. Default 10.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MaxContextMessages *int32 `json:"maxContextMessages,omitempty"`

	// emitEvents is false for an agent that emits no events of its own. The agent has it as EMIT_EVENTS. Default true.
	// +optional
	EmitEvents *bool `json:"emitEvents,omitempty"`

	// systemPrompt is what the model is told first, 96 KiB at most. The agent has it as SYSTEM_PROMPT.
	// +optional
	SystemPrompt string `json:"systemPrompt,omitempty"`

	// systemPromptRef is where the system prompt is, in place of systemPrompt.
	// +optional
	SystemPromptRef *SystemPromptReference `json:"systemPromptRef,omitempty"`

	// healthCheck says how the endpoint of the model is looked after. No check wakes the agent.
	// +optional
	HealthCheck *HealthCheckSpec `json:"healthCheck,omitempty"`

	// conversationTTL is how long the agent remembers a conversation in which nothing is said, from 1s to 8760h. The agent
	// has it, in seconds, as CONVERSATION_TTL_SECONDS. Absent: the agent's own.
	// +optional
	ConversationTTL *metav1.Duration `json:"conversationTTL,omitempty"`

	// maxConcurrentConversations is how many conversations one instance holds at once, 1 or more. The agent has it as
	// MAX_CONCURRENT_CONVERSATIONS. Absent: the agent's own.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	MaxConcurrentConversations *int32 `json:"maxConcurrentConversations,omitempty"`
}

// The kinds of SystemPromptReference.
const (
	// SystemPromptConfigMap is for a system prompt that all may read.
	SystemPromptConfigMap = "ConfigMap"
	// SystemPromptSecret is for a system prompt that is a secret.
	SystemPromptSecret = "Secret"
)

// SystemPromptReference is a key of a ConfigMap or a Secret that has a system prompt.
type SystemPromptReference struct {
	// kind is ConfigMap (default) or Secret.
	// +optional
	// +kubebuilder:validation:Enum=ConfigMap;Secret
	Kind string `json:"kind,omitempty"`

	// name of the ConfigMap or Secret of the agent's namespace.
	Name string `json:"name"`

	// key whose value is the system prompt.
	Key string `json:"key"`
}

// HealthCheckSpec says how the endpoint of a model is looked after.
type HealthCheckSpec struct {
	// enabled is false where the endpoint is not looked after. Absent is true.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	// path is asked for at the endpoint's host; the model is there where the answer is a 2xx. Absent: the provider's list of
	// models is asked for, and has to have the model.
	// +optional
	Path string `json:"path,omitempty"`

	// interval between two checks, from 10s to 24h. Default 1m.
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}
