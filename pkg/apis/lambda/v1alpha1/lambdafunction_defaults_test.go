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
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// quantities makes a ResourceList of pairs of cpu and memory; "" leaves one out.
func quantities(cpu, memory string) corev1.ResourceList {
	list := corev1.ResourceList{}
	if cpu != "" {
		list[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		list[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	return list
}

// defaultedSpec is the spec of a function whose user gave nothing but the language.
func defaultedSpec(change func(*LambdaFunctionSpec)) LambdaFunctionSpec {
	spec := LambdaFunctionSpec{
		Runtime: RuntimeSpec{Language: LanguagePython, Version: "3.13", Handler: "main.handler", Response: ResponseRaw},
		Scaling: ScalingSpec{
			MinReplicas:            ptr.Int32(0),
			MaxReplicas:            ptr.Int32(50),
			ContainerConcurrency:   ptr.Int64(0),
			TargetConcurrency:      ptr.Int32(10),
			ScaleToZeroGracePeriod: &metav1.Duration{Duration: 30 * time.Second},
		},
		Resources:      ResourcesSpec{Requests: quantities("50m", "64Mi"), Limits: quantities("1", "512Mi")},
		TimeoutSeconds: ptr.Int64(300),
		Build:          BuildSpec{Timeout: &metav1.Duration{Duration: 30 * time.Minute}, Retries: ptr.Int32(0)},
	}
	if change != nil {
		change(&spec)
	}
	return spec
}

func TestSetDefaults(t *testing.T) {
	python := RuntimeSpec{Language: LanguagePython}
	for _, tc := range []struct {
		name string
		cfg  *config.Config
		spec LambdaFunctionSpec
		want LambdaFunctionSpec
	}{{
		name: "nothing but the language",
		spec: LambdaFunctionSpec{Runtime: python},
		want: defaultedSpec(nil),
	}, {
		name: "nothing at all",
		want: defaultedSpec(func(s *LambdaFunctionSpec) { s.Runtime = RuntimeSpec{Response: ResponseRaw} }),
	}, {
		name: "alias python3",
		spec: LambdaFunctionSpec{Runtime: RuntimeSpec{Language: "python3"}},
		want: defaultedSpec(nil),
	}, {
		name: "alias py",
		spec: LambdaFunctionSpec{Runtime: RuntimeSpec{Language: "py"}},
		want: defaultedSpec(nil),
	}, {
		name: "application of a package",
		spec: LambdaFunctionSpec{Runtime: RuntimeSpec{Language: "python3", Handler: "pkg.main:app"}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) { s.Runtime.Handler = "pkg.main.app" }),
	}, {
		name: "what is no application is left to validation",
		spec: LambdaFunctionSpec{Runtime: RuntimeSpec{Language: LanguagePython, Handler: "main:app:"}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) { s.Runtime.Handler = "main:app:" }),
	}, {
		name: "language that is not on offer is left to validation",
		spec: LambdaFunctionSpec{Runtime: RuntimeSpec{Language: "cobol"}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) { s.Runtime = RuntimeSpec{Language: "cobol", Response: ResponseRaw} }),
	}, {
		name: "artifact",
		spec: LambdaFunctionSpec{Runtime: python, Source: SourceSpec{Type: SourceTypeOCI, OCI: &OCISource{Path: "./fn/"}}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Source = SourceSpec{Type: SourceTypeOCI, OCI: &OCISource{Tag: "latest", Path: "fn"}}
		}),
	}, {
		name: "artifact by digest",
		spec: LambdaFunctionSpec{Runtime: python, Source: SourceSpec{Type: SourceTypeOCI, OCI: &OCISource{Digest: "sha256:00"}}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Source = SourceSpec{Type: SourceTypeOCI, OCI: &OCISource{Digest: "sha256:00"}}
		}),
	}, {
		name: "everything given",
		spec: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Runtime = RuntimeSpec{Language: LanguagePython, Version: "3.11", Handler: "app.main", Response: ResponseEnvelope}
			s.Scaling = ScalingSpec{
				MinReplicas: ptr.Int32(1), MaxReplicas: ptr.Int32(0), ContainerConcurrency: ptr.Int64(5),
				TargetConcurrency: ptr.Int32(2), ScaleToZeroGracePeriod: &metav1.Duration{},
			}
			s.Resources = ResourcesSpec{Requests: quantities("1", "1Gi"), Limits: quantities("2", "2Gi")}
			s.TimeoutSeconds = ptr.Int64(1)
			s.Build.Timeout = &metav1.Duration{Duration: time.Hour}
		}),
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Runtime = RuntimeSpec{Language: LanguagePython, Version: "3.11", Handler: "app.main", Response: ResponseEnvelope}
			s.Scaling = ScalingSpec{
				MinReplicas: ptr.Int32(1), MaxReplicas: ptr.Int32(0), ContainerConcurrency: ptr.Int64(5),
				TargetConcurrency: ptr.Int32(2), ScaleToZeroGracePeriod: &metav1.Duration{},
			}
			s.Resources = ResourcesSpec{Requests: quantities("1", "1Gi"), Limits: quantities("2", "2Gi")}
			s.TimeoutSeconds = ptr.Int64(1)
			s.Build.Timeout = &metav1.Duration{Duration: time.Hour}
		}),
	}, {
		name: "more instances at least than the default has at most",
		spec: LambdaFunctionSpec{Runtime: python, Scaling: ScalingSpec{MinReplicas: ptr.Int32(60)}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Scaling.MinReplicas, s.Scaling.MaxReplicas = ptr.Int32(60), ptr.Int32(60)
		}),
	}, {
		name: "a hard limit under the default target lowers the target",
		spec: LambdaFunctionSpec{Runtime: python, Scaling: ScalingSpec{ContainerConcurrency: ptr.Int64(1)}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Scaling.ContainerConcurrency, s.Scaling.TargetConcurrency = ptr.Int64(1), ptr.Int32(1)
		}),
	}, {
		name: "a hard limit over the default target leaves it",
		spec: LambdaFunctionSpec{Runtime: python, Scaling: ScalingSpec{ContainerConcurrency: ptr.Int64(100)}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) { s.Scaling.ContainerConcurrency = ptr.Int64(100) }),
	}, {
		name: "request over the default limit lifts the limit",
		spec: LambdaFunctionSpec{Runtime: python, Resources: ResourcesSpec{Requests: quantities("1500m", "")}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Resources = ResourcesSpec{Requests: quantities("1500m", "64Mi"), Limits: quantities("1500m", "512Mi")}
		}),
	}, {
		name: "limit under the default request lowers the request",
		spec: LambdaFunctionSpec{Runtime: python, Resources: ResourcesSpec{Limits: quantities("", "32Mi")}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Resources = ResourcesSpec{Requests: quantities("50m", "32Mi"), Limits: quantities("1", "32Mi")}
		}),
	}, {
		name: "request over the user's own limit is left to validation",
		spec: LambdaFunctionSpec{Runtime: python, Resources: ResourcesSpec{Requests: quantities("2", ""), Limits: quantities("1", "")}},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Resources = ResourcesSpec{Requests: quantities("2", "64Mi"), Limits: quantities("1", "512Mi")}
		}),
	}, {
		name: "ConfigMaps",
		cfg: &config.Config{
			Build:    mustBuild(t, map[string]string{"timeout": "5m"}),
			Runtimes: mustRuntimes(t, `{default: "3.14", versions: {"3.14": {baseImage: python}}}`),
		},
		spec: LambdaFunctionSpec{Runtime: python},
		want: defaultedSpec(func(s *LambdaFunctionSpec) {
			s.Runtime.Version = "3.14"
			s.Build.Timeout.Duration = 5 * time.Minute
		}),
	}} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := context.Background()
			if tc.cfg != nil {
				ctx = config.ToContext(ctx, tc.cfg)
			}
			fn := &LambdaFunction{Spec: *tc.spec.DeepCopy()}
			fn.SetDefaults(ctx)
			if diff := cmp.Diff(tc.want, fn.Spec); diff != "" {
				t.Error("SetDefaults() (-want, +got):", diff)
			}
			fn.SetDefaults(ctx)
			if diff := cmp.Diff(tc.want, fn.Spec); diff != "" {
				t.Error("SetDefaults() a second time (-want, +got):", diff)
			}
		})
	}
}

// TestDefaultedRequestsFitTheirLimits tries each combination of given and absent quantities around the defaults.
func TestDefaultedRequestsFitTheirLimits(t *testing.T) {
	around := []string{"", "1m", "50m", "51m", "1", "1001m", "64Mi", "1Gi"}
	for _, request := range around {
		for _, limit := range around {
			if request != "" && limit != "" {
				continue
			}
			fn := &LambdaFunction{Spec: LambdaFunctionSpec{Resources: ResourcesSpec{
				Requests: quantities(request, request), Limits: quantities(limit, limit),
			}}}
			fn.SetDefaults(context.Background())
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				gotRequest, gotLimit := fn.Spec.Resources.Requests[name], fn.Spec.Resources.Limits[name]
				if gotRequest.Sign() <= 0 || gotRequest.Cmp(gotLimit) > 0 {
					t.Errorf("%s of request %q and limit %q: got request %v, limit %v", name, request, limit, &gotRequest, &gotLimit)
				}
			}
		}
	}
}

func mustBuild(t *testing.T, data map[string]string) *config.Build {
	t.Helper()
	build, err := config.NewBuildFromMap(data)
	if err != nil {
		t.Fatal("NewBuildFromMap() =", err)
	}
	return build
}

func mustRuntimes(t *testing.T, python string) *config.Runtimes {
	t.Helper()
	runtimes, err := config.NewRuntimesFromMap(map[string]string{"python": python})
	if err != nil {
		t.Fatal("NewRuntimesFromMap() =", err)
	}
	return runtimes
}
