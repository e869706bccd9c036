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
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
)

// The messages of the TaskRuns that were cancelled here: for a newer spec, or because the function says so.
const (
	superseded = "superseded by a newer build"
	asked      = "cancelled by annotation " + lambda.CancelBuildAnnotationKey
)

// cancelPatch is how Tekton is told to end a TaskRun and its pod, with a message.
const cancelPatch = `{"spec":{"status":"` + tektonv1.TaskRunSpecStatusCancelled + `","statusMessage":"%s"}}`

// retireBuilds cancels what builds an older spec, and deletes those of the builds that ended which are more or older than
// ConfigMap config-build keeps. The current one stays, unless it has become old and its image is known.
func (r *Reconciler) retireBuilds(ctx context.Context, fn *v1alpha1.LambdaFunction, current string, built bool) error {
	taskRuns, err := r.taskRunLister.TaskRuns(fn.Namespace).List(resources.FunctionSelector(fn))
	if err != nil {
		return fmt.Errorf("failed to list TaskRuns: %w", err)
	}
	kept := map[string]struct{}{current: {}}
	var ended []*tektonv1.TaskRun
	for _, taskRun := range taskRuns {
		switch {
		case !metav1.IsControlledBy(taskRun, fn) || (taskRun.Name == current && (!built || !taskRun.IsDone())):
		case taskRun.IsDone():
			ended = append(ended, taskRun)
		default:
			kept[taskRun.Name] = struct{}{}
			if err := r.cancel(ctx, taskRun, superseded); err != nil {
				return err
			}
		}
	}
	if err := r.pruneBuilds(ctx, fn, ended, current, kept); err != nil {
		return err
	}
	return r.deletePlans(ctx, fn, kept)
}

// pruneBuilds deletes the oldest of the builds that ended, and adds the others to those that are kept. The current one
// does not count.
func (r *Reconciler) pruneBuilds(ctx context.Context, fn *v1alpha1.LambdaFunction, ended []*tektonv1.TaskRun, current string, kept map[string]struct{}) error {
	slices.SortFunc(ended, func(a, b *tektonv1.TaskRun) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	build := config.FromContextOrDefaults(ctx).Build
	room := build.History
	for _, taskRun := range ended {
		if taskRun.Name != current {
			room--
		}
		left := r.lifetime(taskRun, build.HistoryAge)
		if left > 0 && (taskRun.Name == current || room >= 0) {
			kept[taskRun.Name] = struct{}{}
			if left <= build.HistoryAge {
				r.enqueueAfter(fn, left)
			}
			continue
		}
		delete(kept, taskRun.Name)
		err := r.tekton.TektonV1().TaskRuns(fn.Namespace).Delete(ctx, taskRun.Name, preconditions(taskRun))
		if err != nil && !apierrs.IsNotFound(err) {
			return fmt.Errorf("failed to delete TaskRun %q: %w", taskRun.Name, err)
		}
	}
	return nil
}

// lifetime is how long a build that ended is kept from now on. Without a limit it is the longest that there is.
func (r *Reconciler) lifetime(taskRun *tektonv1.TaskRun, limit time.Duration) time.Duration {
	if limit == 0 || taskRun.Status.CompletionTime == nil {
		return math.MaxInt64
	}
	return limit - r.clock.Since(taskRun.Status.CompletionTime.Time)
}

// cancelBuild ends the build of the present spec, and leaves it at that until there is another one.
func (r *Reconciler) cancelBuild(ctx context.Context, fn *v1alpha1.LambdaFunction, build *resources.Build) error {
	taskRun, err := r.taskRunLister.TaskRuns(fn.Namespace).Get(names.Build(fn, build.Key()))
	switch {
	case err != nil && !apierrs.IsNotFound(err):
		return fmt.Errorf("failed to get the TaskRun: %w", err)
	case err == nil && metav1.IsControlledBy(taskRun, fn) && taskRun.DeletionTimestamp == nil:
		r.propagateTaskRun(ctx, fn, build, taskRun)
		if taskRun.IsDone() {
			return nil
		}
		return r.cancel(ctx, taskRun, asked)
	}
	// It went with the history, or was never made.
	fn.Status.BeginBuild(build.Key(), names.Build(fn, build.Key()), nil)
	fn.Status.BuildStatus.Rebuild = fn.Annotations[lambda.RebuildAnnotationKey]
	fn.Status.MarkBuildFailed(v1alpha1.ReasonBuildCancelled, buildCancelled)
	return nil
}

func (r *Reconciler) cancel(ctx context.Context, taskRun *tektonv1.TaskRun, message string) error {
	if taskRun.IsCancelled() {
		return nil
	}
	patch := fmt.Appendf(nil, cancelPatch, message)
	_, err := r.tekton.TektonV1().TaskRuns(taskRun.Namespace).Patch(ctx, taskRun.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil && !apierrs.IsNotFound(err) {
		return fmt.Errorf("failed to cancel TaskRun %q: %w", taskRun.Name, err)
	}
	return nil
}

// outdated is true for a TaskRun that cannot answer for its build key any more: it is going away, was cancelled for a
// newer spec which has been taken back since, or failed with settings that have been changed since.
func outdated(taskRun, desired *tektonv1.TaskRun) bool {
	const settings = lambda.BuildSettingsAnnotationKey
	return taskRun.DeletionTimestamp != nil ||
		(taskRun.IsCancelled() && taskRun.Spec.StatusMessage == superseded) ||
		(taskRun.IsFailure() && taskRun.Annotations[settings] != desired.Annotations[settings])
}

// deleteOutdated deletes the TaskRun once it has ended, so that the next reconcile makes it anew. It waits for the
// pod to be gone (foreground): Tekton would take the pod of the same name for that of the new TaskRun.
func (r *Reconciler) deleteOutdated(ctx context.Context, taskRun *tektonv1.TaskRun) error {
	if taskRun.DeletionTimestamp != nil || !taskRun.IsDone() {
		return nil
	}
	options := preconditions(taskRun)
	foreground := metav1.DeletePropagationForeground
	options.PropagationPolicy = &foreground
	err := r.tekton.TektonV1().TaskRuns(taskRun.Namespace).Delete(ctx, taskRun.Name, options)
	if err != nil && !apierrs.IsNotFound(err) {
		return fmt.Errorf("failed to delete TaskRun %q: %w", taskRun.Name, err)
	}
	return nil
}

// deletePlans deletes the plans of builds that are no longer kept.
func (r *Reconciler) deletePlans(ctx context.Context, fn *v1alpha1.LambdaFunction, kept map[string]struct{}) error {
	plans, err := r.configMapLister.ConfigMaps(fn.Namespace).List(resources.FunctionSelector(fn))
	if err != nil {
		return fmt.Errorf("failed to list ConfigMaps: %w", err)
	}
	for _, plan := range plans {
		if _, ok := kept[plan.Name]; ok || !metav1.IsControlledBy(plan, fn) {
			continue
		}
		err := r.kube.CoreV1().ConfigMaps(fn.Namespace).Delete(ctx, plan.Name, preconditions(plan))
		if err != nil && !apierrs.IsNotFound(err) {
			return fmt.Errorf("failed to delete ConfigMap %q: %w", plan.Name, err)
		}
	}
	return nil
}

// preconditions make sure that what is deleted is what was looked at.
func preconditions(object metav1.Object) metav1.DeleteOptions {
	uid := object.GetUID()
	return metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
}
