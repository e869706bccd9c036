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

package test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"
)

// Diagnose writes what one would look at to find out why something in a namespace went wrong. What cannot be had is
// reported in its place.
func (c *Clients) Diagnose(ctx context.Context, out io.Writer, namespace string) {
	c.diagnoseFunctions(ctx, out, namespace)
	c.diagnoseBuilds(ctx, out, namespace)
	c.diagnoseServices(ctx, out, namespace)
	c.diagnoseEventing(ctx, out, namespace)
	c.diagnosePods(ctx, out, namespace)
	c.diagnoseEvents(ctx, out, namespace)
}

func (c *Clients) diagnoseFunctions(ctx context.Context, out io.Writer, namespace string) {
	functions, err := c.Lambda.LambdaV1alpha1().LambdaFunctions(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	for _, fn := range functions.Items {
		printStatus(out, "LambdaFunction", &fn.ObjectMeta, fn.Status)
	}
}

func (c *Clients) diagnoseBuilds(ctx context.Context, out io.Writer, namespace string) {
	taskRuns, err := c.Tekton.TektonV1().TaskRuns(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	for _, taskRun := range taskRuns.Items {
		printStatus(out, "TaskRun", &taskRun.ObjectMeta, taskRun.Status.Status)
	}
}

func (c *Clients) diagnoseServices(ctx context.Context, out io.Writer, namespace string) {
	services, err := c.Serving.ServingV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	for _, service := range services.Items {
		printStatus(out, "Knative Service", &service.ObjectMeta, service.Status)
	}
}

func (c *Clients) diagnoseEventing(ctx context.Context, out io.Writer, namespace string) {
	brokers, err := c.Eventing.EventingV1().Brokers(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	for _, broker := range brokers.Items {
		printStatus(out, "Broker", &broker.ObjectMeta, broker.Status)
	}
	triggers, err := c.Eventing.EventingV1().Triggers(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	for _, trigger := range triggers.Items {
		printStatus(out, "Trigger", &trigger.ObjectMeta, trigger.Status)
	}
}

func printStatus(out io.Writer, kind string, object metav1.Object, status any) {
	text, err := yaml.Marshal(status)
	if err != nil {
		text = []byte(err.Error())
	}
	fmt.Fprintf(out, "--- %s %s, generation %d\n%s", kind, object.GetName(), object.GetGeneration(), text)
}

func (c *Clients) diagnosePods(ctx context.Context, out io.Writer, namespace string) {
	pods, err := c.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	for _, pod := range pods.Items {
		fmt.Fprintf(out, "--- Pod %s: %s\n", pod.Name, pod.Status.Phase)
		for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			fmt.Fprintf(out, "container %s: %v\n%s", container.Name, &container.State, c.logTail(ctx, &pod, container.Name))
		}
	}
}

func (c *Clients) logTail(ctx context.Context, pod *corev1.Pod, container string) []byte {
	logs, err := c.Kube.CoreV1().Pods(pod.Namespace).
		GetLogs(pod.Name, &corev1.PodLogOptions{Container: container, TailLines: ptr.Int64(20)}).DoRaw(ctx)
	if err != nil {
		logs = []byte(err.Error())
	}
	return append(bytes.TrimSpace(logs), '\n')
}

func (c *Clients) diagnoseEvents(ctx context.Context, out io.Writer, namespace string) {
	events, err := c.Kube.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintln(out, err)
		return
	}
	slices.SortFunc(events.Items, func(a, b corev1.Event) int {
		return cmp.Or(a.LastTimestamp.Compare(b.LastTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	fmt.Fprintln(out, "--- Events")
	for _, event := range events.Items {
		fmt.Fprintf(out, "%s %s %s %s: %s\n", event.LastTimestamp.Format("15:04:05"), event.InvolvedObject.Kind,
			event.InvolvedObject.Name, event.Reason, event.Message)
	}
}
