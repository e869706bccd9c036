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
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/ptr"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

var dryRun = []string{metav1.DryRunAll}

// TestRefusal sends what must not be stored: the answer names the field.
func TestRefusal(t *testing.T) {
	s := newScenario(t)
	refusals := map[string]struct {
		change func(*v1alpha1.LambdaFunction)
		path   string
	}{
		"name that is no host name": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Name = "7th" },
			path:   "metadata.name",
		},
		"annotation that gives privilege": {
			change: func(fn *v1alpha1.LambdaFunction) {
				fn.Annotations = map[string]string{"lambda.knative.io/use-operator-image": "true"}
			},
			path: "metadata.annotations",
		},
		"unknown source": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Type = "floppy" },
			path:   "spec.source.type",
		},
		"no source": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline = nil },
			path:   "spec.source.inline",
		},
		"file outside": {
			change: func(fn *v1alpha1.LambdaFunction) {
				fn.Spec.Source.Inline.Files = map[string]string{"../outside.py": ""}
			},
			path: "spec.source.inline.files",
		},
		"too large": {
			change: func(fn *v1alpha1.LambdaFunction) {
				fn.Spec.Source.Inline.Code = strings.Repeat("#", v1alpha1.MaxInlineBytes+1)
			},
			path: "spec.source.inline.code",
		},
		"unknown language": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Runtime.Language = "cobol" },
			path:   "spec.runtime.language",
		},
		"version with a line of a Dockerfile": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Runtime.Version = "3.13\nRUN id" },
			path:   "spec.runtime.version",
		},
		"handler with a shell command": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Runtime.Handler = "main.handler; id" },
			path:   "spec.runtime.handler",
		},
		"fewest over most": {
			change: func(fn *v1alpha1.LambdaFunction) {
				fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(3), ptr.Int32(2)
			},
			path: "spec.scaling.minReplicas",
		},
		"request over limit": {
			change: func(fn *v1alpha1.LambdaFunction) {
				fn.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2")}
				fn.Spec.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
			},
			path: "spec.resources.requests.cpu",
		},
		"variable of Knative": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Env = []corev1.EnvVar{{Name: "PORT", Value: "1"}} },
			path:   "spec.env[0].name",
		},
		"build without time": {
			change: func(fn *v1alpha1.LambdaFunction) {
				fn.Spec.Build.Timeout = &metav1.Duration{Duration: time.Second}
			},
			path: "spec.build.timeout",
		},
		"registry with a scheme": {
			change: func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build.Registry = "https://registry.example.com" },
			path:   "spec.build.registry",
		},
	}
	for _, name := range slices.Sorted(maps.Keys(refusals)) {
		refusal := refusals[name]
		t.Run(name, func(t *testing.T) {
			fn := test.NewPythonFunction(s.namespace, "refused", answering("never"))
			refusal.change(fn)
			_, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).
				Create(interrupted, fn, metav1.CreateOptions{DryRun: dryRun})
			if !apierrs.IsInvalid(err) && !apierrs.IsBadRequest(err) && !apierrs.IsForbidden(err) {
				t.Fatalf("Create() = %v, want a refusal", err)
			}
			if !strings.Contains(err.Error(), refusal.path) {
				t.Errorf("Create() = %v, want it to name %s", err, refusal.path)
			}
		})
	}
}

// TestRefusedManifests sends what the Go types have no room for.
func TestRefusedManifests(t *testing.T) {
	s := newScenario(t)
	const runtime = `,"runtime":{"language":"python"}`
	for name, refusal := range map[string]struct{ spec, want string }{
		"no source of the type": {`"source":{"type":"git"}` + runtime, "spec.source.git"},
		"two sources": {
			`"source":{"type":"inline","inline":{"code":"a"},"git":{"url":"https://git.example.com/a/b"}}` + runtime, "spec.source.git",
		},
		"loopback":        {`"source":{"type":"git","git":{"url":"https://127.0.0.1/a/b"}}` + runtime, "spec.source.git.url"},
		"loopback, short": {`"source":{"type":"git","git":{"url":"https://127.1/a/b"}}` + runtime, "spec.source.git.url"},
		"loopback, decimal": {
			`"source":{"type":"s3","s3":{"bucket":"abc","key":"a","endpoint":"2130706433"}}` + runtime, "spec.source.s3.endpoint",
		},
		"metadata": {
			`"source":{"type":"minio","minio":{"bucket":"abc","key":"a","endpoint":"http://169.254.169.254"}}` + runtime,
			"spec.source.minio.endpoint",
		},
		"API server": {`"source":{"type":"git","git":{"url":"http://kubernetes.default.svc/a/b"}}` + runtime, "spec.source.git.url"},
		"local file": {`"source":{"type":"git","git":{"url":"file:///etc"}}` + runtime, "spec.source.git.url"},
		"option as a ref": {
			`"source":{"type":"git","git":{"url":"https://git.example.com/a/b","ref":"--upload-pack=id"}}` + runtime, "spec.source.git.ref",
		},
		"path outside": {
			`"source":{"type":"git","git":{"url":"https://git.example.com/a/b","path":"../a"}}` + runtime, "spec.source.git.path",
		},
		"key outside": {`"source":{"type":"gcs","gcs":{"bucket":"abc","key":"../a"}}` + runtime, "spec.source.gcs.key"},
		"image with a scheme": {
			`"source":{"type":"image","image":{"repository":"https://ghcr.io/a/b"}}`, "spec.source.image.repository",
		},
		"port of Knative": {
			`"source":{"type":"image","image":{"repository":"ghcr.io/a/b","port":8012}}`, "spec.source.image.port",
		},
		"number in words": {
			`"source":{"type":"inline","inline":{"code":"a"}},"scaling":{"minReplicas":"one"}` + runtime, "spec.scaling.minReplicas",
		},
		"quantity in words": {
			`"source":{"type":"inline","inline":{"code":"a"}},"resources":{"limits":{"cpu":"lots"}}` + runtime, "spec.resources.limits.cpu",
		},
		"duration in words": {
			`"source":{"type":"inline","inline":{"code":"a"}},"build":{"timeout":"soon"}` + runtime, "spec.build.timeout",
		},
		"unknown field": {
			`"source":{"type":"inline","inline":{"code":"a"}},"memory":"1Gi"` + runtime, `unknown field "spec.memory"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := `{"apiVersion":"lambda.knative.io/v1alpha1","kind":"LambdaFunction","metadata":{"name":"refused"},"spec":{` + refusal.spec + `}}`
			if err := create(s, []byte(manifest)); err == nil || !strings.Contains(err.Error(), refusal.want) {
				t.Errorf("create = %v, want it to name %s", err, refusal.want)
			}
		})
	}
}

// create asks for a function to be stored, as a strict kubectl does, and stores nothing.
func create(s *scenario, manifest []byte) error {
	return clients.Lambda.LambdaV1alpha1().RESTClient().Post().
		Namespace(s.namespace).Resource("lambdafunctions").
		Param("dryRun", metav1.DryRunAll).Param("fieldValidation", metav1.FieldValidationStrict).
		SetHeader("Content-Type", "application/json").
		Body(manifest).Do(interrupted).Error()
}

// TestOlderManifests applies manifests of the operator before this one, from the client's side and from the server's.
func TestOlderManifests(t *testing.T) {
	s := newScenario(t)
	files, err := filepath.Glob("../../pkg/apis/lambda/v1alpha1/testdata/legacy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			name, manifest := readManifest(t, file, s.namespace)
			if err := create(s, manifest); err != nil {
				t.Error("create:", err)
			}
			_, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).Patch(interrupted, name, types.ApplyPatchType, manifest,
				metav1.PatchOptions{DryRun: dryRun, FieldManager: "e2e", FieldValidation: metav1.FieldValidationStrict})
			if err != nil {
				t.Error("server-side apply:", err)
			}
		})
	}
}

// TestApplyAgain applies the manifest that admission rewrites most, twice: the second time nothing changes.
func TestApplyAgain(t *testing.T) {
	s := newScenario(t)
	name, manifest := readManifest(t, "../../pkg/apis/lambda/v1alpha1/testdata/legacy/inline-object.yaml", s.namespace)
	var generations []int64
	for range 2 {
		fn, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).Patch(interrupted, name, types.ApplyPatchType, manifest,
			metav1.PatchOptions{FieldManager: "e2e"})
		if err != nil {
			t.Fatal("server-side apply:", err)
		}
		generations = append(generations, fn.Generation)
	}
	if generations[0] != generations[1] {
		t.Errorf("generations = %v, want the same", generations)
	}
}

// readManifest returns the name of the object in a file, and the object as JSON in a namespace.
func readManifest(t *testing.T, file, namespace string) (string, []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("failed to read manifest:", err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(data, &object.Object); err != nil {
		t.Fatal("failed to parse manifest:", err)
	}
	object.SetNamespace(namespace)
	manifest, err := object.MarshalJSON()
	if err != nil {
		t.Fatal("failed to write manifest:", err)
	}
	return object.GetName(), manifest
}

// TestDefaults stores a function that says no more than it has to: what holds for it is written down.
func TestDefaults(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "plain", answering("plain"))
	fn.Spec.Runtime.Language = "python3"
	got, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(s.namespace).
		Create(interrupted, fn, metav1.CreateOptions{DryRun: dryRun})
	if err != nil {
		t.Fatal(err)
	}
	if got.Spec.Runtime.Language != v1alpha1.LanguagePython || got.Spec.Runtime.Handler != "main.handler" || got.Spec.Runtime.Version == "" {
		t.Errorf("runtime = %+v, want language, handler and version of Python", got.Spec.Runtime)
	}
	if got.Spec.Scaling.MaxReplicas == nil || got.Spec.TimeoutSeconds == nil || got.Spec.Build.Timeout == nil {
		t.Errorf("spec = %+v, want scaling, timeoutSeconds and build.timeout", got.Spec)
	}
}

// TestConfigRefusal breaks the operator's configuration: it is not stored.
func TestConfigRefusal(t *testing.T) {
	for name, data := range map[string]string{
		"value":   `{"data":{"timeout":"soon"}}`,
		"example": `{"data":{"_example":"mine"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := clients.Kube.CoreV1().ConfigMaps(systemNamespace).Patch(interrupted, config.BuildConfigName,
				types.MergePatchType, []byte(data), metav1.PatchOptions{DryRun: dryRun})
			if !apierrs.IsInvalid(err) && !apierrs.IsBadRequest(err) && !apierrs.IsForbidden(err) {
				t.Errorf("Patch() = %v, want a refusal", err)
			}
		})
	}
}
