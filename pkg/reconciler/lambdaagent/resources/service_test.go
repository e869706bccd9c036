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
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"knative.dev/pkg/observability/tracing"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

var cluster = config.FromContextOrDefaults(context.Background())

func containerOf(la *v1alpha1.LambdaAgent) corev1.Container {
	return resources.MakeService(la, cluster).Spec.Template.Spec.Containers[0]
}

// TestEveryFieldReachesTheService edits each field, and looks for it where the pod has it.
func TestEveryFieldReachesTheService(t *testing.T) {
	type template = servingv1.RevisionTemplateSpec
	container := func(get func(*corev1.Container) any) func(*template) any {
		return func(t *template) any { return get(&t.Spec.Containers[0]) }
	}
	annotation := func(key string) func(*template) any {
		return func(t *template) any { return t.Annotations["autoscaling.knative.dev/"+key] }
	}
	for _, tc := range []struct {
		name   string
		change func(*v1alpha1.LambdaAgentSpec)
		get    func(*template) any
		want   any
	}{
		{"tag", func(s *v1alpha1.LambdaAgentSpec) { s.Image.Tag = "v2" }, container(func(c *corev1.Container) any { return c.Image }), "ghcr.io/acme/chat:v2"},
		{"digest", func(s *v1alpha1.LambdaAgentSpec) { s.Image.Digest = "sha256:a" }, container(func(c *corev1.Container) any { return c.Image }), "ghcr.io/acme/chat@sha256:a"},
		{"port", func(s *v1alpha1.LambdaAgentSpec) { s.Image.Port = ptr.Int32(3000) }, container(func(c *corev1.Container) any { return c.Ports[0].ContainerPort }), int32(3000)},
		{"pullPolicy", func(s *v1alpha1.LambdaAgentSpec) { s.Image.PullPolicy = "Always" }, container(func(c *corev1.Container) any { return c.ImagePullPolicy }), corev1.PullAlways},
		{"command", func(s *v1alpha1.LambdaAgentSpec) { s.Image.Command = []string{"a"} }, container(func(c *corev1.Container) any { return c.Command }), []string{"a"}},
		{"args", func(s *v1alpha1.LambdaAgentSpec) { s.Image.Args = []string{"b"} }, container(func(c *corev1.Container) any { return c.Args }), []string{"b"}},
		{"imagePullSecrets", func(s *v1alpha1.LambdaAgentSpec) {
			s.Image.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "login"}}
		}, func(t *template) any { return t.Spec.ImagePullSecrets }, []corev1.LocalObjectReference{{Name: "login"}}},
		{"no token", func(*v1alpha1.LambdaAgentSpec) {}, func(t *template) any { return t.Spec.AutomountServiceAccountToken }, ptr.Bool(false)},
		{"serviceAccountName", func(s *v1alpha1.LambdaAgentSpec) { s.ServiceAccountName = "robot" }, func(t *template) any { return t.Spec.ServiceAccountName }, "robot"},
		{"minReplicas", func(s *v1alpha1.LambdaAgentSpec) { s.Scaling.MinReplicas = ptr.Int32(2) }, annotation("min-scale"), "2"},
		{"maxReplicas", func(s *v1alpha1.LambdaAgentSpec) { s.Scaling.MaxReplicas = ptr.Int32(7) }, annotation("max-scale"), "7"},
		{"targetConcurrency", func(s *v1alpha1.LambdaAgentSpec) { s.Scaling.TargetConcurrency = ptr.Int32(3) }, annotation("target"), "3"},
		{"scaleToZeroGracePeriod", func(s *v1alpha1.LambdaAgentSpec) {
			s.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{Duration: time.Minute}
		}, annotation("scale-to-zero-pod-retention-period"), "1m0s"},
		{"containerConcurrency", func(s *v1alpha1.LambdaAgentSpec) { s.Scaling.ContainerConcurrency = ptr.Int64(9) }, func(t *template) any { return t.Spec.ContainerConcurrency }, ptr.Int64(9)},
		{"envFrom", func(s *v1alpha1.LambdaAgentSpec) { s.EnvFrom = []corev1.EnvFromSource{{Prefix: "A"}} }, container(func(c *corev1.Container) any { return c.EnvFrom }), []corev1.EnvFromSource{{Prefix: "A"}}},
		{"label for logs", func(*v1alpha1.LambdaAgentSpec) {}, func(t *template) any { return t.Labels["app"] }, "chat"},
		{"label of the agent", func(*v1alpha1.LambdaAgentSpec) {}, func(t *template) any { return t.Labels["lambda.knative.io/agent"] }, "chat"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := LambdaAgent("chat", "default")
			service := resources.MakeService(before, cluster)
			service.SetDefaults(t.Context())
			after := LambdaAgent("chat", "default", func(la *v1alpha1.LambdaAgent) { tc.change(&la.Spec) })
			resources.ApplyService(service, after, cluster)
			if diff := cmp.Diff(tc.want, tc.get(&service.Spec.Template)); diff != "" {
				t.Error("(-want, +got):", diff)
			}
			if service.Name != "chat" || service.Namespace != "default" || !metav1.IsControlledBy(service, after) {
				t.Errorf("the Service is %s/%s of %v", service.Namespace, service.Name, service.OwnerReferences)
			}
		})
	}
}

func TestEnv(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*v1alpha1.LambdaAgentSpec)
		want   map[string]string // "-" is for a variable that is not there
	}{{
		name: "nothing is said",
		want: map[string]string{
			"AGENT_NAME": "chat", "AGENT_NAMESPACE": "default", "EVENT_SOURCE": "-", "OTEL_SERVICE_NAME": "chat", "OTEL_EXPORTER_OTLP_ENDPOINT": "-",
			"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental", "EMIT_EVENTS": "true", "MAX_CONTEXT_MESSAGES": "10", "OLLAMA_URL": "-",
		},
	}, {
		name: "a model",
		change: func(s *v1alpha1.LambdaAgentSpec) {
			s.AI = &v1alpha1.AISpec{Endpoint: "http://ollama:11434", Model: "llama3.2:3b"}
		},
		want: map[string]string{"OLLAMA_URL": "http://ollama:11434", "OLLAMA_MODEL": "llama3.2:3b", "MAX_TOKENS": "2048", "TEMPERATURE": "0.7"},
	}, {
		name:   "eventing",
		change: func(s *v1alpha1.LambdaAgentSpec) { s.Eventing = &v1alpha1.AgentEventingSpec{} },
		want:   map[string]string{"EVENT_SOURCE": "io.knative.lambda/default/chat"},
	}, {
		name:   "eventing with a source",
		change: func(s *v1alpha1.LambdaAgentSpec) { s.Eventing = &v1alpha1.AgentEventingSpec{EventSource: "/chat"} },
		want:   map[string]string{"EVENT_SOURCE": "/chat"},
	}, {
		name: "the user's own win",
		change: func(s *v1alpha1.LambdaAgentSpec) {
			s.AI = &v1alpha1.AISpec{Endpoint: "http://ollama:11434", Model: "llama3.2:3b"}
			s.Env = []corev1.EnvVar{{Name: "OLLAMA_MODEL", Value: "other"}, {Name: "AGENT_NAME", Value: "me"}, {Name: "OTEL_SERVICE_NAME", Value: "mine"}}
		},
		want: map[string]string{"OLLAMA_MODEL": "other", "AGENT_NAME": "me", "OTEL_SERVICE_NAME": "mine"},
	}, {
		name: "observability",
		change: func(s *v1alpha1.LambdaAgentSpec) {
			s.Observability = &v1alpha1.AgentObservabilitySpec{
				Tracing: &v1alpha1.TracingSpec{Endpoint: "alloy:4317", ResourceAttributes: map[string]string{"service.name": "other"}},
				Metrics: &v1alpha1.AgentMetricsSpec{Enabled: ptr.Bool(false), Exemplars: ptr.Bool(false), Path: "/m"},
				Logging: &v1alpha1.LoggingSpec{Level: "debug"},
			}
		},
		want: map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://alloy:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_RESOURCE_ATTRIBUTES": "service.name=other",
			"OTEL_SERVICE_NAME": "-", "OTEL_METRICS_EXPORTER": "none", "OTEL_METRICS_EXEMPLAR_FILTER": "always_off", "LAMBDA_METRICS_PATH": "/m", "LAMBDA_LOG_LEVEL": "debug",
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			got := map[string]string{}
			for _, v := range containerOf(LambdaAgent("chat", "default", func(la *v1alpha1.LambdaAgent) {
				if tc.change != nil {
					tc.change(&la.Spec)
				}
			})).Env {
				if _, twice := got[v.Name]; twice {
					t.Errorf("%s is there twice", v.Name)
				}
				got[v.Name] = v.Value
			}
			for name, want := range tc.want {
				value, there := got[name]
				if want == "-" && there || want != "-" && value != want {
					t.Errorf("%s = %q, want %q", name, value, want)
				}
			}
		})
	}
}

func TestTracesGoToWhereThoseOfTheClusterGo(t *testing.T) {
	cfg := config.FromContextOrDefaults(t.Context())
	cfg.Tracing = tracing.Config{Protocol: tracing.ProtocolGRPC, Endpoint: "alloy:4317", SamplingRate: 1}
	la := LambdaAgent("chat", "default", func(la *v1alpha1.LambdaAgent) {
		la.Spec.Observability = &v1alpha1.AgentObservabilitySpec{Tracing: &v1alpha1.TracingSpec{Enabled: ptr.Bool(true)}}
	})
	for _, v := range resources.MakeService(la, cfg).Spec.Template.Spec.Containers[0].Env {
		if v.Name == "OTEL_EXPORTER_OTLP_ENDPOINT" && v.Value == "alloy:4317" {
			return
		}
	}
	t.Error("the endpoint is not that of ConfigMap config-observability")
}

func TestMonitoring(t *testing.T) {
	la := LambdaAgent("chat", "default", WithAgentMetrics(v1alpha1.AgentMetricsSpec{Path: "/m", Interval: &metav1.Duration{Duration: 5 * time.Second}}))
	service, monitor := resources.MakeMetricsService(la), resources.MakeServiceMonitor(la)
	if service.Name != "chat-metrics" || service.Spec.ClusterIP != corev1.ClusterIPNone || service.Spec.Ports[0].TargetPort.IntVal != 8080 {
		t.Errorf("MakeMetricsService() = %+v", service)
	}
	if diff := cmp.Diff(map[string]string{"serving.knative.dev/service": "chat"}, service.Spec.Selector); diff != "" {
		t.Error("selector (-want, +got):", diff)
	}
	selected, _, err := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
	if diff := cmp.Diff(service.Labels, selected); diff != "" || err != nil {
		t.Error("the ServiceMonitor selects (-want, +got):", diff, err)
	}
	endpoints, _, err := unstructured.NestedSlice(monitor.Object, "spec", "endpoints")
	want := []any{map[string]any{"port": service.Spec.Ports[0].Name, "path": "/m", "interval": "5s", "scrapeTimeout": "5s"}}
	if diff := cmp.Diff(want, endpoints); diff != "" || err != nil {
		t.Error("endpoints (-want, +got):", diff, err)
	}
}
