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

// SendToBroker sends an event to a Broker, by the address that a function's status has of it. The API server passes it
// on: the address is one within the cluster.
func SendToBroker(ctx context.Context, kube kubernetes.Interface, address string, e event.Event) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("failed to parse the address of the Broker: %w", err)
	}
	service, rest, ok := strings.Cut(u.Hostname(), ".")
	namespace, _, named := strings.Cut(rest, ".")
	if !ok || !named {
		return fmt.Errorf("%s is not the address of a Service", address)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("failed to write the event: %w", err)
	}
	request := kube.CoreV1().RESTClient().Post().
		Namespace(namespace).Resource("services").Name("http:"+service+":80").SubResource("proxy").Suffix(u.Path).
		SetHeader("Content-Type", event.ApplicationCloudEventsJSON).Body(body)
	if traceparent, ok := e.Extensions()["traceparent"].(string); ok {
		// Whoever sends a traced event is in the midst of a traced request.
		request.SetHeader("Traceparent", traceparent)
	}
	if err := request.Do(ctx).Error(); err != nil {
		return fmt.Errorf("failed to send event %q to %s: %w", e.ID(), address, err)
	}
	return nil
}
