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

package diagnosis

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
)

// The kinds of Tekton and Knative Eventing, which a cluster may be without. They are read as JSON: their own clients would be
// more code than all the rest.
var (
	TaskRunResource = schema.GroupVersionResource{Group: "tekton.dev", Version: "v1", Resource: "taskruns"}
	TriggerResource = schema.GroupVersionResource{Group: "eventing.knative.dev", Version: "v1", Resource: "triggers"}

	brokerResource       = schema.GroupVersionResource{Group: "eventing.knative.dev", Version: "v1", Resource: "brokers"}
	subscriptionResource = schema.GroupVersionResource{Group: "messaging.knative.dev", Version: "v1", Resource: "subscriptions"}
)

// sourceKinds are those of what asks for events of elsewhere.
var sourceKinds = []struct {
	kind     string
	resource schema.GroupVersionResource
}{
	{"PingSource", schema.GroupVersionResource{Group: "sources.knative.dev", Version: "v1", Resource: "pingsources"}},
	{"ApiServerSource", schema.GroupVersionResource{Group: "sources.knative.dev", Version: "v1", Resource: "apiserversources"}},
}

// taskRunPending is spec.status of a TaskRun that has not been given its turn.
const taskRunPending = "TaskRunPending"

// TaskRun is what is read of a TaskRun of Tekton.
type TaskRun struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		Status string `json:"status"`
	} `json:"spec"`
	Status struct {
		duckv1.Status `json:",inline"`

		PodName        string       `json:"podName"`
		StartTime      *metav1.Time `json:"startTime"`
		CompletionTime *metav1.Time `json:"completionTime"`
		Steps          []struct {
			corev1.ContainerState `json:",inline"`

			Container string `json:"container"`
		} `json:"steps"`
	} `json:"status"`
}

// Done is true once the TaskRun has ended, well or not.
func (t *TaskRun) Done() bool {
	return !t.Status.GetCondition(apis.ConditionSucceeded).IsUnknown()
}

// Waiting is what pkg/buildqueue says it is.
func (t *TaskRun) Waiting() bool {
	return t.Spec.Status == taskRunPending && !t.Done() && t.DeletionTimestamp == nil
}

// running is what pkg/buildqueue says it is.
func (t *TaskRun) running() bool {
	return t.Spec.Status != taskRunPending && !t.Done()
}

// Trigger is what is read of a Trigger of Knative Eventing.
type Trigger struct {
	duckv1.KResource `json:",inline"`

	Spec struct {
		Broker     string             `json:"broker"`
		Subscriber duckv1.Destination `json:"subscriber"`
		Delivery   struct {
			DeadLetterSink *duckv1.Destination `json:"deadLetterSink"`
		} `json:"delivery"`
	} `json:"spec"`
}

// The conditions of a Trigger that tell of another object.
const (
	triggerBroker         apis.ConditionType = "BrokerReady"
	triggerSubscribed     apis.ConditionType = "SubscriptionReady"
	triggerSubscriber     apis.ConditionType = "SubscriberResolved"
	triggerDeadLetterSink apis.ConditionType = "DeadLetterSinkResolved"
)

// Untyped reads objects that there is no typed client of as T, which has the fields that are wanted.
type Untyped[T any] struct {
	dynamic.ResourceInterface
}

func as[T any](c *Clients, resource schema.GroupVersionResource, namespace string) Untyped[T] {
	return Untyped[T]{c.Dynamic.Resource(resource).Namespace(namespace)}
}

// TaskRuns are those of a namespace.
func (c *Clients) TaskRuns(namespace string) Untyped[TaskRun] {
	return as[TaskRun](c, TaskRunResource, namespace)
}

// Triggers are those of a namespace.
func (c *Clients) Triggers(namespace string) Untyped[Trigger] {
	return as[Trigger](c, TriggerResource, namespace)
}

// Get returns the object of the name.
func (u Untyped[T]) Get(ctx context.Context, name string, options metav1.GetOptions) (*T, error) {
	object, err := u.ResourceInterface.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	read := new(T)
	return read, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, read)
}

// List returns the objects that the options select.
func (u Untyped[T]) List(ctx context.Context, options metav1.ListOptions) ([]T, error) {
	objects, err := u.ResourceInterface.List(ctx, options)
	if err != nil {
		return nil, err
	}
	read := make([]T, len(objects.Items))
	for i := range objects.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects.Items[i].Object, &read[i]); err != nil {
			return nil, err
		}
	}
	return read, nil
}
