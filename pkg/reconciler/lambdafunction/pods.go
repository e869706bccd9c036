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

// startFailure returns why the Revision's pods do not start, or "". Knative tells that only when something else wakes
// it, or when the progress deadline of ten minutes is over.
func (r *Reconciler) startFailure(fn *v1alpha1.LambdaFunction, revision string) (string, error) {
	if revision == "" {
		return "", nil
	}
	pods, err := r.podLister.Pods(fn.Namespace).List(labels.SelectorFromSet(
		labels.Merge(resources.FunctionLabels(fn), labels.Set{serving.RevisionLabelKey: revision})))
	if err != nil {
		return "", fmt.Errorf("failed to list pods: %w", err)
	}
	var failure string
	for _, pod := range pods {
		for i := range pod.Status.ContainerStatuses {
			status := &pod.Status.ContainerStatuses[i]
			if status.Name == queueProxy {
				continue
			}
			if status.Ready {
				return "", nil
			}
			if message := containerFailure(status); message != "" {
				failure = message
			}
		}
	}
	return failure, nil
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
