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

package kn

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

// details are a function and what belongs to it.
type details struct {
	around
	fn        *v1alpha1.LambdaFunction
	service   *servingv1.Service
	revisions []servingv1.Revision
	builds    []diagnosis.TaskRun
}

// around is what belongs to a function as to an agent. What cannot be read is left out, and said so in notes.
type around struct {
	triggers []diagnosis.Trigger
	events   []corev1.Event
	notes    []string
}

// childrenOf selects what belongs to a function.
func childrenOf(name string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: lambda.FunctionLabelKey + "=" + name}
}

// look reads all that belongs to a function.
func (c *clients) look(ctx context.Context, fn *v1alpha1.LambdaFunction) *details {
	d := &details{around: c.lookAround(ctx, fn, "LambdaFunction", lambda.FunctionLabelKey), fn: fn}
	var err error
	if d.service, err = c.serving.ServingV1().Services(fn.Namespace).Get(ctx, fn.Name, metav1.GetOptions{}); err != nil {
		d.service = nil
		d.leaveOut("Knative Service", err)
	}
	if d.revisions, err = c.revisions(ctx, fn.Namespace, fn.Name); err != nil {
		d.leaveOut("Revisions", err)
	}
	if d.builds, err = c.builds(ctx, fn.Namespace, fn.Name); err != nil {
		d.leaveOut("builds", err)
	}
	return d
}

// lookAround reads what belongs to an object of the kind. What the operator makes for it has its name as the label.
func (c *clients) lookAround(ctx context.Context, of metav1.Object, kind, label string) (a around) {
	var err error
	if a.triggers, err = c.diagnosis().Triggers(of.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: label + "=" + of.GetName()}); err != nil {
		a.leaveOut("Triggers", err)
	}
	if a.events, err = c.eventsOf(ctx, kind, of); err != nil {
		a.leaveOut("events", err)
	}
	return a
}

// leaveOut notes what could not be read. What is not there is no news.
func (a *around) leaveOut(what string, err error) {
	if !apierrors.IsNotFound(err) {
		a.notes = append(a.notes, what+": "+err.Error())
	}
}

// revisions are those of a function, the newest first.
func (c *clients) revisions(ctx context.Context, namespace, name string) ([]servingv1.Revision, error) {
	list, err := c.serving.ServingV1().Revisions(namespace).List(ctx, metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + name})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(a, b servingv1.Revision) int { return cmp.Compare(generationOf(&b), generationOf(&a)) })
	return list.Items, nil
}

// generationOf is the place of a Revision in their order.
func generationOf(revision *servingv1.Revision) int {
	n, err := strconv.Atoi(revision.Labels[serving.ConfigurationGenerationLabelKey])
	if err != nil {
		return 0 // Knative labels all
	}
	return n
}

// builds are the TaskRuns of a function, the newest first.
func (c *clients) builds(ctx context.Context, namespace, name string) ([]diagnosis.TaskRun, error) {
	found, err := c.diagnosis().TaskRuns(namespace).List(ctx, childrenOf(name))
	slices.SortFunc(found, func(a, b diagnosis.TaskRun) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return found, err
}

// stateOf is how a build went, or goes.
func stateOf(build *diagnosis.TaskRun) (status corev1.ConditionStatus, reason string) {
	c := build.Status.GetCondition(apis.ConditionSucceeded)
	switch {
	case build.Waiting():
		return corev1.ConditionUnknown, v1alpha1.ReasonQueued
	case c == nil:
		return "", ""
	}
	return c.Status, c.Reason
}

// tookOf is how long a build has taken, or takes by now.
func tookOf(build *diagnosis.TaskRun, now time.Time) string {
	s := &build.Status
	switch {
	case s.StartTime.IsZero():
		return ""
	case s.CompletionTime.IsZero():
		return age(now, *s.StartTime)
	}
	return age(s.CompletionTime.Time, *s.StartTime)
}

// eventsOf are the Kubernetes events of an object itself, the newest last.
func (c *clients) eventsOf(ctx context.Context, kind string, of metav1.Object) ([]corev1.Event, error) {
	list, err := c.kube.CoreV1().Events(of.GetNamespace()).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.kind": kind, "involvedObject.name": of.GetName()}.String(),
	})
	if err != nil {
		return nil, err
	}
	list.Items = slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return e.InvolvedObject.UID != of.GetUID() })
	slices.SortStableFunc(list.Items, func(a, b corev1.Event) int { return seen(&a).Compare(seen(&b).Time) })
	return list.Items, nil
}

// seen is when an event was last seen.
func seen(e *corev1.Event) metav1.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return metav1.Time(e.Series.LastObservedTime)
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp
	case !e.EventTime.IsZero():
		return metav1.Time(e.EventTime)
	}
	return e.CreationTimestamp
}
