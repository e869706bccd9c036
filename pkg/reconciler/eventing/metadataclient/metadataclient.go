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

// Package metadataclient injects the client that reads of objects nothing but their metadata.
package metadataclient

import (
	"context"

	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/logging"
)

func init() {
	injection.Default.RegisterClient(withClient)
}

// Key is what the client is kept by in a context.
type Key struct{}

func withClient(ctx context.Context, cfg *rest.Config) context.Context {
	return context.WithValue(ctx, Key{}, metadata.NewForConfigOrDie(cfg))
}

// Get returns the client of the context. A context without one is a mistake in the program.
func Get(ctx context.Context) metadata.Interface {
	client, ok := ctx.Value(Key{}).(metadata.Interface)
	if !ok {
		logging.FromContext(ctx).Panic("there is no client of metadata in the context")
	}
	return client
}
