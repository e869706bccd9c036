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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

func newAgentStatus() *LambdaAgentStatus {
	s := &LambdaAgentStatus{}
	s.InitializeConditions()
	return s
}

// servingAgent is the status of an agent that serves.
func servingAgent() *LambdaAgentStatus {
	s := newAgentStatus()
	s.PropagateService(service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")))
	return s
}

func TestAgentIsReady(t *testing.T) {
	for _, tc := range []struct {
		name string
		la   *LambdaAgent
		want bool
	}{
		{name: "no status", la: &LambdaAgent{}},
		{name: "not yet", la: &LambdaAgent{Status: *newAgentStatus()}},
		{name: "ready", la: &LambdaAgent{Status: *servingAgent()}, want: true},
		{name: "ready before the last edit", la: &LambdaAgent{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: *servingAgent()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.la.IsReady(); got != tc.want {
				t.Errorf("IsReady() = %t, want %t", got, tc.want)
			}
		})
	}
}

// TestMarkAgents starts each time from an agent that serves.
func TestMarkAgents(t *testing.T) {
	// Messages come from others and may have a % in them.
	const foreign = "100% wrong: %s"
	for _, tc := range []struct {
		name string
		mark func(*LambdaAgentStatus)
		want map[apis.ConditionType]wantCondition
	}{{
		name: "deploying",
		mark: (*LambdaAgentStatus).MarkDeploying,
		want: map[apis.ConditionType]wantCondition{
			ConditionServiceReady: wantUnknown(ReasonDeploying, "The Knative Service is being brought up to date."),
			ConditionReady:        wantUnknown(ReasonDeploying, "The Knative Service is being brought up to date."),
		},
	}, {
		name: "not owned",
		mark: func(s *LambdaAgentStatus) { s.MarkServiceNotOwned("hello") },
		want: map[apis.ConditionType]wantCondition{
			ConditionReady: wantFalse(ReasonNotOwned, `Knative Service "hello" exists and belongs to somebody else: delete it, or give the agent another name.`),
		},
	}, {
		name: "refused",
		mark: func(s *LambdaAgentStatus) { s.MarkServiceRefused(foreign) },
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantFalse(ReasonServiceRefused, foreign)},
	}, {
		name: "Revision failed",
		mark: func(s *LambdaAgentStatus) { s.MarkRevisionFailed(foreign) },
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantFalse(ReasonRevisionFailed, foreign)},
	}, {
		name: "hindered",
		mark: func(s *LambdaAgentStatus) { s.MarkRevisionHindered(ReasonUnschedulable, foreign) },
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantUnknown(ReasonUnschedulable, foreign)},
	}, {
		name: "hindered until it failed",
		mark: func(s *LambdaAgentStatus) {
			s.MarkRevisionFailed("")
			s.MarkRevisionHindered(ReasonNotAnswering, foreign)
		},
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantFalse(ReasonNotAnswering, foreign)},
	}, {
		name: "approvals",
		mark: (*LambdaAgentStatus).MarkApprovalsNotSupported,
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantFalse(ReasonApprovalsNotSupported,
			"Approvals are not part of this release: set spec.operationMode to agentic, in which the agent acts by itself, and remove spec.approval.")},
	}, {
		name: "the model is gone",
		mark: func(s *LambdaAgentStatus) { s.MarkAI(corev1.ConditionFalse, ReasonModelNotFound, foreign) },
		want: map[apis.ConditionType]wantCondition{ConditionAIReady: wantFalse(ReasonModelNotFound, foreign), ConditionReady: wantTrue},
	}, {
		name: "nobody measures",
		mark: func(s *LambdaAgentStatus) { s.MarkMonitoring(corev1.ConditionFalse, ReasonMonitoringRefused, foreign) },
		want: map[apis.ConditionType]wantCondition{ConditionMonitoringReady: wantFalse(ReasonMonitoringRefused, foreign), ConditionReady: wantTrue},
	}, {
		name: "events that are asked for do not arrive",
		mark: func(s *LambdaAgentStatus) {
			s.MarkEventing(true, corev1.ConditionFalse, ReasonForwardNotAllowed, foreign)
		},
		want: map[apis.ConditionType]wantCondition{
			ConditionEventingReady: wantFalse(ReasonForwardNotAllowed, foreign), ConditionReady: wantFalse(ReasonForwardNotAllowed, foreign),
		},
	}, {
		name: "events are not asked for",
		mark: func(s *LambdaAgentStatus) {
			s.MarkEventing(false, corev1.ConditionFalse, ReasonBrokerNotReady, foreign)
		},
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantTrue},
	}, {
		name: "events do not arrive where nobody serves",
		mark: func(s *LambdaAgentStatus) {
			s.MarkEventing(true, corev1.ConditionFalse, ReasonBrokerNotReady, "eventing")
			s.MarkRevisionFailed("revision")
		},
		want: map[apis.ConditionType]wantCondition{ConditionReady: wantFalse(ReasonRevisionFailed, "revision")},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			s := servingAgent()
			tc.mark(s)
			s.Summarize()
			checkConditions(t, s, tc.want)
		})
	}
}

func TestMarkAITellsAIStatus(t *testing.T) {
	s := servingAgent()
	s.MarkAI(corev1.ConditionUnknown, ReasonHealthCheckPending, "wait") // There is nothing to tell it in.
	s.AIStatus = &AIStatus{Provider: AIProviderOllama}
	s.MarkAI(corev1.ConditionFalse, ReasonEndpointTimeout, "too slow")
	if diff := cmp.Diff(&AIStatus{Provider: AIProviderOllama, Reason: ReasonEndpointTimeout, Error: "too slow"}, s.AIStatus); diff != "" {
		t.Error("AIStatus (-want, +got):", diff)
	}
	s.MarkAI(corev1.ConditionTrue, ReasonFallbackActive, "another model answers")
	if diff := cmp.Diff(&AIStatus{Provider: AIProviderOllama, Reason: ReasonFallbackActive}, s.AIStatus); diff != "" {
		t.Error("AIStatus (-want, +got):", diff)
	}
	if got := s.GetCondition(ConditionAIReady).Severity; got != apis.ConditionSeverityInfo {
		t.Errorf("Severity = %q, want %q", got, apis.ConditionSeverityInfo)
	}
}

func TestPropagateAgentService(t *testing.T) {
	const foreign = "100% broken: %d"
	starting := wantUnknown(ReasonDeploying, "The new Revision is starting.")
	routing := wantUnknown(ReasonDeploying, "The route to the agent is being made.")
	for _, tc := range []struct {
		name     string
		service  *servingv1.Service
		want     wantCondition
		starting bool
	}{{
		name:     "new",
		service:  service(),
		want:     starting,
		starting: true,
	}, {
		name:    "not seen by Knative yet",
		service: service(withObservedGeneration(1), withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		want:    starting,
	}, {
		name:    "Configuration behind",
		service: service(withConfiguration(corev1.ConditionUnknown, "OutOfDate", "")),
		want:    starting,
	}, {
		name:     "Revision starting beside the one before",
		service:  service(withConfiguration(corev1.ConditionUnknown, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		want:     starting,
		starting: true,
	}, {
		name:     "Revision failed beside the one before",
		service:  service(withConfiguration(corev1.ConditionFalse, "RevisionFailed", foreign), withRoutes(corev1.ConditionTrue, "", "")),
		want:     wantFalse(ReasonRevisionFailed, foreign),
		starting: true,
	}, {
		name:    "route being made",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionUnknown, "IngressNotConfigured", foreign)),
		want:    routing,
	}, {
		name:    "route failed",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionFalse, "RevisionMissing", foreign)),
		want:    wantFalse(ReasonRouteFailed, foreign),
	}, {
		name:    "ready",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		want:    wantTrue,
	}} {
		t.Run(tc.name, func(t *testing.T) {
			s := newAgentStatus()
			s.PropagateService(tc.service)
			s.Summarize()
			checkConditions(t, s, map[apis.ConditionType]wantCondition{ConditionServiceReady: tc.want, ConditionReady: tc.want})
			if got := s.Starting(tc.service); got != tc.starting {
				t.Errorf("Starting() = %t, want %t", got, tc.starting)
			}
		})
	}
}

func TestPropagateAgentServiceFields(t *testing.T) {
	url := apis.HTTP("hello.default.example.com")
	address := &duckv1.Addressable{URL: apis.HTTP("hello.default.svc.cluster.local")}
	s := newAgentStatus()
	s.PropagateService(service(withServiceCondition(servingv1.ServiceConditionReady, corev1.ConditionTrue, "", ""), func(s *servingv1.Service) {
		s.Status.URL, s.Status.Address, s.Status.LatestReadyRevisionName = url, address, "hello-00002"
	}))
	want := &LambdaAgentStatus{
		Status:        s.Status,
		AddressStatus: duckv1.AddressStatus{Address: address},
		URL:           url,
		ServiceStatus: &ServiceStatus{ServiceName: "hello", URL: "http://hello.default.example.com", Ready: true, LatestRevision: "hello-00002"},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error("PropagateService() (-want, +got):", diff)
	}
}

func TestSummarizeAgentPhase(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status func() *LambdaAgentStatus
		want   Phase
	}{{
		name:   "no conditions",
		status: func() *LambdaAgentStatus { return &LambdaAgentStatus{} },
		want:   PhasePending,
	}, {
		name:   "new",
		status: newAgentStatus,
		want:   PhasePending,
	}, {
		name: "deploying",
		status: func() *LambdaAgentStatus {
			s := servingAgent()
			s.PropagateService(service())
			return s
		},
		want: PhaseDeploying,
	}, {
		name:   "ready",
		status: servingAgent,
		want:   PhaseReady,
	}, {
		name: "failed",
		status: func() *LambdaAgentStatus {
			s := newAgentStatus()
			s.MarkServiceRefused("")
			return s
		},
		want: PhaseFailed,
	}, {
		name: "waiting for its Broker",
		status: func() *LambdaAgentStatus {
			s := servingAgent()
			s.MarkEventing(true, corev1.ConditionUnknown, ReasonBrokerNotReady, "")
			return s
		},
		want: PhaseDeploying,
	}, {
		name: "ready without its model",
		status: func() *LambdaAgentStatus {
			s := servingAgent()
			s.MarkAI(corev1.ConditionFalse, ReasonEndpointUnreachable, "")
			return s
		},
		want: PhaseReady,
	}} {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.status()
			s.Phase = "anything"
			s.Summarize()
			if s.Phase != tc.want {
				t.Errorf("Phase = %q, want %q", s.Phase, tc.want)
			}
		})
	}
}

func TestAgentSettles(t *testing.T) {
	s := servingAgent()
	s.MarkEventing(true, corev1.ConditionTrue, "", "")
	s.MarkAI(corev1.ConditionTrue, "", "")
	s.Summarize()
	before := s.DeepCopy()
	s.PropagateService(service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")))
	s.MarkEventing(true, corev1.ConditionTrue, "", "")
	s.MarkAI(corev1.ConditionTrue, "", "")
	s.Summarize()
	if diff := cmp.Diff(before, s, cmp.Comparer(func(a, b time.Time) bool { return true })); diff != "" {
		t.Error("the same again changes the status (-before, +after):", diff)
	}
}
