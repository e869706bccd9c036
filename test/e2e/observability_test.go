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
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// metricsPort is where the operator serves its metrics.
const metricsPort = 9091

// samples are values by metric and labels, as name{a="b",c="d"}: of a histogram how many it has counted.
type samples map[string]float64

// scrape returns what all replicas of the operator have measured together, of the operator's own metrics.
func (s *scenario) scrape(ctx context.Context) (samples, error) {
	pods, err := clients.Kube.CoreV1().Pods(systemNamespace).List(ctx, metav1.ListOptions{LabelSelector: test.OperatorPods})
	if err != nil {
		return nil, fmt.Errorf("failed to list the operator's pods: %w", err)
	}
	all := samples{}
	for i := range pods.Items {
		if err := all.scrape(ctx, pods.Items[i].Name, metricsPort, "knative_lambda_operator_"); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// scrape adds what a pod has measured, of the metrics whose names begin with prefix, which is left out.
func (s samples) scrape(ctx context.Context, pod string, port int, prefix string) error {
	address, stop, err := clients.Forward(ctx, systemNamespace, pod, port)
	if err != nil {
		return err
	}
	defer stop()
	response, err := test.Get(ctx, http.DefaultClient, "http://"+address+"/metrics")
	if err != nil {
		return fmt.Errorf("failed to scrape pod %q: %w", pod, err)
	}
	if response.Status != http.StatusOK {
		return fmt.Errorf("failed to scrape pod %q: %d: %s", pod, response.Status, response.Body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(response.Body))
	if err != nil {
		return fmt.Errorf("failed to read the metrics of pod %q: %w", pod, err)
	}
	for name, family := range families {
		if name, ours := strings.CutPrefix(name, prefix); ours {
			for _, metric := range family.GetMetric() {
				s[name+labelsOf(metric)] += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return nil
}

// labelsOf are a sample's labels, without what the exporter adds to all.
func labelsOf(metric *dto.Metric) string {
	var labels []string
	for _, pair := range metric.GetLabel() {
		if !strings.HasPrefix(pair.GetName(), "otel_scope_") {
			labels = append(labels, fmt.Sprintf("%s=%q", pair.GetName(), pair.GetValue()))
		}
	}
	slices.Sort(labels)
	return "{" + strings.Join(labels, ",") + "}"
}

// awaitSamples scrapes until nothing is missing, which is said otherwise.
func (s *scenario) awaitSamples(missing func(samples) []string) {
	s.Helper()
	s.until("the operator's metrics", func() error {
		now, err := s.scrape(interrupted)
		if err != nil {
			return err
		}
		if missing := missing(now); len(missing) > 0 {
			return errors.New(strings.Join(missing, "\n"))
		}
		return nil
	})
}

// awaitGrown waits until samples have grown, each by at least its value, since others were taken.
func (s *scenario) awaitGrown(before samples, want samples) {
	s.Helper()
	s.awaitSamples(func(now samples) (missing []string) {
		for sample, by := range want {
			if grown := now[sample] - before[sample]; grown < by {
				missing = append(missing, fmt.Sprintf("%s has grown by %v, want %v", sample, grown, by))
			}
		}
		return missing
	})
}

// TestMetricsOfTheOperator has functions that are built, fail and are deleted, and looks at what is counted of it.
func TestMetricsOfTheOperator(t *testing.T) {
	s := newScenario(t)
	before, err := s.scrape(interrupted)
	if err != nil {
		t.Fatal(err)
	}
	good := s.create(test.NewPythonFunction(s.namespace, "good", answering("good")))
	unreadable := test.NewPythonFunction(s.namespace, "unreadable", answering("none"))
	unreadable.Spec.Source.Inline.Dependencies = `{"six": "1 or 2"}`
	unreadable = s.create(unreadable)
	broken := s.create(test.NewPythonFunction(s.namespace, "broken", "def handler(event:\n"))
	wrong := s.create(test.NewGoFunction(s.namespace, "wrong", "package main\n\nfunc Handler() (string, error) { return 1, nil }\n"))
	s.wantText(s.awaitReady(good), "good")
	for _, fn := range []*v1alpha1.LambdaFunction{unreadable, broken, wrong} {
		s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
			return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
		})
	}
	s.edit(good, func(fn *v1alpha1.LambdaFunction) { fn.Spec.TimeoutSeconds = ptr.Int64(7) })
	s.awaitGrown(before, samples{
		// A reconcile that met another's change has another result.
		`reconcile_total{phase="Pending",result="success"}`:                                                            1,
		`reconcile_total{phase="Building",result="success"}`:                                                           1,
		`reconcile_duration_seconds{phase="Pending"}`:                                                                  4,
		`workqueue_latency_seconds{}`:                                                                                  4,
		`build_events_total{status="created"}`:                                                                         3,
		`build_events_total{status="started"}`:                                                                         3,
		`build_events_total{status="complete"}`:                                                                        2,
		`build_events_total{status="failed"}`:                                                                          1,
		`build_duration_seconds{result="success",runtime="python"}`:                                                    2,
		`build_duration_seconds{result="failed",runtime="go"}`:                                                         1,
		`build_queue_wait_seconds{}`:                                                                                   3,
		`parser_events_total{status="complete"}`:                                                                       3,
		`parser_events_total{status="failed"}`:                                                                         1,
		`service_events_total{status="created"}`:                                                                       2,
		`service_events_total{status="updated"}`:                                                                       1,
		`service_events_total{status="ready"}`:                                                                         1,
		`errors_total{component="source",error_type="InvalidDependencies"}`:                                            1,
		`errors_total{component="build",error_type="CompileFailed"}`:                                                   1,
		`errors_total{component="deploy",error_type="RevisionFailed"}`:                                                 1,
		`apiserver_requests_total{resource="taskruns.tekton.dev",result="success",verb="create"}`:                      3,
		`apiserver_requests_total{resource="lambdafunctions.lambda.knative.io/status",result="success",verb="update"}`: 4,
		`lambdafunctions_total{namespace="` + s.namespace + `",phase="Ready"}`:                                         1,
		`lambdafunctions_total{namespace="` + s.namespace + `",phase="Failed"}`:                                        3,
		`eventing_resources_total{namespace="` + s.namespace + `",resource_type="broker"}`:                             1,
	})
	running := s.create(test.NewPythonFunction(s.namespace, "running", answering("running")))
	s.awaitGrown(before, samples{fmt.Sprintf("build_jobs_active{namespace=%q}", s.namespace): 1})
	for _, fn := range []*v1alpha1.LambdaFunction{good, running} {
		if err := clients.DeleteFunction(interrupted, fn); err != nil {
			t.Fatal(err)
		}
	}
	s.awaitGrown(before, samples{`service_events_total{status="deleted"}`: 1})
	s.awaitSamples(func(now samples) []string {
		sample := `lambdafunctions_total{namespace="` + s.namespace + `",phase="Ready"}`
		if ready, known := now[sample]; !known || ready != 0 {
			return []string{fmt.Sprintf("%s is %v, want 0", sample, ready)}
		}
		return nil
	})
}
