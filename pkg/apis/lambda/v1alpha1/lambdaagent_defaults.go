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
	"cmp"
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// What holds for agents where the user does not say otherwise.
const (
	DefaultAgentMaxReplicas    = 10
	DefaultMaxTokens           = 2048
	DefaultTemperature         = "0.7"
	DefaultMaxContextMessages  = 10
	DefaultHealthCheckInterval = time.Minute
	DefaultAgentRetries        = 3
	DefaultMetricsPath         = "/metrics"
	DefaultScrapeInterval      = 30 * time.Second
	DefaultScrapeTimeout       = 10 * time.Second
	DefaultOpenAIEndpoint      = "https://api.openai.com/v1"
	DefaultAnthropicEndpoint   = "https://api.anthropic.com"
)

// defaultControlEventTypes are the types of events that older clusters disable and enable capabilities with.
var defaultControlEventTypes = []string{lambda.ControlDisable, lambda.ControlEnable}

// SetDefaults implements apis.Defaultable.
func (la *LambdaAgent) SetDefaults(ctx context.Context) {
	s := &la.Spec
	if old, ok := apis.GetBaseline(ctx).(*LambdaAgent); ok && apis.IsInUpdate(ctx) {
		s.Scaling.forgetDefaults(&old.Spec.Scaling)
		s.Resources.forgetDefaults(&old.Spec.Resources)
	}
	s.Image.setDefaults()
	s.AI.setDefaults()
	s.Behavior.setDefaults()
	s.OperationMode = cmp.Or(s.OperationMode, OperationModeAgentic)
	s.Permissions.setDefaults()
	s.Scaling.setDefaults(DefaultAgentMaxReplicas)
	s.Resources.setDefaults()
	s.Eventing.setDefaults()
}

func (s *AISpec) setDefaults() {
	if s == nil {
		return
	}
	if s.Provider = cmp.Or(s.Provider, AIProviderOllama); s.Provider == AIProviderNone {
		return
	}
	s.MaxTokens = cmp.Or(s.MaxTokens, ptr.Int32(DefaultMaxTokens))
	s.Temperature = cmp.Or(s.Temperature, DefaultTemperature)
}

func (s *BehaviorSpec) setDefaults() {
	s.MaxContextMessages = cmp.Or(s.MaxContextMessages, ptr.Int32(DefaultMaxContextMessages))
	s.EmitEvents = cmp.Or(s.EmitEvents, ptr.Bool(true))
	if s.SystemPromptRef != nil {
		s.SystemPromptRef.Kind = cmp.Or(s.SystemPromptRef.Kind, SystemPromptConfigMap)
	}
	if s.HealthCheck != nil {
		s.HealthCheck.Interval = cmp.Or(s.HealthCheck.Interval, &metav1.Duration{Duration: DefaultHealthCheckInterval})
	}
}

func (p *PermissionsSpec) setDefaults() {
	if p != nil && p.EventControls != nil && len(p.EventControls.ControlEventTypes) == 0 {
		p.EventControls.ControlEventTypes = append([]string(nil), defaultControlEventTypes...)
	}
}

func (s *AgentEventingSpec) setDefaults() {
	if s == nil {
		return
	}
	if s.DLQ == nil {
		s.DLQ = &DLQSpec{}
	}
	s.DLQ.RetryMaxAttempts = cmp.Or(s.DLQ.RetryMaxAttempts, ptr.Int32(DefaultAgentRetries))
}
