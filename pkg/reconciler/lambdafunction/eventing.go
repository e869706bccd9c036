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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// reconcileEventing wires the function to Knative Eventing.
func (r *Reconciler) reconcileEventing(ctx context.Context, fn *v1alpha1.LambdaFunction) error {
	state, err := r.eventing.Reconcile(ctx, fn, resources.MakeWiring(fn, config.FromContextOrDefaults(ctx).Eventing))
	if state.Unseen() && eventing.SeenBefore(fn) {
		// A controller that has just started leaves what the one before it found.
		return err
	}
	fn.Status.EventingStatus = state.Status
	switch trouble := state.Trouble; {
	case trouble != nil:
		if trouble.After > 0 {
			r.enqueueAfter(fn, trouble.After)
		}
		markTrouble(fn, trouble)
	case state.Status == nil:
		fn.Status.MarkEventing(fn.EventingAsked(), corev1.ConditionTrue, v1alpha1.ReasonEventingDisabled, "The function does not want events.")
	default:
		fn.Status.MarkEventing(fn.EventingAsked(), corev1.ConditionTrue, "", "")
	}
	return err
}

func markTrouble(fn *v1alpha1.LambdaFunction, trouble *eventing.Trouble) {
	asked, status, reason, message := fn.EventingAsked(), trouble.Status, trouble.Reason, trouble.Message
	switch {
	case reason == v1alpha1.ReasonTriggerNotReady && !fn.Status.GetCondition(v1alpha1.ConditionServiceReady).IsTrue():
		// A Trigger is not ready before its subscriber is there.
		status, reason, message = corev1.ConditionUnknown, v1alpha1.ReasonWaitingForService, "Events reach the function once its Knative Service is ready."
	case reason == v1alpha1.ReasonEventingNotInstalled && !asked:
		// The function does not ask for what is not there.
		status, message = corev1.ConditionTrue, "Knative Eventing is not installed: the function gets no events."
	}
	fn.Status.MarkEventing(asked, status, reason, message)
}

// enqueueUsers has the functions reconciled that may use something that is shared in its namespace.
func enqueueUsers(functions lambdalisters.LambdaFunctionLister, object any, enqueue func(any)) {
	accessor, err := kmeta.DeletionHandlingAccessor(object)
	if err != nil {
		return
	}
	users, err := functions.LambdaFunctions(accessor.GetNamespace()).List(labels.Everything())
	if err != nil {
		return
	}
	for _, fn := range users {
		if fn.EventingEnabled() || len(fn.Spec.Triggers) > 0 {
			enqueue(fn)
		}
	}
}
