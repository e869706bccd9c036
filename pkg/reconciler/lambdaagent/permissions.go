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
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/reconciler"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

var _ reconciler.OnDeletionInterface = (*Reconciler)(nil)

// bindingKind is the kind of what has the API server refuse what an agent may not make.
const bindingKind = "ValidatingAdmissionPolicyBinding"

// reconcilePermissions says what the agent may not do, and has the API server refuse it.
func (r *Reconciler) reconcilePermissions(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	unreadable := r.setPermissionStatus(la)
	err := r.reconcileBinding(ctx, la)
	var notOwned *children.NotOwnedError
	switch {
	case errors.As(err, &notOwned):
		r.lookAgain(la, serving.LookAgain)
		la.Status.MarkPermissions(corev1.ConditionFalse, v1alpha1.ReasonNotOwned, fmt.Sprintf(
			"What the agent may not make is not refused: %s %q exists and is not labelled as this agent's: delete it.", notOwned.Kind, notOwned.Name))
		return nil
	case err != nil:
		la.Status.MarkPermissions(corev1.ConditionFalse, v1alpha1.ReasonNotEnforced, "What the agent may not make is not refused: "+err.Error())
	case unreadable != nil:
		la.Status.MarkPermissions(corev1.ConditionFalse, v1alpha1.ReasonNotEnforced, fmt.Sprintf(
			"Annotation %s cannot be read: mend or remove it. What it said before holds on. %v", lambda.DisabledByEventAnnotationKey, unreadable))
	default:
		la.Status.MarkPermissions(corev1.ConditionTrue, "", "")
	}
	return err
}

// setPermissionStatus says what the agent may not do: by its spec, or by events that have not expired. Where what events have
// disabled cannot be read it is what it was before.
func (r *Reconciler) setPermissionStatus(la *v1alpha1.LambdaAgent) (unreadable error) {
	byEvent, unreadable := r.disabledByEvent(la)
	spec := la.Spec.Permissions
	if spec == nil {
		spec = &v1alpha1.PermissionsSpec{}
	}
	disabled := func(bySpec bool, c v1alpha1.Capability) bool {
		return bySpec || slices.ContainsFunc(byEvent, func(d v1alpha1.DisabledCapability) bool { return d.Capability == c })
	}
	status := &v1alpha1.PermissionStatus{
		BrokerCreationDisabled:   disabled(spec.DisableBrokerCreation, v1alpha1.CapabilityBroker),
		TriggerCreationDisabled:  disabled(spec.DisableTriggerCreation, v1alpha1.CapabilityTrigger),
		FunctionCreationDisabled: disabled(spec.DisableFunctionCreation, v1alpha1.CapabilityFunction),
		DisabledByEvent:          byEvent,
	}
	la.Status.PermissionStatus = status
	if !status.BrokerCreationDisabled && !status.TriggerCreationDisabled && !status.FunctionCreationDisabled {
		la.Status.PermissionStatus = nil
	}
	return unreadable
}

// disabledByEvent returns what events have disabled, and has the agent reconciled when the next of it expires.
func (r *Reconciler) disabledByEvent(la *v1alpha1.LambdaAgent) (now []v1alpha1.DisabledCapability, unreadable error) {
	all, err := lambda.ParseDisabled(la.Annotations[lambda.DisabledByEventAnnotationKey])
	if err != nil {
		if before := la.Status.PermissionStatus; before != nil {
			now = before.DisabledByEvent
		}
		return now, err
	}
	for i := range all {
		d := &all[i]
		if d.Expired(r.clock.Now()) {
			continue
		}
		disabled := v1alpha1.DisabledCapability{
			Capability: v1alpha1.Capability(d.Capability), DisabledBy: d.Source, EventID: d.EventID, Reason: d.Reason, DisabledAt: metav1.NewTime(d.Since),
		}
		if !d.Until.IsZero() {
			disabled.ExpiresAt = &metav1.Time{Time: d.Until}
			r.lookAgain(la, d.Until.Sub(r.clock.Now()))
		}
		now = append(now, disabled)
	}
	return now, nil
}

// reconcileBinding has the API server hold the agent's ServiceAccount to what the status says, or no longer.
func (r *Reconciler) reconcileBinding(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	if la.Status.PermissionStatus == nil {
		return r.removeBinding(ctx, la)
	}
	desired, client := resources.MakeBinding(la), r.kube.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	existing, err := r.bindings.Get(desired.Name)
	if apierrs.IsNotFound(err) {
		existing, err = children.Create(ctx, la, bindingKind, client, desired)
	}
	if err != nil {
		return err
	}
	if !isBindingOf(la, existing) {
		return &children.NotOwnedError{Kind: bindingKind, Name: desired.Name}
	}
	changed := existing.DeepCopy()
	changed.Spec = desired.Spec
	_, err = children.Update(ctx, la, bindingKind, client, existing, changed)
	return err
}

// removeBinding deletes the agent's binding, where it has one.
func (r *Reconciler) removeBinding(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	existing, err := r.bindings.Get(names.Binding(la.Namespace, la.Name))
	switch {
	case apierrs.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("failed to get %s %q: %w", bindingKind, names.Binding(la.Namespace, la.Name), err)
	case !isBindingOf(la, existing):
		return nil // It is somebody else's.
	}
	return children.Remove(ctx, la, bindingKind, r.kube.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings(), existing, nil)
}

// isBindingOf tells by its labels whether a binding was made for the agent: no owner can say so.
func isBindingOf(la *v1alpha1.LambdaAgent, binding *admissionv1.ValidatingAdmissionPolicyBinding) bool {
	return labels.SelectorFromSet(resources.BindingLabels(la)).Matches(labels.Set(binding.Labels))
}

// ObserveDeletion implements reconciler.OnDeletionInterface: an agent that is gone leaves its binding behind, which does not
// go with its namespace.
func (r *Reconciler) ObserveDeletion(ctx context.Context, agent types.NamespacedName) error {
	return r.removeBinding(ctx, &v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Namespace: agent.Namespace, Name: agent.Name}})
}

// mayNot is true for a capability that the agent does not have.
func mayNot(la *v1alpha1.LambdaAgent, c v1alpha1.Capability) bool {
	p := la.Status.PermissionStatus
	return p != nil && (c == v1alpha1.CapabilityBroker && p.BrokerCreationDisabled ||
		c == v1alpha1.CapabilityTrigger && p.TriggerCreationDisabled)
}

// disabledBy says who has taken a capability away, as the end of a sentence.
func disabledBy(la *v1alpha1.LambdaAgent, c v1alpha1.Capability, field string) string {
	for _, d := range la.Status.PermissionStatus.DisabledByEvent {
		if d.Capability == c {
			return fmt.Sprintf("an event from %q has disabled it: enable it by another event, or wait until that expires.", d.DisabledBy)
		}
	}
	return "spec.permissions." + field + " disables it: set it to false, or remove what needs it from spec.eventing."
}
