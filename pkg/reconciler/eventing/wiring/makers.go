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

package wiring

import (
	"context"
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// The annotations of Triggers that Knative's RabbitMQ Broker reads.
const (
	ParallelismAnnotation = "rabbitmq.eventing.knative.dev/parallelism"
	PrefetchAnnotation    = "rabbitmq.eventing.knative.dev/prefetchCount"
)

const (
	// replySource is what the source of replies begins with, before the namespace and name of who replies.
	replySource = "io.knative.lambda/"
	// repliedByExtension is on each reply of a function that was built here, also where it names a source of its own.
	repliedByExtension = "repliedby"
)

// ReplySource is the source of the replies of the named object.
func ReplySource(namespace, name string) string {
	return replySource + namespace + "/" + name
}

// ReplyGuards keep the replies of the named object from it.
func ReplyGuards(namespace, name string) []eventingv1.SubscriptionsAPIFilter {
	return []eventingv1.SubscriptionsAPIFilter{
		NotFrom(ReplySource(namespace, name)),
		not(map[string]string{repliedByExtension: namespace + "/" + name}),
	}
}

// NotFrom keeps back the events of a source.
func NotFrom(source string) eventingv1.SubscriptionsAPIFilter {
	return not(map[string]string{"source": source})
}

func not(exact map[string]string) eventingv1.SubscriptionsAPIFilter {
	return eventingv1.SubscriptionsAPIFilter{Not: &eventingv1.SubscriptionsAPIFilter{Exact: exact}}
}

// QueueAnnotations are those of Triggers of a RabbitMQ Broker. The settings may be nil.
func QueueAnnotations(r *v1alpha1.RabbitMQSpec) map[string]string {
	if r == nil {
		return nil
	}
	var annotations map[string]string
	for annotation, value := range map[string]*int32{ParallelismAnnotation: r.Parallelism, PrefetchAnnotation: r.PrefetchCount} {
		if value == nil {
			continue
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[annotation] = strconv.Itoa(int(*value))
	}
	return annotations
}

// MakeTrigger makes a Trigger of the owner, with the defaults that Knative's admission sets. broker is the URL of its
// Broker; empty where that is not known yet.
func MakeTrigger(owner kmeta.OwnerRefable, labels map[string]string, t *Trigger, broker string) *eventingv1.Trigger {
	trigger := &eventingv1.Trigger{
		ObjectMeta: child(owner, labels, t.Name),
		Spec: eventingv1.TriggerSpec{
			Broker:     t.Broker,
			Filter:     &eventingv1.TriggerFilter{Attributes: t.Attributes},
			Subscriber: *t.Subscriber.DeepCopy(),
			Delivery:   withReply(t.Delivery.DeepCopy(), broker),
		},
	}
	trigger.Annotations = maps.Clone(t.Annotations)
	// Where there are filters, Brokers that know them do not look at the attributes.
	if len(t.Attributes) > 0 {
		trigger.Spec.Filters = append(trigger.Spec.Filters, eventingv1.SubscriptionsAPIFilter{Exact: t.Attributes})
	}
	trigger.Spec.Filters = append(append(trigger.Spec.Filters, t.Filters...), t.Guards...)
	trigger.SetDefaults(context.Background())
	return trigger
}

// MakePingSource makes the PingSource of a schedule, with the defaults that Knative's admission sets.
func MakePingSource(owner kmeta.OwnerRefable, labels map[string]string, s *Schedule) *sourcesv1.PingSource {
	source := &sourcesv1.PingSource{
		ObjectMeta: child(owner, labels, s.Name),
		Spec: sourcesv1.PingSourceSpec{
			SourceSpec:  toBroker(owner, s.Broker, s.Extensions),
			Schedule:    s.Cron,
			Timezone:    s.Timezone,
			Data:        s.Data,
			ContentType: s.ContentType,
		},
	}
	source.SetDefaults(context.Background())
	return source
}

// MakeAPIServerSource makes the ApiServerSource, with the defaults that Knative's admission sets.
func MakeAPIServerSource(owner kmeta.OwnerRefable, labels map[string]string, s *APISource) *sourcesv1.ApiServerSource {
	source := &sourcesv1.ApiServerSource{
		ObjectMeta: child(owner, labels, s.Name),
		Spec: sourcesv1.ApiServerSourceSpec{
			SourceSpec:         toBroker(owner, s.Broker, s.Extensions),
			EventMode:          s.Mode,
			Resources:          s.Resources,
			ServiceAccountName: s.Name,
		},
	}
	source.SetDefaults(context.Background())
	return source
}

// MakeServiceAccount makes the account that the ApiServerSource reads with.
func MakeServiceAccount(owner kmeta.OwnerRefable, labels map[string]string, s *APISource) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: child(owner, labels, s.Name)}
}

// MakeRole makes the Role that lets the account read what is watched.
func MakeRole(owner kmeta.OwnerRefable, labels map[string]string, s *APISource) *rbacv1.Role {
	return &rbacv1.Role{ObjectMeta: child(owner, labels, s.Name), Rules: s.Rules}
}

// MakeRoleBinding gives the Role to the account.
func MakeRoleBinding(owner kmeta.OwnerRefable, labels map[string]string, s *APISource) *rbacv1.RoleBinding {
	binding := &rbacv1.RoleBinding{
		ObjectMeta: child(owner, labels, s.Name),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: s.Name},
	}
	binding.Subjects = []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: s.Name, Namespace: binding.Namespace}}
	return binding
}

// Rule lets objects of one kind be read. Which resource it is, is guessed as ApiServerSource guesses it.
func Rule(apiVersion, kind string) rbacv1.PolicyRule {
	resource, _ := meta.UnsafeGuessKindToResource(schema.FromAPIVersionAndKind(apiVersion, kind))
	return rbacv1.PolicyRule{
		APIGroups: []string{resource.Group}, Resources: []string{resource.Resource}, Verbs: []string{"get", "list", "watch"},
	}
}

// SharedLabels are on what several objects share: it is of none of them alone.
func SharedLabels() map[string]string {
	return map[string]string{lambda.ManagedByLabelKey: lambda.ManagedByLabelValue}
}

// UserRef is an owner reference of something that is shared: it goes with the last of its owners.
func UserRef(owner kmeta.OwnerRefable) metav1.OwnerReference {
	ref := kmeta.NewControllerRef(owner)
	ref.Controller, ref.BlockOwnerDeletion = nil, nil
	return *ref
}

func child(owner kmeta.OwnerRefable, labels map[string]string, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:            name,
		Namespace:       owner.GetObjectMeta().GetNamespace(),
		Labels:          maps.Clone(labels),
		OwnerReferences: []metav1.OwnerReference{*kmeta.NewControllerRef(owner)},
	}
}

// toBroker says where a source sends to. Behind a Broker events are delivered again where they fail, and are dead
// letters in the end.
func toBroker(owner kmeta.OwnerRefable, broker string, extensions map[string]string) duckv1.SourceSpec {
	return duckv1.SourceSpec{
		Sink: duckv1.Destination{Ref: &duckv1.KReference{
			APIVersion: eventingv1.SchemeGroupVersion.String(), Kind: "Broker",
			Name: broker, Namespace: owner.GetObjectMeta().GetNamespace(),
		}},
		CloudEventOverrides: &duckv1.CloudEventOverrides{Extensions: extensions},
	}
}
