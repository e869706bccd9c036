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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/controller"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
)

// reconcileService makes the Knative Service serve the image of the present spec. As long as there is none (""), a
// Service that is there already serves what it did.
func (r *Reconciler) reconcileService(ctx context.Context, fn *v1alpha1.LambdaFunction, image string) error {
	there := image != ""
	service, err := r.serviceLister.Services(fn.Namespace).Get(names.Service(fn))
	switch {
	case apierrs.IsNotFound(err) && !there:
		fn.Status.MarkWaitingForBuild()
		return nil
	case apierrs.IsNotFound(err):
		fn.Status.MarkDeploying()
		service, err = r.createService(ctx, fn, image)
	}
	if err != nil {
		return markRefused(fn, err)
	}
	if !metav1.IsControlledBy(service, fn) {
		fn.Status.MarkServiceNotOwned(service.Name)
		return r.notOwned(fn, "Knative Service", service.Name)
	}
	if service, err = r.updateService(ctx, fn, service, image); err != nil {
		return markRefused(fn, err)
	}
	fn.Status.PropagateService(service, there)
	if !fn.Status.Starting(service) {
		return nil
	}
	return r.explainStart(fn, service.Status.LatestCreatedRevisionName)
}

func (r *Reconciler) createService(ctx context.Context, fn *v1alpha1.LambdaFunction, image string) (*servingv1.Service, error) {
	services, recorder := r.serving.ServingV1().Services(fn.Namespace), controller.GetEventRecorder(ctx)
	desired := resources.MakeService(fn, image, config.FromContextOrDefaults(ctx))
	service, err := services.Create(ctx, desired, metav1.CreateOptions{})
	switch {
	case apierrs.IsAlreadyExists(err):
		// The informer is behind, or the object has not our label.
		if service, err = services.Get(ctx, desired.Name, metav1.GetOptions{}); err != nil {
			return nil, fmt.Errorf("failed to get Knative Service %q: %w", desired.Name, err)
		}
		return service, nil
	case err != nil:
		recorder.Eventf(fn, corev1.EventTypeWarning, "CreationFailed", "Failed to create Knative Service %q: %v", desired.Name, err)
		return nil, fmt.Errorf("failed to create Knative Service %q: %w", desired.Name, err)
	}
	recorder.Eventf(fn, corev1.EventTypeNormal, "Created", "Created Knative Service %q", desired.Name)
	observability.CountService(ctx, observability.ServiceCreated)
	return service, nil
}

func (r *Reconciler) updateService(ctx context.Context, fn *v1alpha1.LambdaFunction, existing *servingv1.Service, image string) (*servingv1.Service, error) {
	desired := existing.DeepCopy()
	resources.ApplyRollback(desired, fn)
	if image != "" {
		resources.ApplyService(desired, fn, image, config.FromContextOrDefaults(ctx))
	}
	if equality.Semantic.DeepEqual(desired, existing) {
		return existing, nil
	}
	fn.Status.MarkDeploying()
	updated, err := r.serving.ServingV1().Services(fn.Namespace).Update(ctx, desired, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to update Knative Service %q: %w", desired.Name, err)
	}
	controller.GetEventRecorder(ctx).Eventf(fn, corev1.EventTypeNormal, "Updated", "Updated Knative Service %q", desired.Name)
	observability.CountService(ctx, observability.ServiceUpdated)
	return updated, nil
}

// markRefused tells the user of what Knative's admission refuses. Another try is of no use before the spec changes.
func markRefused(fn *v1alpha1.LambdaFunction, err error) error {
	if eventing.Refused(err) {
		fn.Status.MarkServiceRefused(err.Error())
	}
	return err
}
