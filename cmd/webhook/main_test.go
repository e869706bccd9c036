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

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	_ "knative.dev/pkg/client/injection/kube/informers/admissionregistration/v1/mutatingwebhookconfiguration/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/admissionregistration/v1/validatingwebhookconfiguration/fake"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	_ "knative.dev/pkg/injection/clients/namespacedkube/informers/core/v1/secret/fake"
	rtesting "knative.dev/pkg/reconciler/testing"
	"knative.dev/pkg/system"
	"knative.dev/pkg/webhook"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const shipped = "../../config"

// newAdmission makes one of the controllers with a fake cluster and the ConfigMaps' defaults.
func newAdmission(t testing.TB, constructor func(context.Context, configmap.Watcher) *controller.Impl) (context.Context, webhook.AdmissionController) {
	t.Helper()
	ctx, _ := rtesting.SetupFakeContext(t, func(ctx context.Context) context.Context {
		return webhook.WithOptions(ctx, webhook.Options{ServiceName: "webhook", SecretName: "lambda-webhook-certs"})
	})
	impl := constructor(ctx, configmap.NewStaticWatcher(
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: config.BuildConfigName, Namespace: system.Namespace()}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: config.RuntimesConfigName, Namespace: system.Namespace()}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: config.EventingConfigName, Namespace: system.Namespace()}},
	))
	admission, ok := impl.Reconciler.(webhook.AdmissionController)
	if !ok {
		t.Fatalf("%T admits nothing", impl.Reconciler)
	}
	return ctx, admission
}

// createRequest asks for the admission of a new object.
func createRequest(t *testing.T, kind metav1.GroupVersionKind, object any) *admissionv1.AdmissionRequest {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal("Marshal() =", err)
	}
	return &admissionv1.AdmissionRequest{Operation: admissionv1.Create, Kind: kind, Object: runtime.RawExtension{Raw: raw}}
}

func newFunction(language v1alpha1.Language) *v1alpha1.LambdaFunction {
	return &v1alpha1.LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{Name: "hello", Namespace: "default"},
		Spec: v1alpha1.LambdaFunctionSpec{
			Source:  v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeInline, Inline: &v1alpha1.InlineSource{Code: "def handler(event): pass"}},
			Runtime: v1alpha1.RuntimeSpec{Language: language},
		},
	}
}

var (
	functionKind = metav1.GroupVersionKind{Group: "lambda.knative.io", Version: "v1alpha1", Kind: "LambdaFunction"}
	agentKind    = metav1.GroupVersionKind{Group: "lambda.knative.io", Version: "v1alpha1", Kind: "LambdaAgent"}
)

func TestDefaulting(t *testing.T) {
	ctx, admission := newAdmission(t, newDefaultingController)
	if got, want := admission.Path(), "/defaulting"; got != want {
		t.Errorf("Path() = %q, want %q", got, want)
	}
	response := admission.Admit(ctx, createRequest(t, functionKind, newFunction("python3")))
	if !response.Allowed {
		t.Fatal("Admit() =", response.Result)
	}
	for _, want := range []string{`"/spec/runtime/language","value":"python"`, `"/spec/runtime/version","value":"3.13"`} {
		if !strings.Contains(string(response.Patch), want) {
			t.Errorf("the patch has not %s: %s", want, response.Patch)
		}
	}
}

func TestValidation(t *testing.T) {
	ctx, admission := newAdmission(t, newValidationController)
	if got, want := admission.Path(), "/validation"; got != want {
		t.Errorf("Path() = %q, want %q", got, want)
	}
	if response := admission.Admit(ctx, createRequest(t, functionKind, newFunction("python"))); !response.Allowed {
		t.Error("Admit() =", response.Result)
	}
	response := admission.Admit(ctx, createRequest(t, functionKind, newFunction("cobol")))
	if response.Allowed {
		t.Fatal("Admit() let an unknown language in")
	}
	if want := "invalid value: cobol: spec.runtime.language"; !strings.Contains(response.Result.Message, want) {
		t.Errorf("Admit() = %q, want %q in it", response.Result.Message, want)
	}
}

// admit sends an object through defaulting and validation, as the API server does, and returns what would be stored.
func admit(t *testing.T, request *admissionv1.AdmissionRequest) ([]byte, *admissionv1.AdmissionResponse) {
	t.Helper()
	ctx, defaulting := newAdmission(t, newDefaultingController)
	response := defaulting.Admit(ctx, request)
	if !response.Allowed {
		return nil, response
	}
	stored := patched(t, request.Object.Raw, response.Patch)
	ctx, validation := newAdmission(t, newValidationController)
	request = request.DeepCopy()
	request.Object.Raw = stored
	return stored, validation.Admit(ctx, request)
}

// patched returns the object as defaulting wants it.
func patched(t *testing.T, object, changes []byte) []byte {
	t.Helper()
	if len(changes) == 0 {
		return object
	}
	patch, err := jsonpatch.DecodePatch(changes)
	if err != nil {
		t.Fatal("DecodePatch() =", err)
	}
	object, err = patch.Apply(object)
	if err != nil {
		t.Fatal("Apply() =", err)
	}
	return object
}

// TestOlderManifests applies manifests of the operator before this one, and applies them again: the second time nothing
// changes.
func TestOlderManifests(t *testing.T) {
	files, err := filepath.Glob("../../pkg/apis/lambda/v1alpha1/testdata/legacy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	offered := config.FromContextOrDefaults(t.Context()).Runtimes
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal("ReadFile() =", err)
			}
			raw, err := yaml.YAMLToJSON(data)
			if err != nil {
				t.Fatal("YAMLToJSON() =", err)
			}
			create := createRequest(t, functionKind, json.RawMessage(raw))
			stored, response := admit(t, create)
			fn := &v1alpha1.LambdaFunction{}
			if err := json.Unmarshal(stored, fn); err != nil {
				t.Fatalf("Unmarshal(%s) = %v", stored, err)
			}
			if fn.Spec.Source.Type != v1alpha1.SourceTypeImage && offered.DefaultVersion(string(fn.Spec.Runtime.Language)) == "" {
				if response.Allowed || !strings.Contains(response.Result.Message, "spec.runtime.language") {
					t.Error("Admit() let in a language that is not on offer:", response)
				}
				return
			}
			if !response.Allowed {
				t.Fatal("Admit() =", response.Result)
			}
			update := create.DeepCopy()
			update.Operation, update.OldObject.Raw = admissionv1.Update, stored
			again, response := admit(t, update)
			if !response.Allowed {
				t.Fatal("Admit() of the same again =", response.Result)
			}
			updated := &v1alpha1.LambdaFunction{}
			if err := json.Unmarshal(again, updated); err != nil {
				t.Fatalf("Unmarshal(%s) = %v", again, err)
			}
			if diff := cmp.Diff(fn.Spec, updated.Spec); diff != "" {
				t.Error("the same again changes what is stored (-before, +after):", diff)
			}
		})
	}
}

// TestOlderAgents applies older manifests of agents, and applies them again: the second time nothing changes.
func TestOlderAgents(t *testing.T) {
	files, err := filepath.Glob("../../pkg/apis/lambda/v1alpha1/testdata/legacy/agents/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal("ReadFile() =", err)
			}
			raw, err := yaml.YAMLToJSON(data)
			if err != nil {
				t.Fatal("YAMLToJSON() =", err)
			}
			create := createRequest(t, agentKind, json.RawMessage(raw))
			stored, response := admit(t, create)
			if !response.Allowed {
				t.Fatal("Admit() =", response.Result)
			}
			update := create.DeepCopy()
			update.Operation, update.OldObject.Raw = admissionv1.Update, stored
			again, response := admit(t, update)
			if !response.Allowed {
				t.Fatal("Admit() of the same again =", response.Result)
			}
			if diff := cmp.Diff(specOf(t, stored), specOf(t, again)); diff != "" {
				t.Error("the same again changes what is stored (-before, +after):", diff)
			}
		})
	}
}

// TestAdmissionAnswers holds what a user is told, by the API server's own words for it.
func TestAdmissionAnswers(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "1.2.3.4")
	const image = `"image":{"repository":"ghcr.io/acme/chat"}`
	const inline = `"source":{"type":"inline","inline":{"code":"a"}},"runtime":{"language":"python"}`
	for _, tc := range []struct {
		name, spec, refusal, warning string
		agent                        bool
	}{{
		name:    "number that is none",
		spec:    inline + `,"scaling":{"minReplicas":"one"}`,
		refusal: "validation failed: not a whole number, or none that is so small or large: write for example 10: spec.scaling.minReplicas",
	}, {
		name:    "duration that is none",
		spec:    inline + `,"build":{"timeout":"soon"}`,
		refusal: "validation failed: not a duration: write for example 30m: spec.build.timeout",
	}, {
		name:    "API server",
		spec:    `"source":{"type":"git","git":{"url":"https://1.2.3.4/a/b"}},"runtime":{"language":"python"}`,
		refusal: "host 1.2.3.4 is refused, it is the API server: name another",
	}, {
		name:    "eventing",
		spec:    inline + `,"eventing":{"eventSource":"/shop"}`,
		warning: "stored and has no effect: spec.eventing.eventSource",
	}, {
		name:    "filter that would not be one",
		spec:    inline + `,"eventing":{"filters":[{"not":{"exakt":{"type":"a"}}}]}`,
		refusal: `mutation failed: cannot decode incoming new object: spec.eventing.filters: unknown field "exakt"`,
	}, {
		name: "eventing that is off",
		spec: inline + `,"eventing":{"enabled":false}`,
	}, {
		name:    "supervised agent",
		agent:   true,
		spec:    image + `,"operationMode":"supervised","approval":{"providers":["slack"],"slack":{"channel":"a"}}`,
		refusal: "approvals are not part of this release: write agentic; an agent acts by itself, which is operationMode agentic",
	}, {
		name:    "API server as a model",
		agent:   true,
		spec:    image + `,"ai":{"endpoint":"https://1.2.3.4/v1"}`,
		refusal: "host 1.2.3.4 is refused, it is the API server: name another",
	}, {
		name:    "variable of an agent's own",
		agent:   true,
		spec:    image + `,"ai":{"endpoint":"http://ollama.svc","temperature":0.2},"env":[{"name":"TEMPERATURE","value":"1"}]`,
		warning: "TEMPERATURE is made of spec.ai.temperature too: this one wins: spec.env[0].name",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			kind := functionKind
			if tc.agent {
				kind = agentKind
			}
			raw := `{"apiVersion":"lambda.knative.io/v1alpha1","kind":"` + kind.Kind + `","metadata":{"name":"a"},"spec":{` + tc.spec + `}}`
			_, response := admit(t, createRequest(t, kind, json.RawMessage(raw)))
			if response.Allowed != (tc.refusal == "") {
				t.Fatal("Admit() =", response)
			}
			if tc.refusal != "" && !strings.Contains(response.Result.Message, tc.refusal) {
				t.Errorf("Admit() refuses with %q, want %q", response.Result.Message, tc.refusal)
			}
			if got := strings.Join(response.Warnings, "\n"); got != tc.warning {
				t.Errorf("Admit() warns of %q, want %q", got, tc.warning)
			}
		})
	}
}

func TestConfigValidation(t *testing.T) {
	ctx, admission := newAdmission(t, newConfigValidationController)
	if got, want := admission.Path(), "/config-validation"; got != want {
		t.Errorf("Path() = %q, want %q", got, want)
	}
	kind := metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	files, err := filepath.Glob(filepath.Join(shipped, "400-config-*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %q, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal("ReadFile() =", err)
		}
		cm := &corev1.ConfigMap{}
		if err := yaml.UnmarshalStrict(data, cm); err != nil {
			t.Fatalf("Unmarshal(%s) = %v", file, err)
		}
		if response := admission.Admit(ctx, createRequest(t, kind, cm)); !response.Allowed {
			t.Errorf("%s: Admit() = %v", file, response.Result)
		}
	}
	for name, data := range map[string]map[string]string{
		config.BuildConfigName:    {"registry": "https://registry.example.com"},
		config.RuntimesConfigName: {"cobol": "{}"},
		"config-logging":          {"loglevel.controller": "loud"},
		"config-leader-election":  {"buckets": "0"},
		"config-observability":    {"metrics-protocol": "pigeon"},
	} {
		cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: system.Namespace()}, Data: data}
		if response := admission.Admit(ctx, createRequest(t, kind, cm)); response.Allowed {
			t.Errorf("Admit() let %s in with %v", name, data)
		}
	}
}

// TestRegistrations holds what Knative fills in the rules by: the names in the manifest are those in main.go.
func TestRegistrations(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(shipped, "500-webhook-registrations.yaml"))
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	main, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	registrations := 0
	for document := range strings.SplitSeq(string(data), "\n---\n") {
		var registration struct {
			Kind     string
			Metadata struct{ Name string }
			Webhooks []struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(document), &registration); err != nil {
			t.Fatal("Unmarshal() =", err)
		}
		if !strings.HasSuffix(registration.Kind, "WebhookConfiguration") {
			continue
		}
		registrations++
		name := registration.Metadata.Name
		if len(registration.Webhooks) != 1 || registration.Webhooks[0].Name != name {
			t.Errorf("%s has not exactly one webhook of its own name: %v", name, registration.Webhooks)
		}
		if !strings.Contains(string(main), `"`+name+`"`) {
			t.Errorf("main.go makes no controller for %s", name)
		}
	}
	if want := 3; registrations != want {
		t.Errorf("%d registrations, want %d", registrations, want)
	}
}
