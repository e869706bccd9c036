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
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rickb777/date/period"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"
)

const (
	maxRetryAttempts = 100
	// maxParallelism is that of Knative's RabbitMQ Broker.
	maxParallelism = 1000

	hasNoEffect = "stored and has no effect"
)

func (s *EventingSpec) validate() (errs *apis.FieldError) {
	if s == nil {
		return nil
	}
	for field, value := range map[string]string{"brokerName": s.BrokerName, "subscriberServiceName": s.SubscriberServiceName} {
		errs = errs.Also(validateObjectName(value, field))
	}
	if s.ResourcePrefix != "" {
		for _, msg := range validation.IsDNS1123Label(s.ResourcePrefix) {
			errs = errs.Also(apis.ErrInvalidValue(shorten(s.ResourcePrefix), "resourcePrefix", msg))
		}
	}
	for i := range s.Filters {
		errs = errs.Also(s.Filters[i].validate().ViaFieldIndex("filters", i))
	}
	return errs.Also(s.Delivery.validate().ViaField("delivery")).
		Also(validateSchedules(s.Schedules)).
		Also(s.RabbitMQ.validate().ViaField("rabbitmq")).
		Also(s.DLQ.validate().ViaField("dlq")).
		Also(s.APISource.validate().ViaField("apiSource")).
		Also(s.warnings())
}

// warnings name what is stored and has no effect.
func (s *EventingSpec) warnings() (errs *apis.FieldError) {
	for field, set := range map[string]bool{
		"eventSource": s.EventSource != "",
		"eventTypes":  len(s.EventTypes) > 0,
		"monitoring":  s.Monitoring != nil,
	} {
		if set {
			errs = errs.Also(warn(hasNoEffect, field))
		}
	}
	return errs
}

// warnings name what is stored and has no effect.
func (d *DLQSpec) warnings() (errs *apis.FieldError) {
	for field, value := range map[string]string{
		"exchangeName": d.ExchangeName, "queueName": d.QueueName, "routingKeyPrefix": d.RoutingKeyPrefix,
	} {
		if value != "" {
			errs = errs.Also(warn(hasNoEffect+": dead letters are not kept in RabbitMQ", field))
		}
	}
	return errs
}

func (r *RabbitMQSpec) validate() (errs *apis.FieldError) {
	if r == nil {
		return nil
	}
	return validateBounds(r.Parallelism, 1, maxParallelism, "parallelism").
		Also(validateBounds(r.PrefetchCount, 1, maxParallelism, "prefetchCount")).
		Also(validateObjectName(r.ClusterName, "clusterName")).
		Also(validateObjectName(r.Namespace, "namespace"))
}

func (d *DLQSpec) validate() (errs *apis.FieldError) {
	if d == nil {
		return nil
	}
	errs = validateBounds(d.RetryMaxAttempts, 0, maxRetryAttempts, "retryMaxAttempts").
		Also(validateBounds(d.MessageTTL, 0, math.MaxInt64, "messageTTL")).
		Also(validateBounds(d.MaxLength, 0, math.MaxInt64, "maxLength")).
		Also(validatePeriod(d.RetryBackoffDelay, 0, "retryBackoffDelay"))
	if c := d.Cleanup; c != nil && c.Retention != "" {
		if age, err := time.ParseDuration(c.Retention); err != nil || age <= 0 {
			errs = errs.Also(apis.ErrInvalidValue(shorten(c.Retention), "retention", "write for example 168h").ViaField("cleanup"))
		}
	}
	return errs.Also(d.warnings())
}

func (d *DeliverySpec) validate() (errs *apis.FieldError) {
	if d == nil {
		return nil
	}
	if d.BackoffPolicy != "" && d.BackoffPolicy != BackoffLinear && d.BackoffPolicy != BackoffExponential {
		errs = errs.Also(apis.ErrInvalidValue(shorten(string(d.BackoffPolicy)), "backoffPolicy", "choose one of: linear, exponential"))
	}
	return errs.Also(validateBounds(d.Retry, 0, maxRetryAttempts, "retry")).
		Also(validatePeriod(d.BackoffDelay, 0, "backoffDelay")).
		Also(validatePeriod(d.Timeout, time.Nanosecond, "timeout")).
		Also(validatePeriod(d.RetryAfterMax, 0, "retryAfterMax"))
}

// validatePeriod checks an ISO 8601 duration of at least least.
func validatePeriod(text string, least time.Duration, field string) *apis.FieldError {
	if text == "" {
		return nil
	}
	p, err := period.Parse(text)
	if err != nil || p.DurationApprox() < least {
		return apis.ErrInvalidValue(shorten(text), field, "write an ISO 8601 duration, for example PT30S")
	}
	return nil
}

func (s *APISourceSpec) validate() (errs *apis.FieldError) {
	if s == nil || s.Enabled == nil || !*s.Enabled {
		return nil
	}
	if s.Mode != "" && s.Mode != APISourceModeResource && s.Mode != APISourceModeReference {
		errs = errs.Also(apis.ErrInvalidValue(shorten(s.Mode), "mode", "choose one of: Resource, Reference"))
	}
	if len(s.Resources) == 0 {
		errs = errs.Also(apis.ErrMissingField("resources"))
	}
	for i := range s.Resources {
		errs = errs.Also(s.Resources[i].validate().ViaFieldIndex("resources", i))
	}
	return errs
}

// validate lets nothing pass that would be more than one kind in a rule of RBAC.
func (r *APISourceResourceSpec) validate() (errs *apis.FieldError) {
	version, err := schema.ParseGroupVersion(r.APIVersion)
	if err != nil || len(validation.IsDNS1035Label(version.Version)) > 0 ||
		(version.Group != "" && len(validation.IsDNS1123Subdomain(version.Group)) > 0) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(r.APIVersion), "apiVersion", "write for example v1 or apps/v1"))
	}
	if len(validation.IsDNS1035Label(strings.ToLower(r.Kind))) > 0 {
		errs = errs.Also(apis.ErrInvalidValue(shorten(r.Kind), "kind", "write for example Pod"))
	}
	if _, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchLabels: r.LabelSelector}); err != nil {
		errs = errs.Also(apis.ErrInvalidValue(shorten(err.Error()), "labelSelector"))
	}
	return errs
}

func validateTriggers(triggers []TriggerSpec) (errs *apis.FieldError) {
	for i := range triggers {
		if triggers[i].Broker == "" {
			errs = errs.Also(apis.ErrMissingField("broker").ViaFieldIndex("triggers", i))
		}
		errs = errs.Also(validateObjectName(triggers[i].Broker, "broker").ViaFieldIndex("triggers", i)).
			Also(validateAttributeNames(triggers[i].Filter).ViaField("filter").ViaFieldIndex("triggers", i))
	}
	return errs
}

// validateObjectName checks the name of an object that the user may leave out.
func validateObjectName(name, field string) (errs *apis.FieldError) {
	if name == "" {
		return nil
	}
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(name), field, msg))
	}
	return errs
}

func (s *ObservabilitySpec) validate() (errs *apis.FieldError) {
	if s == nil {
		return nil
	}
	errs = s.Tracing.validate().ViaField("tracing")
	if m := s.Metrics; m != nil {
		errs = errs.Also(validateBounds(m.Port, 1, math.MaxUint16, "port").ViaField("metrics"))
	}
	return errs
}

func (t *TracingSpec) validate() *apis.FieldError {
	if t == nil {
		return nil
	}
	return validateDecimal(t.SamplingRate, 1, "samplingRate")
}

// validateDecimal checks the text of a number from 0 to most, which the user may leave out.
func validateDecimal(text string, most int, field string) *apis.FieldError {
	if text == "" {
		return nil
	}
	// Programs in other languages do not read hexadecimal digits.
	if n, err := strconv.ParseFloat(text, 64); err != nil || math.IsNaN(n) || n < 0 || n > float64(most) || strings.ContainsAny(text, "xX") {
		return apis.ErrInvalidValue(shorten(text), field, fmt.Sprintf("write a number from 0 to %d in quotes", most))
	}
	return nil
}

func validateBounds[T int32 | int64](value *T, least, most int64, field string) *apis.FieldError {
	if value == nil || int64(*value) >= least && int64(*value) <= most {
		return nil
	}
	if err := validateWhole(*value, field); err != nil {
		return err
	}
	return apis.ErrOutOfBoundsValue(*value, least, most, field)
}
