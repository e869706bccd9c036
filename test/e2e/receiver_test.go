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
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventingduckv1 "knative.dev/eventing/pkg/apis/duck/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	receiverPods = "app.kubernetes.io/component=receiver"
	receiverPort = 8080
	// receiverMetricsPort is Knative's.
	receiverMetricsPort = 9090
)

// commander gives commands for functions of a scenario's namespace.
type commander struct {
	*scenario
	// broker is the address of a Broker whose Trigger sends commands to the receiver.
	broker string
	// address is that of a replica of the receiver, token that of who may do all in the namespace.
	address, token string
}

// newCommander makes the Broker and its Trigger, which may say how commands are delivered. It sends no tokens: the namespace
// is opened for that.
func (s *scenario) newCommander(delivery *eventingduckv1.DeliverySpec) *commander {
	s.Helper()
	s.configure(config.ReceiverConfigName, map[string]string{"unauthenticated-namespaces": s.namespace})
	c := &commander{scenario: s, address: s.reach(receiverPods, receiverPort), token: s.token("commander", "edit")}
	eventing := clients.Eventing.EventingV1()
	if _, err := eventing.Brokers(s.namespace).Create(interrupted, &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "commands"}}, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	trigger := &eventingv1.Trigger{
		ObjectMeta: metav1.ObjectMeta{Name: "commands"},
		Spec: eventingv1.TriggerSpec{
			Broker:  "commands",
			Filters: []eventingv1.SubscriptionsAPIFilter{{Prefix: map[string]string{"type": events.CommandPrefix}}},
			Subscriber: duckv1.Destination{Ref: &duckv1.KReference{
				APIVersion: "v1", Kind: "Service", Name: "lambda-receiver", Namespace: systemNamespace,
			}},
			Delivery: delivery,
		},
	}
	if _, err := eventing.Triggers(s.namespace).Create(interrupted, trigger, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.awaitTrigger("commands", func(t *eventingv1.Trigger) bool { return t.Status.IsReady() })
	broker, err := eventing.Brokers(s.namespace).Get(interrupted, "commands", metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	c.broker = broker.Status.Address.URL.String()
	return c
}

// command makes an event. Data may be empty.
func (c *commander) command(id, eventType, data string) event.Event {
	c.Helper()
	e := event.New()
	e.SetID(id)
	e.SetSource("/e2e/" + c.namespace)
	e.SetType(eventType)
	e.SetSubject(c.namespace + "/hello")
	if data != "" {
		if err := e.SetData(event.ApplicationJSON, json.RawMessage(data)); err != nil {
			c.Fatal(err)
		}
	}
	return e
}

// publish sends a command to the Broker, which sends it on in binary mode.
func (c *commander) publish(e event.Event) {
	c.Helper()
	c.sendToBroker(c.broker, e)
}

// send sends what is a command, or commands, to the receiver itself, in structured or batch mode.
func (c *commander) send(token string, commands any) *test.Response {
	c.Helper()
	text, err := json.Marshal(commands)
	if err != nil {
		c.Fatal(err)
	}
	request, err := http.NewRequestWithContext(interrupted, http.MethodPost, "http://"+c.address+"/events", strings.NewReader(string(text)))
	if err != nil {
		c.Fatal(err)
	}
	contentType := event.ApplicationCloudEventsJSON
	if _, many := commands.([]event.Event); many {
		contentType = event.ApplicationCloudEventsBatchJSON
	}
	request.Header.Set("Content-Type", contentType)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := test.Do(http.DefaultClient, request)
	if err != nil {
		c.Fatal(err)
	}
	return response
}

// give has a command done by the receiver itself.
func (c *commander) give(commands any) {
	c.Helper()
	if response := c.send(c.token, commands); response.Status != http.StatusAccepted {
		c.Fatalf("The command was not accepted: %d %s", response.Status, response.Body)
	}
}

// deployment is the data of a function that answers with a text.
func (c *commander) deployment(text string) string {
	c.Helper()
	fn := test.NewPythonFunction(c.namespace, "hello", answering(text))
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"source": fn.Spec.Source, "runtime": map[string]any{"language": fn.Spec.Runtime.Language}}})
	if err != nil {
		c.Fatal(err)
	}
	return string(data)
}

// awaitHello waits until the function is as done has it.
func (c *commander) awaitHello(done func(*v1alpha1.LambdaFunction) bool) *v1alpha1.LambdaFunction {
	c.Helper()
	var found *v1alpha1.LambdaFunction
	c.wait(func(ctx context.Context) (err error) {
		found, err = test.AwaitOne(ctx, clients.Lambda.LambdaV1alpha1().LambdaFunctions(c.namespace), "hello",
			func(fn *v1alpha1.LambdaFunction) (bool, error) { return done(fn), nil })
		return err
	})
	return found
}

// awaitServed waits until the function is ready, and a call is answered with a text.
func (c *commander) awaitServed(text string) *v1alpha1.LambdaFunction {
	c.Helper()
	fn := c.awaitReady(c.awaitHello(func(fn *v1alpha1.LambdaFunction) bool { return fn.IsReady() && fn.Status.URL != nil }))
	stream := test.StartStream(interrupted, caller, fn.Status.URL.String(), 5)
	defer stream.Stop()
	c.awaitAnswer(stream, text)
	return fn
}

// counted is how often the receiver has had commands of a result, all replicas together.
func (c *commander) counted(result string) float64 {
	c.Helper()
	return c.count(func(of string) bool { return of == result })
}

// refused is how often the receiver has refused what it was sent.
func (c *commander) refused() float64 {
	c.Helper()
	return c.count(func(of string) bool { return of != "accepted" && of != "duplicate" })
}

// resultLabel finds the result in a sample.
var resultLabel = regexp.MustCompile(`\bresult="([^"]*)"`)

func (c *commander) count(counts func(result string) bool) float64 {
	c.Helper()
	pods, err := clients.Kube.CoreV1().Pods(systemNamespace).List(interrupted, metav1.ListOptions{LabelSelector: receiverPods})
	if err != nil {
		c.Fatal(err)
	}
	all := samples{}
	for i := range pods.Items {
		if err := all.scrape(interrupted, pods.Items[i].Name, receiverMetricsPort, "knative_lambda_receiver_"); err != nil {
			c.Fatal(err)
		}
	}
	var n float64
	for sample, value := range all {
		if found := resultLabel.FindStringSubmatch(sample); strings.HasPrefix(sample, "commands_total") && found != nil && counts(found[1]) {
			n += value
		}
	}
	return n
}

// TestCommands has a function deployed, changed, rolled back, built and deleted by events, by way of a Broker and without
// one, and sends all of them twice.
func TestCommands(t *testing.T) {
	s := newScenario(t)
	c := s.newCommander(nil)
	deploy := c.command("deploy", events.FunctionDeploy, c.deployment("one"))
	c.publish(deploy)
	first := c.awaitServed("one")
	if first.Annotations["lambda.knative.io/created-by-cloudevent"] != "true" || first.Annotations["lambda.knative.io/cloudevent-id"] != "deploy" {
		t.Errorf("The function says that it was made by %v", first.Annotations)
	}
	update := c.command("update", events.ServiceUpdate, c.deployment("two"))
	c.publish(update)
	second := c.awaitServed("two")

	duplicates := c.counted("duplicate")
	c.publish(deploy)
	c.publish(update)
	s.until("the duplicates", func() error {
		if n := c.counted("duplicate"); n < duplicates+2 {
			return fmt.Errorf("%v of 2 were counted", n-duplicates)
		}
		return nil
	})
	if now := c.awaitHello(func(*v1alpha1.LambdaFunction) bool { return true }); now.Generation != second.Generation {
		t.Errorf("Events that came again have made generation %d of %d", now.Generation, second.Generation)
	}

	rollback := c.command("rollback", events.FunctionRollback, "")
	stream := test.StartStream(interrupted, caller, second.Status.URL.String(), requestsPerSecond)
	s.awaitAnswer(stream, "two")
	c.give([]event.Event{rollback, rollback})
	c.awaitHello(func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionServiceReady).GetReason() == v1alpha1.ReasonRolledBack
	})
	s.awaitAnswer(stream, "one")
	if sent := stream.Stop(); len(sent.Failures) > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", len(sent.Failures), sent.Requests, sent.Failures[0])
	}
	c.give(c.command("forward", events.ServiceUpdate, c.deployment("three")))
	if forward := c.awaitServed("three"); forward.Annotations[lambda.RollbackAnnotationKey] != "" {
		t.Error("A new spec is still rolled back")
	}

	// The build has no end of its own until it has begun.
	c.give([]event.Event{c.command("start", events.BuildStart, `{"forceRebuild":true}`), c.command("cancel", events.BuildCancel, "")})
	c.awaitHello(func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).GetReason() == v1alpha1.ReasonBuildCancelled
	})
	for _, taskRun := range c.taskRuns(first) {
		if !taskRun.IsDone() {
			t.Errorf("TaskRun %q goes on", taskRun.Name)
		}
	}
	s.wantText(first, "three")
	c.publish(c.command("retry", events.BuildRetry, ""))
	c.awaitHello(func(fn *v1alpha1.LambdaFunction) bool { return fn.Status.BuildStatus.Rebuild != "" && fn.IsReady() })

	del := c.command("delete", events.ServiceDelete, "")
	c.publish(del)
	s.wait(func(ctx context.Context) error {
		return test.AwaitNone(ctx, clients.Lambda.LambdaV1alpha1().LambdaFunctions(c.namespace), metav1.ListOptions{})
	})
	// Neither what made it nor what deleted it has an effect again.
	c.give(deploy)
	c.give(del)
	if _, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(c.namespace).Get(interrupted, "hello", metav1.GetOptions{}); !apierrs.IsNotFound(err) {
		t.Errorf("An event of before has made the function again: %v", err)
	}
}

// TestCommandsOfOthers has commands given by who may not.
func TestCommandsOfOthers(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	elsewhere := newScenario(t).token("neighbour", "edit")
	c := &commander{scenario: s, address: s.reach(receiverPods, receiverPort)}
	start := time.Now()
	fired := s.token("fired", "edit")
	if err := clients.Kube.CoreV1().ServiceAccounts(s.namespace).Delete(interrupted, "fired", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		token string
		want  int
	}{
		"who has no rights":           {s.token("nobody"), http.StatusForbidden},
		"who may look":                {s.token("reader", "view"), http.StatusForbidden},
		"who has rights elsewhere":    {elsewhere, http.StatusForbidden},
		"who is no more":              {fired, http.StatusUnauthorized},
		"who says not who that is":    {"", http.StatusUnauthorized},
		"who sends what is no token ": {"e30.e30.e30", http.StatusUnauthorized},
	} {
		for _, command := range []event.Event{
			c.command("1", events.FunctionDeploy, c.deployment("one")), c.command("2", events.ServiceDelete, ""), c.command("3", events.FunctionRollback, ""),
		} {
			if response := c.send(tc.token, command); response.Status != tc.want {
				t.Errorf("%s, %s: %d %s", name, command.Type(), response.Status, response.Body)
			}
		}
	}
	s.wantNoWrites(start)
	// What the API server itself refuses is told with its place in the event.
	c.token = s.token("editor", "edit")
	response := c.send(c.token, c.command("4", events.FunctionDeploy, strings.Replace(c.deployment("one"), `"language":"python"`, `"language":"python","handler":"a b"`, 1)))
	var answer struct{ Error, Path string }
	s.decode(response.Body, &answer)
	if response.Status != http.StatusUnprocessableEntity || answer.Error != "InvalidSpec" || answer.Path != "/data/spec/runtime/handler" {
		t.Errorf("A spec that is refused: %d %s", response.Status, response.Body)
	}
	functions, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).List(interrupted, metav1.ListOptions{})
	if err != nil || len(functions.Items) > 0 {
		t.Errorf("There are %d functions: %v", len(functions.Items), err)
	}
}
