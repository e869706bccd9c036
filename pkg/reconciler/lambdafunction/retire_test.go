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
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	faketektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	fakekubeclient "knative.dev/pkg/client/injection/kube/client/fake"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// retireRows are about builds of a spec that is not the present one any more, and about going back to it.
func retireRows() rtesting.TableTest {
	fnA, fnB := function(codeA), function(codeB)
	nameA, nameB := taskRunName(fnA), taskRunName(fnB)
	buildingA := building(v1alpha1.ReasonBuildRunning, goingOn)
	pendingB := statusUpdate(function(edited(codeB), building(v1alpha1.ReasonQueued, placeOne)))
	createsB, createdB := []runtime.Object{planOf(fnB), taskRunOf(fnB)}, []string{normal("Created", "Created TaskRun %q", nameB)}
	waitingA := statusUpdate(function(edited(codeA), building(v1alpha1.ReasonBuildPending, goingAway)))
	// backAtA is the spec that was first, beside the status of the one between.
	backAtA := function(codeB, building(v1alpha1.ReasonBuildRunning, goingOn), edited(codeA))
	return rtesting.TableTest{{
		Name:              "edit while building",
		Key:               key,
		Objects:           []runtime.Object{function(codeA, buildingA, edited(codeB)), planOf(fnA), taskRunOf(fnA, running)},
		WantPatches:       []clientgotesting.PatchActionImpl{cancellation(nameA)},
		WantCreates:       createsB,
		WantEvents:        createdB,
		WantStatusUpdates: pendingB,
	}, {
		Name: "edit while the build before is being cancelled already",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, buildingA, edited(codeB)), planOf(fnA), taskRunOf(fnA, running, WithTaskRunCancelled("")),
		},
		WantCreates:       createsB,
		WantEvents:        createdB,
		WantStatusUpdates: pendingB,
	}, {
		Name:              "edit while building, and the TaskRun is gone",
		Key:               key,
		Objects:           []runtime.Object{function(codeA, buildingA, edited(codeB)), taskRunOf(fnA, running)},
		WithReactors:      []clientgotesting.ReactionFunc{refuse("patch", "taskruns", notFound("taskruns"))},
		WantPatches:       []clientgotesting.PatchActionImpl{cancellation(nameA)},
		WantCreates:       createsB,
		WantEvents:        createdB,
		WantStatusUpdates: pendingB,
	}, {
		Name:         "edit while building, and the TaskRun cannot be cancelled",
		Key:          key,
		Objects:      []runtime.Object{function(codeA, buildingA, edited(codeB)), taskRunOf(fnA, running)},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("patch", "taskruns")},
		WantErr:      true,
		WantPatches:  []clientgotesting.PatchActionImpl{cancellation(nameA)},
		WantEvents:   []string{warning("InternalError", "failed to cancel TaskRun %q: inducing failure for patch taskruns", nameA)},
		WantStatusUpdates: statusUpdate(function(codeA, buildingA, edited(codeB), WithObserved(2),
			WithBuildRunning(v1alpha1.ReasonBuildPending, beingMade), WithWaitingForBuild, summarized)),
	}, {
		Name: "the TaskRun of somebody else is not cancelled, though it has our labels",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, buildingA, edited(codeB)), planOf(fnA, WithoutOwner), taskRunOf(fnA, running, WithoutOwner),
		},
		WantCreates:       createsB,
		WantEvents:        createdB,
		WantStatusUpdates: pendingB,
	}, {
		Name: "taken back while the build is being cancelled",
		Key:  key,
		Objects: []runtime.Object{
			backAtA, planOf(fnA), taskRunOf(fnA, ours, WithTaskRunOngoing("Running")), planOf(fnB), taskRunOf(fnB, running),
		},
		WantPatches:       []clientgotesting.PatchActionImpl{cancellation(nameB)},
		WantStatusUpdates: waitingA,
	}, {
		Name: "taken back after the build was cancelled",
		Key:  key,
		Objects: []runtime.Object{
			backAtA, planOf(fnA), taskRunOf(fnA, WithTaskRunUID("uid-a"), ours, WithTaskRunFailed(ended, "TaskRunCancelled", "")),
		},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("taskruns", nameA)},
		WantStatusUpdates: waitingA,
		OtherTestData:     goesOn,
		PostConditions:    []func(*testing.T, *rtesting.TableRow){deletedInForeground("uid-a")},
	}, {
		Name: "taken back, and the cancelled TaskRun is going away",
		Key:  key,
		Objects: []runtime.Object{
			backAtA, planOf(fnA), taskRunOf(fnA, ours, WithTaskRunFailed(ended, "TaskRunCancelled", ""), WithDeletionTimestamp),
		},
		WantStatusUpdates: waitingA,
	}, {
		Name:              "taken back, and the cancelled TaskRun is gone",
		Key:               key,
		Objects:           []runtime.Object{backAtA, planOf(fnA)},
		WantCreates:       []runtime.Object{taskRunOf(fnA)},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", nameA)},
		WantStatusUpdates: statusUpdate(function(edited(codeA), building(v1alpha1.ReasonQueued, placeOne))),
	}, {
		Name: "taken back, and the cancelled TaskRun is gone before it is deleted",
		Key:  key,
		Objects: []runtime.Object{
			backAtA, planOf(fnA), taskRunOf(fnA, ours, WithTaskRunFailed(ended, "TaskRunCancelled", "")),
		},
		WithReactors:      []clientgotesting.ReactionFunc{refuse("delete", "taskruns", notFound("taskruns"))},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("taskruns", nameA)},
		WantStatusUpdates: waitingA,
		OtherTestData:     goesOn,
	}, {
		Name: "taken back, and the cancelled TaskRun cannot be deleted",
		Key:  key,
		Objects: []runtime.Object{
			backAtA, planOf(fnA), taskRunOf(fnA, ours, WithTaskRunFailed(ended, "TaskRunCancelled", "")),
		},
		WithReactors:      []clientgotesting.ReactionFunc{rtesting.InduceFailure("delete", "taskruns")},
		WantErr:           true,
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("taskruns", nameA)},
		WantEvents:        []string{warning("InternalError", "failed to delete TaskRun %q: inducing failure for delete taskruns", nameA)},
		WantStatusUpdates: waitingA,
	}, {
		Name: "taken back to what was built before: nothing is built",
		Key:  key,
		Objects: []runtime.Object{
			backAtA, planOf(fnA), taskRunOf(fnA, succeeded), planOf(fnB), taskRunOf(fnB, running),
			serviceOf(fnA, WithServiceReady),
		},
		WantPatches:       []clientgotesting.PatchActionImpl{cancellation(nameB)},
		WantStatusUpdates: statusUpdate(function(edited(codeA), deployed(WithServiceReady))),
	}}
}

// deletedInForeground checks that the one TaskRun that was deleted is the one that was looked at, and that its name is
// not free before its pod is gone.
func deletedInForeground(uid types.UID) func(*testing.T, *rtesting.TableRow) {
	foreground := metav1.DeletePropagationForeground
	return checkDeletions(func(row *rtesting.TableRow) *clientgotesting.Fake { return &faketektonclient.Get(row.Ctx).Fake },
		metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &foreground})
}

func checkDeletions(fake func(*rtesting.TableRow) *clientgotesting.Fake, want ...metav1.DeleteOptions) func(*testing.T, *rtesting.TableRow) {
	return func(t *testing.T, row *rtesting.TableRow) {
		t.Helper()
		var got []metav1.DeleteOptions
		for _, action := range fake(row).Actions() {
			if deletion, ok := action.(clientgotesting.DeleteActionImpl); ok {
				got = append(got, deletion.GetDeleteOptions())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("options of deletions (-want, +got):", diff)
		}
	}
}

// pruneRows are about builds that ended. The cluster keeps two of them beside the present one.
func pruneRows() rtesting.TableTest {
	ctx := withConfig(map[string]string{"history": "2"})
	settled := function(deployed(WithServiceReady))
	// The older the code's number, the older the build.
	old := func(number int) *v1alpha1.LambdaFunction {
		return function(WithCode("old = " + string(rune('0'+number))))
	}
	name := func(number int) string { return taskRunName(old(number)) }
	uid := func(number int) types.UID { return types.UID(name(number)) }
	taskRun := func(number int, changes ...TaskRunOption) *tektonv1.TaskRun {
		return Change(taskRunOf(old(number), WithTaskRunCreated(began.Add(time.Duration(number)*time.Hour)), WithTaskRunUID(name(number)),
			WithTaskRunFailed(ended, "Failed", "")), changes...)
	}
	plan := func(number int, changes ...func(*corev1.ConfigMap)) *corev1.ConfigMap {
		return Change(planOf(old(number), func(cm *corev1.ConfigMap) { cm.UID = uid(number) }), changes...)
	}
	live := []runtime.Object{settled, serviceOf(settled, WithServiceReady), planOf(settled), taskRunOf(settled, succeeded)}
	row := func(row rtesting.TableRow, objects ...runtime.Object) rtesting.TableRow {
		row.Key, row.Objects = key, slices.Concat(live, objects)
		if row.Ctx == nil {
			row.Ctx = ctx
		}
		return row
	}
	deletes := func(numbers ...int) (deletes []clientgotesting.DeleteActionImpl) {
		for _, number := range numbers {
			deletes = append(deletes, deletion("taskruns", name(number)), deletion("configmaps", name(number)))
		}
		return deletes
	}
	byUID := func(numbers ...int) (options []metav1.DeleteOptions) {
		for _, number := range numbers {
			uid := uid(number)
			options = append(options, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
		}
		return options
	}
	sameAge := WithTaskRunCreated(began)
	lastByName := slices.Index([]string{name(1), name(2), name(3)}, slices.Max([]string{name(1), name(2), name(3)})) + 1
	return rtesting.TableTest{
		row(rtesting.TableRow{Name: "as many as are kept"}, taskRun(1), plan(1), taskRun(2), plan(2)),
		row(rtesting.TableRow{
			Name:        "the oldest go, with their plans",
			WantDeletes: deletes(1, 2),
			PostConditions: []func(*testing.T, *rtesting.TableRow){
				checkDeletions(func(row *rtesting.TableRow) *clientgotesting.Fake { return &faketektonclient.Get(row.Ctx).Fake }, byUID(2, 1)...),
				func(t *testing.T, row *rtesting.TableRow) {
					if got, want := countDeletions(&fakekubeclient.Get(row.Ctx).Fake), 2; got != want {
						t.Errorf("%d plans deleted, want %d", got, want)
					}
				},
			},
		}, taskRun(3), plan(3), taskRun(1), plan(1), taskRun(4), plan(4), taskRun(2), plan(2)),
		row(rtesting.TableRow{
			Name:        "of the same age the last by name goes",
			WantDeletes: deletes(lastByName),
		}, taskRun(1, sameAge), plan(1), taskRun(2, sameAge), plan(2), taskRun(3, sameAge), plan(3)),
		row(rtesting.TableRow{
			Name:        "none are kept",
			Ctx:         withConfig(map[string]string{"history": "0"}),
			WantDeletes: deletes(1),
		}, taskRun(1), plan(1)),
		row(rtesting.TableRow{
			Name: "as old as they may be",
			Ctx:  config.ToContext(at(ended.Add(24*time.Hour-time.Second)), newConfig(map[string]string{"history-age": "24h"})),
		}, taskRun(1), plan(1)),
		row(rtesting.TableRow{
			Name: "too old, also the one whose image serves",
			Ctx:  config.ToContext(at(ended.Add(24*time.Hour)), newConfig(map[string]string{"history-age": "24h"})),
			WantDeletes: append(deletes(1),
				deletion("taskruns", taskRunName(settled)), deletion("configmaps", taskRunName(settled))),
		}, taskRun(1), plan(1)),
		row(rtesting.TableRow{
			Name: "of any age",
			Ctx:  config.ToContext(at(ended.Add(10000*time.Hour)), newConfig(map[string]string{"history-age": "0s"})),
		}, taskRun(1), plan(1)),
		row(rtesting.TableRow{
			Name:        "plan whose TaskRun was deleted by hand",
			WantDeletes: []clientgotesting.DeleteActionImpl{deletion("configmaps", name(1))},
		}, plan(1)),
		row(rtesting.TableRow{
			Name: "those of somebody else stay",
		}, taskRun(1, WithoutOwner), plan(1, WithoutOwner), taskRun(2), taskRun(3)),
		row(rtesting.TableRow{
			Name: "gone before they are deleted",
			WithReactors: []clientgotesting.ReactionFunc{
				refuse("delete", "taskruns", notFound("taskruns")), refuse("delete", "configmaps", notFound("configmaps")),
			},
			WantDeletes: deletes(1),
		}, taskRun(1), plan(1), taskRun(2), taskRun(3)),
		row(rtesting.TableRow{
			Name:         "TaskRun cannot be deleted",
			WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("delete", "taskruns")},
			WantErr:      true,
			WantDeletes:  []clientgotesting.DeleteActionImpl{deletion("taskruns", name(1))},
			WantEvents:   []string{warning("InternalError", "failed to delete TaskRun %q: inducing failure for delete taskruns", name(1))},
		}, taskRun(1), plan(1), taskRun(2), taskRun(3)),
		row(rtesting.TableRow{
			Name:         "plan cannot be deleted",
			WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("delete", "configmaps")},
			WantErr:      true,
			WantDeletes:  []clientgotesting.DeleteActionImpl{deletion("configmaps", name(1))},
			WantEvents:   []string{warning("InternalError", "failed to delete ConfigMap %q: inducing failure for delete configmaps", name(1))},
		}, plan(1)),
	}
}

func countDeletions(fake *clientgotesting.Fake) (count int) {
	for _, action := range fake.Actions() {
		if action.GetVerb() == "delete" {
			count++
		}
	}
	return count
}
