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

package lambdafunction

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/logging"
	logtesting "knative.dev/pkg/logging/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lifecycle"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// tale is what a teller has told.
type tale struct {
	*testing.T
	*teller
	events []event.Event
}

func newTale(t *testing.T, fn *v1alpha1.LambdaFunction) *tale {
	t.Helper()
	functions := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	if err := functions.Add(fn); err != nil {
		t.Fatal("Add() =", err)
	}
	logger, _ := logging.NewLogger("", "")
	told := &tale{T: t}
	logs := func(namespace, taskRun string) string { return "https://logs.example.com/" + namespace + "/" + taskRun }
	told.teller = &teller{leads: ledHere, logsOf: logs, Teller: lifecycle.Teller{
		OwnerOf: leadership(ledHere).functionOf, Get: getter(lambdalisters.NewLambdaFunctionLister(functions)), Logger: logger,
		Scale:  func(types.NamespacedName) observability.Scale { return observability.Scale{Desired: 2, Actual: 1} },
		Wanted: func() bool { return true },
		Emit:   func(e *event.Event) { told.events = append(told.events, *e) },
	}}
	return told
}

// want holds that just these were told, that each is as its schema says, and that no two have the same id.
func (w *tale) want(types ...string) {
	w.Helper()
	var got []string
	ids := map[string]bool{}
	for _, e := range w.events {
		got = append(got, e.Type())
		if wrong, err := events.Check(e.Type(), e.Data()); err != nil || len(wrong) > 0 {
			w.Errorf("%s: %s: Check() = %v, %v", e.Type(), e.Data(), wrong, err)
		}
		var build events.Build
		if err := json.Unmarshal(e.Data(), &build); err != nil || build.JobName != "" && build.LogsURL != w.logsOf("default", build.JobName) {
			w.Errorf("%s: %s: %v, want where the log is", e.Type(), e.Data(), err)
		}
		if ids[e.ID()] {
			w.Errorf("%s: the id %s was there before", e.Type(), e.ID())
		}
		ids[e.ID()] = true
	}
	if diff := cmp.Diff(types, got); diff != "" {
		w.Error("told (-want, +got):", diff)
	}
}

func withVersion(version string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.UID, fn.ResourceVersion = "u", version }
}

func TestTellsOfFunctions(t *testing.T) {
	ready := deployed(WithServiceReady)
	degraded := func(fn *v1alpha1.LambdaFunction) {
		ready(fn)
		fn.Status.MarkServiceRefused("no")
		fn.Status.Summarize()
	}
	for name, tc := range map[string]struct {
		before, after *v1alpha1.LambdaFunction
		want          []string
	}{
		"it is made":            {nil, function(withVersion("1")), []string{events.FunctionCreated}},
		"it is edited":          {function(ready, withVersion("1")), function(ready, edited(codeB), withVersion("2")), []string{events.FunctionUpdated}},
		"it becomes ready":      {function(built, summarized, withVersion("1")), function(ready, withVersion("2")), []string{events.FunctionReady}},
		"it stays ready":        {function(ready, withVersion("1")), function(ready, withVersion("2")), nil},
		"it is ready no more":   {function(ready, withVersion("1")), function(degraded, withVersion("2")), []string{events.FunctionDegraded}},
		"it will not be ready":  {function(built, summarized, withVersion("1")), function(degraded, withVersion("2")), []string{events.FunctionDegraded}},
		"it is still not ready": {function(degraded, withVersion("1")), function(degraded, withVersion("2")), nil},
		"it is seen again":      {function(ready, withVersion("1")), function(degraded, withVersion("1")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTale(t, tc.after)
			handler := lifecycle.Told(w.functionAdded, w.functionChanged, w.functionDeleted)
			if tc.before == nil {
				handler.OnAdd(tc.after, false)
			} else {
				handler.OnUpdate(tc.before, tc.after)
			}
			w.want(tc.want...)
		})
	}
	t.Run("it is deleted", func(t *testing.T) {
		w := newTale(t, function(ready, withVersion("1")))
		lifecycle.Told(w.functionAdded, w.functionChanged, w.functionDeleted).OnDelete(cache.DeletedFinalStateUnknown{Obj: function(ready, withVersion("1"))})
		w.want(events.FunctionDeleted)
	})
	t.Run("it was there when the process began", func(t *testing.T) {
		w := newTale(t, function(ready, withVersion("1")))
		lifecycle.Told(w.functionAdded, w.functionChanged, w.functionDeleted).OnAdd(function(ready, withVersion("1")), true)
		w.want()
	})
	t.Run("nobody wants to know", func(t *testing.T) {
		w := newTale(t, function(withVersion("1")))
		w.Wanted = func() bool { return false }
		w.functionAdded(function(withVersion("1")))
		w.want()
	})
	t.Run("another replica leads it", func(t *testing.T) {
		w := newTale(t, function(withVersion("1")))
		w.leads = func(types.NamespacedName) bool { return false }
		w.functionAdded(function(withVersion("1")))
		w.want()
	})
}

func TestEventsSayWhatTheyComeOf(t *testing.T) {
	fn := function(withVersion("1"), WithFunctionAnnotation(lambda.CorrelationAnnotationKey, "order-7"),
		WithFunctionAnnotation(lambda.TraceAnnotationKey, `{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}`))
	w := newTale(t, fn)
	w.functionAdded(fn)
	e := w.events[0]
	if e.Extensions()["correlationid"] != "order-7" || e.Subject() != "default/hello" || e.Source() != "io.knative.lambda/operator/default/hello" {
		t.Errorf("the event is %v", e)
	}
	w = newTale(t, function(withVersion("1")))
	w.functionAdded(function(withVersion("1")))
	if got := w.events[0].Extensions()["correlationid"]; got != "u/1" {
		t.Errorf("without a command it comes of %v", got)
	}
}

func TestTellsOfBuilds(t *testing.T) {
	failedFor := func(reason string, attempt int32) FunctionOption {
		return func(fn *v1alpha1.LambdaFunction) {
			begun(fn)
			at := metav1.NewTime(ended.Add(time.Duration(attempt) * time.Minute))
			fn.Status.BuildStatus.StartedAt, fn.Status.BuildStatus.CompletedAt, fn.Status.BuildStatus.Attempt = &metav1.Time{Time: began}, &at, attempt
			fn.Status.MarkBuildFailed(reason, "why")
		}
	}
	for name, tc := range map[string]struct {
		before, after FunctionOption
		want          []string
		phase, code   string
		retryable     bool
	}{
		"it succeeds":              {before: begun, after: built, want: []string{events.BuildCompleted}, phase: "Succeeded"},
		"it has succeeded":         {before: built, after: built},
		"it fails":                 {before: begun, after: failedFor(v1alpha1.ReasonCompileFailed, 1), want: []string{events.BuildFailed}, phase: "Failed", code: "BUILD_FAILED"},
		"it fails for a while":     {before: begun, after: failedFor(v1alpha1.ReasonRegistryUnavailable, 1), want: []string{events.BuildFailed}, phase: "Failed", code: "BUILD_FAILED", retryable: true},
		"it fails again":           {before: failedFor(v1alpha1.ReasonRegistryUnavailable, 1), after: failedFor(v1alpha1.ReasonRegistryUnavailable, 2), want: []string{events.BuildFailed}, phase: "Failed", code: "BUILD_FAILED", retryable: true},
		"it takes too long":        {before: begun, after: failedFor(v1alpha1.ReasonBuildTimeout, 1), want: []string{events.BuildTimeout}, phase: "TimedOut", code: "BUILD_TIMEOUT"},
		"the TaskRun says so":      {before: begun, after: failedFor(v1alpha1.ReasonBuildCancelled, 1)},
		"it goes on":               {before: begun, after: begun},
		"there is nothing to make": {before: WithNothingToBuild, after: WithNothingToBuild},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTale(t, function(tc.after, withVersion("2")))
			w.buildChanged(function(tc.before, withVersion("1")), function(tc.after, withVersion("2")))
			w.want(tc.want...)
			if len(tc.want) == 0 {
				return
			}
			var data events.Build
			if err := json.Unmarshal(w.events[0].Data(), &data); err != nil {
				t.Fatal("Unmarshal() =", err)
			}
			code, retryable := "", false
			if data.Error != nil {
				code, retryable = data.Error.Code, data.Error.Retryable
			}
			if data.Phase != tc.phase || code != tc.code || retryable != tc.retryable || data.Duration < 60 || (data.Digest != "") != (code == "") {
				t.Errorf("the data is %s", w.events[0].Data())
			}
		})
	}
}

// TestLogsBy follows a ConfigMap that changes.
func TestLogsBy(t *testing.T) {
	store := configmap.NewUntypedStore("sink", logtesting.TestLogger(t), configmap.Constructors{config.EventingConfigName: config.NewEventingFromConfigMap})
	logsOf := logsBy(store)
	if got := logsOf("shop", "hello-1"); got != "" {
		t.Errorf("before it is read: %q, want none", got)
	}
	for _, address := range []string{"https://a.example.com/", "https://b.example.com/"} {
		store.OnConfigChanged(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: config.EventingConfigName}, Data: map[string]string{"build-logs-url": address + "${NAMESPACE}/${TASKRUN}"},
		})
		if got, want := logsOf("shop", "hello-1"), address+"shop/hello-1"; got != want {
			t.Errorf("logsOf() = %q, want %q", got, want)
		}
	}
}

func TestTellsOfTaskRuns(t *testing.T) {
	version := func(taskRun *tektonv1.TaskRun) { taskRun.UID = "t" }
	for name, tc := range map[string]struct {
		before, after *tektonv1.TaskRun
		want          []string
	}{
		"it begins":        {taskRunOf(function(), version), taskRunOf(function(), version, running), []string{events.BuildStarted}},
		"it goes on":       {taskRunOf(function(), version, running), taskRunOf(function(), version, running), nil},
		"it succeeds":      {taskRunOf(function(), version, running), taskRunOf(function(), version, succeeded), nil},
		"it was cancelled": {taskRunOf(function(), version, running), taskRunOf(function(), version, cancelled, ours), []string{events.BuildCancelled}},
		"of somebody else": {taskRunOf(function(), WithoutOwner), taskRunOf(function(), WithoutOwner, running), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTale(t, function(withVersion("1")))
			w.taskRunChanged(tc.before, tc.after)
			w.want(tc.want...)
		})
	}
}

func TestTellsOfServices(t *testing.T) {
	version := func(generation int64) ServiceOption {
		return func(s *servingv1.Service) {
			s.UID, s.ResourceVersion, s.Generation = "s", strconv.FormatInt(generation, 10), generation
		}
	}
	w := newTale(t, function(withVersion("1")))
	handler := w.Services()
	handler.OnAdd(serviceOf(function(), version(1)), true) // It was there.
	handler.OnAdd(serviceOf(function(), version(1)), false)
	handler.OnUpdate(serviceOf(function(), version(1)), serviceOf(function(), version(2), WithServiceReady))
	handler.OnDelete(serviceOf(function(), version(3), WithServiceReady))
	handler.OnDelete(serviceOf(function(), WithoutOwner))
	w.want(events.ServiceCreated, events.ServiceUpdated, events.ServiceReady, events.ServiceDeleted)
	var data events.Service
	if err := json.Unmarshal(w.events[2].Data(), &data); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	want := events.Service{
		Name: "hello", Namespace: "default", ServiceName: "hello", URL: "http://hello.default.example.com", Ready: true,
		Replicas: events.Replicas{Desired: 2, Ready: 1, Available: 1}, Traffic: []events.Traffic{},
	}
	if diff := cmp.Diff(want, data); diff != "" {
		t.Error("the data (-want, +got):", diff)
	}
}
