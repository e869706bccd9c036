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
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// TestLifecycleEvents has what happens to a function told to another one, which is away at first, and holds that each
// transition is told once.
func TestLifecycleEvents(t *testing.T) {
	s := newScenario(t)
	const sink = "sink"
	s.configure(config.EventingConfigName, map[string]string{
		"event-sink":     fmt.Sprintf("ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: %s, namespace: %s}", sink, s.namespace),
		"build-logs-url": "https://logs.example.com/${NAMESPACE}/${TASKRUN}",
	})
	fn := s.create(test.NewPythonFunction(s.namespace, "told", answering("one")))
	// What was to be told before the sink is there is told when it is.
	keep := fmt.Sprintf(`(context.type.removeprefix(%q) if context.subject.endswith("/told") else "-") + (
        event.get("logsUrl", "without-log").removeprefix("https://logs.example.com/%s/" + event["jobName"]) if ".build." in context.type else "")`,
		events.LifecyclePrefix, s.namespace)
	recorder := s.awaitReady(s.create(s.newRecorder(sink, recording(keep, "return None"), v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})))
	fn = s.awaitReady(fn)
	want := map[string]int{
		events.FunctionCreated: 1, events.BuildStarted: 1, events.BuildCompleted: 1, events.ServiceCreated: 1, events.ServiceReady: 1, events.FunctionReady: 1,
	}
	s.awaitTold(recorder, want)

	fn = s.awaitFunction(s.editCode(fn, "import no_such_module\n"), func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	want[events.FunctionUpdated]++
	want[events.BuildStarted]++
	want[events.BuildCompleted]++
	want[events.ServiceUpdated]++
	want[events.FunctionDegraded]++
	s.awaitTold(recorder, want)

	if err := clients.DeleteFunction(interrupted, fn); err != nil {
		t.Fatal(err)
	}
	s.wait(func(ctx context.Context) error {
		return test.AwaitNone(ctx, clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace), metav1.ListOptions{FieldSelector: "metadata.name=told"})
	})
	want[events.FunctionDeleted]++
	want[events.ServiceDeleted]++
	s.awaitTold(recorder, want)
}

// awaitTold waits until a recorder was told of all that is wanted, and holds that it was told of nothing twice.
func (s *scenario) awaitTold(recorder *v1alpha1.LambdaFunction, want map[string]int) {
	s.Helper()
	s.get(recorder)
	s.until("lifecycle events", func() error {
		response, err := test.Get(interrupted, caller, recorder.Status.URL.String())
		if err != nil {
			return err
		}
		got := map[string]int{}
		for _, told := range strings.Fields(response.Body) {
			got[events.LifecyclePrefix+told]++
		}
		delete(got, events.LifecyclePrefix+"-")
		for eventType, n := range got {
			if n > want[eventType] {
				s.Fatalf("%s was told %d times, want %d: %s", eventType, n, want[eventType], response.Body)
			}
		}
		for eventType, n := range want {
			if got[eventType] < n {
				return fmt.Errorf("%s was told %d times, want %d: %s", eventType, got[eventType], n, response.Body)
			}
		}
		return nil
	})
}
