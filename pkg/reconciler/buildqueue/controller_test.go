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

package buildqueue

import (
	"context"
	"testing"

	tektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client"
	tektonfactory "github.com/tektoncd/pipeline/pkg/client/injection/informers/factory/filtered"
	_ "github.com/tektoncd/pipeline/pkg/client/injection/informers/factory/filtered/fake"
	_ "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/configmap"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// TestNewController holds that a TaskRun and other limits wake the queue.
func TestNewController(t *testing.T) {
	ctx, cancel, informers := rtesting.SetupFakeContextWithCancel(t, func(ctx context.Context) context.Context {
		return tektonfactory.WithSelectors(ctx, resources.ManagedSelector)
	})
	configMaps := &configmap.ManualWatcher{Namespace: "knative-lambda"}
	impl := NewController(ctx, configMaps)
	wait, err := rtesting.RunAndSyncInformers(ctx, informers...)
	if err != nil {
		t.Fatal("RunAndSyncInformers() =", err)
	}
	defer func() {
		cancel()
		wait()
		impl.WorkQueue().ShutDown()
	}()
	expect := func(cause string) {
		t.Helper()
		key, _ := impl.WorkQueue().Get()
		impl.WorkQueue().Done(key)
		if key != queue {
			t.Errorf("%s woke %v, want %v", cause, key, queue)
		}
	}
	if _, err := tektonclient.Get(ctx).TektonV1().TaskRuns("default").Create(ctx, waiting("a"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	expect("TaskRun")
	configMaps.OnChange(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: config.BuildConfigName, Namespace: configMaps.Namespace},
		Data:       map[string]string{"max-concurrent-builds": "3"},
	})
	expect("config-build")
}
