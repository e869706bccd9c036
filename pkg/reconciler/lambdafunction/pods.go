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
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// queueProxy is the name of the container that Knative puts beside the function's.
const queueProxy = "queue-proxy"

// hopeless are the reasons for which a container waits that do not pass by themselves.
var hopeless = []string{
	"CreateContainerConfigError", "CreateContainerError", "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "RunContainerError",
}

// answerPatience is how long a container may run without answering before the function says so.
const answerPatience = 8 * time.Second

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
func (r *Reconciler) explainStart(fn *v1alpha1.LambdaFunction, revision string) error {
	if revision == "" {
		return nil
	}
	pods, err := r.podLister.Pods(fn.Namespace).List(labels.SelectorFromSet(
		labels.Merge(resources.FunctionLabels(fn), labels.Set{serving.RevisionLabelKey: revision})))
	if err != nil {
		return fmt.Errorf("failed to list pods: %w", err)
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	var worst hindrance
	for _, pod := range pods {
		if podConditionOf(pod, corev1.PodReady).Status == corev1.ConditionTrue {
			return nil
		}
		if h := hindranceOf(fn, pod, r.clock.Now()); worst.failure == "" && h != (hindrance{}) {
			worst = h
		}
	}
	switch {
	case worst.failure != "":
		fn.Status.MarkRevisionFailed(worst.failure)
	case worst.reason != "":
		fn.Status.MarkRevisionHindered(worst.reason, worst.message)
	case worst.again > 0:
		r.enqueueAfter(fn, worst.again)
	}
	return nil
}

func podConditionOf(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.PodCondition{}
}

func hindranceOf(fn *v1alpha1.LambdaFunction, pod *corev1.Pod, now time.Time) hindrance {
	if scheduled := podConditionOf(pod, corev1.PodScheduled); scheduled.Reason == corev1.PodReasonUnschedulable {
		return hindrance{reason: v1alpha1.ReasonUnschedulable, message: fmt.Sprintf(
			"No node has room for the function: lower spec.resources.requests, or add a node. %s", scheduled.Message)}
	}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		if status.Name == queueProxy {
			continue
		}
		if failure := containerFailure(status); failure != "" {
			return hindrance{failure: failure}
		}
		if running := status.State.Running; running != nil {
			return silence(fn, now.Sub(running.StartedAt.Time))
		}
	}
	return hindrance{}
}

// silence is what a container tells by not answering.
func silence(fn *v1alpha1.LambdaFunction, lasts time.Duration) hindrance {
	if left := answerPatience - lasts; left > 0 {
		return hindrance{again: left}
	}
	if image := fn.Spec.Source.Image; fn.Spec.Source.Type == v1alpha1.SourceTypeImage && image != nil {
		return hindrance{reason: v1alpha1.ReasonNotAnswering, message: fmt.Sprintf(
			"The container runs, and nothing in it listens at port %d: set spec.source.image.port to where it does.", ptr.Int32Value(image.Port))}
	}
	return hindrance{
		reason:  v1alpha1.ReasonNotAnswering,
		message: "The container runs, and is still loading the function's code: what its modules do when they are loaded takes long.",
	}
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

// newPodLog returns what reads the last lines of a container's log, as far as the controller's memory allows.
func newPodLog(kube kubernetes.Interface) func(ctx context.Context, namespace, pod, container string) (string, error) {
	const lines, limit = 200, 1 << 20
	return func(ctx context.Context, namespace, pod, container string) (string, error) {
		options := &corev1.PodLogOptions{Container: container, TailLines: ptr.Int64(lines)}
		stream, err := kube.CoreV1().Pods(namespace).GetLogs(pod, options).Stream(ctx)
		if err != nil {
			return "", fmt.Errorf("failed to open the log of container %q in pod %q: %w", container, pod, err)
		}
		defer stream.Close()
		log, err := io.ReadAll(io.LimitReader(stream, limit))
		if err != nil {
			return "", fmt.Errorf("failed to read the log of container %q in pod %q: %w", container, pod, err)
		}
		return string(log), nil
	}
}
