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
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// fault is a function that fails, why, and what mends it without an edit of its spec.
type fault struct {
	function *v1alpha1.LambdaFunction
	reason   string
	// message is part of the condition's message.
	message string
	mend    func()
}

// TestFaults has functions that fail for what is outside of them, or in them: each says why, and becomes ready once the
// cause is gone.
func TestFaults(t *testing.T) {
	s := newScenario(t)
	s.startServer(test.ServerS3, &test.ServerSettings{Username: "access", Password: password})
	s.putContent(test.ServerS3, "code", map[string][]byte{
		"one.py": []byte(answering("one")), "bad.zip": []byte("no archive\n"), "link.zip": s.linkTo("/var/run/secrets"),
	})
	var faults []fault
	for _, list := range [][]fault{s.sourceFaults(), s.buildFaults(), s.deployFaults()} {
		faults = append(faults, list...)
	}
	for i := range faults {
		faults[i].function = s.create(faults[i].function)
	}
	for _, f := range faults {
		fn := s.awaitFunction(f.function, func(fn *v1alpha1.LambdaFunction) bool {
			return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
		})
		ready := fn.Status.GetCondition(v1alpha1.ConditionReady)
		if ready.GetReason() != f.reason || !strings.Contains(ready.GetMessage(), f.message) {
			t.Errorf("%s: Ready = %s %q, want %s with %q", fn.Name, ready.GetReason(), ready.GetMessage(), f.reason, f.message)
		}
		t.Logf("%-16s %-26s %3.0f s after it was created: %.150s", fn.Name, ready.GetReason(),
			ready.LastTransitionTime.Inner.Sub(fn.CreationTimestamp.Time).Seconds(), ready.GetMessage())
	}
	for _, f := range faults {
		if f.mend != nil {
			f.mend()
		}
	}
	for _, f := range faults {
		if f.mend != nil {
			s.awaitMended(f.function)
		}
	}
}

// linkTo is an archive with a symbolic link.
func (s *scenario) linkTo(target string) []byte {
	s.Helper()
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "main.py"}
	header.SetMode(fs.ModeSymlink | 0o777)
	w, err := archive.CreateHeader(header)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := w.Write([]byte(target)); err != nil {
		s.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		s.Fatal(err)
	}
	return packed.Bytes()
}

func (s *scenario) sourceFaults() []fault {
	login := func(access string) map[string]string {
		return map[string]string{"accesskey": access, "secretkey": password}
	}
	right := s.createSecret("right", corev1.SecretTypeOpaque, login("access"))
	wrong := s.createSecret("wrong", corev1.SecretTypeOpaque, login("other"))
	from := func(name, host, key string, secret *corev1.LocalObjectReference) *v1alpha1.LambdaFunction {
		return s.from(name, v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeS3, S3: &v1alpha1.S3Source{
			Bucket: "code", Key: key, Endpoint: "http://" + host + ":9000", SecretRef: secret,
		}})
	}
	s3 := test.ServerHost(s.namespace, test.ServerS3)
	return []fault{{
		from("no-object", s3, "late.py", right), string(source.ReasonSourceNotFound), "late.py",
		func() {
			s.putContent(test.ServerS3, "code", map[string][]byte{"late.py": []byte(answering("late")), "one.py": []byte(answering("one"))})
		},
	}, {
		from("no-secret", s3, "one.py", &corev1.LocalObjectReference{Name: "late"}), string(source.ReasonSecretInvalid), "",
		func() { s.createSecret("late", corev1.SecretTypeOpaque, login("access")) },
	}, {
		from("wrong-secret", s3, "one.py", wrong), string(source.ReasonSourceForbidden), "source.s3.secretRef",
		func() { s.patchSecret("wrong", "accesskey", "access") },
	}, {
		from("no-server", "none."+s.namespace+".svc.cluster.local", "one.py", right), string(source.ReasonSourceUnavailable), "none.", nil,
	}, {
		from("no-archive", s3, "bad.zip", right), string(source.ReasonInvalidArchive), "bad.zip", nil,
	}, {
		from("link", s3, "link.zip", right), string(source.ReasonInvalidArchive), "main.py", nil,
	}}
}

func (s *scenario) patchSecret(name, key, value string) {
	s.Helper()
	patch := fmt.Sprintf(`{"stringData":{%q:%q}}`, key, value)
	_, err := clients.Kube.CoreV1().Secrets(s.namespace).Patch(interrupted, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		s.Fatalf("Failed to patch Secret %q: %v", name, err)
	}
}

func (s *scenario) buildFaults() []fault {
	registry := test.NewPythonFunction(s.namespace, "no-registry", answering("no"))
	registry.Spec.Build.Registry, registry.Spec.Build.Insecure = "none."+s.namespace+".svc.cluster.local:5000", true
	packages := test.NewNodeFunction(s.namespace, "no-package", "exports.handler = () => 1\n")
	packages.Spec.Source.Inline.Dependencies = `{"left-pad-of-nobody": "1.0.0"}`
	wrongType := test.NewGoFunction(s.namespace, "wrong-type", "package main\n\nfunc Handler() (string, error) { return 1, nil }\n")
	return []fault{{
		registry, v1alpha1.ReasonRegistryUnavailable, "none.", nil,
	}, {
		packages, v1alpha1.ReasonDependencyNotFound, "left-pad-of-nobody", nil,
	}, {
		wrongType, v1alpha1.ReasonCompileFailed, "main.go:3", nil,
	}}
}

func (s *scenario) deployFaults() []fault {
	environment := test.NewPythonFunction(s.namespace, "no-environment", answering("set"))
	environment.Spec.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
	}}}
	memory := test.NewPythonFunction(s.namespace, "no-memory", "hoard = bytearray(1 << 30)\n"+answering("much"))
	memory.Spec.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}
	image := test.NewPythonFunction(s.namespace, "no-image", "")
	image.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Repository: "registry.invalid/none"}}
	image.Spec.Runtime = v1alpha1.RuntimeSpec{}
	taken := test.NewPythonFunction(s.namespace, "taken", answering("free"))
	s.createService(taken.Name)
	return []fault{{
		environment, v1alpha1.ReasonRevisionFailed, "settings",
		func() { s.createSecret("settings", corev1.SecretTypeOpaque, map[string]string{"A": "1"}) },
	}, {
		memory, v1alpha1.ReasonRevisionFailed, "killed", nil,
	}, {
		test.NewPythonFunction(s.namespace, "exits", "raise SystemExit(3)\n"), v1alpha1.ReasonRevisionFailed, "main.handler", nil,
	}, {
		image, v1alpha1.ReasonRevisionFailed, "registry.invalid/none", nil,
	}, {
		taken, v1alpha1.ReasonNotOwned, "taken",
		func() {
			if err := clients.Serving.ServingV1().Services(s.namespace).Delete(interrupted, taken.Name, metav1.DeleteOptions{}); err != nil {
				s.Fatalf("Failed to delete Knative Service %q: %v", taken.Name, err)
			}
		},
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

// TestBuildCancelled has a user cancel a build, and ask for another.
func TestBuildCancelled(t *testing.T) {
	s := newScenario(t)
	fn := s.create(test.NewPythonFunction(s.namespace, "cancelled", answering("again")))
	s.awaitTaskRun(fn, func(*tektonv1.TaskRun) bool { return true })
	const patch = `{"spec":{"status":"` + tektonv1.TaskRunSpecStatusCancelled + `"}}`
	for _, taskRun := range s.taskRuns(fn) {
		_, err := clients.Tekton.TektonV1().TaskRuns(s.namespace).Patch(interrupted, taskRun.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil {
			t.Fatalf("Failed to cancel TaskRun %q: %v", taskRun.Name, err)
		}
	}
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).GetReason() == v1alpha1.ReasonBuildCancelled
	})
	fn = s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Annotations = map[string]string{lambda.RebuildAnnotationKey: "1"}
	})
	s.wantText(s.awaitMended(fn), "again")
}
