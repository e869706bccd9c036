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
	"cmp"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/observability/tracing"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/autoscaling"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
)

// HealthPath answers 200 once the handler is loaded, and 503 before.
const HealthPath = "/health"

// appLabelKey is the label of pods that log collectors look for. Loki makes its label service_name of it.
const appLabelKey = "app"

// appOf is the name by which logs and traces know a function.
func appOf(fn *v1alpha1.LambdaFunction) string { return kmeta.ChildName("lambda-"+fn.Name, "") }

// MakeService makes the Knative Service that serves the image.
func MakeService(fn *v1alpha1.LambdaFunction, image string, cfg *config.Config) *servingv1.Service {
	service := &servingv1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name:            names.Service(fn),
			Namespace:       fn.Namespace,
			OwnerReferences: []metav1.OwnerReference{*kmeta.NewControllerRef(fn)},
		},
	}
	ApplyService(service, fn, image, cfg)
	return service
}

// ApplyService sets the fields of the Knative Service that are the function's. All others stay as they are: what
// Knative's own defaults put there, spec.traffic as a progressive delivery set it, and labels, annotations, volumes
// and containers of others.
func ApplyService(service *servingv1.Service, fn *v1alpha1.LambdaFunction, image string, cfg *config.Config) {
	service.Labels = merge(service.Labels, FunctionLabels(fn))
	template := &service.Spec.Template
	template.Labels = merge(merge(template.Labels, FunctionLabels(fn)), map[string]string{appLabelKey: appOf(fn), lambda.MetricsLabelKey: "true"})
	if !servesMetrics(fn) {
		delete(template.Labels, lambda.MetricsLabelKey)
	}
	template.Annotations = merge(template.Annotations, scalingAnnotations(&fn.Spec.Scaling))

	spec := &template.Spec
	spec.ContainerConcurrency = fn.Spec.Scaling.ContainerConcurrency
	spec.TimeoutSeconds = fn.Spec.TimeoutSeconds
	// A function may think for all of its time before the first byte of its answer.
	spec.ResponseStartTimeoutSeconds = fn.Spec.TimeoutSeconds
	spec.EnableServiceLinks = ptr.Bool(false)
	spec.ServiceAccountName = fn.Spec.ServiceAccountName
	spec.AutomountServiceAccountToken = nil
	if fn.Spec.ServiceAccountName == "" {
		spec.AutomountServiceAccountToken = ptr.Bool(false)
	}
	spec.ImagePullSecrets = pullSecrets(fn, cfg.Build)
	if len(spec.Containers) == 0 {
		spec.Containers = []corev1.Container{{}}
	}
	applyContainer(&spec.Containers[0], fn, image, cfg.Tracing)
}

// ApplyRollback sends all calls to the Revision that the function's annotation names, and to the newest one again when it
// names none any more. Traffic that others have set otherwise stays as it is.
func ApplyRollback(service *servingv1.Service, fn *v1alpha1.LambdaFunction) {
	const key = lambda.RollbackAnnotationKey
	to, before := fn.Annotations[key], service.Annotations[key]
	switch {
	case to != "":
		service.Annotations = merge(service.Annotations, map[string]string{key: to})
		service.Spec.Traffic = onlyTo(to)
	case before != "":
		delete(service.Annotations, key)
		if equality.Semantic.DeepEqual(service.Spec.Traffic, onlyTo(before)) {
			service.Spec.Traffic = []servingv1.TrafficTarget{{LatestRevision: ptr.Bool(true), Percent: ptr.Int64(100)}}
		}
	}
}

func onlyTo(revision string) []servingv1.TrafficTarget {
	return []servingv1.TrafficTarget{{RevisionName: revision, LatestRevision: ptr.Bool(false), Percent: ptr.Int64(100)}}
}

func applyContainer(c *corev1.Container, fn *v1alpha1.LambdaFunction, image string, traces *tracing.Config) {
	c.Image = image
	c.ImagePullPolicy = fn.Spec.ImagePullPolicy
	c.Env = append(injectedEnv(fn, traces), fn.Spec.Env...)
	c.EnvFrom = fn.Spec.EnvFrom
	// Other resources, such as ephemeral storage, are the cluster's defaults.
	c.Resources.Requests = mergeResources(c.Resources.Requests, fn.Spec.Resources.Requests)
	c.Resources.Limits = mergeResources(c.Resources.Limits, fn.Spec.Resources.Limits)
	if fn.Spec.Source.Type == v1alpha1.SourceTypeImage && fn.Spec.Source.Image != nil {
		applyReadyImage(c, fn.Spec.Source.Image)
	} else {
		applyBuiltImage(c)
	}
}

// applyBuiltImage sets what is known of the images that are built here.
func applyBuiltImage(c *corev1.Container) {
	c.Command, c.Args = nil, nil
	// The supervisor holds a probe until the handler is loaded.
	c.ReadinessProbe = everySecond(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: HealthPath}})
	c.SecurityContext = restricted()
}

// applyReadyImage sets what the user says of an image that was there already.
func applyReadyImage(c *corev1.Container, image *v1alpha1.ImageSource) {
	c.ImagePullPolicy = cmp.Or(image.PullPolicy, c.ImagePullPolicy)
	c.Command, c.Args = image.Command, image.Args
	if len(c.Ports) != 1 || c.Ports[0].ContainerPort != *image.Port {
		c.Ports = []corev1.ContainerPort{{ContainerPort: *image.Port}}
	}
	c.ReadinessProbe = everySecond(corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{}})
	// Whom the image runs as is the image's affair. What others put here stays.
	if equality.Semantic.DeepEqual(c.SecurityContext, restricted()) {
		c.SecurityContext = nil
	}
}

// everySecond probes in a rhythm of its own. Without one the queue-proxy would retry fast, but only for the second that
// the kubelet gives it: what loads longer would wait for the kubelet's next turn, 10 seconds later.
func everySecond(handler corev1.ProbeHandler) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: handler, SuccessThreshold: 1, PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 3}
}

// restricted is what the Pod Security Standard of that name asks of a container.
func restricted() *corev1.SecurityContext {
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

// injectedEnv is what the runtime reads. The user's variables of the same name win.
func injectedEnv(fn *v1alpha1.LambdaFunction, traces *tracing.Config) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "HANDLER", Value: fn.Spec.Runtime.Handler},
		{Name: "FUNCTION_NAME", Value: fn.Name},
		{Name: "FUNCTION_NAMESPACE", Value: fn.Namespace},
		{Name: "TIMEOUT_SECONDS", Value: strconv.FormatInt(*fn.Spec.TimeoutSeconds, 10)},
		{Name: "LAMBDA_RESPONSE", Value: string(fn.Spec.Runtime.Response)},
		{Name: "LAMBDA_CONCURRENCY", Value: strconv.FormatInt(*fn.Spec.Scaling.ContainerConcurrency, 10)},
	}
	seen := map[string]bool{}
	env = append(env, observabilityEnv(fn.Spec.Observability, traces)...)
	slices.Reverse(env) // of two that say the same the last one counts
	env = slices.DeleteFunc(env, func(injected corev1.EnvVar) bool {
		again := seen[injected.Name]
		seen[injected.Name] = true
		return again
	})
	slices.Reverse(env)
	return slices.DeleteFunc(env, func(injected corev1.EnvVar) bool {
		// A ready image needs no handler.
		return injected.Value == "" && injected.ValueFrom == nil || slices.ContainsFunc(fn.Spec.Env, func(own corev1.EnvVar) bool { return own.Name == injected.Name })
	})
}

func merge(into, from map[string]string) map[string]string {
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
