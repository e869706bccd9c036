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

// Package portforward makes ports of pods reachable through the API server.
package portforward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// Pod makes a port of a pod reachable, as kubectl port-forward does. It returns the address, host and port, and what ends it.
func Pod(ctx context.Context, config *rest.Config, client kubernetes.Interface, namespace, pod string, port int) (address string, stop func(), err error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return "", nil, fmt.Errorf("failed to make a connection that can be upgraded: %w", err)
	}
	url := client.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
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
