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

package serving

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// QueueProxy is the name of the container that Knative puts beside the user's.
const QueueProxy = "queue-proxy"

// hopeless are the reasons for which a container waits that do not pass by themselves.
var hopeless = []string{
	"CreateContainerConfigError", "CreateContainerError", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "RunContainerError",
}

// AnswerPatience is how long a container may run without answering before the status says so.
const AnswerPatience = 8 * time.Second

// hindrance is what keeps a pod from being ready.
type hindrance struct {
	// failure is what does not pass by itself.
	failure string
	// reason and message are of what may pass.
	reason, message string
	// again is when to look again, where nobody will tell.
	again time.Duration
}

// explainStart says why the Revision's pods are not ready, as soon as that is seen. Knative tells it only when something
// else wakes it, or when the progress deadline of ten minutes is over.
func (r *Reconciler) explainStart(status Status, service *servingv1.Service, desired *Desired) (after time.Duration, err error) {
	revision := service.Status.LatestCreatedRevisionName
	if revision == "" {
		return 0, nil
	}
	pods, err := r.Pods.Pods(service.Namespace).List(labels.SelectorFromSet(
		labels.Merge(desired.Labels, labels.Set{serving.RevisionLabelKey: revision})))
	if err != nil {
		return 0, fmt.Errorf("failed to list pods: %w", err)
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	var worst hindrance
	for _, pod := range pods {
		if PodCondition(pod, corev1.PodReady).Status == corev1.ConditionTrue {
			return 0, nil
		}
		if h := hindranceOf(desired, pod, r.Clock.Now()); worst.failure == "" && h != (hindrance{}) {
			worst = h
		}
	}
	switch {
	case worst.failure != "":
		status.MarkRevisionFailed(worst.failure)
	case worst.reason != "":
		status.MarkRevisionHindered(worst.reason, worst.message)
	}
	return worst.again, nil
}

// PodCondition returns a condition of the pod, or an empty one where it has none of that kind.
func PodCondition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.PodCondition{}
}

func hindranceOf(desired *Desired, pod *corev1.Pod, now time.Time) hindrance {
	if scheduled := PodCondition(pod, corev1.PodScheduled); scheduled.Reason == corev1.PodReasonUnschedulable {
		return hindrance{reason: v1alpha1.ReasonUnschedulable, message: fmt.Sprintf(
			"No node has room for the %s: lower spec.resources.requests, or add a node. %s", desired.Noun, scheduled.Message)}
	}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name == QueueProxy {
			continue
		}
		if failure := containerFailure(status); failure != "" {
			return hindrance{failure: failure}
		}
		if running := status.State.Running; running != nil {
			return silence(desired, now.Sub(running.StartedAt.Time))
		}
	}
	return hindrance{}
}

// silence is what a container tells by not answering.
func silence(desired *Desired, lasts time.Duration) hindrance {
	if left := AnswerPatience - lasts; left > 0 {
		return hindrance{again: left}
	}
	return hindrance{reason: v1alpha1.ReasonNotAnswering, message: desired.Silent}
}

func containerFailure(status *corev1.ContainerStatus) string {
	for _, terminated := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
		if terminated == nil {
			continue
		}
		message := strings.TrimSpace(terminated.Message)
		if message == "" {
			return fmt.Sprintf("The container exited with code %d (%s).", terminated.ExitCode, terminated.Reason)
		}
		return fmt.Sprintf("The container exited with code %d: %s", terminated.ExitCode, message)
	}
	if waiting := status.State.Waiting; waiting != nil && slices.Contains(hopeless, waiting.Reason) {
		return fmt.Sprintf("The container does not start: %s: %s", waiting.Reason, waiting.Message)
	}
	return ""
}
