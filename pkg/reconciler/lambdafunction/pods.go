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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"knative.dev/pkg/ptr"
)

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
