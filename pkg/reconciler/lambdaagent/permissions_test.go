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
	"errors"
	"slices"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgotesting "k8s.io/client-go/testing"
	testclock "k8s.io/utils/clock/testing"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// may sets what the status says that the agent may not do.
func may(status v1alpha1.PermissionStatus) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Status.PermissionStatus = &status }
}

// byEvents is the annotation that control events write.
func byEvents(all ...lambda.Disabled) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		text, err := lambda.FormatDisabled(all)
		if err != nil {
			panic(err) // Times of tests can be written.
		}
		la.Annotations = map[string]string{lambda.DisabledByEventAnnotationKey: text}
	}
}

// noTriggers is what an event of /guard has disabled. A zero time is for ever.
func noTriggers(until time.Time) lambda.Disabled {
	return lambda.Disabled{
		Capability: lambda.CapabilityTrigger, Reason: "loops", Since: now.Add(-time.Minute), Until: until, EventID: "1", Source: "/guard",
	}
}

// noTriggersStatus is what the status says of noTriggers.
func noTriggersStatus(until *metav1.Time) v1alpha1.PermissionStatus {
	return v1alpha1.PermissionStatus{TriggerCreationDisabled: true, DisabledByEvent: []v1alpha1.DisabledCapability{{
		Capability: v1alpha1.CapabilityTrigger, DisabledBy: "/guard", EventID: "1", Reason: "loops",
		DisabledAt: metav1.NewTime(now.Add(-time.Minute)), ExpiresAt: until,
	}}}
}

func bindingOf(la *v1alpha1.LambdaAgent, changes ...func(*admissionv1.ValidatingAdmissionPolicyBinding)) *admissionv1.ValidatingAdmissionPolicyBinding {
	return Change(resources.MakeBinding(la), changes...)
}

func notEnforced(reason, message string) AgentOption {
	return func(la *v1alpha1.LambdaAgent) { la.Status.MarkPermissions(corev1.ConditionFalse, reason, message) }
}

// permissionRows are about what an agent does not get.
func permissionRows() rtesting.TableTest {
	const (
		byBroker = "The agent gets no Broker, and so no events: spec.permissions.disableBrokerCreation disables it: " +
			"set it to false, or remove what needs it from spec.eventing."
		byTrigger = "The agent gets no Triggers, and so no events: spec.permissions.disableTriggerCreation disables it: " +
			"set it to false, or remove what needs it from spec.eventing."
		byEvent = `The agent gets no Triggers, and so no events: an event from "/guard" has disabled it: ` +
			"enable it by another event, or wait until that expires."
	)
	onlyA := subscribed("a")
	noBroker := WithPermissions(v1alpha1.PermissionsSpec{DisableBrokerCreation: true})
	noTrigger := WithPermissions(v1alpha1.PermissionsSpec{DisableTriggerCreation: true})
	nothing := WithPermissions(v1alpha1.PermissionsSpec{DisableBrokerCreation: true, DisableTriggerCreation: true, DisableFunctionCreation: true})
	later := now.Add(time.Second)
	forAWhile, forever, expired := byEvents(noTriggers(later)), byEvents(noTriggers(time.Time{})), byEvents(noTriggers(now))
	broker, trigger, binding := brokerOf(agent(onlyA), readyBroker), triggerOf(agent(onlyA), 0, readyTrigger), bindingOf(agent())
	deleted := []clientgotesting.DeleteActionImpl{deletion(triggers, "chat-a")}
	deletedEvent := normal("Deleted", "Deleted Trigger %q", "chat-a")
	disabled := func(message string) AgentOption {
		return trouble(corev1.ConditionFalse, v1alpha1.ReasonCapabilityDisabled, message)
	}
	return rtesting.TableTest{{
		Name: "no Broker", Ctx: installed, Key: key,
		Objects:           live(agent(onlyA, noBroker), broker, trigger, binding),
		WantDeletes:       append(deleted, deletion(eventingv1.SchemeGroupVersion.WithResource("brokers"), "chat-broker")),
		WantEvents:        []string{deletedEvent, normal("Deleted", "Deleted Broker %q", "chat-broker")},
		WantStatusUpdates: statusUpdate(agent(onlyA, noBroker, found, may(v1alpha1.PermissionStatus{BrokerCreationDisabled: true}), unwired, disabled(byBroker))),
	}, {
		Name: "no Trigger", Ctx: installed, Key: key,
		Objects:           live(agent(onlyA, noTrigger), broker, trigger, binding),
		WantDeletes:       deleted,
		WantEvents:        []string{deletedEvent},
		WantStatusUpdates: statusUpdate(agent(onlyA, noTrigger, found, may(v1alpha1.PermissionStatus{TriggerCreationDisabled: true}), wired(0, 0), disabled(byTrigger))),
	}, {
		Name: "no Trigger, and none is wanted", Ctx: installed, Key: key,
		Objects:           live(agent(subscribed(), noTrigger), broker, binding),
		WantStatusUpdates: statusUpdate(agent(subscribed(), noTrigger, found, may(v1alpha1.PermissionStatus{TriggerCreationDisabled: true}), wired(0, 0))),
	}, {
		Name: "neither, and no eventing", Ctx: installed, Key: key,
		Objects: live(agent(nothing), binding),
		WantStatusUpdates: statusUpdate(agent(nothing, found, may(v1alpha1.PermissionStatus{
			BrokerCreationDisabled: true, TriggerCreationDisabled: true, FunctionCreationDisabled: true,
		}))),
	}, {
		Name: "disabled by an event", Ctx: installed, Key: key, SkipNamespaceValidation: true, // Bindings have none.
		Objects:     live(agent(onlyA, forAWhile, found, wired(1, 0)), broker, trigger),
		WantCreates: []runtime.Object{binding},
		WantDeletes: deleted,
		WantEvents:  []string{normal("Created", "Created ValidatingAdmissionPolicyBinding %q", "default.chat"), deletedEvent},
		WantStatusUpdates: statusUpdate(agent(onlyA, forAWhile, found, may(noTriggersStatus(&metav1.Time{Time: later})),
			wired(0, 0), disabled(byEvent))),
	}, {
		Name: "disabled by an event until another", Ctx: installed, Key: key,
		Objects: live(agent(onlyA, forever, found, may(noTriggersStatus(nil)), wired(0, 0), disabled(byEvent)), broker, binding),
	}, {
		Name: "that has expired", Ctx: installed, Key: key,
		Objects: live(agent(onlyA, expired, found, may(noTriggersStatus(&metav1.Time{Time: now})), wired(0, 0), disabled(byEvent)),
			broker, trigger, binding),
		WantDeletes:       []clientgotesting.DeleteActionImpl{bindingDeletion},
		WantEvents:        []string{normal("Deleted", "Deleted ValidatingAdmissionPolicyBinding %q", "default.chat")},
		WantStatusUpdates: statusUpdate(agent(onlyA, expired, found, wired(1, 0))),
	}, {
		Name: "that another has lifted", Ctx: installed, Key: key,
		Objects:           live(agent(onlyA, found, may(noTriggersStatus(nil)), wired(0, 0), disabled(byEvent)), broker, trigger, binding),
		WantDeletes:       []clientgotesting.DeleteActionImpl{bindingDeletion},
		WantEvents:        []string{normal("Deleted", "Deleted ValidatingAdmissionPolicyBinding %q", "default.chat")},
		WantStatusUpdates: statusUpdate(agent(onlyA, found, wired(1, 0))),
	}}
}

var bindingDeletion = clientgotesting.DeleteActionImpl{
	ActionImpl: clientgotesting.ActionImpl{Verb: "delete", Resource: admissionv1.SchemeGroupVersion.WithResource("validatingadmissionpolicybindings")},
	Name:       "default.chat",
}

// bindingRows are about what has the API server refuse what an agent may not make.
func bindingRows() rtesting.TableTest {
	noFunctions := WithPermissions(v1alpha1.PermissionsSpec{DisableFunctionCreation: true})
	disabled := may(v1alpha1.PermissionStatus{FunctionCreationDisabled: true})
	binding := bindingOf(agent())
	unlabelled := bindingOf(agent(), func(b *admissionv1.ValidatingAdmissionPolicyBinding) { b.Labels = nil })
	ofAnother := bindingOf(agent(), func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
		b.Labels[lambda.AgentNamespaceLabelKey] = "other"
	})
	drifted := bindingOf(agent(), func(b *admissionv1.ValidatingAdmissionPolicyBinding) {
		b.Labels["team"], b.Spec.ValidationActions = "a", []admissionv1.ValidationAction{admissionv1.Audit}
		b.Spec.MatchResources = &admissionv1.MatchResources{}
	})
	repaired := bindingOf(agent(), func(b *admissionv1.ValidatingAdmissionPolicyBinding) { b.Labels["team"] = "a" })
	const taken = `What the agent may not make is not refused: ValidatingAdmissionPolicyBinding "default.chat" exists and is not labelled as this agent's: delete it.`
	refused := func(verb string) string {
		return `failed to ` + verb + ` ValidatingAdmissionPolicyBinding "default.chat": no`
	}
	no, broken := apierrs.NewBadRequest("no"), errors.New("no")
	unreadable := func(la *v1alpha1.LambdaAgent) {
		la.Annotations = map[string]string{lambda.DisabledByEventAnnotationKey: "{}"}
	}
	_, unread := lambda.ParseDisabled("{}")
	const bindings = "validatingadmissionpolicybindings"
	rows := rtesting.TableTest{{
		Name: "first", Key: key,
		Objects:           live(agent(noFunctions)),
		WantCreates:       []runtime.Object{binding},
		WantEvents:        []string{normal("Created", "Created ValidatingAdmissionPolicyBinding %q", "default.chat")},
		WantStatusUpdates: statusUpdate(agent(noFunctions, found, disabled)),
	}, {
		Name: "steady state", Key: key,
		Objects: live(agent(noFunctions, found, disabled), repaired),
	}, {
		Name: "drift is repaired, and what is foreign stays", Key: key,
		Objects:     live(agent(noFunctions, found, disabled), drifted),
		WantUpdates: updates(repaired),
		WantEvents:  []string{normal("Updated", "Updated ValidatingAdmissionPolicyBinding %q", "default.chat")},
	}, {
		Name: "nothing is disabled any more", Key: key,
		Objects:           live(agent(found, disabled), binding),
		WantDeletes:       []clientgotesting.DeleteActionImpl{bindingDeletion},
		WantEvents:        []string{normal("Deleted", "Deleted ValidatingAdmissionPolicyBinding %q", "default.chat")},
		WantStatusUpdates: statusUpdate(agent(found)),
	}, {
		Name: "nothing is disabled, and another's is left alone", Key: key,
		Objects: live(agent(found), ofAnother),
	}, {
		Name: "the agent is gone", Key: key,
		Objects:     []runtime.Object{binding},
		WantDeletes: []clientgotesting.DeleteActionImpl{bindingDeletion},
		WantEvents:  []string{normal("Deleted", "Deleted ValidatingAdmissionPolicyBinding %q", "default.chat")},
	}, {
		Name: "the agent is gone, and another's is left alone", Key: key,
		Objects: []runtime.Object{ofAnother},
	}, {
		Name: "the agent is gone, and nothing is deleted", Key: key,
		Objects:      []runtime.Object{binding},
		WithReactors: []clientgotesting.ReactionFunc{refuse("delete", bindings, broken)},
		WantErr:      true,
		WantDeletes:  []clientgotesting.DeleteActionImpl{bindingDeletion},
	}, {
		Name: "one without labels", Key: key,
		Objects:           live(agent(noFunctions, found, disabled), unlabelled),
		WantCreates:       []runtime.Object{binding},
		WantStatusUpdates: statusUpdate(agent(noFunctions, found, disabled, notEnforced(v1alpha1.ReasonNotOwned, taken))),
	}, {
		Name: "one of another", Key: key,
		Objects:           live(agent(noFunctions, found, disabled), ofAnother),
		WantStatusUpdates: statusUpdate(agent(noFunctions, found, disabled, notEnforced(v1alpha1.ReasonNotOwned, taken))),
	}, {
		Name: "refused", Key: key,
		Objects:      live(agent(noFunctions, found, disabled)),
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", bindings, no)},
		WantErr:      true,
		WantCreates:  []runtime.Object{binding},
		WantEvents: []string{
			warning("CreationFailed", "Failed to create ValidatingAdmissionPolicyBinding %q: no", "default.chat"),
			warning("InternalError", "ValidatingAdmissionPolicyBinding %q is refused: %s", "default.chat", refused("create")),
		},
		WantStatusUpdates: statusUpdate(agent(noFunctions, found, disabled, notEnforced(v1alpha1.ReasonNotEnforced,
			`What the agent may not make is not refused: ValidatingAdmissionPolicyBinding "default.chat" is refused: `+refused("create")))),
	}, {
		Name: "not repaired", Key: key,
		Objects:      live(agent(noFunctions, found, disabled), drifted),
		WithReactors: []clientgotesting.ReactionFunc{refuse("update", bindings, broken)},
		WantErr:      true,
		WantUpdates:  updates(repaired),
		WantEvents:   []string{warning("InternalError", "%s", refused("update"))},
		WantStatusUpdates: statusUpdate(agent(noFunctions, found, disabled, notEnforced(v1alpha1.ReasonNotEnforced,
			"What the agent may not make is not refused: "+refused("update")))),
	}, {
		Name: "an annotation that nobody can read", Key: key,
		Objects: live(agent(unreadable, found, may(noTriggersStatus(nil))), binding),
		WantStatusUpdates: statusUpdate(agent(unreadable, found, may(noTriggersStatus(nil)), notEnforced(v1alpha1.ReasonNotEnforced,
			"Annotation lambda.knative.io/disabled-by-event cannot be read: mend or remove it. What it said before holds on. "+unread.Error()))),
	}, {
		Name: "an annotation that nobody can read, and nothing before", Key: key,
		Objects: live(agent(unreadable, found)),
		WantStatusUpdates: statusUpdate(agent(unreadable, found, notEnforced(v1alpha1.ReasonNotEnforced,
			"Annotation lambda.knative.io/disabled-by-event cannot be read: mend or remove it. What it said before holds on. "+unread.Error()))),
	}}
	for i := range rows {
		rows[i].SkipNamespaceValidation = true // Bindings have none.
	}
	return rows
}

// TestLookAgainAtExpiry holds that an agent is reconciled when what an event has disabled expires.
func TestLookAgainAtExpiry(t *testing.T) {
	var after []time.Duration
	r := &Reconciler{
		clock:        testclock.NewFakePassiveClock(now),
		enqueueAfter: func(_ any, d time.Duration) { after = append(after, d) },
	}
	forever, later, expired := noTriggers(time.Time{}), noTriggers(now.Add(time.Minute)), noTriggers(now)
	forever.Capability, expired.Capability = lambda.CapabilityBroker, lambda.CapabilityFunction
	byEvent, err := r.disabledByEvent(agent(byEvents(forever, later, expired)))
	if err != nil || len(byEvent) != 2 || !slices.Equal(after, []time.Duration{time.Minute}) {
		t.Errorf("disabledByEvent() = %v, %v, and the agent is looked at again after %v", byEvent, err, after)
	}
}

// TestEachBinding holds that a replica that begins to lead looks at what agents have left behind.
func TestEachBinding(t *testing.T) {
	gone := LambdaAgent("gone", "shop")
	listers := NewListers([]runtime.Object{bindingOf(agent()), bindingOf(gone)})
	var seen []string
	eachBinding(listers.BindingLister(), func(binding any) { seen = append(seen, binding.(metav1.Object).GetName()) })
	if slices.Sort(seen); !slices.Equal(seen, []string{"default.chat", "shop.gone"}) {
		t.Errorf("seen are %v", seen)
	}
}
