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

package diagnosis

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/serving"
)

const (
	kindContainer = "Container"
	// queueProxy is the name of the container that Knative puts beside the user's: it is not ready before that is.
	queueProxy = "queue-proxy"
	// linesShown and widthShown are how much of a container's log is shown.
	linesShown, widthShown = 10, 200
	// restartsCount is how long a container that runs again is told of.
	restartsCount = time.Hour
)

// workloadChain leads from a Revision to its Deployment, and on to the pod, container or event that keeps it from being well.
func (e *explorer) workloadChain(ctx context.Context, revision string) []Link {
	selector := serving.RevisionLabelKey + "=" + revision
	var chain []Link
	if deployments, ok := list(ctx, e, kindDeployment, e.namespace(), selector, e.Kube.AppsV1().Deployments(e.namespace())); ok {
		for i := range deployments.Items {
			links := e.deploymentLinks(&deployments.Items[i])
			chain = append(chain, links...)
			for _, l := range links {
				chain = append(chain, e.quota(ctx, l.Message)...)
			}
		}
	}
	if pods := e.worstPod(ctx, selector); pods != nil {
		return append(chain, pods...)
	}
	if sets, ok := list(ctx, e, "ReplicaSet", e.namespace(), selector, e.Kube.AppsV1().ReplicaSets(e.namespace())); ok {
		for i := range sets.Items {
			if set := &sets.Items[i]; ptr.Int32Value(set.Spec.Replicas) > set.Status.Replicas {
				warning := e.warning(ctx, "ReplicaSet", set.Name)
				chain = append(chain, warning...)
				for _, w := range warning {
					chain = append(chain, e.quota(ctx, w.Message)...)
				}
			}
		}
	}
	return chain
}

// deploymentLinks are what is wrong with a Deployment: that its pods cannot be made, before that there are too few.
func (e *explorer) deploymentLinks(deployment *appsv1.Deployment) []Link {
	bad := map[appsv1.DeploymentConditionType]corev1.ConditionStatus{
		appsv1.DeploymentReplicaFailure: corev1.ConditionTrue, appsv1.DeploymentProgressing: corev1.ConditionFalse,
		appsv1.DeploymentAvailable: corev1.ConditionFalse,
	}
	for _, kind := range []appsv1.DeploymentConditionType{appsv1.DeploymentReplicaFailure, appsv1.DeploymentProgressing, appsv1.DeploymentAvailable} {
		for i := range deployment.Status.Conditions {
			c := &deployment.Status.Conditions[i]
			if c.Type != kind || c.Status != bad[kind] {
				continue
			}
			l := Link{
				Kind: kindDeployment, Name: deployment.Name, Type: string(kind), Status: string(c.Status), Reason: c.Reason, Message: c.Message,
				Since: optional(c.LastTransitionTime),
			}
			if deployment.Namespace != e.namespace() {
				l.Namespace = deployment.Namespace
			}
			return []Link{l}
		}
	}
	return nil
}

// worstPod is the chain of the pod of which most is known that is wrong.
func (e *explorer) worstPod(ctx context.Context, selector string) []Link {
	pods, ok := list(ctx, e, kindPod, e.namespace(), selector, e.Kube.CoreV1().Pods(e.namespace()))
	if !ok {
		return nil
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	var worst []Link
	for i := range pods.Items {
		if chain := e.podChain(ctx, &pods.Items[i]); len(chain) > len(worst) {
			worst = chain
		}
	}
	return worst
}

// podChain leads from a pod to the container or event that keeps it from being ready. It is empty for one that is well.
func (e *explorer) podChain(ctx context.Context, pod *corev1.Pod) []Link {
	if pod.DeletionTimestamp != nil {
		return nil
	}
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "" {
		return []Link{{Kind: kindPod, Name: pod.Name, Type: state, Status: "failed", Reason: pod.Status.Reason, Message: pod.Status.Message}}
	}
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		return []Link{podLink(pod, c)}
	}
	ready := podCondition(pod, corev1.PodReady)
	var chain []Link
	if ready != nil && ready.Status != corev1.ConditionTrue {
		chain = append(chain, podLink(pod, ready))
	}
	containers := e.containers(ctx, pod)
	switch {
	case len(containers) > 0 && chain == nil:
		return append([]Link{{Kind: kindPod, Name: pod.Name, Type: state, Status: "restarted"}}, containers...)
	case len(containers) > 0:
		return append(chain, containers...)
	case ready == nil || ready.Status == corev1.ConditionTrue:
		return nil
	}
	return append(append(chain, e.silent(ctx, pod)...), e.warning(ctx, kindPod, pod.Name)...)
}

// containers are the links of the first container that waits, ended badly, or was restarted for that.
func (e *explorer) containers(ctx context.Context, pod *corev1.Pod) []Link {
	statuses := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	// The user's container before Knative's, which is not ready because of it.
	slices.SortStableFunc(statuses, func(a, b corev1.ContainerStatus) int { return after(a.Name) - after(b.Name) })
	for i := range statuses {
		if links := e.container(ctx, pod, &statuses[i]); links != nil {
			return links
		}
	}
	return nil
}

func after(container string) int {
	if container == queueProxy {
		return 1
	}
	return 0
}

func (e *explorer) container(ctx context.Context, pod *corev1.Pod, status *corev1.ContainerStatus) []Link {
	var chain []Link
	if waiting := status.State.Waiting; waiting != nil && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing" && waiting.Reason != "" {
		chain = append(chain, Link{
			Kind: kindContainer, Name: status.Name, Type: state, Status: "waiting" + restarts(status), Reason: waiting.Reason, Message: waiting.Message,
		})
	}
	ended, before := status.State.Terminated, false
	if ended == nil {
		ended, before = status.LastTerminationState.Terminated, true
	}
	if ended == nil || ended.ExitCode == 0 && chain == nil || before && chain == nil && e.now.Sub(ended.FinishedAt.Time) > restartsCount {
		return chain
	}
	l := terminated(status.Name, ended)
	if chain == nil {
		l.Status += restarts(status)
	}
	l.Log = e.log(ctx, pod.Name, status.Name, before)
	return append(chain, l)
}

func restarts(status *corev1.ContainerStatus) string {
	if status.RestartCount == 0 {
		return ""
	}
	return fmt.Sprintf(" after %d restarts", status.RestartCount)
}

func terminated(container string, ended *corev1.ContainerStateTerminated) Link {
	message := fmt.Sprintf("exit code %d", ended.ExitCode)
	if text := strings.TrimSpace(ended.Message); text != "" {
		message += ": " + text
	}
	return Link{
		Kind: kindContainer, Name: container, Type: state, Status: "ended", Reason: ended.Reason, Message: message, Since: optional(ended.FinishedAt),
	}
}

// silent is the container that runs and is not ready, with the end of its log.
func (e *explorer) silent(ctx context.Context, pod *corev1.Pod) []Link {
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name == queueProxy || status.State.Running == nil {
			continue
		}
		return []Link{{
			Kind: kindContainer, Name: status.Name, Type: state, Status: "running, and not ready",
			Since: optional(status.State.Running.StartedAt), Log: e.log(ctx, pod.Name, status.Name, false),
		}}
	}
	return nil
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == kind {
			return c
		}
	}
	return nil
}

func podLink(pod *corev1.Pod, c *corev1.PodCondition) Link {
	return Link{
		Kind: kindPod, Name: pod.Name, Type: string(c.Type), Status: string(c.Status), Reason: c.Reason, Message: c.Message,
		Since: optional(c.LastTransitionTime),
	}
}

// log is the end of a container's log; before is that of the one that was restarted. It is nil where it is gone.
func (e *explorer) log(ctx context.Context, pod, container string, before bool) []string {
	options := &corev1.PodLogOptions{Container: container, TailLines: ptr.Int64(linesShown), Previous: before, LimitBytes: ptr.Int64(64 << 10)}
	log, err := e.Kube.CoreV1().Pods(e.namespace()).GetLogs(pod, options).DoRaw(ctx)
	if err != nil {
		e.cannotSee("the log of container "+container+" in pod "+pod, e.namespace(), err)
		return nil
	}
	return lastLines(string(log))
}

// lastLines are the last lines of a log, cut where they are long. Nil where there are none.
func lastLines(log string) []string {
	log = strings.TrimSpace(strings.ToValidUTF8(log, "\uFFFD"))
	if log == "" {
		return nil
	}
	lines := strings.Split(log, "\n")
	lines = lines[max(0, len(lines)-linesShown):]
	for i, line := range lines {
		line = plain(line)
		if runes := []rune(line); len(runes) > widthShown {
			line = string(runes[:widthShown]) + "..."
		}
		lines[i] = line
	}
	return lines
}

// escapes are what colours the text of a terminal, and moves its cursor.
var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

// plain takes away what would move the cursor of a terminal other than by a line, or change its colours.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' && r != '\n', r >= 0x7f && r < 0xa0:
			return -1
		}
		return r
	}, escapes.ReplaceAllString(text, ""))
}
