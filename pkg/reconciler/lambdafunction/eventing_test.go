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

package lambdafunction

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgotesting "k8s.io/client-go/testing"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/ptr"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	reconcilerconfig "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

type kindsKey struct{}

// installed is the context of a cluster with Knative Eventing, and onRabbitMQ that of one with its RabbitMQ Broker too.
var (
	installed  = withKinds(eventing.Brokers, eventing.Triggers, eventing.PingSources, eventing.APIServerSources)
	onRabbitMQ = withKinds(eventing.Brokers, eventing.Triggers, eventing.PingSources, eventing.APIServerSources, eventing.RabbitMQConfigs)
)

// withKinds is the context of a cluster that has these kinds of Knative Eventing.
func withKinds(kinds ...eventing.Kind) context.Context {
	presence := map[eventing.Kind]eventing.Presence{}
	for _, kind := range kinds {
		presence[kind] = eventing.Present
	}
	return context.WithValue(context.Background(), kindsKey{}, presence)
}

// starting is the context of a controller that has not yet read the Triggers.
func starting() context.Context {
	return context.WithValue(context.Background(), kindsKey{}, map[eventing.Kind]eventing.Presence{
		eventing.Brokers: eventing.Present, eventing.Triggers: eventing.Unseen,
	})
}

func kindsOf(ctx context.Context) map[eventing.Kind]eventing.Presence {
	presence, _ := ctx.Value(kindsKey{}).(map[eventing.Kind]eventing.Presence)
	return presence
}

// modified is what the API server says of a Broker that was read before somebody else wrote it.
var modified = apierrs.NewConflict(eventingv1.Resource("brokers"), "lambda-broker", errors.New("it was modified"))

// asking is a function that asks for events and for nothing else.
var asking = WithEventing(v1alpha1.EventingSpec{})

// live is a function that serves, in a cluster with Knative Eventing.
func live(options ...FunctionOption) *v1alpha1.LambdaFunction {
	return function(append(options, deployed(WithServiceReady))...)
}

func liveService(options ...FunctionOption) runtime.Object {
	return serviceOf(function(options...), WithServiceReady)
}

func wiringOf(fn *v1alpha1.LambdaFunction) *wiring.Wiring {
	return resources.MakeWiring(defaulted(fn), cluster.Eventing)
}

func brokerOf(fn *v1alpha1.LambdaFunction, changes ...func(*eventingv1.Broker)) *eventingv1.Broker {
	return Change(wiring.MakeBroker(fn, &wiringOf(fn).Brokers[0], ""), changes...)
}

func triggerOf(fn *v1alpha1.LambdaFunction, i int, changes ...func(*eventingv1.Trigger)) *eventingv1.Trigger {
	w := wiringOf(fn)
	return Change(wiring.MakeTrigger(fn, w.Labels, &w.Triggers[i], "http://broker.default.svc.cluster.local"), changes...)
}

// early is a Trigger that was made before its Broker had an address.
func early(trigger *eventingv1.Trigger) {
	uri := trigger.Spec.Delivery.DeadLetterSink.URI
	query := uri.URL().Query()
	query.Del("reply")
	uri.RawQuery = query.Encode()
}

func scheduleOf(fn *v1alpha1.LambdaFunction, i int, changes ...func(*sourcesv1.PingSource)) *sourcesv1.PingSource {
	w := wiringOf(fn)
	return Change(wiring.MakePingSource(fn, w.Labels, &w.Schedules[i]), changes...)
}

func settingsOf(fn *v1alpha1.LambdaFunction, changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	return Change(wiring.MakeRabbitMQConfig(fn, &wiringOf(fn).Brokers[0]), changes...)
}

func rabbitBrokerOf(fn *v1alpha1.LambdaFunction, changes ...func(*eventingv1.Broker)) *eventingv1.Broker {
	return Change(wiring.MakeBroker(fn, &wiringOf(fn).Brokers[0], config.BrokerClassRabbitMQ), changes...)
}

func readyBroker(b *eventingv1.Broker) {
	WithReady[*eventingv1.Broker](corev1.ConditionTrue, "", "", began)(b)
	WithBrokerAddress(b)
}

var (
	readyTrigger  = WithReady[*eventingv1.Trigger](corev1.ConditionTrue, "", "", began)
	readySchedule = WithReady[*sourcesv1.PingSource](corev1.ConditionTrue, "", "", began)
)

// wired is the status of a function whose Broker is there and whose count Triggers are ready, as are the sources.
func wired(triggers, sources int32) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Status.MarkEventing(fn.EventingAsked(), corev1.ConditionTrue, "", "")
		fn.Status.EventingStatus = &v1alpha1.EventingStatus{
			BrokerName: "lambda-broker", BrokerReady: true, BrokerURL: "http://broker.default.svc.cluster.local",
			TriggerCount: triggers, TriggersReady: triggers, SourceCount: sources, SourcesReady: sources,
		}
		fn.Status.Summarize()
	}
}

// unwired is the status of a function that has a trouble.
func unwired(status corev1.ConditionStatus, reason, message string, found v1alpha1.EventingStatus) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Status.MarkEventing(fn.EventingAsked(), status, reason, message)
		fn.Status.EventingStatus = &found
		fn.Status.Summarize()
	}
}

func ofBroker(name string, triggers int32) v1alpha1.EventingStatus {
	return v1alpha1.EventingStatus{BrokerName: name, TriggerCount: triggers}
}

func ofReadyBroker(triggers, sources int32) v1alpha1.EventingStatus {
	return v1alpha1.EventingStatus{
		BrokerName: "lambda-broker", BrokerReady: true, BrokerURL: "http://broker.default.svc.cluster.local",
		TriggerCount: triggers, SourceCount: sources,
	}
}

const brokerNotYet = `Broker "lambda-broker" is not ready yet.`

func eventingRows() rtesting.TableTest {
	const notInstalled = "Knative Eventing is not installed: install it, or set spec.eventing.enabled to false and remove spec.triggers."
	off := WithEventing(v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})
	return rtesting.TableTest{{
		Name:    "asked for, and not installed",
		Key:     key,
		Objects: []runtime.Object{live(asking), liveService(asking)},
		WantStatusUpdates: statusUpdate(live(asking,
			deployed(WithServiceReady), WithEventingMarked(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled, notInstalled), summarized)),
	}, {
		Name:    "asked for by triggers only, and not installed",
		Key:     key,
		Objects: []runtime.Object{live(off, WithTrigger("lambda-broker", nil)), liveService()},
		WantStatusUpdates: statusUpdate(live(off, WithTrigger("lambda-broker", nil),
			deployed(WithServiceReady), WithEventingMarked(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled, notInstalled), summarized)),
	}, {
		Name:    "off",
		Ctx:     installed,
		Key:     key,
		Objects: []runtime.Object{live(off), liveService()},
		WantStatusUpdates: statusUpdate(live(off,
			deployed(WithServiceReady), WithEventingMarked(corev1.ConditionTrue, v1alpha1.ReasonEventingDisabled, "The function does not want events."), summarized)),
	}, {
		Name: "the controller has just started, and left it as it was",
		Ctx:  starting(),
		Key:  key,
		Objects: []runtime.Object{
			live(asking, deployed(WithServiceReady), wired(1, 0)), liveService(), brokerOf(function(), readyBroker),
		},
	}, {
		Name:    "the controller has just started, and knows nothing of it",
		Ctx:     starting(),
		Key:     key,
		Objects: []runtime.Object{function(deployed(WithServiceReady), edited(asking)), liveService()},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady), edited(asking), WithObserved(2),
			WithEventingMarked(corev1.ConditionUnknown, v1alpha1.ReasonEventingStarting,
				"The controller has not yet read triggers.eventing.knative.dev."), summarized)),
	}, {
		Name:        "not asked for: the function is ready without it",
		Ctx:         installed,
		Key:         key,
		Objects:     []runtime.Object{live(), liveService()},
		WantCreates: []runtime.Object{brokerOf(function()), triggerOf(function(), 0, early)},
		WantEvents:  []string{normal("Created", `Created Broker "lambda-broker"`), normal("Created", `Created Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(deployed(WithServiceReady),
			unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady, brokerNotYet, ofBroker("lambda-broker", 1)))),
	}, {
		Name:        "asked for: the function is ready with it",
		Ctx:         installed,
		Key:         key,
		Objects:     []runtime.Object{live(asking), liveService()},
		WantCreates: []runtime.Object{brokerOf(function(asking)), triggerOf(function(asking), 0, early)},
		WantEvents:  []string{normal("Created", `Created Broker "lambda-broker"`), normal("Created", `Created Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady),
			unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady, brokerNotYet, ofBroker("lambda-broker", 1)))),
	}, {
		Name: "all is ready",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}}
}

func brokerRows() rtesting.TableTest {
	other := func(options ...FunctionOption) *v1alpha1.LambdaFunction {
		return LambdaFunction("other", "default", options...)
	}
	named := WithEventing(v1alpha1.EventingSpec{BrokerName: "own"})
	quorum := WithEventing(v1alpha1.EventingSpec{RabbitMQ: &v1alpha1.RabbitMQSpec{QueueType: "quorum"}})
	classic := WithEventing(v1alpha1.EventingSpec{RabbitMQ: &v1alpha1.RabbitMQSpec{QueueType: "classic"}})
	off := WithEventing(v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})
	offStatus := func(fn *v1alpha1.LambdaFunction) {
		fn.Status.MarkEventing(false, corev1.ConditionTrue, v1alpha1.ReasonEventingDisabled, "The function does not want events.")
		fn.Status.EventingStatus = nil
		fn.Status.Summarize()
	}
	bothUse := func(b *eventingv1.Broker) {
		readyBroker(b)
		b.OwnerReferences = []metav1.OwnerReference{wiring.UserRef(other()), wiring.UserRef(function())}
	}
	foreign := func(b *eventingv1.Broker) {
		readyBroker(b)
		b.Labels, b.OwnerReferences = map[string]string{"app": "theirs"}, nil
	}
	ownBroker := func(changes ...func(*eventingv1.Broker)) *eventingv1.Broker {
		return brokerOf(function(), append([]func(*eventingv1.Broker){foreign, func(b *eventingv1.Broker) { b.Name = "own" }}, changes...)...)
	}
	return rtesting.TableTest{{
		Name: "the Broker has got an address, to which replies of redriven events go",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker), triggerOf(function(asking), 0, early, readyTrigger),
		},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: triggerOf(function(asking), 0, readyTrigger)}},
		WantEvents:        []string{normal("Updated", `Updated Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "the Broker is there already, and gets another user",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(other(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
		},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: brokerOf(function(), bothUse)}},
		WantEvents:        []string{normal("Updated", `Updated Broker "lambda-broker"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "another user is quicker",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(other(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuseOnce("update", "brokers", modified)},
		WantUpdates: []clientgotesting.UpdateActionImpl{
			{Object: brokerOf(function(), bothUse)}, {Object: brokerOf(function(), bothUse)},
		},
		WantEvents:        []string{normal("Updated", `Updated Broker "lambda-broker"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "one of two users leaves",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), wired(1, 0)), liveService(), brokerOf(function(), bothUse), triggerOf(function(), 0, readyTrigger),
		},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: brokerOf(other(), readyBroker)}},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("triggers", "hello-trigger")},
		WantEvents:        []string{normal("Deleted", `Deleted Trigger "hello-trigger"`), normal("Updated", `Updated Broker "lambda-broker"`)},
		WantStatusUpdates: statusUpdate(live(off, deployed(WithServiceReady), offStatus)),
	}, {
		Name: "another user leaves at the same time",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), offStatus), liveService(), brokerOf(function(), bothUse),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuseOnce("update", "brokers", modified)},
		WantUpdates: []clientgotesting.UpdateActionImpl{
			{Object: brokerOf(other(), readyBroker)}, {Object: brokerOf(other(), readyBroker)},
		},
		WantEvents: []string{normal("Updated", `Updated Broker "lambda-broker"`)},
	}, {
		Name: "the Broker goes while its user leaves",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), offStatus), liveService(), brokerOf(function(), bothUse),
		},
		WithReactors: []clientgotesting.ReactionFunc{
			refuseOnce("update", "brokers", modified), refuseOnce("get", "brokers", notFound("brokers")),
		},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: brokerOf(other(), readyBroker)}},
	}, {
		Name: "the last user leaves",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), wired(1, 0)), liveService(), brokerOf(function(), readyBroker),
		},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("brokers", "lambda-broker")},
		WantEvents:        []string{normal("Deleted", `Deleted Broker "lambda-broker"`)},
		WantStatusUpdates: statusUpdate(live(off, deployed(WithServiceReady), offStatus)),
	}, {
		Name: "the last user leaves what has changed meanwhile",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), offStatus), liveService(), brokerOf(function(), readyBroker),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuseOnce("delete", "brokers", modified)},
		WantDeletes:  []clientgotesting.DeleteActionImpl{deletion("brokers", "lambda-broker"), deletion("brokers", "lambda-broker")},
		WantEvents:   []string{normal("Deleted", `Deleted Broker "lambda-broker"`)},
	}, {
		Name: "the last user cannot leave",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), offStatus), liveService(), brokerOf(function(), readyBroker),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuse("delete", "brokers", errors.New("conflict"))},
		WantDeletes:  []clientgotesting.DeleteActionImpl{deletion("brokers", "lambda-broker")},
		WantErr:      true,
		WantEvents:   []string{warning("InternalError", `failed to delete Broker "lambda-broker": conflict`)},
	}, {
		Name: "moved to a Broker of its own",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(named), liveService(), brokerOf(function(), readyBroker), ownBroker(), triggerOf(function(named), 0, readyTrigger),
		},
		WantDeletes: []clientgotesting.DeleteActionImpl{deletion("brokers", "lambda-broker")},
		WantEvents:  []string{normal("Deleted", `Deleted Broker "lambda-broker"`)},
		WantStatusUpdates: statusUpdate(live(named, deployed(WithServiceReady), wired(1, 0), func(fn *v1alpha1.LambdaFunction) {
			fn.Status.EventingStatus.BrokerName = "own"
		})),
	}, {
		Name:        "a Broker of its own that is not there",
		Ctx:         installed,
		Key:         key,
		Objects:     []runtime.Object{live(named), liveService()},
		WantCreates: []runtime.Object{triggerOf(function(named), 0, early)},
		WantEvents:  []string{normal("Created", `Created Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(named, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonBrokerNotFound,
			`There is no Broker "own" in the namespace: make it, or name another.`, v1alpha1.EventingStatus{TriggerCount: 1}))),
	}, {
		Name: "somebody else's Broker of the shared name serves as well",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), foreign), triggerOf(function(asking), 0, readyTrigger),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "the Broker is being deleted",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(other(), readyBroker, WithDeletionTimestamp[*eventingv1.Broker]),
			triggerOf(function(asking), 0, readyTrigger),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady,
			`Broker "lambda-broker" is being deleted.`, with(ofReadyBroker(1, 0), func(s *v1alpha1.EventingStatus) { s.BrokerReady, s.TriggersReady = false, 1 })))),
	}, {
		Name: "the Broker has not been ready for a moment",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(),
			brokerOf(function(), WithReady[*eventingv1.Broker](corev1.ConditionFalse, "NoAddress", "", ended)), triggerOf(function(asking), 0, early, readyTrigger),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady,
			`Broker "lambda-broker" is not ready: NoAddress`, with(ofBroker("lambda-broker", 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 })))),
	}, {
		Name: "the Broker has not been ready for long",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(),
			brokerOf(function(), WithReady[*eventingv1.Broker](corev1.ConditionFalse, "NoAddress", "The 100% channel is gone.", began)),
			triggerOf(function(asking), 0, early, readyTrigger),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonBrokerNotReady,
			`Broker "lambda-broker" is not ready: The 100% channel is gone.`, with(ofBroker("lambda-broker", 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 })))),
	}, {
		Name: "the Broker has said nothing since it was made",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), triggerOf(function(asking), 0, early, readyTrigger),
			brokerOf(function(), func(b *eventingv1.Broker) { b.CreationTimestamp = metav1.NewTime(began.Add(-time.Hour)) }),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonBrokerNotReady,
			brokerNotYet, with(ofBroker("lambda-broker", 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 })))),
	}, {
		Name: "what is said of the Broker is of what it was before",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), triggerOf(function(asking), 0, readyTrigger),
			brokerOf(function(), readyBroker, func(b *eventingv1.Broker) { b.Generation = 2 }),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady,
			brokerNotYet, with(ofReadyBroker(1, 0), func(s *v1alpha1.EventingStatus) { s.BrokerReady, s.TriggersReady = false, 1 })))),
	}, {
		Name: "the Broker cannot be made",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), triggerOf(function(asking), 0, early, readyTrigger),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "brokers", apierrs.NewForbidden(eventingv1.Resource("brokers"), "lambda-broker", errors.New("a quota")))},
		WantCreates:  []runtime.Object{brokerOf(function())},
		WantErr:      true,
		WantEvents: []string{
			warning("CreationFailed", `Failed to create Broker "lambda-broker": brokers.eventing.knative.dev "lambda-broker" is forbidden: a quota`),
			warning("InternalError", `Broker "lambda-broker" is refused: failed to create Broker "lambda-broker": brokers.eventing.knative.dev "lambda-broker" is forbidden: a quota`),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonEventingRefused,
			`Broker "lambda-broker" is refused: failed to create Broker "lambda-broker": brokers.eventing.knative.dev "lambda-broker" is forbidden: a quota`,
			v1alpha1.EventingStatus{TriggerCount: 1, TriggersReady: 1}))),
	}, {
		Name:         "the Broker cannot be made for a moment",
		Ctx:          installed,
		Key:          key,
		Objects:      []runtime.Object{live(asking), liveService(), triggerOf(function(asking), 0, early, readyTrigger)},
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "brokers", errors.New("too busy"))},
		WantCreates:  []runtime.Object{brokerOf(function())},
		WantErr:      true,
		WantEvents: []string{
			warning("CreationFailed", `Failed to create Broker "lambda-broker": too busy`),
			warning("InternalError", `failed to create Broker "lambda-broker": too busy`),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady,
			`failed to create Broker "lambda-broker": too busy; it is tried again.`, v1alpha1.EventingStatus{TriggerCount: 1, TriggersReady: 1}))),
	}, {
		Name: "one of two users leaves, and the Broker has gone meanwhile",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(off, deployed(WithServiceReady), offStatus), liveService(), brokerOf(function(), bothUse),
		},
		WithReactors:  []clientgotesting.ReactionFunc{refuse("update", "brokers", notFound("brokers"))},
		OtherTestData: goesOn,
		WantUpdates:   []clientgotesting.UpdateActionImpl{{Object: brokerOf(other(), readyBroker)}},
	}, {
		Name:        "on RabbitMQ, settings and Broker are made",
		Ctx:         onRabbitMQ,
		Key:         key,
		Objects:     []runtime.Object{live(quorum), liveService(), triggerOf(function(quorum), 0, early, readyTrigger)},
		WantCreates: []runtime.Object{rabbitBrokerOf(function(quorum)), settingsOf(function(quorum))},
		WantEvents: []string{
			normal("Created", `Created RabbitmqBrokerConfig "lambda-broker-config"`), normal("Created", `Created Broker "lambda-broker"`),
		},
		WantStatusUpdates: statusUpdate(live(quorum, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady,
			brokerNotYet, with(ofBroker("lambda-broker", 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 })))),
	}, {
		Name: "on RabbitMQ, another function was first",
		Ctx:  onRabbitMQ,
		Key:  key,
		Objects: []runtime.Object{
			live(classic), liveService(), triggerOf(function(classic), 0, readyTrigger),
			settingsOf(other(quorum), func(u *unstructured.Unstructured) {
				u.SetOwnerReferences([]metav1.OwnerReference{wiring.UserRef(other()), wiring.UserRef(function())})
			}),
			rabbitBrokerOf(other(quorum), bothUse),
		},
		WantStatusUpdates: statusUpdate(live(classic, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonBrokerSettingsConflict,
			`Broker "lambda-broker" was made by LambdaFunction other with "quorum" for rabbitmq.queueType, and "classic" is wanted here. `+
				`Settings of a Broker cannot change: remove spec.eventing.rabbitmq.queueType, name a Broker of its own in spec.eventing.brokerName, `+
				`or delete the Broker and RabbitmqBrokerConfig "lambda-broker-config", with the events in it.`,
			with(ofReadyBroker(1, 0), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 })))),
	}, {
		Name: "on RabbitMQ, settings go with their last user",
		Ctx:  onRabbitMQ,
		Key:  key,
		Objects: []runtime.Object{
			live(off), liveService(), settingsOf(function()), rabbitBrokerOf(function(), readyBroker),
		},
		WantDeletes: []clientgotesting.DeleteActionImpl{deletion("brokers", "lambda-broker"), deletion("rabbitmqbrokerconfigs", "lambda-broker-config")},
		WantEvents: []string{
			normal("Deleted", `Deleted Broker "lambda-broker"`), normal("Deleted", `Deleted RabbitmqBrokerConfig "lambda-broker-config"`),
		},
		WantStatusUpdates: statusUpdate(live(off, deployed(WithServiceReady), offStatus)),
	}, {
		Name:    "RabbitMQ is wanted by the configuration, and not installed",
		Ctx:     withBrokerClass(installed, config.BrokerClassRabbitMQ),
		Key:     key,
		Objects: []runtime.Object{live(asking), liveService(), triggerOf(function(asking), 0, early, readyTrigger)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled,
			"Knative's RabbitMQ Broker is not installed: install it, or set another broker-class in ConfigMap config-eventing.",
			v1alpha1.EventingStatus{TriggerCount: 1, TriggersReady: 1}))),
	}, {
		Name:        "a class that the configuration names",
		Ctx:         withBrokerClass(onRabbitMQ, "MTChannelBasedBroker"),
		Key:         key,
		Objects:     []runtime.Object{live(asking), liveService(), triggerOf(function(asking), 0, early, readyTrigger)},
		WantCreates: []runtime.Object{brokerOf(function(), WithBrokerClass("MTChannelBasedBroker"))},
		WantEvents:  []string{normal("Created", `Created Broker "lambda-broker"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonBrokerNotReady,
			brokerNotYet, with(ofBroker("lambda-broker", 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 })))),
	}}
}

func withBrokerClass(ctx context.Context, class string) context.Context {
	cfg := newConfig(nil)
	cfg.Eventing = cfg.Eventing.DeepCopy()
	cfg.Eventing.BrokerClass = class
	return reconcilerconfig.ToContext(ctx, cfg)
}

// with returns the status after a change.
func with(status v1alpha1.EventingStatus, change func(*v1alpha1.EventingStatus)) v1alpha1.EventingStatus {
	change(&status)
	return status
}

func triggerRows() rtesting.TableTest {
	further := WithTrigger("lambda-broker", map[string]string{"type": "order.placed"})
	suffix := WithEventing(v1alpha1.EventingSpec{Filters: []v1alpha1.EventFilter{{Suffix: map[string]string{"type": ".placed"}}}})
	exact := WithEventing(v1alpha1.EventingSpec{Filters: []v1alpha1.EventFilter{{Exact: map[string]string{"type": "order.placed"}}}})
	notOurs := func(t *eventingv1.Trigger) { t.OwnerReferences = nil }
	oneReady := func(s *v1alpha1.EventingStatus) { s.TriggersReady = 1 }
	return rtesting.TableTest{{
		Name: "further triggers",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking, further), liveService(), brokerOf(function(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
		},
		WantCreates: []runtime.Object{triggerOf(function(asking, further), 1)},
		WantEvents:  []string{normal("Created", `Created Trigger "%s"`, triggerOf(function(asking, further), 1).Name)},
		WantStatusUpdates: statusUpdate(live(asking, further, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonTriggerNotReady,
			`Trigger "`+triggerOf(function(asking, further), 1).Name+`" is not ready yet.`, with(ofReadyBroker(2, 0), oneReady)))),
	}, {
		Name: "a trigger that is wanted no more, and one of somebody else with our labels",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
			triggerOf(function(asking, further), 1), triggerOf(function(asking), 0, notOurs, func(t *eventingv1.Trigger) { t.Name = "theirs" }),
		},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("triggers", triggerOf(function(asking, further), 1).Name)},
		WantEvents:        []string{normal("Deleted", `Deleted Trigger "%s"`, triggerOf(function(asking, further), 1).Name)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "drift is repaired, and what others added stays",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, readyTrigger, func(t *eventingv1.Trigger) {
				t.Spec.Filters, t.Spec.Delivery = nil, nil
				t.Labels["team"], t.Annotations = "a", map[string]string{"note": "b", wiring.ParallelismAnnotation: "9"}
			}),
		},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: triggerOf(function(asking), 0, readyTrigger, func(t *eventingv1.Trigger) {
			t.Labels["team"], t.Annotations = "a", map[string]string{"note": "b"}
		})}},
		WantEvents:        []string{normal("Updated", `Updated Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "the name is taken",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, notOurs, WithoutLabels[*eventingv1.Trigger]),
		},
		WantCreates: []runtime.Object{triggerOf(function(asking), 0)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonNotOwned,
			`Trigger "hello-trigger" exists and belongs to somebody else: delete it, or set spec.eventing.resourcePrefix.`, ofReadyBroker(1, 0)))),
	}, {
		Name: "of another Broker, and so made anew",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, readyTrigger, func(t *eventingv1.Trigger) { t.Spec.Broker = "old" }),
		},
		OtherTestData: goesOn,
		WantDeletes:   []clientgotesting.DeleteActionImpl{deletion("triggers", "hello-trigger")},
		WantEvents:    []string{normal("Deleted", `Deleted Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonTriggerNotReady,
			`Trigger "hello-trigger" is going away, to be made anew.`, ofReadyBroker(1, 0)))),
	}, {
		Name: "being deleted",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, WithDeletionTimestamp[*eventingv1.Trigger]),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonTriggerNotReady,
			`Trigger "hello-trigger" is going away, to be made anew.`, ofReadyBroker(1, 0)))),
	}, {
		Name: "on RabbitMQ, another exact filter, and so made anew",
		Ctx:  onRabbitMQ,
		Key:  key,
		Objects: []runtime.Object{
			live(exact), liveService(), settingsOf(function()), rabbitBrokerOf(function(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
		},
		OtherTestData: goesOn,
		WantDeletes:   []clientgotesting.DeleteActionImpl{deletion("triggers", "hello-trigger")},
		WantEvents:    []string{normal("Deleted", `Deleted Trigger "hello-trigger"`)},
		WantStatusUpdates: statusUpdate(live(exact, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonTriggerNotReady,
			`Trigger "hello-trigger" is going away, to be made anew.`, ofReadyBroker(1, 0)))),
	}, {
		Name: "on RabbitMQ, a filter that it does not know",
		Ctx:  onRabbitMQ,
		Key:  key,
		Objects: []runtime.Object{
			live(suffix), liveService(), settingsOf(function()), rabbitBrokerOf(function(), readyBroker), triggerOf(function(suffix), 0, readyTrigger),
		},
		WantStatusUpdates: statusUpdate(live(suffix, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonFiltersNotSupported,
			`Broker "lambda-broker" is of class RabbitMQBroker, which knows exact filters only: remove the others from spec.eventing.filters, or name a Broker of another class.`,
			with(ofReadyBroker(1, 0), oneReady)))),
	}, {
		Name: "refused by Knative's admission",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking, further), liveService(), brokerOf(function(), readyBroker), triggerOf(function(asking), 0, readyTrigger),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "triggers", apierrs.NewBadRequest("no such feature"))},
		WantCreates:  []runtime.Object{triggerOf(function(asking, further), 1)},
		WantErr:      true,
		WantEvents: []string{
			warning("CreationFailed", `Failed to create Trigger "%s": no such feature`, triggerOf(function(asking, further), 1).Name),
			warning("InternalError", `Trigger "%[1]s" is refused: failed to create Trigger "%[1]s": no such feature`, triggerOf(function(asking, further), 1).Name),
		},
		WantStatusUpdates: statusUpdate(live(asking, further, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonEventingRefused,
			`Trigger "`+triggerOf(function(asking, further), 1).Name+`" is refused: failed to create Trigger "`+triggerOf(function(asking, further), 1).Name+`": no such feature`,
			with(ofReadyBroker(2, 0), oneReady)))),
	}, {
		Name: "drift that cannot be repaired for a moment",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, readyTrigger, func(t *eventingv1.Trigger) { t.Spec.Delivery = nil }),
		},
		WithReactors: []clientgotesting.ReactionFunc{refuse("update", "triggers", errors.New("too busy"))},
		WantUpdates:  []clientgotesting.UpdateActionImpl{{Object: triggerOf(function(asking), 0, readyTrigger)}},
		WantErr:      true,
		WantEvents:   []string{warning("InternalError", `failed to update Trigger "hello-trigger": too busy`)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonTriggerNotReady,
			`failed to update Trigger "hello-trigger": too busy; it is tried again.`, ofReadyBroker(1, 0)))),
	}, {
		Name: "wanted no more, and gone already",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker), triggerOf(function(asking), 0, readyTrigger), triggerOf(function(asking, further), 1),
		},
		WithReactors:      []clientgotesting.ReactionFunc{refuse("delete", "triggers", notFound("triggers"))},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("triggers", triggerOf(function(asking, further), 1).Name)},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "not ready for long",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), liveService(), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, WithReady[*eventingv1.Trigger](corev1.ConditionFalse, "", "the sink is not there", began)),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonTriggerNotReady,
			`Trigger "hello-trigger" is not ready: the sink is not there`, ofReadyBroker(1, 0)))),
	}, {
		Name: "before the Knative Service is ready",
		Ctx:  installed,
		Key:  key,
		Objects: []runtime.Object{
			live(asking), serviceOf(function(), WithConfiguration(corev1.ConditionUnknown, "", "")), brokerOf(function(), readyBroker),
			triggerOf(function(asking), 0, WithReady[*eventingv1.Trigger](corev1.ConditionFalse, "", "no subscriber", time.Time{})),
		},
		WantStatusUpdates: statusUpdate(function(asking, deployed(WithConfiguration(corev1.ConditionUnknown, "", "")),
			unwired(corev1.ConditionUnknown, v1alpha1.ReasonWaitingForService, "Events reach the function once its Knative Service is ready.", ofReadyBroker(1, 0)))),
	}}
}

func sourceRows() rtesting.TableTest {
	scheduled := WithEventing(v1alpha1.EventingSpec{Schedules: []v1alpha1.ScheduleSpec{{Name: "nightly", Schedule: "0 3 * * *", Timezone: "Europe/Berlin"}}})
	watching := WithEventing(v1alpha1.EventingSpec{APISource: &v1alpha1.APISourceSpec{
		Enabled: ptr.Bool(true), Resources: []v1alpha1.APISourceResourceSpec{{APIVersion: "v1", Kind: "Pod", LabelSelector: map[string]string{"app": "web"}}},
	}})
	w := wiringOf(function(watching))
	source := func(changes ...func(*sourcesv1.ApiServerSource)) *sourcesv1.ApiServerSource {
		return Change(wiring.MakeAPIServerSource(function(), w.Labels, w.APISource), changes...)
	}
	account := wiring.MakeServiceAccount(function(), w.Labels, w.APISource)
	role := func(changes ...func(*rbacv1.Role)) *rbacv1.Role {
		return Change(wiring.MakeRole(function(), w.Labels, w.APISource), changes...)
	}
	binding := wiring.MakeRoleBinding(function(), w.Labels, w.APISource)
	readySource := WithReady[*sourcesv1.ApiServerSource](corev1.ConditionTrue, "", "", began)
	const forbidden = `roles.rbac.authorization.k8s.io "hello-api-source" is forbidden: attempting to grant RBAC permissions not currently held`
	ready := []runtime.Object{liveService(), brokerOf(function(), readyBroker)}
	return rtesting.TableTest{{
		Name:        "a schedule",
		Ctx:         installed,
		Key:         key,
		Objects:     append([]runtime.Object{live(scheduled), triggerOf(function(scheduled), 0, readyTrigger), triggerOf(function(scheduled), 1, readyTrigger)}, ready...),
		WantCreates: []runtime.Object{scheduleOf(function(scheduled), 0)},
		WantEvents:  []string{normal("Created", `Created PingSource "hello-schedule-nightly"`)},
		WantStatusUpdates: statusUpdate(live(scheduled, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonEventSourceNotReady,
			`PingSource "hello-schedule-nightly" is not ready yet.`, with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name: "a schedule that is ready",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(scheduled), triggerOf(function(scheduled), 0, readyTrigger), triggerOf(function(scheduled), 1, readyTrigger), scheduleOf(function(scheduled), 0, readySchedule),
		}, ready...),
		WantStatusUpdates: statusUpdate(live(scheduled, deployed(WithServiceReady), wired(2, 1))),
	}, {
		Name: "a schedule that is wanted no more",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(asking), triggerOf(function(scheduled), 0, readyTrigger), triggerOf(function(scheduled), 1, readyTrigger), scheduleOf(function(scheduled), 0, readySchedule),
		}, ready...),
		WantDeletes: []clientgotesting.DeleteActionImpl{deletion("triggers", "hello-sources"), deletion("pingsources", "hello-schedule-nightly")},
		WantEvents: []string{
			normal("Deleted", `Deleted Trigger "hello-sources"`), normal("Deleted", `Deleted PingSource "hello-schedule-nightly"`),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "a schedule, where there are no PingSources",
		Ctx:  withKinds(eventing.Brokers, eventing.Triggers),
		Key:  key,
		Objects: append([]runtime.Object{
			live(scheduled), triggerOf(function(scheduled), 0, readyTrigger), triggerOf(function(scheduled), 1, readyTrigger),
		}, ready...),
		WantStatusUpdates: statusUpdate(live(scheduled, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled,
			"The part of Knative Eventing that has PingSources is not installed: install it, or remove spec.eventing.schedules.",
			with(ofReadyBroker(2, 0), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name:        "changes of objects, and the account that reads them",
		Ctx:         installed,
		Key:         key,
		Objects:     append([]runtime.Object{live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger)}, ready...),
		WantCreates: []runtime.Object{account, role(), binding, source()},
		WantEvents: []string{
			normal("Created", `Created ServiceAccount "hello-api-source"`), normal("Created", `Created Role "hello-api-source"`),
			normal("Created", `Created RoleBinding "hello-api-source"`), normal("Created", `Created ApiServerSource "hello-api-source"`),
		},
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonEventSourceNotReady,
			`ApiServerSource "hello-api-source" is not ready yet.`, with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name: "the account may more than it should",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger),
			account, role(func(r *rbacv1.Role) { r.Rules = append(r.Rules, wiring.Rule("v1", "Secret")) }), binding, source(readySource),
		}, ready...),
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: role()}},
		WantEvents:        []string{normal("Updated", `Updated Role "hello-api-source"`)},
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), wired(2, 1))),
	}, {
		Name:         "the controller may not give what the account needs",
		Ctx:          installed,
		Key:          key,
		Objects:      append([]runtime.Object{live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger), account}, ready...),
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "roles", apierrs.NewForbidden(rbacv1.Resource("roles"), "hello-api-source", errors.New("attempting to grant RBAC permissions not currently held")))},
		WantCreates:  []runtime.Object{role()},
		WantErr:      true,
		WantEvents: []string{
			warning("CreationFailed", `Failed to create Role "hello-api-source": `+forbidden),
			warning("InternalError", `Role "hello-api-source" is refused: failed to create Role "hello-api-source": `+forbidden),
		},
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonAPISourceForbidden,
			`Role "hello-api-source" is refused: failed to create Role "hello-api-source": `+forbidden+
				` To let functions read such objects, give the operator a ClusterRole that may, with the label lambda.knative.io/api-source: "true".`,
			with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name: "the account has another Role, and so its binding is made anew",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger), account, role(),
			Change(binding.DeepCopy(), func(b *rbacv1.RoleBinding) { b.RoleRef.Name = "admin" }), source(readySource),
		}, ready...),
		OtherTestData: goesOn,
		WantDeletes:   []clientgotesting.DeleteActionImpl{deletion("rolebindings", "hello-api-source")},
		WantEvents:    []string{normal("Deleted", `Deleted RoleBinding "hello-api-source"`)},
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonEventSourceNotReady,
			`RoleBinding "hello-api-source" is going away, to be made anew.`, with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name: "somebody else's account has the name",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger),
			Change(account.DeepCopy(), WithoutOwner[*corev1.ServiceAccount]),
		}, ready...),
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonNotOwned,
			`ServiceAccount "hello-api-source" exists and belongs to somebody else: delete it, or set spec.eventing.resourcePrefix.`,
			with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name:         "a source that cannot be made for a moment",
		Ctx:          installed,
		Key:          key,
		Objects:      append([]runtime.Object{live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger), account, role(), binding}, ready...),
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "apiserversources", errors.New("too busy"))},
		WantCreates:  []runtime.Object{source()},
		WantErr:      true,
		WantEvents: []string{
			warning("CreationFailed", `Failed to create ApiServerSource "hello-api-source": too busy`),
			warning("InternalError", `failed to create ApiServerSource "hello-api-source": too busy`),
		},
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), unwired(corev1.ConditionUnknown, v1alpha1.ReasonEventSourceNotReady,
			`failed to create ApiServerSource "hello-api-source": too busy; it is tried again.`,
			with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name: "a schedule of a name that is taken",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(scheduled), triggerOf(function(scheduled), 0, readyTrigger), triggerOf(function(scheduled), 1, readyTrigger),
			scheduleOf(function(scheduled), 0, WithoutOwner[*sourcesv1.PingSource]),
		}, ready...),
		WantStatusUpdates: statusUpdate(live(scheduled, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonNotOwned,
			`PingSource "hello-schedule-nightly" exists and belongs to somebody else: delete it, or set spec.eventing.resourcePrefix.`,
			with(ofReadyBroker(2, 1), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}, {
		Name: "changes of objects that are wanted no more",
		Ctx:  installed,
		Key:  key,
		Objects: append([]runtime.Object{
			live(asking), triggerOf(function(asking), 0, readyTrigger), account, role(), binding, source(readySource),
		}, ready...),
		WantDeletes: []clientgotesting.DeleteActionImpl{
			deletion("rolebindings", "hello-api-source"), deletion("roles", "hello-api-source"), deletion("serviceaccounts", "hello-api-source"),
			deletion("apiserversources", "hello-api-source"),
		},
		WantEvents: []string{
			normal("Deleted", `Deleted RoleBinding "hello-api-source"`), normal("Deleted", `Deleted Role "hello-api-source"`),
			normal("Deleted", `Deleted ServiceAccount "hello-api-source"`), normal("Deleted", `Deleted ApiServerSource "hello-api-source"`),
		},
		WantStatusUpdates: statusUpdate(live(asking, deployed(WithServiceReady), wired(1, 0))),
	}, {
		Name: "changes of objects, where there are no ApiServerSources",
		Ctx:  withKinds(eventing.Brokers, eventing.Triggers),
		Key:  key,
		Objects: append([]runtime.Object{
			live(watching), triggerOf(function(watching), 0, readyTrigger), triggerOf(function(watching), 1, readyTrigger),
		}, ready...),
		WantStatusUpdates: statusUpdate(live(watching, deployed(WithServiceReady), unwired(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled,
			"The part of Knative Eventing that has ApiServerSources is not installed: install it, or remove spec.eventing.apiSource.",
			with(ofReadyBroker(2, 0), func(s *v1alpha1.EventingStatus) { s.TriggersReady = 2 })))),
	}}
}

// TestBrokersWakeTheirUsers holds that functions without events are left alone.
func TestBrokersWakeTheirUsers(t *testing.T) {
	listers := NewListers([]runtime.Object{
		function(),
		LambdaFunction("off", "default", WithEventing(v1alpha1.EventingSpec{Enabled: ptr.Bool(false)})),
		LambdaFunction("elsewhere", "other"),
	})
	var woken []string
	enqueueUsers(listers.LambdaFunctionLister(), brokerOf(function()), func(fn any) {
		woken = append(woken, fn.(*v1alpha1.LambdaFunction).Name)
	})
	if len(woken) != 1 || woken[0] != "hello" {
		t.Errorf("woke %v, want hello", woken)
	}
}
