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
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rickb777/date/period"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/configmap/parser"
	"knative.dev/pkg/system"
	"sigs.k8s.io/yaml"
)

// EventingConfigName is the name of the ConfigMap that says how functions and agents are wired to Knative Eventing.
const EventingConfigName = "config-eventing"

const (
	// BrokerClassAuto is RabbitMQBroker where that is installed, else the cluster's default.
	BrokerClassAuto = "auto"
	// BrokerClassRabbitMQ is Knative's Broker on RabbitMQ.
	BrokerClassRabbitMQ = "RabbitMQBroker"
)

// The policies of Eventing.BackoffPolicy.
const (
	backoffLinear      = "linear"
	backoffExponential = "exponential"
)

// The types of queues of Eventing.RabbitMQQueueType.
const (
	queueClassic = "classic"
	queueQuorum  = "quorum"
)

// Eventing says how functions and agents are wired to Knative Eventing. The keys of the ConfigMap are in the comments.
type Eventing struct {
	// BrokerClass (broker-class) is the class of Brokers that are made: BrokerClassAuto, which is the default, or the name
	// of a class, such as MTChannelBasedBroker.
	BrokerClass string
	// BrokerName (broker-name) is the name of the Broker that the functions of a namespace share. lambda-broker by default.
	BrokerName string

	// Retry (retry) is how often an event is delivered again before it is a dead letter. 5 by default.
	Retry int32
	// BackoffPolicy (backoff-policy) is linear or exponential, which is the default.
	BackoffPolicy string
	// BackoffDelay (backoff-delay) is the time before the first further delivery, an ISO 8601 duration. PT1S by default.
	BackoffDelay string
	// Timeout (timeout) of one delivery, an ISO 8601 duration. Empty by default: the function's own time-out ends it.
	Timeout string
	// DeadLetterSink (dead-letter-sink) is where events go that could not be delivered, an http or https URL that the path
	// /v1/namespaces/<namespace> is appended to. Empty: they are dropped.
	DeadLetterSink string

	// EventSink (event-sink) is where lifecycle events go: a Destination in YAML, that is a ref or a uri. Nobody by default.
	EventSink *duckv1.Destination
	// BuildLogsURL (build-logs-url) is where the logs of builds are, as lifecycle events say it: an http or https URL in which
	// ${NAMESPACE} and ${TASKRUN} stand for the build's. Empty by default: nobody keeps them.
	BuildLogsURL string

	// RabbitMQCluster (rabbitmq-cluster) is the name of the RabbitmqCluster of Brokers of class RabbitMQBroker. rabbitmq by
	// default.
	RabbitMQCluster string
	// RabbitMQNamespace (rabbitmq-namespace) is the namespace of the RabbitmqCluster. rabbitmq-system by default.
	RabbitMQNamespace string
	// RabbitMQQueueType (rabbitmq-queue-type) is classic or quorum, which is the default.
	RabbitMQQueueType string
}

func defaultEventing() *Eventing {
	return &Eventing{
		BrokerClass: BrokerClassAuto,
		BrokerName:  "lambda-broker",

		Retry:          5,
		BackoffPolicy:  backoffExponential,
		BackoffDelay:   "PT1S",
		DeadLetterSink: "http://lambda-deadletter.knative-lambda.svc.cluster.local/",

		RabbitMQCluster:   "rabbitmq",
		RabbitMQNamespace: "rabbitmq-system",
		RabbitMQQueueType: queueQuorum,
	}
}

// NewEventingFromConfigMap parses ConfigMap config-eventing.
func NewEventingFromConfigMap(cm *corev1.ConfigMap) (*Eventing, error) {
	return NewEventingFromMap(cm.Data)
}

// NewEventingFromMap parses the data of ConfigMap config-eventing.
func NewEventingFromMap(data map[string]string) (*Eventing, error) {
	e := defaultEventing()
	if err := parser.Parse(data,
		parser.As("broker-class", &e.BrokerClass),
		parser.As("broker-name", &e.BrokerName),
		parser.As("retry", &e.Retry),
		parser.As("backoff-policy", &e.BackoffPolicy),
		parser.As("backoff-delay", &e.BackoffDelay),
		parser.As("timeout", &e.Timeout),
		parser.As("dead-letter-sink", &e.DeadLetterSink),
		asDestination("event-sink", &e.EventSink),
		parser.As("build-logs-url", &e.BuildLogsURL),
		parser.As("rabbitmq-cluster", &e.RabbitMQCluster),
		parser.As("rabbitmq-namespace", &e.RabbitMQNamespace),
		parser.As("rabbitmq-queue-type", &e.RabbitMQQueueType),
	); err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return e, nil
}

// asDestination parses a Destination in YAML. Empty is none.
func asDestination(key string, target **duckv1.Destination) parser.ParseFunc {
	return func(data map[string]string) error {
		if strings.TrimSpace(data[key]) == "" {
			return nil
		}
		// Whoever checks the ConfigMap may be no program of the operator's.
		namespace := cmp.Or(os.Getenv(system.NamespaceEnvKey), "knative-lambda")
		var destination duckv1.Destination
		if err := yaml.UnmarshalStrict([]byte(data[key]), &destination); err != nil {
			return fmt.Errorf("failed to parse %q: %w", key, err)
		}
		destination.SetDefaults(apis.WithinParent(context.Background(), metav1.ObjectMeta{Namespace: namespace}))
		if err := destination.Validate(context.Background()); err != nil {
			return fmt.Errorf("failed to parse %q: %w", key, err)
		}
		*target = &destination
		return nil
	}
}

// MaxRetry is the largest number of further deliveries, be it a function's own or that of the ConfigMap.
const MaxRetry = 100

func (e *Eventing) check() error {
	for key, name := range map[string]string{
		"broker-name": e.BrokerName, "rabbitmq-cluster": e.RabbitMQCluster, "rabbitmq-namespace": e.RabbitMQNamespace,
	} {
		if msgs := validation.IsDNS1123Subdomain(name); len(msgs) > 0 {
			return fmt.Errorf("failed to parse %q: %s", key, msgs[0])
		}
	}
	if e.BrokerClass == "" {
		return errors.New(`failed to parse "broker-class": write auto or the name of a class`)
	}
	if e.Retry < 0 || e.Retry > MaxRetry {
		return fmt.Errorf("failed to parse %q: give 0 to %d", "retry", MaxRetry)
	}
	if e.BackoffPolicy != backoffLinear && e.BackoffPolicy != backoffExponential {
		return errors.New(`failed to parse "backoff-policy": choose one of: linear, exponential`)
	}
	if e.RabbitMQQueueType != queueClassic && e.RabbitMQQueueType != queueQuorum {
		return errors.New(`failed to parse "rabbitmq-queue-type": choose one of: classic, quorum`)
	}
	if err := checkPeriod("backoff-delay", e.BackoffDelay, 0); err != nil {
		return err
	}
	if e.Timeout != "" {
		if err := checkPeriod("timeout", e.Timeout, time.Nanosecond); err != nil {
			return err
		}
	}
	if err := checkLogs("build-logs-url", e.LogsOf("namespace", "taskrun")); err != nil {
		return err
	}
	return checkSink("dead-letter-sink", e.DeadLetterSink)
}

// LogsOf returns where the log of a build is, or "" where nobody keeps logs.
func (e *Eventing) LogsOf(namespace, taskRun string) string {
	return strings.NewReplacer("${NAMESPACE}", namespace, "${TASKRUN}", taskRun).Replace(e.BuildLogsURL)
}

func checkLogs(key, address string) error {
	if address == "" {
		return nil
	}
	if webURL(address) == nil || strings.Contains(address, "${") {
		return fmt.Errorf("failed to parse %q: write an http or https URL with ${NAMESPACE} and ${TASKRUN} for what differs", key)
	}
	return nil
}

func checkPeriod(key, text string, least time.Duration) error {
	if p, err := period.Parse(text); err != nil || p.DurationApprox() < least {
		return fmt.Errorf("failed to parse %q: write an ISO 8601 duration, for example PT30S", key)
	}
	return nil
}

func checkSink(key, value string) error {
	if value == "" {
		return nil
	}
	if u := webURL(value); u == nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("failed to parse %q: write an http or https URL without a query", key)
	}
	return nil
}
