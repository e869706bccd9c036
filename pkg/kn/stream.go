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
	"bufio"
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// stepPrefix is what Tekton has the names of the containers of steps begin with.
	stepPrefix = "step-"
	// lookEvery is how often a container is looked for that has not started.
	lookEvery = time.Second
	// longestLine is how much of a line is kept together.
	longestLine = 1 << 20
)

// emit is given each line of a log, without its end.
type emit = func(from, line string)

// followBuild hands out the lines of all steps of a build while they are written. What cannot be read is left out: the
// function's status says how the build ended.
func (c *clients) followBuild(ctx context.Context, namespace, taskRun string, each emit) {
	var pod string
	err := wait.PollUntilContextCancel(ctx, lookEvery, true, func(ctx context.Context) (bool, error) {
		build, err := c.diagnosis().TaskRuns(namespace).Get(ctx, taskRun, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		pod = build.Status.PodName
		return pod != "" || build.Done(), nil
	})
	if err != nil || pod == "" {
		return
	}
	c.streamSteps(ctx, namespace, pod, &corev1.PodLogOptions{Follow: true}, each) //nolint:errcheck // Said above.
}

// streamSteps hands out the logs of a build's steps, one after the other.
func (c *clients) streamSteps(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions, each emit) error {
	found, err := c.kube.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for i := range found.Spec.Containers {
		step, ok := strings.CutPrefix(found.Spec.Containers[i].Name, stepPrefix)
		if !ok {
			continue
		}
		options := options.DeepCopy()
		options.Container = stepPrefix + step
		if err := c.stream(ctx, namespace, pod, options, func(line string) { each(step, line) }); err != nil {
			return err
		}
	}
	return nil
}

// stream hands out the lines of a container's log. Where they are followed it waits until the container has started.
func (c *clients) stream(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions, each func(line string)) error {
	if options.Follow {
		if err := c.awaitContainer(ctx, namespace, pod, options.Container); err != nil {
			return err
		}
	}
	log, err := c.kube.CoreV1().Pods(namespace).GetLogs(pod, options).Stream(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		each(lines.Text())
	}
	return lines.Err()
}

// awaitContainer waits until a container has a log. It is an error that the pod is gone.
func (c *clients) awaitContainer(ctx context.Context, namespace, pod, container string) error {
	return wait.PollUntilContextCancel(ctx, lookEvery, true, func(ctx context.Context) (bool, error) {
		found, err := c.kube.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if found.Status.Phase == corev1.PodFailed || found.Status.Phase == corev1.PodSucceeded {
			return true, nil
		}
		for i := range found.Status.ContainerStatuses {
			if s := &found.Status.ContainerStatuses[i]; s.Name == container && (s.State.Running != nil || s.State.Terminated != nil) {
				return true, nil
			}
		}
		return false, nil
	})
}

// gone is true for an error that says that there is no such pod, or not any more.
func gone(err error) bool {
	return err != nil && apierrors.IsNotFound(err)
}
