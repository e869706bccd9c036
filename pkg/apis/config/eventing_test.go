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

package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	configmaptesting "knative.dev/pkg/configmap/testing"
)

func TestShippedEventing(t *testing.T) {
	actual, example := configmaptesting.ConfigMapsFromTestFile(t, EventingConfigName)
	for name, cm := range map[string]*corev1.ConfigMap{"actual": actual, "example": example} {
		t.Run(name, func(t *testing.T) {
			got, err := NewEventingFromConfigMap(cm)
			if err != nil {
				t.Fatal("NewEventingFromConfigMap() =", err)
			}
			if diff := cmp.Diff(defaultEventing(), got); diff != "" {
				t.Error("NewEventingFromConfigMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewEventingFromMap(t *testing.T) {
	for _, tc := range []struct {
		name string
		data map[string]string
		want func(*Eventing)
	}{{
		name: "nothing",
		want: func(*Eventing) {},
	}, {
		name: "Broker",
		data: map[string]string{"broker-class": "Kafka", "broker-name": "events"},
		want: func(e *Eventing) { e.BrokerClass, e.BrokerName = "Kafka", "events" },
	}, {
		name: "delivery",
		data: map[string]string{"retry": "0", "backoff-policy": "linear", "backoff-delay": "PT0S", "timeout": "PT1M"},
		want: func(e *Eventing) { e.Retry, e.BackoffPolicy, e.BackoffDelay, e.Timeout = 0, "linear", "PT0S", "PT1M" },
	}, {
		name: "no dead letters",
		data: map[string]string{"dead-letter-sink": ""},
		want: func(e *Eventing) { e.DeadLetterSink = "" },
	}, {
		name: "dead letters elsewhere",
		data: map[string]string{"dead-letter-sink": "https://letters.example.com:8443/dead"},
		want: func(e *Eventing) { e.DeadLetterSink = "https://letters.example.com:8443/dead" },
	}, {
		name: "sink of events",
		data: map[string]string{"event-sink": "ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}"},
		want: func(e *Eventing) {
			e.EventSink = &duckv1.Destination{Ref: &duckv1.KReference{APIVersion: "eventing.knative.dev/v1", Kind: "Broker", Name: "default", Namespace: "knative-lambda"}}
		},
	}, {
		name: "address of a sink of events",
		data: map[string]string{"event-sink": "uri: https://events.example.com/in"},
		want: func(e *Eventing) {
			e.EventSink = &duckv1.Destination{URI: &apis.URL{Scheme: "https", Host: "events.example.com", Path: "/in"}}
		},
	}, {
		name: "logs of builds",
		data: map[string]string{"build-logs-url": "https://logs.example.com/${NAMESPACE}?pod=${TASKRUN}-pod"},
		want: func(e *Eventing) { e.BuildLogsURL = "https://logs.example.com/${NAMESPACE}?pod=${TASKRUN}-pod" },
	}, {
		name: "RabbitMQ",
		data: map[string]string{"rabbitmq-cluster": "rabbit", "rabbitmq-namespace": "queues", "rabbitmq-queue-type": "classic"},
		want: func(e *Eventing) {
			e.RabbitMQCluster, e.RabbitMQNamespace, e.RabbitMQQueueType = "rabbit", "queues", "classic"
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			want := defaultEventing()
			tc.want(want)
			got, err := NewEventingFromMap(tc.data)
			if err != nil {
				t.Fatal("NewEventingFromMap() =", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("NewEventingFromMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewEventingFromMapRefuses(t *testing.T) {
	const (
		period = "write an ISO 8601 duration, for example PT30S"
		logs   = "write an http or https URL with ${NAMESPACE} and ${TASKRUN} for what differs"
	)
	for _, tc := range []struct {
		key, value, want string
	}{
		{"broker-class", "", "write auto or the name of a class"},
		{"broker-name", "Broker", "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an " +
			"alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
		{"retry", "-1", "give 0 to 100"},
		{"retry", "101", "give 0 to 100"},
		{"retry", "many", `strconv.ParseInt: parsing "many": invalid syntax`},
		{"backoff-policy", "random", "choose one of: linear, exponential"},
		{"backoff-delay", "", period},
		{"backoff-delay", "1s", period},
		{"timeout", "PT0S", period},
		{"event-sink", "broker", "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type v1.Destination"},
		{"event-sink", "url: http://a", `error unmarshaling JSON: while decoding JSON: json: unknown field "url"`},
		{"event-sink", "uri: /in", "invalid value: Relative URI is not allowed when Ref and [apiVersion, kind, name] is absent: uri"},
		{"build-logs-url", "/logs", logs},
		{"build-logs-url", "ftp://logs.example.com/${TASKRUN}", logs},
		{"build-logs-url", "https://logs.example.com/${POD}", logs},
		{"dead-letter-sink", "letters", "write an http or https URL without a query"},
		{"dead-letter-sink", "https://a?b=c", "write an http or https URL without a query"},
		{"rabbitmq-queue-type", "stream", "choose one of: classic, quorum"},
	} {
		t.Run(tc.key+" "+tc.value, func(t *testing.T) {
			got, err := NewEventingFromMap(map[string]string{tc.key: tc.value})
			if err == nil {
				t.Fatalf("NewEventingFromMap() = %+v, wanted an error", got)
			}
			if diff := cmp.Diff(`failed to parse "`+tc.key+`": `+tc.want, err.Error()); diff != "" {
				t.Error("NewEventingFromMap() (-want, +got):", diff)
			}
		})
	}
}

func TestLogsOf(t *testing.T) {
	e := Eventing{BuildLogsURL: "https://logs.example.com/${NAMESPACE}?pod=${TASKRUN}-pod&again=${TASKRUN}"}
	if got, want := e.LogsOf("shop", "hello-1"), "https://logs.example.com/shop?pod=hello-1-pod&again=hello-1"; got != want {
		t.Errorf("LogsOf() = %s, want %s", got, want)
	}
	if got := defaultEventing().LogsOf("shop", "hello-1"); got != "" {
		t.Errorf("LogsOf() = %s, want none", got)
	}
}

func FuzzNewEventingFromMap(f *testing.F) {
	for key, value := range map[string]string{
		"broker-class": "auto", "broker-name": "b", "retry": "5", "backoff-policy": "linear", "backoff-delay": "PT1S", "timeout": "P1Y",
		"dead-letter-sink": "http://a.b.svc:80/c", "rabbitmq-queue-type": "quorum", "build-logs-url": "https://a/${TASKRUN}?b=${NAMESPACE}", "_example": "text",
	} {
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		e, err := NewEventingFromMap(map[string]string{key: value})
		if (e == nil) != (err != nil) {
			t.Errorf("NewEventingFromMap() = %+v, %v", e, err)
		}
		if e != nil && e.check() != nil {
			t.Error("an Eventing that does not pass its own check:", e.check())
		}
	})
}
