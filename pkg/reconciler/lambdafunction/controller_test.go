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

package lambdafunction

import (
	"context"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	tektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client"
	tektonfactory "github.com/tektoncd/pipeline/pkg/client/injection/informers/factory/filtered"
	_ "github.com/tektoncd/pipeline/pkg/client/injection/informers/factory/filtered/fake"
	_ "github.com/tektoncd/pipeline/pkg/client/injection/informers/pipeline/v1/taskrun/filtered/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	_ "knative.dev/eventing/pkg/client/injection/client/fake"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/configmap/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/pod/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/serviceaccount/filtered/fake"
	kubefactory "knative.dev/pkg/client/injection/kube/informers/factory/filtered"
	_ "knative.dev/pkg/client/injection/kube/informers/factory/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/rbac/v1/role/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/rbac/v1/rolebinding/filtered/fake"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	_ "knative.dev/pkg/injection/clients/dynamicclient/fake"
	o11yconfigmap "knative.dev/pkg/observability/configmap"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingclient "knative.dev/serving/pkg/client/injection/client"
	_ "knative.dev/serving/pkg/client/injection/informers/autoscaling/v1alpha1/podautoscaler/filtered/fake"
	servingfactory "knative.dev/serving/pkg/client/injection/informers/factory/filtered"
	_ "knative.dev/serving/pkg/client/injection/informers/factory/filtered/fake"
	_ "knative.dev/serving/pkg/client/injection/informers/serving/v1/service/filtered/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	lambdaclient "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/client"
	_ "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/informers/lambda/v1alpha1/lambdafunction/fake"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

func withSelectors(ctx context.Context) context.Context {
	ctx = kubefactory.WithSelectors(ctx, resources.ManagedSelector)
	ctx = tektonfactory.WithSelectors(ctx, resources.ManagedSelector)
	return servingfactory.WithSelectors(ctx, resources.ManagedSelector)
}

// TestNewController holds that each thing a function is made of wakes the controller, and nothing else does.
func TestNewController(t *testing.T) {
	ctx, cancel, informers := rtesting.SetupFakeContextWithCancel(t, withSelectors)
	configMaps := &configmap.ManualWatcher{Namespace: "knative-lambda"}
	var (
		handler func(eventing.Kind) cache.ResourceEventHandler
		changed func()
	)
	listers := NewListers(nil)
	impl := newController(ctx, configMaps, func(_ context.Context, h func(eventing.Kind) cache.ResourceEventHandler, c func()) eventing.Kinds {
		handler, changed = h, c
		return listers.Kinds(nil)
	})
	wait, err := rtesting.RunAndSyncInformers(ctx, informers...)
	if err != nil {
		t.Fatal("RunAndSyncInformers() =", err)
	}
	defer func() {
		cancel()
		wait()
		impl.WorkQueue().ShutDown()
	}()

	fn := function()
	create := metav1.CreateOptions{}
	managed, source := resources.FunctionLabels(fn), &wiring.APISource{Name: "hello-api-source"}
	for _, tc := range []struct {
		name   string
		change func() error
	}{{
		name: "the function",
		change: func() error {
			_, err := lambdaclient.Get(ctx).LambdaV1alpha1().LambdaFunctions(fn.Namespace).Create(ctx, fn, create)
			return err
		},
	}, {
		name: "ConfigMap, and before it one of somebody else",
		change: func() error {
			other := planOf(LambdaFunction("other", "default"), func(cm *corev1.ConfigMap) { cm.OwnerReferences[0].Kind = "Other" })
			if _, err := kubeclient.Get(ctx).CoreV1().ConfigMaps(other.Namespace).Create(ctx, other, create); err != nil {
				return err
			}
			_, err := kubeclient.Get(ctx).CoreV1().ConfigMaps(fn.Namespace).Create(ctx, planOf(fn), create)
			return err
		},
	}, {
		name: "TaskRun, and before it one of somebody else",
		change: func() error {
			other := taskRunOf(LambdaFunction("other", "default"), WithoutOwner[*tektonv1.TaskRun])
			if _, err := tektonclient.Get(ctx).TektonV1().TaskRuns(other.Namespace).Create(ctx, other, create); err != nil {
				return err
			}
			_, err := tektonclient.Get(ctx).TektonV1().TaskRuns(fn.Namespace).Create(ctx, taskRunOf(fn, running), create)
			return err
		},
	}, {
		name: "Knative Service",
		change: func() error {
			_, err := servingclient.Get(ctx).ServingV1().Services(fn.Namespace).Create(ctx, serviceOf(fn), create)
			return err
		},
	}, {
		name: "Pod",
		change: func() error {
			_, err := kubeclient.Get(ctx).CoreV1().Pods(fn.Namespace).Create(ctx, Pod(fn, "hello-00001", "a"), create)
			return err
		},
	}, {
		name: "ServiceAccount",
		change: func() error {
			_, err := kubeclient.Get(ctx).CoreV1().ServiceAccounts(fn.Namespace).Create(ctx, wiring.MakeServiceAccount(fn, managed, source), create)
			return err
		},
	}, {
		name: "Role",
		change: func() error {
			_, err := kubeclient.Get(ctx).RbacV1().Roles(fn.Namespace).Create(ctx, wiring.MakeRole(fn, managed, source), create)
			return err
		},
	}, {
		name: "RoleBinding",
		change: func() error {
			_, err := kubeclient.Get(ctx).RbacV1().RoleBindings(fn.Namespace).Create(ctx, wiring.MakeRoleBinding(fn, managed, source), create)
			return err
		},
	}, {
		name: "Trigger, and before it one of somebody else",
		change: func() error {
			handler(eventing.Triggers).OnAdd(triggerOf(LambdaFunction("other", "default"), 0, WithoutOwner[*eventingv1.Trigger]), false)
			handler(eventing.Triggers).OnAdd(triggerOf(fn, 0), false)
			return nil
		},
	}, {
		name: "PingSource",
		change: func() error {
			handler(eventing.PingSources).OnAdd(wiring.MakePingSource(fn, managed, &wiring.Schedule{Name: "s"}), false)
			return nil
		},
	}, {
		name: "Broker",
		change: func() error {
			handler(eventing.Brokers).OnAdd(brokerOf(fn), false)
			return nil
		},
	}, {
		name: "settings of a Broker that are gone",
		change: func() error {
			handler(eventing.RabbitMQConfigs).OnDelete(cache.DeletedFinalStateUnknown{Obj: settingsOf(fn)})
			return nil
		},
	}, {
		name: "a kind that came or went",
		change: func() error {
			changed()
			return nil
		},
	}, {
		name: "config-eventing",
		change: func() error {
			configMaps.OnChange(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: config.EventingConfigName, Namespace: configMaps.Namespace},
			})
			return nil
		},
	}, {
		name: "config-build",
		change: func() error {
			configMaps.OnChange(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: config.BuildConfigName, Namespace: configMaps.Namespace},
				Data:       map[string]string{"registry": "registry.example.com"},
			})
			return nil
		},
	}, {
		name: "config-observability",
		change: func() error {
			configMaps.OnChange(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: o11yconfigmap.Name(), Namespace: configMaps.Namespace},
			})
			return nil
		},
	}, {
		name: "config-runtimes",
		change: func() error {
			configMaps.OnChange(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: config.RuntimesConfigName, Namespace: configMaps.Namespace},
			})
			return nil
		},
	}} {
		if err := tc.change(); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		expectKey(t, impl, tc.name)
	}
	if n := impl.WorkQueue().Len(); n != 0 {
		t.Errorf("%d keys are left in the queue", n)
	}
}

// expectKey waits for the next key and checks that it is the function's.
func expectKey(t *testing.T, impl *controller.Impl, cause string) {
	t.Helper()
	got, shutdown := impl.WorkQueue().Get()
	if shutdown {
		t.Fatal(cause, "ended the queue")
	}
	impl.WorkQueue().Done(got)
	if want := (types.NamespacedName{Namespace: "default", Name: "hello"}); got != want {
		t.Errorf("%s woke %v, want %v", cause, got, want)
	}
}
