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
	"context"
	"fmt"
	"strings"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/controller"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/buildqueue"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
)

// reconcileBuild makes sure that the image of the build key is there, or is being made by exactly one TaskRun.
func (r *Reconciler) reconcileBuild(ctx context.Context, fn *v1alpha1.LambdaFunction, build *resources.Build) error {
	built := fn.Status.Built(build.Key())
	if built {
		// The TaskRun may be gone by now: what it made is not. Nodes may have to pull it from elsewhere by now.
		_, digest, _ := strings.Cut(fn.Status.BuildStatus.ImageURI, "@")
		fn.Status.BuildStatus.ImageURI = build.ImageURI(digest)
		fn.Status.BuildStatus.Rebuild = fn.Annotations[lambda.RebuildAnnotationKey]
		fn.Status.MarkBuildReady()
	} else {
		// Whatever fails from here on, what an older spec left behind must not be taken for this one's.
		fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildPending, "The TaskRun is being made.")
	}
	if err := r.retireBuilds(ctx, fn, names.Build(fn, build.Key()), built); err != nil || built {
		return err
	}
	if fn.Annotations[lambda.CancelBuildAnnotationKey] == build.Key() {
		return r.cancelBuild(ctx, fn, build)
	}
	desired := resources.MakeTaskRun(fn, build, config.FromContextOrDefaults(ctx).Build)
	taskRun, err := r.taskRun(ctx, fn, build, desired)
	if taskRun == nil || err != nil {
		return err
	}
	if outdated(taskRun, desired) {
		beginBuild(fn, build, taskRun)
		fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildPending, fmt.Sprintf("TaskRun %q is going away, to be made anew.", taskRun.Name))
		return r.deleteOutdated(ctx, taskRun)
	}
	r.propagateTaskRun(ctx, fn, build, taskRun)
	if buildqueue.Waiting(taskRun) {
		return r.propagatePlace(ctx, fn, taskRun)
	}
	return r.retryBuild(ctx, fn, taskRun)
}

// taskRun returns the TaskRun of the build, made where it was not there, or nil where it has to wait. Its name is that of
// the build key, so that no restart and no second controller can make another.
func (r *Reconciler) taskRun(ctx context.Context, fn *v1alpha1.LambdaFunction, build *resources.Build, desired *tektonv1.TaskRun) (*tektonv1.TaskRun, error) {
	name := desired.Name
	taskRun, err := r.taskRunLister.TaskRuns(fn.Namespace).Get(name)
	if apierrs.IsNotFound(err) {
		if pod, err := r.podLister.Pods(fn.Namespace).Get(names.BuildPod(name)); err == nil && metav1.GetControllerOf(pod) != nil {
			// Its end is heard of. Tekton would take it for the pod of the new TaskRun, and that for one that has failed.
			fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildPending, fmt.Sprintf("The pod of the TaskRun %q before is going away.", name))
			return nil, nil
		}
		taskRun, err = r.createTaskRun(ctx, fn, build, desired)
	}
	if err != nil {
		return nil, err
	}
	if !metav1.IsControlledBy(taskRun, fn) {
		fn.Status.MarkBuildNotOwned("TaskRun", name)
		return nil, r.notOwned(fn, "TaskRun", name)
	}
	return taskRun, nil
}

func (r *Reconciler) createTaskRun(ctx context.Context, fn *v1alpha1.LambdaFunction, build *resources.Build, desired *tektonv1.TaskRun) (*tektonv1.TaskRun, error) {
	if err := r.reconcilePlan(ctx, fn, build); err != nil {
		return nil, err
	}
	if carried := observability.Carry(ctx); carried != "" {
		desired.Annotations[resources.SpanContextAnnotation] = carried
	}
	taskRuns, recorder := r.tekton.TektonV1().TaskRuns(fn.Namespace), controller.GetEventRecorder(ctx)
	taskRun, err := taskRuns.Create(ctx, desired, metav1.CreateOptions{})
	switch {
	case apierrs.IsAlreadyExists(err):
		// The informer is behind, or the object has not our label and belongs to somebody else.
		if taskRun, err = taskRuns.Get(ctx, desired.Name, metav1.GetOptions{}); err != nil {
			return nil, fmt.Errorf("failed to get TaskRun %q: %w", desired.Name, err)
		}
		return taskRun, nil
	case err != nil:
		recorder.Eventf(fn, corev1.EventTypeWarning, "CreationFailed", "Failed to create TaskRun %q: %v", desired.Name, err)
		return nil, fmt.Errorf("failed to create TaskRun %q: %w", desired.Name, err)
	}
	recorder.Eventf(fn, corev1.EventTypeNormal, "Created", "Created TaskRun %q", desired.Name)
	observability.CountBuild(ctx, observability.BuildCreated)
	return taskRun, nil
}

// reconcilePlan makes sure that the plan is there which the TaskRun mounts.
func (r *Reconciler) reconcilePlan(ctx context.Context, fn *v1alpha1.LambdaFunction, build *resources.Build) error {
	desired, err := resources.MakePlanConfigMap(fn, build)
	if err != nil {
		return err
	}
	configMaps := r.kube.CoreV1().ConfigMaps(fn.Namespace)
	existing, err := r.configMapLister.ConfigMaps(fn.Namespace).Get(desired.Name)
	if apierrs.IsNotFound(err) {
		existing, err = configMaps.Create(ctx, desired, metav1.CreateOptions{})
		if apierrs.IsAlreadyExists(err) {
			existing, err = configMaps.Get(ctx, desired.Name, metav1.GetOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("failed to create ConfigMap %q: %w", desired.Name, err)
	}
	// An immutable ConfigMap of another content was made by somebody who wants to be built in our name.
	if !metav1.IsControlledBy(existing, fn) || !equality.Semantic.DeepEqual(existing.Data, desired.Data) {
		fn.Status.MarkBuildNotOwned("ConfigMap", desired.Name)
		return r.notOwned(fn, "ConfigMap", desired.Name)
	}
	return nil
}
