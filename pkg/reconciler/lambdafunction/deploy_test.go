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
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgotesting "k8s.io/client-go/testing"
	"knative.dev/pkg/ptr"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const (
	denied  = "admission webhook denied the request: 100% wrong"
	tooLong = "admission webhook denied the request: validation failed: expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds"
)

// deployRows are about making the Knative Service what the function wants.
func deployRows() rtesting.TableTest {
	return slices.Concat(createRows(), updateRows(), readyImageRows())
}

// readyImageRows are about an image that was there already.
func readyImageRows() rtesting.TableTest {
	image := WithSource(v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Repository: "ghcr.io/acme/server", Tag: "v1"}})
	fn := function(image)
	service := func(changes ...ServiceOption) *servingv1.Service {
		return Change(resources.MakeService(fn, "ghcr.io/acme/server:v1", cluster), changes...)
	}
	// What a function was built with before it got the image.
	before := function(deployed(WithServiceReady))
	updated := serviceOf(before, WithServiceReady)
	resources.ApplyService(updated, fn, "ghcr.io/acme/server:v1", cluster)
	return rtesting.TableTest{{
		Name:              "ready image",
		Key:               key,
		Objects:           []runtime.Object{fn},
		WantCreates:       []runtime.Object{service()},
		WantEvents:        []string{normal("Created", "Created Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(image, WithObserved(1), WithNothingToBuild, WithService(service(), true), summarized)),
	}, {
		Name: "ready image that serves",
		Key:  key,
		Objects: []runtime.Object{
			service(WithServiceReady), function(image, WithObserved(1), WithNothingToBuild, WithService(service(WithServiceReady), true), summarized),
		},
	}, {
		Name:              "ready image in place of a build that runs",
		Key:               key,
		Objects:           []runtime.Object{function(image), planOf(before), taskRunOf(before, running), serviceOf(before, WithServiceReady)},
		WantPatches:       []clientgotesting.PatchActionImpl{cancellation(taskRunName(before))},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: updated}},
		WantEvents:        []string{normal("Updated", "Updated Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(image, WithObserved(1), WithNothingToBuild, WithService(updated, true), summarized)),
	}}
}

// createRows begin with an image, and no Knative Service that the informer has seen.
func createRows() rtesting.TableTest {
	fn := function(built)
	creates, created := []runtime.Object{serviceOf(fn)}, []string{normal("Created", "Created Knative Service %q", "hello")}
	notOwned := statusUpdate(function(built, WithServiceNotOwned("hello"), summarized))
	notOwnedEvent := []string{warning("InternalError", "LambdaFunction %q does not own Knative Service %q", "hello", "hello")}
	rows := rtesting.TableTest{{
		Name:              "first create",
		Key:               key,
		Objects:           []runtime.Object{fn},
		WantCreates:       creates,
		WantEvents:        created,
		WantStatusUpdates: statusUpdate(function(deployed())),
	}, {
		Name:              "deleted by somebody",
		Key:               key,
		Objects:           []runtime.Object{function(deployed(WithServiceReady))},
		WantCreates:       creates,
		WantEvents:        created,
		WantStatusUpdates: statusUpdate(function(deployed())),
	}, {
		Name: "deleted by somebody while another image is built",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, deployed(WithServiceReady), edited(codeB)), planOf(function(codeB)), taskRunOf(function(codeB), running),
		},
		WantStatusUpdates: statusUpdate(function(edited(codeB), building(v1alpha1.ReasonBuildRunning, goingOn), startedAt(began))),
	}, {
		Name:         "cannot be created",
		Key:          key,
		Objects:      []runtime.Object{fn},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("create", "services")},
		WantErr:      true,
		WantCreates:  creates,
		WantEvents: []string{
			warning("CreationFailed", "Failed to create Knative Service %q: inducing failure for create services", "hello"),
			warning("InternalError", "failed to create Knative Service %q: inducing failure for create services", "hello"),
		},
		WantStatusUpdates: statusUpdate(function(built, WithDeploying, summarized)),
	}, {
		Name:         "in a namespace that is being deleted",
		Key:          key,
		Objects:      []runtime.Object{fn},
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "services", terminating())},
		WantErr:      true, // one that says to leave it
		WantCreates:  creates,
		WantEvents: []string{
			warning("CreationFailed", "Failed to create Knative Service %q: %v", "hello", terminating()),
		},
		WantStatusUpdates: statusUpdate(function(built, WithDeploying, summarized)),
	}, {
		Name:         "that is there cannot be read",
		Key:          key,
		Objects:      []runtime.Object{fn, serviceOf(fn, WithoutLabels)},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("get", "services")},
		WantErr:      true,
		WantCreates:  creates,
		WantEvents: []string{
			warning("InternalError", "failed to get Knative Service %q: inducing failure for get services", "hello"),
		},
		WantStatusUpdates: statusUpdate(function(built, WithDeploying, summarized)),
	}, {
		Name:              "that lost its label gets it back",
		Key:               key,
		Objects:           []runtime.Object{fn, serviceOf(fn, WithoutLabels, WithServiceReady)},
		WantCreates:       creates,
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: serviceOf(fn, WithServiceReady)}},
		WantEvents:        []string{normal("Updated", "Updated Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady))),
	}, {
		Name:              "that is somebody else's, and that the informer does not see",
		Key:               key,
		Objects:           []runtime.Object{fn, serviceOf(fn, WithoutLabels, WithoutOwner)},
		WantErr:           true,
		WantCreates:       creates,
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}, {
		Name:              "that is somebody else's",
		Key:               key,
		Objects:           []runtime.Object{fn, serviceOf(fn, WithoutOwner)},
		WantErr:           true,
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}, {
		Name: "that is somebody else's, and the first image is not built",
		Key:  key,
		Objects: []runtime.Object{
			function(), planOf(function()), taskRunOf(function(), running), serviceOf(function(), WithoutOwner),
		},
		WantErr:    true,
		WantEvents: notOwnedEvent,
		WantStatusUpdates: statusUpdate(function(begun, startedAt(began), WithBuildRunning(v1alpha1.ReasonBuildRunning,
			fmt.Sprintf(goingOn, taskRunName(function()))), WithServiceNotOwned("hello"), summarized)),
	}}
	resource := schema.GroupKind{Group: "serving.knative.dev", Kind: "Service"}
	for name, err := range map[string]error{
		"refused by Knative":    apierrs.NewBadRequest(denied),
		"refused by the schema": apierrs.NewInvalid(resource, "hello", nil),
		"refused by a quota":    apierrs.NewForbidden(schema.GroupResource{Resource: "services"}, "hello", errors.New("quota")),
	} {
		rows = append(rows, rtesting.TableRow{
			Name:         name,
			Key:          key,
			Objects:      []runtime.Object{fn},
			WithReactors: []clientgotesting.ReactionFunc{refuse("create", "services", err)},
			WantErr:      true,
			WantCreates:  creates,
			WantEvents: []string{
				warning("CreationFailed", "Failed to create Knative Service %q: %v", "hello", err),
				warning("InternalError", "failed to create Knative Service %q: %v", "hello", err),
			},
			WantStatusUpdates: statusUpdate(function(built,
				WithServiceRefused(fmt.Sprintf("failed to create Knative Service %q: %v", "hello", err)), summarized)),
		})
	}
	return rows
}

// updateRows begin with a Knative Service.
func updateRows() rtesting.TableTest {
	settled := deployed(WithServiceDefaults, WithServiceReady)
	service := func(changes ...ServiceOption) *servingv1.Service {
		return Change(serviceOf(function(), WithServiceDefaults, WithServiceReady), changes...)
	}
	updated := []string{normal("Updated", "Updated Knative Service %q", "hello")}
	foreign := func(s *servingv1.Service) {
		s.Labels["team"], s.Annotations = "a", map[string]string{"serving.knative.dev/creator": "me"}
		s.Spec.Template.Annotations["sidecar.istio.io/inject"] = "false"
		s.Spec.Traffic = []servingv1.TrafficTarget{{RevisionName: "hello-00001", Percent: ptr.Int64(100)}}
	}
	drifted := func(s *servingv1.Service) {
		s.Labels["lambda.knative.io/function"] = "other"
		s.Spec.Template.Annotations["autoscaling.knative.dev/max-scale"] = "1000"
		s.Spec.Template.Spec.Containers[0].Image = "registry.example.com/evil"
		s.Spec.Template.Spec.Containers[0].SecurityContext = nil
	}
	oldService := serviceOf(function(codeA), WithServiceReady)
	newImage := serviceOf(function(codeB), WithServiceReady)
	editedToB := function(codeA, deployed(WithServiceReady), edited(codeB))
	return rtesting.TableTest{{
		Name:    "steady state, with Knative's defaults",
		Key:     key,
		Objects: []runtime.Object{function(settled), service(), planOf(function()), taskRunOf(function(), succeeded)},
	}, {
		Name:    "what is foreign stays",
		Key:     key,
		Objects: []runtime.Object{function(settled), service(foreign)},
	}, {
		Name:        "drift is repaired, and what is foreign stays",
		Key:         key,
		Objects:     []runtime.Object{function(settled), service(foreign, drifted, withFunctionLabel)},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: service(foreign)}},
		WantEvents:  updated,
	}, {
		Name:         "drift cannot be repaired",
		Key:          key,
		Objects:      []runtime.Object{function(settled), service(drifted, withFunctionLabel)},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("update", "services")},
		WantErr:      true,
		WantUpdates:  []clientgotesting.UpdateActionImpl{{Object: service()}},
		WantEvents: []string{
			warning("InternalError", "failed to update Knative Service %q: inducing failure for update services", "hello"),
		},
		WantStatusUpdates: statusUpdate(function(settled, WithDeploying, summarized)),
	}, {
		Name: "another setting is another Revision of the same image",
		Key:  key,
		Objects: []runtime.Object{
			function(settled, edited(WithEnv("A", "1"))), service(),
		},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: Change(
			serviceOf(function(WithEnv("A", "1")), WithServiceDefaults, WithServiceReady))}},
		WantEvents:        updated,
		WantStatusUpdates: statusUpdate(function(settled, edited(WithEnv("A", "1")), deployed(WithServiceReady))),
	}, {
		Name: "refused by Knative",
		Key:  key,
		Objects: []runtime.Object{
			function(settled, edited(WithTimeoutSeconds(601))), service(),
		},
		WantErr: true,
		WantUpdates: []clientgotesting.UpdateActionImpl{{
			Object: serviceOf(function(WithTimeoutSeconds(601)), WithServiceDefaults, WithServiceReady),
		}},
		WantEvents: []string{warning("InternalError", "failed to update Knative Service %q: %s", "hello", tooLong)},
		WantStatusUpdates: statusUpdate(function(settled, edited(WithTimeoutSeconds(601)), WithObserved(2),
			WithServiceRefused(fmt.Sprintf("failed to update Knative Service %q: %s", "hello", tooLong)), summarized)),
	}, {
		Name: "the image before serves while another is built",
		Key:  key,
		Objects: []runtime.Object{
			editedToB, oldService, planOf(function(codeB)), taskRunOf(function(codeB), running),
			planOf(function(codeA)), taskRunOf(function(codeA), succeeded),
		},
		WantStatusUpdates: statusUpdate(function(codeA, deployed(WithServiceReady), edited(codeB),
			rebuilding(v1alpha1.ReasonBuildRunning, goingOn, oldService), startedAt(began))),
	}, {
		Name: "the other image is built",
		Key:  key,
		Objects: []runtime.Object{
			editedToB, oldService, planOf(function(codeB)), taskRunOf(function(codeB), succeeded),
		},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: newImage}},
		WantEvents:  updated,
		WantStatusUpdates: statusUpdate(function(codeA, deployed(WithServiceReady), edited(codeB),
			deployed(WithServiceReady))),
	}}
}

// withFunctionLabel lets the informer see a Service whose labels drifted.
func withFunctionLabel(s *servingv1.Service) {
	s.Labels["app.kubernetes.io/managed-by"] = "knative-lambda-operator"
}

// serviceRows are about what the Knative Service says of itself.
func serviceRows() rtesting.TableTest {
	var rows rtesting.TableTest
	for _, tc := range []struct {
		name    string
		changes []ServiceOption
	}{{
		name:    "not seen by Knative yet",
		changes: []ServiceOption{WithServiceReady, WithServiceGeneration(2, 1)},
	}, {
		name:    "Revision failed",
		changes: []ServiceOption{WithConfiguration(corev1.ConditionFalse, "RevisionFailed", "100% broken")},
	}, {
		name: "Revision failed beside the one before",
		changes: []ServiceOption{
			WithConfiguration(corev1.ConditionFalse, "RevisionFailed", "100% broken"), WithRoute(corev1.ConditionTrue, "", ""),
		},
	}, {
		name: "route being made",
		changes: []ServiceOption{
			WithConfiguration(corev1.ConditionTrue, "", ""), WithRoute(corev1.ConditionUnknown, "IngressNotConfigured", ""),
		},
	}, {
		name: "route failed",
		changes: []ServiceOption{
			WithConfiguration(corev1.ConditionTrue, "", ""), WithRoute(corev1.ConditionFalse, "RevisionMissing", "100% lost"),
		},
	}, {
		name:    "ready",
		changes: []ServiceOption{WithServiceReady, WithRevisions("hello-00001", "hello-00001")},
	}} {
		rows = append(rows, rtesting.TableRow{
			Name:              tc.name,
			Key:               key,
			Objects:           []runtime.Object{function(deployed()), serviceOf(function(), tc.changes...)},
			WantStatusUpdates: statusUpdate(function(deployed(tc.changes...))),
		})
	}
	return append(rows, rtesting.TableRow{
		Name: "not ready any more",
		Key:  key,
		Objects: []runtime.Object{
			function(deployed(WithServiceReady)), serviceOf(function(), WithConfiguration(corev1.ConditionUnknown, "", "")),
		},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady),
			deployed(WithConfiguration(corev1.ConditionUnknown, "", "")))),
	}, rtesting.TableRow{
		Name: "failed, and ready again",
		Key:  key,
		Objects: []runtime.Object{
			function(deployed(WithConfiguration(corev1.ConditionFalse, "RevisionFailed", ""))), serviceOf(function(), WithServiceReady),
		},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady))),
	})
}

// terminating is what the API server answers where something is made in a namespace that is being deleted.
func terminating() error {
	err := apierrs.NewForbidden(schema.GroupResource{Resource: "services"}, "hello", errors.New("because it is being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	return err
}
