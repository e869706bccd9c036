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
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	taskruninformer "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/logging"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	podautoscalerinformer "knative.dev/serving/pkg/client/injection/informers/autoscaling/v1alpha1/podautoscaler/filtered"
	serviceinformer "knative.dev/serving/pkg/client/injection/informers/serving/v1/service/filtered"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafunctioninformer "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/informers/lambda/v1alpha1/lambdafunction"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// teller tells of what becomes of functions, their builds and their Knative Services, as the API server tells it: what has
// been written is told once, where a reconcile may look at it any number of times. Of all replicas the one that leads the
// function tells.
type teller struct {
	leads     leadership
	functions lambdalisters.LambdaFunctionLister
	// scale is how many instances functions have.
	scale  func() map[types.NamespacedName]observability.Scale
	wanted func() bool
	emit   func(*event.Event)
	logger *zap.SugaredLogger
}

// announce has what happens to functions told to the sink of ConfigMap config-eventing.
func announce(ctx context.Context, cmw configmap.Watcher, leads leadership) {
	logger, emitter, functions := logging.FromContext(ctx), events.EmitterFrom(ctx), lambdafunctioninformer.Get(ctx)
	sink := newSinkFollower(ctx, emitter)
	store := configmap.NewUntypedStore("sink", logger, configmap.Constructors{config.EventingConfigName: config.NewEventingFromConfigMap}, sink.stored)
	store.WatchConfigs(cmw)
	scaled := &scales{leads: leads, autoscalers: podautoscalerinformer.Get(ctx, resources.ManagedSelector).Lister()}
	t := &teller{leads: leads, functions: functions.Lister(), scale: scaled.take, wanted: emitter.Wanted, emit: emitter.Emit, logger: logger}
	functions.Informer().AddEventHandler(told(t.functionAdded, t.functionChanged, t.functionDeleted))
	serviceinformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(told(t.serviceAdded, t.serviceChanged, t.serviceDeleted))
	taskruninformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(updates(t.taskRunChanged))
	if _, err := observability.ObserveLifecycle(emitter.Queued); err != nil {
		logger.Panicw("Failed to observe lifecycle events", "error", err)
	}
}

// told calls added with objects that are new, changed with those that are another than before, and deleted with those
// that are gone. What was there when the process began is not new.
func told[T kmeta.Accessor](added func(T), changed func(before, after T), deleted func(T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(object any, initial bool) {
			if o, ok := object.(T); ok && !initial {
				added(o)
			}
		},
		UpdateFunc: func(before, after any) { updates(changed).OnUpdate(before, after) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if o, ok := object.(T); ok {
				deleted(o)
			}
		},
	}
}

// tell sends an event of a function. transition tells it apart from all others of its kind.
func (t *teller) tell(ctx context.Context, eventType, namespace, name, transition string, data any) {
	cause := events.Cause{ID: transition}
	if fn, err := t.functions.LambdaFunctions(namespace).Get(name); err == nil {
		cause.CorrelationID = fn.Annotations[lambda.CorrelationAnnotationKey]
		if cause.CorrelationID == "" {
			cause.CorrelationID = fmt.Sprintf("%s/%d", fn.UID, fn.Generation)
		}
	}
	cause.CorrelationID = cmp.Or(cause.CorrelationID, transition)
	e, err := events.NewLifecycle(ctx, eventType, namespace, name, cause, data)
	if err != nil {
		t.logger.Errorw("Failed to make an event", "type", eventType, "function", name, "namespace", namespace, "error", err)
		return
	}
	t.emit(e)
}

func nameOf(object metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}

// transition names what has happened to an object in a version of it.
func transition(object metav1.Object, what string) string {
	return fmt.Sprintf("%s/%s/%s", object.GetUID(), object.GetResourceVersion(), what)
}

func (t *teller) function(eventType string, fn *v1alpha1.LambdaFunction) {
	if !t.wanted() || !t.leads(nameOf(fn)) {
		return
	}
	_, what, _ := strings.Cut(eventType, events.LifecyclePrefix)
	ctx := observability.Resume(context.Background(), fn.Annotations[lambda.TraceAnnotationKey])
	t.tell(ctx, eventType, fn.Namespace, fn.Name, transition(fn, what), functionData(fn))
}

func (t *teller) functionAdded(fn *v1alpha1.LambdaFunction) { t.function(events.FunctionCreated, fn) }

func (t *teller) functionDeleted(fn *v1alpha1.LambdaFunction) { t.function(events.FunctionDeleted, fn) }

func (t *teller) functionChanged(before, after *v1alpha1.LambdaFunction) {
	if before.Generation != after.Generation {
		t.function(events.FunctionUpdated, after)
	}
	t.buildChanged(before, after)
	switch was, is := before.IsReady(), after.IsReady(); {
	case is && !was:
		t.function(events.FunctionReady, after)
	case failedNow(before.Status.GetCondition(v1alpha1.ConditionReady), after.Status.GetCondition(v1alpha1.ConditionReady)):
		t.function(events.FunctionDegraded, after)
	}
}

func failedNow(before, after *apis.Condition) bool { return after.IsFalse() && !before.IsFalse() }

func functionData(fn *v1alpha1.LambdaFunction) *events.Function {
	data := &events.Function{
		Name: fn.Name, Namespace: fn.Namespace, Phase: string(phaseOf(fn)), Generation: fn.Generation, ObservedGeneration: fn.Status.ObservedGeneration,
		Runtime:    events.Runtime{Language: string(fn.Spec.Runtime.Language), Version: fn.Spec.Runtime.Version, Handler: fn.Spec.Runtime.Handler},
		Conditions: []events.Condition{},
	}
	for _, c := range fn.Status.Conditions {
		data.Conditions = append(data.Conditions, events.Condition{
			Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message, LastTransitionTime: c.LastTransitionTime.Inner.Time,
		})
	}
	return data
}

// buildChanged tells how a build has ended, which the function's status knows best: it has the cause and the image.
func (t *teller) buildChanged(before, after *v1alpha1.LambdaFunction) {
	build := after.Status.BuildStatus
	if build == nil || build.CompletedAt == nil || build.Reason == v1alpha1.ReasonBuildCancelled || !t.wanted() || !t.leads(nameOf(after)) {
		return
	}
	if was := before.Status.BuildStatus; was != nil && was.JobName == build.JobName && was.Attempt == build.Attempt && was.CompletedAt.Equal(build.CompletedAt) {
		return
	}
	data := &events.Build{
		Name: after.Name, Namespace: after.Namespace, JobName: build.JobName, BuildID: build.Key, CompletedAt: build.CompletedAt.Time,
	}
	if build.StartedAt != nil {
		data.StartedAt, data.Duration = build.StartedAt.Time, build.CompletedAt.Sub(build.StartedAt.Time).Seconds()
	}
	eventType := events.BuildCompleted
	switch build.Reason {
	case "":
		data.Phase, data.ImageURI = events.PhaseSucceeded, build.ImageURI
		_, data.Digest, _ = strings.Cut(build.ImageURI, "@")
	case v1alpha1.ReasonBuildTimeout:
		eventType, data.Phase = events.BuildTimeout, events.PhaseTimedOut
		data.Error = &events.BuildError{Type: build.Reason, Message: build.Error, Code: events.CodeBuildTimeout}
	default:
		eventType, data.Phase = events.BuildFailed, events.PhaseFailed
		data.Error = &events.BuildError{Type: build.Reason, Message: build.Error, Code: events.CodeBuildFailed, Retryable: passing.Has(build.Reason)}
	}
	ctx := observability.Resume(context.Background(), after.Annotations[lambda.TraceAnnotationKey])
	t.tell(ctx, eventType, after.Namespace, after.Name, fmt.Sprintf("%s/%s/%d/build", after.UID, build.JobName, build.Attempt), data)
}

// taskRunChanged tells that a build has begun, and that it was cancelled: then the function's status may be of the next.
func (t *teller) taskRunChanged(before, after *tektonv1.TaskRun) {
	key, ours := t.leads.functionOf(after)
	if !ours || !t.wanted() {
		return
	}
	ctx := observability.Resume(context.Background(), after.Annotations[resources.SpanContextAnnotation])
	data := &events.Build{
		Name: key.Name, Namespace: key.Namespace, JobName: after.Name, BuildID: after.Labels[lambda.BuildKeyLabelKey], Phase: events.PhaseRunning,
	}
	if start := after.Status.StartTime; start != nil {
		data.StartedAt = start.Time
	}
	if after.Status.StartTime != nil && before.Status.StartTime == nil {
		t.tell(ctx, events.BuildStarted, key.Namespace, key.Name, fmt.Sprintf("%s/%d/started", after.UID, after.Status.StartTime.UnixNano()), data)
	}
	if after.IsDone() && !before.IsDone() && endOf(after) == observability.BuildCancelled {
		data.Phase = events.PhaseCancelled
		data.Error = &events.BuildError{Type: v1alpha1.ReasonBuildCancelled, Message: string(after.Spec.StatusMessage), Code: events.CodeBuildCancelled}
		if end := after.Status.CompletionTime; end != nil {
			data.CompletedAt, data.Duration = end.Time, max(0, end.Sub(data.StartedAt).Seconds())
		}
		t.tell(ctx, events.BuildCancelled, key.Namespace, key.Name, string(after.UID)+"/cancelled", data)
	}
}

func (t *teller) service(eventType string, service *servingv1.Service) {
	key, ours := t.leads.functionOf(service)
	if !ours || !t.wanted() {
		return
	}
	_, what, _ := strings.Cut(eventType, events.LifecyclePrefix)
	scale := t.scale()[key]
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
	if fn, err := t.functions.LambdaFunctions(key.Namespace).Get(key.Name); err == nil {
		ctx = observability.Resume(ctx, fn.Annotations[lambda.TraceAnnotationKey])
	}
	t.tell(ctx, eventType, key.Namespace, key.Name, transition(service, what), data)
}

func (t *teller) serviceAdded(service *servingv1.Service) { t.service(events.ServiceCreated, service) }

func (t *teller) serviceDeleted(service *servingv1.Service) {
	t.service(events.ServiceDeleted, service)
}

func (t *teller) serviceChanged(before, after *servingv1.Service) {
	if before.Generation != after.Generation {
		t.service(events.ServiceUpdated, after)
	}
	if after.IsReady() && !before.IsReady() {
		t.service(events.ServiceReady, after)
	}
}
