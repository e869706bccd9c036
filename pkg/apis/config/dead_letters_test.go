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
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	configmaptesting "knative.dev/pkg/configmap/testing"
)

func TestShippedDeadLetters(t *testing.T) {
	actual, example := configmaptesting.ConfigMapsFromTestFile(t, DeadLettersConfigName)
	for name, cm := range map[string]*corev1.ConfigMap{"actual": actual, "example": example} {
		t.Run(name, func(t *testing.T) {
			got, err := NewDeadLettersFromConfigMap(cm)
			if err != nil {
				t.Fatal("NewDeadLettersFromConfigMap() =", err)
			}
			if diff := cmp.Diff(DefaultDeadLetters(), got); diff != "" {
				t.Error("NewDeadLettersFromConfigMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewDeadLettersFromMap(t *testing.T) {
	got, err := NewDeadLettersFromMap(map[string]string{
		"nats-url": "tls://a:4222, nats://b:4222", "nats-replicas": "3", "sync": "1s", "max-bytes": "1Ti", "namespace-max-bytes": "0",
		"max-namespaces": "7", "max-event-bytes": "48Mi", "ttl": "1s", "max-letters": "1", "overflow": "reject-publish",
		"dedupe-window": "1s", "redrive-rate": "0.5", "redrive-max-rate": "0.5", "redrive-timeout": "1s",
		"broker-ingresses": "a.b c.d", "audience": "letters", "auth-cache": "0s",
	})
	if err != nil {
		t.Fatal("NewDeadLettersFromMap() =", err)
	}
	want := &DeadLetters{
		NATSURL: "tls://a:4222, nats://b:4222", NATSReplicas: 3, SyncInterval: time.Second, MaxBytes: 1 << 40,
		MaxNamespaces: 7, MaxEventBytes: 48 << 20, TTL: time.Second, MaxLetters: 1, Overflow: OverflowRejectPublish,
		DedupeWindow: time.Second, RedriveRate: 0.5, RedriveMaxRate: 0.5, RedriveTimeout: time.Second,
		BrokerIngresses: []string{"a.b", "c.d"}, Audience: "letters",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("NewDeadLettersFromMap() (-want, +got):", diff)
	}
}

func TestNewDeadLettersFromMapRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		data map[string]string
		want string
	}{
		{"another scheme", map[string]string{"nats-url": "http://nats:4222"}, `failed to parse "nats-url": write URLs such as nats://nats.messaging:4222, or tls://`},
		{"no URL", map[string]string{"nats-url": "nats"}, `failed to parse "nats-url": write URLs such as nats://nats.messaging:4222, or tls://`},
		{"login", map[string]string{"nats-url": "nats://u:p@nats:4222"}, `failed to parse "nats-url": credentials belong into Secret lambda-deadletter-nats`},
		{"replicas of a volume", map[string]string{"nats-replicas": "3"}, `failed to parse "nats-replicas": more than 1 takes a nats-url`},
		{"no replica", map[string]string{"nats-replicas": "0"}, `failed to parse "nats-replicas": give 1 to 5`},
		{"too many replicas", map[string]string{"nats-url": "nats://n:1", "nats-replicas": "6"}, `failed to parse "nats-replicas": give 1 to 5`},
		{"sync that is none", map[string]string{"sync": "never"}, `failed to parse "sync": time: invalid duration "never"`},
		{"sync that is too often", map[string]string{"sync": "1ms"}, `failed to parse "sync": write always, or 10ms or more`},
		{"bytes that are none", map[string]string{"max-bytes": "much"}, `failed to parse "max-bytes": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`},
		{"negative bytes", map[string]string{"max-bytes": "-1"}, `failed to parse "max-bytes" or "namespace-max-bytes": give 0 or more`},
		{"negative bytes of a namespace", map[string]string{"namespace-max-bytes": "-1"}, `failed to parse "max-bytes" or "namespace-max-bytes": give 0 or more`},
		{"no namespace", map[string]string{"max-namespaces": "0"}, `failed to parse "max-namespaces": give 1 or more`},
		{"no event", map[string]string{"max-event-bytes": "0"}, `failed to parse "max-event-bytes": give 1 to 48Mi`},
		{"large events", map[string]string{"max-event-bytes": "49Mi"}, `failed to parse "max-event-bytes": give 1 to 48Mi`},
		{"short time", map[string]string{"ttl": "999ms"}, `failed to parse "ttl": give 1s or more`},
		{"no letter", map[string]string{"max-letters": "0"}, `failed to parse "max-letters": give 1 or more`},
		{"overflow", map[string]string{"overflow": "drop-tail"}, `failed to parse "overflow": write drop-head or reject-publish`},
		{"short window", map[string]string{"dedupe-window": "0s"}, `failed to parse "dedupe-window": give 1s or more`},
		{"no rate", map[string]string{"redrive-rate": "0"}, `failed to parse "redrive-rate": give more than 0, and not more than redrive-max-rate`},
		{"rate that is none", map[string]string{"redrive-rate": "NaN"}, `failed to parse "redrive-rate": give more than 0, and not more than redrive-max-rate`},
		{"rate over the most", map[string]string{"redrive-rate": "1001"}, `failed to parse "redrive-rate": give more than 0, and not more than redrive-max-rate`},
		{"no highest rate", map[string]string{"redrive-max-rate": "NaN"}, `failed to parse "redrive-max-rate": give more than 0`},
		{"short timeout", map[string]string{"redrive-timeout": "1ms"}, `failed to parse "redrive-timeout": give 1s or more`},
		{"ingress without a namespace", map[string]string{"broker-ingresses": "broker-ingress"}, `failed to parse "broker-ingresses": "broker-ingress" is not the name of a Service, a dot, and its namespace`},
		{"ingress with a suffix", map[string]string{"broker-ingresses": "a.b.svc"}, `failed to parse "broker-ingresses": "a.b.svc" is not the name of a Service, a dot, and its namespace`},
		{"long cache", map[string]string{"auth-cache": "61s"}, `failed to parse "auth-cache": give 0s to 1m`},
		{"negative cache", map[string]string{"auth-cache": "-1s"}, `failed to parse "auth-cache": give 0s to 1m`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := NewDeadLettersFromMap(tc.data)
			if err == nil {
				t.Fatalf("NewDeadLettersFromMap() = %+v, wanted an error", got)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error("NewDeadLettersFromMap() (-want, +got):", diff)
			}
		})
	}
}

func FuzzNewDeadLettersFromMap(f *testing.F) {
	for key, value := range map[string]string{
		"nats-url": "nats://a:1,tls://b:2", "sync": "always", "max-bytes": "1e3Gi", "redrive-rate": "1e-9", "broker-ingresses": "a.b,c.d", "ttl": "168h",
	} {
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		d, err := NewDeadLettersFromMap(map[string]string{key: value})
		if err != nil {
			if d != nil {
				t.Error("both settings and an error:", err)
			}
			return
		}
		if err := d.check(); err != nil {
			t.Error("settings that do not pass their own check:", err)
		}
		if d.SyncInterval < 0 {
			t.Error("synced every", d.SyncInterval)
		}
	})
}
