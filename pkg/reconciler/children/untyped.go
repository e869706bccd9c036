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

package children

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
)

// Untyped makes a dynamic client one of a kind.
type Untyped struct{ dynamic.ResourceInterface }

// Get implements Client.
func (u Untyped) Get(ctx context.Context, name string, options metav1.GetOptions) (*unstructured.Unstructured, error) {
	return u.ResourceInterface.Get(ctx, name, options)
}

// Create implements Client.
func (u Untyped) Create(ctx context.Context, object *unstructured.Unstructured, options metav1.CreateOptions) (*unstructured.Unstructured, error) {
	return u.ResourceInterface.Create(ctx, object, options)
}

// Update implements Client.
func (u Untyped) Update(ctx context.Context, object *unstructured.Unstructured, options metav1.UpdateOptions) (*unstructured.Unstructured, error) {
	return u.ResourceInterface.Update(ctx, object, options)
}

// Delete implements Client.
func (u Untyped) Delete(ctx context.Context, name string, options metav1.DeleteOptions) error {
	return u.ResourceInterface.Delete(ctx, name, options)
}
