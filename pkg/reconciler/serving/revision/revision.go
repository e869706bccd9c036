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

// Package revision makes the parts of a Knative Service, and of its Revision template, that functions and agents have both. It is pure:
// no client, no clock.
package revision

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/autoscaling"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// NewService returns a Knative Service of the owner, of which nothing is said yet.
func NewService(owner kmeta.OwnerRefable, name string) *servingv1.Service {
	return &servingv1.Service{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: owner.GetObjectMeta().GetNamespace(), OwnerReferences: []metav1.OwnerReference{*kmeta.NewControllerRef(owner)},
	}}
}

// ApplyScaling sets how many instances may serve, and how busy each one may be. The spec has its defaults.
func ApplyScaling(template *servingv1.RevisionTemplateSpec, scaling *v1alpha1.ScalingSpec) {
	template.Annotations = Merge(template.Annotations, scalingAnnotations(scaling))
	template.Spec.ContainerConcurrency = scaling.ContainerConcurrency
}

// ApplyAccount sets the ServiceAccount that instances run as. Without a name ("") they have no token.
func ApplyAccount(template *servingv1.RevisionTemplateSpec, name string) {
	spec := &template.Spec
	spec.EnableServiceLinks = ptr.Bool(false)
	spec.ServiceAccountName = name
	spec.AutomountServiceAccountToken = nil
	if name == "" {
		spec.AutomountServiceAccountToken = ptr.Bool(false)
	}
}

// Container returns the user's container of the template, which is made where there is none.
func Container(template *servingv1.RevisionTemplateSpec) *corev1.Container {
	if len(template.Spec.Containers) == 0 {
		template.Spec.Containers = []corev1.Container{{}}
	}
	return &template.Spec.Containers[0]
}

// ApplyResources sets the compute resources of a container. Others, such as ephemeral storage, are the cluster's defaults.
func ApplyResources(c *corev1.Container, resources *v1alpha1.ResourcesSpec) {
	c.Resources.Requests = mergeResources(c.Resources.Requests, resources.Requests)
	c.Resources.Limits = mergeResources(c.Resources.Limits, resources.Limits)
}

// ApplyReadyImage sets what the user says of an image that was there already.
func ApplyReadyImage(c *corev1.Container, image *v1alpha1.ImageSource) {
	c.ImagePullPolicy = cmp.Or(image.PullPolicy, c.ImagePullPolicy)
	c.Command, c.Args = image.Command, image.Args
	if len(c.Ports) != 1 || c.Ports[0].ContainerPort != *image.Port {
		c.Ports = []corev1.ContainerPort{{ContainerPort: *image.Port}}
	}
	c.ReadinessProbe = EverySecond(corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{}})
	// Whom the image runs as is the image's affair. What others put here stays.
	if equality.Semantic.DeepEqual(c.SecurityContext, Restricted()) {
		c.SecurityContext = nil
	}
}

// EverySecond probes in a rhythm of its own. Without one the queue-proxy would retry fast, but only for the second that
// the kubelet gives it: what loads longer would wait for the kubelet's next turn, 10 seconds later.
func EverySecond(handler corev1.ProbeHandler) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: handler, SuccessThreshold: 1, PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 3}
}

// Restricted returns what the Pod Security Standard of that name asks of a container.
func Restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsNonRoot:             ptr.Bool(true),
		AllowPrivilegeEscalation: ptr.Bool(false),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func scalingAnnotations(s *v1alpha1.ScalingSpec) map[string]string {
	return map[string]string{
		autoscaling.MinScaleAnnotationKey:            strconv.Itoa(int(*s.MinReplicas)),
		autoscaling.MaxScaleAnnotationKey:            strconv.Itoa(int(*s.MaxReplicas)),
		autoscaling.TargetAnnotationKey:              strconv.Itoa(int(*s.TargetConcurrency)),
		autoscaling.ScaleToZeroPodRetentionPeriodKey: s.ScaleToZeroGracePeriod.Duration.String(),
		autoscaling.ClassAnnotationKey:               autoscaling.KPA,
		autoscaling.MetricAnnotationKey:              autoscaling.Concurrency,
	}
}

// Env returns the variables of a container: those that are injected, and the user's own, which win over injected ones of the
// same name. Of two that are injected under one name the last counts; those without a value are left out.
func Env(injected, own []corev1.EnvVar) []corev1.EnvVar {
	env, seen := slices.Clone(injected), map[string]bool{}
	slices.Reverse(env)
	env = slices.DeleteFunc(env, func(injected corev1.EnvVar) bool {
		again := seen[injected.Name]
		seen[injected.Name] = true
		return again
	})
	slices.Reverse(env)
	env = slices.DeleteFunc(env, func(injected corev1.EnvVar) bool {
		return injected.Value == "" && injected.ValueFrom == nil ||
			slices.ContainsFunc(own, func(own corev1.EnvVar) bool { return own.Name == injected.Name })
	})
	return append(env, own...)
}

// Merge adds labels or annotations to those that are there, and returns the map, which is made where it is nil.
func Merge(into, from map[string]string) map[string]string {
	if into == nil {
		into = make(map[string]string, len(from))
	}
	maps.Copy(into, from)
	return into
}

func mergeResources(into, from corev1.ResourceList) corev1.ResourceList {
	if into == nil {
		into = make(corev1.ResourceList, len(from))
	}
	for name, quantity := range from {
		into[name] = quantity.DeepCopy()
	}
	return into
}
