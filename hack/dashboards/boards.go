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

package main

import "fmt"

const (
	operator = "knative_lambda_operator_"
	function = "knative_lambda_function_"
)

// inNamespaces and ofFunctions are the choices of most dashboards.
var (
	inNamespaces = variable{"namespace", "Namespace", function + "invocations_total"}
	ofFunctions  = variable{"function", "Function", function + "invocations_total{namespace=~\"$namespace\"}"}
)

// chosen selects the samples of the namespaces and functions that are chosen.
const chosen = `namespace=~"$namespace", function=~"$function"`

// total is how many there were a second, of a counter, by labels.
func total(metric, selector, by string) string {
	if by != "" {
		by = " by (" + by + ")"
	}
	return fmt.Sprintf("sum(rate(%s{%s}[$__rate_interval]))%s", metric, selector, by)
}

// quantile is of a histogram, by labels.
func quantile(q float64, metric, selector, by string) string {
	if by != "" {
		by = ", " + by
	}
	return fmt.Sprintf("histogram_quantile(%.2f, sum(rate(%s_bucket{%s}[$__rate_interval])) by (le%s))", q, metric, selector, by)
}

// quantiles are the three that people ask for, with exemplars at the last of them.
func quantiles(metric, selector string) []query {
	return []query{
		{legend: "P50", expr: quantile(.50, metric, selector, "")},
		{legend: "P95", expr: quantile(.95, metric, selector, "")},
		{legend: "P99", expr: quantile(.99, metric, selector, ""), exemplars: true},
	}
}

// The targets are those of the objectives in 200-rules.yaml, and of the alerts there.
const (
	slowReconcile  = .5
	slowBuild      = 120
	slowFunction   = 5
	deepQueue      = 10
	manyColdStarts = .2
	manyErrors     = .05
)

// buildSteps selects the containers of builds, as Tekton names them.
const buildSteps = `container=~"step-(fetch|build)"`

var boards = []board{qps, tps, concurrency, responseTime, oneFunction, builds, objectives, cost, deadLetters}

var qps = board{"qps", "QPS", []variable{inNamespaces, ofFunctions}, []panel{
	{title: "Requests to functions", help: "How many requests a second each function answers.", unit: "reqps", queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: total(function+"invocations_total", chosen, "function, namespace")},
	}},
	{title: "Requests to functions, by outcome", help: "An error is what the function answered by 500 or more, and what it could not answer.", unit: "reqps", queries: []query{
		{legend: "{{status}}", expr: total(function+"invocations_total", chosen, "status")},
	}},
	{title: "Reconciles, by phase", help: "How often the operator looks at functions, by the phase that they are in.", unit: "ops", queries: []query{
		{legend: "{{phase}}", expr: total(operator+"reconcile_total", "", "phase")},
	}},
	{title: "Reconciles, by result", help: "requeue and conflict are looked at again, which is no error.", unit: "ops", queries: []query{
		{legend: "{{result}}", expr: total(operator+"reconcile_total", "", "result")},
	}},
	{title: "Requests to the API server", help: "What the operator asks the API server for.", unit: "reqps", queries: []query{
		{legend: "{{verb}} {{resource}}", expr: "topk(10, " + total(operator+"apiserver_requests_total", "", "verb, resource") + ")"},
	}},
	{title: "Errors of the operator", help: "By the component that met them, and their type.", unit: "ops", queries: []query{
		{legend: "{{component}}: {{error_type}}", expr: total(operator+"errors_total", "", "component, error_type")},
	}},
}}

var tps = board{"tps", "TPS", []variable{inNamespaces, ofFunctions}, []panel{
	{title: "Requests that functions answered", help: "Without error.", unit: "reqps", queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: total(function+"invocations_total", chosen+`, status="success"`, "function, namespace")},
	}},
	{title: "Share of requests that failed", help: "KnativeLambdaFunctionHighErrorRate fires above the line.", unit: "percentunit", most: manyErrors, queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: total(function+"invocations_total", chosen+`, status="error"`, "function, namespace") + " / " +
			total(function+"invocations_total", chosen, "function, namespace")},
	}},
	{title: "Builds, by what became of them", help: "created and started come before each of the others.", unit: "ops", queries: []query{
		{legend: "{{status}}", expr: total(operator+"build_events_total", "", "status")},
	}},
	{title: "Knative Services, by what became of them", help: "A function is served by one.", unit: "ops", queries: []query{
		{legend: "{{status}}", expr: total(operator+"service_events_total", "", "status")},
	}},
	{title: "Sources that were read", help: "failed are those of which no build can be made.", unit: "ops", queries: []query{
		{legend: "{{status}}", expr: total(operator+"parser_events_total", "", "status")},
	}},
}}

// concurrent is what QPS = concurrency / response time gives, to be held against what is counted.
var concurrent = total(function+"duration_seconds_sum", chosen, "")

var runningBuilds = panel{title: "Builds that run", help: "By namespace.", unit: "short", queries: []query{
	{legend: "{{namespace}}", expr: "sum(" + operator + "build_jobs_active) by (namespace)"},
}}

var concurrency = board{"concurrency", "Concurrency", []variable{inNamespaces, ofFunctions}, []panel{
	{title: "Requests that are being answered", help: "By function, of all of its instances.", unit: "short", queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: "sum(" + function + "concurrent_executions{" + chosen + "}) by (function, namespace)"},
	}},
	{title: "QPS = concurrency / response time", help: "Both lines are the same where the load is steady: what is counted, and what concurrency and mean response time make.", unit: "reqps", queries: []query{
		{legend: "QPS, counted", expr: total(function+"duration_seconds_count", chosen, "")},
		{legend: "concurrency / response time", expr: "(" + concurrent + ") / (" + concurrent + " / " + total(function+"duration_seconds_count", chosen, "") + ")"},
	}},
	runningBuilds,
	{title: "How long builds wait for their turn", help: "The limits are in config-build.", unit: "s", queries: []query{
		{legend: "P95", expr: quantile(.95, operator+"build_queue_wait_seconds", "", "")},
	}},
	{title: "Depth of the work queue", help: "KnativeLambdaWorkqueueDepthHigh fires above the line.", unit: "short", most: deepQueue, queries: []query{
		{legend: "{{pod}}", expr: "sum(" + operator + "workqueue_depth) by (pod)"},
	}},
	{title: "Functions, by phase", help: "In all namespaces.", unit: "short", queries: []query{
		{legend: "{{phase}}", expr: "sum(" + operator + "lambdafunctions_total) by (phase)"},
	}},
	{title: "Instances", help: "How many the autoscaler wants, and how many there are.", unit: "short", queries: []query{
		{legend: "{{state}}", expr: "sum(" + function + "replicas{" + chosen + "}) by (state)"},
	}},
	{title: "Objects of Knative Eventing", help: "Those that are made for functions.", unit: "short", queries: []query{
		{legend: "{{resource_type}}", expr: "sum(" + operator + "eventing_resources_total) by (resource_type)"},
	}},
}}

var responseTime = board{"response-time", "Response time", []variable{inNamespaces, ofFunctions}, []panel{
	{
		title: "Functions", help: "From the arrival of a request to the end of its answer. The objective is below the line.", unit: "s", most: slowFunction,
		queries: quantiles(function+"duration_seconds", chosen),
	},
	{title: "Functions, P95 of each", help: "KnativeLambdaFunctionHighLatency fires above the line.", unit: "s", most: slowFunction, queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: quantile(.95, function+"duration_seconds", chosen, "function, namespace")},
	}},
	{
		title: "Reconciles", help: "KnativeLambdaHighLatency fires where P99 is above the line.", unit: "s", most: slowReconcile,
		queries: quantiles(operator+"reconcile_duration_seconds", ""),
	},
	{title: "Builds, P95 of each runtime", help: "From their turn to their end. KnativeLambdaBuildDurationHigh fires above the line.", unit: "s", most: slowBuild, queries: []query{
		{legend: "{{runtime}}", expr: quantile(.95, operator+"build_duration_seconds", "", "runtime"), exemplars: true},
	}},
	{title: "Work queue", help: "How long functions wait until the operator looks at them.", unit: "s", queries: quantiles(operator+"workqueue_latency_seconds", "")},
	{title: "Operator, as Linkerd sees it", help: "Empty without Linkerd.", unit: "ms", queries: []query{
		{legend: "P99", expr: `histogram_quantile(0.99, sum(rate(response_latency_ms_bucket{namespace="knative-lambda", deployment=~"knative-lambda-operator.*"}[$__rate_interval])) by (le))`},
	}},
}}

var oneFunction = board{"function", "One function", []variable{inNamespaces, ofFunctions}, []panel{
	{title: "Requests, by outcome", unit: "reqps", queries: []query{
		{legend: "{{status}}", expr: total(function+"invocations_total", chosen, "status")},
	}},
	{
		title: "Response time", help: "Points are single requests: they lead to their traces.", unit: "s", most: slowFunction,
		queries: quantiles(function+"duration_seconds", chosen),
	},
	{title: "Errors, by type", help: "The types are in docs/observability.md.", unit: "reqps", queries: []query{
		{legend: "{{error_type}}", expr: total(function+"errors_total", chosen, "error_type")},
	}},
	{title: "Requests that are being answered", unit: "short", queries: []query{
		{legend: "{{pod}}", expr: "sum(" + function + "concurrent_executions{" + chosen + "}) by (pod)"},
	}},
	{title: "Share of requests that had to wait for a cold start", help: "KnativeLambdaHighColdStartRate fires above the line.", unit: "percentunit", most: manyColdStarts, queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: "knative_lambda:cold_starts:in10m{" + chosen + "} / knative_lambda:invocations:in10m{" + chosen + "}"},
	}},
	{title: "Cold starts, mean of each phase", help: "schedule: until there is a node; pull: images; create: until the container runs; boot: until the language does; init: until the handler is loaded; first: the first request.", unit: "s", queries: []query{
		{legend: "{{phase}}", expr: "sum(" + function + "cold_start_duration_seconds_sum{" + chosen + "}) by (phase) / sum(" + function + "cold_start_duration_seconds_count{" + chosen + "}) by (phase)"},
	}},
	{title: "Instances", help: "How many the autoscaler wants, how many there are, and how many requests each gets at once at most, 0 without a limit.", unit: "short", queries: []query{
		{legend: "{{state}}", expr: "sum(" + function + "replicas{" + chosen + "}) by (state)"},
		{legend: "limit of each", expr: "max(" + function + "concurrency_limit{" + chosen + "})"},
	}},
	{title: "How often it was scaled to zero", help: "Since the operator was started.", unit: "short", queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: "sum(" + function + "scale_to_zero_total{" + chosen + "}) by (function, namespace)"},
	}},
}}

var builds = board{"builds", "Builds", nil, []panel{
	{title: "Builds, by what became of them", unit: "ops", queries: []query{
		{legend: "{{status}}", expr: total(operator+"build_events_total", "", "status")},
	}},
	runningBuilds,
	{title: "How long builds take", help: "From their turn to their end, by runtime and result.", unit: "s", most: slowBuild, queries: []query{
		{legend: "{{runtime}}, {{result}}", expr: quantile(.95, operator+"build_duration_seconds", "", "runtime, result"), exemplars: true},
	}},
	{title: "How long builds wait for their turn", unit: "s", queries: quantiles(operator+"build_queue_wait_seconds", "")},
	{title: "Why builds fail", help: "Reasons of the conditions SourceReady and BuildReady.", unit: "ops", queries: []query{
		{legend: "{{component}}: {{error_type}}", expr: total(operator+"errors_total", `component=~"source|build"`, "component, error_type")},
	}},
	{title: "Share of builds that fail", unit: "percentunit", queries: []query{
		{legend: "failed", expr: total(operator+"build_events_total", `status=~"failed|timeout"`, "") + " / " + total(operator+"build_events_total", `status=~"complete|failed|timeout"`, "")},
	}},
	{title: "Processors that builds use", help: "By step, of all builds at a time. The kubelet says so, at /metrics/resource or /metrics/cadvisor.", unit: "short", queries: []query{
		{legend: "{{container}}", expr: "sum by (container) (rate(container_cpu_usage_seconds_total{" + buildSteps + "}[$__rate_interval]))"},
	}},
	{title: "Memory that builds use", help: "By step, of the largest build. config-build says how much is set aside, and how much there may be.", unit: "bytes", queries: []query{
		{legend: "{{container}}", expr: "max by (container) (max_over_time(container_memory_working_set_bytes{" + buildSteps + "}[$__rate_interval]))"},
	}},
}}

var objectives = board{"objectives", "Objectives and error budgets", nil, []panel{
	{title: "Error budget that is left, of 30 days", help: "At 0 the objective is missed.", unit: "percentunit", queries: []query{
		{legend: "{{slo}}", expr: "knative_lambda:slo_budget:remaining"},
	}},
	{title: "How fast budgets are spent", help: "1 spends the budget of 30 days in 30 days. Above 14.4, which is the line, it is spent in two.", unit: "short", most: 14.4, queries: []query{
		{legend: "{{slo}}, 1h", expr: "knative_lambda:slo_bad:ratio1h / (1 - knative_lambda:slo_objective)"},
		{legend: "{{slo}}, 6h", expr: "knative_lambda:slo_bad:ratio6h / (1 - knative_lambda:slo_objective)"},
	}},
	{title: "Share that misses its objective", unit: "percentunit", queries: []query{
		{legend: "{{slo}}", expr: "knative_lambda:slo_bad:ratio5m"},
	}},
	{title: "Objectives", unit: "percentunit", queries: []query{
		{legend: "{{slo}}", expr: "knative_lambda:slo_objective"},
	}},
	{title: "Capacity: functions", help: "How many there are, and will be in seven days if it goes on like this.", unit: "short", queries: []query{
		{legend: "now", expr: "knative_lambda:functions:sum"},
		{legend: "in 7 days", expr: "knative_lambda:functions:in7d"},
	}},
	{title: "Capacity: requests and builds", help: "The same.", unit: "ops", queries: []query{
		{legend: "requests, now", expr: "knative_lambda:invocations:rate5m"},
		{legend: "requests, in 7 days", expr: "knative_lambda:invocations:in7d"},
		{legend: "builds, now", expr: "knative_lambda:builds:rate1h"},
		{legend: "builds, in 7 days", expr: "knative_lambda:builds:in7d"},
	}},
}}

var deadLetters = board{"dead-letters", "Dead letters", []variable{{"namespace", "Namespace", "knative_lambda_deadletter_depth"}}, []panel{
	{title: "Letters that wait", help: "Nobody has redriven or purged them yet.", unit: "short", queries: []query{
		{legend: "{{namespace}}", expr: `sum(knative_lambda_deadletter_depth{namespace=~"$namespace"}) by (namespace)`},
	}},
	{title: "Room that letters take", help: "Above the limits of config-dead-letters, new letters take the place of old ones.", unit: "bytes", queries: []query{
		{legend: "{{namespace}}", expr: `sum(knative_lambda_deadletter_size_bytes{namespace=~"$namespace"}) by (namespace)`},
	}},
	{title: "Letters that come", unit: "ops", queries: []query{
		{legend: "{{namespace}}", expr: total("knative_lambda_deadletter_received_total", `namespace=~"$namespace"`, "namespace")},
	}},
	{title: "Letters that were sent again", unit: "ops", queries: []query{
		{legend: "{{namespace}}: {{result}}", expr: total("knative_lambda_deadletter_redriven_total", `namespace=~"$namespace"`, "namespace, result")},
	}},
}}

var cost = board{"cost", "Cost", []variable{inNamespaces, ofFunctions}, []panel{
	{title: "Cost of functions in an hour", help: "What their instances reserved in the last hour, and their requests, by the prices of config-cost.", unit: "short", queries: []query{
		{legend: "{{namespace}}/{{function}}, {{currency}}", expr: "knative_lambda:cost:per_hour{" + chosen + "}"},
	}},
	{title: "Cost of an invocation", help: "That of an hour, by the requests of it.", unit: "short", queries: []query{
		{legend: "{{namespace}}/{{function}}, {{currency}}", expr: "knative_lambda:cost:per_invocation{" + chosen + "}"},
	}},
	{title: "Saved in an hour by scaling to zero", help: "Against one instance that is always there. It is negative where there was more than one.", unit: "short", queries: []query{
		{legend: "{{namespace}}/{{function}}, {{currency}}", expr: "knative_lambda:cost_saved:per_hour{" + chosen + "}"},
	}},
	{title: "Processors that are reserved", unit: "short", queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: total(function+"cpu_seconds_total", chosen, "function, namespace")},
	}},
	{title: "Memory that is reserved", unit: "bytes", queries: []query{
		{legend: "{{namespace}}/{{function}}", expr: total(function+"memory_byte_seconds_total", chosen, "function, namespace")},
	}},
}}
