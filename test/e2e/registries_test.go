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
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// TestRegistryWithLogin pushes where a login is asked for. The nodes of the cluster do not know the registry: what is
// looked at is the build.
func TestRegistryWithLogin(t *testing.T) {
	s := newScenario(t)
	registry := test.ServerHost(s.namespace, test.ServerRegistry) + ":5000"
	s.startServer(test.ServerRegistry, &test.ServerSettings{Username: username, Password: password})
	fn := test.NewPythonFunction(s.namespace, "pushed", answering("pushed"))
	fn.Spec.Build.Registry, fn.Spec.Build.Insecure = registry+"/functions", true

	fn = s.awaitFunction(s.create(fn), func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsFalse()
	})
	if got, want := fn.Status.GetCondition(v1alpha1.ConditionBuildReady).GetReason(), v1alpha1.ReasonRegistryDenied; got != want {
		t.Errorf("reason of BuildReady = %q, want %q", got, want)
	}
	if got, want := fn.Status.BuildStatus.LogTail, "401"; !strings.Contains(got, want) {
		t.Errorf("logTail = %q, want it to have %q", got, want)
	}

	login, err := json.Marshal(map[string]map[string]map[string]string{
		"auths": {registry: {"auth": base64.StdEncoding.EncodeToString([]byte(username + ":" + password))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	secret := s.createSecret("login", corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: string(login)})
	fn = s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Build.ImagePullSecret = secret.Name })
	s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsTrue()
	})
}
