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
	"context"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	kubeclient "knative.dev/pkg/client/injection/kube/client"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/modelhealth"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
)

// modelHealth looks after the endpoints of agents' models, and has an agent reconciled when it finds something else: a
// modelhealth.Checker.
type modelHealth interface {
	Set(agent types.NamespacedName, target modelhealth.Target)
	Get(agent types.NamespacedName) (modelhealth.Health, bool)
	Forget(agent types.NamespacedName)
}

// newModelHealth looks after endpoints until ctx ends. settings returns those that hold now; changed has an agent reconciled.
func newModelHealth(ctx context.Context, settings func() *config.Config, changed func(types.NamespacedName)) modelHealth {
	return modelhealth.New(ctx, modelhealth.Options{
		Transport: modelhealth.NewTransport(func() []string { return settings().Build.AllowedNetworks }),
		Keys:      modelhealth.SecretKeys(kubeclient.Get(ctx)), Changed: changed, Clock: clock.RealClock{},
	})
}

// targetOf is the agent's model, and where it is.
func targetOf(la *v1alpha1.LambdaAgent) modelhealth.Target {
	ai := la.Spec.AI
	target := modelhealth.Target{
		Provider: ai.Provider, URL: qualified(ai.EndpointURL(), la.Namespace), Model: ai.Model, Fallback: ai.FallbackModel, Interval: la.HealthCheckInterval(),
	}
	if check := la.Spec.Behavior.HealthCheck; check != nil {
		target.Path = check.Path
	}
	if key := ai.APIKeySecretRef; key != nil {
		target.Key = modelhealth.KeyRef{Namespace: la.Namespace, Name: key.Name, Key: key.Key}
	}
	return target
}

// qualified is an address as it is seen from another namespace: a name alone is that of a Service of the agent's own.
func qualified(address, namespace string) string {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Hostname(), ".:") {
		return address
	}
	host := u.Hostname() + "." + namespace + ".svc"
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return u.String()
}

// reconcileModel says what is known of the agent's model.
func (r *Reconciler) reconcileModel(la *v1alpha1.LambdaAgent) {
	ai := la.Spec.AI
	if ai == nil {
		la.Status.AIStatus = nil
	} else {
		la.Status.AIStatus = &v1alpha1.AIStatus{Provider: ai.Provider, Endpoint: ai.EndpointURL()}
	}
	agent := types.NamespacedName{Namespace: la.Namespace, Name: la.Name}
	if !la.ChecksModel() {
		r.models.Forget(agent)
		if ai == nil || ai.Provider == v1alpha1.AIProviderNone {
			la.Status.MarkAI(corev1.ConditionTrue, v1alpha1.ReasonNoModel, "The agent has no model.")
			return
		}
		la.Status.MarkAI(corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckDisabled,
			"Nobody looks after the endpoint of the model: spec.behavior.healthCheck.enabled is false.")
		return
	}
	r.models.Set(agent, targetOf(la))
	if health, ok := r.models.Get(agent); ok {
		markHealth(&la.Status, health)
		return
	}
	la.Status.MarkAI(corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckPending, "Nobody has looked at the endpoint of the model yet.")
}

func markHealth(status *v1alpha1.LambdaAgentStatus, health modelhealth.Health) {
	ai := status.AIStatus
	ai.ModelAvailable, ai.ActiveModel = health.Status == corev1.ConditionTrue, health.ActiveModel
	ai.LastHealthCheck = &metav1.Time{Time: health.Checked}
	if health.Latency > 0 {
		ai.Latency = &metav1.Duration{Duration: health.Latency}
	}
	ai.ConsecutiveFailures = health.Failures
	status.MarkAI(health.Status, health.Reason, health.Message)
}
