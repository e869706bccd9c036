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
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

const (
	maxModelLength = 256
	maxTokens      = 1000000
	// maxVariableBytes leaves room in the 128 KiB that Linux gives a variable with its name.
	maxVariableBytes = 96 * 1024

	minHealthCheckInterval = 10 * time.Second
	maxHealthCheckInterval = 24 * time.Hour
	maxConversationTTL     = 365 * 24 * time.Hour
	maxScrapeInterval      = 24 * time.Hour
)

// modelPattern has no spaces, control characters and quotes, and all else that names of models are made of.
var modelPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+~=-]*$`)

// Validate implements apis.Validatable.
func (la *LambdaAgent) Validate(ctx context.Context) *apis.FieldError {
	if !toValidate(ctx, &la.ObjectMeta) {
		return nil
	}
	// Checks of optional fields may then rely on their defaults, whoever calls.
	la = la.DeepCopy()
	la.SetDefaults(ctx)
	return validateMetadata(&la.ObjectMeta).Also(validateDisabled(la.Annotations)).ViaField("metadata").
		Also(la.Spec.validate(ctx).ViaField("spec")).
		Also(la.validateEventing().ViaField("spec", "eventing")).
		Also(la.warnOfOverrides().ViaField("spec"))
}

func (s *LambdaAgentSpec) validate(ctx context.Context) *apis.FieldError {
	return s.Image.validate().ViaField("image").
		Also(validateObjectName(s.ServiceAccountName, "serviceAccountName")).
		Also(s.AI.validate(ctx).ViaField("ai")).
		Also(s.Behavior.validate().ViaField("behavior")).
		Also(validateMemory(s.Memory)).
		Also(s.validateOperation()).
		Also(s.Permissions.validate().ViaField("permissions")).
		Also(validateEnv(s.Env).ViaField("env")).
		Also(validateEnvFrom(s.EnvFrom).ViaField("envFrom")).
		Also(s.Scaling.validate().ViaField("scaling")).
		Also(s.Resources.validate().ViaField("resources")).
		Also(s.Observability.validate().ViaField("observability"))
}

// validateOperation refuses what would need people to approve of what the agent does.
func (s *LambdaAgentSpec) validateOperation() (errs *apis.FieldError) {
	const remedy = "approvals are not part of this release: %s; an agent acts by itself, which is operationMode agentic"
	switch s.OperationMode {
	case OperationModeAgentic:
	case OperationModeSupervised:
		errs = apis.ErrInvalidValue(s.OperationMode, "operationMode", fmt.Sprintf(remedy, "write agentic"))
	default:
		errs = apis.ErrInvalidValue(shorten(string(s.OperationMode)), "operationMode", "write agentic")
	}
	if s.Approval != nil {
		errs = errs.Also(apis.ErrGeneric(fmt.Sprintf(remedy, "remove it"), "approval"))
	}
	return errs
}

func (s *AISpec) validate(ctx context.Context) (errs *apis.FieldError) {
	if s == nil {
		return nil
	}
	switch s.Provider {
	case AIProviderOllama:
		if s.Endpoint == "" {
			errs = errs.Also(missing("endpoint", "provider ollama has no server of its own: write for example http://ollama.ollama.svc.cluster.local:11434"))
		}
	case AIProviderOpenAI, AIProviderAnthropic:
		if s.APIKeySecretRef == nil {
			errs = errs.Also(missing("apiKeySecretRef", fmt.Sprintf("provider %s takes an API key: give name and key of a Secret that has it", s.Provider)))
		}
	case AIProviderNone:
		if *s != (AISpec{Provider: AIProviderNone}) {
			errs = errs.Also(warn("provider is none: the other fields have no effect", apis.CurrentField))
		}
	default:
		errs = errs.Also(apis.ErrInvalidValue(shorten(string(s.Provider)), "provider", "choose one of: ollama, openai, anthropic, none"))
	}
	if s.APIKeySecretRef != nil {
		errs = errs.Also(validateKeyRef(s.APIKeySecretRef.Name, s.APIKeySecretRef.Key).ViaField("apiKeySecretRef"))
	}
	if s.FallbackModel != "" && s.Model == "" {
		errs = errs.Also(missing("model", "fallbackModel is for the time that it is not there"))
	}
	return errs.Also(s.validateEndpoint(ctx)).
		Also(validateModel(s.Model, "model")).
		Also(validateModel(s.FallbackModel, "fallbackModel")).
		Also(validateBounds(s.MaxTokens, 1, maxTokens, "maxTokens")).
		Also(validateDecimal(s.Temperature, 2, "temperature")).
		Also(validateDecimal(s.TopP, 1, "topP")).
		Also(validateBounds(s.ContextWindowSize, 1, math.MaxInt32, "contextWindowSize"))
}

// validateEndpoint lets private addresses pass, which the agent may reach. Health checks are made from elsewhere.
func (s *AISpec) validateEndpoint(ctx context.Context) *apis.FieldError {
	if s.Endpoint == "" {
		return nil
	}
	refused := func(msg string) *apis.FieldError {
		return apis.ErrInvalidValue(shorten(userOfURL.ReplaceAllString(s.Endpoint, "${1}")), "endpoint", msg)
	}
	u, msg := parseEndpoint(s.Endpoint, "write for example http://ollama.ollama.svc.cluster.local:11434, without a login")
	if msg != "" {
		return refused(msg)
	}
	const loopback = "the agent's own"
	if msg := newHostChecker(ctx, loopback, "0.0.0.0/0", "::/0").check(u.Hostname()); msg != "" {
		return refused(msg)
	}
	allowed := config.FromContextOrDefaults(ctx).Build.AllowedNetworks
	if newHostChecker(ctx, loopback, allowed...).check(u.Hostname()) != "" {
		return warn("the address is private: no health check goes there before an operator adds its network to allowed-networks of ConfigMap config-build", "endpoint")
	}
	return nil
}

func validateModel(model, field string) *apis.FieldError {
	if model != "" && (len(model) > maxModelLength || !modelPattern.MatchString(model)) {
		return apis.ErrInvalidValue(shorten(model), field, fmt.Sprintf(
			"write letters, digits and . _ : / @ + ~ = -, at most %d, and first a letter or digit", maxModelLength))
	}
	return nil
}

func (s *BehaviorSpec) validate() (errs *apis.FieldError) {
	if s.SystemPrompt != "" && s.SystemPromptRef != nil {
		errs = errs.Also(apis.ErrMultipleOneOf("systemPrompt", "systemPromptRef"))
	}
	if ref := s.SystemPromptRef; ref != nil {
		if ref.Kind != SystemPromptConfigMap && ref.Kind != SystemPromptSecret {
			errs = errs.Also(apis.ErrInvalidValue(shorten(ref.Kind), "kind", "choose one of: ConfigMap, Secret").ViaField("systemPromptRef"))
		}
		errs = errs.Also(validateKeyRef(ref.Name, ref.Key).ViaField("systemPromptRef"))
	}
	if h := s.HealthCheck; h != nil {
		errs = errs.Also(validateURLPath(h.Path, "path").
			Also(validateDuration(h.Interval, minHealthCheckInterval, maxHealthCheckInterval, "interval", "1m")).ViaField("healthCheck"))
	}
	return errs.Also(validateVariable(s.SystemPrompt, "systemPrompt")).
		Also(validateBounds(s.MaxContextMessages, 0, math.MaxInt32, "maxContextMessages")).
		Also(validateDuration(s.ConversationTTL, time.Second, maxConversationTTL, "conversationTTL", "24h")).
		Also(validateBounds(s.MaxConcurrentConversations, 1, math.MaxInt32, "maxConcurrentConversations"))
}

// validateVariable checks a text that becomes a variable's value.
func validateVariable(text, field string) *apis.FieldError {
	switch {
	case strings.Contains(text, "\x00"):
		return apis.ErrGeneric("remove the character NUL: no variable can have it", field)
	case len(text) > maxVariableBytes:
		return apis.ErrGeneric(fmt.Sprintf("%d bytes, over the limit of %d for a variable: put what is long into the image", len(text), maxVariableBytes), field)
	}
	return nil
}

// validateURLPath checks the path of an address that the user may leave out.
func validateURLPath(p, field string) *apis.FieldError {
	if p == "" {
		return nil
	}
	if len(p) > maxPathLength || !pathPattern.MatchString(p) || strings.Contains(p, " ") || !path.IsAbs(p) {
		return apis.ErrInvalidValue(shorten(p), field, fmt.Sprintf("write a path that begins with /, of letters, digits and . _ - /, at most %d", maxPathLength))
	}
	return nil
}

func validateMemory(memory *runtime.RawExtension) *apis.FieldError {
	if memory == nil {
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(memory.Raw, &object) != nil || object == nil {
		return apis.ErrGeneric("write an object", "memory")
	}
	return validateVariable(compact(memory), "memory")
}

func (p *PermissionsSpec) validate() (errs *apis.FieldError) {
	if p == nil {
		return nil
	}
	for i, namespace := range p.AllowedTargetNamespaces {
		if namespace != anyNamespace {
			errs = errs.Also(validateLabel(namespace, apis.CurrentField).ViaFieldIndex("allowedTargetNamespaces", i))
		}
	}
	if p.EventControls == nil {
		return errs
	}
	for i, eventType := range p.EventControls.ControlEventTypes {
		err := validateEventType(eventType, apis.CurrentField)
		if _, ok := lambda.ParseControlType(eventType); err == nil && !ok {
			err = apis.ErrInvalidValue(shorten(eventType), apis.CurrentField, "it says neither disable nor enable after its last dot, as "+lambda.ControlDisable+" does")
		}
		errs = errs.Also(err.ViaFieldIndex("controlEventTypes", i).ViaField("eventControls"))
	}
	for i, source := range p.EventControls.AllowedControlSources {
		err := validateEventSource(source, apis.CurrentField)
		if source == "" {
			err = apis.ErrMissingField(apis.CurrentField)
		}
		errs = errs.Also(err.ViaFieldIndex("allowedControlSources", i).ViaField("eventControls"))
	}
	return errs
}

// validateDisabled checks the annotation that control events write, which people may write too.
func validateDisabled(annotations map[string]string) *apis.FieldError {
	if _, err := lambda.ParseDisabled(annotations[lambda.DisabledByEventAnnotationKey]); err != nil {
		return apis.ErrGeneric(lambda.DisabledByEventAnnotationKey+": "+err.Error(), "annotations")
	}
	return nil
}

// validateLabel checks the name of a namespace, or of what a Knative Service is named after.
func validateLabel(name, field string) (errs *apis.FieldError) {
	if name == "" {
		return apis.ErrMissingField(field)
	}
	for _, msg := range validation.IsDNS1123Label(name) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(name), field, msg))
	}
	return errs
}

// warnOfOverrides names the variables that the user sets, and that other fields would make.
func (la *LambdaAgent) warnOfOverrides() (errs *apis.FieldError) {
	made := map[string]string{}
	for _, variable := range la.injectedEnv() {
		made[variable.Name] = variable.field
	}
	for i := range la.Spec.Env {
		if field, ok := made[la.Spec.Env[i].Name]; ok {
			errs = errs.Also(warn(fmt.Sprintf("%s is made of spec.%s too: this one wins", la.Spec.Env[i].Name, field), "name").ViaFieldIndex("env", i))
		}
	}
	return errs
}

// missing says of a field that has to be there why, or what to write.
func missing(field, remedy string) *apis.FieldError {
	err := apis.ErrMissingField(field)
	err.Details = remedy
	return err
}
