//go:build e2e

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

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// documented are queries that people have from the documentation of the older operator, as they are written there.
var documented = []string{
	`sum(rate(knative_lambda_operator_reconcile_total[5m])) by (phase)`,
	`sum(rate(knative_lambda_operator_reconcile_total[5m]))`,
	`sum(rate(knative_lambda_function_invocations_total[5m])) by (function, namespace)`,
	`sum(rate(knative_lambda_function_invocations_total{status="success"}[5m]))`,
	`sum(rate(knative_lambda_function_invocations_total{status="error"}[5m]))`,
	`sum(rate(knative_lambda_operator_build_events_total{status="complete"}[5m]))`,
	`sum(rate(knative_lambda_operator_service_events_total{status="ready"}[5m]))`,
	`sum(knative_lambda_operator_build_jobs_active)`,
	`knative_lambda_operator_workqueue_depth`,
	`sum(knative_lambda_operator_lambdafunctions_total{phase!="deleted"})`,
	`histogram_quantile(0.50, sum(rate(knative_lambda_operator_reconcile_duration_seconds_bucket[5m])) by (le, phase))`,
	`histogram_quantile(0.95, sum(rate(knative_lambda_operator_reconcile_duration_seconds_bucket[5m])) by (le, phase))`,
	`histogram_quantile(0.99, sum(rate(knative_lambda_operator_reconcile_duration_seconds_bucket[5m])) by (le, phase))`,
	`histogram_quantile(0.50, sum(rate(knative_lambda_operator_reconcile_duration_seconds_bucket[5m])) by (le))`,
	`histogram_quantile(0.95, sum(rate(knative_lambda_operator_reconcile_duration_seconds_bucket[5m])) by (le))`,
	`histogram_quantile(0.99, sum(rate(knative_lambda_operator_reconcile_duration_seconds_bucket[5m])) by (le))`,
	`histogram_quantile(0.95, sum(rate(knative_lambda_operator_build_duration_seconds_bucket[15m])) by (le, runtime))`,
	`histogram_quantile(0.95, sum(rate(knative_lambda_function_duration_seconds_bucket[5m])) by (le, function, namespace))`,
}

// TestDashboards has functions do what dashboards are about, and a Prometheus with the project's own rules draw all of them.
func TestDashboards(t *testing.T) {
	s := newScenario(t)
	p := s.startPrometheus()
	s.configure(config.CostConfigName, map[string]string{"currency": "EUR", "cpu-core-hour": "0.04", "memory-gib-hour": "0.004", "million-requests": "0.4"})
	fn := s.create(test.NewPythonFunction(s.namespace, "moody", "def handler(event):\n    if event == 'bad':\n        raise ValueError('bad')\n    return 'good'\n"))
	wrong := s.create(test.NewGoFunction(s.namespace, "wrong", "package main\n\nfunc Handler() (string, error) { return 1, nil }\n"))
	kept := test.NewPythonFunction(s.namespace, "kept", answering("kept"))
	kept.Spec.Scaling.MinReplicas = ptr.Int32(1)
	kept = s.awaitReady(s.create(kept))
	fn = s.awaitReady(fn)
	s.awaitFunction(wrong, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsFalse()
	})
	of := fmt.Sprintf(`{namespace=%q, function="moody"}`, s.namespace)
	// A rate is known from the second time on that there is something to count.
	for round := range 2 {
		for range 5 {
			s.call(fn, "good", http.StatusOK)
			s.call(fn, "bad", http.StatusInternalServerError)
		}
		p.awaitData(fmt.Sprintf("sum(knative_lambda_function_invocations_total%s) >= %d", of, 10*(round+1)))
	}
	for _, phase := range []string{"schedule", "pull", "create", "boot", "init", "first"} {
		p.awaitData(fmt.Sprintf(`sum(knative_lambda_function_cold_start_duration_seconds_count{namespace=%q, phase=%q}) >= 1`, s.namespace, phase))
	}
	p.awaitData(fmt.Sprintf(`knative_lambda_function_replicas{namespace=%q, state="actual"} >= 1`, s.namespace))
	p.awaitData(`knative_lambda_operator_build_duration_seconds_count{runtime="python"}`)
	fn = s.awaitReady(s.editCode(fn, answering("better")))
	s.shortenWindow(fn)
	p.awaitData("knative_lambda_function_scale_to_zero_total" + of)

	editor := s.token("editor", "knative-lambda-namespaced-edit", "knative-lambda-namespaced-view")
	letters := s.openPostOffice()
	letters.post("moody", "first")
	letters.redrive(editor, `{"filter": {"function": "moody"}}`)
	letters.post("wrong", "second")

	p.awaitData(fmt.Sprintf(`knative_lambda_operator_lambdafunctions_total{namespace=%q, phase="Failed"} == 1`, s.namespace))
	for _, query := range documented {
		p.awaitData(query)
	}
	drawn := 0
	for _, panel := range s.panels(s.namespace, "moody") {
		if strings.Contains(panel.title, "Linkerd") {
			continue // which is not here
		}
		for _, query := range panel.queries {
			p.awaitData(query)
			drawn++
		}
	}
	p.wantCost(kept)
	p.wantTop()
	t.Logf("%d queries of dashboards and %d of the older documentation found data", drawn, len(documented))
}

// wantTop has kn lambda top tell of the function that was called, of one that was not, and of one that was never there to call.
func (p *prometheus) wantTop() {
	p.Helper()
	answer := p.wantKn("moody", "top", "--prometheus", p.URL, "--output", "json")
	var told struct {
		Functions []struct {
			Name, Currency                                  string
			Calls, ErrorRatio, P95Seconds, ColdStarts, Cost *float64
		}
	}
	p.decode(answer.out, &told)
	if len(told.Functions) != 3 || told.Functions[0].Name != "moody" {
		p.Fatalf("top prints %s and %s, want three functions, moody first", answer.out, answer.err)
	}
	for _, fn := range told.Functions {
		switch fn.Name {
		case "moody":
			if fn.Calls == nil || *fn.Calls < 20 || fn.ErrorRatio == nil || *fn.ErrorRatio < .4 || *fn.ErrorRatio > .6 ||
				fn.P95Seconds == nil || *fn.P95Seconds <= 0 || fn.ColdStarts == nil || *fn.ColdStarts < 1 || fn.Cost == nil || *fn.Cost <= 0 || fn.Currency != "EUR" {
				p.Errorf("top tells of moody: %s", answer.out)
			}
		case "kept":
			if fn.ErrorRatio != nil || fn.P95Seconds != nil || fn.Cost == nil || *fn.Cost <= 0 {
				p.Errorf("top tells of kept, which is there and not called: %s", answer.out)
			}
		case "wrong":
			if fn.Calls != nil || fn.ErrorRatio != nil || fn.P95Seconds != nil || fn.ColdStarts != nil || fn.Cost != nil {
				p.Errorf("top tells of wrong, which cannot be built: %s", answer.out)
			}
		}
	}
}

// wantCost holds what a function with one instance has reserved against what its pod says, and its price against that. The
// pod says when it got its node in whole seconds, so that it takes a while until a second more or less is nothing.
func (p *prometheus) wantCost(fn *v1alpha1.LambdaFunction) {
	p.Helper()
	pods, err := clients.Kube.CoreV1().Pods(fn.Namespace).List(interrupted, metav1.ListOptions{LabelSelector: lambda.FunctionLabelKey + "=" + fn.Name + "," + serving.RevisionLabelKey})
	if err != nil {
		p.Fatal(err)
	}
	if len(pods.Items) != 1 {
		p.Fatalf("%s has %d pods", fn.Name, len(pods.Items))
	}
	pod := &pods.Items[0]
	var cores, bytes float64
	for i := range pod.Spec.Containers {
		requests := pod.Spec.Containers[i].Resources.Requests
		cores, bytes = cores+requests.Cpu().AsApproximateFloat64(), bytes+requests.Memory().AsApproximateFloat64()
	}
	var scheduled int64
	for i := range pod.Status.Conditions {
		if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodScheduled {
			scheduled = condition.LastTransitionTime.Unix()
		}
	}
	of := fmt.Sprintf(`{namespace=%q, function=%q}`, fn.Namespace, fn.Name)
	for metric, reserved := range map[string]float64{
		"knative_lambda_function_cpu_seconds_total" + of:         cores,
		"knative_lambda_function_memory_byte_seconds_total" + of: bytes,
	} {
		p.awaitData(fmt.Sprintf("abs(%[1]s / (%[2]v * (timestamp(%[1]s) - %[3]d)) - 1) < 0.01", metric, reserved, scheduled))
	}
	p.awaitData(fmt.Sprintf(`abs(knative_lambda:cost_always_on:per_hour%s / %v - 1) < 0.01`, of, cores*.04+bytes/(1<<30)*.004))
}

// call has a function answer a text.
func (s *scenario) call(fn *v1alpha1.LambdaFunction, body string, want int) {
	s.Helper()
	request, err := http.NewRequestWithContext(interrupted, http.MethodPost, fn.Status.URL.String(), strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/plain")
	if response := s.do(request); response.Status != want {
		s.Fatalf("%s answered %d %s, want %d", fn.Name, response.Status, response.Body, want)
	}
}
