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
	"fmt"
	"strings"
	"time"

	"knative.dev/pkg/apis"
)

const (
	// anyNamespace in a list of namespaces is for all of them.
	anyNamespace = "*"

	maxEventTypeLength = 256
)

func (la *LambdaAgent) validateEventing() *apis.FieldError {
	s := la.Spec.Eventing
	if s == nil {
		return nil
	}
	errs := validateEventSource(s.EventSource, "eventSource").
		Also(validateSubscriptions(s.Subscriptions)).
		Also(la.validateForwards()).
		Also(s.DLQ.validate().ViaField("dlq")).
		Also(s.RabbitMQ.validate().ViaField("rabbitmq"))
	for i, intent := range s.Intents {
		errs = errs.Also(validateEventType(intent, apis.CurrentField).ViaFieldIndex("intents", i))
	}
	return errs
}

func validateSubscriptions(subscriptions []SubscriptionSpec) (errs *apis.FieldError) {
	type events struct{ eventType, source string }
	seen := make(map[events]int, len(subscriptions))
	for i := range subscriptions {
		s := &subscriptions[i]
		errs = errs.Also(validateEventTypePattern(s.EventType, "eventType").
			Also(validateEventSource(strings.TrimSuffix(s.Source, "*"), "source")).ViaFieldIndex("subscriptions", i))
		key := events{s.EventType, s.Source}
		if s.Source == "*" { // Any source can be written in two ways.
			key.source = ""
		}
		if first, dup := seen[key]; dup {
			errs = errs.Also(apis.ErrGeneric(fmt.Sprintf("subscriptions[%d] is for the same type and source: remove one of the two", first), apis.CurrentField).
				ViaFieldIndex("subscriptions", i))
			continue
		}
		seen[key] = i
	}
	return errs
}

func (la *LambdaAgent) validateForwards() (errs *apis.FieldError) {
	type forward struct{ namespace, agent, eventType string }
	seen := map[forward]int{}
	for i := range la.Spec.Eventing.Forwards {
		f := &la.Spec.Eventing.Forwards[i]
		err := la.validateForward(f)
		for j, eventType := range f.EventTypes {
			key := forward{f.TargetNamespace, f.TargetAgent, eventType}
			if first, dup := seen[key]; dup {
				err = err.Also(apis.ErrGeneric(fmt.Sprintf("forwards[%d] sends the same type to the same agent: remove one of the two", first), apis.CurrentField).
					ViaFieldIndex("eventTypes", j))
				continue
			}
			seen[key] = i
		}
		errs = errs.Also(err.ViaFieldIndex("forwards", i))
	}
	return errs
}

func (la *LambdaAgent) validateForward(f *ForwardSpec) *apis.FieldError {
	errs := validateLabel(f.TargetAgent, "targetAgent").Also(validateLabel(f.TargetNamespace, "targetNamespace"))
	if len(f.EventTypes) == 0 {
		errs = errs.Also(missing("eventTypes", "give at least one type"))
	}
	for j, eventType := range f.EventTypes {
		errs = errs.Also(validateEventTypePattern(eventType, apis.CurrentField).ViaFieldIndex("eventTypes", j))
	}
	switch {
	case f.TargetNamespace == "":
	case f.TargetNamespace == la.Namespace && f.TargetAgent == la.Name:
		errs = errs.Also(apis.ErrGeneric("an agent does not forward events to itself: name another", "targetAgent"))
	case la.AllowsNamespace(f.TargetNamespace):
	case la.Spec.Permissions == nil:
		// Older manifests have no such list, and were asked for none.
		errs = errs.Also(warn("nothing is forwarded before spec.permissions.allowedTargetNamespaces has this namespace", "targetNamespace"))
	default:
		errs = errs.Also(apis.ErrInvalidValue(shorten(f.TargetNamespace), "targetNamespace",
			"not allowed: add it to spec.permissions.allowedTargetNamespaces, or write * there for all"))
	}
	return errs
}

// validateEventTypePattern checks what types of events are for.
func validateEventTypePattern(pattern, field string) *apis.FieldError {
	if pattern == "*" {
		return nil
	}
	if prefix := strings.TrimSuffix(pattern, ".*"); prefix != "" {
		return validateEventType(prefix, field)
	}
	return validateEventType(pattern, field)
}

// validateEventType checks the type of an event.
func validateEventType(eventType, field string) *apis.FieldError {
	switch {
	case eventType == "":
		return apis.ErrMissingField(field)
	case strings.Contains(eventType, "*"):
		return apis.ErrInvalidValue(shorten(eventType), field, "a * stands alone or after the last dot, such as com.example.*, where it is taken at all")
	case len(eventType) > maxEventTypeLength, hasSpace(eventType), strings.HasPrefix(eventType, "."), strings.HasSuffix(eventType, "."):
		return apis.ErrInvalidValue(shorten(eventType), field, fmt.Sprintf(
			"write a type such as com.example.order.paid, without spaces, and without a dot at either end, of at most %d characters", maxEventTypeLength))
	}
	return nil
}

// validateEventSource checks the source of an event, which the user may leave out.
func validateEventSource(source, field string) *apis.FieldError {
	if len(source) > maxURLLength || hasSpace(source) || strings.Contains(source, "*") {
		return apis.ErrInvalidValue(shorten(source), field, fmt.Sprintf("write a URI or a path such as /shop/orders, without spaces, at most %d characters", maxURLLength))
	}
	return nil
}

// hasSpace is true for text with a character that cannot be seen.
func hasSpace(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func (s *AgentObservabilitySpec) validate() *apis.FieldError {
	if s == nil {
		return nil
	}
	return s.Tracing.validate().ViaField("tracing").Also(s.Metrics.validate().ViaField("metrics"))
}

func (m *AgentMetricsSpec) validate() *apis.FieldError {
	if m == nil {
		return nil
	}
	return validateURLPath(m.Path, "path").
		Also(validateDuration(m.Interval, time.Second, maxScrapeInterval, "interval", "30s")).
		Also(validateDuration(m.Timeout, time.Second, durationOr(m.Interval, DefaultScrapeInterval), "timeout", "10s"))
}
