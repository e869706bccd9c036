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
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const describeExample = `
  # All that there is to say about a function
  kn lambda describe hello

  # Where it is called
  kn lambda describe hello -o url`

// eventsShown and buildsShown are how many of the last ones are described.
const (
	eventsShown = 10
	buildsShown = 5
)

func newDescribeCommand(s *session) *cobra.Command {
	return newDescription(s, &cobra.Command{
		Use: "describe NAME", Short: "Show a function: its conditions, builds, Revisions, traffic and events",
		Example: describeExample[1:],

		ValidArgsFunction: s.completeFunction,
	}, &describable[*v1alpha1.LambdaFunction]{
		what: "function", explain: functionError,
		get: func(ctx context.Context, c *clients, namespace, name string) (*v1alpha1.LambdaFunction, error) {
			return c.functions(namespace).Get(ctx, name, metav1.GetOptions{})
		},
		url: functionURL,
		print: func(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, out io.Writer, now time.Time) error {
			return c.look(ctx, fn).print(out, now)
		},
	})
}

// print writes the description.
func (d *details) print(out io.Writer, now time.Time) error {
	return d.printAll(out, now, d.fn, "function", "kn lambda why "+d.fn.Name, d.fn.Status.EventingStatus, d.printHead, d.printBuilds, d.printRevisions)
}

func (a *around) printNotes(w io.Writer, _ time.Time) {
	for _, note := range a.notes {
		fmt.Fprintf(w, "\nNot shown: %s\n", note)
	}
}

// field writes a line of the head, unless there is nothing to say.
func field(w io.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(w, "%s:\t%s\n", name, value)
	}
}

func (d *details) printHead(w io.Writer, now time.Time) {
	fn, spec := d.fn, &d.fn.Spec
	printName(w, now, fn, fn.Status.URL, fn.Status.Phase)
	field(w, "Source", sourceOf(&spec.Source))
	if spec.Source.Type == v1alpha1.SourceTypeGit && spec.Source.Git != nil {
		field(w, "Path", spec.Source.Git.Path)
	}
	if fn.Status.BuildStatus != nil {
		field(w, "Source revision", fn.Status.BuildStatus.SourceRevision)
	}
	field(w, "Runtime", runtimeOf(fn))
	field(w, "Handler", spec.Runtime.Handler)
	field(w, "Image", imageOf(fn))
	field(w, "Scale", scaleOf(&spec.Scaling))
	if spec.TimeoutSeconds != nil {
		field(w, "Timeout", (time.Duration(*spec.TimeoutSeconds) * time.Second).String())
	}
	field(w, "Service account", spec.ServiceAccountName)
	field(w, "Environment", strings.Join(environmentOf(spec.Env, spec.EnvFrom), ", "))
}

// printName writes what a description begins with.
func printName(w io.Writer, now time.Time, of metav1.Object, url *apis.URL, phase v1alpha1.Phase) {
	field(w, "Name", of.GetName())
	field(w, "Namespace", of.GetNamespace())
	field(w, "Age", age(now, of.GetCreationTimestamp()))
	field(w, "URL", urlOf(url))
	field(w, "Phase", string(phase))
}

// scaleOf says how many instances there may be, and how busy.
func scaleOf(s *v1alpha1.ScalingSpec) string {
	var said []string
	if s.MinReplicas != nil && s.MaxReplicas != nil {
		most := "any number"
		if *s.MaxReplicas > 0 {
			most = strconv.Itoa(int(*s.MaxReplicas))
		}
		said = append(said, fmt.Sprintf("%d to %s instances", *s.MinReplicas, most))
	}
	if s.ContainerConcurrency != nil && *s.ContainerConcurrency > 0 {
		said = append(said, fmt.Sprintf("%d calls at once each", *s.ContainerConcurrency))
	}
	return strings.Join(said, ", ")
}

// environmentOf are the variables; where a value comes from elsewhere, from where. Secrets are not read.
func environmentOf(env []corev1.EnvVar, envFrom []corev1.EnvFromSource) []string {
	var said []string
	for _, v := range env {
		value := v.Value
		if from := v.ValueFrom; from != nil {
			switch {
			case from.SecretKeyRef != nil:
				value = "secret:" + from.SecretKeyRef.Name + ":" + from.SecretKeyRef.Key
			case from.ConfigMapKeyRef != nil:
				value = "config-map:" + from.ConfigMapKeyRef.Name + ":" + from.ConfigMapKeyRef.Key
			default:
				value = "(the pod's)"
			}
		}
		said = append(said, v.Name+"="+value)
	}
	for _, from := range envFrom {
		switch {
		case from.SecretRef != nil:
			said = append(said, from.Prefix+"*=secret:"+from.SecretRef.Name)
		case from.ConfigMapRef != nil:
			said = append(said, from.Prefix+"*=config-map:"+from.ConfigMapRef.Name)
		}
	}
	return said
}

// mark is kn's sign for the status of a condition.
func mark(status corev1.ConditionStatus, severity apis.ConditionSeverity) string {
	switch {
	case status == corev1.ConditionTrue:
		return "++"
	case severity == apis.ConditionSeverityInfo:
		return "I "
	case status == corev1.ConditionFalse:
		return "!!"
	}
	return "??"
}

// printConditions writes Ready, and below it what it is made of, in the order in which one is the cause of the next.
func printConditions(w io.Writer, now time.Time, of duckv1.KRShaped, what string) {
	conditions := slices.Clone(of.GetStatus().Conditions)
	if len(conditions) == 0 {
		fmt.Fprintf(w, "\nConditions: none yet: the operator has not seen the %s\n", what)
		return
	}
	order := []apis.ConditionType{
		v1alpha1.ConditionReady, v1alpha1.ConditionSourceReady, v1alpha1.ConditionBuildReady, v1alpha1.ConditionDeployReady,
		v1alpha1.ConditionServiceReady, v1alpha1.ConditionEventingReady,
		v1alpha1.ConditionAIReady, v1alpha1.ConditionPermissionsReady, v1alpha1.ConditionMonitoringReady,
	}
	slices.SortStableFunc(conditions, func(a, b apis.Condition) int {
		return cmp.Compare(slices.Index(order, a.Type), slices.Index(order, b.Type))
	})
	fmt.Fprintf(w, "\nConditions:\n  OK\tTYPE\tAGE\tREASON\n")
	for i := range conditions {
		c := &conditions[i]
		indent := "  "
		if c.Type == v1alpha1.ConditionReady {
			indent = ""
		}
		fmt.Fprintf(w, "  %s\t%s%s\t%s\t%s\n", mark(c.Status, c.Severity), indent, c.Type, age(now, c.LastTransitionTime.Inner), c.Reason)
	}
}

// printCause says why something is not ready. more is what tells more of it.
func printCause(w io.Writer, of duckv1.KRShaped, more string) {
	if c := ready(of); c == nil && len(of.GetStatus().Conditions) > 0 {
		fmt.Fprintf(w, "\nThe operator has not seen the present spec yet.\n")
	} else if c != nil && !c.IsTrue() && c.Message != "" {
		fmt.Fprintf(w, "\nNot ready:\t%s\n", c.Message)
		field(w, "More", more)
	}
}

func (d *details) printBuilds(w io.Writer, now time.Time) {
	if len(d.builds) == 0 {
		return
	}
	fmt.Fprintf(w, "\nBuilds:\n  OK\tNAME\tREASON\tAGE\tTOOK\n")
	for i := range d.builds[:min(buildsShown, len(d.builds))] {
		b := &d.builds[i]
		status, reason := stateOf(b)
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", mark(status, ""), b.Name, reason, age(now, b.CreationTimestamp), tookOf(b, now))
	}
}

// printRevisions writes the Revisions with the share of calls that each has.
func (d *details) printRevisions(w io.Writer, now time.Time) {
	if len(d.revisions) == 0 {
		return
	}
	shares := sharesOf(d.service)
	fmt.Fprintf(w, "\nRevisions:\n  OK\tTRAFFIC\tNAME\tAGE\tREASON\n")
	for i := range d.revisions {
		r := &d.revisions[i]
		status, reason := corev1.ConditionUnknown, ""
		if c := r.Status.GetCondition(servingv1.RevisionConditionReady); c != nil {
			status, reason = c.Status, c.Reason
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", mark(status, ""), shares[r.Name], r.Name, age(now, r.CreationTimestamp), reason)
	}
}

// sharesOf are the calls that Revisions have, such as 90% @latest, by the Revisions' names.
func sharesOf(service *servingv1.Service) map[string]string {
	shares := map[string]string{}
	if service == nil {
		return shares
	}
	for i := range service.Status.Traffic {
		t := &service.Status.Traffic[i]
		var said []string
		if t.Percent != nil {
			said = append(said, strconv.FormatInt(*t.Percent, 10)+"%")
		}
		if t.LatestRevision != nil && *t.LatestRevision {
			said = append(said, latestRevision)
		}
		if t.Tag != "" {
			said = append(said, "#"+t.Tag)
		}
		shares[t.RevisionName] = strings.TrimSpace(shares[t.RevisionName] + " " + strings.Join(said, " "))
	}
	return shares
}

// latestRevision stands for the newest Revision that is ready, as kn has it.
const latestRevision = "@latest"

func (a *around) printEventing(w io.Writer, status *v1alpha1.EventingStatus) {
	if status == nil && len(a.triggers) == 0 {
		return
	}
	fmt.Fprintf(w, "\nEventing:\n")
	if status != nil && status.BrokerName != "" {
		fmt.Fprintf(w, "  Broker\t%s %s\t%s\n", markOf(status.BrokerReady), status.BrokerName, status.BrokerURL)
	}
	for i := range a.triggers {
		status, reason := corev1.ConditionUnknown, ""
		if c := a.triggers[i].Status.GetCondition(apis.ConditionReady); c != nil {
			status, reason = c.Status, c.Reason
		}
		fmt.Fprintf(w, "  Trigger\t%s %s\t%s\n", mark(status, ""), a.triggers[i].Name, reason)
	}
	if status != nil && status.SourceCount > 0 {
		fmt.Fprintf(w, "  Sources\t%d of %d ready\t\n", status.SourcesReady, status.SourceCount)
	}
}

func markOf(ready bool) string {
	if ready {
		return mark(corev1.ConditionTrue, "")
	}
	return mark(corev1.ConditionFalse, "")
}

func (a *around) printEvents(w io.Writer, now time.Time) {
	if len(a.events) == 0 {
		return
	}
	fmt.Fprintf(w, "\nEvents:\n  AGE\tTYPE\tREASON\tMESSAGE\n")
	for i := range a.events[max(0, len(a.events)-eventsShown):] {
		e := &a.events[max(0, len(a.events)-eventsShown)+i]
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", age(now, seen(e)), e.Type, e.Reason, oneLine(e.Message))
	}
}

// oneLine has a text in one line, as tables need it.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
