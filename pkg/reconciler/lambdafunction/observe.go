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
	"maps"
	"slices"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	taskruninformer "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"knative.dev/pkg/apis"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	podinformer "knative.dev/pkg/client/injection/kube/informers/core/v1/pod/filtered"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/logging"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	podautoscalerinformer "knative.dev/serving/pkg/client/injection/informers/autoscaling/v1alpha1/podautoscaler/filtered"
	serviceinformer "knative.dev/serving/pkg/client/injection/informers/serving/v1/service/filtered"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafunctioninformer "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/informers/lambda/v1alpha1/lambdafunction"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lifecycle"
)

// leadership tells which functions this replica leads.
type leadership func(types.NamespacedName) bool

// functionOf returns the function that owns the object, or false where another replica leads it, or there is none.
func (leads leadership) functionOf(object metav1.Object) (types.NamespacedName, bool) {
	return lifecycle.OwnerOf(object, isChild, leads)
}

// observe has what the controller does, and what there is and happens meanwhile, measured.
func observe(ctx context.Context, cmw configmap.Watcher, impl *controller.Impl, kinds eventing.Kinds) {
	functions := lambdafunctioninformer.Get(ctx)
	taskRuns := taskruninformer.Get(ctx, resources.ManagedSelector)
	services := serviceinformer.Get(ctx, resources.ManagedSelector)

	leader, ok := impl.Reconciler.(observability.Leader)
	if !ok {
		logging.FromContext(ctx).Panicf("%T is no reconciler of a leader", impl.Reconciler)
	}
	impl.Reconciler = observability.NewReconciler(leader, func(key types.NamespacedName) observability.Object {
		fn, err := functions.Lister().LambdaFunctions(key.Namespace).Get(key.Name)
		if err != nil {
			return observability.Object{Phase: string(v1alpha1.PhaseDeleting)}
		}
		object := observability.Object{Phase: string(phaseOf(fn)), Runtime: string(fn.Spec.Runtime.Language)}
		if fn.Generation != fn.Status.ObservedGeneration {
			object.Trace = fn.Annotations[lambda.TraceAnnotationKey]
		}
		return object
	})
	observability.CountFromZero(phases)
	t := &transitions{leads: leader.IsLeaderFor, functions: functions.Lister(), logger: logging.FromContext(ctx)}
	functions.Informer().AddEventHandler(lifecycle.Updates(t.functionChanged))
	taskRuns.Informer().AddEventHandler(lifecycle.Updates(t.taskRunChanged))
	services.Informer().AddEventHandler(lifecycle.Updates(t.serviceChanged))
	services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: t.serviceDeleted})

	observePods(ctx, cmw, leader.IsLeaderFor)
	announce(ctx, cmw, leader.IsLeaderFor)

	c := &census{leads: leader.IsLeaderFor, functions: functions.Lister(), taskRuns: taskRuns.Lister(), kinds: kinds}
	if _, err := observability.ObserveState(c.take, phases, slices.Sorted(maps.Keys(eventingTypes))); err != nil {
		logging.FromContext(ctx).Panicw("Failed to observe what there is", "error", err)
	}
}

// observePods has measured what the cluster makes of functions: how their instances start, what they reserve, and how many
// there are.
func observePods(ctx context.Context, cmw configmap.Watcher, leads leadership) {
	logger := logging.FromContext(ctx)
	pods := podinformer.Get(ctx, resources.ManagedSelector).Informer()
	begun := newStarts(leads, clock.RealClock{})
	pods.AddEventHandler(begun.handler())
	// Of each there are as many as containers that start.
	go func() {
		// Of pods that nobody knows yet there is nothing to say.
		if cache.WaitForCacheSync(ctx.Done(), pods.HasSynced) {
			for _, reason := range []string{eventPulled, eventStarted} {
				watchEvents(ctx, kubeclient.Get(ctx), reason, begun.said)
			}
		}
	}()

	used := newUsages(leads, lambdafunctioninformer.Get(ctx).Lister(), clock.RealClock{})
	pods.AddEventHandler(used.handler())
	if _, err := observability.ObserveUsage(used.take, watchPrices(logger, cmw)); err != nil {
		logger.Panicw("Failed to observe what functions use", "error", err)
	}

	autoscalers := podautoscalerinformer.Get(ctx, resources.ManagedSelector)
	scaled := newScales(leads, autoscalers.Lister())
	autoscalers.Informer().AddEventHandler(lifecycle.Updates(scaled.changed))
	if _, err := observability.ObserveScale(scaled.Take); err != nil {
		logger.Panicw("Failed to observe the scale of functions", "error", err)
	}
}

// labelledFunction is the function that an object says it is of, of which it need not be a child.
func labelledFunction(object metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetLabels()[lambda.FunctionLabelKey]}
}

// instances calls seen with pods that serve functions, as they come and change, and gone when they are no more.
func instances(seen func(*corev1.Pod), gone func(types.UID)) cache.ResourceEventHandler {
	look := func(object any) {
		pod, ok := object.(*corev1.Pod)
		// A build's is of no Revision, and an agent's of no function.
		if ok && pod.Labels[serving.RevisionLabelKey] != "" && labelledFunction(pod).Name != "" {
			seen(pod)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    look,
		UpdateFunc: func(_, object any) { look(object) },
		DeleteFunc: func(object any) {
			if pod, err := kmeta.DeletionHandlingAccessor(object); err == nil {
				gone(pod.GetUID())
			}
		},
	}
}

// transitions measures what happens to functions and their children, as the API server tells it: what has been written is
// told once, where a reconcile may look at it any number of times. Of all replicas the one that leads the function measures.
type transitions struct {
	leads     leadership
	functions lambdalisters.LambdaFunctionLister
	logger    *zap.SugaredLogger
}

// components are the labels of errors that conditions tell of.
var components = map[apis.ConditionType]string{
	v1alpha1.ConditionSourceReady: "source", v1alpha1.ConditionBuildReady: "build", v1alpha1.ConditionDeployReady: "deploy",
	v1alpha1.ConditionServiceReady: "service", v1alpha1.ConditionEventingReady: "eventing",
}

func (t *transitions) functionChanged(before, after *v1alpha1.LambdaFunction) {
	if !t.leads(nameOf(after)) {
		return
	}
	ctx := context.Background()
	for condition, component := range components {
		was, is := before.Status.GetCondition(condition), after.Status.GetCondition(condition)
		if !is.IsFalse() || was.IsFalse() && was.GetReason() == is.GetReason() {
			continue
		}
		observability.CountError(ctx, component, is.GetReason())
		if condition == v1alpha1.ConditionSourceReady {
			observability.CountParsed(ctx, false)
		}
	}
}

func (t *transitions) serviceChanged(before, after *servingv1.Service) {
	if _, ours := t.leads.functionOf(after); !ours {
		return
	}
	was, is := before.Status.GetCondition(servingv1.ServiceConditionReady), after.Status.GetCondition(servingv1.ServiceConditionReady)
	switch {
	case is.IsTrue() && !was.IsTrue():
		observability.CountService(context.Background(), observability.ServiceReady)
	case is.IsFalse() && !was.IsFalse():
		observability.CountService(context.Background(), observability.ServiceFailed)
	}
}

func (t *transitions) serviceDeleted(object any) {
	service, err := kmeta.DeletionHandlingAccessor(object)
	if err != nil {
		return
	}
	if _, ours := t.leads.functionOf(service); ours {
		observability.CountService(context.Background(), observability.ServiceDeleted)
	}
}

func (t *transitions) taskRunChanged(before, after *tektonv1.TaskRun) {
	key, ours := t.leads.functionOf(after)
	if !ours {
		return
	}
	ctx := observability.Resume(context.Background(), after.Annotations[resources.SpanContextAnnotation])
	if start := after.Status.StartTime; start != nil && before.Status.StartTime == nil {
		observability.CountBuild(ctx, observability.BuildStarted)
		observability.RecordBuildWait(ctx, max(0, start.Sub(after.CreationTimestamp.Time)))
	}
	if after.IsDone() && !before.IsDone() {
		t.buildEnded(ctx, key, after)
	}
}

// buildEnded makes the span of a build, which is part of the trace of the reconcile that began it.
func (t *transitions) buildEnded(ctx context.Context, key types.NamespacedName, taskRun *tektonv1.TaskRun) {
	runtime := ""
	if fn, err := t.functions.LambdaFunctions(key.Namespace).Get(key.Name); err == nil {
		runtime = string(fn.Spec.Runtime.Language)
	}
	begin, end := taskRun.CreationTimestamp.Time, time.Now()
	if start := taskRun.Status.StartTime; start != nil {
		begin = start.Time
	}
	if completion := taskRun.Status.CompletionTime; completion != nil {
		end = completion.Time
	}
	ctx, span := observability.StartSpan(ctx, "build", trace.WithTimestamp(begin), trace.WithAttributes(
		observability.AttributeNamespace.String(key.Namespace), observability.AttributeFunction.String(key.Name),
		observability.AttributeRuntime.String(runtime)))
	defer span.End(trace.WithTimestamp(end))

	status, result := endOf(taskRun), observability.ResultFailed
	if status == observability.BuildComplete {
		result = observability.ResultSuccess
	} else {
		span.SetStatus(codes.Error, taskRun.Status.GetCondition(apis.ConditionSucceeded).GetMessage())
	}
	observability.CountBuild(ctx, status)
	observability.RecordBuild(ctx, runtime, result, end.Sub(begin))
	t.logBuild(ctx, key, taskRun, end.Sub(begin))
	for i := range taskRun.Status.Steps {
		if step := &taskRun.Status.Steps[i]; step.Name == resources.StepFetch && step.Terminated != nil {
			observability.CountParsed(ctx, step.Terminated.ExitCode == 0)
		}
	}
}

// logBuild is for who looks for builds that failed, or took long, in the logs.
func (t *transitions) logBuild(ctx context.Context, key types.NamespacedName, taskRun *tektonv1.TaskRun, took time.Duration) {
	ctx = observability.WithTraceInLog(logging.WithLogger(ctx, t.logger))
	logger := logging.FromContext(ctx).With("function", key.Name, "namespace", key.Namespace, "taskrun", taskRun.Name, "duration", took)
	if succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded); succeeded.IsFalse() {
		logger.Warnw("The build failed", "reason", succeeded.GetReason(), "cause", succeeded.GetMessage())
		return
	}
	logger.Info("The build is complete")
}

func endOf(taskRun *tektonv1.TaskRun) observability.BuildStatus {
	succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded)
	switch {
	case succeeded.IsTrue():
		return observability.BuildComplete
	case succeeded.GetReason() == string(tektonv1.TaskRunReasonTimedOut):
		return observability.BuildTimeout
	case succeeded.GetReason() == string(tektonv1.TaskRunReasonCancelled):
		return observability.BuildCancelled
	default:
		return observability.BuildFailed
	}
}
