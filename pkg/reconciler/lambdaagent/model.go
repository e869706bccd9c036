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

package lambdaagent

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// ModelHealth looks after the endpoints of agents' models, and has an agent reconciled when it finds something else. It wakes
// no agent.
type ModelHealth interface {
	// Set has the endpoint of the agent's model looked after from now on, as the agent's spec says. Of an agent that is looked
	// after already it takes over what has changed.
	Set(la *v1alpha1.LambdaAgent)
	// Get returns what was last found by the agent's present spec, or false where nobody has looked yet.
	Get(la *v1alpha1.LambdaAgent) (Health, bool)
	// Forget ends it.
	Forget(agent types.NamespacedName)
}

// Health is what a health check of a model's endpoint has found.
type Health struct {
	// Status, Reason and Message are those of condition AIReady.
	Status          corev1.ConditionStatus
	Reason, Message string
	// ActiveModel is the model that answers. "" is none.
	ActiveModel string
	// Checked is when the endpoint was asked, and Latency how long it took to answer; 0 where it did not.
	Checked time.Time
	Latency time.Duration
	// Failures is the number of checks since the last one that found a model.
	Failures int32
}

// reconcileModel says what is known of the agent's model.
func (r *Reconciler) reconcileModel(la *v1alpha1.LambdaAgent) {
	ai := la.Spec.AI
	if ai == nil {
		la.Status.AIStatus = nil
	} else {
		la.Status.AIStatus = &v1alpha1.AIStatus{Provider: ai.Provider, Endpoint: ai.EndpointURL()}
	}
	if !la.ChecksModel() {
		if r.models != nil {
			r.models.Forget(types.NamespacedName{Namespace: la.Namespace, Name: la.Name})
		}
		if ai == nil || ai.Provider == v1alpha1.AIProviderNone {
			la.Status.MarkAI(corev1.ConditionTrue, v1alpha1.ReasonNoModel, "The agent has no model.")
			return
		}
		la.Status.MarkAI(corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckDisabled,
			"Nobody looks after the endpoint of the model: spec.behavior.healthCheck.enabled is false.")
		return
	}
	if r.models != nil {
		r.models.Set(la)
		if health, ok := r.models.Get(la); ok {
			markHealth(&la.Status, health)
			return
		}
	}
	la.Status.MarkAI(corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckPending, "Nobody has looked at the endpoint of the model yet.")
}

func markHealth(status *v1alpha1.LambdaAgentStatus, health Health) {
	ai := status.AIStatus
	ai.ModelAvailable, ai.ActiveModel = health.Status == corev1.ConditionTrue, health.ActiveModel
	ai.LastHealthCheck = &metav1.Time{Time: health.Checked}
	if health.Latency > 0 {
		ai.Latency = &metav1.Duration{Duration: health.Latency}
	}
	ai.ConsecutiveFailures = health.Failures
	status.MarkAI(health.Status, health.Reason, health.Message)
}
