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
	"fmt"
	"maps"
	"slices"
	"strings"
)

// alertCase is what Prometheus has scraped once a minute, and when an alert fires.
type alertCase struct {
	alert, name string
	// series are the samples by series, in promtool's notation.
	series map[string]string
	// fires and silent are times, in minutes.
	fires, silent []int
}

// file is one for promtool test rules, of rules in groups that are evaluated in this order.
func (c *alertCase) file(groups []string) map[string]any {
	var series, expectations []any
	for _, name := range slices.Sorted(maps.Keys(c.series)) {
		series = append(series, map[string]string{"series": name, "values": c.series[name]})
	}
	expect := func(minute int, samples ...any) {
		expectations = append(expectations, map[string]any{
			"expr":        fmt.Sprintf(`count(ALERTS{alertname=%q,alertstate="firing"}) > 0`, c.alert),
			"eval_time":   fmt.Sprintf("%dm", minute),
			"exp_samples": samples,
		})
	}
	for _, minute := range c.fires {
		expect(minute, map[string]any{"labels": "{}", "value": 1})
	}
	for _, minute := range c.silent {
		expect(minute)
	}
	return map[string]any{
		"rule_files": []string{"rules.yaml"}, "evaluation_interval": "1m", "group_eval_order": groups,
		"tests": []any{map[string]any{"interval": "1m", "input_series": series, "promql_expr_test": expectations}},
	}
}

const (
	operator  = "knative_lambda_operator_"
	lambda    = "knative_lambda_function_"
	deploy    = `{namespace="knative-lambda",deployment="knative-lambda-operator"}`
	canary    = `flagger_canary_status{name="operator",namespace="knative-lambda"}`
	reconcile = operator + `reconcile_duration_seconds_bucket{phase="Ready",le=`
	built     = operator + `build_duration_seconds_bucket{runtime="go",result="success",le=`
	called    = lambda + `invocations_total{function="f",namespace="a",status=`
	lasted    = lambda + `duration_seconds_bucket{function="f",namespace="a",le=`
	started   = lambda + `cold_starts_total{function="f",namespace="a"}`
)

// perMinute is a counter that grows each minute, for two hours.
func perMinute(n float64) string { return fmt.Sprintf("0+%gx120", n) }

func calledBy(pod, status string) string { return called + `"` + status + `",pod="` + pod + `"}` }
func startedBy(pod string) string        { return strings.Replace(started, "}", `,pod="`+pod+`"}`, 1) }

// onceEach has a new instance come each minute, which is called once, and go soon.
func onceEach(minutes int, series func(pod string) map[string]string) map[string]string {
	all := map[string]string{}
	for minute := range minutes {
		for name, values := range series(fmt.Sprint("p", minute)) {
			all[name] = fmt.Sprintf("_x%d %s stale", minute, values)
		}
	}
	return all
}

// still is a counter of something that does not happen.
const still = "7x120"

var cases = []alertCase{
	{"KnativeLambdaCanaryFailed", "fails", map[string]string{canary: "0 0 2x10"}, []int{3}, []int{2}},
	{"KnativeLambdaCanaryFailed", "succeeds", map[string]string{canary: "0 0 1x10"}, nil, []int{3, 10}},
	{"KnativeLambdaCanaryStuck", "lasts", map[string]string{canary: "0x40"}, []int{30}, []int{29}},
	{"KnativeLambdaCanaryStuck", "succeeds late", map[string]string{canary: "0x28 1x20"}, nil, []int{29, 30, 45}},
	{"KnativeLambdaOperatorNotReady", "one of two", map[string]string{
		"kube_deployment_status_replicas_ready" + deploy: "2 2 1x10", "kube_deployment_spec_replicas" + deploy: "2x12",
	}, []int{7}, []int{6}},
	{"KnativeLambdaOperatorNotReady", "all", map[string]string{
		"kube_deployment_status_replicas_ready" + deploy: "2x20", "kube_deployment_spec_replicas" + deploy: "2x20",
	}, nil, []int{5, 20}},
	{"KnativeLambdaOperatorDown", "none", map[string]string{"kube_deployment_status_replicas_available" + deploy: "1 1 0x5"}, []int{4}, []int{3}},
	{"KnativeLambdaOperatorDown", "one", map[string]string{"kube_deployment_status_replicas_available" + deploy: "1x20"}, nil, []int{2, 20}},
	{"KnativeLambdaHighErrorRate", "above", map[string]string{
		operator + `reconcile_total{phase="Ready",result="success"}`: perMinute(979), operator + `reconcile_total{phase="Ready",result="error"}`: perMinute(11),
	}, []int{6}, []int{5}},
	{"KnativeLambdaHighErrorRate", "below", map[string]string{
		operator + `reconcile_total{phase="Ready",result="success"}`: perMinute(991), operator + `reconcile_total{phase="Ready",result="error"}`: perMinute(9),
	}, nil, []int{6, 60}},
	{"KnativeLambdaHighErrorRate", "no traffic", map[string]string{
		operator + `reconcile_total{phase="Ready",result="success"}`: still, operator + `reconcile_total{phase="Ready",result="error"}`: still,
	}, nil, []int{6, 60}},
	{"KnativeLambdaHighLatency", "above", map[string]string{
		reconcile + `"0.5"}`: perMinute(989), reconcile + `"1.0"}`: perMinute(1000), reconcile + `"+Inf"}`: perMinute(1000),
	}, []int{6}, []int{5}},
	{"KnativeLambdaHighLatency", "below", map[string]string{
		reconcile + `"0.5"}`: perMinute(991), reconcile + `"1.0"}`: perMinute(1000), reconcile + `"+Inf"}`: perMinute(1000),
	}, nil, []int{6, 60}},
	{"KnativeLambdaHighLatency", "no traffic", map[string]string{
		reconcile + `"0.5"}`: still, reconcile + `"1.0"}`: still, reconcile + `"+Inf"}`: still,
	}, nil, []int{6, 60}},
	{"KnativeLambdaWorkqueueDepthHigh", "above", map[string]string{
		operator + `workqueue_depth{pod="a"}`: "5x20", operator + `workqueue_depth{pod="b"}`: "6x20",
	}, []int{5}, []int{4}},
	{"KnativeLambdaWorkqueueDepthHigh", "at the threshold", map[string]string{
		operator + `workqueue_depth{pod="a"}`: "5x20", operator + `workqueue_depth{pod="b"}`: "5x20",
	}, nil, []int{5, 20}},
	{"KnativeLambdaBuildFailed", "four", map[string]string{
		operator + `build_events_total{status="failed"}`: "0x10 1 2 3x20", operator + `build_events_total{status="timeout"}`: "0x12 1x20",
	}, []int{13, 15}, []int{10, 12, 32}},
	{"KnativeLambdaBuildFailed", "three, and others that end well", map[string]string{
		operator + `build_events_total{status="failed"}`: "0x10 1 2 3x20", operator + `build_events_total{status="complete"}`: perMinute(5),
	}, nil, []int{13, 15, 30}},
	{"KnativeLambdaBuildDurationHigh", "above", map[string]string{
		built + `"120.0"}`: perMinute(949), built + `"300.0"}`: perMinute(1000), built + `"+Inf"}`: perMinute(1000),
	}, []int{6}, []int{5}},
	{"KnativeLambdaBuildDurationHigh", "below", map[string]string{
		built + `"120.0"}`: perMinute(951), built + `"300.0"}`: perMinute(1000), built + `"+Inf"}`: perMinute(1000),
	}, nil, []int{6, 60}},
	{"KnativeLambdaBuildDurationHigh", "no traffic", map[string]string{
		built + `"120.0"}`: still, built + `"300.0"}`: still, built + `"+Inf"}`: still,
	}, nil, []int{6, 60}},
	{"KnativeLambdaFunctionHighErrorRate", "above", map[string]string{
		called + `"success"}`: perMinute(949), called + `"error"}`: perMinute(51),
	}, []int{6}, []int{5}},
	{"KnativeLambdaFunctionHighErrorRate", "below", map[string]string{
		called + `"success"}`: perMinute(951), called + `"error"}`: perMinute(49),
	}, nil, []int{6, 60}},
	{"KnativeLambdaFunctionHighErrorRate", "no traffic", map[string]string{called + `"success"}`: still, called + `"error"}`: still}, nil, []int{6, 60}},
	{"KnativeLambdaFunctionHighLatency", "above", map[string]string{
		lasted + `"5.0"}`: perMinute(949), lasted + `"10.0"}`: perMinute(1000), lasted + `"+Inf"}`: perMinute(1000),
	}, []int{6}, []int{5}},
	{"KnativeLambdaFunctionHighLatency", "below", map[string]string{
		lasted + `"5.0"}`: perMinute(951), lasted + `"10.0"}`: perMinute(1000), lasted + `"+Inf"}`: perMinute(1000),
	}, nil, []int{6, 60}},
	{"KnativeLambdaHighColdStartRate", "above", map[string]string{called + `"success"}`: perMinute(100), started: perMinute(21)}, []int{11}, []int{10}},
	{"KnativeLambdaHighColdStartRate", "below", map[string]string{called + `"success"}`: perMinute(100), started: perMinute(19)}, nil, []int{11, 60}},
	{"KnativeLambdaHighColdStartRate", "no traffic", map[string]string{called + `"success"}`: still, started: still}, nil, []int{11, 60}},
	{"KnativeLambdaHighColdStartRate", "an instance for each call", onceEach(60, func(pod string) map[string]string {
		return map[string]string{calledBy(pod, "success"): "1x2", startedBy(pod): "1x2"}
	}), []int{10, 59}, []int{9}},
	{"KnativeLambdaFunctionHighErrorRate", "an instance for each call", onceEach(60, func(pod string) map[string]string {
		return map[string]string{calledBy(pod, "success"): "0x2", calledBy(pod, "error"): "1x2"}
	}), []int{5, 59}, []int{4}},
	// 0.6 % are bad, where 0.1 % may be: six times the pace that spends the budget in thirty days.
	{"KnativeLambdaBudgetBurnsFast", "above", map[string]string{called + `"success"}`: perMinute(993), called + `"error"}`: perMinute(7)}, []int{3}, []int{2}},
	{"KnativeLambdaBudgetBurnsFast", "below", map[string]string{called + `"success"}`: perMinute(995), called + `"error"}`: perMinute(5)}, nil, []int{3, 60, 120}},
	{"KnativeLambdaBudgetBurnsFast", "over", map[string]string{
		called + `"success"}`: perMinute(900), called + `"error"}`: "0+100x5 500x115",
	}, []int{5}, []int{60, 120}},
	{"KnativeLambdaBudgetBurnsSlowly", "above", map[string]string{called + `"success"}`: perMinute(998), called + `"error"}`: perMinute(2)}, []int{16}, []int{15}},
	{"KnativeLambdaBudgetBurnsSlowly", "below", map[string]string{called + `"success"}`: perMinute(9991), called + `"error"}`: perMinute(9)}, nil, []int{16, 120}},
	{"KnativeLambdaBudgetBurnsSlowly", "no traffic", map[string]string{called + `"success"}`: perMinute(0), called + `"error"}`: perMinute(0)}, nil, []int{16, 120}},
}
