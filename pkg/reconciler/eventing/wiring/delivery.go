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

package wiring

import (
	"cmp"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// The parameters of the dead letter sink's URL, by which it knows whose letters they are and how long they are kept.
const (
	deadLetterPath     = "/v1/namespaces/"
	functionParameter  = "function"
	ttlParameter       = "ttl"
	lengthParameter    = "max"
	overflowParameter  = "overflow"
	retriesParameter   = "retries"
	replyParameter     = "reply"
	clusterServicePart = "svc"
)

// MakeDelivery says how events are delivered to the named object of the namespace. Both specs may be nil.
func MakeDelivery(cfg *config.Eventing, namespace, name string, delivery *v1alpha1.DeliverySpec, dlq *v1alpha1.DLQSpec) *eventingduckv1.DeliverySpec {
	if delivery == nil {
		delivery = &v1alpha1.DeliverySpec{}
	}
	if dlq == nil {
		dlq = &v1alpha1.DLQSpec{}
	}
	retry := *cmp.Or(delivery.Retry, dlq.RetryMaxAttempts, &cfg.Retry)
	policy := eventingduckv1.BackoffPolicyType(cmp.Or(string(delivery.BackoffPolicy), cfg.BackoffPolicy))
	return &eventingduckv1.DeliverySpec{
		DeadLetterSink: makeDeadLetterSink(cfg, namespace, name, retry, dlq),
		Retry:          &retry,
		BackoffPolicy:  &policy,
		BackoffDelay:   optional(cmp.Or(delivery.BackoffDelay, dlq.RetryBackoffDelay, cfg.BackoffDelay)),
		Timeout:        optional(cmp.Or(delivery.Timeout, cfg.Timeout)),
		RetryAfterMax:  optional(delivery.RetryAfterMax),
	}
}

func makeDeadLetterSink(cfg *config.Eventing, namespace, name string, retry int32, dlq *v1alpha1.DLQSpec) *duckv1.Destination {
	if cfg.DeadLetterSink == "" || (dlq.Enabled != nil && !*dlq.Enabled) {
		return nil
	}
	sink, err := apis.ParseURL(cfg.DeadLetterSink)
	if err != nil {
		// The ConfigMap was checked when it was read.
		return nil
	}
	address := apis.URL{Path: path.Join("/", sink.Path, deadLetterPath, namespace), RawQuery: letterQuery(name, retry, dlq).Encode()}
	// Of a Service of the cluster Knative Eventing says where it is, and that it is not there.
	if ref := serviceRef(sink); ref != nil {
		return &duckv1.Destination{Ref: ref, URI: &address}
	}
	address.Scheme, address.User, address.Host = sink.Scheme, sink.User, sink.Host
	return &duckv1.Destination{URI: &address}
}

// letterQuery says whose dead letters they are, how often the event was delivered again, how long letters are kept, and how
// many. The sink has limits of its own for what is not said.
func letterQuery(name string, retry int32, dlq *v1alpha1.DLQSpec) url.Values {
	query := url.Values{functionParameter: {name}, retriesParameter: {strconv.Itoa(int(retry))}}
	if dlq.MessageTTL != nil {
		query.Set(ttlParameter, strconv.FormatInt(*dlq.MessageTTL, 10))
	} else if c := dlq.Cleanup; c != nil && (c.Enabled == nil || *c.Enabled) {
		if age, err := time.ParseDuration(c.Retention); err == nil {
			query.Set(ttlParameter, strconv.FormatInt(age.Milliseconds(), 10))
		}
	}
	if dlq.MaxLength != nil {
		query.Set(lengthParameter, strconv.FormatInt(*dlq.MaxLength, 10))
	}
	if dlq.OverflowPolicy != "" {
		query.Set(overflowParameter, dlq.OverflowPolicy)
	}
	return query
}

// withReply tells the dead letter sink, where there is one, of the Broker that gets the subscriber's replies: an event that is
// sent again is answered like any other.
func withReply(d *eventingduckv1.DeliverySpec, broker string) *eventingduckv1.DeliverySpec {
	if d == nil || d.DeadLetterSink == nil || broker == "" {
		return d
	}
	query := d.DeadLetterSink.URI.URL().Query()
	query.Set(replyParameter, broker)
	d.DeadLetterSink.URI.RawQuery = query.Encode()
	return d
}

// serviceRef returns the Service that a URL in plain http is the address of, or nil.
func serviceRef(u *apis.URL) *duckv1.KReference {
	parts := strings.Split(u.Host, ".")
	if u.Scheme != "http" || u.User != nil || len(parts) < 3 || parts[2] != clusterServicePart || strings.Contains(u.Host, ":") {
		return nil
	}
	return &duckv1.KReference{APIVersion: "v1", Kind: "Service", Name: parts[0], Namespace: parts[1]}
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
