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
	"slices"
	"strconv"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	tektonlisters "github.com/tektoncd/pipeline/pkg/client/listers/pipeline/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/buildqueue"
)

// placesShown is how many functions are told their place. Each turn changes every place in the queue: were all told,
// a long queue would be written anew with each build.
const placesShown = 10

// propagatePlace says of a build that waits for its turn where it is in the queue.
func (r *Reconciler) propagatePlace(ctx context.Context, fn *v1alpha1.LambdaFunction, taskRun *tektonv1.TaskRun) error {
	known, err := r.taskRunLister.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("failed to list TaskRuns: %w", err)
	}
	same := func(other *tektonv1.TaskRun) bool {
		return other.Namespace == taskRun.Namespace && other.Name == taskRun.Name
	}
	// The informer may not have seen it yet.
	order := buildqueue.Order(append(slices.DeleteFunc(known, same), taskRun))
	place := fmt.Sprintf("at least %d builds are before it", placesShown)
	if i := slices.IndexFunc(order, same); i < placesShown {
		place = fmt.Sprintf("place %d in the queue", i+1)
	}
	cfg := config.FromContextOrDefaults(ctx).Build
	fn.Status.MarkBuildRunning(v1alpha1.ReasonQueued, fmt.Sprintf("Waiting for its turn: %s. ConfigMap config-build allows %s builds at once "+
		"(max-concurrent-builds), and %s in a namespace (max-concurrent-builds-per-namespace).",
		place, limit(cfg.MaxConcurrentBuilds), limit(cfg.MaxConcurrentBuildsPerNamespace)))
	return nil
}

func limit(n int) string {
	if n == 0 {
		return "any number of"
	}
	return strconv.Itoa(n)
}

// turns handles events of TaskRuns after which others have another place in the queue.
func turns(changed func()) cache.ResourceEventHandler {
	waiting := func(object any) bool {
		taskRun, ok := object.(*tektonv1.TaskRun)
		return ok && buildqueue.Waiting(taskRun)
	}
	// The filter turns a TaskRun that waits no more into a deletion.
	return cache.FilteringResourceEventHandler{
		FilterFunc: waiting,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { changed() },
			DeleteFunc: func(any) { changed() },
		},
	}
}

// enqueueNext enqueues the functions that are told their place, and as many after them that may have been.
func enqueueNext(lister tektonlisters.TaskRunLister, enqueue func(any)) {
	known, err := lister.List(labels.Everything())
	if err != nil {
		return // It lists a cache, which does not fail.
	}
	order := buildqueue.Order(known)
	for _, taskRun := range order[:min(len(order), 2*placesShown)] {
		if isChild(taskRun) {
			enqueue(taskRun)
		}
	}
}
