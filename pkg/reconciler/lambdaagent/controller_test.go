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

package lambdaagent

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	_ "knative.dev/eventing/pkg/client/injection/client/fake"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	_ "knative.dev/pkg/client/injection/kube/informers/admissionregistration/v1/validatingadmissionpolicybinding/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/pod/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/service/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/core/v1/serviceaccount/filtered/fake"
	kubefactory "knative.dev/pkg/client/injection/kube/informers/factory/filtered"
	_ "knative.dev/pkg/client/injection/kube/informers/factory/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/rbac/v1/role/filtered/fake"
	_ "knative.dev/pkg/client/injection/kube/informers/rbac/v1/rolebinding/filtered/fake"
	"knative.dev/pkg/configmap"
	_ "knative.dev/pkg/injection/clients/dynamicclient/fake"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingclient "knative.dev/serving/pkg/client/injection/client"
	_ "knative.dev/serving/pkg/client/injection/informers/autoscaling/v1alpha1/podautoscaler/filtered/fake"
	servingfactory "knative.dev/serving/pkg/client/injection/informers/factory/filtered"
	_ "knative.dev/serving/pkg/client/injection/informers/factory/filtered/fake"
	_ "knative.dev/serving/pkg/client/injection/informers/serving/v1/service/filtered/fake"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdaclient "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/client"
	_ "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/informers/lambda/v1alpha1/lambdaagent/fake"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// forgetful notes whose model is no longer looked after.
type forgetful struct {
	models
	forgotten []types.NamespacedName
}

func (f *forgetful) Forget(agent types.NamespacedName) { f.forgotten = append(f.forgotten, agent) }

func TestForgetModel(t *testing.T) {
	f := &forgetful{}
	r := &Reconciler{models: f}
	r.forgetModel(cache.DeletedFinalStateUnknown{Obj: agent()})
	if want := (types.NamespacedName{Namespace: "default", Name: "chat"}); len(f.forgotten) != 1 || f.forgotten[0] != want {
		t.Errorf("forgotten are %v, want %v", f.forgotten, want)
	}
	r.forgetModel("nonsense")
	if len(f.forgotten) != 1 {
		t.Errorf("forgotten are %v", f.forgotten)
	}
}

// TestNewController holds that each thing an agent is made of wakes the controller, and nothing else does.
func TestNewController(t *testing.T) {
	ctx, cancel, informers := rtesting.SetupFakeContextWithCancel(t, func(ctx context.Context) context.Context {
		return servingfactory.WithSelectors(kubefactory.WithSelectors(ctx, lambda.ManagedSelector), lambda.ManagedSelector)
	})
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

	la := agent(func(la *v1alpha1.LambdaAgent) {
		la.Spec.Eventing = &v1alpha1.AgentEventingSpec{
			Subscriptions: []v1alpha1.SubscriptionSpec{{EventType: "a"}},
			Forwards:      []v1alpha1.ForwardSpec{{EventTypes: []string{"a"}, TargetAgent: "records", TargetNamespace: "records"}},
		}
	})
	records := LambdaAgent("records", "records", subscribed())
	create := metav1.CreateOptions{}
	for _, tc := range []struct {
		name   string
		change func() error
		also   string // another agent that is woken
	}{{
		name: "the agent",
		change: func() error {
			_, err := lambdaclient.Get(ctx).LambdaV1alpha1().LambdaAgents(la.Namespace).Create(ctx, la, create)
			return err
		},
	}, {
		name: "the agent that it forwards to",
		change: func() error {
			_, err := lambdaclient.Get(ctx).LambdaV1alpha1().LambdaAgents(records.Namespace).Create(ctx, records, create)
			return err
		},
		also: "records",
	}, {
		name: "Knative Service",
		change: func() error {
			_, err := servingclient.Get(ctx).ServingV1().Services(la.Namespace).Create(ctx, serviceOf(la), create)
			return err
		},
	}, {
		name: "Service, and before it one of somebody else",
		change: func() error {
			other := metricsOf(LambdaAgent("other", "default"), WithoutOwner[*corev1.Service])
			if _, err := kubeclient.Get(ctx).CoreV1().Services(other.Namespace).Create(ctx, other, create); err != nil {
				return err
			}
			_, err := kubeclient.Get(ctx).CoreV1().Services(la.Namespace).Create(ctx, metricsOf(la), create)
			return err
		},
	}, {
		name: "ValidatingAdmissionPolicyBinding",
		change: func() error {
			_, err := kubeclient.Get(ctx).AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Create(ctx, bindingOf(la), create)
			return err
		},
	}, {
		name: "Pod",
		change: func() error {
			_, err := kubeclient.Get(ctx).CoreV1().Pods(la.Namespace).Create(ctx, pod(), create)
			return err
		},
	}, {
		name: "Trigger",
		change: func() error {
			handler(eventing.Triggers).OnAdd(triggerOf(la, 0), false)
			return nil
		},
	}, {
		name: "ServiceMonitor",
		change: func() error {
			handler(eventing.ServiceMonitors).OnAdd(resources.MakeServiceMonitor(la), false)
			return nil
		},
	}, {
		name: "its Broker, and before it somebody else's",
		change: func() error {
			handler(eventing.Brokers).OnAdd(brokerOf(LambdaAgent("other", "default", subscribed())), false)
			handler(eventing.Brokers).OnAdd(brokerOf(la), false)
			return nil
		},
	}, {
		name: "the Broker that it forwards to",
		change: func() error {
			handler(eventing.Brokers).OnAdd(brokerOf(records), false)
			return nil
		},
		also: "records",
	}, {
		name: "settings of its Broker that are gone",
		change: func() error {
			handler(eventing.RabbitMQConfigs).OnDelete(cache.DeletedFinalStateUnknown{Obj: wiring.MakeRabbitMQConfig(la, &wiringOf(la).Brokers[0])})
			return nil
		},
	}, {
		name: "a kind that came or went",
		change: func() error {
			changed()
			return nil
		},
		also: "records",
	}, {
		name: "config-eventing",
		change: func() error {
			configMaps.OnChange(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: config.EventingConfigName, Namespace: configMaps.Namespace}})
			return nil
		},
		also: "records",
	}} {
		if err := tc.change(); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		want := map[types.NamespacedName]bool{{Namespace: "default", Name: "chat"}: true}
		if tc.also != "" {
			want[types.NamespacedName{Namespace: tc.also, Name: tc.also}] = true
		}
		for len(want) > 0 {
			got, shutdown := impl.WorkQueue().Get()
			if shutdown {
				t.Fatal(tc.name, "ended the queue")
			}
			impl.WorkQueue().Done(got)
			if !want[got.(types.NamespacedName)] {
				t.Errorf("%s woke %v", tc.name, got)
			}
			delete(want, got.(types.NamespacedName))
		}
	}
	for _, kind := range []eventing.Kind{eventing.PingSources, eventing.APIServerSources} {
		if handler(kind) != nil {
			t.Errorf("agents follow %s", kind)
		}
	}
}

// TestAnnounce holds that what happens to agents' Knative Services is told, and nothing of others.
func TestAnnounce(t *testing.T) {
	la := agent(func(la *v1alpha1.LambdaAgent) {
		la.Annotations = map[string]string{lambda.CorrelationAnnotationKey: "c1"}
	})
	listers := NewListers([]runtime.Object{la})
	var told []event.Event
	teller := newTeller(listers.LambdaAgentLister(), func(types.NamespacedName) bool { return true }, nil)
	teller.Scale = func(types.NamespacedName) observability.Scale { return observability.Scale{} }
	teller.Wanted, teller.Emit = func() bool { return true }, func(e *event.Event) { told = append(told, *e) }
	handler := teller.Services()
	handler.OnAdd(serviceOf(la, WithoutOwner), false)
	handler.OnAdd(serviceOf(la), true) // It was there.
	handler.OnAdd(serviceOf(la), false)
	if len(told) != 1 || told[0].Type() != events.ServiceCreated || told[0].Subject() != "default/chat" || told[0].Extensions()["correlationid"] != "c1" {
		t.Errorf("told are %v", told)
	}
}
