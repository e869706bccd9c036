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
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
)

func TestSecretKeys(t *testing.T) {
	away := errors.New("away")
	kube := fake.NewClientset(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}, Data: map[string][]byte{"key": []byte(secret), "empty": {}},
	})
	kube.PrependReactor("get", "secrets", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		switch action.GetNamespace() {
		case "closed":
			return true, nil, apierrs.NewForbidden(schema.GroupResource{Resource: "secrets"}, "s", nil)
		case "away":
			return true, nil, away
		}
		return false, nil, nil
	})
	for _, tc := range []struct {
		ref  KeyRef
		want error
	}{
		{KeyRef{"ns", "s", "key"}, nil},
		{KeyRef{"ns", "s", "empty"}, ErrKeyMissing},
		{KeyRef{"ns", "s", "other"}, ErrKeyMissing},
		{KeyRef{"ns", "other", "key"}, ErrKeyMissing},
		{KeyRef{"closed", "s", "key"}, ErrKeyUnreadable},
		{KeyRef{"away", "s", "key"}, away},
	} {
		key, err := SecretKeys(kube)(t.Context(), tc.ref)
		if !errors.Is(err, tc.want) || (tc.want == nil) != (string(key) == secret) {
			t.Errorf("%v: %q %v, want %v", tc.ref, key, err, tc.want)
		}
	}
}
