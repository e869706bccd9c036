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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

// details are a function and what belongs to it. What cannot be read is left out, and said so in notes.
type details struct {
	fn        *v1alpha1.LambdaFunction
	service   *servingv1.Service
	revisions []servingv1.Revision
	builds    []build
	triggers  []unstructured.Unstructured
	events    []corev1.Event
	notes     []string
}

// build is a TaskRun of a function.
type build struct {
	name, pod      string
	created        metav1.Time
	started, ended time.Time
	status, reason string
	key, attempt   string
}

// childrenOf selects what belongs to a function.
func childrenOf(name string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: lambda.FunctionLabelKey + "=" + name}
}

// look reads all that belongs to a function.
func (c *clients) look(ctx context.Context, namespace, name string) (*details, error) {
	fn, err := c.functions(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, functionError(err, "describe", namespace, name)
	}
	d := &details{fn: fn}
	if d.service, err = c.serving.ServingV1().Services(namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
		d.service = nil
		d.leaveOut("Knative Service", err)
	}
	if d.revisions, err = c.revisions(ctx, namespace, name); err != nil {
		d.leaveOut("Revisions", err)
	}
	if d.builds, err = c.builds(ctx, namespace, name); err != nil {
		d.leaveOut("builds", err)
	}
	triggers, err := c.dynamic.Resource(diagnosis.TriggerResource).Namespace(namespace).List(ctx, childrenOf(name))
	if err != nil {
		d.leaveOut("Triggers", err)
	} else {
		d.triggers = triggers.Items
	}
	if d.events, err = c.eventsOf(ctx, "LambdaFunction", fn); err != nil {
		d.leaveOut("events", err)
	}
	return d, nil
}

// leaveOut notes what could not be read. What is not there is no news.
func (d *details) leaveOut(what string, err error) {
	if !apierrors.IsNotFound(err) {
		d.notes = append(d.notes, what+": "+err.Error())
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
func (c *clients) builds(ctx context.Context, namespace, name string) ([]build, error) {
	list, err := c.dynamic.Resource(diagnosis.TaskRunResource).Namespace(namespace).List(ctx, childrenOf(name))
	if err != nil {
		return nil, err
	}
	found := make([]build, 0, len(list.Items))
	for i := range list.Items {
		found = append(found, newBuild(&list.Items[i]))
	}
	slices.SortFunc(found, func(a, b build) int {
		return cmp.Or(b.created.Compare(a.created.Time), cmp.Compare(a.name, b.name))
	})
	return found, nil
}

func newBuild(taskRun *unstructured.Unstructured) build {
	b := build{
		name: taskRun.GetName(), created: taskRun.GetCreationTimestamp(),
		key: taskRun.GetLabels()[lambda.BuildKeyLabelKey], attempt: taskRun.GetAnnotations()[lambda.BuildAttemptAnnotationKey],
	}
	b.pod, _, _ = unstructured.NestedString(taskRun.Object, "status", "podName")
	b.started = timeOf(taskRun, "startTime")
	b.ended = timeOf(taskRun, "completionTime")
	status, _, _ := unstructured.NestedString(taskRun.Object, "spec", "status")
	if c := conditionOf(taskRun, "Succeeded"); c != nil {
		b.status, b.reason = text(c["status"]), text(c["reason"])
	}
	if status == diagnosis.TaskRunPending && b.ended.IsZero() {
		b.status, b.reason = string(corev1.ConditionUnknown), v1alpha1.ReasonQueued
	}
	return b
}

// took is how long a build has taken, or takes by now.
func (b *build) took(now time.Time) time.Duration {
	switch {
	case b.started.IsZero():
		return 0
	case b.ended.IsZero():
		return now.Sub(b.started)
	}
	return b.ended.Sub(b.started)
}

func timeOf(object *unstructured.Unstructured, field string) time.Time {
	value, _, _ := unstructured.NestedString(object.Object, "status", field)
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{} // it is not there yet
	}
	return at
}

// conditionOf returns a condition of an object's status, or nil.
func conditionOf(object *unstructured.Unstructured, conditionType string) map[string]any {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, ok := c.(map[string]any); ok && condition["type"] == conditionType {
			return condition
		}
	}
	return nil
}

func text(value any) string {
	s, _ := value.(string)
	return s
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
