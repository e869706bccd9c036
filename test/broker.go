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
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	messagingv1 "knative.dev/eventing/pkg/apis/messaging/v1"
)

// catchUp is how long the dispatcher of in-memory channels is given for what it tells nobody: that it knows a channel.
const catchUp = 2 * time.Second

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

// ChannelsSettled returns an error while a Broker of the namespace may lose what it is sent although all Triggers are ready.
// The dispatcher of in-memory channels passes over a channel whose status is not of its last generation, and marks the
// subscribers as ready all the same (Knative Eventing, pkg/reconciler/inmemorychannel/dispatcher): until it comes back to
// the channel, they get nothing.
func (c *Clients) ChannelsSettled(ctx context.Context, namespace string) error {
	subscriptions, err := c.Eventing.MessagingV1().Subscriptions(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	channels, err := c.Eventing.MessagingV1().InMemoryChannels(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, channel := range channels.Items {
		if !channel.IsReady() || time.Since(changed(&channel)) < catchUp {
			return fmt.Errorf("channel %s has just changed", channel.Name)
		}
		for _, subscription := range subscriptions.Items {
			if subscription.Spec.Channel.Name == channel.Name && !slices.ContainsFunc(channel.Spec.Subscribers,
				func(s eventingduckv1.SubscriberSpec) bool { return s.UID == subscription.UID }) {
				return fmt.Errorf("channel %s has no subscriber %s", channel.Name, subscription.Name)
			}
		}
	}
	return nil
}

// changed is when a channel was last written.
func changed(channel *messagingv1.InMemoryChannel) (last time.Time) {
	for _, written := range channel.ManagedFields {
		if written.Time != nil && written.Time.After(last) {
			last = written.Time.Time
		}
	}
	return last
}
