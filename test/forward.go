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
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/knative-lambda/knative-lambda-operator/pkg/portforward"
)

// Forward makes a port of a pod reachable, as kubectl port-forward does. It returns the address, host and port, and what
// ends it.
func (c *Clients) Forward(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error) {
	return portforward.Pod(ctx, c.config, c.Kube, namespace, pod, port)
}

// ForwardToReady forwards a port of the first selected pod that is ready, and waits for one. It is like Forward otherwise.
func (c *Clients) ForwardToReady(ctx context.Context, namespace, selector string, port int) (address string, stop func(), err error) {
	var failed error
	err = wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
		var pod string
		if pod, failed = c.readyPod(ctx, namespace, selector); failed != nil {
			return false, nil //nolint:nilerr // It is tried again.
		}
		address, stop, failed = c.Forward(ctx, namespace, pod, port)
		return failed == nil, nil
	})
	return address, stop, errors.Join(err, failed)
}

// readyPod returns the name of a pod that a selector finds and that is ready.
func (c *Clients) readyPod(ctx context.Context, namespace, selector string) (string, error) {
	pods, err := c.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return "", fmt.Errorf("failed to list pods %q: %w", selector, err)
	}
	for i := range pods.Items {
		for _, condition := range pods.Items[i].Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" {
				return pods.Items[i].Name, nil
			}
		}
	}
	return "", fmt.Errorf("no pod %q of namespace %q is ready", selector, namespace)
}
