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

// Package fake injects a client of metadata that has its objects in memory.
package fake

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/rest"
	"knative.dev/pkg/injection"

	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/metadataclient"
)

func init() {
	injection.Fake.RegisterClient(func(ctx context.Context, _ *rest.Config) context.Context {
		ctx, _ = With(ctx)
		return ctx
	})
}

// With returns a context with a client of these objects.
func With(ctx context.Context, objects ...runtime.Object) (context.Context, *fake.FakeMetadataClient) {
	scheme := runtime.NewScheme()
	utilruntime.Must(metav1.AddMetaToScheme(scheme))
	client := fake.NewSimpleMetadataClient(scheme, objects...)
	return context.WithValue(ctx, metadataclient.Key{}, client), client
}

// Get returns the client of the context.
func Get(ctx context.Context) *fake.FakeMetadataClient {
	return metadataclient.Get(ctx).(*fake.FakeMetadataClient)
}
