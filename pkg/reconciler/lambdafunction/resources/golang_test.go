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

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// A function in Go is compiled in one image and begins with that of the runtime.
func TestGoPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		dependencies, proxy string
	}{
		"alone":             {"", ""},
		"with dependencies": {"example.com/a v1.0.0", "https://go.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := newConfig(t, map[string]string{"goproxy": "https://go.example.com"})
			fn := LambdaFunction("hello", "default", WithCode("package main\n\nfunc Handler() {}\n"), WithDependencies(tc.dependencies),
				func(fn *v1alpha1.LambdaFunction) {
					fn.Spec.Runtime = v1alpha1.RuntimeSpec{Language: v1alpha1.LanguageGo, Version: "1.26", Handler: "main.Handler"}
				})
			build := mustBuild(t, fn, cfg)
			if got, want := build.Plan.BaseImage, cfg.Build.RuntimeImage; got != want {
				t.Errorf("BaseImage = %q, want that of the runtime, %q", got, want)
			}
			if got, want := build.Plan.BuilderImage, "docker.io/library/golang:1.26"; got != want {
				t.Errorf("BuilderImage = %q, want %q", got, want)
			}
			if got := build.Plan.Index.GoProxy; got != tc.proxy {
				t.Errorf("GoProxy = %q, want %q", got, tc.proxy)
			}
		})
	}
}
