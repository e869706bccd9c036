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

package v1alpha1

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// AgentOption changes a LambdaAgent.
type AgentOption func(*v1alpha1.LambdaAgent)

// LambdaAgent returns an agent without a model with its defaults, as the API server has it after admission.
func LambdaAgent(name, namespace string, options ...AgentOption) *v1alpha1.LambdaAgent {
	la := &v1alpha1.LambdaAgent{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, UID: types.UID(namespace + "-" + name + "-uid"), Generation: 1},
		Spec:       v1alpha1.LambdaAgentSpec{Image: v1alpha1.ImageSource{Repository: "ghcr.io/acme/" + name, Tag: "v1"}},
	}
	for _, option := range options {
		option(la)
	}
	la.SetDefaults(context.Background())
	return la
}

// WithAgentEdited makes the spec that of a later generation.
func WithAgentEdited(changes ...AgentOption) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		la.Generation++
		for _, change := range changes {
			change(la)
		}
	}
}

// WithTag sets the tag of the image.
func WithTag(tag string) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Spec.Image.Tag = tag }
}

// WithAI sets the model.
func WithAI(ai v1alpha1.AISpec) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Spec.AI = &ai }
}

// WithAgentEventing sets which events reach the agent.
func WithAgentEventing(e v1alpha1.AgentEventingSpec) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Spec.Eventing = &e }
}

// WithPermissions sets what the agent may not do, and with which namespaces it exchanges events.
func WithPermissions(p v1alpha1.PermissionsSpec) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Spec.Permissions = &p }
}

// WithAgentMetrics sets how the agent is measured.
func WithAgentMetrics(m v1alpha1.AgentMetricsSpec) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Spec.Observability = &v1alpha1.AgentObservabilitySpec{Metrics: &m} }
}

// WithAgentEventingMarked marks EventingReady, as it counts for the agent.
func WithAgentEventingMarked(status corev1.ConditionStatus, reason, message string) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Status.MarkEventing(la.EventingEnabled(), status, reason, message) }
}
