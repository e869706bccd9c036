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
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/configmap/parser"
)

// DeadLettersConfigName is the name of the ConfigMap that says how dead letters are kept.
const DeadLettersConfigName = "config-dead-letters"

// What happens to a letter of a function that has as many as it may.
const (
	// OverflowDropHead drops the oldest letter.
	OverflowDropHead = "drop-head"
	// OverflowRejectPublish refuses the new one.
	OverflowRejectPublish = "reject-publish"
)

// syncAlways is the value of key sync that stands for SyncInterval 0.
const syncAlways = "always"

// Limits of what JetStream can do.
const (
	maxEventBytes   = 48 << 20
	maxNATSReplicas = 5
	minLetterTTL    = time.Second
	minSyncInterval = 10 * time.Millisecond
)

// DeadLetters says how dead letters are kept. The keys of the ConfigMap are in the comments.
type DeadLetters struct {
	// NATSURL (nats-url) is where a NATS cluster with JetStream is; several addresses have commas between them. Empty by
	// default: then the letters are on the process's own volume.
	NATSURL string
	// NATSReplicas (nats-replicas) is how many servers of that cluster keep each letter. 1 by default.
	NATSReplicas int
	// SyncInterval (sync) is how long a letter that was accepted may be in the memory of the machine only. 0, written
	// "always", is the default: then a letter is on the disk when it is accepted. It says nothing of other clusters.
	SyncInterval time.Duration

	// MaxBytes (max-bytes) is how much of its own volume the store takes. 0 is the default: nine tenths of the volume.
	MaxBytes int64
	// NamespaceMaxBytes (namespace-max-bytes) is how much of it one namespace may take. 1Gi by default, 0 is no limit.
	NamespaceMaxBytes int64
	// MaxNamespaces (max-namespaces) is how many namespaces may have letters. 1000 by default.
	MaxNamespaces int
	// MaxEventBytes (max-event-bytes) is the largest event that is taken. 16Mi by default, as much as a function takes.
	MaxEventBytes int64

	// TTL (ttl) is how long a letter is kept whose sender does not say. 168h by default.
	TTL time.Duration
	// MaxLetters (max-letters) is how many letters are kept of a function whose sender does not say. 50000 by default.
	MaxLetters int64
	// Overflow (overflow) is what happens then, where the sender does not say. OverflowDropHead by default.
	Overflow string
	// DedupeWindow (dedupe-window) is how long a letter is remembered that is sent again. 2m by default.
	DedupeWindow time.Duration

	// RedriveRate (redrive-rate) is how many letters are sent again in a second, where nobody says. 50 by default.
	RedriveRate float64
	// RedriveMaxRate (redrive-max-rate) is the most that can be asked for. 1000 by default.
	RedriveMaxRate float64
	// RedriveTimeout (redrive-timeout) is how long a function may take for a letter. 10m by default.
	RedriveTimeout time.Duration
	// BrokerIngresses (broker-ingresses) are the Services, as name.namespace, that take the events of Brokers of all
	// namespaces. Those of Knative's own Brokers by default.
	BrokerIngresses []string

	// Audience (audience) is what the tokens of senders are for. Empty by default: then senders need no token.
	Audience string
	// AuthCache (auth-cache) is how long a verdict on a token or a right is kept. 10s by default.
	AuthCache time.Duration
}

// DefaultDeadLetters returns what holds where the ConfigMap says nothing.
func DefaultDeadLetters() *DeadLetters {
	return &DeadLetters{
		NATSReplicas: 1,

		NamespaceMaxBytes: 1 << 30,
		MaxNamespaces:     1000,
		MaxEventBytes:     16 << 20,

		TTL:          7 * 24 * time.Hour,
		MaxLetters:   50000,
		Overflow:     OverflowDropHead,
		DedupeWindow: 2 * time.Minute,

		RedriveRate:     50,
		RedriveMaxRate:  1000,
		RedriveTimeout:  10 * time.Minute,
		BrokerIngresses: []string{"broker-ingress.knative-eventing", "kafka-broker-ingress.knative-eventing"},

		AuthCache: 10 * time.Second,
	}
}

// NewDeadLettersFromConfigMap parses ConfigMap config-dead-letters.
func NewDeadLettersFromConfigMap(cm *corev1.ConfigMap) (*DeadLetters, error) {
	return NewDeadLettersFromMap(cm.Data)
}

// NewDeadLettersFromMap parses the data of ConfigMap config-dead-letters.
func NewDeadLettersFromMap(data map[string]string) (*DeadLetters, error) {
	d := DefaultDeadLetters()
	ingresses := strings.Join(d.BrokerIngresses, ",")
	if err := parser.Parse(data,
		parser.As("nats-url", &d.NATSURL),
		parser.As("nats-replicas", &d.NATSReplicas),
		asSync("sync", &d.SyncInterval),
		asBytes("max-bytes", &d.MaxBytes),
		asBytes("namespace-max-bytes", &d.NamespaceMaxBytes),
		parser.As("max-namespaces", &d.MaxNamespaces),
		asBytes("max-event-bytes", &d.MaxEventBytes),
		parser.As("ttl", &d.TTL),
		parser.As("max-letters", &d.MaxLetters),
		parser.As("overflow", &d.Overflow),
		parser.As("dedupe-window", &d.DedupeWindow),
		parser.As("redrive-rate", &d.RedriveRate),
		parser.As("redrive-max-rate", &d.RedriveMaxRate),
		parser.As("redrive-timeout", &d.RedriveTimeout),
		parser.As("broker-ingresses", &ingresses),
		parser.As("audience", &d.Audience),
		parser.As("auth-cache", &d.AuthCache),
	); err != nil {
		return nil, err
	}
	d.BrokerIngresses = splitList(ingresses)
	if err := d.check(); err != nil {
		return nil, err
	}
	return d, nil
}

// asSync parses a duration, or always.
func asSync(key string, target *time.Duration) parser.ParseFunc {
	return func(data map[string]string) error {
		if data[key] == syncAlways {
			return nil
		}
		if err := parser.As(key, target)(data); err != nil {
			return err
		}
		if _, ok := data[key]; ok && *target < minSyncInterval {
			return fmt.Errorf("failed to parse %q: write always, or 10ms or more", key)
		}
		return nil
	}
}

// asBytes parses a quantity such as 16Mi.
func asBytes(key string, target *int64) parser.ParseFunc {
	return func(data map[string]string) error {
		text, ok := data[key]
		if !ok {
			return nil
		}
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			return fmt.Errorf("failed to parse %q: %w", key, err)
		}
		*target = quantity.Value()
		return nil
	}
}

func (d *DeadLetters) check() error {
	if err := d.checkStore(); err != nil {
		return err
	}
	if d.TTL < minLetterTTL {
		return errors.New(`failed to parse "ttl": give 1s or more`)
	}
	if d.MaxLetters < 1 {
		return errors.New(`failed to parse "max-letters": give 1 or more`)
	}
	if d.Overflow != OverflowDropHead && d.Overflow != OverflowRejectPublish {
		return fmt.Errorf(`failed to parse "overflow": write %s or %s`, OverflowDropHead, OverflowRejectPublish)
	}
	if d.DedupeWindow < time.Second {
		return errors.New(`failed to parse "dedupe-window": give 1s or more`)
	}
	// NaN passes neither.
	if !(d.RedriveMaxRate > 0) {
		return errors.New(`failed to parse "redrive-max-rate": give more than 0`)
	}
	if !(d.RedriveRate > 0 && d.RedriveRate <= d.RedriveMaxRate) {
		return errors.New(`failed to parse "redrive-rate": give more than 0, and not more than redrive-max-rate`)
	}
	if d.RedriveTimeout < time.Second {
		return errors.New(`failed to parse "redrive-timeout": give 1s or more`)
	}
	for _, ingress := range d.BrokerIngresses {
		name, namespace, _ := strings.Cut(ingress, ".")
		if len(validation.IsDNS1035Label(name)) > 0 || len(validation.IsDNS1123Label(namespace)) > 0 {
			return fmt.Errorf(`failed to parse "broker-ingresses": %q is not the name of a Service, a dot, and its namespace`, ingress)
		}
	}
	if d.AuthCache < 0 || d.AuthCache > time.Minute {
		return errors.New(`failed to parse "auth-cache": give 0s to 1m`)
	}
	return nil
}

func (d *DeadLetters) checkStore() error {
	for _, server := range splitList(d.NATSURL) {
		u, err := url.Parse(server)
		if err != nil || u.Host == "" || (u.Scheme != "nats" && u.Scheme != "tls") {
			return errors.New(`failed to parse "nats-url": write URLs such as nats://nats.messaging:4222, or tls://`)
		}
		if u.User != nil {
			return errors.New(`failed to parse "nats-url": credentials belong into Secret lambda-deadletter-nats`)
		}
	}
	if d.NATSReplicas < 1 || d.NATSReplicas > maxNATSReplicas {
		return errors.New(`failed to parse "nats-replicas": give 1 to 5`)
	}
	if d.NATSURL == "" && d.NATSReplicas > 1 {
		return errors.New(`failed to parse "nats-replicas": more than 1 takes a nats-url`)
	}
	if d.MaxBytes < 0 || d.NamespaceMaxBytes < 0 {
		return errors.New(`failed to parse "max-bytes" or "namespace-max-bytes": give 0 or more`)
	}
	if d.MaxNamespaces < 1 {
		return errors.New(`failed to parse "max-namespaces": give 1 or more`)
	}
	if d.MaxEventBytes < 1 || d.MaxEventBytes > maxEventBytes {
		return errors.New(`failed to parse "max-event-bytes": give 1 to 48Mi`)
	}
	return nil
}
