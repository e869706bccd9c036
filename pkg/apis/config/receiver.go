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
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/configmap/parser"
)

// ReceiverConfigName is the name of the ConfigMap that says what orders the receiver takes, and of whom.
const ReceiverConfigName = "config-receiver"

// maxOrderBytes is what an object may have in the API server, with room for what is not the order's.
const maxOrderBytes = 2 << 20

// Receiver says what orders the receiver takes, and of whom. The keys of the ConfigMap are in the comments.
type Receiver struct {
	// DefaultNamespace (default-namespace) is where the functions are of orders that name no namespace. knative-lambda by
	// default.
	DefaultNamespace string
	// OpenNamespaces (unauthenticated-namespaces) are those that senders without a token may give orders for. None by
	// default.
	OpenNamespaces []string
	// Audience (audience) is whom tokens may be for, besides the API server. lambda-receiver by default; empty: nobody.
	Audience string
	// AuthCache (auth-cache) is how long a verdict on a token or a right is kept. 10s by default.
	AuthCache time.Duration

	// MaxEventBytes (max-event-bytes) is the largest event, or batch of them, that is taken. 1Mi by default.
	MaxEventBytes int64
	// Rate (rate) is how many orders a sender may give in a second. 200 by default, 0 is no limit.
	Rate float64
	// Burst (burst) is how many of them may come at once. 400 by default.
	Burst int
	// Timeout (timeout) is how long an order is tried while the API server does not answer. 20s by default.
	Timeout time.Duration
	// Memory (memory) is how long the events are remembered that have deleted a function. 24h by default.
	Memory time.Duration
}

// DefaultReceiver returns what holds where the ConfigMap says nothing.
func DefaultReceiver() *Receiver {
	return &Receiver{
		DefaultNamespace: "knative-lambda",
		Audience:         "lambda-receiver",
		AuthCache:        10 * time.Second,
		MaxEventBytes:    1 << 20,
		Rate:             200,
		Burst:            400,
		Timeout:          20 * time.Second,
		Memory:           24 * time.Hour,
	}
}

// NewReceiverFromConfigMap parses ConfigMap config-receiver.
func NewReceiverFromConfigMap(cm *corev1.ConfigMap) (*Receiver, error) {
	return NewReceiverFromMap(cm.Data)
}

// NewReceiverFromMap parses the data of ConfigMap config-receiver.
func NewReceiverFromMap(data map[string]string) (*Receiver, error) {
	r := DefaultReceiver()
	var open string
	if err := parser.Parse(data,
		parser.As("default-namespace", &r.DefaultNamespace),
		parser.As("unauthenticated-namespaces", &open),
		parser.As("audience", &r.Audience),
		parser.As("auth-cache", &r.AuthCache),
		asBytes("max-event-bytes", &r.MaxEventBytes),
		parser.As("rate", &r.Rate),
		parser.As("burst", &r.Burst),
		parser.As("timeout", &r.Timeout),
		parser.As("memory", &r.Memory),
	); err != nil {
		return nil, err
	}
	r.OpenNamespaces = splitList(open)
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// Open is true for a namespace that senders without a token may give orders for.
func (r *Receiver) Open(namespace string) bool {
	return slices.Contains(r.OpenNamespaces, namespace)
}

func (r *Receiver) check() error {
	if msgs := validation.IsDNS1123Label(r.DefaultNamespace); len(msgs) > 0 {
		return fmt.Errorf("failed to parse %q: %s", "default-namespace", msgs[0])
	}
	for _, namespace := range r.OpenNamespaces {
		if msgs := validation.IsDNS1123Label(namespace); len(msgs) > 0 {
			return fmt.Errorf("failed to parse %q: %q is not the name of a namespace: %s", "unauthenticated-namespaces", namespace, msgs[0])
		}
	}
	if r.AuthCache < 0 || r.AuthCache > time.Minute {
		return errors.New(`failed to parse "auth-cache": give 0s to 1m`)
	}
	if r.MaxEventBytes < 1 || r.MaxEventBytes > maxOrderBytes {
		return errors.New(`failed to parse "max-event-bytes": give 1 to 2Mi`)
	}
	// NaN passes neither.
	if !(r.Rate >= 0) {
		return errors.New(`failed to parse "rate": give 0 or more`)
	}
	if r.Rate > 0 && r.Burst < 1 {
		return errors.New(`failed to parse "burst": give 1 or more`)
	}
	if r.Timeout < time.Second || r.Timeout > 10*time.Minute {
		return errors.New(`failed to parse "timeout": give 1s to 10m`)
	}
	if r.Memory < time.Minute {
		return errors.New(`failed to parse "memory": give 1m or more`)
	}
	return nil
}
