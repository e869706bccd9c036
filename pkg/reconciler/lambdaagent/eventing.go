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
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
)

// reconcileEventing wires the agent to Knative Eventing, as far as it may be.
func (r *Reconciler) reconcileEventing(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	targets, trouble, err := r.targets(la)
	if err != nil {
		return err
	}
	wanted := resources.MakeWiring(la, config.FromContextOrDefaults(ctx).Eventing, targets)
	if disabled := restrict(la, wanted); disabled != nil {
		trouble = disabled
	}
	state, err := r.eventing.Reconcile(ctx, la, wanted)
	if state.Unseen() && eventing.SeenBefore(la) {
		// A controller that has just started leaves what the one before it found.
		return err
	}
	la.Status.EventingStatus = nil
	if state.Status != nil {
		la.Status.EventingStatus = &v1alpha1.AgentEventingStatus{
			EventingStatus: *state.Status, ForwardCount: state.Forwards, ForwardsReady: state.ForwardsReady,
		}
	}
	if state.Trouble != nil {
		r.lookAgain(la, state.Trouble.After)
	}
	markEventing(la, worse(state.Trouble, trouble))
	return err
}

// worse returns the trouble that somebody has to do something about; of two alike the first.
func worse(a, b *eventing.Trouble) *eventing.Trouble {
	if a == nil || b != nil && b.Status == corev1.ConditionFalse && a.Status != corev1.ConditionFalse {
		return b
	}
	return a
}

func markEventing(la *v1alpha1.LambdaAgent, trouble *eventing.Trouble) {
	asked := la.EventingEnabled()
	switch {
	case !asked && trouble == nil:
		la.Status.MarkEventing(asked, corev1.ConditionTrue, v1alpha1.ReasonEventingDisabled, "The agent does not want events.")
	case trouble == nil:
		la.Status.MarkEventing(asked, corev1.ConditionTrue, "", "")
	case trouble.Reason == v1alpha1.ReasonTriggerNotReady && !la.Status.GetCondition(v1alpha1.ConditionServiceReady).IsTrue():
		// A Trigger is not ready before its subscriber is there.
		la.Status.MarkEventing(asked, corev1.ConditionUnknown, v1alpha1.ReasonWaitingForService, "Events reach the agent once its Knative Service is ready.")
	default:
		la.Status.MarkEventing(asked, trouble.Status, trouble.Reason, trouble.Message)
	}
}

// restrict takes from the wiring what the agent may not have, and says so where it wants it.
func restrict(la *v1alpha1.LambdaAgent, w *wiring.Wiring) *eventing.Trouble {
	switch {
	case mayNot(la, v1alpha1.CapabilityBroker) && len(w.Brokers) > 0:
		w.Brokers, w.Triggers = nil, nil
		return &eventing.Trouble{
			Status: corev1.ConditionFalse, Reason: v1alpha1.ReasonCapabilityDisabled,
			Message: "The agent gets no Broker, and so no events: " + disabledBy(la, v1alpha1.CapabilityBroker, "disableBrokerCreation"),
		}
	case mayNot(la, v1alpha1.CapabilityTrigger) && len(w.Triggers) > 0:
		w.Triggers = nil
		return &eventing.Trouble{
			Status: corev1.ConditionFalse, Reason: v1alpha1.ReasonCapabilityDisabled,
			Message: "The agent gets no Triggers, and so no events: " + disabledBy(la, v1alpha1.CapabilityTrigger, "disableTriggerCreation"),
		}
	}
	return nil
}

// targets returns the agents that events may be forwarded to now, and why one of the others may not.
func (r *Reconciler) targets(la *v1alpha1.LambdaAgent) (map[types.NamespacedName]resources.Target, *eventing.Trouble, error) {
	if !la.EventingEnabled() {
		return nil, nil, nil
	}
	var worst *eventing.Trouble
	targets := map[types.NamespacedName]resources.Target{}
	for i := range la.Spec.Eventing.Forwards {
		f := &la.Spec.Eventing.Forwards[i]
		target, trouble, err := r.target(la, f)
		if err != nil {
			return nil, nil, err
		}
		if worst = worse(worst, trouble); trouble == nil {
			targets[resources.TargetOf(f)] = target
		}
	}
	return targets, worst, nil
}

// target returns the agent that events are forwarded to, or why they are not. Both agents have to allow it.
func (r *Reconciler) target(la *v1alpha1.LambdaAgent, f *v1alpha1.ForwardSpec) (resources.Target, *eventing.Trouble, error) {
	var none resources.Target
	if !la.AllowsNamespace(f.TargetNamespace) {
		return none, notForwarded(f, corev1.ConditionFalse, v1alpha1.ReasonForwardNotAllowed,
			"add namespace %q to spec.permissions.allowedTargetNamespaces of this agent.", f.TargetNamespace), nil
	}
	agent, err := r.agentLister.LambdaAgents(f.TargetNamespace).Get(f.TargetAgent)
	switch {
	case apierrs.IsNotFound(err):
		return none, notForwarded(f, corev1.ConditionFalse, v1alpha1.ReasonForwardTargetNotFound,
			"there is no such agent: make it, or remove the forward."), nil
	case err != nil:
		return none, nil, fmt.Errorf("failed to get LambdaAgent %q: %w", f.TargetAgent, err)
	case !agent.AllowsNamespace(la.Namespace):
		return none, notForwarded(f, corev1.ConditionFalse, v1alpha1.ReasonForwardNotAllowed,
			"that agent has to allow it: add namespace %q to its spec.permissions.allowedTargetNamespaces.", la.Namespace), nil
	case !agent.EventingEnabled():
		return none, notForwarded(f, corev1.ConditionFalse, v1alpha1.ReasonForwardTargetNotFound,
			"that agent has no Broker: enable its spec.eventing."), nil
	}
	address, err := r.brokerAddress(agent)
	if address == nil || err != nil {
		return none, notForwarded(f, corev1.ConditionUnknown, v1alpha1.ReasonForwardTargetNotFound,
			"that agent's Broker %q has no address yet.", names.Broker(agent.Name)), err
	}
	return resources.Target{Broker: address, Sources: resources.EventSources(agent)}, nil, nil
}

// brokerAddress returns where events for the agent are sent to, or nil where that is not known.
func (r *Reconciler) brokerAddress(la *v1alpha1.LambdaAgent) (*apis.URL, error) {
	brokers, presence := r.eventing.Kinds.Objects(eventing.Brokers)
	if presence != eventing.Present {
		return nil, nil
	}
	found, ok, err := brokers.GetByKey(la.Namespace + "/" + names.Broker(la.Name))
	if err != nil {
		return nil, fmt.Errorf("failed to get Broker %q: %w", names.Broker(la.Name), err)
	}
	if broker, is := found.(*eventingv1.Broker); ok && is && broker.Status.Address != nil {
		return broker.Status.Address.URL, nil
	}
	return nil, nil
}

func notForwarded(f *v1alpha1.ForwardSpec, status corev1.ConditionStatus, reason, format string, args ...any) *eventing.Trouble {
	return &eventing.Trouble{Status: status, Reason: reason, Message: fmt.Sprintf("Nothing is forwarded to agent %q in namespace %q: ", f.TargetAgent, f.TargetNamespace) +
		fmt.Sprintf(format, args...)}
}
