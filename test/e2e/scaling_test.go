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
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/test"
)

func TestScaleToZeroAndBack(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "sleeper", answering("awake"))
	fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{}
	fn = s.awaitReady(s.create(fn))
	s.shortenWindow(fn)
	s.wantText(fn, "awake")

	s.awaitInstances(fn, func(pods []*corev1.Pod) bool { return len(pods) == 0 })
	// Nobody is there, and yet it is ready: the next call starts an instance.
	fn = s.awaitReady(fn)
	s.wantText(fn, "awake")
	s.awaitInstances(fn, func(pods []*corev1.Pod) bool { return len(pods) > 0 })
}
