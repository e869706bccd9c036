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
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// maxCRDBytes is what kubectl's annotation of the last applied object leaves room for.
const maxCRDBytes = 256 * 1024

// apiServer does to an object what the API server does by the schema.
type apiServer struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

func newAPIServer(t *testing.T, kind string) *apiServer {
	t.Helper()
	data, err := os.ReadFile("../../../../config/300-" + strings.ToLower(kind) + ".yaml")
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, crd); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	if raw, err := json.Marshal(crd); err != nil || len(raw) > maxCRDBytes {
		t.Errorf("the definition has %d bytes, %v; at most %d can be applied", len(raw), err, maxCRDBytes)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
		t.Fatal("Convert() =", err)
	}
	internal.Status.StoredVersions = []string{"v1alpha1"}
	if errs := crdvalidation.ValidateCustomResourceDefinition(t.Context(), internal); len(errs) > 0 {
		t.Fatal("ValidateCustomResourceDefinition() =", errs)
	}
	props := internal.Spec.Validation
	structural, err := schema.NewStructural(props.OpenAPIV3Schema)
	if err != nil {
		t.Fatal("NewStructural() =", err)
	}
	validator, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
	if err != nil {
		t.Fatal("NewSchemaValidator() =", err)
	}
	return &apiServer{
		structural: structural,
		validator:  validator,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}
}

// check returns what the schema refuses, and the fields that it does not know.
func (s *apiServer) check(t *testing.T, object map[string]any) (field.ErrorList, []string) {
	t.Helper()
	unknown := pruning.PruneWithOptions(object, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	errs := validation.ValidateCustomResource(nil, object, s.validator)
	ruleErrs, _ := s.rules.Validate(t.Context(), nil, s.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, ruleErrs...), unknown
}

func toObject(t *testing.T, object any) map[string]any {
	t.Helper()
	return decodeObject(t, mustMarshal(t, object))
}

func decodeObject(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := yaml.Unmarshal(raw, &object); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	return object
}

// legacyManifests are in the forms that users of the operator before this one have. Those of functions are in legacy,
// those of agents in legacy/agents.
func legacyManifests(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v", files, err)
	}
	manifests := make(map[string][]byte, len(files))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal("ReadFile() =", err)
		}
		manifests[strings.TrimSuffix(filepath.Base(file), ".yaml")] = data
	}
	return manifests
}

// admitted is a kind of ours, as the webhook has it.
type admitted interface {
	apis.Defaultable
	apis.Validatable
}

// applyManifest reads a manifest into object as the API server and the webhook do. The schema takes it as it is written,
// which a server-side apply needs, and it takes what the webhook makes of it, which is the same when again reads it.
func (s *apiServer) applyManifest(t *testing.T, manifest []byte, object, again admitted) {
	t.Helper()
	if errs, unknown := s.check(t, decodeObject(t, manifest)); len(errs) > 0 || len(unknown) > 0 {
		t.Fatalf("the schema refuses %v, and does not know %v", errs, unknown)
	}
	if err := yaml.Unmarshal(manifest, object); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	object.SetDefaults(t.Context())
	if errs, unknown := s.check(t, toObject(t, object)); len(errs) > 0 || len(unknown) > 0 {
		t.Errorf("of what is stored the schema refuses %v, and does not know %v", errs, unknown)
	}
	if err := json.Unmarshal(mustMarshal(t, object), again); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	again.SetDefaults(t.Context())
	if diff := cmp.Diff(object, again); diff != "" {
		t.Error("what is stored changes when it is read (-before, +after):", diff)
	}
}

// TestLegacyManifests applies older manifests.
func TestLegacyManifests(t *testing.T) {
	server := newAPIServer(t, "LambdaFunction")
	manifests := legacyManifests(t, "legacy")
	for _, name := range slices.Sorted(maps.Keys(manifests)) {
		t.Run(name, func(t *testing.T) {
			fn := &LambdaFunction{}
			server.applyManifest(t, manifests[name], fn, &LambdaFunction{})
			want := ""
			runtimes := config.FromContextOrDefaults(t.Context()).Runtimes
			if language := fn.Spec.Runtime.Language; fn.Spec.Source.Type != SourceTypeImage && runtimes.DefaultVersion(string(language)) == "" {
				want = apis.ErrInvalidValue(language, "spec.runtime.language", "choose one of: "+strings.Join(runtimes.Languages(), ", ")).Error()
			}
			if got := fn.Validate(apis.WithinCreate(t.Context())).Filter(apis.ErrorLevel); got.Error() != want {
				t.Errorf("Validate() = %v, want %q", got, want)
			}
		})
	}
}

func mustMarshal(t testing.TB, object any) []byte {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal("Marshal() =", err)
	}
	return raw
}

// TestSchemaRefuses holds what the schema says by itself, also where the webhook is not asked.
func TestSchemaRefuses(t *testing.T) {
	server := newAPIServer(t, "LambdaFunction")
	for _, tc := range []struct {
		name, spec, want string
	}{
		{"no source", "{runtime: {language: python}}", "spec.source: Required value"},
		{"no type", "{source: {inline: {code: a}}}", "spec.source.type: Required value"},
		{"unknown type", "{source: {type: floppy}}", "spec.source.type: Unsupported value"},
		{"no inline", "{source: {type: inline}}", "spec.source.inline: Required value: required when type is inline"},
		{"no git", "{source: {type: git}}", "spec.source.git: Required value: required when type is git"},
		{"no s3", "{source: {type: s3}}", "spec.source.s3: Required value: required when type is s3"},
		{"no minio", "{source: {type: minio}}", "spec.source.minio: Required value: required when type is minio"},
		{"no gcs", "{source: {type: gcs}}", "spec.source.gcs: Required value: required when type is gcs"},
		{"no oci", "{source: {type: oci}}", "spec.source.oci: Required value: required when type is oci"},
		{"no image", "{source: {type: image}}", "spec.source.image: Required value: required when type is image"},
		{"no url", "{source: {type: git, git: {ref: main}}}", "spec.source.git.url: Required value"},
		{"no key", "{source: {type: s3, s3: {bucket: abc}}}", "spec.source.s3.key: Required value"},
		{"number that is an object", "{source: {type: inline, inline: {}}, scaling: {minReplicas: {}}}", "spec.scaling.minReplicas: Invalid value"},
		{"unknown registry", "{source: {type: inline, inline: {}}, build: {registryType: quay}}", "spec.build.registryType: Unsupported value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			object := decodeObject(t, []byte("{apiVersion: lambda.knative.io/v1alpha1, kind: LambdaFunction, metadata: {name: a}, spec: "+tc.spec+"}"))
			errs, _ := server.check(t, object)
			if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), tc.want) {
				t.Errorf("the schema says %v, want %s", errs, tc.want)
			}
		})
	}
}

// TestUnknownFields holds that what we have no field for is told, and not kept as if it worked.
func TestUnknownFields(t *testing.T) {
	object := toObject(t, validFunction(nil))
	spec := object["spec"].(map[string]any)
	spec["memory"] = "1Gi"
	spec["eventing"] = map[string]any{"brokers": "all"}
	_, unknown := newAPIServer(t, "LambdaFunction").check(t, object)
	if diff := cmp.Diff([]string{"spec.eventing.brokers", "spec.memory"}, slices.Sorted(slices.Values(unknown))); diff != "" {
		t.Error("unknown fields (-want, +got):", diff)
	}
	if _, kept := spec["memory"]; kept {
		t.Error("spec.memory is kept")
	}
}
