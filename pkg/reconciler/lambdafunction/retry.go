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
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// The pauses between tries double from the first to the longest.
const (
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute
)

// passing are the reasons whose cause lies outside of the function, where it may go away without an edit.
var passing = sets.New(
	string(source.ReasonSourceNotFound), string(source.ReasonRefNotFound), string(source.ReasonSourceForbidden),
	string(source.ReasonSecretInvalid), string(source.ReasonHostKeyMismatch), string(source.ReasonCertificateInvalid),
	string(source.ReasonSourceUnavailable), string(source.ReasonSourceTimeout), string(source.ReasonInternal),
	v1alpha1.ReasonBaseImageNotFound, v1alpha1.ReasonBuildImagePullFailed, v1alpha1.ReasonBuildPodFailed,
	v1alpha1.ReasonDependencyNotFound, v1alpha1.ReasonPackageIndexUnavailable, v1alpha1.ReasonRegistryCertificateInvalid,
	v1alpha1.ReasonRegistryDenied, v1alpha1.ReasonRegistryUnavailable, v1alpha1.ReasonRepositoryNotFound,
)

// nextTry is when a build that failed for the reason is tried again; false where only an edit can mend it.
func nextTry(taskRun *tektonv1.TaskRun, reason string) (time.Time, bool) {
	if !passing.Has(reason) || taskRun.Status.CompletionTime == nil {
		return time.Time{}, false
	}
	pause := firstPause
	for range resources.Attempt(taskRun) - 1 {
		if pause = min(2*pause, longestPause); pause == longestPause {
			break
		}
	}
	return taskRun.Status.CompletionTime.Add(pause), true
}

// retryBuild takes a failed TaskRun away once its pause is over, so that the next reconcile makes it anew.
func (r *Reconciler) retryBuild(ctx context.Context, fn *v1alpha1.LambdaFunction, taskRun *tektonv1.TaskRun) error {
	if !taskRun.IsFailure() {
		return nil
	}
	at, ok := nextTry(taskRun, fn.Status.BuildStatus.Reason)
	if !ok {
		return nil
	}
	if wait := at.Sub(r.clock.Now()); wait > 0 {
		r.enqueueAfter(fn, wait)
		return nil
	}
	return r.deleteOutdated(ctx, taskRun)
}

// notOwned has the function looked at again later: what belongs to others is not watched, and so nobody tells when it
// is gone.
func (r *Reconciler) notOwned(fn *v1alpha1.LambdaFunction, kind, name string) error {
	r.enqueueAfter(fn, serving.LookAgain)
	return serving.NotOwned(fn, kind, name)
}
