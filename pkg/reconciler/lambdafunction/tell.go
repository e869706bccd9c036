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
	taskruninformer "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/logging"
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
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lifecycle"
)

// teller tells of what becomes of functions, their builds and their Knative Services.
type teller struct {
	lifecycle.Teller

	leads leadership
	// logsOf returns where the log of a build is, or "".
	logsOf func(namespace, taskRun string) string
}

// announce has what happens to functions told to the sink of ConfigMap config-eventing.
func announce(ctx context.Context, cmw configmap.Watcher, leads leadership) {
	logger, emitter, functions := logging.FromContext(ctx), events.EmitterFrom(ctx), lambdafunctioninformer.Get(ctx)
	sink := newSinkFollower(ctx, emitter)
	store := configmap.NewUntypedStore("sink", logger, configmap.Constructors{config.EventingConfigName: config.NewEventingFromConfigMap}, sink.stored)
	store.WatchConfigs(cmw)
	t := &teller{leads: leads, logsOf: logsBy(store), Teller: lifecycle.Teller{
		OwnerOf: leads.functionOf, Get: getter(functions.Lister()),
		Scale:  newScales(leads, podautoscalerinformer.Get(ctx, resources.ManagedSelector).Lister()).Scale,
		Wanted: emitter.Wanted, Emit: emitter.Emit, Logger: logger,
	}}
	functions.Informer().AddEventHandler(lifecycle.Told(t.functionAdded, t.functionChanged, t.functionDeleted))
	serviceinformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(t.Services())
	taskruninformer.Get(ctx, resources.ManagedSelector).Informer().AddEventHandler(lifecycle.Updates(t.taskRunChanged))
	if _, err := observability.ObserveLifecycle(emitter.Queued); err != nil {
		logger.Panicw("Failed to observe lifecycle events", "error", err)
	}
}

// logsBy reads where logs are kept from ConfigMap config-eventing, as it is then.
func logsBy(store *configmap.UntypedStore) func(namespace, taskRun string) string {
	return func(namespace, taskRun string) string {
		cfg, ok := store.UntypedLoad(config.EventingConfigName).(*config.Eventing)
		if !ok {
			return "" // It has not been read yet.
		}
		return cfg.LogsOf(namespace, taskRun)
	}
}

func getter(functions lambdalisters.LambdaFunctionLister) func(types.NamespacedName) (metav1.Object, error) {
	return func(key types.NamespacedName) (metav1.Object, error) {
		return functions.LambdaFunctions(key.Namespace).Get(key.Name)
	}
}

func nameOf(object metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
}

func (t *teller) function(eventType string, fn *v1alpha1.LambdaFunction) {
	if !t.Wanted() || !t.leads(nameOf(fn)) {
		return
	}
	ctx := observability.Resume(context.Background(), fn.Annotations[lambda.TraceAnnotationKey])
	t.Tell(ctx, eventType, nameOf(fn), lifecycle.Transition(fn, eventType), functionData(fn))
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
	if build == nil || build.CompletedAt == nil || build.Reason == v1alpha1.ReasonBuildCancelled || !t.Wanted() || !t.leads(nameOf(after)) {
		return
	}
	if was := before.Status.BuildStatus; was != nil && was.JobName == build.JobName && was.Attempt == build.Attempt && was.CompletedAt.Equal(build.CompletedAt) {
		return
	}
	data := &events.Build{
		Name: after.Name, Namespace: after.Namespace, JobName: build.JobName, BuildID: build.Key, CompletedAt: build.CompletedAt.Time,
		LogsURL: t.logsOf(after.Namespace, build.JobName),
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
	t.Tell(ctx, eventType, nameOf(after), fmt.Sprintf("%s/%s/%d/build", after.UID, build.JobName, build.Attempt), data)
}

// taskRunChanged tells that a build has begun, and that it was cancelled: then the function's status may be of the next.
func (t *teller) taskRunChanged(before, after *tektonv1.TaskRun) {
	key, ours := t.leads.functionOf(after)
	if !ours || !t.Wanted() {
		return
	}
	ctx := observability.Resume(context.Background(), after.Annotations[resources.SpanContextAnnotation])
	data := &events.Build{
		Name: key.Name, Namespace: key.Namespace, JobName: after.Name, BuildID: after.Labels[lambda.BuildKeyLabelKey], Phase: events.PhaseRunning,
		LogsURL: t.logsOf(key.Namespace, after.Name),
	}
	if start := after.Status.StartTime; start != nil {
		data.StartedAt = start.Time
	}
	if after.Status.StartTime != nil && before.Status.StartTime == nil {
		t.Tell(ctx, events.BuildStarted, key, fmt.Sprintf("%s/%d/started", after.UID, after.Status.StartTime.UnixNano()), data)
	}
	if after.IsDone() && !before.IsDone() && endOf(after) == observability.BuildCancelled {
		data.Phase = events.PhaseCancelled
		data.Error = &events.BuildError{Type: v1alpha1.ReasonBuildCancelled, Message: string(after.Spec.StatusMessage), Code: events.CodeBuildCancelled}
		if end := after.Status.CompletionTime; end != nil {
			data.CompletedAt, data.Duration = end.Time, max(0, end.Sub(data.StartedAt).Seconds())
		}
		t.Tell(ctx, events.BuildCancelled, key, string(after.UID)+"/cancelled", data)
	}
}
