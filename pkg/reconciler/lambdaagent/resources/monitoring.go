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

package resources

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/pkg/kmeta"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving/revision"
)

const (
	metricsPort = "http-metrics"

	// componentLabelKey tells the Service of the agent's metrics from those that Knative makes for its Revisions, which have
	// the agent's labels, too.
	componentLabelKey = "app.kubernetes.io/component"
	metricsComponent  = "metrics"
)

// ServiceMonitorKind is the kind of the Prometheus Operator that says what is to be scraped.
var ServiceMonitorKind = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}

// MakeMetricsService makes the Service by which the agent's instances are found by who asks for their metrics. It has no
// address of its own: what is asked is an instance that is there, and none is woken.
func MakeMetricsService(la *v1alpha1.LambdaAgent) *corev1.Service {
	port := *la.Spec.Image.Port
	return &corev1.Service{
		ObjectMeta: monitoringMeta(la),
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone,
			Selector:  map[string]string{serving.ServiceLabelKey: names.Service(la)},
			Ports: []corev1.ServicePort{{
				Name: metricsPort, Protocol: corev1.ProtocolTCP, Port: port, TargetPort: intstr.FromInt32(port),
			}},
		},
	}
}

// MakeServiceMonitor makes the ServiceMonitor that has the instances behind the Service asked.
func MakeServiceMonitor(la *v1alpha1.LambdaAgent) *unstructured.Unstructured {
	meta := monitoringMeta(la)
	path, interval, timeout := la.Scraping()
	selected := map[string]any{}
	for key, value := range meta.Labels {
		selected[key] = value
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"selector":     map[string]any{"matchLabels": selected},
			"targetLabels": []any{lambda.AgentLabelKey},
			"endpoints": []any{map[string]any{
				"port": metricsPort, "path": path, "interval": interval.String(), "scrapeTimeout": timeout.String(),
			}},
		},
	}}
	object.SetGroupVersionKind(ServiceMonitorKind)
	object.SetName(meta.Name)
	object.SetNamespace(meta.Namespace)
	object.SetLabels(meta.Labels)
	object.SetOwnerReferences(meta.OwnerReferences)
	return object
}

func monitoringMeta(la *v1alpha1.LambdaAgent) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:            names.Metrics(la),
		Namespace:       la.Namespace,
		Labels:          revision.Merge(AgentLabels(la), map[string]string{componentLabelKey: metricsComponent}),
		OwnerReferences: []metav1.OwnerReference{*kmeta.NewControllerRef(la)},
	}
}
