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
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// TestDrift changes what belongs to a function by hand: it is put back.
func TestDrift(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("steady", answering("steady"))
	services := clients.Serving.ServingV1().Services(s.namespace)
	isWanted := func(service *servingv1.Service) bool {
		return service.Spec.Template.Spec.Containers[0].Image == fn.Status.BuildStatus.ImageURI
	}

	t.Run("edited", func(t *testing.T) {
		s := &scenario{T: t, namespace: s.namespace}
		// The same image, by another name.
		repository, _, _ := strings.Cut(fn.Status.BuildStatus.ImageURI, "@")
		tagged := repository + ":" + fn.Status.BuildStatus.Key[:12]
		edited, err := services.Patch(interrupted, fn.Name, types.JSONPatchType,
			[]byte(`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"`+tagged+`"}]`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.awaitService(fn, func(service *servingv1.Service) bool {
			return service.Generation > edited.Generation && isWanted(service)
		})
	})
	t.Run("deleted", func(t *testing.T) {
		s := &scenario{T: t, namespace: s.namespace}
		before, err := services.Get(interrupted, fn.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := services.Delete(interrupted, fn.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		s.awaitService(fn, func(service *servingv1.Service) bool {
			return service.UID != before.UID && isWanted(service) && service.IsReady()
		})
	})
	t.Run("build deleted", func(t *testing.T) {
		s := &scenario{T: t, namespace: s.namespace}
		err := clients.Tekton.TektonV1().TaskRuns(s.namespace).Delete(interrupted, fn.Status.BuildStatus.JobName, metav1.DeleteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		// What it built is still there: nobody builds it again.
		s.wait(func(ctx context.Context) error {
			_, err := clients.AwaitReady(ctx, fn)
			return err
		})
		if left := s.taskRuns(fn); len(left) > 0 {
			t.Errorf("TaskRuns = %d, want none", len(left))
		}
	})
	s.wantText(s.awaitReady(fn), "steady")
}
