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
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	eventing "knative.dev/eventing/pkg/apis/eventing"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// RabbitmqBrokerConfig has no Go types in a module that is published. Of it are known the few fields that are set.
var (
	// RabbitMQConfigKind is the kind of the settings of a Broker of class RabbitMQBroker.
	RabbitMQConfigKind = schema.GroupVersionKind{Group: eventing.GroupName, Version: "v1alpha1", Kind: "RabbitmqBrokerConfig"}
	// RabbitMQConfigResource is the resource of RabbitMQConfigKind.
	RabbitMQConfigResource = RabbitMQConfigKind.GroupVersion().WithResource("rabbitmqbrokerconfigs")
)

// SharedBroker is a Broker that is made where it is not there, as the ConfigMap and the object's own settings, which may be
// nil, want it.
func SharedBroker(name string, cfg *config.Eventing, r *v1alpha1.RabbitMQSpec) Broker {
	b := Broker{Name: name, Shared: true, Class: cfg.BrokerClass}
	b.RabbitMQ.Default = RabbitMQSettings{Cluster: cfg.RabbitMQCluster, Namespace: cfg.RabbitMQNamespace, QueueType: cfg.RabbitMQQueueType}
	if r != nil {
		b.RabbitMQ.Wanted = RabbitMQSettings{Cluster: r.ClusterName, Namespace: r.Namespace, QueueType: r.QueueType}
	}
	return b
}

// MakeBroker makes the shared Broker that the owner is the first user of. The class is "" for the cluster's default.
func MakeBroker(owner kmeta.OwnerRefable, b *Broker, class string) *eventingv1.Broker {
	broker := &eventingv1.Broker{ObjectMeta: shared(owner, b.Name)}
	if class != "" {
		broker.Annotations = map[string]string{eventingv1.BrokerClassAnnotationKey: class}
	}
	if class == config.BrokerClassRabbitMQ {
		broker.Spec.Config = &duckv1.KReference{
			APIVersion: RabbitMQConfigKind.GroupVersion().String(), Kind: RabbitMQConfigKind.Kind,
			Name: RabbitMQConfigName(b.Name), Namespace: broker.Namespace,
		}
	}
	return broker
}

// RabbitMQConfigName is the name of the RabbitmqBrokerConfig of a shared Broker.
func RabbitMQConfigName(broker string) string {
	return kmeta.ChildName(broker, "-config")
}

// MakeRabbitMQConfig makes the settings of the shared Broker that the owner is the first user of.
func MakeRabbitMQConfig(owner kmeta.OwnerRefable, b *Broker) *unstructured.Unstructured {
	meta := shared(owner, RabbitMQConfigName(b.Name))
	wanted, standard := b.RabbitMQ.Wanted, b.RabbitMQ.Default
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"queueType": cmp.Or(wanted.QueueType, standard.QueueType),
			"rabbitmqClusterReference": map[string]any{
				"name":      cmp.Or(wanted.Cluster, standard.Cluster),
				"namespace": cmp.Or(wanted.Namespace, standard.Namespace),
			},
		},
	}}
	object.SetGroupVersionKind(RabbitMQConfigKind)
	object.SetName(meta.Name)
	object.SetNamespace(meta.Namespace)
	object.SetLabels(meta.Labels)
	object.SetOwnerReferences(meta.OwnerReferences)
	object.SetAnnotations(map[string]string{
		lambda.BrokerSettingsAnnotationKey: owner.GetGroupVersionKind().Kind + " " + owner.GetObjectMeta().GetName(),
	})
	return object
}

// SettingsOf reads a RabbitmqBrokerConfig.
func SettingsOf(object *unstructured.Unstructured) RabbitMQSettings {
	field := func(path ...string) string {
		// Another type than text is another value than any that is wanted.
		text, _, err := unstructured.NestedString(object.Object, append([]string{"spec"}, path...)...)
		if err != nil {
			return ""
		}
		return text
	}
	return RabbitMQSettings{
		Cluster:   field("rabbitmqClusterReference", "name"),
		Namespace: field("rabbitmqClusterReference", "namespace"),
		QueueType: field("queueType"),
	}
}

// Conflict returns the first setting that is wanted and not had: its field of spec.eventing, what is wanted, and what is
// had. The field is "" where there is none.
func (s RabbitMQSettings) Conflict(had RabbitMQSettings) (field, wanted, has string) {
	for _, c := range []struct{ field, wanted, has string }{
		{"rabbitmq.clusterName", s.Cluster, had.Cluster},
		{"rabbitmq.namespace", s.Namespace, had.Namespace},
		{"rabbitmq.queueType", s.QueueType, had.QueueType},
	} {
		if c.wanted != "" && c.wanted != c.has {
			return c.field, c.wanted, c.has
		}
	}
	return "", "", ""
}

func shared(owner kmeta.OwnerRefable, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:            name,
		Namespace:       owner.GetObjectMeta().GetNamespace(),
		Labels:          SharedLabels(),
		OwnerReferences: []metav1.OwnerReference{UserRef(owner)},
	}
}
