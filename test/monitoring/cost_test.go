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

package monitoring

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// TestCost has a function reserve half a processor and a quarter of a GiB in the mean, where one instance has a whole one
// of each, and answer 100 requests a minute.
func TestCost(t *testing.T) {
	const of = `{function="f",namespace="a"}`
	var series, expectations []any
	for name, values := range map[string]string{
		lambda + "cpu_seconds_total" + of:                                      perMinute(30),
		lambda + "memory_byte_seconds_total" + of:                              perMinute(60 * (1 << 28)),
		called + `"success"}`:                                                  perMinute(100),
		lambda + "instance_cpu_cores" + of:                                     "1x120",
		lambda + "instance_memory_bytes" + of:                                  "1073741824x120",
		operator + `price{resource="cpu_core_hour",currency="EUR",pod="1"}`:    "0.04x120",
		operator + `price{resource="cpu_core_hour",currency="EUR",pod="2"}`:    "0.04x120",
		operator + `price{resource="memory_gib_hour",currency="EUR",pod="1"}`:  "0.004x120",
		operator + `price{resource="million_requests",currency="EUR",pod="1"}`: "0.4x120",
		// One that nobody has called yet.
		lambda + `cpu_seconds_total{function="g",namespace="a"}`:         perMinute(60),
		lambda + `memory_byte_seconds_total{function="g",namespace="a"}`: perMinute(0),
	} {
		series = append(series, map[string]string{"series": name, "values": values})
	}
	for expr, value := range map[string]float64{
		"knative_lambda:cost_reserved:per_hour" + of:  .5*.04 + .25*.004,
		"knative_lambda:cost_requests:per_hour" + of:  6000 * .4 / 1e6,
		"knative_lambda:cost:per_hour" + of:           .5*.04 + .25*.004 + 6000*.4/1e6,
		"knative_lambda:cost:per_invocation" + of:     (.5*.04+.25*.004)/6000 + .4/1e6,
		"knative_lambda:cost_always_on:per_hour" + of: .044,
		"knative_lambda:cost_saved:per_hour" + of:     .044 - (.5*.04 + .25*.004),
		`knative_lambda:cost:per_hour{function="g"}`:  .04,
	} {
		expectations = append(expectations, map[string]any{
			"expr": "sum by (currency) (" + expr + ")", "eval_time": "90m",
			"exp_samples": []any{map[string]any{"labels": `{currency="EUR"}`, "value": value}},
		})
	}
	expectations = append(expectations, map[string]any{
		"expr": `knative_lambda:cost:per_invocation{function="g"}`, "eval_time": "90m", "exp_samples": []any{},
	})
	file, _, groups := readRules(t)
	test, err := yaml.Marshal(map[string]any{
		"rule_files": []string{"rules.yaml"}, "evaluation_interval": "1m", "group_eval_order": groups, "fuzzy_compare": true,
		"tests": []any{map[string]any{"interval": "1m", "input_series": series, "promql_expr_test": expectations}},
	})
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, map[string][]byte{"rules.yaml": file, "test.yaml": test}, "test", "rules", "test.yaml")
}
