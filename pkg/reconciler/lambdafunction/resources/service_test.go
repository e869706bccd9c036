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
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/observability/tracing"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

func TestMakeService(t *testing.T) {
	for _, tc := range []struct {
		golden  string
		options []FunctionOption
		build   map[string]string
		tracing tracing.Config
	}{{
		golden: "service",
	}, {
		golden:  "service-image",
		options: []FunctionOption{WithSource(readyImage), WithPullPolicy(corev1.PullAlways)},
		build:   map[string]string{"registry-secret": "pull"},
	}, {
		golden: "service-all",
		options: []FunctionOption{
			WithHandler("app.main"),
			WithResponse(v1alpha1.ResponseEnvelope),
			WithReplicas(1, 0),
			WithContainerConcurrency(5),
			WithScaleToZeroGracePeriod(90 * time.Second),
			WithResources(
				corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")},
				corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
			),
			WithEnv("HANDLER", "mine"),
			WithEnv("GREETING", "hello"),
			WithEnvFromSecret("greetings"),
			WithServiceAccount("robot"),
			WithPullPolicy(corev1.PullAlways),
			WithTimeoutSeconds(60),
		},
		build: map[string]string{"registry-secret": "pull"},
	}, {
		golden:  "service-observability",
		options: []FunctionOption{WithObservability(observability), WithEnv("OTEL_TRACES_SAMPLER_ARG", "1")},
	}, {
		golden: "service-observability-off",
		options: []FunctionOption{WithObservability(v1alpha1.ObservabilitySpec{
			Tracing: &v1alpha1.TracingSpec{Enabled: ptr.Bool(false), Endpoint: "https://collector.example.com/otlp", Propagation: "b3"},
			Metrics: &v1alpha1.MetricsSpec{Enabled: ptr.Bool(false)},
			Logfire: &v1alpha1.LogfireSpec{Enabled: ptr.Bool(false), DirectExport: ptr.Bool(true)},
		})},
	}, {
		golden:  "service-observability-cluster",
		options: []FunctionOption{WithObservability(v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{}})},
		tracing: alloy,
	}, {
		golden:  "service-observability-cluster-http",
		options: []FunctionOption{WithObservability(v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{SamplingRate: "0.25"}})},
		tracing: tracing.Config{Protocol: tracing.ProtocolHTTPProtobuf, Endpoint: "http://alloy.observability.svc:4318/v1/traces", SamplingRate: 1},
	}, {
		golden:  "service-observability-cluster-path",
		options: []FunctionOption{WithObservability(v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{}})},
		tracing: tracing.Config{Protocol: tracing.ProtocolHTTPProtobuf, Endpoint: "https://traces.example.com/of/us", SamplingRate: 1},
	}, {
		golden:  "service-observability-cluster-off",
		options: []FunctionOption{WithObservability(v1alpha1.ObservabilitySpec{Tracing: &v1alpha1.TracingSpec{Enabled: ptr.Bool(false)}})},
		tracing: alloy,
	}} {
		t.Run(tc.golden, func(t *testing.T) {
			fn := LambdaFunction("hello", "default", tc.options...)
			cfg := newConfig(t, tc.build)
			if tc.tracing.Protocol != "" {
				cfg.Tracing = tc.tracing
			}
			service := resources.MakeService(fn, image, cfg)
			checkGolden(t, tc.golden, service)
			admitted := service.DeepCopy()
			admitted.SetDefaults(t.Context())
			if err := admitted.Validate(t.Context()).Filter(apis.ErrorLevel); err != nil {
				t.Error("Knative refuses the Service:", err)
			}
		})
	}
}

// alloy is a collector that the cluster's administrator has named.
var alloy = tracing.Config{Protocol: tracing.ProtocolGRPC, Endpoint: "http://alloy.observability.svc:4317", SamplingRate: 0.5}

// observability has every setting.
var observability = v1alpha1.ObservabilitySpec{
	Tracing: &v1alpha1.TracingSpec{
		Enabled: ptr.Bool(true), SamplingRate: "0.25", Endpoint: "alloy.observability.svc:4317", Propagation: "w3c",
		ResourceAttributes: map[string]string{"team": "a b", "a": "b,c=d"},
	},
	Metrics: &v1alpha1.MetricsSpec{
		Enabled: ptr.Bool(true), Exemplars: ptr.Bool(false), Labels: map[string]string{"team": "a"}, Path: "/stats", Port: ptr.Int32(9464),
	},
	Logging: &v1alpha1.LoggingSpec{Level: "debug", Format: "text", TraceContext: ptr.Bool(false), CloudEventMetadata: ptr.Bool(false)},
	Logfire: &v1alpha1.LogfireSpec{
		Enabled: ptr.Bool(true), DirectExport: ptr.Bool(true),
		TokenSecretRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "logfire"}, Key: "token"},
	},
}

// readyImage is an image that was there already.
var readyImage = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{
	Repository: "ghcr.io/acme/server", Tag: "v1", PullPolicy: corev1.PullIfNotPresent, Port: ptr.Int32(9000),
	Command: []string{"/server"}, Args: []string{"--quiet"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "acme"}},
}}

// TestServiceChangesItsSource holds that nothing of one kind of source stays with the other.
func TestServiceChangesItsSource(t *testing.T) {
	cfg := newConfig(t, nil)
	built, ready := LambdaFunction("hello", "default"), LambdaFunction("hello", "default", WithSource(readyImage))
	service := resources.MakeService(built, image, cfg)
	resources.ApplyService(service, ready, "ghcr.io/acme/server:v1", cfg)
	if diff := cmp.Diff(resources.MakeService(ready, "ghcr.io/acme/server:v1", cfg), service); diff != "" {
		t.Error("after a built image a ready one (-want, +got) =", diff)
	}
	resources.ApplyService(service, built, image, cfg)
	want := resources.MakeService(built, image, cfg)
	// The supervisor listens where PORT says.
	want.Spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 9000}}
	if diff := cmp.Diff(want, service); diff != "" {
		t.Error("after a ready image a built one (-want, +got) =", diff)
	}
}

func TestPullSecrets(t *testing.T) {
	for name, tc := range map[string]struct {
		build v1alpha1.BuildSpec
		want  string
	}{
		"of the cluster":      {want: "pull"},
		"of the function":     {build: v1alpha1.BuildSpec{ImagePullSecret: "own"}, want: "own"},
		"of a local registry": {build: v1alpha1.BuildSpec{RegistryType: v1alpha1.RegistryTypeLocal}},
		"for base images":     {build: v1alpha1.BuildSpec{ImagePullSecret: "own", RegistryType: v1alpha1.RegistryTypeLocal}, want: "own"},
		// kubelet leaves it alone, where it has nothing of Docker's.
		"of Amazon": {build: v1alpha1.BuildSpec{ImagePullSecret: "own", RegistryType: v1alpha1.RegistryTypeECR}, want: "own"},
		"of Google": {build: v1alpha1.BuildSpec{Registry: "gcr.io/acme"}, want: "pull"},
	} {
		fn, cfg := LambdaFunction("hello", "default", WithBuild(tc.build)), newConfig(t, map[string]string{"registry-secret": "pull"})
		var want []corev1.LocalObjectReference
		if tc.want != "" {
			want = []corev1.LocalObjectReference{{Name: tc.want}}
		}
		got := resources.MakeService(fn, image, cfg).Spec.Template.Spec.ImagePullSecrets
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want, +got) = %s", name, diff)
		}
	}
}

func TestUsersEnvWins(t *testing.T) {
	injected := []string{"HANDLER", "FUNCTION_NAME", "FUNCTION_NAMESPACE", "TIMEOUT_SECONDS", "LAMBDA_RESPONSE", "LAMBDA_CONCURRENCY"}
	for _, name := range injected {
		service := resources.MakeService(LambdaFunction("hello", "default", WithEnv(name, "mine")), image, newConfig(t, nil))
		env := service.Spec.Template.Spec.Containers[0].Env
		if len(env) != len(injected) {
			t.Errorf("with %s set by the user: %v", name, env)
		}
		for _, e := range env {
			if e.Name == name && e.Value != "mine" {
				t.Errorf("%s = %q, want the user's", name, e.Value)
			}
		}
	}
}

// foreign are changes of a Knative Service that others make, and that stay.
var foreign = map[string]func(*servingv1.Service){
	"Knative's defaults": WithServiceDefaults,
	"labels":             func(s *servingv1.Service) { s.Labels["team"] = "a" },
	"annotations": func(s *servingv1.Service) {
		s.Annotations = map[string]string{"serving.knative.dev/creator": "system:serviceaccount:knative-lambda:controller"}
	},
	"labels of the pods":      func(s *servingv1.Service) { s.Spec.Template.Labels["team"] = "a" },
	"annotations of the pods": func(s *servingv1.Service) { s.Spec.Template.Annotations["sidecar.istio.io/inject"] = "false" },
	"traffic": func(s *servingv1.Service) {
		s.Spec.Traffic = []servingv1.TrafficTarget{
			{RevisionName: "hello-00001", Percent: ptr.Int64(90)}, {LatestRevision: ptr.Bool(true), Percent: ptr.Int64(10)},
		}
	},
	"owners": func(s *servingv1.Service) {
		s.OwnerReferences = append(s.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "a", UID: "a"})
	},
	"other resources": func(s *servingv1.Service) {
		s.Spec.Template.Spec.Containers[0].Resources.Limits[corev1.ResourceEphemeralStorage] = resource.MustParse("1Gi")
	},
	"containers": func(s *servingv1.Service) {
		s.Spec.Template.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080}}
		s.Spec.Template.Spec.Containers = append(s.Spec.Template.Spec.Containers, corev1.Container{Name: "sidecar", Image: "sidecar"})
	},
	"volumes": func(s *servingv1.Service) { s.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "a"}} },
	"idle timeout": func(s *servingv1.Service) {
		s.Spec.Template.Spec.IdleTimeoutSeconds = ptr.Int64(5)
	},
}

func TestApplyServiceKeepsWhatIsForeign(t *testing.T) {
	fn, cfg := LambdaFunction("hello", "default"), newConfig(t, nil)
	for name, change := range foreign {
		t.Run(name, func(t *testing.T) {
			want := Change(resources.MakeService(fn, image, cfg), change)
			got := want.DeepCopy()
			resources.ApplyService(got, fn, image, cfg)
			if !equality.Semantic.DeepEqual(want, got) {
				t.Error("ApplyService() (-want, +got):", cmp.Diff(want, got))
			}
		})
	}
}

// drifts are changes of a Knative Service in the fields that are the function's.
var drifts = map[string]func(*servingv1.Service){
	"labels":                  func(s *servingv1.Service) { s.Labels = nil },
	"labels of the pods":      func(s *servingv1.Service) { s.Spec.Template.Labels = nil },
	"annotations of the pods": func(s *servingv1.Service) { s.Spec.Template.Annotations = nil },
	"concurrency":             func(s *servingv1.Service) { s.Spec.Template.Spec.ContainerConcurrency = ptr.Int64(1) },
	"timeout":                 func(s *servingv1.Service) { s.Spec.Template.Spec.TimeoutSeconds = ptr.Int64(1) },
	"response start timeout":  func(s *servingv1.Service) { s.Spec.Template.Spec.ResponseStartTimeoutSeconds = nil },
	"service links":           func(s *servingv1.Service) { s.Spec.Template.Spec.EnableServiceLinks = ptr.Bool(true) },
	"account":                 func(s *servingv1.Service) { s.Spec.Template.Spec.ServiceAccountName = "root" },
	"token":                   func(s *servingv1.Service) { s.Spec.Template.Spec.AutomountServiceAccountToken = ptr.Bool(true) },
	"pull secrets": func(s *servingv1.Service) {
		s.Spec.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "a"}}
	},
	"no container": func(s *servingv1.Service) { s.Spec.Template.Spec.Containers = nil },
	"image":        func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].Image = "other" },
	"pull policy":  func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].ImagePullPolicy = corev1.PullAlways },
	"env":          func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].Env = nil },
	"envFrom":      func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{}} },
	"resources": func(s *servingv1.Service) {
		s.Spec.Template.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64")}
		s.Spec.Template.Spec.Containers[0].Resources.Requests = nil
	},
	"probe":            func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].ReadinessProbe = nil },
	"security context": func(s *servingv1.Service) { s.Spec.Template.Spec.Containers[0].SecurityContext = nil },
}

func TestApplyServiceRepairsDrift(t *testing.T) {
	fn, cfg := LambdaFunction("hello", "default"), newConfig(t, nil)
	want := resources.MakeService(fn, image, cfg)
	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) {
			got := Change(resources.MakeService(fn, image, cfg), drift)
			resources.ApplyService(got, fn, image, cfg)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("ApplyService() (-want, +got):", diff)
			}
		})
	}
}

// TestServiceSharesNothing holds that a change of the Service does not change the function.
func TestServiceSharesNothing(t *testing.T) {
	fn := LambdaFunction("hello", "default", WithEnv("A", "1"))
	want := fn.DeepCopy()
	service := resources.MakeService(fn, image, newConfig(t, nil))
	container := &service.Spec.Template.Spec.Containers[0]
	clear(container.Resources.Requests)
	clear(container.Env)
	if diff := cmp.Diff(want, fn); diff != "" {
		t.Error("LambdaFunction (-want, +got):", diff)
	}
}
