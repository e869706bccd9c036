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

package v1alpha1

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// configurationOutOfDate is Knative's reason for a Configuration that has not seen the Service's last change.
const configurationOutOfDate = "OutOfDate"

// deployment tells of the Knative Service in a condition, which for functions is another one than for agents.
type deployment struct {
	manager   apis.ConditionManager
	condition apis.ConditionType
	// owner is what the Service serves, in words.
	owner string
}

func (d deployment) markRunning() {
	d.manager.MarkUnknown(d.condition, ReasonDeploying, "The Knative Service is being brought up to date.")
}

func (d deployment) markNotOwned(service string) {
	d.manager.MarkFalse(d.condition, ReasonNotOwned,
		"Knative Service %q exists and belongs to somebody else: delete it, or give the %s another name.", service, d.owner)
}

func (d deployment) markRefused(message string) {
	d.manager.MarkFalse(d.condition, ReasonServiceRefused, "%s", message)
}

func (d deployment) markRevisionFailed(message string) {
	d.manager.MarkFalse(d.condition, ReasonRevisionFailed, "%s", message)
}

func (d deployment) markRevisionHindered(reason, message string) {
	mark := d.manager.MarkUnknown
	if d.manager.GetCondition(d.condition).IsFalse() {
		mark = d.manager.MarkFalse
	}
	mark(d.condition, reason, "%s", message)
}

func (d deployment) starting(service *servingv1.Service) bool {
	told, configuration := d.manager.GetCondition(d.condition), service.Status.GetCondition(servingv1.ServiceConditionConfigurationsReady)
	return (told.IsUnknown() && told.GetReason() == ReasonDeploying || told.IsFalse() && told.GetReason() == ReasonRevisionFailed) &&
		settled(service) && !configuration.IsTrue() && configuration.GetReason() != configurationOutOfDate
}

// propagateRevision takes over what the Service says of its latest Revision.
func (d deployment) propagateRevision(service *servingv1.Service) {
	switch configuration := service.Status.GetCondition(servingv1.ServiceConditionConfigurationsReady); {
	case !settled(service) || configuration.IsUnknown():
		d.manager.MarkUnknown(d.condition, ReasonDeploying, "The new Revision is starting.")
	case configuration.IsFalse():
		d.markRevisionFailed(configuration.GetMessage())
	default:
		d.manager.MarkTrue(d.condition)
	}
}

// propagateRoute takes over what the Service says of the way that calls take.
func (d deployment) propagateRoute(service *servingv1.Service) {
	switch routes := service.Status.GetCondition(servingv1.ServiceConditionRoutesReady); {
	case routes.IsTrue():
		d.manager.MarkTrue(d.condition)
	case routes.IsFalse():
		d.manager.MarkFalse(d.condition, ReasonRouteFailed, "%s", routes.GetMessage())
	default:
		d.manager.MarkUnknown(d.condition, ReasonDeploying, "The route to the %s is being made.", d.owner)
	}
}

// settled is true for a Service whose status is that of its spec.
func settled(service *servingv1.Service) bool {
	return service.Status.ObservedGeneration == service.Generation
}

// hasAllCalls is true once Knative says that all calls go to a Revision, and not as soon as it is asked for that.
func hasAllCalls(service *servingv1.Service, revision string) bool {
	return slices.ContainsFunc(service.Status.Traffic, func(t servingv1.TrafficTarget) bool {
		return t.RevisionName == revision && ptr.Deref(t.Percent, 0) == 100
	})
}

func newServiceStatus(service *servingv1.Service) *ServiceStatus {
	status := &ServiceStatus{
		ServiceName:    service.Name,
		Ready:          settled(service) && service.Status.GetCondition(servingv1.ServiceConditionReady).IsTrue(),
		LatestRevision: service.Status.LatestReadyRevisionName,
	}
	if service.Status.URL != nil {
		status.URL = service.Status.URL.String()
	}
	return status
}

// markEventing sets EventingReady, which counts for Ready only where eventing is asked for.
func markEventing(manager apis.ConditionManager, asked bool, status corev1.ConditionStatus, reason, message string) {
	c := apis.Condition{Type: ConditionEventingReady, Status: status, Reason: reason, Message: message}
	if !asked {
		c.Severity = apis.ConditionSeverityInfo
	}
	manager.SetCondition(c)
}

// summarize derives Ready from the conditions that it is made of, once all of them are set.
func summarize(manager apis.ConditionManager, dependents []apis.ConditionType) {
	// Left to the condition set, the reason of Ready is that of the condition that changed last: of those that change
	// at once it may be another one at the next reconcile.
	if c := cause(manager, dependents); c != nil {
		manager.SetCondition(apis.Condition{Type: ConditionReady, Status: c.Status, Reason: c.Reason, Message: c.Message})
	} else if manager.GetCondition(ConditionReady) != nil {
		manager.SetCondition(apis.Condition{Type: ConditionReady, Status: corev1.ConditionTrue})
	}
}

// cause returns the first condition that is False, else the first that is Unknown, else nil. EventingReady is the last:
// what serves no calls gets no events either.
func cause(manager apis.ConditionManager, dependents []apis.ConditionType) *apis.Condition {
	for _, status := range []corev1.ConditionStatus{corev1.ConditionFalse, corev1.ConditionUnknown} {
		for _, t := range dependents {
			if c := manager.GetCondition(t); c != nil && c.Status == status {
				return c
			}
		}
		if c := manager.GetCondition(ConditionEventingReady); c != nil && c.Status == status && c.Severity == apis.ConditionSeverityError {
			return c
		}
	}
	return nil
}
