//go:build e2e

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

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/autoscaling"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// changeAll changes each field that an agent's instances have to do with, but for the image itself.
func changeAll(la *v1alpha1.LambdaAgent) {
	spec := &la.Spec
	spec.Image.Port, spec.Image.PullPolicy = ptr.Int32(9000), corev1.PullAlways
	spec.Image.Args = append(spec.Image.Args, "unheeded")
	spec.Image.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "agent-tools"}}
	spec.ServiceAccountName = "edited"
	spec.AI = &v1alpha1.AISpec{
		Provider: v1alpha1.AIProviderOpenAI, Endpoint: spec.AI.Endpoint + "/v1", Model: "edited", FallbackModel: "tiny", MaxTokens: ptr.Int32(99),
		Temperature: "0.1", TopP: "0.5", ContextWindowSize: ptr.Int32(4096),
		APIKeySecretRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "agent-tools"}, Key: "api-key"},
	}
	spec.Behavior = v1alpha1.BehaviorSpec{
		MaxContextMessages: ptr.Int32(3), EmitEvents: ptr.Bool(false), ConversationTTL: &metav1.Duration{Duration: time.Minute},
		SystemPromptRef: &v1alpha1.SystemPromptReference{Name: "edited", Key: "prompt"}, MaxConcurrentConversations: ptr.Int32(7),
	}
	spec.Memory = &runtime.RawExtension{Raw: []byte(`{"kind":"vector"}`)}
	spec.Env = []corev1.EnvVar{{Name: "MINE", Value: "yes"}, {Name: "OPENAI_MODEL", Value: "mine"}}
	spec.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "edited"}}}}
	spec.Scaling = v1alpha1.ScalingSpec{
		MinReplicas: ptr.Int32(1), MaxReplicas: ptr.Int32(2), TargetConcurrency: ptr.Int32(4), ContainerConcurrency: ptr.Int64(5),
		ScaleToZeroGracePeriod: &metav1.Duration{Duration: 45 * time.Second},
	}
	spec.Resources = v1alpha1.ResourcesSpec{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("11m")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("111Mi")},
	}
	spec.Eventing = &v1alpha1.AgentEventingSpec{
		EventSource: "/edited", Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "com.example.edited"}},
	}
	spec.Observability = &v1alpha1.AgentObservabilitySpec{
		Tracing: &v1alpha1.TracingSpec{Enabled: ptr.Bool(true), SamplingRate: "0.25", ResourceAttributes: map[string]string{"team": "edited"}},
		Metrics: &v1alpha1.AgentMetricsSpec{Enabled: ptr.Bool(true), Exemplars: ptr.Bool(false), Path: "/edited"},
		Logging: &v1alpha1.LoggingSpec{Level: "debug", Format: "text"},
	}
}

// TestAgentEdit changes all that an agent's instances have to do with, and looks at what an instance got of it.
func TestAgentEdit(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.startModel()
	s.keep("agent-tools", "secret")
	core := clients.Kube.CoreV1()
	if _, err := core.ServiceAccounts(s.namespace).Create(interrupted, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "edited"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "edited"}, Data: map[string]string{"prompt": "Be brief."}}
	if _, err := core.ConfigMaps(s.namespace).Create(interrupted, settings, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	la := s.awaitAgentReady(s.createAgent(s.sampleAgent("agent-chat.yaml")))
	la = s.awaitAgentReady(s.editAgent(la, changeAll))

	var env map[string]string
	s.decode(s.askAgent(la, http.MethodGet, "/env", "").Body, &env)
	for name, want := range map[string]string{
		"PORT": "9000", "OPENAI_BASE_URL": la.Spec.AI.Endpoint, "OPENAI_API_BASE": la.Spec.AI.Endpoint, "OPENAI_MODEL": "mine", "OPENAI_API_KEY": "secret",
		"OLLAMA_URL": la.Spec.AI.Endpoint, "OLLAMA_MODEL": "edited", "FALLBACK_MODEL": "tiny", "MAX_TOKENS": "99", "TEMPERATURE": "0.1",
		"TOP_P": "0.5", "CONTEXT_WINDOW_SIZE": "4096", "MAX_CONTEXT_MESSAGES": "3", "EMIT_EVENTS": "false", "CONVERSATION_TTL_SECONDS": "60",
		"SYSTEM_PROMPT": "Be brief.", "MAX_CONCURRENT_CONVERSATIONS": "7", "MEMORY_CONFIG": `{"kind":"vector"}`, "MINE": "yes", "prompt": "Be brief.",
		"EVENT_SOURCE": "/edited", "OTEL_SERVICE_NAME": "agent-chat", "OTEL_TRACES_SAMPLER_ARG": "0.25", "OTEL_RESOURCE_ATTRIBUTES": "team=edited",
		"OTEL_METRICS_EXEMPLAR_FILTER": "always_off", "LAMBDA_METRICS_PATH": "/edited", "LAMBDA_LOG_LEVEL": "debug", "LAMBDA_LOG_FORMAT": "text",
	} {
		if env[name] != want {
			t.Errorf("%s = %q, want %q", name, env[name], want)
		}
	}
	s.wantPod(la)
}

// wantPod compares an instance with what changeAll has made of the agent.
func (s *scenario) wantPod(la *v1alpha1.LambdaAgent) {
	s.Helper()
	pods, err := clients.Kube.CoreV1().Pods(s.namespace).List(interrupted, metav1.ListOptions{
		LabelSelector: lambda.AgentLabelKey + "=" + la.Name + ",serving.knative.dev/revision=" + la.Status.ServiceStatus.LatestRevision,
	})
	if err != nil || len(pods.Items) == 0 {
		s.Fatalf("Of revision %q there are %d instances: %v", la.Status.ServiceStatus.LatestRevision, len(pods.Items), err)
	}
	revision, err := clients.Serving.ServingV1().Revisions(s.namespace).Get(interrupted, la.Status.ServiceStatus.LatestRevision, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	pod := &pods.Items[0]
	c := &pod.Spec.Containers[0]
	for field, values := range map[string][2]any{
		"image.args":                     {c.Args, la.Spec.Image.Args},
		"image.pullPolicy":               {c.ImagePullPolicy, corev1.PullAlways},
		"image.imagePullSecrets":         {slices.Contains(pod.Spec.ImagePullSecrets, la.Spec.Image.ImagePullSecrets[0]), true},
		"serviceAccountName":             {pod.Spec.ServiceAccountName, "edited"},
		"scaling.minReplicas":            {revision.Annotations[autoscaling.MinScaleAnnotationKey], "1"},
		"scaling.maxReplicas":            {revision.Annotations[autoscaling.MaxScaleAnnotationKey], "2"},
		"scaling.targetConcurrency":      {revision.Annotations[autoscaling.TargetAnnotationKey], "4"},
		"scaling.scaleToZeroGracePeriod": {revision.Annotations[autoscaling.ScaleToZeroPodRetentionPeriodKey], "45s"},
		"scaling.containerConcurrency":   {s.concurrency(pod), "5"},
		"resources.requests":             {c.Resources.Requests.Cpu().String(), "11m"},
		"resources.limits":               {c.Resources.Limits.Memory().String(), "111Mi"},
	} {
		if diff := cmp.Diff(values[1], values[0]); diff != "" {
			s.Errorf("%s (-want, +got):\n%s", field, diff)
		}
	}
}

// concurrency is what the queue-proxy of an instance was told.
func (s *scenario) concurrency(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		for _, variable := range c.Env {
			if variable.Name == "CONTAINER_CONCURRENCY" {
				return variable.Value
			}
		}
	}
	return ""
}

// TestAgentTriggers gives an agent more than forty subscriptions, some of them with the longest of names, and takes half
// of them away.
func TestAgentTriggers(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	la := only(s.runnable(&v1alpha1.LambdaAgent{ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("a", 63)}}))
	la.Spec.Eventing = &v1alpha1.AgentEventingSpec{Subscriptions: []v1alpha1.SubscriptionSpec{
		{EventType: "com.example.stock.low", Source: "/north"},
		{EventType: "com.example.stock.low", Source: "/south"},
		{EventType: "com.example.order.*"},
		{EventType: "com.example.order.placed." + strings.Repeat("x", 60)},
		{EventType: "com.example.order.placed." + strings.Repeat("x", 59) + "y"},
	}}
	for i := range 36 {
		la.Spec.Eventing.Subscriptions = append(la.Spec.Eventing.Subscriptions, v1alpha1.SubscriptionSpec{EventType: fmt.Sprintf("com.example.topic%d", i)})
	}
	for i := range 217 {
		la.Spec.Eventing.Intents = append(la.Spec.Eventing.Intents, fmt.Sprintf("intent-%d", i))
	}
	la = s.awaitAgentReady(s.createAgent(la))
	before := s.agentTriggers(la, 41)
	for _, eventType := range []string{"com.example.order.paid", "com.example.topic35"} {
		s.awaitHeard(la, la, eventType)
	}

	la = s.awaitAgentReady(s.editAgent(la, func(la *v1alpha1.LambdaAgent) {
		la.Spec.Eventing.Subscriptions = la.Spec.Eventing.Subscriptions[:20]
	}))
	for name, filters := range s.agentTriggers(la, 20) {
		if before[name] != filters {
			t.Errorf("Trigger %s was changed by what was taken away: %s, now %s", name, before[name], filters)
		}
	}
	s.awaitHeard(la, la, "com.example.topic0")
}

// agentTriggers returns how the agent's Triggers filter, by name, of which there are so many and no two alike. It waits
// until all are ready at once: the in-memory channel forgets its subscribers for a moment when one of them goes.
func (s *scenario) agentTriggers(la *v1alpha1.LambdaAgent, n int) (named map[string]string) {
	s.Helper()
	s.until("The agent's Triggers are ready", func() error {
		triggers, err := clients.Eventing.EventingV1().Triggers(s.namespace).List(interrupted, metav1.ListOptions{LabelSelector: lambda.AgentLabelKey + "=" + la.Name})
		if err != nil {
			return err
		}
		named = map[string]string{}
		alike := map[string]string{}
		for _, trigger := range triggers.Items {
			filters, err := json.Marshal([]any{trigger.Spec.Filter, trigger.Spec.Filters})
			if err != nil {
				return err
			}
			if other := alike[string(filters)]; other != "" || len(trigger.Name) > 63 || !trigger.Status.IsReady() {
				return fmt.Errorf("Trigger %q filters as %q does, or its name is too long, or it is not ready: %+v", trigger.Name, other, trigger.Status)
			}
			named[trigger.Name], alike[string(filters)] = string(filters), trigger.Name
		}
		if len(named) != n {
			return fmt.Errorf("there are %d Triggers, want %d", len(named), n)
		}
		return nil
	})
	return named
}
