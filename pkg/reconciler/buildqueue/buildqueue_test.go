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

package buildqueue

import (
	"context"
	"errors"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	faketektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client/fake"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/reconciler"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

var began = time.Unix(1.7e9, 0)

// oneAtATime is the configuration of all rows.
type oneAtATime struct{}

func (oneAtATime) ToContext(ctx context.Context) context.Context {
	cfg := config.FromContextOrDefaults(ctx)
	cfg.Build.MaxConcurrentBuilds = 1
	return config.ToContext(ctx, cfg)
}

func newTestReconciler(ctx context.Context, listers *Listers, _ configmap.Watcher) controller.Reconciler {
	return newReconciler(faketektonclient.Get(ctx), listers.TaskRunLister(), oneAtATime{})
}

func waiting(name string, options ...TaskRunOption) *tektonv1.TaskRun {
	return Change(&tektonv1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, Labels: map[string]string{lambda.ManagedByLabelKey: lambda.ManagedByLabelValue},
		},
		Spec: tektonv1.TaskRunSpec{Status: tektonv1.TaskRunSpecStatusPending},
	}, options...)
}

func admitted(name string) []clientgotesting.PatchActionImpl {
	return []clientgotesting.PatchActionImpl{{
		ActionImpl: clientgotesting.ActionImpl{Namespace: "default"}, Name: name, Patch: []byte(admission),
	}}
}

func refusePatch(err error) []clientgotesting.ReactionFunc {
	return []clientgotesting.ReactionFunc{func(action clientgotesting.Action) (bool, runtime.Object, error) {
		return action.Matches("patch", "taskruns"), nil, err
	}}
}

func TestReconcile(t *testing.T) {
	taskRuns := schema.GroupResource{Resource: "taskruns"}
	// stale is what the API server has, where the informer has seen nothing that runs.
	stale := []clientgotesting.ReactionFunc{func(action clientgotesting.Action) (bool, runtime.Object, error) {
		return action.Matches("list", "taskruns"), &tektonv1.TaskRunList{
			Items: []tektonv1.TaskRun{*waiting("a", WithTaskRunAdmitted), *waiting("b")},
		}, nil
	}}
	table := rtesting.TableTest{{
		Name: "nothing waits",
		Key:  queue.String(),
	}, {
		Name:        "the first has its turn",
		Key:         queue.String(),
		Objects:     []runtime.Object{waiting("b"), waiting("a")},
		WantPatches: admitted("a"),
	}, {
		Name:    "the limit is reached",
		Key:     queue.String(),
		Objects: []runtime.Object{waiting("a", WithTaskRunStarted(began)), waiting("b")},
	}, {
		Name:         "the limit is reached, and the informer has not seen it",
		Key:          queue.String(),
		Objects:      []runtime.Object{waiting("a"), waiting("b")},
		WithReactors: stale,
	}, {
		Name: "the one before has ended",
		Key:  queue.String(),
		Objects: []runtime.Object{
			waiting("a", WithTaskRunStarted(began), WithTaskRunSucceeded(began)), waiting("b"),
		},
		WantPatches: admitted("b"),
	}, {
		Name:         "it is gone",
		Key:          queue.String(),
		Objects:      []runtime.Object{waiting("a")},
		WithReactors: refusePatch(apierrs.NewNotFound(taskRuns, "a")),
		WantPatches:  admitted("a"),
	}, {
		Name:         "it was cancelled",
		Key:          queue.String(),
		Objects:      []runtime.Object{waiting("a")},
		WithReactors: refusePatch(apierrs.NewInvalid(schema.GroupKind{}, "a", nil)),
		WantPatches:  admitted("a"),
	}, {
		Name:         "it cannot be started",
		Key:          queue.String(),
		Objects:      []runtime.Object{waiting("a")},
		WithReactors: refusePatch(errors.New("no")),
		WantPatches:  admitted("a"),
		WantErr:      true,
	}, {
		Name:         "TaskRuns cannot be listed",
		Key:          queue.String(),
		Objects:      []runtime.Object{waiting("a")},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("list", "taskruns")},
		WantErr:      true,
	}}
	for i := range table {
		// The key is of no namespace, and the TaskRuns are of many.
		table[i].SkipNamespaceValidation = true
	}
	table.Test(t, MakeFactory(newTestReconciler))
}

// TestLeader holds that only the leader of the queue's bucket gives turns, and that it looks at once what waits.
func TestLeader(t *testing.T) {
	r := newReconciler(nil, nil, oneAtATime{})
	if err := r.Reconcile(t.Context(), queue.String()); !controller.IsSkipKey(err) {
		t.Errorf("Reconcile() of one that does not lead = %v, want the key skipped", err)
	}
	var enqueued []types.NamespacedName
	err := r.Promote(reconciler.UniversalBucket(), func(_ reconciler.Bucket, key types.NamespacedName) { enqueued = append(enqueued, key) })
	if err != nil || len(enqueued) != 1 || enqueued[0] != queue {
		t.Errorf("Promote() = %v and enqueued %v, want %v", err, enqueued, queue)
	}
}
