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

package modelhealth

import (
	"context"
	"fmt"

	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// SecretKeys reads keys from Secrets. The operator has no right to read Secrets but where a namespace gives it that.
func SecretKeys(kube kubernetes.Interface) func(context.Context, KeyRef) ([]byte, error) {
	return func(ctx context.Context, ref KeyRef) ([]byte, error) {
		secret, err := kube.CoreV1().Secrets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		switch {
		case apierrs.IsForbidden(err):
			return nil, ErrKeyUnreadable
		case apierrs.IsNotFound(err):
			return nil, ErrKeyMissing
		case err != nil:
			return nil, fmt.Errorf("failed to get Secret %q: %w", ref.Name, err)
		}
		key, ok := secret.Data[ref.Key]
		if !ok || len(key) == 0 {
			return nil, ErrKeyMissing
		}
		return key, nil
	}
}
