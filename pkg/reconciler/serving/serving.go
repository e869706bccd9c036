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

// Package serving has an object of ours, such as a LambdaFunction or a LambdaAgent, served by a Knative Service.
package serving

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/utils/clock"
	"knative.dev/pkg/controller"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servingclientset "knative.dev/serving/pkg/client/clientset/versioned"
	servinglisters "knative.dev/serving/pkg/client/listers/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
)

// LookAgain is when an owner is reconciled again that needs the name of somebody else's object: what belongs to others is
// not watched, and so nobody tells when it is gone.
const LookAgain = 30 * time.Second

// Owner is an object of ours that is served.
type Owner = children.Owner

// Status is what an owner says of its Knative Service.
type Status interface {
	MarkDeploying()
	MarkServiceNotOwned(name string)
	MarkServiceRefused(message string)
	MarkRevisionFailed(message string)
	MarkRevisionHindered(reason, message string)
	// Starting is true while the pods of the Service's latest Revision may say more than Knative does.
	Starting(service *servingv1.Service) bool
}

// Desired is what an owner wants to be served by.
type Desired struct {
	// Name of the Knative Service.
	Name string
	// Make makes the Service where there is none. Nil where there is nothing to serve yet.
	Make func() *servingv1.Service
	// Apply writes onto a Service that is there what it is to be; other fields stay.
	Apply func(existing *servingv1.Service)
	// Propagate takes over into the owner's status what the Service says of itself. It is nil where there is none to be.
	Propagate func(service *servingv1.Service)
	// Labels are on the pods of the owner, and on those of no other.
	Labels map[string]string
	// Noun is what is served, in words, and Silent what it means that its container runs and does not answer.
	Noun, Silent string
}

// Reconciler makes the Knative Services that owners want.
type Reconciler struct {
	// Client writes Services.
	Client servingclientset.Interface
	// Services and Pods are those that are labelled as managed.
	Services servinglisters.ServiceLister
	Pods     corev1listers.PodLister
	// Clock tells how long a container has not answered.
	Clock clock.PassiveClock
}

// Reconcile makes the Knative Service what the owner wants, and says in the owner's status what has become of it. after is
// when to look again, where nothing that is watched would tell; 0 is never.
func (r *Reconciler) Reconcile(ctx context.Context, owner Owner, status Status, desired *Desired) (after time.Duration, err error) {
	name := desired.Name
	service, err := r.Services.Services(owner.GetObjectMeta().GetNamespace()).Get(name)
	switch {
	case apierrs.IsNotFound(err) && desired.Make == nil:
		desired.Propagate(nil)
		return 0, nil
	case apierrs.IsNotFound(err):
		status.MarkDeploying()
		service, err = r.create(ctx, owner, desired.Make())
	}
	if err != nil {
		return 0, markRefused(status, err)
	}
	if !metav1.IsControlledBy(service, owner.GetObjectMeta()) {
		status.MarkServiceNotOwned(name)
		return LookAgain, NotOwned(owner, "Knative Service", name)
	}
	if service, err = r.update(ctx, owner, status, service, desired.Apply); err != nil {
		return 0, markRefused(status, err)
	}
	desired.Propagate(service)
	if !status.Starting(service) {
		return 0, nil
	}
	return r.explainStart(status, service, desired)
}

// NotOwned is the error of a child whose name is taken. Another try is of no use before somebody does something.
func NotOwned(owner Owner, kind, name string) error {
	return controller.NewPermanentError(fmt.Errorf("%s %q does not own %s %q",
		owner.GetGroupVersionKind().Kind, owner.GetObjectMeta().GetName(), kind, name))
}

func (r *Reconciler) create(ctx context.Context, owner Owner, desired *servingv1.Service) (*servingv1.Service, error) {
	services, recorder := r.Client.ServingV1().Services(desired.Namespace), controller.GetEventRecorder(ctx)
	service, err := services.Create(ctx, desired, metav1.CreateOptions{})
	switch {
	case apierrs.IsAlreadyExists(err):
		// The informer is behind, or the object has not our label.
		if service, err = services.Get(ctx, desired.Name, metav1.GetOptions{}); err != nil {
			return nil, fmt.Errorf("failed to get Knative Service %q: %w", desired.Name, err)
		}
		return service, nil
	case err != nil:
		recorder.Eventf(owner, corev1.EventTypeWarning, "CreationFailed", "Failed to create Knative Service %q: %v", desired.Name, err)
		return nil, fmt.Errorf("failed to create Knative Service %q: %w", desired.Name, err)
	}
	recorder.Eventf(owner, corev1.EventTypeNormal, "Created", "Created Knative Service %q", desired.Name)
	observability.CountService(ctx, observability.ServiceCreated)
	return service, nil
}

func (r *Reconciler) update(ctx context.Context, owner Owner, status Status, existing *servingv1.Service, apply func(*servingv1.Service)) (*servingv1.Service, error) {
	desired := existing.DeepCopy()
	apply(desired)
	if equality.Semantic.DeepEqual(desired, existing) {
		return existing, nil
	}
	status.MarkDeploying()
	updated, err := r.Client.ServingV1().Services(desired.Namespace).Update(ctx, desired, metav1.UpdateOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to update Knative Service %q: %w", desired.Name, err)
	}
	controller.GetEventRecorder(ctx).Eventf(owner, corev1.EventTypeNormal, "Updated", "Updated Knative Service %q", desired.Name)
	observability.CountService(ctx, observability.ServiceUpdated)
	return updated, nil
}

// markRefused tells the user of what Knative's admission refuses. Another try is of no use before the spec changes.
func markRefused(status Status, err error) error {
	if children.Refused(err) {
		status.MarkServiceRefused(err.Error())
	}
	return err
}
