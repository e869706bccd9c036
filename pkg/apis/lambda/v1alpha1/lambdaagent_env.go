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
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// injected is an environment variable, and the field of the spec that it is made of.
type injected struct {
	corev1.EnvVar
	field string
}

// injectedEnv gathers variables. Those without a value are left out.
type injectedEnv []injected

func (v *injectedEnv) add(field, value string, names ...string) {
	if value == "" {
		return
	}
	for _, name := range names {
		// The kubelet takes $(NAME) for another variable's value, and $$ for $.
		*v = append(*v, injected{corev1.EnvVar{Name: name, Value: strings.ReplaceAll(value, "$", "$$")}, field})
	}
}

func (v *injectedEnv) addNumber(field string, value *int32, name string) {
	if value != nil {
		v.add(field, strconv.Itoa(int(*value)), name)
	}
}

func (v *injectedEnv) addFrom(field, name string, from corev1.EnvVarSource) {
	*v = append(*v, injected{corev1.EnvVar{Name: name, ValueFrom: &from}, field})
}

// InjectedEnv returns the variables that are made of the spec's fields for the agent's container, always in the same
// order: those of ai, behavior, memory and eventing. Those of spec.env are not among them, and win over them.
func (la *LambdaAgent) InjectedEnv() []corev1.EnvVar {
	made := la.injectedEnv()
	env := make([]corev1.EnvVar, len(made))
	for i := range made {
		env[i] = made[i].EnvVar
	}
	return env
}

func (la *LambdaAgent) injectedEnv() injectedEnv {
	var v injectedEnv
	la.Spec.AI.addTo(&v)
	la.Spec.Behavior.addTo(&v)
	v.add("memory", compact(la.Spec.Memory), "MEMORY_CONFIG")
	if la.EventingEnabled() {
		v.add("eventing.eventSource", la.Spec.Eventing.EventSource, "EVENT_SOURCE")
	}
	return v
}

func (s *AISpec) addTo(v *injectedEnv) {
	if !s.asksModel() {
		return
	}
	// Images for the operator before this one read these, whatever the provider is.
	v.add("ai.endpoint", endpointURL(s.Endpoint, false), "OLLAMA_URL")
	v.add("ai.model", s.Model, "OLLAMA_MODEL")
	key := "OLLAMA_API_KEY"
	switch s.Provider {
	case AIProviderOpenAI:
		v.add("ai.endpoint", s.EndpointURL(), "OPENAI_BASE_URL", "OPENAI_API_BASE")
		v.add("ai.model", s.Model, "OPENAI_MODEL")
		key = "OPENAI_API_KEY"
	case AIProviderAnthropic:
		v.add("ai.endpoint", s.EndpointURL(), "ANTHROPIC_BASE_URL")
		v.add("ai.model", s.Model, "ANTHROPIC_MODEL")
		key = "ANTHROPIC_API_KEY"
	}
	if s.APIKeySecretRef != nil {
		v.addFrom("ai.apiKeySecretRef", key, corev1.EnvVarSource{SecretKeyRef: s.APIKeySecretRef.DeepCopy()})
	}
	v.add("ai.fallbackModel", s.FallbackModel, "FALLBACK_MODEL")
	v.addNumber("ai.maxTokens", s.MaxTokens, "MAX_TOKENS")
	v.add("ai.temperature", s.Temperature, "TEMPERATURE")
	v.add("ai.topP", s.TopP, "TOP_P")
	v.addNumber("ai.contextWindowSize", s.ContextWindowSize, "CONTEXT_WINDOW_SIZE")
}

func (s *BehaviorSpec) addTo(v *injectedEnv) {
	v.addNumber("behavior.maxContextMessages", s.MaxContextMessages, "MAX_CONTEXT_MESSAGES")
	if s.EmitEvents != nil {
		v.add("behavior.emitEvents", strconv.FormatBool(*s.EmitEvents), "EMIT_EVENTS")
	}
	v.add("behavior.systemPrompt", s.SystemPrompt, "SYSTEM_PROMPT")
	if ref := s.SystemPromptRef; ref != nil {
		v.addFrom("behavior.systemPromptRef", "SYSTEM_PROMPT", ref.source())
	}
	if s.ConversationTTL != nil {
		v.add("behavior.conversationTTL", strconv.FormatInt(int64(s.ConversationTTL.Duration/time.Second), 10), "CONVERSATION_TTL_SECONDS")
	}
	v.addNumber("behavior.maxConcurrentConversations", s.MaxConcurrentConversations, "MAX_CONCURRENT_CONVERSATIONS")
}

func (r *SystemPromptReference) source() corev1.EnvVarSource {
	name := corev1.LocalObjectReference{Name: r.Name}
	if r.Kind == SystemPromptSecret {
		return corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: name, Key: r.Key}}
	}
	return corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: name, Key: r.Key}}
}

// compact returns the JSON of an object without the space between its parts, or "" where there is none.
func compact(object *runtime.RawExtension) string {
	if object == nil {
		return ""
	}
	var text bytes.Buffer
	if json.Compact(&text, object.Raw) != nil {
		return "" // Validation refuses it.
	}
	return text.String()
}
