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
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// namespaceLabels are on the namespaces of tests. By them a later run removes what a killed one left.
var namespaceLabels = map[string]string{"app.kubernetes.io/part-of": "knative-lambda-e2e"}

// CreateNamespace makes a namespace with a name of its own that begins with prefix.
func (c *Clients) CreateNamespace(ctx context.Context, prefix string) (string, error) {
	namespace, err := c.Kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-", Labels: namespaceLabels},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("failed to create a namespace: %w", err)
	}
	return namespace.Name, nil
}

// DeleteNamespace deletes a namespace and all that is in it, which takes a while after this returns.
func (c *Clients) DeleteNamespace(ctx context.Context, name string) error {
	if err := c.Kube.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("failed to delete namespace %q: %w", name, err)
	}
	return nil
}
