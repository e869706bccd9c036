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

// Package buildqueue starts the builds that wait, when their turn comes.
package buildqueue

import (
	"context"
	"fmt"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	tektonclientset "github.com/tektoncd/pipeline/pkg/client/clientset/versioned"
	tektonlisters "github.com/tektoncd/pipeline/pkg/client/listers/pipeline/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/buildqueue"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// queue is the only key of the controller. So it is in one bucket, which one replica leads, and no two workers have it
// at once: whoever counts the builds that run is the only one who starts others.
var queue = types.NamespacedName{Name: "queue"}

// admission takes the mark off a TaskRun that makes Tekton wait, unless it was cancelled meanwhile.
const admission = `[{"op":"test","path":"/spec/status","value":"` + tektonv1.TaskRunSpecStatusPending + `"},{"op":"remove","path":"/spec/status"}]`

// turnTimeout is how long one reconcile may last. It is less than what a lease has left when its holder gives it up
// (lease-duration less renew-deadline), so that what an old leader began has ended when the new one counts.
const turnTimeout = 4 * time.Second

// Reconciler implements controller.Reconciler for the queue.
type Reconciler struct {
	reconciler.LeaderAwareFuncs

	tekton        tektonclientset.Interface
	taskRunLister tektonlisters.TaskRunLister
	configStore   reconciler.ConfigStore
}

var (
	_ controller.Reconciler  = (*Reconciler)(nil)
	_ reconciler.LeaderAware = (*Reconciler)(nil)
)

func newReconciler(tekton tektonclientset.Interface, lister tektonlisters.TaskRunLister, store reconciler.ConfigStore) *Reconciler {
	return &Reconciler{
		LeaderAwareFuncs: reconciler.LeaderAwareFuncs{
			PromoteFunc: func(bucket reconciler.Bucket, enqueue func(reconciler.Bucket, types.NamespacedName)) error {
				enqueue(bucket, queue)
				return nil
			},
		},
		tekton: tekton, taskRunLister: lister, configStore: store,
	}
}

// Reconcile implements controller.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, _ string) error {
	if !r.IsLeaderFor(queue) {
		return controller.NewSkipKey(queue.String())
	}
	ctx, cancel := context.WithTimeout(r.configStore.ToContext(ctx), turnTimeout)
	defer cancel()
	cfg := config.FromContextOrDefaults(ctx).Build
	limits := buildqueue.Limits{Total: cfg.MaxConcurrentBuilds, Namespace: cfg.MaxConcurrentBuildsPerNamespace}
	known, err := r.taskRunLister.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("failed to list TaskRuns: %w", err)
	}
	if len(buildqueue.Admit(known, limits)) == 0 {
		return nil
	}
	// The informer may not have seen what was started just now, here or by the leader before.
	list, err := r.tekton.TektonV1().TaskRuns(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: resources.ManagedSelector})
	if err != nil {
		return fmt.Errorf("failed to list TaskRuns: %w", err)
	}
	present := make([]*tektonv1.TaskRun, 0, len(list.Items))
	for i := range list.Items {
		present = append(present, &list.Items[i])
	}
	for _, taskRun := range buildqueue.Admit(present, limits) {
		if err := r.admit(ctx, taskRun); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) admit(ctx context.Context, taskRun *tektonv1.TaskRun) error {
	_, err := r.tekton.TektonV1().TaskRuns(taskRun.Namespace).Patch(ctx, taskRun.Name, types.JSONPatchType, []byte(admission), metav1.PatchOptions{})
	if apierrs.IsNotFound(err) || apierrs.IsInvalid(err) {
		// It left the queue since the list. Its event brings the next turn.
		logging.FromContext(ctx).Infow("TaskRun has left the queue", "namespace", taskRun.Namespace, "taskRun", taskRun.Name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to start TaskRun %q in namespace %q: %w", taskRun.Name, taskRun.Namespace, err)
	}
	return nil
}
