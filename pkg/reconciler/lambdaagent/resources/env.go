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
	"slices"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/observability/tracing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving/revision"
)

const (
	serviceNameVariable = "OTEL_SERVICE_NAME"
	serviceAttribute    = "service.name"
)

// injectedEnv is what the agent's program goes by, and an OpenTelemetry SDK in it. Of two variables of one name the last
// counts: the spec's fields go before what holds for all agents.
func injectedEnv(la *v1alpha1.LambdaAgent, traces *tracing.Config) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "AGENT_NAME", Value: la.Name},
		{Name: "AGENT_NAMESPACE", Value: la.Namespace},
	}
	if la.EventingEnabled() {
		// By it the agent's own events are kept from the agent.
		env = append(env, corev1.EnvVar{Name: "EVENT_SOURCE", Value: wiring.ReplySource(la.Namespace, la.Name)})
	}
	// Instrumentations of models write their older attributes, unless they are asked for the present ones.
	env = append(env, corev1.EnvVar{Name: "OTEL_SEMCONV_STABILITY_OPT_IN", Value: "gen_ai_latest_experimental"})
	o := observability(la)
	if t := o.Tracing; t == nil || t.ResourceAttributes[serviceAttribute] == "" {
		env = append(env, corev1.EnvVar{Name: serviceNameVariable, Value: la.Name})
	}
	return slices.Concat(env, la.InjectedEnv(), revision.ObservabilityEnv(o, traces))
}

// observability is what the agent tells of itself, in the terms of functions.
func observability(la *v1alpha1.LambdaAgent) *v1alpha1.ObservabilitySpec {
	o := la.Spec.Observability
	if o == nil {
		return &v1alpha1.ObservabilitySpec{}
	}
	made := &v1alpha1.ObservabilitySpec{Tracing: o.Tracing, Logging: o.Logging}
	if m := o.Metrics; m != nil {
		made.Metrics = &v1alpha1.MetricsSpec{Enabled: m.Enabled, Exemplars: m.Exemplars, Path: m.Path}
	}
	return made
}
