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
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"
)

// validFunction is the shortest function that is accepted, with changes.
func validFunction(change func(*LambdaFunction)) *LambdaFunction {
	fn := &LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: "default"},
		Spec: LambdaFunctionSpec{
			Source:  SourceSpec{Type: SourceTypeInline, Inline: &InlineSource{Code: "def handler(event): pass"}},
			Runtime: RuntimeSpec{Language: LanguagePython},
		},
	}
	if change != nil {
		change(fn)
	}
	return fn
}

func withFile(path string) func(*LambdaFunction) {
	return func(fn *LambdaFunction) { fn.Spec.Source.Inline.Files = map[string]string{path: "text"} }
}

func withEnv(env ...corev1.EnvVar) func(*LambdaFunction) {
	return func(fn *LambdaFunction) { fn.Spec.Env = env }
}

func withEnvFrom(from ...corev1.EnvFromSource) func(*LambdaFunction) {
	return func(fn *LambdaFunction) { fn.Spec.EnvFrom = from }
}

func withValueFrom(from corev1.EnvVarSource) func(*LambdaFunction) {
	return withEnv(corev1.EnvVar{Name: "A", ValueFrom: &from})
}

func secretKey(name, key string) *corev1.SecretKeySelector {
	return &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key}
}

func configMapKey(name, key string) *corev1.ConfigMapKeySelector {
	return &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key}
}

func secretRef(name string) *corev1.SecretEnvSource {
	return &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}
}

func configMapRef(name string) *corev1.ConfigMapEnvSource {
	return &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}
}

func TestValidateAccepts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*LambdaFunction)
	}{
		{name: "the shortest function"},
		{name: "an alias of the language", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Language = "python3" }},
		{name: "files without code", change: func(fn *LambdaFunction) {
			fn.Spec.Source.Inline = &InlineSource{Files: map[string]string{"main.py": "", "data/a b/c-d_e.json": "{}"}}
		}},
		{name: "exactly as much as is allowed", change: func(fn *LambdaFunction) {
			fn.Spec.Source.Inline = &InlineSource{
				Code: strings.Repeat("#", MaxInlineBytes-7), Dependencies: "a==1", Files: map[string]string{"f": "12"},
			}
		}},
		{name: "a function of the main file", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "handler" }},
		{name: "a path of modules", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "pkg.mod_1.Class" }},
		{name: "the limits of scaling", change: func(fn *LambdaFunction) {
			fn.Spec.Scaling = ScalingSpec{
				MinReplicas: ptr.Int32(3), MaxReplicas: ptr.Int32(3), ContainerConcurrency: ptr.Int64(1000),
				TargetConcurrency: ptr.Int32(1000), ScaleToZeroGracePeriod: &metav1.Duration{Duration: time.Hour},
			}
		}},
		{name: "no limit of instances", change: func(fn *LambdaFunction) {
			fn.Spec.Scaling = ScalingSpec{MinReplicas: ptr.Int32(3), MaxReplicas: ptr.Int32(0)}
		}},
		{name: "a request that is its limit", change: func(fn *LambdaFunction) {
			fn.Spec.Resources = ResourcesSpec{Requests: quantities("1", "1Gi"), Limits: quantities("1000m", "1024Mi")}
		}},
		{name: "a build that is long, and another registry", change: func(fn *LambdaFunction) {
			fn.Spec.Build = BuildSpec{Timeout: &metav1.Duration{Duration: 24 * time.Hour}, Registry: "10.0.0.1:5000/a/b"}
		}},
		{name: "environment", change: func(fn *LambdaFunction) {
			withEnv(
				corev1.EnvVar{Name: "PLAIN", Value: "1"},
				corev1.EnvVar{Name: "HANDLER", Value: "mine"},
				corev1.EnvVar{Name: "SECRET", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: secretKey("s", "k")}},
				corev1.EnvVar{Name: "CONFIG", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: configMapKey("c", "k")}},
			)(fn)
			withEnvFrom(
				corev1.EnvFromSource{SecretRef: secretRef("s")},
				corev1.EnvFromSource{ConfigMapRef: configMapRef("c"), Prefix: "C_"},
			)(fn)
		}},
		{name: "a module of a package", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "pkg.main.handler" }},
		{name: "an application", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "main:app" }},
		{name: "an application of a package", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "pkg.main:app" }},
		{name: "a handler as long as is allowed", change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = strings.Repeat("a", 100) }},
		{name: "a name as long as is allowed", change: func(fn *LambdaFunction) { fn.Name = strings.Repeat("a", 63) }},
		{name: "other annotations", change: func(fn *LambdaFunction) {
			fn.Annotations = map[string]string{"lambda.knative.io/rebuild": "1", "example.com/receiver-mode": "true"}
		}},
		{name: "a handler in Node.js", change: func(fn *LambdaFunction) {
			fn.Spec.Runtime.Language, fn.Spec.Runtime.Handler = "nodejs", "index.handler"
		}},
		{name: "a handler in folders in Node.js", change: func(fn *LambdaFunction) {
			fn.Spec.Runtime.Language, fn.Spec.Runtime.Handler = "nodejs", "orders.intake.index.handler"
		}},
		{name: "a handler in folders in Go", change: func(fn *LambdaFunction) {
			fn.Spec.Runtime.Language, fn.Spec.Runtime.Handler = "go", "orders.intake.Total"
		}},
		{name: "a service call of an hour", change: func(fn *LambdaFunction) { fn.Spec.TimeoutSeconds = ptr.Int64(3600) }},
		{name: "all of a build", change: func(fn *LambdaFunction) {
			fn.Spec.Build = BuildSpec{
				Registry: "123456789012.dkr.ecr.eu-central-1.amazonaws.com", RegistryType: RegistryTypeECR, Repository: "a/b_c", Tag: "v1.0",
				ImagePullSecret: "ecr", Insecure: true, ForceRebuild: true, Retries: ptr.Int32(10),
			}
		}},
		{name: "another registry of Amazon's with its region", change: func(fn *LambdaFunction) {
			fn.Spec.Build = BuildSpec{Registry: "registry.example.com", RegistryType: RegistryTypeECR, AWSRegion: "eu-central-1"}
		}},
		{name: "eventing that is off", change: func(fn *LambdaFunction) {
			fn.Spec.Eventing = &EventingSpec{
				Enabled: ptr.Bool(false), BrokerName: "default", SubscriberServiceName: "other",
				RabbitMQ: &RabbitMQSpec{Parallelism: ptr.Int32(1), PrefetchCount: ptr.Int32(1)},
				DLQ:      &DLQSpec{RetryMaxAttempts: ptr.Int32(100), MessageTTL: ptr.Int64(0), MaxLength: ptr.Int64(0)},
			}
		}},
		{name: "a service account", change: func(fn *LambdaFunction) { fn.Spec.ServiceAccountName = "robot.v1" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fn := validFunction(tc.change)
			before := fn.DeepCopy()
			if err := fn.Validate(context.Background()); err != nil {
				t.Error("Validate() =", err)
			}
			if diff := cmp.Diff(before, fn); diff != "" {
				t.Error("Validate() changed the function (-before, +after):", diff)
			}
		})
	}
}

type refusal struct {
	name   string
	change func(*LambdaFunction)
	want   string
}

func TestValidateRefuses(t *testing.T) {
	for group, refusals := range map[string][]refusal{
		"metadata":  metadataRefusals,
		"source":    append(sourceRefusals, moreSourceRefusals...),
		"runtime":   runtimeRefusals,
		"scaling":   scalingRefusals,
		"resources": resourcesRefusals,
		"build":     buildRefusals,
		"env":       envRefusals,
		"eventing":  eventingRefusals,
	} {
		for _, tc := range refusals {
			t.Run(group+"/"+tc.name, func(t *testing.T) {
				err := validFunction(tc.change).Validate(apis.WithinCreate(context.Background()))
				if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
					t.Error("Validate() (-want, +got):", diff)
				}
			})
		}
	}
}

var metadataRefusals = []refusal{{
	name:   "name that is no DNS-1035 label",
	change: func(fn *LambdaFunction) { fn.Name = "1.hello" },
	want: "not a name for a Knative Service: 1.hello: a DNS-1035 label must consist of lower case alphanumeric characters or '-', " +
		"start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', " +
		"regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?'): metadata.name",
}, {
	name:   "name that is too long",
	change: func(fn *LambdaFunction) { fn.Name = strings.Repeat("a", 64) },
	want:   "not a name for a Knative Service: " + strings.Repeat("a", 64) + ": must be no more than 63 characters: metadata.name",
}, {
	name: "annotations of privilege",
	change: func(fn *LambdaFunction) {
		fn.Annotations = map[string]string{"lambda.knative.io/receiver-mode": "true", "lambda.knative.io/use-operator-image": ""}
	},
	want: `invalid key name "lambda.knative.io/receiver-mode": metadata.annotations` + "\nno annotation gives privilege; remove it\n" +
		`invalid key name "lambda.knative.io/use-operator-image": metadata.annotations` + "\nno annotation gives privilege; remove it",
}}

var sourceRefusals = []refusal{{
	name:   "no type",
	change: func(fn *LambdaFunction) { fn.Spec.Source.Type = "" },
	want:   "missing field(s): spec.source.type",
}, {
	name:   "unknown type",
	change: func(fn *LambdaFunction) { fn.Spec.Source.Type = "floppy" },
	want:   "invalid value: floppy: spec.source.type\nchoose one of: inline, git, s3, minio, gcs, oci, image",
}, {
	name:   "no source of the type",
	change: func(fn *LambdaFunction) { fn.Spec.Source.Inline = nil },
	want:   "missing field(s): spec.source.inline",
}, {
	name:   "empty",
	change: func(fn *LambdaFunction) { fn.Spec.Source.Inline = &InlineSource{Dependencies: "requests"} },
	want:   "expected exactly one, got neither: spec.source.inline.code, spec.source.inline.files",
}, {
	name: "too large",
	change: func(fn *LambdaFunction) {
		fn.Spec.Source.Inline = &InlineSource{
			Code: strings.Repeat("#", MaxInlineBytes-7), Dependencies: "a==1", Files: map[string]string{"f": "123"},
		}
	},
	want: "524289 bytes of inline source, over the limit of 524288: put it into git or object storage: " +
		"spec.source.inline.code, spec.source.inline.files",
}, {
	name:   "file that is not text",
	change: func(fn *LambdaFunction) { fn.Spec.Source.Inline.Files = map[string]string{"data": "\xff"} },
	want:   "not UTF-8 text: spec.source.inline.files[data]",
}, {
	name:   "path of nothing",
	change: withFile(""),
	want:   `invalid key name "": spec.source.inline.files` + "\na path has 1 to 512 characters",
}, {
	name:   "path that is too long",
	change: withFile(strings.Repeat("a", 513)),
	want:   `invalid key name "` + strings.Repeat("a", 513) + `": spec.source.inline.files` + "\na path has 1 to 512 characters",
}, {
	name:   "absolute path",
	change: withFile("/etc/passwd"),
	want:   `invalid key name "/etc/passwd": spec.source.inline.files` + "\na path is relative to the function's folder: remove the leading /",
}, {
	name:   "path that leaves the folder",
	change: withFile("a/../../b"),
	want:   `invalid key name "a/../../b": spec.source.inline.files` + "\na path stays inside the function's folder: remove ..",
}, {
	name:   "path like an option",
	change: withFile("-rf"),
	want:   `invalid key name "-rf": spec.source.inline.files` + "\na path does not begin with -",
}, {
	name:   "path of a shell",
	change: withFile("$(id).py"),
	want:   `invalid key name "$(id).py": spec.source.inline.files` + "\na path has letters, digits, . _ - / and inner spaces",
}, {
	name:   "path with a space at its end",
	change: withFile("main.py "),
	want:   `invalid key name "main.py ": spec.source.inline.files` + "\na path has letters, digits, . _ - / and inner spaces",
}, {
	name:   "path that can be shorter",
	change: withFile("./a//b.py"),
	want:   `invalid key name "./a//b.py": spec.source.inline.files` + "\nwrite it as a/b.py",
}}

const (
	anyHandler    = "write module.function, or function alone for one in the main file"
	pythonHandler = anyHandler + ", or module:app for an application of ASGI or WSGI"
	wholeNumber   = "not a whole number, or none that is so small or large: write for example 10"
)

var runtimeRefusals = []refusal{{
	name:   "no language",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Language = "" },
	want:   "missing field(s): spec.runtime.language",
}, {
	name:   "unknown language",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Language = "cobol" },
	want:   "invalid value: cobol: spec.runtime.language\nchoose one of: go, nodejs, python",
}, {
	name:   "version in words",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Version = "latest" },
	want:   "invalid value: latest: spec.runtime.version\nwrite digits and dots, for example 3.13",
}, {
	name:   "version that is too long",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Version = "3.13.0.0.0.0.0.0.0.0.0" },
	want:   "invalid value: 3.13.0.0.0.0.0.0.0.0.0: spec.runtime.version\nwrite digits and dots, for example 3.13",
}, {
	name:   "version that is not on offer",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Version = "3.9" },
	want:   "invalid value: 3.9: spec.runtime.version\npython is offered in: 3.11, 3.12, 3.13",
}, {
	name:   "version with a suffix that is not on offer",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Version = "3.13-slim" },
	want:   "invalid value: 3.13-slim: spec.runtime.version\npython is offered in: 3.11, 3.12, 3.13",
}, {
	name:   "version with two suffixes",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Version = "3.13-slim-x" },
	want:   "invalid value: 3.13-slim-x: spec.runtime.version\nwrite digits and dots, for example 3.13",
}, {
	name:   "handler of a shell",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "main.handler;id" },
	want:   "invalid value: main.handler;id: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler that is too long",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = strings.Repeat("a", 101) },
	want:   "invalid value: " + strings.Repeat("a", 100) + "...: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler that is an application of more than one module",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "main:app:app" },
	want:   "invalid value: main:app:app: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler that is an attribute of an application",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "main:app.handler" },
	want:   "invalid value: main:app.handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler that is an application of no module",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = ":app" },
	want:   "invalid value: :app: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "application that is not in Python",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Language, fn.Spec.Runtime.Handler = "nodejs", "index:app" },
	want:   "invalid value: index:app: spec.runtime.handler\n" + anyHandler,
}, {
	name: "folder without a name",
	change: func(fn *LambdaFunction) {
		fn.Spec.Runtime.Language, fn.Spec.Runtime.Handler = "nodejs", ".index.handler"
	},
	want: "invalid value: .index.handler: spec.runtime.handler\n" + anyHandler,
}, {
	name:   "handler with two dots beside each other",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "pkg..handler" },
	want:   "invalid value: pkg..handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler with a line feed at its end",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "main.handler\n" },
	want:   "invalid value: main.handler\n: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler that begins with a digit",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "1main.handler" },
	want:   "invalid value: 1main.handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler of a path",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "src/main.handler" },
	want:   "invalid value: src/main.handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler in quotes",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "'main'.handler" },
	want:   "invalid value: 'main'.handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler with a space",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "main. handler" },
	want:   "invalid value: main. handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "handler that is not ASCII",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Handler = "größe.handler" },
	want:   "invalid value: größe.handler: spec.runtime.handler\n" + pythonHandler,
}, {
	name:   "version with a line of a Dockerfile",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Version = "3.13\nRUN id" },
	want:   "invalid value: 3.13\nRUN id: spec.runtime.version\nwrite digits and dots, for example 3.13",
}, {
	name:   "pull policy that is none",
	change: func(fn *LambdaFunction) { fn.Spec.ImagePullPolicy = "Sometimes" },
	want:   "invalid value: Sometimes: spec.imagePullPolicy\nchoose one of: Always, IfNotPresent, Never",
}, {
	name:   "unknown response",
	change: func(fn *LambdaFunction) { fn.Spec.Runtime.Response = "xml" },
	want:   "invalid value: xml: spec.runtime.response\nchoose one of: raw, envelope",
}, {
	name:   "no second for a call",
	change: func(fn *LambdaFunction) { fn.Spec.TimeoutSeconds = ptr.Int64(0) },
	want:   "invalid value: 0: spec.timeoutSeconds\ngive at least 1 second",
}, {
	name:   "service account that is no name",
	change: func(fn *LambdaFunction) { fn.Spec.ServiceAccountName = "My Robot" },
	want: "invalid value: My Robot: spec.serviceAccountName\na lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, " +
		"'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', " +
		"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
}}

var scalingRefusals = []refusal{{
	name:   "less than none",
	change: func(fn *LambdaFunction) { fn.Spec.Scaling.MinReplicas = ptr.Int32(-1) },
	want:   "invalid value: -1: spec.scaling.minReplicas\ngive 0 or more",
}, {
	name:   "at most less than none",
	change: func(fn *LambdaFunction) { fn.Spec.Scaling.MaxReplicas = ptr.Int32(-1) },
	want:   "invalid value: -1: spec.scaling.maxReplicas\ngive 0 (no limit) or more",
}, {
	name: "at least more than at most",
	change: func(fn *LambdaFunction) {
		fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(3), ptr.Int32(2)
	},
	want: "minReplicas 3 is over maxReplicas 2: spec.scaling.maxReplicas, spec.scaling.minReplicas",
}, {
	name:   "negative concurrency",
	change: func(fn *LambdaFunction) { fn.Spec.Scaling.ContainerConcurrency = ptr.Int64(-1) },
	want:   "expected 0 <= -1 <= 1000: spec.scaling.containerConcurrency",
}, {
	name:   "more concurrency than Knative takes",
	change: func(fn *LambdaFunction) { fn.Spec.Scaling.ContainerConcurrency = ptr.Int64(1001) },
	want:   "expected 0 <= 1001 <= 1000: spec.scaling.containerConcurrency",
}, {
	name:   "target of none",
	change: func(fn *LambdaFunction) { fn.Spec.Scaling.TargetConcurrency = ptr.Int32(0) },
	want:   "invalid value: 0: spec.scaling.targetConcurrency\ngive 1 or more",
}, {
	name: "target out of reach",
	change: func(fn *LambdaFunction) {
		fn.Spec.Scaling.ContainerConcurrency, fn.Spec.Scaling.TargetConcurrency = ptr.Int64(2), ptr.Int32(3)
	},
	want: "targetConcurrency 3 is over containerConcurrency 2 and can never be reached: spec.scaling.targetConcurrency",
}, {
	name: "negative grace",
	change: func(fn *LambdaFunction) {
		fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{Duration: -time.Second}
	},
	want: "expected 0s <= -1s <= 1h0m0s: spec.scaling.scaleToZeroGracePeriod",
}, {
	name: "more grace than Knative takes",
	change: func(fn *LambdaFunction) {
		fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{Duration: time.Hour + time.Second}
	},
	want: "expected 0s <= 1h0m1s <= 1h0m0s: spec.scaling.scaleToZeroGracePeriod",
}}

var resourcesRefusals = []refusal{{
	name: "other than cpu and memory",
	change: func(fn *LambdaFunction) {
		fn.Spec.Resources.Limits = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
	},
	want: `invalid key name "nvidia.com/gpu": spec.resources.limits` + "\nchoose cpu or memory",
}, {
	name:   "limit of nothing",
	change: func(fn *LambdaFunction) { fn.Spec.Resources.Limits = quantities("0", "") },
	want:   "invalid value: 0: spec.resources.limits.cpu, spec.resources.requests.cpu\ngive more than 0",
}, {
	name:   "negative request",
	change: func(fn *LambdaFunction) { fn.Spec.Resources.Requests = quantities("", "-1Mi") },
	want:   "invalid value: -1Mi: spec.resources.requests.memory\ngive more than 0",
}, {
	name: "request over its limit",
	change: func(fn *LambdaFunction) {
		fn.Spec.Resources = ResourcesSpec{Requests: quantities("2", "2Gi"), Limits: quantities("1", "4Gi")}
	},
	want: "invalid value: 2: spec.resources.requests.cpu\nover the limit of 1",
}}

var buildRefusals = []refusal{{
	name:   "too short",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Timeout = &metav1.Duration{Duration: 59 * time.Second} },
	want:   "expected 1m0s <= 59s <= 24h0m0s: spec.build.timeout",
}, {
	name:   "too long",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Timeout = &metav1.Duration{Duration: 25 * time.Hour} },
	want:   "expected 1m0s <= 25h0m0s <= 24h0m0s: spec.build.timeout",
}, {
	name:   "registry with a scheme",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Registry = "https://ghcr.io/acme" },
	want:   "invalid value: https://ghcr.io/acme: spec.build.registry\nwrite a host with or without a path, without a scheme",
}, {
	name:   "registry with a variable",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Registry = "$REGISTRY/acme" },
	want:   "invalid value: $REGISTRY/acme: spec.build.registry\nwrite a host with or without a path, without a scheme",
}, {
	name:   "unknown type of registry",
	change: func(fn *LambdaFunction) { fn.Spec.Build.RegistryType = "quay" },
	want:   "invalid value: quay: spec.build.registryType\nchoose one of: local, ecr, gcr, ghcr, dockerhub, generic",
}, {
	name: "registry of Amazon without a region",
	change: func(fn *LambdaFunction) {
		fn.Spec.Build.Registry, fn.Spec.Build.RegistryType = "registry.example.com", RegistryTypeECR
	},
	want: "missing field(s): spec.build.awsRegion",
}, {
	name:   "region that is none",
	change: func(fn *LambdaFunction) { fn.Spec.Build.AWSRegion = "europe" },
	want:   "invalid value: europe: spec.build.awsRegion\nwrite a region such as eu-central-1",
}, {
	name:   "repository with a tag",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Repository = "acme/hello:v1" },
	want:   "invalid value: acme/hello:v1: spec.build.repository\nwrite lower-case letters, digits, . _ - and / between parts",
}, {
	name:   "tag of a shell",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Tag = "v1;id" },
	want:   "invalid value: v1;id: spec.build.tag\nwrite letters, digits, . _ and -, at most 127",
}, {
	name:   "secret that is no name",
	change: func(fn *LambdaFunction) { fn.Spec.Build.ImagePullSecret = "My Secret" },
	want:   "invalid value: My Secret: spec.build.imagePullSecret\n" + subdomain,
}, {
	name:   "more tries than are allowed",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Retries = ptr.Int32(11) },
	want:   "expected 0 <= 11 <= 10: spec.build.retries",
}, {
	name:   "less than no tries",
	change: func(fn *LambdaFunction) { fn.Spec.Build.Retries = ptr.Int32(-1) },
	want:   "expected 0 <= -1 <= 10: spec.build.retries",
}}

var eventingRefusals = []refusal{{
	name: "names that are none",
	change: func(fn *LambdaFunction) {
		fn.Spec.Eventing = &EventingSpec{Enabled: ptr.Bool(false), BrokerName: "My Broker"}
	},
	want: "invalid value: My Broker: spec.eventing.brokerName\n" + subdomain,
}, {
	name: "numbers out of bounds",
	change: func(fn *LambdaFunction) {
		fn.Spec.Eventing = &EventingSpec{
			Enabled:  ptr.Bool(false),
			RabbitMQ: &RabbitMQSpec{Parallelism: ptr.Int32(0), PrefetchCount: ptr.Int32(-1)},
			DLQ:      &DLQSpec{RetryMaxAttempts: ptr.Int32(101), MessageTTL: ptr.Int64(-1), MaxLength: ptr.Int64(-2)},
		}
	},
	want: "expected 0 <= -1 <= 9223372036854775807: spec.eventing.dlq.messageTTL\n" +
		"expected 0 <= -2 <= 9223372036854775807: spec.eventing.dlq.maxLength\n" +
		"expected 0 <= 101 <= 100: spec.eventing.dlq.retryMaxAttempts\n" +
		"expected 1 <= -1 <= 1000: spec.eventing.rabbitmq.prefetchCount\n" +
		"expected 1 <= 0 <= 1000: spec.eventing.rabbitmq.parallelism",
}, {
	name:   "trigger without a broker",
	change: func(fn *LambdaFunction) { fn.Spec.Triggers = []TriggerSpec{{}} },
	want:   "missing field(s): spec.triggers[0].broker",
}, {
	name: "observability out of bounds",
	change: func(fn *LambdaFunction) {
		fn.Spec.Observability = &ObservabilitySpec{
			Tracing: &TracingSpec{SamplingRate: "NaN"}, Metrics: &MetricsSpec{Port: ptr.Int32(65536)},
		}
	},
	want: "expected 1 <= 65536 <= 65535: spec.observability.metrics.port\n" +
		"invalid value: NaN: spec.observability.tracing.samplingRate\nwrite a number from 0 to 1 in quotes",
}}

var envRefusals = []refusal{{
	name:   "no name",
	change: withEnv(corev1.EnvVar{Value: "1"}),
	want: "invalid value: : spec.env[0].name\na valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', " +
		"and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', " +
		"regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')",
}, {
	name:   "Knative's own",
	change: withEnv(corev1.EnvVar{Name: "PORT", Value: "1"}, corev1.EnvVar{Name: "K_SERVICE", Value: "1"}),
	want: "invalid value: K_SERVICE: spec.env[1].name\nPORT and K_* are Knative's own: take another name\n" +
		"invalid value: PORT: spec.env[0].name\nPORT and K_* are Knative's own: take another name",
}, {
	name:   "twice",
	change: withEnv(corev1.EnvVar{Name: "A", Value: "1"}, corev1.EnvVar{Name: "B", Value: "1"}, corev1.EnvVar{Name: "A", Value: "2"}),
	want:   "A is set twice: spec.env[2].name",
}, {
	name: "value of two kinds",
	change: withEnv(corev1.EnvVar{
		Name: "A", Value: "1", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: secretKey("s", "k")},
	}),
	want: "expected exactly one, got both: spec.env[0].value, spec.env[0].valueFrom",
}, {
	name:   "value from two places",
	change: withValueFrom(corev1.EnvVarSource{SecretKeyRef: secretKey("s", "k"), ConfigMapKeyRef: configMapKey("c", "k")}),
	want:   "expected exactly one, got both: spec.env[0].valueFrom.configMapKeyRef, spec.env[0].valueFrom.secretKeyRef",
}, {
	name:   "value from a place that Knative does not allow",
	change: withValueFrom(corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}),
	want:   "expected exactly one, got neither: spec.env[0].valueFrom.configMapKeyRef, spec.env[0].valueFrom.secretKeyRef",
}, {
	name:   "Secret without name and key",
	change: withValueFrom(corev1.EnvVarSource{SecretKeyRef: secretKey("", "")}),
	want:   "missing field(s): spec.env[0].valueFrom.secretKeyRef.key, spec.env[0].valueFrom.secretKeyRef.name",
}, {
	name:   "ConfigMap without name and key",
	change: withValueFrom(corev1.EnvVarSource{ConfigMapKeyRef: configMapKey("", "")}),
	want:   "missing field(s): spec.env[0].valueFrom.configMapKeyRef.key, spec.env[0].valueFrom.configMapKeyRef.name",
}, {
	name:   "all of two",
	change: withEnvFrom(corev1.EnvFromSource{SecretRef: secretRef("s"), ConfigMapRef: configMapRef("c")}),
	want:   "expected exactly one, got both: spec.envFrom[0].configMapRef, spec.envFrom[0].secretRef",
}, {
	name:   "all of nothing",
	change: withEnvFrom(corev1.EnvFromSource{SecretRef: secretRef("s")}, corev1.EnvFromSource{Prefix: "A_"}),
	want:   "expected exactly one, got neither: spec.envFrom[1].configMapRef, spec.envFrom[1].secretRef",
}, {
	name:   "all of a Secret without a name",
	change: withEnvFrom(corev1.EnvFromSource{SecretRef: secretRef("")}),
	want:   "missing field(s): spec.envFrom[0].secretRef.name",
}, {
	name:   "Secret and key that are no names",
	change: withValueFrom(corev1.EnvVarSource{SecretKeyRef: secretKey("My Secret", "a/b")}),
	want: "invalid value: My Secret: spec.env[0].valueFrom.secretKeyRef.name\n" + subdomain + "\n" +
		"invalid value: a/b: spec.env[0].valueFrom.secretKeyRef.key\na valid config key must consist of alphanumeric characters, '-', '_' or '.' " +
		"(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
}, {
	name:   "all of a Secret that is no name",
	change: withEnvFrom(corev1.EnvFromSource{SecretRef: secretRef("My Secret")}),
	want:   "invalid value: My Secret: spec.envFrom[0].secretRef.name\n" + subdomain,
}, {
	name:   "prefix that is no name",
	change: withEnvFrom(corev1.EnvFromSource{ConfigMapRef: configMapRef("c"), Prefix: "1="}),
	want: "invalid value: 1=: spec.envFrom[0].prefix\na valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', " +
		"and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', " +
		"regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')",
}, {
	name:   "all of a ConfigMap without a name",
	change: withEnvFrom(corev1.EnvFromSource{ConfigMapRef: configMapRef("")}),
	want:   "missing field(s): spec.envFrom[0].configMapRef.name",
}}

func TestValidateLetsGo(t *testing.T) {
	invalid := func() *LambdaFunction {
		return validFunction(func(fn *LambdaFunction) { fn.Spec = LambdaFunctionSpec{} })
	}
	// Such annotations are refused wherever they come from, also from before they were.
	privileged := func() *LambdaFunction {
		return validFunction(func(fn *LambdaFunction) {
			fn.Annotations = map[string]string{"lambda.knative.io/receiver-mode": "true"}
		})
	}
	dying := privileged()
	dying.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	deleting := invalid()
	deleting.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	for _, tc := range []struct {
		name string
		ctx  context.Context
		fn   *LambdaFunction
		want bool
	}{
		{name: "create", ctx: apis.WithinCreate(context.Background()), fn: invalid(), want: false},
		{name: "update", ctx: apis.WithinUpdate(context.Background(), invalid()), fn: invalid(), want: false},
		{name: "delete", ctx: apis.WithinDelete(context.Background()), fn: invalid(), want: true},
		{name: "update into what is refused", ctx: apis.WithinUpdate(context.Background(), validFunction(nil)), fn: invalid(), want: false},
		{name: "update of what was refused", ctx: apis.WithinUpdate(context.Background(), invalid()), fn: validFunction(nil), want: true},
		{name: "update of privilege", ctx: apis.WithinUpdate(context.Background(), privileged()), fn: privileged(), want: false},
		{name: "update into privilege", ctx: apis.WithinUpdate(context.Background(), validFunction(nil)), fn: privileged(), want: false},
		{name: "delete of privilege", ctx: apis.WithinDelete(context.Background()), fn: privileged(), want: true},
		{name: "removal of a finalizer of privilege", ctx: apis.WithinUpdate(context.Background(), dying), fn: dying, want: true},
		{name: "removal of a finalizer", ctx: apis.WithinUpdate(context.Background(), deleting), fn: deleting, want: true},
		{name: "status", ctx: apis.WithinSubResourceUpdate(context.Background(), invalid(), "status"), fn: invalid(), want: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.fn.Validate(tc.ctx); (err == nil) != tc.want {
				t.Error("Validate() =", err)
			}
		})
	}
}

// FuzzValidate looks for objects that pass the API server's schema, or predate it, and crash the webhook.
func FuzzValidate(f *testing.F) {
	valid, err := json.Marshal(validFunction(nil))
	if err != nil {
		f.Fatal("Marshal() =", err)
	}
	f.Add(valid)
	for _, seed := range []string{
		`{}`,
		`{"spec":{"source":{"type":"inline"}}}`,
		`{"spec":{"source":{"type":"inline","inline":{"files":{"a/b":"c","..":"d"}}},"runtime":{"language":"python"}}}`,
		`{"spec":{"scaling":{"minReplicas":-1,"maxReplicas":2147483647,"containerConcurrency":9223372036854775807}}}`,
		`{"spec":{"scaling":{"containerConcurrency":-9223372036854775808,"scaleToZeroGracePeriod":"-1h"}}}`,
		`{"spec":{"resources":{"requests":{"cpu":"1e9999"},"limits":{"memory":"-0"}}}}`,
		`{"spec":{"env":[{"name":"A","valueFrom":{}},{"valueFrom":{"secretKeyRef":{}}}],"envFrom":[{}]}}`,
		`{"spec":{"build":{"timeout":"0s","registry":"//"}}}`,
		`{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}}`,
	} {
		f.Add([]byte(seed))
	}
	for _, manifest := range legacyManifests(f, "legacy") {
		seed, err := yaml.YAMLToJSON(manifest)
		if err != nil {
			f.Fatal("YAMLToJSON() =", err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkAdmission(t, data, func() admitted { return &LambdaFunction{} })
	})
}

// checkAdmission does to data, if it can be read, what the webhook does.
func checkAdmission(t *testing.T, data []byte, empty func() admitted) {
	t.Helper()
	object := empty()
	if json.Unmarshal(data, object) != nil {
		return
	}
	ctx := apis.WithinCreate(context.Background())
	undefaulted := object.Validate(ctx)
	object.SetDefaults(ctx)
	if diff := cmp.Diff(undefaulted.Error(), object.Validate(ctx).Error()); diff != "" {
		t.Error("Validate() differs before and after SetDefaults():", diff)
	}
	before, err := json.Marshal(object)
	if err != nil {
		return // A time of a year that JSON has no form for can be read and not written.
	}
	object.SetDefaults(ctx)
	if diff := cmp.Diff(string(before), string(mustMarshal(t, object))); diff != "" {
		t.Error("SetDefaults() a second time (-before, +after):", diff)
	}
	if undefaulted.Filter(apis.ErrorLevel) != nil {
		return
	}
	// What is accepted is the same again after it was stored, and an update that changes nothing is accepted too.
	stored := empty()
	if err := json.Unmarshal(before, stored); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	stored.SetDefaults(apis.WithinUpdate(context.Background(), object))
	if diff := cmp.Diff(string(before), string(mustMarshal(t, stored))); diff != "" {
		t.Error("what is stored changes by an update of nothing (-before, +after):", diff)
	}
}
