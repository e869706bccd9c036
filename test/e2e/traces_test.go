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
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// traced has a function tell the collector of its namespace.
func (s *scenario) traced(fn *v1alpha1.LambdaFunction) *v1alpha1.LambdaFunction {
	fn.Spec.Observability = &v1alpha1.ObservabilitySpec{
		Tracing: &v1alpha1.TracingSpec{Endpoint: test.ServerHost(s.namespace, test.ServerOTLP) + ":4318"},
	}
	return fn
}

// awaitSpans waits until the collector has the wanted spans of a trace, and returns them in the order of their begins.
func (s *scenario) awaitSpans(traceID string, want ...string) []test.Span {
	s.Helper()
	var found []test.Span
	s.until("spans of trace "+traceID, func() error {
		spans, err := clients.Spans(interrupted, s.namespace)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(spans, func(span test.Span) bool { return span.TraceID != traceID })
		slices.SortStableFunc(found, func(a, b test.Span) int { return a.Start.Compare(b.Start) })
		var have []string
		for i := range found {
			have = append(have, found[i].Service+" "+found[i].Name)
		}
		if !slices.Equal(have, want) {
			return fmt.Errorf("there are %v, want %v", have, want)
		}
		return nil
	})
	return found
}

// TestTraces follows an event through the Broker to a function without an instance, and its reply through the Broker to
// another one: it is one trace. The exemplar of a slow call leads to its trace, and that to what the call has logged.
func TestTraces(t *testing.T) {
	s := newScenario(t)
	s.startServer(test.ServerOTLP, &test.ServerSettings{})
	first := s.traced(test.NewPythonFunction(s.namespace, "first", `
import time

def handler(event, context):
    if context.method == "GET":
        time.sleep(0.3)
        print("slept")
    return {"of": context.id}
`))
	first.Spec.Eventing = &v1alpha1.EventingSpec{DLQ: &v1alpha1.DLQSpec{Enabled: ptr.Bool(false)}}
	first = s.create(first)
	second := s.traced(s.newRecorder("second", recording(`context.extensions["causationid"]`, "return None"), v1alpha1.EventingSpec{Enabled: ptr.Bool(false)}))
	second.Spec.Triggers = []v1alpha1.TriggerSpec{{
		Broker: sharedBroker, Filter: map[string]string{"source": responseSource + s.namespace + "/first"},
	}}
	s.awaitReady(s.create(second))
	first = s.awaitReady(first)
	s.shortenWindow(first)
	s.awaitInstances(first, func(pods []*corev1.Pod) bool { return len(pods) == 0 })

	const traceID, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	e := addressed(first, "traced")
	e.SetExtension("traceparent", "00-"+traceID+"-"+caller+"-01")
	s.sendToBroker(first, e)
	spans := s.awaitSpans(traceID,
		"lambda-first receive", "lambda-first handler", "lambda-first reply",
		"lambda-second receive", "lambda-second handler", "lambda-second reply")
	if spans[0].ParentID != caller || spans[0].Attributes["faas.coldstart"] != true || spans[0].Attributes["cloudevents.event_id"] != "traced" {
		t.Errorf("the first span is %+v", spans[0])
	}
	for i, parent := range map[int]int{1: 0, 2: 0, 3: 0, 4: 3, 5: 3} {
		if spans[i].ParentID != spans[parent].SpanID {
			t.Errorf("span %d is not of span %d: %+v", i, parent, spans)
		}
	}
	s.followExemplar(first)
}

// exemplarOf finds the trace of the last call that took up to half a second.
var exemplarOf = regexp.MustCompile(`duration_seconds_bucket\{[^}]*le="0\.5"\} [0-9]+ # \{trace_id="([0-9a-f]{32})"`)

// followExemplar has a function be slow, and finds the call's trace by its exemplar, and what it logged by its trace.
func (s *scenario) followExemplar(fn *v1alpha1.LambdaFunction) {
	s.Helper()
	s.get(fn)
	request, err := http.NewRequestWithContext(interrupted, http.MethodGet, fn.Status.URL.String()+"/metrics", nil)
	if err != nil {
		s.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text")
	metrics := s.do(request).Body
	found := exemplarOf.FindStringSubmatch(metrics)
	if found == nil {
		s.Fatalf("The slow call has no exemplar:\n%s", metrics)
	}
	service := "lambda-" + fn.Name
	spans := s.awaitSpans(found[1], service+" receive", service+" handler", service+" reply")
	pods, err := clients.Kube.CoreV1().Pods(fn.Namespace).List(interrupted, metav1.ListOptions{LabelSelector: lambda.FunctionLabelKey + "=" + fn.Name + ",app=" + service})
	if err != nil {
		s.Fatal(err)
	}
	var logged []string
	for i := range pods.Items {
		log, err := clients.Kube.CoreV1().Pods(fn.Namespace).GetLogs(pods.Items[i].Name, &corev1.PodLogOptions{Container: "user-container"}).Stream(interrupted)
		if err != nil {
			s.Fatal(err)
		}
		text, err := io.ReadAll(log)
		if err != nil {
			s.Fatal(err)
		}
		logged = append(logged, strings.Split(string(text), "\n")...)
	}
	for _, line := range logged {
		if strings.Contains(line, `"message":"slept"`) && strings.Contains(line, `"trace_id":"`+found[1]+`"`) && strings.Contains(line, `"span_id":"`+spans[1].SpanID+`"`) {
			return
		}
	}
	s.Errorf("No line is of span %s of trace %s:\n%s", spans[1].SpanID, found[1], strings.Join(logged, "\n"))
}
