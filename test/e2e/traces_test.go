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
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// traced has a function be traced as the cluster is.
func traced(fn *v1alpha1.LambdaFunction) *v1alpha1.LambdaFunction {
	fn.Spec.Observability = &v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{}}
	return fn
}

// traceAll has Knative and the operator tell the collector of the test's namespace of their spans, too. They read where
// it is when they start.
func (s *scenario) traceAll() {
	s.Helper()
	parts := map[string][]string{
		systemNamespace:    {"knative-lambda-operator"},
		"knative-serving":  {"activator"},
		"knative-eventing": {"mt-broker-ingress", "mt-broker-filter", "imc-dispatcher"},
	}
	restart := func(ctx context.Context) error {
		var failed error
		for namespace, deployments := range parts {
			for _, deployment := range deployments {
				failed = errors.Join(failed, clients.Restart(ctx, namespace, deployment))
			}
		}
		return failed
	}
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(interrupted), tidiness)
		defer cancel()
		if err := restart(ctx); err != nil {
			s.Error(err)
		}
	})
	collector := "http://" + test.ServerHost(s.namespace, test.ServerOTLP) + ":4318/v1/traces"
	// Tekton takes it up at once.
	s.configureIn("tekton-pipelines", "config-tracing", map[string]string{"enabled": "true", "endpoint": collector})
	for namespace := range parts {
		s.configureIn(namespace, "config-observability", map[string]string{
			"tracing-protocol": "http/protobuf", "tracing-sampling-rate": "1", "tracing-endpoint": collector,
		})
	}
	s.wait(restart)
}

// awaitSpans waits until the collector has the wanted spans of a trace in this order, others between them, and returns all of
// the trace in the order of their begins, and the wanted ones.
func (s *scenario) awaitSpans(traceID string, want ...string) (all, wanted []test.Span) {
	s.Helper()
	s.until("spans of trace "+traceID, func() error {
		spans, err := clients.Spans(interrupted, s.namespace)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(spans, func(span test.Span) bool { return span.TraceID != traceID })
		slices.SortStableFunc(all, func(a, b test.Span) int { return a.Start.Compare(b.Start) })
		wanted = nil
		var have []string
		for i := range all {
			name := all[i].Service + " " + all[i].Name
			have = append(have, name)
			if len(wanted) < len(want) && name == want[len(wanted)] {
				wanted = append(wanted, all[i])
			}
		}
		if len(wanted) < len(want) {
			return fmt.Errorf("%s is not there in its place, there are:\n%s", want[len(wanted)], strings.Join(have, "\n"))
		}
		return nil
	})
	return all, wanted
}

// TestTraces follows an event through the Broker to a function without an instance, and its reply through the Broker to
// another one: it is one trace. The exemplar of a slow call leads to its trace, and that to what the call has logged.
func TestTraces(t *testing.T) {
	s := newScenario(t)
	s.startServer(test.ServerOTLP, &test.ServerSettings{})
	s.traceAll()
	first := traced(test.NewPythonFunction(s.namespace, "first", `
import time

def handler(event, context):
    if context.method == "GET":
        time.sleep(0.3)
        print("slept")
    return {"of": context.id}
`))
	first.Spec.Eventing = &v1alpha1.EventingSpec{DLQ: &v1alpha1.DLQSpec{Enabled: ptr.Bool(false)}}
	first = s.create(first)
	second := traced(s.newRecorder("second", recording(`context.extensions["causationid"]`, "return None"), v1alpha1.EventingSpec{Enabled: ptr.Bool(false)}))
	second.Spec.Triggers = []v1alpha1.TriggerSpec{{
		Broker: sharedBroker, Filter: map[string]string{"source": responseSource + s.namespace + "/first"},
	}}
	s.awaitReady(s.create(second))
	first = s.awaitReady(first)
	s.followBuild(first)
	s.shortenWindow(first)
	s.coldStart(first)
	s.followExemplar(first)
}

// coldStart sends an event by the Broker to a function without an instance, and follows it to the one that gets the reply.
func (s *scenario) coldStart(fn *v1alpha1.LambdaFunction) {
	s.Helper()
	const id, traceID = "traced", "4bf92f3577b34da6a3ce929d0e0e4736"
	// One that is on its way out may yet answer.
	s.wait(func(ctx context.Context) error {
		return test.AwaitNone(ctx, clients.Kube.CoreV1().Pods(fn.Namespace), metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + fn.Name})
	})
	const caller = "00f067aa0ba902b7"
	e := addressed(fn, id)
	e.SetExtension("traceparent", "00-"+traceID+"-"+caller+"-01")
	s.sendToBroker(fn.Status.EventingStatus.BrokerURL, e)
	spans, way := s.awaitSpans(traceID,
		"broker.ingress kncloudevents.receive", "inmemorychannel-dispatcher kncloudevents.receive", "broker.filter POST /", "activator handle",
		"lambda-first boot", "lambda-first init", "lambda-first route", "first queue", "lambda-first receive", "lambda-first handler", "lambda-first reply",
		"broker.ingress kncloudevents.receive", "broker.filter POST /", "lambda-second receive", "lambda-second handler", "lambda-second reply")
	for i := range spans {
		if parent := spans[i].ParentID; parent != caller && !slices.ContainsFunc(spans, func(span test.Span) bool { return span.SpanID == parent }) {
			s.Errorf("span %q of %q has no parent in the trace", spans[i].Name, spans[i].Service)
		}
	}
	boot, load, route, receive := way[4], way[5], way[6], way[8]
	if receive.Attributes["faas.coldstart"] != true || receive.Attributes["cloudevents.event_id"] != id {
		s.Errorf("the first request is %+v", receive)
	}
	s.sumPhases(fn, way[2], boot, load, route, receive)
}

// followBuild finds Tekton's spans of a function's build in the trace of the reconcile that made it.
func (s *scenario) followBuild(fn *v1alpha1.LambdaFunction) {
	s.Helper()
	var build test.Span
	s.until("the operator's span of the build", func() error {
		spans, err := clients.Spans(interrupted, s.namespace)
		for _, span := range spans {
			if span.Name == "build" && span.Attributes["lambda.function"] == fn.Name {
				build = span
				return nil
			}
		}
		return errors.Join(err, errors.New("it is not there"))
	})
	s.awaitSpans(build.TraceID, "knative-lambda-operator reconcile", "knative-lambda-operator image", "knative-lambda-operator create taskruns.tekton.dev",
		"taskrun-reconciler TaskRun:ReconcileKind", "taskrun-reconciler createPod")
}

// sumPhases holds the phases of a cold start against what the client saw: they are that within 5 %. Those of the cluster are
// in the operator's trace of the start. Before it, and so in no trace of ours, is what Knative takes to want an instance. A
// phase begins where the one before it has ended: what the kubelet says of a container it says after it runs, on a busy machine
// later than the instance is ready.
func (s *scenario) sumPhases(fn *v1alpha1.LambdaFunction, client test.Span, instance ...test.Span) {
	s.Helper()
	start, phases := s.awaitStart(fn, client.Start)
	phases = append(phases, instance...)
	slices.SortStableFunc(phases, func(a, b test.Span) int { return a.Start.Compare(b.Start) })
	sum := start.Start.Sub(client.Start)
	told := []string{fmt.Sprint("scale ", sum)}
	for i := range phases {
		end := phases[i].End
		if i+1 < len(phases) && phases[i+1].Start.Before(end) {
			end = phases[i+1].Start
		}
		sum += end.Sub(phases[i].Start)
		told = append(told, fmt.Sprintf("%s %v of %v", phases[i].Name, end.Sub(phases[i].Start), phases[i].End.Sub(phases[i].Start)))
	}
	seen := client.End.Sub(client.Start)
	s.Logf("The client saw %v, the phases are %v together: %s", seen, sum, strings.Join(told, ", "))
	if ratio := float64(sum) / float64(seen); ratio < .95 || ratio > 1.05 {
		s.Errorf("the client saw %v, the phases are %v together: %s", seen, sum, strings.Join(told, ", "))
	}
}

// awaitStart finds the operator's span of a function's start after an instant, and the phases in it.
func (s *scenario) awaitStart(fn *v1alpha1.LambdaFunction, after time.Time) (start test.Span, phases []test.Span) {
	s.Helper()
	s.until("the operator's trace of the start", func() error {
		spans, err := clients.Spans(interrupted, s.namespace)
		if err != nil {
			return err
		}
		for _, span := range spans {
			if span.Name == "start" && span.Attributes["lambda.function"] == fn.Name && span.Start.After(after) {
				start = span
			}
		}
		phases = slices.DeleteFunc(spans, func(span test.Span) bool { return span.TraceID != start.TraceID || span.ParentID != start.SpanID })
		if len(phases) != 3 {
			return fmt.Errorf("it has %v", phases)
		}
		return nil
	})
	return start, phases
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
	_, spans := s.awaitSpans(found[1], service+" receive", service+" handler", service+" reply")
	s.startLoki().awaitLine(fmt.Sprintf(`{service_name=%q} | json | trace_id=%q`, service, found[1]), `"message":"slept"`, `"span_id":"`+spans[1].SpanID+`"`)
}
