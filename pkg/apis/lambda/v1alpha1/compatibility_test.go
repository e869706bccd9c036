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
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"
)

func TestUnmarshalForms(t *testing.T) {
	for _, tc := range []struct {
		name, spec string
		want       LambdaFunctionSpec
	}{{
		name: "numbers in quotes",
		spec: `{timeoutSeconds: "60", scaling: {minReplicas: "1", maxReplicas: " 2 ", containerConcurrency: "03", targetConcurrency: "4"},
			build: {retries: "5"}}`,
		want: LambdaFunctionSpec{
			TimeoutSeconds: ptr.Int64(60),
			Scaling: ScalingSpec{
				MinReplicas: ptr.Int32(1), MaxReplicas: ptr.Int32(2), ContainerConcurrency: ptr.Int64(3), TargetConcurrency: ptr.Int32(4),
			},
			Build: BuildSpec{Retries: ptr.Int32(5)},
		},
	}, {
		name: "numbers without quotes",
		spec: `{timeoutSeconds: 60, scaling: {minReplicas: -1}}`,
		want: LambdaFunctionSpec{TimeoutSeconds: ptr.Int64(60), Scaling: ScalingSpec{MinReplicas: ptr.Int32(-1)}},
	}, {
		name: "nothing",
		spec: `{timeoutSeconds: null, scaling: {minReplicas: null, scaleToZeroGracePeriod: null}, resources: {limits: null}}`,
	}, {
		name: "version that is a number",
		spec: `{runtime: {version: 3.11}}`,
		want: LambdaFunctionSpec{Runtime: RuntimeSpec{Version: "3.11"}},
	}, {
		name: "version that is a whole number",
		spec: `{runtime: {version: 22}}`,
		want: LambdaFunctionSpec{Runtime: RuntimeSpec{Version: "22"}},
	}, {
		name: "dependencies as an object",
		spec: `{source: {inline: {dependencies: {requests: ">=2,<3", flask: "3.0"}}}}`,
		want: LambdaFunctionSpec{Source: SourceSpec{Inline: &InlineSource{Dependencies: `{"flask":"3.0","requests":"\u003e=2,\u003c3"}`}}},
	}, {
		name: "dependencies as text",
		spec: `{source: {inline: {dependencies: "requests\n"}}}`,
		want: LambdaFunctionSpec{Source: SourceSpec{Inline: &InlineSource{Dependencies: "requests\n"}}},
	}, {
		name: "pull secrets as text and as objects",
		spec: `{source: {image: {port: "80", imagePullSecrets: [a, {name: b}]}}}`,
		want: LambdaFunctionSpec{Source: SourceSpec{Image: &ImageSource{
			Port: ptr.Int32(80), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "a"}, {Name: "b"}},
		}}},
	}, {
		name: "numbers of eventing and observability",
		spec: `{eventing: {rabbitmq: {parallelism: "1", prefetchCount: "2"}, dlq: {retryMaxAttempts: "3", messageTTL: "4", maxLength: "5"},
			delivery: {retry: "7"}}, observability: {metrics: {port: "6"}}}`,
		want: LambdaFunctionSpec{
			Eventing: &EventingSpec{
				RabbitMQ: &RabbitMQSpec{Parallelism: ptr.Int32(1), PrefetchCount: ptr.Int32(2)},
				DLQ:      &DLQSpec{RetryMaxAttempts: ptr.Int32(3), MessageTTL: ptr.Int64(4), MaxLength: ptr.Int64(5)},
				Delivery: &DeliverySpec{Retry: ptr.Int32(7)},
			},
			Observability: &ObservabilitySpec{Metrics: &MetricsSpec{Port: ptr.Int32(6)}},
		},
	}, {
		name: "eventing that is off",
		spec: `{eventing: {enabled: false}}`,
		want: LambdaFunctionSpec{Eventing: &EventingSpec{Enabled: ptr.Bool(false)}},
	}, {
		name: "durations and quantities that are none do not stop the reading",
		spec: `{scaling: {scaleToZeroGracePeriod: soon}, build: {timeout: ""}, resources: {requests: {cpu: lots}, limits: {memory: 1Gi}}}`,
		want: LambdaFunctionSpec{
			Scaling:   ScalingSpec{ScaleToZeroGracePeriod: &metav1.Duration{Duration: notADuration}},
			Build:     BuildSpec{Timeout: &metav1.Duration{Duration: notADuration}},
			Resources: ResourcesSpec{Requests: corev1.ResourceList{corev1.ResourceCPU: notAQuantity}, Limits: quantities("", "1Gi")},
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			var got LambdaFunctionSpec
			if err := yaml.Unmarshal([]byte(tc.spec), &got); err != nil {
				t.Fatal("Unmarshal() =", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error("Unmarshal() (-want, +got):", diff)
			}
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		`{scaling: {scaleToZeroGracePeriod: 30}}`: `spec.scaling.scaleToZeroGracePeriod: write a duration in quotes, for example 30s`,
		`{scaling: []}`:                  `spec.scaling: `,
		`{scaling: {minReplicas: []}}`:   `minReplicas`,
		`{scaling: {minReplicas: true}}`: `minReplicas`,
		`{resources: {limits: [cpu]}}`:   `spec.resources.limits: write an object with cpu and memory`,
		// Nobody may think that a filter is there which is not.
		`{eventing: {filters: [{any: [{exact: {type: a}, sufix: {type: b}}]}]}}`: `spec.eventing.filters: unknown field "sufix"`,
		`{eventing: {filters: [{not: {all: [{cesq: "TRUE"}]}}]}}`:                `spec.eventing.filters: unknown field "cesq"`,
	} {
		var got LambdaFunctionSpec
		if err := yaml.Unmarshal([]byte(spec), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Unmarshal(%s) = %v, want %s in it", spec, err, want)
		}
	}
}

// TestValidateUnreadable holds that what was read in place of what is none is refused, and that the schema lets it
// through: an object that was stored in spite of it must still be read.
func TestValidateUnreadable(t *testing.T) {
	const inline = `source: {type: inline, inline: {code: a}}, runtime: {language: python}`
	server := newAPIServer(t, "LambdaFunction")
	for _, tc := range []struct{ spec, want string }{
		{inline + `, scaling: {scaleToZeroGracePeriod: soon}`, "not a duration: write for example 30s: spec.scaling.scaleToZeroGracePeriod"},
		{inline + `, build: {timeout: soon}`, "not a duration: write for example 30m: spec.build.timeout"},
		{
			inline + `, resources: {limits: {memory: "1e99999999999"}}`,
			"not a quantity: write for example 500m or 256Mi: spec.resources.limits.memory, spec.resources.requests.memory",
		},
		{
			inline + `, resources: {requests: {cpu: "1e-99999999999"}}`,
			"not a quantity: write for example 500m or 256Mi: spec.resources.requests.cpu",
		},
		{
			inline + `, env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "1e-99999999999"}}}]`,
			"expected exactly one, got neither: spec.env[0].valueFrom.configMapKeyRef, spec.env[0].valueFrom.secretKeyRef",
		},
		{inline + `, timeoutSeconds: soon`, wholeNumber + ": spec.timeoutSeconds"},
		{inline + `, timeoutSeconds: "9223372036854775808"`, wholeNumber + ": spec.timeoutSeconds"},
		{inline + `, scaling: {minReplicas: "1.5", maxReplicas: 3000000000}`, wholeNumber + ": spec.scaling.maxReplicas, spec.scaling.minReplicas"},
		{
			inline + `, scaling: {targetConcurrency: "", containerConcurrency: "99999999999999999999"}`,
			wholeNumber + ": spec.scaling.containerConcurrency, spec.scaling.targetConcurrency",
		},
		{inline + `, build: {retries: many}`, wholeNumber + ": spec.build.retries"},
		{`source: {type: image, image: {repository: ghcr.io/a/b, port: http}}`, wholeNumber + ": spec.source.image.port"},
		{
			`source: {type: image, image: {repository: ghcr.io/a/b, imagePullSecrets: A}}`,
			"invalid value: A: spec.source.image.imagePullSecrets[0].name\n" + subdomain,
		},
		{
			`source: {type: image, image: {repository: ghcr.io/a/b, imagePullSecrets: {name: a}}}`,
			"",
		},
		{
			`source: {type: image, image: {repository: ghcr.io/a/b, imagePullSecrets: [a, [1], {name: {}}]}}`,
			"invalid value: [1]: spec.source.image.imagePullSecrets[1].name\n" + subdomain + "\n" +
				"invalid value: {\"name\":{}}: spec.source.image.imagePullSecrets[2].name\n" + subdomain,
		},
		{
			`source: {type: inline, inline: {code: a, dependencies: [requests]}}, runtime: {language: python}`,
			"write the text of a requirements.txt, package.json or go.mod, or an object of names and versions: spec.source.inline.dependencies",
		},
		{
			`source: {type: inline, inline: {code: a}}, runtime: {language: python, version: {}}`,
			"invalid value: {}: spec.runtime.version\nwrite digits and dots, for example 3.13",
		},
		{
			`source: {type: inline, inline: {code: a}}, runtime: {language: python, version: true}`,
			"invalid value: true: spec.runtime.version\nwrite digits and dots, for example 3.13",
		},
		{
			inline + `, eventing: {enabled: false, rabbitmq: {parallelism: all}, dlq: {messageTTL: long}}`,
			wholeNumber + ": spec.eventing.dlq.messageTTL, spec.eventing.rabbitmq.parallelism",
		},
	} {
		t.Run(tc.spec, func(t *testing.T) {
			manifest := []byte("{metadata: {name: hello}, spec: {" + tc.spec + "}}")
			if errs, unknown := server.check(t, decodeObject(t, manifest)); len(errs) > 0 || len(unknown) > 0 {
				t.Errorf("the schema refuses %v, and does not know %v", errs, unknown)
			}
			fn := &LambdaFunction{}
			if err := yaml.Unmarshal(manifest, fn); err != nil {
				t.Fatal("Unmarshal() =", err)
			}
			if diff := cmp.Diff(tc.want, fn.Validate(t.Context()).Error()); diff != "" {
				t.Error("Validate() (-want, +got):", diff)
			}
			// What is stored in its place is refused as well, and for the same reason.
			stored := &LambdaFunction{}
			if err := json.Unmarshal(mustMarshal(t, fn), stored); err != nil {
				t.Fatal("Unmarshal() =", err)
			}
			if diff := cmp.Diff(tc.want, stored.Validate(t.Context()).Error()); diff != "" {
				t.Error("Validate() of what is stored (-want, +got):", diff)
			}
		})
	}
}

func TestValidateWarns(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*LambdaFunction)
		want   string
	}{{
		name: "eventing of the older operator",
		change: func(fn *LambdaFunction) {
			fn.Spec.Eventing = &EventingSpec{
				EventSource: "/shop", EventTypes: map[string]string{"a": "b"}, Monitoring: &MonitoringSpec{},
				DLQ: &DLQSpec{ExchangeName: "e", QueueName: "q", RoutingKeyPrefix: "r"},
			}
		},
		want: "stored and has no effect: spec.eventing.eventSource, spec.eventing.eventTypes, spec.eventing.monitoring\n" +
			"stored and has no effect: dead letters are not kept in RabbitMQ: spec.eventing.dlq.exchangeName, spec.eventing.dlq.queueName, spec.eventing.dlq.routingKeyPrefix",
	}, {
		name:   "eventing",
		change: func(fn *LambdaFunction) { fn.Spec.Eventing = &EventingSpec{DLQ: &DLQSpec{}} },
	}, {
		name:   "eventing that is off",
		change: func(fn *LambdaFunction) { fn.Spec.Eventing = &EventingSpec{Enabled: ptr.Bool(false)} },
	}, {
		name:   "triggers",
		change: func(fn *LambdaFunction) { fn.Spec.Triggers = []TriggerSpec{{Broker: "default"}} },
	}, {
		name:   "project",
		change: withGCS(func(s *GCSSource) { s.Project = "acme" }),
		want:   "project has no effect: names of buckets are unique over all projects: spec.source.gcs.project",
	}, {
		name: "runtime of an image",
		change: func(fn *LambdaFunction) {
			withImage(func(*ImageSource) {})(fn)
			fn.Spec.Runtime = RuntimeSpec{Language: "cobol", Version: "85", Handler: "index.handler"}
		},
		want: "runtime has no effect: source.type is image, and the image has its own runtime: spec.runtime",
	}, {
		name: "build of an image",
		change: func(fn *LambdaFunction) {
			withImage(func(*ImageSource) {})(fn)
			fn.Spec.Build.Registry = "ghcr.io/acme"
		},
		want: "build has no effect: source.type is image, and nothing is built: spec.build",
	}, {
		name: "nothing of a build of an image",
		change: func(fn *LambdaFunction) {
			withImage(func(*ImageSource) {})(fn)
			fn.Spec.Build.Retries = ptr.Int32(0)
		},
	}, {
		name:   "token in a URL",
		change: withGitURL("https://user:token@git.example.com/org/repo"),
		want: "who may read the function may read the credentials in it: put them into a Secret and name that in secretRef: " +
			"spec.source.git.url",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			err := validFunction(tc.change).Validate(t.Context())
			if refused := err.Filter(apis.ErrorLevel); refused != nil {
				t.Error("Validate() refuses", refused)
			}
			if diff := cmp.Diff(tc.want, err.Filter(apis.WarningLevel).Error()); diff != "" {
				t.Error("Validate() (-want, +got):", diff)
			}
		})
	}
}

// TestUpdateForgetsDefaults edits fields that defaults of others were made from: what the user never wrote goes along.
func TestUpdateForgetsDefaults(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after func(*LambdaFunction)
		want          func(*LambdaFunctionSpec)
	}{{
		name:  "nothing",
		after: func(*LambdaFunction) {},
		want:  func(*LambdaFunctionSpec) {},
	}, {
		name:  "language",
		after: func(fn *LambdaFunction) { fn.Spec.Runtime.Language = LanguageNodeJS },
		want: func(s *LambdaFunctionSpec) {
			s.Runtime.Language, s.Runtime.Handler, s.Runtime.Version = LanguageNodeJS, "index.handler", "22"
		},
	}, {
		name:  "alias of the same language",
		after: func(fn *LambdaFunction) { fn.Spec.Runtime.Language = "python3" },
		want:  func(*LambdaFunctionSpec) {},
	}, {
		name:   "language, and a handler of the user's",
		before: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "app.run" },
		after:  func(fn *LambdaFunction) { fn.Spec.Runtime.Language = "golang" },
		want: func(s *LambdaFunctionSpec) {
			s.Runtime.Language, s.Runtime.Handler, s.Runtime.Version = LanguageGo, "app.run", "1.26"
		},
	}, {
		name:  "concurrency",
		after: func(fn *LambdaFunction) { fn.Spec.Scaling.ContainerConcurrency = ptr.Int64(1) },
		want: func(s *LambdaFunctionSpec) {
			s.Scaling.ContainerConcurrency, s.Scaling.TargetConcurrency = ptr.Int64(1), ptr.Int32(1)
		},
	}, {
		name:   "concurrency, and a target of the user's",
		before: func(fn *LambdaFunction) { fn.Spec.Scaling.TargetConcurrency = ptr.Int32(7) },
		after:  func(fn *LambdaFunction) { fn.Spec.Scaling.ContainerConcurrency = ptr.Int64(1) },
		want: func(s *LambdaFunctionSpec) {
			s.Scaling.ContainerConcurrency, s.Scaling.TargetConcurrency = ptr.Int64(1), ptr.Int32(7)
		},
	}, {
		name:  "limit under the request",
		after: func(fn *LambdaFunction) { fn.Spec.Resources.Limits = quantities("1", "32Mi") },
		want: func(s *LambdaFunctionSpec) {
			s.Resources = ResourcesSpec{Requests: quantities("50m", "32Mi"), Limits: quantities("1", "32Mi")}
		},
	}, {
		name:  "request over the limit",
		after: func(fn *LambdaFunction) { fn.Spec.Resources.Requests = quantities("2", "64Mi") },
		want: func(s *LambdaFunctionSpec) {
			s.Resources = ResourcesSpec{Requests: quantities("2", "64Mi"), Limits: quantities("2", "512Mi")}
		},
	}, {
		name:   "limit under a request of the user's",
		before: func(fn *LambdaFunction) { fn.Spec.Resources.Requests = quantities("", "100Mi") },
		after:  func(fn *LambdaFunction) { fn.Spec.Resources.Limits = quantities("1", "32Mi") },
		want: func(s *LambdaFunctionSpec) {
			s.Resources = ResourcesSpec{Requests: quantities("50m", "100Mi"), Limits: quantities("1", "32Mi")}
		},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			before := validFunction(tc.before)
			before.SetDefaults(t.Context())
			after := before.DeepCopy()
			tc.after(after)
			ctx := apis.WithinUpdate(t.Context(), before.DeepCopy())
			after.SetDefaults(ctx)
			want := before.Spec.DeepCopy()
			tc.want(want)
			if diff := cmp.Diff(*want, after.Spec); diff != "" {
				t.Error("SetDefaults() (-want, +got):", diff)
			}
			again := after.DeepCopy()
			again.SetDefaults(ctx)
			if diff := cmp.Diff(after.Spec, again.Spec); diff != "" {
				t.Error("SetDefaults() a second time (-want, +got):", diff)
			}
		})
	}
}

// FuzzRoundTrip looks for objects that change when what is stored is read again.
func FuzzRoundTrip(f *testing.F) {
	for _, manifest := range legacyManifests(f, "legacy") {
		seed, err := yaml.YAMLToJSON(manifest)
		if err != nil {
			f.Fatal("YAMLToJSON() =", err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"spec":{"scaling":{"scaleToZeroGracePeriod":"soon"},"resources":{"limits":{"cpu":"lots","memory":1.5}}}}`))
	f.Add([]byte(`{"spec":{"source":{"inline":{"dependencies":{"a":{"b":[1,null,"c"]}}}},"runtime":{"version":1e3}}}`))
	f.Add([]byte(`{"status":{"buildStatus":{"attempt":2,"logTail":"\\u0000"},"serviceStatus":{"ready":true,"replicas":0}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkRoundTrip(t, data, &LambdaFunction{}, &LambdaFunction{})
	})
}

// checkRoundTrip reads data into first, if that can be, and what is stored of it into second.
func checkRoundTrip(t *testing.T, data []byte, first, second admitted) {
	t.Helper()
	if json.Unmarshal(data, first) != nil {
		return
	}
	stored, err := json.Marshal(first)
	if err != nil {
		// A time of a year that JSON has no form for can be read and not written.
		return
	}
	if err := json.Unmarshal(stored, second); err != nil {
		t.Fatalf("failed to read %s: %v", stored, err)
	}
	if diff := cmp.Diff(string(stored), string(mustMarshal(t, second))); diff != "" {
		t.Error("what is stored changes when it is read (-before, +after):", diff)
	}
}

func TestNotADurationIsRead(t *testing.T) {
	if got, err := time.ParseDuration(notADuration.String()); err != nil || got != notADuration {
		t.Errorf("ParseDuration() = %v, %v", got, err)
	}
}
