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
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"
)

const maxRetryAttempts = 100

func (s *EventingSpec) validate() (errs *apis.FieldError) {
	if s == nil {
		return nil
	}
	if s.Enabled == nil || *s.Enabled {
		errs = errs.Also(warn("eventing is stored and has no effect yet: no Broker and no Trigger is made for the function", apis.CurrentField))
	}
	for field, value := range map[string]string{"brokerName": s.BrokerName, "subscriberServiceName": s.SubscriberServiceName} {
		if value == "" {
			continue
		}
		for _, msg := range validation.IsDNS1123Subdomain(value) {
			errs = errs.Also(apis.ErrInvalidValue(shorten(value), field, msg))
		}
	}
	if r := s.RabbitMQ; r != nil {
		errs = errs.Also(validateBounds(r.Parallelism, 1, math.MaxInt32, "parallelism").ViaField("rabbitmq")).
			Also(validateBounds(r.PrefetchCount, 1, math.MaxInt32, "prefetchCount").ViaField("rabbitmq"))
	}
	if d := s.DLQ; d != nil {
		errs = errs.Also(validateBounds(d.RetryMaxAttempts, 0, maxRetryAttempts, "retryMaxAttempts").ViaField("dlq")).
			Also(validateBounds(d.MessageTTL, 0, math.MaxInt64, "messageTTL").ViaField("dlq")).
			Also(validateBounds(d.MaxLength, 0, math.MaxInt64, "maxLength").ViaField("dlq"))
	}
	return errs
}

func validateTriggers(triggers []TriggerSpec) (errs *apis.FieldError) {
	if len(triggers) > 0 {
		errs = errs.Also(warn("triggers are stored and have no effect yet: no Trigger is made for the function", "triggers"))
	}
	for i := range triggers {
		if triggers[i].Broker == "" {
			errs = errs.Also(apis.ErrMissingField("broker").ViaFieldIndex("triggers", i))
		}
	}
	return errs
}

func (s *ObservabilitySpec) validate() (errs *apis.FieldError) {
	if s == nil {
		return nil
	}
	errs = errs.Also(warn("observability is stored and has no effect yet", apis.CurrentField))
	if t := s.Tracing; t != nil && t.SamplingRate != "" {
		if rate, err := strconv.ParseFloat(t.SamplingRate, 64); err != nil || math.IsNaN(rate) || rate < 0 || rate > 1 {
			errs = errs.Also(apis.ErrInvalidValue(shorten(t.SamplingRate), "samplingRate", "write a number from 0 to 1 in quotes").ViaField("tracing"))
		}
	}
	if m := s.Metrics; m != nil {
		errs = errs.Also(validateBounds(m.Port, 1, math.MaxUint16, "port").ViaField("metrics"))
	}
	return errs
}

func validateBounds[T int32 | int64](value *T, least, most int64, field string) *apis.FieldError {
	if value == nil || int64(*value) >= least && int64(*value) <= most {
		return nil
	}
	return apis.ErrOutOfBoundsValue(*value, least, most, field)
}
