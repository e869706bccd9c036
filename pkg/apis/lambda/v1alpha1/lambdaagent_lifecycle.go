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
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// The conditions of a LambdaAgent, besides ConditionReady, ConditionServiceReady and ConditionEventingReady. Ready does not
// depend on them: an agent serves without its model, too, and without anybody who measures it.
const (
	// ConditionAIReady is True while the endpoint of the model answers and has the model, or the one to fall back on.
	ConditionAIReady apis.ConditionType = "AIReady"
	// ConditionMonitoringReady is True when all is there by which the agent's metrics are asked for.
	ConditionMonitoringReady apis.ConditionType = "MonitoringReady"
	// ConditionPermissionsReady is True when the API server refuses the agent's ServiceAccount what the agent may not make.
	ConditionPermissionsReady apis.ConditionType = "PermissionsReady"
)

// The reasons of a LambdaAgent's conditions, besides those that functions have too. They are part of the API: alerts and
// scripts may rely on them.
const (
	// ReasonApprovalsNotSupported : an agent of an older release wants people to approve of what it does. It is not served.
	ReasonApprovalsNotSupported = "ApprovalsNotSupported"
	// ReasonForwardNotAllowed : one of the two namespaces of a forward is not allowed by the other's agent.
	ReasonForwardNotAllowed = "ForwardNotAllowed"
	// ReasonForwardTargetNotFound : the agent that events are forwarded to is not there, or has no Broker.
	ReasonForwardTargetNotFound = "ForwardTargetNotFound"
	// ReasonCapabilityDisabled : spec.permissions or an event forbids what would be needed; the message says which.
	ReasonCapabilityDisabled = "CapabilityDisabled"
	// ReasonNotEnforced : the API server does not refuse what the agent may not make; the message says why.
	ReasonNotEnforced = "NotEnforced"
	// ReasonNoModel : the agent has no model. AIReady is True.
	ReasonNoModel = "NoModel"
	// ReasonHealthCheckDisabled : nobody looks after the endpoint of the model. AIReady is Unknown.
	ReasonHealthCheckDisabled = "HealthCheckDisabled"
	// ReasonHealthCheckPending : nobody has looked at the endpoint of the model yet.
	ReasonHealthCheckPending = "HealthCheckPending"
	// ReasonFallbackActive : the model is not there, and the one to fall back on is. AIReady is True.
	ReasonFallbackActive = "FallbackActive"
	// ReasonModelNotFound : the endpoint answers, and has no such model.
	ReasonModelNotFound = "ModelNotFound"
	// ReasonEndpointUnreachable : no connection to the endpoint of the model comes about.
	ReasonEndpointUnreachable = "EndpointUnreachable"
	// ReasonEndpointForbidden : the endpoint of the model is where health checks must not go.
	ReasonEndpointForbidden = "EndpointForbidden"
	// ReasonEndpointTimeout : the endpoint of the model does not answer in time.
	ReasonEndpointTimeout = "EndpointTimeout"
	// ReasonEndpointFailed : the endpoint of the model answers with an error, or with what cannot be understood.
	ReasonEndpointFailed = "EndpointFailed"
	// ReasonAPIKeyMissing : there is no such Secret, or it has no such key.
	ReasonAPIKeyMissing = "APIKeyMissing"
	// ReasonAPIKeyUnreadable : the endpoint asks for an API key that the operator may not read. AIReady is Unknown.
	ReasonAPIKeyUnreadable = "APIKeyUnreadable"
	// ReasonAPIKeyRejected : the endpoint of the model does not take the API key.
	ReasonAPIKeyRejected = "APIKeyRejected"
	// ReasonMonitoringDisabled : the agent does not want to be measured. MonitoringReady is True.
	ReasonMonitoringDisabled = "MonitoringDisabled"
	// ReasonMonitoringNotInstalled : the cluster has no ServiceMonitors. MonitoringReady is True.
	ReasonMonitoringNotInstalled = "MonitoringNotInstalled"
	// ReasonMonitoringRefused : Kubernetes does not take an object; the message says which and why.
	ReasonMonitoringRefused = "MonitoringRefused"
)

// agentDependents are what Ready of an agent is made of.
var agentDependents = []apis.ConditionType{ConditionServiceReady}

var agentConditions = apis.NewLivingConditionSet(agentDependents...)

// GetConditionSet implements duckv1.KRShaped.
func (*LambdaAgent) GetConditionSet() apis.ConditionSet {
	return agentConditions
}

// IsReady is true when the latest spec serves.
func (la *LambdaAgent) IsReady() bool {
	return la.Status.ObservedGeneration == la.Generation && la.Status.GetCondition(ConditionReady).IsTrue()
}

// InitializeConditions sets the conditions that are not there yet to Unknown.
func (s *LambdaAgentStatus) InitializeConditions() {
	agentConditions.Manage(s).InitializeConditions()
}

// MarkDeploying says that the Knative Service is not yet what the spec wants. It stands where making it so fails.
func (s *LambdaAgentStatus) MarkDeploying() {
	s.deployment().markRunning()
}

// MarkServiceNotOwned says that a Knative Service of the agent's name belongs to somebody else.
func (s *LambdaAgentStatus) MarkServiceNotOwned(name string) {
	s.deployment().markNotOwned(name)
}

// MarkServiceRefused says that the Knative Service cannot be made as the spec wants it.
func (s *LambdaAgentStatus) MarkServiceRefused(message string) {
	s.deployment().markRefused(message)
}

// MarkRevisionFailed says that the Revision of the present spec does not start.
func (s *LambdaAgentStatus) MarkRevisionFailed(message string) {
	s.deployment().markRevisionFailed(message)
}

// MarkRevisionHindered says what keeps the Revision of the present spec from starting, for a reason that may pass:
// ReasonUnschedulable or ReasonNotAnswering. It is Unknown until Knative gives up.
func (s *LambdaAgentStatus) MarkRevisionHindered(reason, message string) {
	s.deployment().markRevisionHindered(reason, message)
}

// Starting is true while the Service's latest Revision is that of the present spec, and is not ready: it is starting, or
// Knative says that it failed.
func (s *LambdaAgentStatus) Starting(service *servingv1.Service) bool {
	return s.deployment().starting(service)
}

// MarkApprovalsNotSupported says that the agent is not served: nobody could approve of what it does. Only what an older
// release stored can be so, since validation refuses it.
func (s *LambdaAgentStatus) MarkApprovalsNotSupported() {
	agentConditions.Manage(s).MarkFalse(ConditionServiceReady, ReasonApprovalsNotSupported,
		"Approvals are not part of this release: set spec.operationMode to agentic, in which the agent acts by itself, and remove spec.approval.")
}

// PropagateService takes over what the Knative Service says of itself. ServiceReady is True when calls reach the Revision
// of the present spec; the one before serves until then.
func (s *LambdaAgentStatus) PropagateService(service *servingv1.Service) {
	s.ServiceStatus, s.URL, s.Address = newServiceStatus(service), service.Status.URL, service.Status.Address
	s.deployment().propagateRevision(service)
	if s.GetCondition(ConditionServiceReady).IsTrue() {
		s.deployment().propagateRoute(service)
	}
}

func (s *LambdaAgentStatus) deployment() deployment {
	return deployment{agentConditions.Manage(s), ConditionServiceReady, "agent"}
}

// MarkEventing says whether events reach the agent, and others by its forwards. asked is true for an agent that has
// eventing: only then does it count for Ready.
func (s *LambdaAgentStatus) MarkEventing(asked bool, status corev1.ConditionStatus, reason, message string) {
	markEventing(agentConditions.Manage(s), asked, status, reason, message)
}

// MarkAI says whether the agent's model is there, in AIStatus too where there is one.
func (s *LambdaAgentStatus) MarkAI(status corev1.ConditionStatus, reason, message string) {
	if s.AIStatus != nil {
		s.AIStatus.Reason, s.AIStatus.Error = reason, message
		if status == corev1.ConditionTrue {
			s.AIStatus.Error = ""
		}
	}
	s.inform(ConditionAIReady, status, reason, message)
}

// MarkMonitoring says whether all is there by which the agent's metrics are asked for.
func (s *LambdaAgentStatus) MarkMonitoring(status corev1.ConditionStatus, reason, message string) {
	s.inform(ConditionMonitoringReady, status, reason, message)
}

// MarkPermissions says whether the API server refuses what the agent may not make.
func (s *LambdaAgentStatus) MarkPermissions(status corev1.ConditionStatus, reason, message string) {
	s.inform(ConditionPermissionsReady, status, reason, message)
}

// inform sets a condition that Ready does not depend on.
func (s *LambdaAgentStatus) inform(t apis.ConditionType, status corev1.ConditionStatus, reason, message string) {
	agentConditions.Manage(s).SetCondition(apis.Condition{
		Type: t, Status: status, Severity: apis.ConditionSeverityInfo, Reason: reason, Message: message,
	})
}

// Cause returns the condition that keeps the agent from being ready, or nil where none does.
func (s *LambdaAgentStatus) Cause() *apis.Condition {
	return cause(agentConditions.Manage(s), agentDependents)
}

// Summarize derives Ready and the phase from the other conditions, once all of them are set.
func (s *LambdaAgentStatus) Summarize() {
	summarize(agentConditions.Manage(s), agentDependents)
	switch ready := s.GetCondition(ConditionReady); {
	case ready.IsTrue():
		s.Phase = PhaseReady
	case ready.IsFalse():
		s.Phase = PhaseFailed
	case s.ServiceStatus == nil:
		s.Phase = PhasePending
	default:
		s.Phase = PhaseDeploying
	}
}
