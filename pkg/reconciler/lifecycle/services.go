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

// Package lifecycle tells of what becomes of functions and agents as lifecycle events, as the API server tells it: what has been
// written is told once, where a reconcile may look at it any number of times. Of all replicas the one that leads the object
// tells.
package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
)

// Teller tells of objects of one kind, and of their Knative Services.
type Teller struct {
	// OwnerOf returns the object that has a child, or false where another replica leads it, or there is none.
	OwnerOf func(child metav1.Object) (types.NamespacedName, bool)
	// Get returns the object. It fails where that is gone.
	Get func(types.NamespacedName) (metav1.Object, error)
	// Scale is how many instances an object has.
	Scale func(types.NamespacedName) observability.Scale
	// Wanted is false where nobody wants to know.
	Wanted func() bool
	Emit   func(*event.Event)
	Logger *zap.SugaredLogger
}

// OwnerOf returns the controller of an object, or false where isChild does not hold for the object, or leads for the
// controller.
func OwnerOf(object metav1.Object, isChild func(any) bool, leads func(types.NamespacedName) bool) (types.NamespacedName, bool) {
	if !isChild(object) {
		return types.NamespacedName{}, false
	}
	key := types.NamespacedName{Namespace: object.GetNamespace(), Name: metav1.GetControllerOf(object).Name}
	return key, leads(key)
}

// Tell sends an event of an object. transition tells it apart from all others of its kind.
func (t *Teller) Tell(ctx context.Context, eventType string, key types.NamespacedName, transition string, data any) {
	cause := events.Cause{ID: transition}
	if object, err := t.Get(key); err == nil {
		cause.CorrelationID = object.GetAnnotations()[lambda.CorrelationAnnotationKey]
		if cause.CorrelationID == "" {
			cause.CorrelationID = fmt.Sprintf("%s/%d", object.GetUID(), object.GetGeneration())
		}
	}
	cause.CorrelationID = cmp.Or(cause.CorrelationID, transition)
	e, err := events.NewLifecycle(ctx, eventType, key.Namespace, key.Name, cause, data)
	if err != nil {
		t.Logger.Errorw("Failed to make an event", "type", eventType, "name", key.Name, "namespace", key.Namespace, "error", err)
		return
	}
	t.Emit(e)
}

// Transition names what has happened to an object in a version of it: an event of the type.
func Transition(object metav1.Object, eventType string) string {
	_, what, _ := strings.Cut(eventType, events.LifecyclePrefix)
	return fmt.Sprintf("%s/%s/%s", object.GetUID(), object.GetResourceVersion(), what)
}

// Services tells of the Knative Services that it is called with.
func (t *Teller) Services() cache.ResourceEventHandler {
	return Told(
		func(service *servingv1.Service) { t.service(events.ServiceCreated, service) },
		func(before, after *servingv1.Service) {
			if before.Generation != after.Generation {
				t.service(events.ServiceUpdated, after)
			}
			if after.IsReady() && !before.IsReady() {
				t.service(events.ServiceReady, after)
			}
		},
		func(service *servingv1.Service) { t.service(events.ServiceDeleted, service) },
	)
}

func (t *Teller) service(eventType string, service *servingv1.Service) {
	key, ours := t.OwnerOf(service)
	if !ours || !t.Wanted() {
		return
	}
	scale := t.Scale(key)
	data := &events.Service{
		Name: key.Name, Namespace: key.Namespace, ServiceName: service.Name, LatestRevision: service.Status.LatestCreatedRevisionName,
		LatestReadyRevision: service.Status.LatestReadyRevisionName, Ready: service.IsReady(),
		Replicas: events.Replicas{Desired: scale.Desired, Ready: scale.Actual, Available: scale.Actual}, Traffic: []events.Traffic{},
	}
	if service.Status.URL != nil {
		data.URL = service.Status.URL.String()
	}
	for _, target := range service.Status.Traffic {
		traffic := events.Traffic{RevisionName: target.RevisionName, LatestRevision: target.LatestRevision != nil && *target.LatestRevision}
		if target.Percent != nil {
			traffic.Percent = *target.Percent
		}
		data.Traffic = append(data.Traffic, traffic)
	}
	ctx := context.Background()
	if object, err := t.Get(key); err == nil {
		ctx = observability.Resume(ctx, object.GetAnnotations()[lambda.TraceAnnotationKey])
	}
	t.Tell(ctx, eventType, key, Transition(service, eventType), data)
}
