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
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"

	configmaptesting "knative.dev/pkg/configmap/testing"
)

func TestShippedReceiver(t *testing.T) {
	actual, example := configmaptesting.ConfigMapsFromTestFile(t, ReceiverConfigName)
	for name, cm := range map[string]*corev1.ConfigMap{"actual": actual, "example": example} {
		t.Run(name, func(t *testing.T) {
			got, err := NewReceiverFromConfigMap(cm)
			if err != nil {
				t.Fatal("NewReceiverFromConfigMap() =", err)
			}
			if diff := cmp.Diff(DefaultReceiver(), got, cmpopts.EquateEmpty()); diff != "" {
				t.Error("NewReceiverFromConfigMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewReceiverFromMap(t *testing.T) {
	got, err := NewReceiverFromMap(map[string]string{
		"default-namespace": "shop", "unauthenticated-namespaces": "shop, knative-lambda", "audience": "", "auth-cache": "0s",
		"max-event-bytes": "2Mi", "rate": "0", "burst": "0", "timeout": "1s", "memory": "1m",
	})
	if err != nil {
		t.Fatal("NewReceiverFromMap() =", err)
	}
	want := &Receiver{
		DefaultNamespace: "shop", OpenNamespaces: []string{"shop", "knative-lambda"}, MaxEventBytes: 2 << 20,
		Timeout: time.Second, Memory: time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("NewReceiverFromMap() (-want, +got):", diff)
	}
	if !got.Open("shop") || got.Open("other") {
		t.Error("the open namespaces are", got.OpenNamespaces)
	}
}

func TestNewReceiverFromMapRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		data map[string]string
		want string
	}{
		"namespace that is none":     {map[string]string{"default-namespace": "A"}, `failed to parse "default-namespace": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		"all namespaces":             {map[string]string{"unauthenticated-namespaces": "*"}, `failed to parse "unauthenticated-namespaces": "*" is not the name of a namespace: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		"long cache":                 {map[string]string{"auth-cache": "61s"}, `failed to parse "auth-cache": give 0s to 1m`},
		"negative cache":             {map[string]string{"auth-cache": "-1s"}, `failed to parse "auth-cache": give 0s to 1m`},
		"no event":                   {map[string]string{"max-event-bytes": "0"}, `failed to parse "max-event-bytes": give 1 to 2Mi`},
		"large events":               {map[string]string{"max-event-bytes": "3Mi"}, `failed to parse "max-event-bytes": give 1 to 2Mi`},
		"bytes that are none":        {map[string]string{"max-event-bytes": "much"}, `failed to parse "max-event-bytes": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`},
		"rate that is none":          {map[string]string{"rate": "NaN"}, `failed to parse "rate": give 0 or more`},
		"negative rate":              {map[string]string{"rate": "-1"}, `failed to parse "rate": give 0 or more`},
		"rate of which none passes":  {map[string]string{"burst": "0"}, `failed to parse "burst": give 1 or more`},
		"short timeout":              {map[string]string{"timeout": "999ms"}, `failed to parse "timeout": give 1s to 10m`},
		"long timeout":               {map[string]string{"timeout": "11m"}, `failed to parse "timeout": give 1s to 10m`},
		"memory that is forgetful":   {map[string]string{"memory": "1s"}, `failed to parse "memory": give 1m or more`},
		"duration that is no number": {map[string]string{"memory": "long"}, `failed to parse "memory": time: invalid duration "long"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewReceiverFromMap(tc.data)
			if err == nil {
				t.Fatalf("NewReceiverFromMap() = %+v, wanted an error", got)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Error("NewReceiverFromMap() (-want, +got):", diff)
			}
		})
	}
}

func FuzzNewReceiverFromMap(f *testing.F) {
	for key, value := range map[string]string{
		"default-namespace": "shop", "unauthenticated-namespaces": "a,b", "max-event-bytes": "1Mi", "rate": "1e-9", "memory": "1h",
	} {
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		r, err := NewReceiverFromMap(map[string]string{key: value})
		if err != nil {
			if r != nil {
				t.Error("both settings and an error:", err)
			}
			return
		}
		if err := r.check(); err != nil {
			t.Error("settings that do not pass their own check:", err)
		}
	})
}
