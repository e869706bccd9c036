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
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const sharedBroker = "lambda-broker"

// recording is Python code that keeps what each event is made into by keep, an expression of event and context, and
// answers a GET request with all of it, sorted. What then, an indented statement, comes after.
func recording(keep, then string) string {
	return `
kept = []

def handler(event, context):
    if context.method == "GET":
        return " ".join(sorted(kept))
    kept.append(` + keep + `)
    ` + then + `
`
}

// newRecorder returns a function that is one instance as long as it is there: it keeps what it has seen in memory. What it
// fails on is dropped.
func (s *scenario) newRecorder(name, code string, eventing v1alpha1.EventingSpec) *v1alpha1.LambdaFunction {
	fn := test.NewPythonFunction(s.namespace, name, code)
	fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
	if eventing.DLQ == nil {
		eventing.DLQ = &v1alpha1.DLQSpec{Enabled: ptr.Bool(false)}
	}
	fn.Spec.Eventing = &eventing
	return fn
}

// addressed returns an event for the function.
func addressed(fn *v1alpha1.LambdaFunction, id string) event.Event {
	e := validEvent()
	e.SetID(id)
	e.SetSubject(fn.Name)
	return e
}

// sendToBroker sends an event to a Broker of the namespace whose Triggers are ready.
func (s *scenario) sendToBroker(address string, e event.Event) {
	s.Helper()
	s.awaitChannels()
	if err := test.SendToBroker(interrupted, clients.Kube, address, e); err != nil {
		s.Fatal(err)
	}
}

// awaitChannels waits until no Broker of the namespace loses what Triggers that are ready would pass.
func (s *scenario) awaitChannels() {
	s.Helper()
	s.until("the channels", func() error { return clients.ChannelsSettled(interrupted, s.namespace) })
}

// awaitKept waits until a recorder has kept just this.
func (s *scenario) awaitKept(fn *v1alpha1.LambdaFunction, want string) {
	s.Helper()
	stream := test.StartStream(interrupted, caller, fn.Status.URL.String(), 2)
	defer stream.Stop()
	s.awaitAnswer(stream, want)
}

// TestReplies sends events to a function whose replies reach another one, and to one that does what it can to be called by
// its own replies. Neither is.
func TestReplies(t *testing.T) {
	const many = 20
	s := newScenario(t)
	first := s.create(s.newRecorder("first", recording("context.id", `return {"of": context.id}`), v1alpha1.EventingSpec{}))
	echo := s.create(s.newRecorder("echo", recording("context.id", `return {
        "specversion": "1.0", "type": "com.example.test", "source": "/elsewhere", "id": context.id + "-echo",
        "subject": "echo", "repliedby": "nobody", "data": context.id,
    }`), v1alpha1.EventingSpec{}))
	second := s.newRecorder("second", recording(`context.extensions["causationid"]`, "return None"), v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})
	second.Spec.Triggers = []v1alpha1.TriggerSpec{{
		Broker: sharedBroker, Filter: map[string]string{"type": responseType, "source": responseSource + s.namespace + "/first"},
	}}
	second = s.create(second)
	echoes := s.newRecorder("echoes", recording("event", "return None"), v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})
	echoes.Spec.Triggers = []v1alpha1.TriggerSpec{{Broker: sharedBroker, Filter: map[string]string{"source": "/elsewhere"}}}
	echoes = s.create(echoes)
	first, echo, second, echoes = s.awaitReady(first), s.awaitReady(echo), s.awaitReady(second), s.awaitReady(echoes)

	var ids []string
	for i := range many {
		ids = append(ids, fmt.Sprintf("event-%02d", i))
		s.sendToBroker(first.Status.EventingStatus.BrokerURL, addressed(first, ids[i]))
		s.sendToBroker(echo.Status.EventingStatus.BrokerURL, addressed(echo, ids[i]))
	}
	all := strings.Join(ids, " ")
	// Once a reply has reached the other function it would have reached its own too.
	s.awaitKept(second, all)
	s.awaitKept(echoes, all)
	s.wantText(first, all)
	s.wantText(echo, all)
}

// TestFilters narrows down what reaches a function, and takes that back.
func TestFilters(t *testing.T) {
	s := newScenario(t)
	fn := s.awaitReady(s.create(s.newRecorder("choosy", recording("context.id", "return None"), v1alpha1.EventingSpec{
		Filters: []v1alpha1.EventFilter{
			{Prefix: map[string]string{"type": "com.example."}},
			{Not: &v1alpha1.EventFilter{CESQL: "EXISTS tenant AND tenant = 'test'"}},
		},
	})))
	send := func(id string, change func(*event.Event)) {
		e := addressed(fn, id)
		change(&e)
		s.sendToBroker(fn.Status.EventingStatus.BrokerURL, e)
	}
	send("other-type", func(e *event.Event) { e.SetType("org.example.test") })
	send("tenant", func(e *event.Event) { e.SetExtension("tenant", "test") })
	send("other-subject", func(e *event.Event) { e.SetSubject("somebody") })
	send("one", func(*event.Event) {})
	s.awaitKept(fn, "one")

	fn = s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Eventing.Filters = nil })
	s.awaitTrigger("choosy-trigger", func(trigger *eventingv1.Trigger) bool {
		return len(trigger.Spec.Filters) == 3 && trigger.Status.ObservedGeneration == trigger.Generation && trigger.Status.IsReady()
	})
	fn = s.awaitReady(fn)
	send("tenant-again", func(e *event.Event) { e.SetExtension("tenant", "test") })
	s.awaitKept(fn, "one tenant-again")
}

func (s *scenario) awaitTrigger(name string, done func(*eventingv1.Trigger) bool) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		_, err := test.AwaitOne(ctx, clients.Eventing.EventingV1().Triggers(s.namespace), name,
			func(trigger *eventingv1.Trigger) (bool, error) { return done(trigger), nil })
		return err
	})
}

// TestDeadLetters has another function for the sink of dead letters. It runs alone: the sink is that of all functions.
func TestDeadLetters(t *testing.T) {
	s := newScenario(t)
	letters := s.awaitReady(s.create(s.newRecorder("letters", recording(
		`context.id + ":" + str(context.extensions["knativeerrorcode"]) + ":" + context.path + ":" + str(context.query.get("function")) + ":" + str(context.query.get("ttl"))`,
		"return None"), v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})))
	s.setDeadLetterSink(ptr.String("http://letters." + s.namespace + ".svc.cluster.local"))
	t.Cleanup(func() { s.setDeadLetterSink(nil) })

	failing := s.newRecorder("failing", recording("context.id", `
    error = ValueError("it fails")
    error.status_code = 400 if context.id == "poison" else 500
    raise error`), v1alpha1.EventingSpec{
		Delivery: &v1alpha1.DeliverySpec{Retry: ptr.Int32(2), BackoffPolicy: v1alpha1.BackoffLinear, BackoffDelay: "PT0.1S"},
		DLQ:      &v1alpha1.DLQSpec{MessageTTL: ptr.Int64(3600000)},
	})
	failing = s.create(failing)
	s.awaitTrigger("failing-trigger", func(trigger *eventingv1.Trigger) bool {
		sink := trigger.Status.DeadLetterSinkURI
		return sink != nil && strings.HasPrefix(sink.Host, "letters.") && trigger.Status.IsReady()
	})
	failing = s.awaitReady(failing)

	s.sendToBroker(failing.Status.EventingStatus.BrokerURL, addressed(failing, "broken"))
	s.sendToBroker(failing.Status.EventingStatus.BrokerURL, addressed(failing, "poison"))
	letter := ":/v1/namespaces/" + s.namespace + ":failing:3600000"
	s.awaitKept(letters, "broken:500"+letter+" poison:400"+letter)
	// What no retry helps is tried once, and the other one three times.
	s.wantText(failing, "broken broken broken poison")
}

// setDeadLetterSink sets the sink of all functions; nil is the default.
func (s *scenario) setDeadLetterSink(sink *string) {
	s.Helper()
	// The clean-up needs it too, when all else has been interrupted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(interrupted), tidiness)
	defer cancel()
	value := "null"
	if sink != nil {
		value = fmt.Sprintf("%q", *sink)
	}
	_, err := clients.Kube.CoreV1().ConfigMaps(systemNamespace).Patch(ctx, config.EventingConfigName, types.MergePatchType,
		fmt.Appendf(nil, `{"data":{"dead-letter-sink":%s}}`, value), metav1.PatchOptions{})
	if err != nil {
		s.Errorf("Failed to patch ConfigMap %s: %v", config.EventingConfigName, err)
	}
}

// TestSchedule has a function called every second, until its schedule is removed.
func TestSchedule(t *testing.T) {
	s := newScenario(t)
	fn := s.awaitReady(s.create(s.newRecorder("clock", `
seen = None

def handler(event, context):
    global seen
    if context.method != "GET":
        seen = context.type + " " + event["do"]
    return seen
`, v1alpha1.EventingSpec{Schedules: []v1alpha1.ScheduleSpec{{
		Name: "tick", Schedule: "* * * * * *", Timezone: "Europe/Berlin", Data: `{"do": "tick"}`, ContentType: "application/json",
	}}})))
	s.awaitKept(fn, "dev.knative.sources.ping tick")

	removed := time.Now()
	fn = s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Eventing.Schedules = nil })
	s.wait(func(ctx context.Context) error {
		return test.AwaitNone(ctx, clients.Eventing.SourcesV1().PingSources(s.namespace), metav1.ListOptions{})
	})
	s.wait(func(ctx context.Context) error {
		return test.AwaitNone(ctx, clients.Eventing.EventingV1().Triggers(s.namespace),
			metav1.ListOptions{FieldSelector: "metadata.name=clock-sources"})
	})
	t.Logf("PingSource and Trigger were gone %v after the edit", time.Since(removed))
	s.awaitReady(fn)
}

// TestObjects has a function told of ConfigMaps, by an account that may read these and nothing else.
func TestObjects(t *testing.T) {
	s := newScenario(t)
	once := recording(`event["name"]`, "kept[:] = set(kept)")
	fn := s.awaitReady(s.create(s.newRecorder("watcher", once, v1alpha1.EventingSpec{
		APISource: &v1alpha1.APISourceSpec{Enabled: ptr.Bool(true), Resources: []v1alpha1.APISourceResourceSpec{
			{APIVersion: "v1", Kind: "ConfigMap", LabelSelector: map[string]string{"watched": "yes"}},
		}},
	})))
	s.changeUntilKept(fn, "seen",
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "unseen"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "seen", Labels: map[string]string{"watched": "yes"}}})
	for resource, want := range map[string]bool{"configmaps": true, "secrets": false, "pods": false} {
		if got := s.mayList("watcher-api-source", resource); got != want {
			t.Errorf("the account may list %s: %t, want %t", resource, got, want)
		}
	}

	removed := time.Now()
	s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Eventing.APISource = nil })
	for _, gone := range []func(context.Context) error{
		func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Eventing.SourcesV1().ApiServerSources(s.namespace), test.ChildrenOf(fn))
		},
		func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Kube.RbacV1().RoleBindings(s.namespace), test.ChildrenOf(fn))
		},
		func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Kube.RbacV1().Roles(s.namespace), test.ChildrenOf(fn))
		},
		func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Kube.CoreV1().ServiceAccounts(s.namespace), test.ChildrenOf(fn))
		},
	} {
		s.wait(gone)
	}
	t.Logf("source and account were gone %v after the edit", time.Since(removed))
}

// changeUntilKept creates ConfigMaps, and changes them until the recorder has kept just this. An ApiServerSource is ready
// before it watches, and tells only of what changes while it does.
func (s *scenario) changeUntilKept(fn *v1alpha1.LambdaFunction, want string, configMaps ...*corev1.ConfigMap) {
	s.Helper()
	client := clients.Kube.CoreV1().ConfigMaps(s.namespace)
	for _, configMap := range configMaps {
		if _, err := client.Create(interrupted, configMap, metav1.CreateOptions{}); err != nil {
			s.Fatal(err)
		}
	}
	stream := test.StartStream(interrupted, caller, fn.Status.URL.String(), 2)
	defer stream.Stop()
	kept := stream.First(want)
	s.wait(func(ctx context.Context) error {
		return wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
			if len(kept) > 0 {
				return true, nil
			}
			for _, configMap := range configMaps {
				change := fmt.Appendf(nil, `{"data": {"changed": %q}}`, time.Now())
				if _, err := client.Patch(ctx, configMap.Name, types.MergePatchType, change, metav1.PatchOptions{}); err != nil {
					return false, err
				}
			}
			return false, nil
		})
	})
}

// mayList says whether an account of the namespace may list objects there.
func (s *scenario) mayList(account, resource string) bool {
	s.Helper()
	review, err := clients.Kube.AuthorizationV1().SubjectAccessReviews().Create(interrupted, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + s.namespace + ":" + account,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: s.namespace, Verb: "list", Resource: resource},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return review.Status.Allowed
}

// TestSharedBroker holds that the Broker stays as long as anybody uses it, and not longer.
func TestSharedBroker(t *testing.T) {
	s := newScenario(t)
	brokers := clients.Eventing.EventingV1().Brokers(s.namespace)
	first := s.awaitReady(s.create(s.newRecorder("first", answering("first"), v1alpha1.EventingSpec{})))
	second := s.newRecorder("second", "", v1alpha1.EventingSpec{})
	// The image is there already.
	repository, digest, _ := strings.Cut(first.Status.BuildStatus.ImageURI, "@")
	second.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Repository: repository, Digest: digest}}
	second.Spec.Runtime = v1alpha1.RuntimeSpec{}
	second.Spec.Env = []corev1.EnvVar{{Name: "HANDLER", Value: "main.handler"}}
	second = s.awaitReady(s.create(second))
	before, err := brokers.Get(interrupted, sharedBroker, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}

	if err := clients.DeleteFunction(interrupted, first); err != nil {
		t.Fatal(err)
	}
	s.awaitTriggerGone("first-trigger")
	s.wait(func(ctx context.Context) error {
		_, err := test.AwaitOne(ctx, brokers, sharedBroker, func(broker *eventingv1.Broker) (bool, error) {
			if broker.UID != before.UID || broker.DeletionTimestamp != nil {
				return false, errors.New("the Broker went before its last user")
			}
			return len(broker.OwnerReferences) == 1, nil
		})
		return err
	})

	removed := time.Now()
	s.edit(second, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Eventing.Enabled = ptr.Bool(false) })
	s.wait(func(ctx context.Context) error { return test.AwaitNone(ctx, brokers, metav1.ListOptions{}) })
	s.awaitTriggerGone("second-trigger")
	t.Logf("Broker and Trigger were gone %v after the edit", time.Since(removed))
}

func (s *scenario) awaitTriggerGone(name string) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		return test.AwaitNone(ctx, clients.Eventing.EventingV1().Triggers(s.namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	})
}

// TestBrokerOfItsOwn names a Broker that comes later, and that stays when the function goes.
func TestBrokerOfItsOwn(t *testing.T) {
	s := newScenario(t)
	fn := s.create(s.newRecorder("guest", recording("context.id", "return None"), v1alpha1.EventingSpec{BrokerName: "host"}))
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionEventingReady).GetReason() == v1alpha1.ReasonBrokerNotFound
	})
	brokers := clients.Eventing.EventingV1().Brokers(s.namespace)
	if _, err := brokers.Create(interrupted, &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "host"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	fn = s.awaitFunction(fn, (*v1alpha1.LambdaFunction).IsReady)
	s.sendToBroker(fn.Status.EventingStatus.BrokerURL, addressed(fn, "one"))
	s.awaitKept(fn, "one")

	if err := clients.DeleteFunction(interrupted, fn); err != nil {
		t.Fatal(err)
	}
	s.awaitTriggerGone("guest-trigger")
	if host, err := brokers.Get(interrupted, "host", metav1.GetOptions{}); err != nil || len(host.OwnerReferences) > 0 {
		t.Errorf("the Broker of somebody else = %v, %v, want it as it was", host, err)
	}
}
