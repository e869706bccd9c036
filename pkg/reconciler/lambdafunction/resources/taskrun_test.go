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

package resources_test

import (
	"slices"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
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

func makeTaskRun(t *testing.T, fn *v1alpha1.LambdaFunction, cfg *config.Config) *tektonv1.TaskRun {
	t.Helper()
	taskRun := resources.MakeTaskRun(fn, mustBuild(t, fn, cfg), cfg.Build)
	admitted := taskRun.DeepCopy()
	admitted.SetDefaults(t.Context())
	if err := admitted.Validate(t.Context()); err != nil {
		t.Error("Tekton refuses the TaskRun:", err)
	}
	return taskRun
}

func TestMakeTaskRun(t *testing.T) {
	for _, tc := range []struct {
		golden  string
		options []FunctionOption
		build   map[string]string
	}{{
		golden: "taskrun",
	}, {
		golden:  "taskrun-git",
		options: []FunctionOption{WithSource(sources["git"]), WithBuild(v1alpha1.BuildSpec{ImagePullSecret: "login", Retries: ptr.Int32(2)})},
		build:   map[string]string{"registry-secret": "push", "allowed-networks": "10.0.0.0/8,192.168.0.0/16"},
	}, {
		golden:  "taskrun-oci",
		options: []FunctionOption{WithSource(sources["oci"])},
		build:   map[string]string{"registry": "10.0.0.1:5000/functions", "insecure-registries": "10.0.0.1:5000", "registry-ca": authority},
	}, {
		golden: "taskrun-oci-ecr",
		options: []FunctionOption{
			WithSource(v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeOCI, OCI: &v1alpha1.OCISource{
				Repository: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/code", Tag: "v1",
			}}),
			WithBuild(v1alpha1.BuildSpec{Registry: "123456789012.dkr.ecr.eu-central-1.amazonaws.com", ImagePullSecret: "aws"}),
		},
	}, {
		golden: "taskrun-ecr",
		options: []FunctionOption{WithBuild(v1alpha1.BuildSpec{
			Registry: "123456789012.dkr.ecr.eu-central-1.amazonaws.com", AWSRegion: "eu-central-1", ImagePullSecret: "aws",
		})},
	}, {
		golden:  "taskrun-ecr-identity",
		options: []FunctionOption{WithRegistry("123456789012.dkr.ecr.eu-central-1.amazonaws.com")},
		build:   map[string]string{"service-account": "builder"},
	}, {
		golden: "taskrun-gcr",
		options: []FunctionOption{WithBuild(v1alpha1.BuildSpec{
			Registry: "europe-docker.pkg.dev/acme/lambda", ImagePullSecret: "google",
		})},
	}, {
		golden:  "taskrun-dockerhub",
		options: []FunctionOption{WithRegistry("docker.io/acme"), WithDependencies("six==1.17.0")},
		build:   map[string]string{"registry-secret": "hub"},
	}, {
		golden:  "taskrun-authorities",
		options: []FunctionOption{WithBuild(v1alpha1.BuildSpec{ImagePullSecret: "login"})},
		build:   map[string]string{"registry-ca": authority, "registry-mirror": "mirror.example.com:5000", "cache-repository": "cache.example.com/lambda"},
	}, {
		golden: "taskrun-authorities-only",
		build:  map[string]string{"registry-ca": authority, "cache-repository": "disabled"},
	}, {
		golden:  "taskrun-local",
		options: []FunctionOption{WithBuild(v1alpha1.BuildSpec{RegistryType: v1alpha1.RegistryTypeLocal})},
		build:   map[string]string{"registry-secret": "push"},
	}, {
		golden:  "taskrun-all",
		options: []FunctionOption{WithInsecureRegistry("10.0.0.1:5000/functions"), WithBuildTimeout(time.Hour)},
		build: map[string]string{
			"registry-secret":     "push",
			"registry-mirror":     "mirror.example.com:5000",
			"insecure-registries": "mirror.example.com:5000,10.0.0.1:5000",
			"cpu-request":         "1",
			"cpu-limit":           "2",
			"memory-limit":        "4Gi",
		},
	}} {
		t.Run(tc.golden, func(t *testing.T) {
			checkGolden(t, tc.golden, makeTaskRun(t, LambdaFunction("hello", "default", tc.options...), newConfig(t, tc.build)))
		})
	}
}

// TestTaskRunGetsNoCredentialsOfTheCluster holds what a build, which runs the code of others, must not get.
func TestTaskRunGetsNoCredentialsOfTheCluster(t *testing.T) {
	taskRun := makeTaskRun(t, LambdaFunction("hello", "default"), newConfig(t, map[string]string{"registry-secret": "push"}))
	if mount := taskRun.Spec.PodTemplate.AutomountServiceAccountToken; mount == nil || *mount {
		t.Error("the pod has a token of the Kubernetes API")
	}
	for _, step := range taskRun.Spec.TaskSpec.Steps {
		security := step.SecurityContext
		if escalation := security.AllowPrivilegeEscalation; escalation == nil || *escalation || security.Privileged != nil {
			t.Errorf("step %q can gain privilege: %+v", step.Name, security)
		}
		if !slices.Contains(security.Capabilities.Drop, "ALL") {
			t.Errorf("step %q keeps capabilities: %+v", step.Name, security.Capabilities)
		}
		mountsPush := slices.ContainsFunc(taskRun.Spec.TaskSpec.Volumes, func(v corev1.Volume) bool {
			return v.Secret != nil && slices.ContainsFunc(step.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name })
		})
		// Of the Secret the other step has just the logins.
		if want := step.Name == resources.StepFetch; mountsPush != want {
			t.Errorf("step %q mounts the push Secret: %t, want %t", step.Name, mountsPush, want)
		}
	}
}

// TestTaskRunsShareNothing holds that a change of one object does not change the configuration or another object.
func TestTaskRunsShareNothing(t *testing.T) {
	fn, cfg := LambdaFunction("hello", "default"), newConfig(t, map[string]string{"insecure-registries": "b.example.com,a.example.com"})
	first := makeTaskRun(t, fn, cfg)
	for _, step := range first.Spec.TaskSpec.Steps {
		clear(step.ComputeResources.Requests)
	}
	for _, step := range makeTaskRun(t, fn, cfg).Spec.TaskSpec.Steps {
		if len(step.ComputeResources.Requests) == 0 {
			t.Errorf("step %q lost its requests", step.Name)
		}
	}
	if got, want := cfg.Build.InsecureRegistries, []string{"b.example.com", "a.example.com"}; !slices.Equal(got, want) {
		t.Errorf("InsecureRegistries = %q, want %q", got, want)
	}
}
