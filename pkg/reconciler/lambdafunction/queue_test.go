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
	"fmt"
	"slices"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"k8s.io/apimachinery/pkg/runtime"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// queueRows are about builds that wait for their turn, behind those of other functions.
func queueRows() rtesting.TableTest {
	row := func(name, place string, others int) rtesting.TableRow {
		waiting := taskRunOf(function(), WithTaskRunCreated(began.Add(time.Hour)))
		return rtesting.TableRow{
			Name:              name,
			Key:               key,
			Objects:           append(othersThatWait(others), function(), planOf(function()), waiting),
			WantStatusUpdates: statusUpdate(function(queuedAt(place, "10", "5"))),
		}
	}
	unlimited := row("limits that are none", "place 1 in the queue", 0)
	unlimited.Ctx = withConfig(map[string]string{"max-concurrent-builds": "0", "max-concurrent-builds-per-namespace": "0"})
	unlimited.WantStatusUpdates = statusUpdate(function(queuedAt("place 1 in the queue", "any number of", "any number of")))
	return rtesting.TableTest{
		row("the next", "place 1 in the queue", 0),
		row("the last place that is told", "place 10 in the queue", 9),
		row("a place that is not told", "at least 10 builds are before it", 10),
		unlimited,
		{
			Name: "its turn has come",
			Key:  key,
			Objects: []runtime.Object{
				function(building(v1alpha1.ReasonQueued, placeOne)), planOf(function()), taskRunOf(function(), WithTaskRunAdmitted),
			},
			WantStatusUpdates: statusUpdate(function(building(v1alpha1.ReasonBuildPending, podNotStarted))),
		},
		{
			Name: "cancelled before its turn",
			Key:  key,
			Objects: []runtime.Object{
				function(building(v1alpha1.ReasonQueued, placeOne)), planOf(function()),
				taskRunOf(function(), WithTaskRunCancelled(""), WithTaskRunFailed(ended, string(tektonv1.TaskRunReasonCancelled), "")),
			},
			WantStatusUpdates: statusUpdate(function(failedBuild(v1alpha1.ReasonBuildCancelled,
				"The build was cancelled. To build the same source again, change annotation lambda.knative.io/rebuild."),
				notStarted, WithWaitingForBuild, summarized)),
		},
	}
}

func notStarted(fn *v1alpha1.LambdaFunction) {
	fn.Status.BuildStatus.StartedAt = nil
}

func queuedAt(place, total, namespace string) FunctionOption {
	return building(v1alpha1.ReasonQueued, fmt.Sprintf("%%.0sWaiting for its turn: %s. ConfigMap config-build allows %s builds at once "+
		"(max-concurrent-builds), and %s in a namespace (max-concurrent-builds-per-namespace).", place, total, namespace))
}

// othersThatWait are TaskRuns of other functions of the namespace, made before.
func othersThatWait(n int) (objects []runtime.Object) {
	for i := range n {
		objects = append(objects, taskRunOf(LambdaFunction(fmt.Sprintf("other-%02d", i), "default"),
			WithTaskRunCreated(began.Add(time.Duration(i)*time.Second))))
	}
	return objects
}

// TestTurns holds that of a long queue only those are woken that may be told another place, and only by its changes.
func TestTurns(t *testing.T) {
	const waiting = 50
	foreign := taskRunOf(function(), WithoutOwner, WithTaskRunCreated(began.Add(-time.Hour)))
	listers := NewListers(append(othersThatWait(waiting), foreign))
	var woken []string
	handler := turns(func() {
		enqueueNext(listers.TaskRunLister(), func(object any) { woken = append(woken, object.(*tektonv1.TaskRun).Name) })
	})
	next := func() (names []string) {
		for _, object := range othersThatWait(2*placesShown - 1) {
			names = append(names, object.(*tektonv1.TaskRun).Name)
		}
		return names
	}()
	queued, admitted := taskRunOf(function()), taskRunOf(function(), WithTaskRunAdmitted)
	for _, tc := range []struct {
		name  string
		event func()
		want  []string
	}{
		{"one comes", func() { handler.OnAdd(queued, false) }, next},
		{"one has its turn", func() { handler.OnUpdate(queued, admitted) }, next},
		{"one is deleted", func() { handler.OnDelete(queued) }, next},
		{"one that waits changes", func() { handler.OnUpdate(queued, queued) }, nil},
		{"one that runs changes", func() { handler.OnUpdate(admitted, admitted) }, nil},
		{"something else", func() { handler.OnAdd("else", false) }, nil},
	} {
		woken = nil
		if tc.event(); !slices.Equal(woken, tc.want) {
			t.Errorf("%s: woken = %v, want %v", tc.name, woken, tc.want)
		}
	}
}
