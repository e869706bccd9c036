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
	apistest "knative.dev/pkg/apis/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// wantCondition is what a condition should say.
type wantCondition struct {
	status          corev1.ConditionStatus
	reason, message string
}

var wantTrue = wantCondition{status: corev1.ConditionTrue}

func wantFalse(reason, message string) wantCondition {
	return wantCondition{corev1.ConditionFalse, reason, message}
}

func wantUnknown(reason, message string) wantCondition {
	return wantCondition{corev1.ConditionUnknown, reason, message}
}

func checkConditions(t *testing.T, s apis.ConditionAccessor, want map[apis.ConditionType]wantCondition) {
	t.Helper()
	for conditionType, want := range want {
		if err := apistest.CheckCondition(s, conditionType, want.status); err != nil {
			t.Error(err)
			continue
		}
		got := s.GetCondition(conditionType)
		if diff := cmp.Diff(want, wantCondition{got.Status, got.Reason, got.Message}, cmp.AllowUnexported(wantCondition{})); diff != "" {
			t.Errorf("%s (-want, +got): %s", conditionType, diff)
		}
	}
}

func initialized() *LambdaFunctionStatus {
	s := &LambdaFunctionStatus{}
	s.InitializeConditions()
	return s
}

// serving is the status of a function all of whose conditions are True.
func serving() *LambdaFunctionStatus {
	s := initialized()
	s.MarkSourceReady()
	s.BeginBuild("key", "hello-key", nil)
	s.MarkBuildReady()
	s.PropagateService(service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")), true)
	return s
}

type serviceOption func(*servingv1.Service)

func service(options ...serviceOption) *servingv1.Service {
	s := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Name: "hello", Generation: 2}}
	s.Status.ObservedGeneration = 2
	for _, option := range options {
		option(s)
	}
	return s
}

func withServiceCondition(conditionType apis.ConditionType, status corev1.ConditionStatus, reason, message string) serviceOption {
	return func(s *servingv1.Service) {
		s.Status.Conditions = append(s.Status.Conditions,
			apis.Condition{Type: conditionType, Status: status, Reason: reason, Message: message})
	}
}

func withConfiguration(status corev1.ConditionStatus, reason, message string) serviceOption {
	return withServiceCondition(servingv1.ServiceConditionConfigurationsReady, status, reason, message)
}

func withRoutes(status corev1.ConditionStatus, reason, message string) serviceOption {
	return withServiceCondition(servingv1.ServiceConditionRoutesReady, status, reason, message)
}

func rolledBackTo(revision string) serviceOption {
	return func(s *servingv1.Service) { s.Annotations = map[string]string{lambda.RollbackAnnotationKey: revision} }
}

func withTraffic(revision string, percent int64) serviceOption {
	return func(s *servingv1.Service) {
		s.Status.Traffic = []servingv1.TrafficTarget{{RevisionName: revision, Percent: &percent}}
	}
}

func withObservedGeneration(generation int64) serviceOption {
	return func(s *servingv1.Service) { s.Status.ObservedGeneration = generation }
}

func TestInitializeConditions(t *testing.T) {
	s := initialized()
	for _, conditionType := range []apis.ConditionType{
		ConditionReady, ConditionSourceReady, ConditionBuildReady, ConditionDeployReady, ConditionServiceReady,
	} {
		apistest.CheckConditionOngoing(s, conditionType, t)
	}
	if got, want := len(s.Conditions), 5; got != want {
		t.Errorf("%d conditions, want %d: %v", got, want, s.Conditions)
	}
}

func TestAllTrueIsReady(t *testing.T) {
	s := serving()
	for _, conditionType := range []apis.ConditionType{
		ConditionReady, ConditionSourceReady, ConditionBuildReady, ConditionDeployReady, ConditionServiceReady,
	} {
		apistest.CheckConditionSucceeded(s, conditionType, t)
	}
}

// TestMark starts each time from a function that serves.
func TestMark(t *testing.T) {
	// Messages come from others and may have a % in them.
	const foreign = "100% wrong: %s"
	for _, tc := range []struct {
		name string
		mark func(*LambdaFunctionStatus)
		want map[apis.ConditionType]wantCondition
	}{{
		name: "source ready",
		mark: (*LambdaFunctionStatus).MarkSourceReady,
		want: map[apis.ConditionType]wantCondition{ConditionSourceReady: wantTrue, ConditionReady: wantTrue},
	}, {
		name: "source failed",
		mark: func(s *LambdaFunctionStatus) { s.MarkSourceFailed(ReasonSourceInvalid, foreign) },
		want: map[apis.ConditionType]wantCondition{
			ConditionSourceReady: wantFalse(ReasonSourceInvalid, foreign),
			ConditionBuildReady:  wantUnknown(ReasonSourceInvalid, "Without a source that can be built there is no build."),
			ConditionReady:       wantFalse(ReasonSourceInvalid, foreign),
		},
	}, {
		name: "registry not configured",
		mark: (*LambdaFunctionStatus).MarkBuildRegistryNotConfigured,
		want: map[apis.ConditionType]wantCondition{
			ConditionBuildReady: wantFalse(ReasonRegistryNotConfigured,
				"There is no registry to push the image to: set spec.build.registry, or registry in ConfigMap config-build."),
			ConditionReady: wantFalse(ReasonRegistryNotConfigured,
				"There is no registry to push the image to: set spec.build.registry, or registry in ConfigMap config-build."),
		},
	}, {
		name: "build not owned",
		mark: func(s *LambdaFunctionStatus) { s.MarkBuildNotOwned("TaskRun", "hello-key") },
		want: map[apis.ConditionType]wantCondition{
			ConditionBuildReady: wantFalse(ReasonNotOwned, `TaskRun "hello-key" exists and belongs to somebody else: delete or rename it.`),
			ConditionReady:      wantFalse(ReasonNotOwned, `TaskRun "hello-key" exists and belongs to somebody else: delete or rename it.`),
		},
	}, {
		name: "build running",
		mark: func(s *LambdaFunctionStatus) { s.MarkBuildRunning(ReasonBuildRunning, foreign) },
		want: map[apis.ConditionType]wantCondition{
			ConditionBuildReady: wantUnknown(ReasonBuildRunning, foreign),
			ConditionReady:      wantUnknown(ReasonBuildRunning, foreign),
		},
	}, {
		name: "build failed",
		mark: func(s *LambdaFunctionStatus) { s.MarkBuildFailed(ReasonBuildFailed, foreign) },
		want: map[apis.ConditionType]wantCondition{
			ConditionBuildReady: wantFalse(ReasonBuildFailed, foreign),
			ConditionReady:      wantFalse(ReasonBuildFailed, foreign),
		},
	}, {
		name: "build ready",
		mark: (*LambdaFunctionStatus).MarkBuildReady,
		want: map[apis.ConditionType]wantCondition{ConditionBuildReady: wantTrue, ConditionReady: wantTrue},
	}, {
		name: "waiting for build",
		mark: (*LambdaFunctionStatus).MarkWaitingForBuild,
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady:  wantUnknown(ReasonWaitingForBuild, "The first image is not built yet."),
			ConditionServiceReady: wantUnknown(ReasonWaitingForBuild, "The first image is not built yet."),
			ConditionReady:        wantUnknown(ReasonWaitingForBuild, "The first image is not built yet."),
		},
	}, {
		name: "service not owned",
		mark: func(s *LambdaFunctionStatus) { s.MarkServiceNotOwned("hello") },
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady: wantFalse(ReasonNotOwned,
				`Knative Service "hello" exists and belongs to somebody else: delete it, or give the function another name.`),
			ConditionReady: wantFalse(ReasonNotOwned,
				`Knative Service "hello" exists and belongs to somebody else: delete it, or give the function another name.`),
		},
	}, {
		name: "service refused",
		mark: func(s *LambdaFunctionStatus) { s.MarkServiceRefused(foreign) },
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady: wantFalse(ReasonServiceRefused, foreign),
			ConditionReady:       wantFalse(ReasonServiceRefused, foreign),
		},
	}, {
		name: "deploying",
		mark: (*LambdaFunctionStatus).MarkDeploying,
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady: wantUnknown(ReasonDeploying, "The Knative Service is being brought up to date."),
			ConditionReady:       wantUnknown(ReasonDeploying, "The Knative Service is being brought up to date."),
		},
	}, {
		name: "revision waiting",
		mark: func(s *LambdaFunctionStatus) { s.MarkRevisionHindered(ReasonUnschedulable, foreign) },
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady: wantUnknown(ReasonUnschedulable, foreign),
			ConditionReady:       wantUnknown(ReasonUnschedulable, foreign),
		},
	}, {
		name: "revision waiting, and Knative has given up",
		mark: func(s *LambdaFunctionStatus) {
			s.MarkRevisionFailed("")
			s.MarkRevisionHindered(ReasonUnschedulable, foreign)
		},
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady: wantFalse(ReasonUnschedulable, foreign),
			ConditionReady:       wantFalse(ReasonUnschedulable, foreign),
		},
	}, {
		name: "revision failed",
		mark: func(s *LambdaFunctionStatus) { s.MarkRevisionFailed(foreign) },
		want: map[apis.ConditionType]wantCondition{
			ConditionDeployReady: wantFalse(ReasonRevisionFailed, foreign),
			ConditionReady:       wantFalse(ReasonRevisionFailed, foreign),
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			s := serving()
			tc.mark(s)
			checkConditions(t, s, tc.want)
		})
	}
}

func TestMarkBuildFailedTellsBuildStatus(t *testing.T) {
	s := serving()
	s.MarkBuildFailed(ReasonBuildTimeout, "too long")
	want := &BuildStatus{JobName: "hello-key", Key: "key", Reason: ReasonBuildTimeout, Error: "too long"}
	if diff := cmp.Diff(want, s.BuildStatus); diff != "" {
		t.Error("BuildStatus (-want, +got):", diff)
	}
}

func TestPropagateServiceConditions(t *testing.T) {
	const foreign = "100% broken: %d"
	starting := wantUnknown(ReasonDeploying, "The new Revision is starting.")
	routing := wantUnknown(ReasonDeploying, "The route to the function is being made.")
	for _, tc := range []struct {
		name     string
		service  *servingv1.Service
		building bool
		deploy   wantCondition
		serve    wantCondition
		starting bool
	}{{
		name:     "new",
		service:  service(),
		deploy:   starting,
		serve:    routing,
		starting: true,
	}, {
		name:    "not seen by Knative yet",
		service: service(withObservedGeneration(1), withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		deploy:  starting,
		serve:   wantTrue,
	}, {
		name:    "failed before, and the change not seen by Knative yet",
		service: service(withObservedGeneration(1), withConfiguration(corev1.ConditionFalse, "RevisionFailed", foreign)),
		deploy:  starting,
		serve:   routing,
	}, {
		name:    "Configuration behind",
		service: service(withConfiguration(corev1.ConditionUnknown, "OutOfDate", "")),
		deploy:  starting,
		serve:   routing,
	}, {
		name:     "Revision starting beside the one before",
		service:  service(withConfiguration(corev1.ConditionUnknown, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		deploy:   starting,
		serve:    wantTrue,
		starting: true,
	}, {
		name:     "Revision failed beside the one before",
		service:  service(withConfiguration(corev1.ConditionFalse, "RevisionFailed", foreign), withRoutes(corev1.ConditionTrue, "", "")),
		deploy:   wantFalse(ReasonRevisionFailed, foreign),
		serve:    wantTrue,
		starting: true,
	}, {
		name:    "route being made",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionUnknown, "IngressNotConfigured", foreign)),
		deploy:  wantTrue,
		serve:   routing,
	}, {
		name:    "route failed",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionFalse, "RevisionMissing", foreign)),
		deploy:  wantTrue,
		serve:   wantFalse(ReasonRouteFailed, foreign),
	}, {
		name:    "ready",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		deploy:  wantTrue,
		serve:   wantTrue,
	}, {
		name: "rolling back",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", ""), rolledBackTo("hello-00001"),
			withTraffic("hello-00002", 100)),
		deploy: wantTrue,
		serve:  wantTrue,
	}, {
		name: "rolled back",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", ""), rolledBackTo("hello-00001"),
			withTraffic("hello-00001", 100)),
		deploy: wantTrue,
		serve:  wantCondition{corev1.ConditionTrue, ReasonRolledBack, `Revision "hello-00001" has all calls until the spec changes.`},
	}, {
		name: "rolled back, and the route fails",
		service: service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionFalse, "", foreign), rolledBackTo("hello-00001"),
			withTraffic("hello-00001", 100)),
		deploy: wantTrue,
		serve:  wantFalse(ReasonRouteFailed, foreign),
	}, {
		name:     "ready with the image before",
		service:  service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionTrue, "", "")),
		building: true,
		deploy:   wantUnknown(ReasonWaitingForBuild, "The image of the present spec is not built; the Knative Service keeps the one before."),
		serve:    wantTrue,
	}, {
		name:     "failed with the image before",
		service:  service(withConfiguration(corev1.ConditionFalse, "RevisionFailed", foreign), withRoutes(corev1.ConditionFalse, "", foreign)),
		building: true,
		deploy:   wantUnknown(ReasonWaitingForBuild, "The image of the present spec is not built; the Knative Service keeps the one before."),
		serve:    wantFalse(ReasonRouteFailed, foreign),
	}} {
		t.Run(tc.name, func(t *testing.T) {
			s := initialized()
			s.PropagateService(tc.service, !tc.building)
			checkConditions(t, s, map[apis.ConditionType]wantCondition{
				ConditionDeployReady: tc.deploy, ConditionServiceReady: tc.serve,
			})
			if got := s.Starting(tc.service); got != tc.starting {
				t.Errorf("Starting() = %t, want %t", got, tc.starting)
			}
		})
	}
}

func TestPropagateServiceFields(t *testing.T) {
	url := apis.HTTP("hello.default.example.com")
	address := &duckv1.Addressable{URL: apis.HTTP("hello.default.svc.cluster.local")}
	withFields := func(s *servingv1.Service) {
		s.Status.URL, s.Status.Address, s.Status.LatestReadyRevisionName = url, address, "hello-00002"
	}
	ready := withServiceCondition(servingv1.ServiceConditionReady, corev1.ConditionTrue, "", "")
	for _, tc := range []struct {
		name    string
		service *servingv1.Service
		want    LambdaFunctionStatus
	}{{
		name:    "new",
		service: service(),
		want:    LambdaFunctionStatus{ServiceStatus: &ServiceStatus{ServiceName: "hello"}},
	}, {
		name:    "ready",
		service: service(withFields, ready),
		want: LambdaFunctionStatus{
			AddressStatus: duckv1.AddressStatus{Address: address},
			URL:           url,
			ServiceStatus: &ServiceStatus{
				ServiceName: "hello", URL: "http://hello.default.example.com", Ready: true, LatestRevision: "hello-00002",
			},
		},
	}, {
		name:    "ready before a change that Knative has not seen",
		service: service(withFields, ready, withObservedGeneration(1)),
		want: LambdaFunctionStatus{
			AddressStatus: duckv1.AddressStatus{Address: address},
			URL:           url,
			ServiceStatus: &ServiceStatus{
				ServiceName: "hello", URL: "http://hello.default.example.com", LatestRevision: "hello-00002",
			},
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			got := serving()
			got.PropagateService(tc.service, true)
			tc.want.Status, tc.want.BuildStatus = got.Status, got.BuildStatus
			if diff := cmp.Diff(&tc.want, got); diff != "" {
				t.Error("PropagateService() (-want, +got):", diff)
			}
		})
	}
}

func TestIsReady(t *testing.T) {
	for _, tc := range []struct {
		name string
		fn   *LambdaFunction
		want bool
	}{
		{name: "no status", fn: &LambdaFunction{}},
		{name: "not yet", fn: &LambdaFunction{Status: *initialized()}},
		{name: "ready", fn: &LambdaFunction{Status: *serving()}, want: true},
		{name: "ready before the last edit", fn: &LambdaFunction{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: *serving()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.fn.IsReady(); got != tc.want {
				t.Errorf("IsReady() = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestSummarizePhase(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status func() *LambdaFunctionStatus
		want   Phase
	}{{
		name:   "no conditions",
		status: func() *LambdaFunctionStatus { return &LambdaFunctionStatus{} },
		want:   PhasePending,
	}, {
		name:   "new",
		status: initialized,
		want:   PhasePending,
	}, {
		name: "building for the first time",
		status: func() *LambdaFunctionStatus {
			s := initialized()
			s.MarkSourceReady()
			s.MarkBuildRunning(ReasonBuildRunning, "")
			s.MarkWaitingForBuild()
			return s
		},
		want: PhaseBuilding,
	}, {
		name: "building while the image before serves",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkBuildRunning(ReasonBuildRunning, "")
			s.PropagateService(service(withRoutes(corev1.ConditionTrue, "", "")), false)
			return s
		},
		want: PhaseBuilding,
	}, {
		name: "deploying",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.PropagateService(service(), true)
			return s
		},
		want: PhaseDeploying,
	}, {
		name:   "ready",
		status: serving,
		want:   PhaseReady,
	}, {
		name: "source failed",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkSourceFailed(ReasonVersionNotOffered, "")
			return s
		},
		want: PhaseFailed,
	}, {
		name: "build failed",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkBuildFailed(ReasonBuildFailed, "")
			return s
		},
		want: PhaseFailed,
	}, {
		name: "revision failed",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkRevisionFailed("")
			return s
		},
		want: PhaseFailed,
	}, {
		name: "failed, and then the cause is gone",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkSourceFailed(ReasonSourceInvalid, "")
			s.MarkSourceReady()
			s.MarkBuildReady()
			return s
		},
		want: PhaseReady,
	}, {
		name: "serving, and the events that are asked for do not reach it",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkEventing(true, corev1.ConditionFalse, ReasonBrokerNotFound, "")
			return s
		},
		want: PhaseFailed,
	}, {
		name: "serving, and the events that are asked for do not reach it yet",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkEventing(true, corev1.ConditionUnknown, ReasonBrokerNotReady, "")
			return s
		},
		want: PhaseDeploying,
	}, {
		name: "serving, and events that are not asked for do not reach it",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkEventing(false, corev1.ConditionFalse, ReasonBrokerNotReady, "")
			return s
		},
		want: PhaseReady,
	}, {
		name: "events reach it again",
		status: func() *LambdaFunctionStatus {
			s := serving()
			s.MarkEventing(true, corev1.ConditionFalse, ReasonBrokerNotFound, "")
			s.Summarize()
			s.MarkEventing(true, corev1.ConditionTrue, "", "")
			return s
		},
		want: PhaseReady,
	}, {
		name: "nothing is known of a function without events",
		status: func() *LambdaFunctionStatus {
			s := initialized()
			s.MarkEventing(false, corev1.ConditionTrue, ReasonEventingNotInstalled, "")
			return s
		},
		want: PhasePending,
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

// TestSummarizeReady holds that Ready does not depend on which condition changed last.
func TestSummarizeReady(t *testing.T) {
	marks := map[string]func(*LambdaFunctionStatus){
		"source failed":     func(s *LambdaFunctionStatus) { s.MarkSourceFailed(ReasonSourceInvalid, "source") },
		"build running":     func(s *LambdaFunctionStatus) { s.MarkBuildRunning(ReasonBuildRunning, "build") },
		"build failed":      func(s *LambdaFunctionStatus) { s.MarkBuildFailed(ReasonBuildFailed, "build") },
		"waiting for build": (*LambdaFunctionStatus).MarkWaitingForBuild,
		"revision failed":   func(s *LambdaFunctionStatus) { s.MarkRevisionFailed("revision") },
		"eventing failed": func(s *LambdaFunctionStatus) {
			s.MarkEventing(true, corev1.ConditionFalse, ReasonBrokerNotFound, "eventing")
		},
		"route failed": func(s *LambdaFunctionStatus) {
			s.PropagateService(service(withConfiguration(corev1.ConditionTrue, "", ""), withRoutes(corev1.ConditionFalse, "", "route")), true)
		},
	}
	for _, tc := range []struct {
		first, second string
		want          wantCondition
	}{
		{first: "source failed", second: "revision failed", want: wantFalse(ReasonSourceInvalid, "source")},
		{first: "build running", second: "waiting for build", want: wantUnknown(ReasonBuildRunning, "build")},
		{first: "build running", second: "revision failed", want: wantFalse(ReasonRevisionFailed, "revision")},
		{first: "build failed", second: "waiting for build", want: wantFalse(ReasonBuildFailed, "build")},
		{first: "build running", second: "eventing failed", want: wantFalse(ReasonBrokerNotFound, "eventing")},
		{first: "revision failed", second: "eventing failed", want: wantFalse(ReasonRevisionFailed, "revision")},
		{first: "build failed", second: "route failed", want: wantFalse(ReasonBuildFailed, "build")},
	} {
		for _, order := range [][]string{{tc.first, tc.second}, {tc.second, tc.first}} {
			t.Run(order[0]+", then "+order[1], func(t *testing.T) {
				s := serving()
				for _, mark := range order {
					marks[mark](s)
				}
				s.Summarize()
				checkConditions(t, s, map[apis.ConditionType]wantCondition{ConditionReady: tc.want})
			})
		}
	}
}

func TestBuilt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		build *BuildStatus
		want  bool
	}{
		{name: "no build"},
		{name: "not ended", build: &BuildStatus{Key: "key"}},
		{name: "of another key", build: &BuildStatus{Key: "other", ImageURI: "image"}},
		{name: "built", build: &BuildStatus{Key: "key", ImageURI: "image"}, want: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &LambdaFunctionStatus{BuildStatus: tc.build}
			if got := s.Built("key"); got != tc.want {
				t.Errorf("Built() = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestBeginBuild(t *testing.T) {
	began, ended := metav1.NewTime(time.Unix(60, 0)), metav1.NewTime(time.Unix(120, 0))
	old := &BuildStatus{
		JobName: "hello-old", Key: "old", ImageURI: "image", SourceRevision: "sha256:1",
		StartedAt: &ended, CompletedAt: &ended, Reason: ReasonBuildFailed, Error: "failed",
	}
	for _, tc := range []struct {
		name, key, taskRun string
		build, want        *BuildStatus
	}{{
		name: "the first", key: "new", taskRun: "hello-new",
		want: &BuildStatus{Key: "new", JobName: "hello-new", StartedAt: &began},
	}, {
		name: "another", key: "new", taskRun: "hello-new", build: old,
		want: &BuildStatus{Key: "new", JobName: "hello-new", StartedAt: &began},
	}, {
		name: "the same", key: "old", taskRun: "hello-old", build: old,
		want: &BuildStatus{
			Key: "old", JobName: "hello-old", StartedAt: &began, ImageURI: "image", SourceRevision: "sha256:1",
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			s := &LambdaFunctionStatus{BuildStatus: tc.build.DeepCopy()}
			s.BeginBuild(tc.key, tc.taskRun, &began)
			if diff := cmp.Diff(tc.want, s.BuildStatus); diff != "" {
				t.Error("BeginBuild() (-want, +got):", diff)
			}
		})
	}
}

// TestCause holds that the condition is told that Ready has its reason from.
func TestCause(t *testing.T) {
	s := serving()
	if c := s.Cause(); c != nil {
		t.Errorf("Cause() of what is ready = %+v", c)
	}
	s.MarkEventing(true, corev1.ConditionFalse, ReasonBrokerNotFound, "")
	s.MarkDeploying()
	if c := s.Cause(); c == nil || c.Type != ConditionEventingReady {
		t.Errorf("Cause() = %+v, want %s, which is False", c, ConditionEventingReady)
	}
	s.MarkSourceFailed(ReasonSourceInvalid, "")
	if c := s.Cause(); c == nil || c.Type != ConditionSourceReady {
		t.Errorf("Cause() = %+v, want %s, which comes first", c, ConditionSourceReady)
	}
	la := &LambdaAgentStatus{}
	la.MarkAI(corev1.ConditionFalse, ReasonModelNotFound, "")
	if c := la.Cause(); c != nil {
		t.Errorf("Cause() of an agent without its model = %+v", c)
	}
	la.MarkApprovalsNotSupported()
	if c := la.Cause(); c == nil || c.Type != ConditionServiceReady {
		t.Errorf("Cause() of an agent = %+v, want %s", c, ConditionServiceReady)
	}
}
