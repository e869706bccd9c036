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
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/observability/tracing"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving/revision"
)

// HealthPath answers 200 once the handler is loaded, and 503 before.
const HealthPath = "/health"

// appLabelKey is the label of pods that log collectors look for. Loki makes its label service_name of it.
const appLabelKey = "app"

// appOf is the name by which logs and traces know a function.
func appOf(fn *v1alpha1.LambdaFunction) string { return kmeta.ChildName("lambda-"+fn.Name, "") }

// MakeService makes the Knative Service that serves the image.
func MakeService(fn *v1alpha1.LambdaFunction, image string, cfg *config.Config) *servingv1.Service {
	service := revision.NewService(fn, names.Service(fn))
	ApplyService(service, fn, image, cfg)
	return service
}

// ApplyService sets the fields of the Knative Service that are the function's. All others stay as they are: what
// Knative's own defaults put there, spec.traffic as a progressive delivery set it, and labels, annotations, volumes
// and containers of others.
func ApplyService(service *servingv1.Service, fn *v1alpha1.LambdaFunction, image string, cfg *config.Config) {
	service.Labels = revision.Merge(service.Labels, FunctionLabels(fn))
	template := &service.Spec.Template
	template.Labels = revision.Merge(revision.Merge(template.Labels, FunctionLabels(fn)), map[string]string{appLabelKey: appOf(fn), lambda.MetricsLabelKey: "true"})
	if !servesMetrics(fn) {
		delete(template.Labels, lambda.MetricsLabelKey)
	}
	revision.ApplyScaling(template, &fn.Spec.Scaling)
	revision.ApplyAccount(template, fn.Spec.ServiceAccountName)

	spec := &template.Spec
	spec.TimeoutSeconds = fn.Spec.TimeoutSeconds
	// A function may think for all of its time before the first byte of its answer.
	spec.ResponseStartTimeoutSeconds = fn.Spec.TimeoutSeconds
	spec.ImagePullSecrets = pullSecrets(fn, cfg.Build)
	applyContainer(revision.Container(template), fn, image, &cfg.Tracing)
}

// ApplyRollback sends all calls to the Revision that the function's annotation names, and to the newest one again when it
// names none any more. Traffic that others have set otherwise stays as it is.
func ApplyRollback(service *servingv1.Service, fn *v1alpha1.LambdaFunction) {
	const key = lambda.RollbackAnnotationKey
	to, before := fn.Annotations[key], service.Annotations[key]
	switch {
	case to != "":
		service.Annotations = revision.Merge(service.Annotations, map[string]string{key: to})
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
	c.Env = revision.Env(injectedEnv(fn, traces), fn.Spec.Env)
	c.EnvFrom = fn.Spec.EnvFrom
	revision.ApplyResources(c, &fn.Spec.Resources)
	if fn.Spec.Source.Type == v1alpha1.SourceTypeImage && fn.Spec.Source.Image != nil {
		revision.ApplyReadyImage(c, fn.Spec.Source.Image)
	} else {
		applyBuiltImage(c)
	}
}

// applyBuiltImage sets what is known of the images that are built here.
func applyBuiltImage(c *corev1.Container) {
	c.Command, c.Args = nil, nil
	// The supervisor holds a probe until the handler is loaded.
	c.ReadinessProbe = revision.EverySecond(corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: HealthPath}})
	c.SecurityContext = revision.Restricted()
}

// injectedEnv is what the runtime reads. A ready image needs no handler.
func injectedEnv(fn *v1alpha1.LambdaFunction, traces *tracing.Config) []corev1.EnvVar {
	return append([]corev1.EnvVar{
		{Name: "HANDLER", Value: fn.Spec.Runtime.Handler},
		{Name: "FUNCTION_NAME", Value: fn.Name},
		{Name: "FUNCTION_NAMESPACE", Value: fn.Namespace},
		{Name: "TIMEOUT_SECONDS", Value: strconv.FormatInt(*fn.Spec.TimeoutSeconds, 10)},
		{Name: "LAMBDA_RESPONSE", Value: string(fn.Spec.Runtime.Response)},
		{Name: "LAMBDA_CONCURRENCY", Value: strconv.FormatInt(*fn.Spec.Scaling.ContainerConcurrency, 10)},
	}, revision.ObservabilityEnv(fn.Spec.Observability, traces)...)
}

// servesMetrics is true where the runtime does, at its usual path. A ready image has its own ways.
func servesMetrics(fn *v1alpha1.LambdaFunction) bool {
	if fn.Spec.Source.Type == v1alpha1.SourceTypeImage {
		return false
	}
	o := fn.Spec.Observability
	return o == nil || o.Metrics == nil || (o.Metrics.Enabled == nil || *o.Metrics.Enabled) && o.Metrics.Path == ""
}
