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
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// play creates a function with a fault, looks at what it says, and mends it.
func (s *scenario) play(f fault) {
	s.Helper()
	f.function = s.create(f.function)
	s.wantFault(f)
	f.mend(f.function)
	s.awaitMended(f.function)
}

// dependent returns a function with a dependency that runs this Python code when it is installed.
func (s *scenario) dependent(name, setup string) *v1alpha1.LambdaFunction {
	s.Helper()
	s.startServer(test.ServerGCS, &test.ServerSettings{})
	s.putContent(test.ServerGCS, "packages", map[string][]byte{name + "-1.0.tar.gz": s.tarball(map[string]string{
		name + "-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1.0\n",
		name + "-1.0/setup.py": setup,
	})})
	fn := test.NewPythonFunction(s.namespace, name, answering(name))
	fn.Spec.Source.Inline.Dependencies = fmt.Sprintf("%s @ http://%s:4443/packages/%[1]s-1.0.tar.gz\n", name, test.ServerHost(s.namespace, test.ServerGCS))
	return fn
}

// TestBuildTimeout has a dependency whose installation does not end.
func TestBuildTimeout(t *testing.T) {
	s := newScenario(t)
	fn := s.dependent("slow", "import time\ntime.sleep(3600)\n")
	fn.Spec.Build.Timeout = &metav1.Duration{Duration: time.Minute}
	s.play(fault{fn, v1alpha1.ReasonBuildTimeout, "spec.build.timeout", s.recoding(answering("mended"))})
}

// TestQuota has a namespace without room for a build.
func TestQuota(t *testing.T) {
	s := newScenario(t)
	const name = "small"
	quotas := clients.Kube.CoreV1().ResourceQuotas(s.namespace)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ResourceQuotaSpec{
		Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")},
	}}
	if _, err := quotas.Create(interrupted, quota, metav1.CreateOptions{}); err != nil {
		t.Fatal("failed to create a quota:", err)
	}
	s.wait(func(ctx context.Context) error {
		_, err := test.AwaitOne(ctx, quotas, name, func(quota *corev1.ResourceQuota) (bool, error) { return len(quota.Status.Hard) > 0, nil })
		return err
	})
	s.play(fault{
		test.NewPythonFunction(s.namespace, "crowded", answering("room")), v1alpha1.ReasonBuildQuotaExceeded, name,
		outside(func() {
			if err := quotas.Delete(interrupted, name, metav1.DeleteOptions{}); err != nil {
				t.Fatal("failed to delete the quota:", err)
			}
		}),
	})
}

// TestBaseImageNotFound offers a version of Python whose image is not there.
func TestBaseImageNotFound(t *testing.T) {
	s := newScenario(t)
	build, err := clients.Kube.CoreV1().ConfigMaps(systemNamespace).Get(interrupted, config.BuildConfigName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const offer = `{default: "3.13", versions: {"3.13": {baseImage: "docker.io/library/python:3.13-slim"}, "3.99": {baseImage: %q}}}`
	s.configure(config.RuntimesConfigName, map[string]string{"python": fmt.Sprintf(offer, build.Data["registry"]+"/none:1")})
	fn := test.NewPythonFunction(s.namespace, "baseless", answering("based"))
	fn.Spec.Runtime.Version = "3.99"
	s.play(fault{fn, v1alpha1.ReasonBaseImageNotFound, "config-runtimes", outside(func() {
		s.configure(config.RuntimesConfigName, map[string]string{"python": fmt.Sprintf(offer, "docker.io/library/python:3.13-slim")})
	})})
}

// TestBuildOutOfMemory has a dependency whose installation takes more memory than builds get. It takes it all at once: of
// what takes hardly too much the kernel may rather read the code from disk, again and again, than kill it.
func TestBuildOutOfMemory(t *testing.T) {
	s := newScenario(t)
	const limit, request = "memory-limit", "memory-request"
	s.configure(config.BuildConfigName, map[string]string{limit: "512Mi", request: "128Mi"})
	s.play(fault{
		s.dependent("starved", "import setuptools\nbytearray(1 << 30)\nsetuptools.setup(name='starved', version='1.0')\n"),
		v1alpha1.ReasonBuildOutOfMemory, limit,
		outside(func() { s.configure(config.BuildConfigName, map[string]string{limit: "2Gi", request: "128Mi"}) }),
	})
}
