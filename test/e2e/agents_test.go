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
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// modelName is the model of a scenario.
const modelName = "llama3.2"

// startModel starts a server that has the model.
func (s *scenario) startModel() {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		return clients.StartServer(ctx, s.namespace, test.ServerModel, &test.ServerSettings{})
	})
	s.setModel(test.ModelState{Models: []string{modelName}})
}

func (s *scenario) setModel(state test.ModelState) {
	s.Helper()
	if err := clients.SetModel(interrupted, s.namespace, state); err != nil {
		s.Fatal(err)
	}
}

// sampleAgent reads a sample, and has it run the tests' agent and ask the tests' model.
func (s *scenario) sampleAgent(file string) *v1alpha1.LambdaAgent {
	s.Helper()
	text, err := os.ReadFile("../../samples/" + file)
	if err != nil {
		s.Fatal(err)
	}
	var la v1alpha1.LambdaAgent
	if err := yaml.UnmarshalStrict(text, &la); err != nil {
		s.Fatalf("%s: %v", file, err)
	}
	return s.runnable(&la)
}

// runnable has an agent run the tests' agent and ask the tests' model.
func (s *scenario) runnable(la *v1alpha1.LambdaAgent) *v1alpha1.LambdaAgent {
	s.Helper()
	la.Namespace = s.namespace
	repository, digest := test.SplitDigest(os.Getenv(test.ServersVariable))
	la.Spec.Image = v1alpha1.ImageSource{Repository: repository, Digest: digest, Args: []string{"agent"}}
	if la.Spec.AI != nil && la.Spec.AI.Provider != v1alpha1.AIProviderNone {
		la.Spec.AI.Endpoint = "http://" + test.ServerHost(s.namespace, test.ServerModel) + ":11434"
		la.Spec.AI.Model = modelName
	}
	return la
}

func (s *scenario) createAgent(la *v1alpha1.LambdaAgent) *v1alpha1.LambdaAgent {
	s.Helper()
	created, err := clients.Lambda.LambdaV1alpha1().LambdaAgents(la.Namespace).Create(interrupted, la, metav1.CreateOptions{})
	if err != nil {
		s.Fatalf("Failed to create LambdaAgent %q: %v", la.Name, err)
	}
	return created
}

func (s *scenario) editAgent(la *v1alpha1.LambdaAgent, change func(*v1alpha1.LambdaAgent)) *v1alpha1.LambdaAgent {
	s.Helper()
	agents := clients.Lambda.LambdaV1alpha1().LambdaAgents(la.Namespace)
	var edited *v1alpha1.LambdaAgent
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		present, err := agents.Get(interrupted, la.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(present)
		edited, err = agents.Update(interrupted, present, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		s.Fatalf("Failed to edit LambdaAgent %q: %v", la.Name, err)
	}
	return edited
}

// awaitAgent waits until the controller has seen the agent's generation, and done says so.
func (s *scenario) awaitAgent(la *v1alpha1.LambdaAgent, done func(*v1alpha1.LambdaAgent) bool) (found *v1alpha1.LambdaAgent) {
	s.Helper()
	s.wait(func(ctx context.Context) (err error) {
		found, err = test.AwaitOne(ctx, clients.Lambda.LambdaV1alpha1().LambdaAgents(la.Namespace), la.Name, func(present *v1alpha1.LambdaAgent) (bool, error) {
			if present.Generation < la.Generation || present.Status.ObservedGeneration != present.Generation {
				return false, nil
			}
			return done(present), nil
		})
		return err
	})
	return found
}

func (s *scenario) awaitAgentReady(la *v1alpha1.LambdaAgent) *v1alpha1.LambdaAgent {
	s.Helper()
	return s.awaitAgent(la, (*v1alpha1.LambdaAgent).IsReady)
}

// askAgent calls an agent.
func (s *scenario) askAgent(la *v1alpha1.LambdaAgent, method, path, body string) *test.Response {
	s.Helper()
	request, err := http.NewRequestWithContext(interrupted, method, la.Status.URL.String()+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if method == http.MethodPost {
		for name, value := range map[string]string{"Specversion": "1.0", "Id": "1", "Type": "com.example.asked", "Source": "/e2e"} {
			request.Header.Set("Ce-"+name, value)
		}
	}
	return s.do(request)
}

// awaitHeard sends an event to an agent's Broker, and waits until the agent has heard it.
func (s *scenario) awaitHeard(broker, heard *v1alpha1.LambdaAgent, eventType string) {
	s.Helper()
	e := validEvent()
	e.SetType(eventType)
	s.sendToBroker(broker.Status.EventingStatus.BrokerURL, e)
	s.until("the event "+eventType, func() error {
		if said := s.askAgent(heard, http.MethodGet, "/heard", "").Body; !strings.Contains(said, eventType) {
			return fmt.Errorf("agent %q has heard %q", heard.Name, said)
		}
		return nil
	})
}

// keep makes a Secret with an API key.
func (s *scenario) keep(name, key string) {
	s.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: map[string]string{"api-key": key}}
	if _, err := clients.Kube.CoreV1().Secrets(s.namespace).Create(interrupted, secret, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
}

// only has an agent be one instance: what it has heard is in the memory of that.
func only(la *v1alpha1.LambdaAgent) *v1alpha1.LambdaAgent {
	la.Spec.Scaling.MinReplicas, la.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
	return la
}

// TestAgents has each of the samples answer a call and hear events, one of them by way of another.
func TestAgents(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.startModel()
	s.keep("agent-tools", "secret")
	s.keep("agent-forwarder", "secret")
	records := only(s.runnable(&v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: "records"}}))
	records.Spec.Eventing = &v1alpha1.AgentEventingSpec{Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "com.example.complaint.filed"}}}
	records = s.awaitAgentReady(s.createAgent(records))
	forwarder := only(s.sampleAgent("agent-forwarder.yaml"))
	forwarder.Spec.Eventing.Forwards[0].TargetNamespace = s.namespace
	for _, tc := range []struct {
		agent *v1alpha1.LambdaAgent
		heard []string
		want  string
	}{
		{only(s.sampleAgent("agent-chat.yaml")), []string{"com.example.chat.message"}, modelName + " heard: hello"},
		{only(s.sampleAgent("agent-tools.yaml")), []string{"com.example.order.placed", "com.example.order.paid.late"}, modelName + " heard: hello"},
		{only(s.sampleAgent("agent-none.yaml")), []string{"com.example.anything"}, "no model"},
		{forwarder, []string{"com.example.mail.received"}, modelName + " heard: hello"},
	} {
		la := s.awaitAgentReady(s.createAgent(tc.agent))
		var answer struct{ Answer string }
		response := s.askAgent(la, http.MethodPost, "/", "hello")
		if s.decode(response.Body, &answer); response.Status != http.StatusOK || answer.Answer != tc.want {
			t.Errorf("%s answers %d %s, want %q", la.Name, response.Status, response.Body, tc.want)
		}
		for _, eventType := range tc.heard {
			s.awaitHeard(la, la, eventType)
		}
		if la.Name == forwarder.Name {
			s.awaitHeard(la, records, "com.example.complaint.filed")
		}
	}
}

// TestAgentForwards sends events on to an agent of another namespace, once both of them allow it.
func TestAgentForwards(t *testing.T) {
	t.Parallel()
	s, elsewhere := newScenario(t), newScenario(t)
	target := only(elsewhere.runnable(&v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: "target"}}))
	target.Spec.Eventing = &v1alpha1.AgentEventingSpec{Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "com.example.forwarded"}}}
	target = elsewhere.awaitAgentReady(elsewhere.createAgent(target))

	la := s.runnable(&v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: "source"}})
	la.Spec.Permissions = &v1alpha1.PermissionsSpec{AllowedTargetNamespaces: []string{elsewhere.namespace}}
	la.Spec.Eventing = &v1alpha1.AgentEventingSpec{
		Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "com.example.asked"}},
		Forwards:      []v1alpha1.ForwardSpec{{EventTypes: []string{"com.example.forwarded"}, TargetAgent: "target", TargetNamespace: elsewhere.namespace}},
	}
	la = s.awaitAgent(s.createAgent(la), func(la *v1alpha1.LambdaAgent) bool {
		return la.Status.GetCondition(v1alpha1.ConditionEventingReady).GetReason() == v1alpha1.ReasonForwardNotAllowed
	})
	elsewhere.editAgent(target, func(la *v1alpha1.LambdaAgent) {
		la.Spec.Permissions = &v1alpha1.PermissionsSpec{AllowedTargetNamespaces: []string{s.namespace}}
	})
	la = s.awaitAgentReady(la)
	s.awaitHeard(la, target, "com.example.forwarded")
}
