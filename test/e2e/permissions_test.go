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
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// robot is the ServiceAccount of an agent, which may make functions and what wires them, as far as the agent's permissions go.
type robot struct {
	*scenario
	token   string
	clients *test.Clients
}

// newRobot makes the ServiceAccount, with the same rights in other namespaces.
func (s *scenario) newRobot(others ...string) *robot {
	s.Helper()
	r := &robot{scenario: s, token: s.token("robot")}
	for _, namespace := range append(others, s.namespace) {
		meta := metav1.ObjectMeta{Name: "robot"}
		role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{lambda.GroupName}, Resources: []string{"lambdafunctions"}, Verbs: []string{"create"}},
			{APIGroups: []string{eventingv1.SchemeGroupVersion.Group}, Resources: []string{"brokers"}, Verbs: []string{"create"}},
		}}
		binding := &rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "robot"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "robot", Namespace: s.namespace}},
		}
		if _, err := clients.Kube.RbacV1().Roles(namespace).Create(interrupted, role, metav1.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
		if _, err := clients.Kube.RbacV1().RoleBindings(namespace).Create(interrupted, binding, metav1.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
	}
	var err error
	if r.clients, err = clients.As(r.token); err != nil {
		s.Fatal(err)
	}
	return r
}

// tried is a dry run: the API server admits or refuses it as it would the thing itself.
var tried = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

// makeFunction tries to make a function.
func (r *robot) makeFunction(namespace string) error {
	fn := test.NewPythonFunction(namespace, "made", answering("made"))
	_, err := r.clients.Lambda.LambdaV1alpha1().LambdaFunctions(namespace).Create(interrupted, fn, tried)
	return err
}

// makeBroker tries to make a Broker.
func (r *robot) makeBroker(namespace string) error {
	_, err := r.clients.Eventing.EventingV1().Brokers(namespace).Create(interrupted, &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "made"}}, tried)
	return err
}

// awaitRefused waits until an attempt is refused with the text.
func (r *robot) awaitRefused(what, text string, attempt func() error) {
	r.Helper()
	r.until(what, func() error {
		if err := attempt(); !apierrs.IsForbidden(err) || !strings.Contains(err.Error(), text) {
			return fmt.Errorf("want %q, got %v", text, err) //nolint:errorlint // It may be nil.
		}
		return nil
	})
}

// bound is whether the operator has the API server hold the robot to what its agent may.
func (r *robot) bound() bool {
	r.Helper()
	bindings, err := clients.Kube.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().List(interrupted,
		metav1.ListOptions{LabelSelector: lambda.AgentNamespaceLabelKey + "=" + r.namespace})
	if err != nil {
		r.Fatal(err)
	}
	return len(bindings.Items) > 0
}

// TestPermissions has the ServiceAccount of an agent refused what the agent's spec disables, in each namespace.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s, elsewhere := newScenario(t), newScenario(t)
	r := s.newRobot(elsewhere.namespace)
	la := s.runnable(&v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: "maker"}})
	la.Spec.ServiceAccountName = "robot"
	la = s.awaitAgentReady(s.createAgent(la))
	functions := func(namespace string) func() error { return func() error { return r.makeFunction(namespace) } }
	for _, namespace := range []string{s.namespace, elsewhere.namespace} {
		s.until("rights in "+namespace, func() error { return errors.Join(r.makeFunction(namespace), r.makeBroker(namespace)) })
	}
	if r.bound() {
		t.Error("An agent that may do all is bound")
	}

	la = s.editAgent(la, func(la *v1alpha1.LambdaAgent) {
		la.Spec.Permissions = &v1alpha1.PermissionsSpec{DisableFunctionCreation: true}
	})
	forbidden := fmt.Sprintf("LambdaAgent %q in namespace %q, which runs as this ServiceAccount, may not create lambdafunctions", la.Name, la.Namespace)
	r.awaitRefused("the refusal", forbidden, functions(s.namespace))
	r.awaitRefused("the refusal elsewhere", forbidden, functions(elsewhere.namespace))
	if err := r.makeBroker(s.namespace); err != nil {
		t.Error("A Broker is refused while functions are disabled:", err)
	}
	admin := test.NewPythonFunction(s.namespace, "made", answering("made"))
	if _, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).Create(interrupted, admin, tried); err != nil {
		t.Error("Somebody else is refused:", err)
	}
	la = s.awaitAgent(la, func(la *v1alpha1.LambdaAgent) bool {
		p := la.Status.PermissionStatus
		return p != nil && p.FunctionCreationDisabled && la.Status.GetCondition(v1alpha1.ConditionPermissionsReady).IsTrue()
	})

	la = s.editAgent(la, func(la *v1alpha1.LambdaAgent) { la.Spec.Permissions.DisableFunctionCreation = false })
	s.until("the function", functions(s.namespace))
	la = s.awaitAgent(la, func(la *v1alpha1.LambdaAgent) bool { return la.Status.PermissionStatus == nil })
	s.until("no binding", func() error { return r.unbound() })

	// What an agent leaves behind goes without it.
	la = s.editAgent(la, func(la *v1alpha1.LambdaAgent) { la.Spec.Permissions.DisableBrokerCreation = true })
	r.awaitRefused("the refusal of a Broker", "may not create brokers", func() error { return r.makeBroker(s.namespace) })
	if err := clients.Lambda.LambdaV1alpha1().LambdaAgents(s.namespace).Delete(interrupted, la.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.until("no binding of an agent that is gone", func() error { return r.unbound() })
	s.until("the Broker", func() error { return r.makeBroker(s.namespace) })
}

func (r *robot) unbound() error {
	r.Helper()
	if r.bound() {
		return errors.New("the agent is bound")
	}
	return nil
}

// control makes a control event.
func (c *commander) control(id, eventType, agent, more string) event.Event {
	c.Helper()
	e := c.command(id, eventType, "")
	if err := e.SetData(event.ApplicationJSON, json.RawMessage(fmt.Sprintf(`{"agentName":%q,"agentNamespace":%q%s}`, agent, c.namespace, more))); err != nil {
		c.Fatal(err)
	}
	return e
}

// TestControlEvents has an event disable for a while what the ServiceAccount of an agent may make, itself and by commands.
func TestControlEvents(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	r := s.newRobot()
	c := &commander{scenario: s, address: s.reach(receiverPods, receiverPort), token: s.token("guard", "edit")}
	la := s.runnable(&v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: "maker"}})
	la.Spec.ServiceAccountName = "robot"
	la.Spec.Permissions = &v1alpha1.PermissionsSpec{EventControls: &v1alpha1.EventControlsSpec{
		AllowEventDisable: true, AllowedControlSources: []string{"/e2e/" + s.namespace},
	}}
	la = s.awaitAgentReady(s.createAgent(la))
	s.until("rights", func() error { return r.makeFunction(s.namespace) })

	disable := c.control("disable", lambda.ControlDisable, la.Name, `,"capabilities":["function"],"reason":"a loop","duration":"30s"`)
	if response := c.send(s.token("reader", "view"), disable); response.Status != http.StatusForbidden {
		t.Errorf("Who may look: %d %s", response.Status, response.Body)
	}
	if response := c.send(r.token, disable); response.Status != http.StatusForbidden {
		t.Errorf("The agent: %d %s", response.Status, response.Body)
	}
	stray := disable.Clone()
	stray.SetSource("/e2e/elsewhere")
	if response := c.send(c.token, stray); response.Status != http.StatusForbidden || !strings.Contains(response.Body, `"path":"/source"`) {
		t.Errorf("Another source: %d %s", response.Status, response.Body)
	}
	if err := r.makeFunction(s.namespace); err != nil {
		t.Error("What is refused has disabled something:", err)
	}

	c.give(disable)
	r.awaitRefused("the refusal", "an event has disabled it", func() error { return r.makeFunction(s.namespace) })
	deploy := c.command("deploy", events.FunctionDeploy, c.deployment("made"))
	if response := c.send(r.token, deploy); response.Status != http.StatusForbidden || !strings.Contains(response.Body, "may not create lambdafunctions") {
		t.Errorf("A command of the agent: %d %s", response.Status, response.Body)
	}
	s.awaitAgent(la, func(la *v1alpha1.LambdaAgent) bool { return la.Status.PermissionStatus == nil })
	s.until("the function, when the event has expired", func() error { return r.makeFunction(s.namespace) })
	s.until("no binding", func() error { return r.unbound() })

	c.give(c.control("for ever", lambda.ControlDisable, la.Name, ""))
	s.awaitAgent(la, func(la *v1alpha1.LambdaAgent) bool {
		p := la.Status.PermissionStatus
		return p != nil && len(p.DisabledByEvent) == len(lambda.Capabilities()) && p.DisabledByEvent[0].ExpiresAt == nil
	})
	c.give(c.control("enable", lambda.ControlEnable, la.Name, ""))
	s.awaitAgent(la, func(la *v1alpha1.LambdaAgent) bool { return la.Status.PermissionStatus == nil })
	// What comes again has no effect.
	if response := c.send(c.token, c.control("for ever", lambda.ControlDisable, la.Name, "")); response.Header.Get("Lambda-Duplicate") != "true" {
		t.Errorf("The duplicate: %d %s", response.Status, response.Body)
	}
}
