//go:build e2e

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

package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// TestAgentHealth has an agent say how its model is, and sleep all the while.
func TestAgentHealth(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.startModel()
	la := s.sampleAgent("agent-chat.yaml")
	la.Spec.AI.FallbackModel = "tiny"
	la.Spec.Behavior.HealthCheck = &v1alpha1.HealthCheckSpec{Interval: &metav1.Duration{Duration: 10 * time.Second}}
	la.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{}
	la = s.awaitAgentReady(s.createAgent(la))
	s.wait(func(ctx context.Context) error {
		return test.Await(ctx, clients.Kube.CoreV1().Pods(s.namespace), metav1.ListOptions{LabelSelector: lambda.AgentLabelKey + "=" + la.Name},
			func(pods []*corev1.Pod) (bool, error) { return len(pods) == 0, nil })
	})
	for _, tc := range []struct {
		state  test.ModelState
		reason string
		active string
	}{
		{test.ModelState{Models: []string{modelName}}, "", modelName},
		{test.ModelState{Models: []string{"tiny"}}, v1alpha1.ReasonFallbackActive, "tiny"},
		{test.ModelState{Models: []string{"other"}}, v1alpha1.ReasonModelNotFound, ""},
		{test.ModelState{Status: http.StatusServiceUnavailable}, v1alpha1.ReasonEndpointFailed, ""},
		{test.ModelState{Models: []string{modelName}, Delay: 20000}, v1alpha1.ReasonEndpointTimeout, ""},
		{test.ModelState{Key: "secret"}, v1alpha1.ReasonAPIKeyRejected, ""},
		{test.ModelState{Models: []string{modelName}}, "", modelName},
	} {
		s.setModel(tc.state)
		s.awaitModel(la, tc.reason, tc.active)
	}
	s.stopServer(test.ServerModel)
	s.awaitModel(la, v1alpha1.ReasonEndpointUnreachable, "")
	s.startModel()
	s.awaitModel(la, "", modelName)
	pods, err := clients.Kube.CoreV1().Pods(s.namespace).List(interrupted, metav1.ListOptions{LabelSelector: lambda.AgentLabelKey + "=" + la.Name})
	if err != nil || len(pods.Items) > 0 {
		t.Errorf("Health checks have woken %d instances: %v", len(pods.Items), err)
	}
}

// awaitModel waits until an agent, whose readiness that is no part of, says how its model is, and tells how long that took.
func (s *scenario) awaitModel(la *v1alpha1.LambdaAgent, reason, active string) {
	s.Helper()
	changed := time.Now()
	la = s.awaitAgent(la, func(la *v1alpha1.LambdaAgent) bool {
		ai := la.Status.AIStatus
		// Events may be late for a moment, where Knative's channel has lost sight of a subscriber: the model is not why.
		said := la.Status.GetCondition(v1alpha1.ConditionAIReady).GetReason() == reason && ai.ActiveModel == active
		return said && ai.LastHealthCheck != nil && la.IsReady()
	})
	s.Logf("%q is said after %v", reason, time.Since(changed).Round(100*time.Millisecond))
	if la.Status.AIStatus.ModelAvailable != (active != "") {
		s.Errorf("%s: the agent is %+v", reason, la.Status)
	}
}

// TestAgentKey has an agent say what is wrong with the key of its model: that the operator may not read it, that it is not there,
// that it is wrong.
func TestAgentKey(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.startModel()
	s.setModel(test.ModelState{Models: []string{modelName}, Key: "secret"})
	s.keep("agent-tools", "secret")
	la := s.sampleAgent("agent-tools.yaml")
	la.Spec.Behavior.HealthCheck = &v1alpha1.HealthCheckSpec{Interval: &metav1.Duration{Duration: 10 * time.Second}}
	la = s.awaitAgentReady(s.createAgent(la))
	s.awaitModel(la, v1alpha1.ReasonAPIKeyUnreadable, "")

	// As docs/agents.md has it.
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "model-keys"}, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"agent-tools"}, Verbs: []string{"get"},
	}}}
	if _, err := clients.Kube.RbacV1().Roles(s.namespace).Create(interrupted, role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "model-keys"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "model-keys"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: systemNamespace, Name: "knative-lambda-operator"}},
	}
	if _, err := clients.Kube.RbacV1().RoleBindings(s.namespace).Create(interrupted, binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.awaitModel(la, "", modelName)
	s.patchSecret("agent-tools", "api-key", "wrong")
	s.awaitModel(la, v1alpha1.ReasonAPIKeyRejected, "")
	if err := clients.Kube.CoreV1().Secrets(s.namespace).Delete(interrupted, "agent-tools", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.awaitModel(la, v1alpha1.ReasonAPIKeyMissing, "")
	s.keep("agent-tools", "secret")
	s.awaitModel(la, "", modelName)
}

// stopServer takes a server away, at once.
func (s *scenario) stopServer(kind test.ServerKind) {
	s.Helper()
	s.wait(func(ctx context.Context) error { return clients.StopServer(ctx, s.namespace, kind) })
}
