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
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"k8s.io/client-go/kubernetes"
)

// SendToBroker sends an event to a Broker, in structured mode, by the address that a function's status has of it.
func SendToBroker(ctx context.Context, kube kubernetes.Interface, address string, e event.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("failed to write the event: %w", err)
	}
	headers := map[string]string{"Content-Type": event.ApplicationCloudEventsJSON}
	if traceparent, ok := e.Extensions()["traceparent"].(string); ok {
		// Whoever sends a traced event is in the midst of a traced request.
		headers["Traceparent"] = traceparent
	}
	return PostToBroker(ctx, kube, address, headers, body)
}

// PostToBroker sends to a Broker what may be an event. The API server passes it on: the address is one within the cluster.
// An error is that of the API server, or has the status of the Broker's answer as an error of the API server has.
func PostToBroker(ctx context.Context, kube kubernetes.Interface, address string, headers map[string]string, body []byte) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("failed to parse the address of the Broker: %w", err)
	}
	service, rest, ok := strings.Cut(u.Hostname(), ".")
	namespace, _, named := strings.Cut(rest, ".")
	if !ok || !named {
		return fmt.Errorf("%s is not the address of a Service", address)
	}
	request := kube.CoreV1().RESTClient().Post().
		Namespace(namespace).Resource("services").Name("http:" + service + ":80").SubResource("proxy").Suffix(u.Path).Body(body)
	for name, value := range headers {
		request.SetHeader(name, value)
	}
	if err := request.Do(ctx).Error(); err != nil {
		return fmt.Errorf("failed to send to %s: %w", address, err)
	}
	return nil
}
