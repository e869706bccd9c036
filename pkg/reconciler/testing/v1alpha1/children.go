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

package v1alpha1

import (
	"context"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// WithoutOwner takes a child from its owner.
func WithoutOwner[T metav1.Object](child T) {
	child.SetOwnerReferences(nil)
}

// WithoutLabels hides a child from the controller's informers.
func WithoutLabels[T metav1.Object](child T) {
	child.SetLabels(nil)
}

// WithDeletionTimestamp makes a child one that is being deleted.
func WithDeletionTimestamp[T metav1.Object](child T) {
	child.SetDeletionTimestamp(&metav1.Time{Time: time.Unix(1e9, 0)})
	child.SetFinalizers([]string{"foregroundDeletion"})
}

// Change returns the object after the changes.
func Change[T any](object *T, changes ...func(*T)) *T {
	for _, change := range changes {
		change(object)
	}
	return object
}

// TaskRunOption changes a TaskRun.
type TaskRunOption = func(*tektonv1.TaskRun)

// WithTaskRunUID sets the UID.
func WithTaskRunUID(uid string) TaskRunOption {
	return func(tr *tektonv1.TaskRun) { tr.UID = types.UID(uid) }
}

// WithTaskRunCreated sets when the TaskRun was created.
func WithTaskRunCreated(at time.Time) TaskRunOption {
	return func(tr *tektonv1.TaskRun) { tr.CreationTimestamp = metav1.NewTime(at) }
}

// WithTaskRunCancelled is a TaskRun that somebody cancelled and that has not ended yet.
func WithTaskRunCancelled(message string) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		tr.Spec.Status = tektonv1.TaskRunSpecStatusCancelled
		tr.Spec.StatusMessage = tektonv1.TaskRunSpecStatusMessage(message)
	}
}

// WithTaskRunAdmitted is a TaskRun whose turn has come.
func WithTaskRunAdmitted(tr *tektonv1.TaskRun) {
	if tr.IsPending() {
		tr.Spec.Status = ""
	}
}

// WithTaskRunStarted is a TaskRun that Tekton has begun to work on.
func WithTaskRunStarted(at time.Time) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		WithTaskRunAdmitted(tr)
		tr.Status.StartTime = &metav1.Time{Time: at}
	}
}

// WithTaskRunPod is a TaskRun that has its pod.
func WithTaskRunPod(tr *tektonv1.TaskRun) {
	tr.Status.PodName = tr.Name + "-pod"
}

// WithTaskRunOngoing is a TaskRun that goes on, for Tekton's reason.
func WithTaskRunOngoing(reason string) TaskRunOption {
	return WithTaskRunWaiting(reason, "")
}

// WithTaskRunWaiting is a TaskRun that goes on, for Tekton's reason and in its words.
func WithTaskRunWaiting(reason, message string) TaskRunOption {
	return withSucceeded(corev1.ConditionUnknown, reason, message)
}

// WithTaskRunFailed is a TaskRun that failed, for Tekton's reason.
func WithTaskRunFailed(at time.Time, reason, message string) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		withSucceeded(corev1.ConditionFalse, reason, message)(tr)
		tr.Status.CompletionTime = &metav1.Time{Time: at}
	}
}

// WithTaskRunSucceeded is a TaskRun that succeeded.
func WithTaskRunSucceeded(at time.Time) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		withSucceeded(corev1.ConditionTrue, string(tektonv1.TaskRunReasonSuccessful), "")(tr)
		tr.Status.CompletionTime = &metav1.Time{Time: at}
	}
}

// WithTaskRunResult adds a result.
func WithTaskRunResult(name, value string) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		tr.Status.Results = append(tr.Status.Results, tektonv1.TaskRunResult{
			Name: name, Type: tektonv1.ResultsTypeString, Value: *tektonv1.NewStructuredValues(value),
		})
	}
}

// WithTaskRunStep adds a step that ended.
func WithTaskRunStep(name string, exitCode int32) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		WithTaskRunPod(tr)
		tr.Status.Steps = append(tr.Status.Steps, tektonv1.StepState{
			Name: name, Container: "step-" + name,
			ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode}},
		})
	}
}

func withSucceeded(status corev1.ConditionStatus, reason, message string) TaskRunOption {
	return func(tr *tektonv1.TaskRun) {
		tr.Status.Conditions = duckv1.Conditions{{
			Type: apis.ConditionSucceeded, Status: status, Reason: reason, Message: message,
		}}
	}
}

// ServiceOption changes a Knative Service.
type ServiceOption = func(*servingv1.Service)

// WithServiceDefaults sets what Knative's own admission sets.
func WithServiceDefaults(s *servingv1.Service) {
	s.SetDefaults(context.Background())
}

// WithServiceGeneration sets the generation of the Service, and the one that Knative has seen.
func WithServiceGeneration(generation, observed int64) ServiceOption {
	return func(s *servingv1.Service) { s.Generation, s.Status.ObservedGeneration = generation, observed }
}

// WithRevisions sets the newest Revision, and the newest of those that became ready.
func WithRevisions(created, ready string) ServiceOption {
	return func(s *servingv1.Service) {
		s.Status.LatestCreatedRevisionName, s.Status.LatestReadyRevisionName = created, ready
	}
}

// WithConfiguration sets whether the newest Revision is ready.
func WithConfiguration(status corev1.ConditionStatus, reason, message string) ServiceOption {
	return withServiceCondition(servingv1.ServiceConditionConfigurationsReady, status, reason, message)
}

// WithRoute sets whether calls reach a Revision.
func WithRoute(status corev1.ConditionStatus, reason, message string) ServiceOption {
	return withServiceCondition(servingv1.ServiceConditionRoutesReady, status, reason, message)
}

// WithServiceReady is a Service that is ready in all its parts, with its addresses.
func WithServiceReady(s *servingv1.Service) {
	WithConfiguration(corev1.ConditionTrue, "", "")(s)
	WithRoute(corev1.ConditionTrue, "", "")(s)
	withServiceCondition(servingv1.ServiceConditionReady, corev1.ConditionTrue, "", "")(s)
	s.Status.ObservedGeneration = s.Generation
	s.Status.URL = apis.HTTP(s.Name + "." + s.Namespace + ".example.com")
	s.Status.Address = &duckv1.Addressable{URL: apis.HTTP(s.Name + "." + s.Namespace + ".svc.cluster.local")}
}

func withServiceCondition(conditionType apis.ConditionType, status corev1.ConditionStatus, reason, message string) ServiceOption {
	return func(s *servingv1.Service) {
		s.Status.Conditions = append(s.Status.Conditions,
			apis.Condition{Type: conditionType, Status: status, Reason: reason, Message: message})
	}
}

// Pod returns a pod of a function's Revision whose containers are in these states.
func Pod(fn *v1alpha1.LambdaFunction, revision, suffix string, statuses ...corev1.ContainerStatus) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:      revision + "-" + suffix,
			Namespace: fn.Namespace,
			Labels:    resources.FunctionLabels(fn),
		},
		Status: corev1.PodStatus{ContainerStatuses: statuses},
	}
	pod.Labels[serving.RevisionLabelKey] = revision
	return pod
}

// WithReady makes an object of Knative one that says of itself whether it is ready, since that time.
func WithReady[T duckv1.KRShaped](status corev1.ConditionStatus, reason, message string, since time.Time) func(T) {
	return func(object T) {
		s := object.GetStatus()
		s.ObservedGeneration = object.GetGeneration()
		s.Conditions = duckv1.Conditions{{
			Type: apis.ConditionReady, Status: status, Reason: reason, Message: message,
			LastTransitionTime: apis.VolatileTime{Inner: metav1.NewTime(since)},
		}}
	}
}

// WithBrokerAddress sets where events for the Broker are sent to.
func WithBrokerAddress(b *eventingv1.Broker) {
	b.Status.Address = &duckv1.Addressable{URL: apis.HTTP("broker." + b.Namespace + ".svc.cluster.local")}
}

// WithBrokerClass sets the class of the Broker.
func WithBrokerClass(class string) func(*eventingv1.Broker) {
	return func(b *eventingv1.Broker) {
		metav1.SetMetaDataAnnotation(&b.ObjectMeta, eventingv1.BrokerClassAnnotationKey, class)
	}
}
