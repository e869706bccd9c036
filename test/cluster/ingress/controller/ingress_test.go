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

package controller

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientgotesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	networkingclient "knative.dev/networking/pkg/client/injection/client/fake"
	ingressinformer "knative.dev/networking/pkg/client/injection/informers/networking/v1alpha1/ingress/fake"
	ingressreconciler "knative.dev/networking/pkg/client/injection/reconciler/networking/v1alpha1/ingress"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/proxy"
)

func TestReconcile(t *testing.T) {
	table := rtesting.TableTest{{
		Name: "bad workqueue key",
		Key:  "too/many/parts",
	}, {
		Name: "key not found",
		Key:  "ns/missing",
	}, {
		Name:    "another class",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn", withClass("other"))},
	}, {
		Name:    "being deleted",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn", deleted)},
	}, {
		Name:              "new",
		Key:               "ns/fn",
		Objects:           []runtime.Object{newIngress("fn")},
		WantStatusUpdates: []clientgotesting.UpdateActionImpl{{Object: newIngress("fn", ready)}},
	}, {
		Name:    "settled",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn", ready)},
	}, {
		Name:              "new generation",
		Key:               "ns/fn",
		Objects:           []runtime.Object{newIngress("fn", ready, withGeneration(2))},
		WantStatusUpdates: []clientgotesting.UpdateActionImpl{{Object: newIngress("fn", withGeneration(2), ready)}},
	}, {
		Name:    "the status cannot be written",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn")},
		WithReactors: []clientgotesting.ReactionFunc{
			rtesting.InduceFailure("update", "ingresses"),
		},
		WantErr:           true,
		WantStatusUpdates: []clientgotesting.UpdateActionImpl{{Object: newIngress("fn", ready)}},
		WantEvents: []string{
			rtesting.Eventf("Warning", "UpdateFailed", `Failed to update status for "fn": inducing failure for update ingresses`),
		},
	}, {
		Name:    "another Ingress has the host",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn"), newIngress("older", ready, since(-time.Hour))},
		// To be asked again.
		WantErr: true,
		WantStatusUpdates: []clientgotesting.UpdateActionImpl{{
			Object: newIngress("fn", failed("HostConflict", `host "fn.example.com" is already served by Ingress "ns/older"`)),
		}},
	}, {
		Name:    "an Ingress of another class has the host",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn", ready), newIngress("older", withClass("other"), since(-time.Hour))},
	}, {
		Name:    "invalid",
		Key:     "ns/fn",
		Objects: []runtime.Object{newIngress("fn", withPercent(90))},
		WantStatusUpdates: []clientgotesting.UpdateActionImpl{{
			Object: newIngress("fn", withPercent(90), failed("Invalid",
				"invalid Ingress: traffic split percentage must total to 100, but was 90: spec.rules[0].http.paths[0].splits")),
		}},
	}}

	table.Test(t, func(t *testing.T, row *rtesting.TableRow) (controller.Reconciler, rtesting.ActionRecorderList, rtesting.EventList) {
		ctx, _ := rtesting.SetupFakeContext(t)
		recorder := record.NewFakeRecorder(10)
		ctx = controller.WithEventRecorder(ctx, recorder)
		client := networkingclient.Get(ctx)
		for _, object := range row.Objects {
			ingressinformer.Get(ctx).Informer().GetIndexer().Add(object)
			if err := client.Tracker().Add(object); err != nil {
				t.Fatal("failed to add an object:", err)
			}
		}
		for _, reactor := range row.WithReactors {
			client.PrependReactor("*", "*", reactor)
		}
		r := &Reconciler{lister: ingressinformer.Get(ctx).Lister(), proxy: proxy.New(nil, logging.FromContext(ctx))}
		c := ingressreconciler.NewImpl(ctx, r, IngressClass).Reconciler
		if err := c.(reconciler.LeaderAware).Promote(reconciler.UniversalBucket(), func(reconciler.Bucket, types.NamespacedName) {}); err != nil {
			t.Fatal("Promote() =", err)
		}
		row.Ctx = ctx
		return c, rtesting.ActionRecorderList{client}, rtesting.EventList{Recorder: recorder}
	})
}

type option func(*v1alpha1.Ingress)

func newIngress(name string, options ...option) *v1alpha1.Ingress {
	ing := &v1alpha1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:         "ns",
			Name:              name,
			UID:               types.UID("uid-of-" + name),
			Generation:        1,
			CreationTimestamp: metav1.NewTime(time.Unix(1_800_000_000, 0)),
			Annotations:       map[string]string{networking.IngressClassAnnotationKey: IngressClass},
		},
		Spec: v1alpha1.IngressSpec{
			Rules: []v1alpha1.IngressRule{{
				Hosts:      []string{"fn.example.com"},
				Visibility: v1alpha1.IngressVisibilityExternalIP,
				HTTP: &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{{
					Splits: []v1alpha1.IngressBackendSplit{{
						IngressBackend: v1alpha1.IngressBackend{
							ServiceNamespace: "ns",
							ServiceName:      "fn",
							ServicePort:      intstr.FromInt32(80),
						},
						Percent: 100,
					}},
				}}},
			}},
		},
	}
	for _, o := range options {
		o(ing)
	}
	return ing
}

func ready(ing *v1alpha1.Ingress) {
	ing.Status.InitializeConditions()
	ing.Status.MarkNetworkConfigured()
	ing.Status.MarkLoadBalancerReady(
		[]v1alpha1.LoadBalancerIngressStatus{{DomainInternal: "ingress.knative-testing.svc.cluster.local"}},
		[]v1alpha1.LoadBalancerIngressStatus{{DomainInternal: "ingress-internal.knative-testing.svc.cluster.local"}})
	ing.Status.ObservedGeneration = ing.Generation
}

func failed(reason, message string) option {
	return func(ing *v1alpha1.Ingress) {
		ing.Status.InitializeConditions()
		ing.Status.MarkLoadBalancerFailed(reason, message)
		ing.Status.ObservedGeneration = ing.Generation
	}
}

func deleted(ing *v1alpha1.Ingress) {
	now := metav1.Now()
	ing.DeletionTimestamp = &now
	ing.Finalizers = []string{"someone.else/finalizer"}
}

func withClass(class string) option {
	return func(ing *v1alpha1.Ingress) { ing.Annotations[networking.IngressClassAnnotationKey] = class }
}

func withGeneration(generation int64) option {
	return func(ing *v1alpha1.Ingress) { ing.Generation = generation }
}

func withPercent(percent int) option {
	return func(ing *v1alpha1.Ingress) { ing.Spec.Rules[0].HTTP.Paths[0].Splits[0].Percent = percent }
}

func since(age time.Duration) option {
	return func(ing *v1alpha1.Ingress) {
		ing.CreationTimestamp = metav1.NewTime(ing.CreationTimestamp.Add(age))
	}
}
