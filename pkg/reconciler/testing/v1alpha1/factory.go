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

// Package v1alpha1 has what tests of reconcilers need: a fake cluster and builders of its objects.
package v1alpha1

import (
	"context"
	"fmt"
	"testing"

	faketektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client/fake"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	eventingconfig "knative.dev/eventing/pkg/apis/config"
	fakeeventingclient "knative.dev/eventing/pkg/client/injection/client/fake"
	"knative.dev/pkg/apis"
	fakekubeclient "knative.dev/pkg/client/injection/kube/client/fake"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	fakedynamicclient "knative.dev/pkg/injection/clients/dynamicclient/fake"
	"knative.dev/pkg/logging"
	logtesting "knative.dev/pkg/logging/testing"
	"knative.dev/pkg/reconciler"
	rtesting "knative.dev/pkg/reconciler/testing"
	fakeservingclient "knative.dev/serving/pkg/client/injection/client/fake"

	fakelambdaclient "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/client/fake"
)

// maxEvents is how many events of one reconcile are kept: more would block it.
const maxEvents = 20

// Ctor makes the reconciler under test.
type Ctor func(context.Context, *Listers, configmap.Watcher) controller.Reconciler

// MakeFactory returns a factory that makes the reconciler under test with fake clients of a row's objects. What the
// reconciler creates and updates passes the admission of its own API first, as in a cluster.
func MakeFactory(ctor Ctor) rtesting.Factory {
	return func(t *testing.T, r *rtesting.TableRow) (controller.Reconciler, rtesting.ActionRecorderList, rtesting.EventList) {
		listers := NewListers(r.Objects)

		ctx := r.Ctx
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, recorders, fakes := WithFakes(logging.WithLogger(ctx, logtesting.TestLogger(t)), &listers)
		recorder := record.NewFakeRecorder(maxEvents)
		ctx = controller.WithEventRecorder(ctx, recorder)

		c := ctor(ctx, &listers, configmap.NewStaticWatcher())
		r.Ctx = ctx
		Lead(t, c)
		for _, fake := range fakes {
			for _, reactor := range r.WithReactors {
				fake.PrependReactor("*", "*", reactor)
			}
			fake.PrependReactor("create", "*", admit)
			fake.PrependReactor("update", "*", admit)
		}
		return c, recorders, rtesting.EventList{Recorder: recorder}
	}
}

// WithFakes returns a context with a fake client of each API, which have what the listers have.
func WithFakes(ctx context.Context, listers *Listers) (context.Context, rtesting.ActionRecorderList, []*clientgotesting.Fake) {
	ctx, kube := fakekubeclient.With(ctx, listers.KubeObjects()...)
	ctx, lambda := fakelambdaclient.With(ctx, listers.LambdaObjects()...)
	ctx, tekton := faketektonclient.With(ctx, listers.TektonObjects()...)
	ctx, serving := fakeservingclient.With(ctx, listers.ServingObjects()...)
	ctx, eventing := fakeeventingclient.With(ctx, listers.EventingObjects()...)
	ctx, dynamic := fakedynamicclient.With(ctx, runtime.NewScheme(), listers.UntypedObjects()...)
	return ctx, rtesting.ActionRecorderList{kube, lambda, tekton, serving, eventing, dynamic},
		[]*clientgotesting.Fake{&kube.Fake, &lambda.Fake, &tekton.Fake, &serving.Fake, &eventing.Fake, &dynamic.Fake}
}

// Lead has a reconciler lead, before which it does nothing.
func Lead(t testing.TB, c controller.Reconciler) {
	t.Helper()
	if leader, ok := c.(reconciler.LeaderAware); ok {
		if err := leader.Promote(reconciler.UniversalBucket(), func(reconciler.Bucket, types.NamespacedName) {}); err != nil {
			t.Fatal("Promote() =", err)
		}
	}
}

// admit defaults a copy of the object and validates it, as the webhook of its API does.
func admit(action clientgotesting.Action) (handled bool, ret runtime.Object, err error) {
	if action.GetSubresource() != "" {
		return false, nil, nil
	}
	// Creates and updates both are of this type.
	object := action.(clientgotesting.CreateAction).GetObject().DeepCopyObject()
	ctx := eventingconfig.ToContext(apis.WithinCreate(context.Background()), &eventingconfig.Config{Defaults: &eventingconfig.Defaults{
		ClusterDefaultConfig: &eventingconfig.DefaultConfig{DefaultBrokerClass: "MTChannelBasedBroker"},
	}})
	if d, ok := object.(apis.Defaultable); ok {
		d.SetDefaults(ctx)
	}
	if v, ok := object.(apis.Validatable); ok {
		if err := v.Validate(ctx).Filter(apis.ErrorLevel); err != nil {
			return true, nil, apierrs.NewBadRequest(fmt.Sprintf("admission webhook denied the request: validation failed: %v", err))
		}
	}
	return false, nil, nil
}
