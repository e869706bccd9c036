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
	"fmt"
	"slices"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// reconcilePermissions says what the agent may not do: by its spec, or by events that have not expired.
func (r *Reconciler) reconcilePermissions(la *v1alpha1.LambdaAgent) {
	var byEvent []v1alpha1.DisabledCapability
	if before := la.Status.PermissionStatus; before != nil {
		byEvent = slices.DeleteFunc(slices.Clone(before.DisabledByEvent), func(d v1alpha1.DisabledCapability) bool {
			if d.ExpiresAt == nil {
				return false
			}
			left := d.ExpiresAt.Sub(r.clock.Now())
			r.lookAgain(la, left)
			return left <= 0
		})
	}
	if len(byEvent) == 0 {
		byEvent = nil
	}
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
	if !status.BrokerCreationDisabled && !status.TriggerCreationDisabled && !status.FunctionCreationDisabled && byEvent == nil {
		la.Status.PermissionStatus = nil
	}
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
