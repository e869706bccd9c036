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
	"io"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// Forward makes a port of a pod reachable, as kubectl port-forward does. It returns the address, host and port, and what
// ends it.
func (c *Clients) Forward(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return "", nil, fmt.Errorf("failed to make a connection that can be upgraded: %w", err)
	}
	url := c.Kube.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	ended, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, ended, ready, io.Discard, io.Discard)
	if err != nil {
		return "", nil, fmt.Errorf("failed to forward a port of pod %q: %w", pod, err)
	}
	failed := make(chan error, 1)
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return "", nil, fmt.Errorf("failed to forward port %d of pod %q: %w", port, pod, err)
	case <-ctx.Done():
		close(ended)
		return "", nil, errors.Join(ctx.Err(), <-failed)
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		close(ended)
		return "", nil, errors.Join(fmt.Errorf("failed to find the forwarded port: %w", err), <-failed)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), func() {
		close(ended)
		<-failed
	}, nil
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
