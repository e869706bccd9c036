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
	"math"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/configmap/parser"
)

// CostConfigName is the name of the ConfigMap that says what functions cost.
const CostConfigName = "config-cost"

// Cost says what functions cost. The keys of the ConfigMap are in the comments. A price of 0, as all are by default, is not
// counted.
type Cost struct {
	// Currency (currency) is what prices are in, a label of metrics. USD by default.
	Currency string
	// CoreHour (cpu-core-hour) is the price of one processor that is reserved for an hour.
	CoreHour float64
	// GiBHour (memory-gib-hour) is the price of 1024 MiB of memory that are reserved for an hour.
	GiBHour float64
	// MillionRequests (million-requests) is the price of a million requests.
	MillionRequests float64
}

func defaultCost() *Cost { return &Cost{Currency: "USD"} }

// NewCostFromConfigMap parses ConfigMap config-cost.
func NewCostFromConfigMap(cm *corev1.ConfigMap) (*Cost, error) {
	return NewCostFromMap(cm.Data)
}

// NewCostFromMap parses the data of ConfigMap config-cost.
func NewCostFromMap(data map[string]string) (*Cost, error) {
	c := defaultCost()
	if err := parser.Parse(data,
		parser.As("currency", &c.Currency),
		parser.As("cpu-core-hour", &c.CoreHour),
		parser.As("memory-gib-hour", &c.GiBHour),
		parser.As("million-requests", &c.MillionRequests),
	); err != nil {
		return nil, err
	}
	if c.Currency == "" {
		return nil, errors.New(`failed to parse "currency": give a code such as USD`)
	}
	for _, price := range []struct {
		key   string
		value float64
	}{{"cpu-core-hour", c.CoreHour}, {"memory-gib-hour", c.GiBHour}, {"million-requests", c.MillionRequests}} {
		if !(price.value >= 0) || math.IsInf(price.value, 0) {
			return nil, fmt.Errorf("failed to parse %q: give a number that is 0 or more", price.key)
		}
	}
	return c, nil
}
