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
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// codeFaults are of code that a build looks at.
func (s *scenario) codeFaults() []fault {
	const goAnswer = "package main\n\nfunc Handler() string { return \"go\" }\n"
	syntax := test.NewPythonFunction(s.namespace, "syntax", "def handler(event:\n    return 1\n")
	handler := test.NewGoFunction(s.namespace, "no-handler", "package main\n\nfunc other() {}\n")
	wrongType := test.NewGoFunction(s.namespace, "wrong-type", "package main\n\nfunc Handler() (string, error) { return 1, nil }\n")
	dependencies := test.NewPythonFunction(s.namespace, "no-dependencies", answering("none"))
	dependencies.Spec.Source.Inline.Dependencies = `{"six": "1 or 2"}`
	return []fault{{
		syntax, v1alpha1.ReasonRevisionFailed, "SyntaxError", s.recoding(answering("mended")),
	}, {
		handler, string(source.ReasonHandlerNotFound), "Handler", s.recoding(goAnswer),
	}, {
		wrongType, v1alpha1.ReasonCompileFailed, "main.go:3", s.recoding(goAnswer),
	}, {
		dependencies, string(source.ReasonInvalidDependencies), "1 or 2", s.recoding(answering("mended")),
	}}
}

// buildFaults are of what a build needs.
func (s *scenario) buildFaults() []fault {
	registry := test.NewPythonFunction(s.namespace, "no-registry", answering("no"))
	registry.Spec.Build.Registry, registry.Spec.Build.Insecure = "none."+s.namespace+".svc.cluster.local:5000", true
	npm := test.NewNodeFunction(s.namespace, "no-package", "exports.handler = () => 1\n")
	npm.Spec.Source.Inline.Dependencies = `{"left-pad-of-nobody": "1.0.0"}`
	pip := test.NewPythonFunction(s.namespace, "no-version", answering("pip"))
	pip.Spec.Source.Inline.Dependencies = "six==0.0.1.dev1\n"
	module := test.NewGoFunction(s.namespace, "no-module", "package main\n\nimport _ \"github.com/google/uuid\"\n\nfunc Handler() int { return 1 }\n")
	module.Spec.Source.Inline.Dependencies = "github.com/google/uuid v0.0.999\n"
	return []fault{{
		registry, v1alpha1.ReasonRegistryUnavailable, "none.",
		s.editing(func(spec *v1alpha1.LambdaFunctionSpec) { spec.Build.Registry, spec.Build.Insecure = "", false }),
	}, {
		npm, v1alpha1.ReasonDependencyNotFound, "left-pad-of-nobody", s.recoding("exports.handler = () => 1\n"),
	}, {
		pip, v1alpha1.ReasonDependencyNotFound, "six==0.0.1.dev1", s.recoding(answering("mended")),
	}, {
		module, v1alpha1.ReasonDependencyNotFound, "v0.0.999", s.recoding("package main\n\nfunc Handler() int { return 1 }\n"),
	}}
}

// deployFaults are of functions that are built, and do not start.
func (s *scenario) deployFaults() []fault {
	mended := s.recoding(answering("mended"))
	environment := test.NewPythonFunction(s.namespace, "no-environment", answering("set"))
	environment.Spec.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
	}}}
	variable := test.NewPythonFunction(s.namespace, "no-variable", answering("set"))
	variable.Spec.Env = []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "variables"}, Key: "a",
	}}}}
	memory := test.NewPythonFunction(s.namespace, "no-memory", "hoard = bytearray(1 << 30)\n"+answering("much"))
	memory.Spec.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}
	large := test.NewPythonFunction(s.namespace, "too-large", answering("large"))
	large.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500")}
	large.Spec.Resources.Limits = large.Spec.Resources.Requests
	handler := test.NewPythonFunction(s.namespace, "other-handler", answering("other"))
	handler.Spec.Runtime.Handler = "other.function"
	account := test.NewPythonFunction(s.namespace, "no-account", answering("account"))
	account.Spec.ServiceAccountName = "late"
	taken := test.NewPythonFunction(s.namespace, "taken", answering("free"))
	s.createService(taken.Name)
	return []fault{{
		environment, v1alpha1.ReasonRevisionFailed, "settings",
		outside(func() { s.createSecret("settings", corev1.SecretTypeOpaque, map[string]string{"A": "1"}) }),
	}, {
		variable, v1alpha1.ReasonRevisionFailed, "variables",
		outside(func() { s.createConfigMap("variables", map[string]string{"a": "1"}) }),
	}, {
		memory, v1alpha1.ReasonRevisionFailed, "killed", mended,
	}, {
		large, v1alpha1.ReasonUnschedulable, "spec.resources.requests",
		s.editing(func(spec *v1alpha1.LambdaFunctionSpec) { spec.Resources = v1alpha1.ResourcesSpec{} }),
	}, {
		account, v1alpha1.ReasonRevisionFailed, `"late" not found`, outside(func() { s.createAccount("late") }),
	}, {
		handler, v1alpha1.ReasonRevisionFailed, "other", s.editing(func(spec *v1alpha1.LambdaFunctionSpec) { spec.Runtime.Handler = "" }),
	}, {
		test.NewPythonFunction(s.namespace, "exits", "raise SystemExit(3)\n"), v1alpha1.ReasonRevisionFailed, "main.handler", mended,
	}, {
		test.NewPythonFunction(s.namespace, "no-import", "import nothing_of_the_kind\n"+answering("1")), v1alpha1.ReasonRevisionFailed,
		"ModuleNotFoundError", mended,
	}, {
		test.NewPythonFunction(s.namespace, "slow-start", "import time\ntime.sleep(3600)\n"+answering("slow")), v1alpha1.ReasonNotAnswering,
		"loading", mended,
	}, {
		taken, v1alpha1.ReasonNotOwned, "taken",
		outside(func() {
			if err := clients.Serving.ServingV1().Services(s.namespace).Delete(interrupted, taken.Name, metav1.DeleteOptions{}); err != nil {
				s.Fatalf("Failed to delete Knative Service %q: %v", taken.Name, err)
			}
		}),
	}}
}

// imageFaults are of ready images.
func (s *scenario) imageFaults() []fault {
	repository, digest := test.SplitDigest(os.Getenv(test.ServersVariable))
	// A registry, as a server that listens at port 5000.
	image := func(name string, change func(*v1alpha1.ImageSource)) *v1alpha1.LambdaFunction {
		spec := v1alpha1.ImageSource{Repository: repository, Digest: digest, Args: []string{"registry"}, Port: ptr.Int32(5000)}
		change(&spec)
		fn := s.from(name, v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &spec})
		fn.Spec.Runtime = v1alpha1.RuntimeSpec{}
		return fn
	}
	otherwise := s.editing(func(spec *v1alpha1.LambdaFunctionSpec) {
		spec.Source.Image = image("", func(*v1alpha1.ImageSource) {}).Spec.Source.Image
	})
	return []fault{{
		image("no-image", func(image *v1alpha1.ImageSource) { image.Repository, image.Digest = "registry.invalid/none", "" }),
		v1alpha1.ReasonRevisionFailed, "registry.invalid/none", otherwise,
	}, {
		image("no-tag", func(image *v1alpha1.ImageSource) { image.Digest, image.Tag = "", "none" }),
		v1alpha1.ReasonRevisionFailed, "none", otherwise,
	}, {
		image("wrong-port", func(image *v1alpha1.ImageSource) { image.Port = ptr.Int32(3000) }),
		v1alpha1.ReasonNotAnswering, "port 3000: set spec.source.image.port", otherwise,
	}, {
		image("no-command", func(image *v1alpha1.ImageSource) { image.Command = []string{"/no-such-program"} }),
		v1alpha1.ReasonRevisionFailed, "no-such-program", otherwise,
	}, {
		image("wrong-args", func(image *v1alpha1.ImageSource) { image.Args = []string{"nothing"} }),
		v1alpha1.ReasonRevisionFailed, `there is no server "nothing"`, otherwise,
	}}
}

// createService creates a Knative Service that is nobody's.
func (s *scenario) createService(name string) {
	s.Helper()
	service := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}}
	service.Spec.Template.Spec.Containers = []corev1.Container{{Image: "registry.invalid/other"}}
	if _, err := clients.Serving.ServingV1().Services(s.namespace).Create(interrupted, service, metav1.CreateOptions{}); err != nil {
		s.Fatalf("Failed to create Knative Service %q: %v", name, err)
	}
}

func (s *scenario) createConfigMap(name string, data map[string]string) {
	s.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
	if _, err := clients.Kube.CoreV1().ConfigMaps(s.namespace).Create(interrupted, configMap, metav1.CreateOptions{}); err != nil {
		s.Fatalf("Failed to create ConfigMap %q: %v", name, err)
	}
}

func (s *scenario) createAccount(name string) {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := clients.Kube.CoreV1().ServiceAccounts(s.namespace).Create(interrupted, account, metav1.CreateOptions{}); err != nil {
		s.Fatalf("Failed to create ServiceAccount %q: %v", name, err)
	}
}
