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
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	configmaptesting "knative.dev/pkg/configmap/testing"
)

func TestShippedCost(t *testing.T) {
	actual, example := configmaptesting.ConfigMapsFromTestFile(t, CostConfigName)
	for name, cm := range map[string]*corev1.ConfigMap{"actual": actual, "example": example} {
		t.Run(name, func(t *testing.T) {
			got, err := NewCostFromConfigMap(cm)
			if err != nil {
				t.Fatal("NewCostFromConfigMap() =", err)
			}
			if diff := cmp.Diff(defaultCost(), got); diff != "" {
				t.Error("NewCostFromConfigMap() (-want, +got):", diff)
			}
		})
	}
}

func TestNewCostFromMap(t *testing.T) {
	got, err := NewCostFromMap(map[string]string{"currency": "EUR", "cpu-core-hour": "0.03", "memory-gib-hour": "4e-3", "million-requests": "1"})
	if err != nil {
		t.Fatal("NewCostFromMap() =", err)
	}
	if diff := cmp.Diff(&Cost{Currency: "EUR", CoreHour: 0.03, GiBHour: 0.004, MillionRequests: 1}, got); diff != "" {
		t.Error("NewCostFromMap() (-want, +got):", diff)
	}
}

func TestNewCostFromMapRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		data map[string]string
		want string
	}{
		"no number":    {map[string]string{"cpu-core-hour": "cheap"}, `failed to parse "cpu-core-hour"`},
		"negative":     {map[string]string{"memory-gib-hour": "-1"}, `failed to parse "memory-gib-hour": give a number that is 0 or more`},
		"not a number": {map[string]string{"million-requests": "NaN"}, `failed to parse "million-requests": give a number that is 0 or more`},
		"infinite":     {map[string]string{"million-requests": "Inf"}, `failed to parse "million-requests": give a number that is 0 or more`},
		"no currency":  {map[string]string{"currency": " "}, `failed to parse "currency": give a code such as USD`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewCostFromMap(tc.data); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("NewCostFromMap() = %v, want %q", err, tc.want)
			}
		})
	}
}
