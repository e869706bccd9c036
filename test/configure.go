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

package test

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Configure sets keys of a ConfigMap, and returns what takes that back.
func (c *Clients) Configure(ctx context.Context, namespace, name string, data map[string]string) (restore func(context.Context) error, err error) {
	configMaps := c.Kube.CoreV1().ConfigMaps(namespace)
	before, err := configMaps.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to get ConfigMap %q: %w", name, err)
	}
	patch := func(ctx context.Context, data map[string]*string) error {
		raw, err := json.Marshal(map[string]any{"data": data})
		if err != nil {
			return fmt.Errorf("failed to write a patch: %w", err)
		}
		if _, err := configMaps.Patch(ctx, name, types.MergePatchType, raw, metav1.PatchOptions{}); err != nil {
			return fmt.Errorf("failed to patch ConfigMap %q: %w", name, err)
		}
		return nil
	}
	wanted, restored := map[string]*string{}, map[string]*string{}
	for key, value := range data {
		// A key that was not there goes away again.
		wanted[key], restored[key] = &value, nil
		if old, ok := before.Data[key]; ok {
			restored[key] = &old
		}
	}
	return func(ctx context.Context) error { return patch(ctx, restored) }, patch(ctx, wanted)
}
