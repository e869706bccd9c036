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
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	reconcilerconfig "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

var update = flag.Bool("update", false, "write testdata/*.yaml anew")

const image = "registry.example.com/functions/default/hello@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// checkGolden compares the object with testdata/<name>.yaml.
func checkGolden(t *testing.T, name string, object runtime.Object) {
	t.Helper()
	got, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal("Marshal() =", err)
	}
	file := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal("WriteFile() =", err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want, +got), written anew with -update: %s", file, diff)
	}
}

// newConfig returns the ConfigMaps of a cluster, with further keys of config-build.
func newConfig(t *testing.T, more map[string]string) *reconcilerconfig.Config {
	t.Helper()
	data := map[string]string{
		"registry":      "registry.example.com/functions",
		"kaniko-image":  "registry.example.com/kaniko:1",
		"fetch-image":   "registry.example.com/fetch:1",
		"runtime-image": "registry.example.com/runtime:1",
	}
	for key, value := range more {
		data[key] = value
	}
	build, err := config.NewBuildFromMap(data)
	if err != nil {
		t.Fatal("NewBuildFromMap() =", err)
	}
	cfg := reconcilerconfig.FromContextOrDefaults(t.Context())
	cfg.Build = build
	return cfg
}

func mustBuild(t *testing.T, fn *v1alpha1.LambdaFunction, cfg *reconcilerconfig.Config) *resources.Build {
	t.Helper()
	build, err := resources.NewBuild(fn, cfg.Config)
	if err != nil {
		t.Fatal("NewBuild() =", err)
	}
	return build
}
