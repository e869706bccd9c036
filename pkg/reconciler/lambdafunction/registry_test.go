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
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	clientgotesting "k8s.io/client-go/testing"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// authority is that of nobody's registry.
const authority = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUTlbeDjvDkT9TGuzGhdlHs2UBq/owCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyNTIzMTQ0MVoYDzIxMjYxMTAx
MjMxNDQxWjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATflGUTGC9sbX/kU4cqYIIwJUCo9srlIsT52dIWweX6iePLzGiVkI2j
GEbEG0okgQGgeiOpz8A4QbuEy8Lr+dXko1MwUTAdBgNVHQ4EFgQUHyZxf/LWf6pC
m/sNU0y6W5da1MwwHwYDVR0jBBgwFoAUHyZxf/LWf6pCm/sNU0y6W5da1MwwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA9ATeOz3Z51zTBu0Mi23W
pkJeuT4fUxsTMiXzK6GomzACIHg5OHFwZczCUl29Sl3gDI3NcveQzbuTlmXFWMDC
8t3N
-----END CERTIFICATE-----
`

// registryRows are about settings of registries that are not part of the build key.
func registryRows() rtesting.TableTest {
	const distrusted = "error pushing image: x509: certificate signed by unknown authority"
	name := taskRunName(function())
	_, message := causeOf(distrusted)
	failed := function(failedBuild(v1alpha1.ReasonRegistryCertificateInvalid, message), withLogTail(distrusted), WithWaitingForBuild, summarized)
	taskRun := taskRunOf(function(), WithTaskRunStarted(began), WithTaskRunFailed(ended, "Failed", ""), WithTaskRunStep("build", 1))
	var rows rtesting.TableTest
	for key, value := range map[string]string{
		"registry-ca": authority, "cache-repository": "disabled", "service-account": "builder", "registry-secret": "push",
		"insecure-registries": "registry.example.com",
	} {
		rows = append(rows, rtesting.TableRow{
			Name:              "another " + key + ": a build that failed is tried again at once",
			Key:               "default/hello",
			Ctx:               withConfig(map[string]string{key: value}),
			Objects:           []runtime.Object{failed, planOf(function()), taskRun},
			WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("taskruns", name)},
			WantStatusUpdates: statusUpdate(function(building(v1alpha1.ReasonBuildPending, goingAway), startedAt(began))),
			OtherTestData:     goesOn,
		})
	}
	return rows
}

// pullRows are about clusters whose nodes know the registry by another name than builds do.
func pullRows() rtesting.TableTest {
	const elsewhere = "nodes.example.com/all"
	mapped := withConfig(map[string]string{"pull-registry": elsewhere})
	pulled := strings.Replace(imageOf(function()), "registry.example.com", elsewhere, 1)
	service := func(changes ...ServiceOption) *servingv1.Service {
		return serviceOf(function(), append(changes, func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].Image = pulled })...)
	}
	pulledBy := func(changes ...ServiceOption) FunctionOption {
		return func(fn *v1alpha1.LambdaFunction) {
			built(fn)
			fn.Status.BuildStatus.ImageURI = pulled
			fn.Status.PropagateService(service(changes...), true)
			fn.Status.Summarize()
		}
	}
	return rtesting.TableTest{{
		Name:              "the image is pulled from where nodes reach it",
		Key:               key,
		Ctx:               mapped,
		Objects:           []runtime.Object{function(building(v1alpha1.ReasonBuildRunning, goingOn)), taskRunOf(function(), succeeded)},
		WantCreates:       []runtime.Object{service()},
		WantEvents:        []string{normal("Created", "Created Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(pulledBy())),
	}, {
		Name:    "steady state",
		Key:     key,
		Ctx:     mapped,
		Objects: []runtime.Object{function(pulledBy(WithServiceReady)), service(WithServiceReady)},
	}, {
		Name:              "nodes reach the registry by another name from now on: nothing is built",
		Key:               key,
		Ctx:               mapped,
		Objects:           []runtime.Object{function(deployed(WithServiceReady)), serviceOf(function(), WithServiceReady)},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: service(WithServiceReady)}},
		WantEvents:        []string{normal("Updated", "Updated Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(pulledBy(WithServiceReady))),
	}, {
		Name:              "nodes reach the registry as builds do again",
		Key:               key,
		Objects:           []runtime.Object{function(pulledBy(WithServiceReady)), service(WithServiceReady)},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: serviceOf(function(), WithServiceReady)}},
		WantEvents:        []string{normal("Updated", "Updated Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady))),
	}}
}
