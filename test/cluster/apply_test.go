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

package main

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func deployment(namespace string, status corev1.ConditionStatus) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "d"},
		Status: appsv1.DeploymentStatus{
			Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: status}},
		},
	}
}

func webhook(namespace, authority string) *admissionv1.MutatingWebhookConfiguration {
	return &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "w"},
		Webhooks: []admissionv1.MutatingWebhook{{Name: "hook", ClientConfig: admissionv1.WebhookClientConfig{
			Service: &admissionv1.ServiceReference{Namespace: namespace}, CABundle: []byte(authority),
		}}},
	}
}

func TestUnavailable(t *testing.T) {
	stale := deployment("knative-serving", corev1.ConditionTrue)
	stale.Generation = 1
	for _, test := range []struct {
		name    string
		objects []runtime.Object
		want    string
	}{
		{name: "all available", objects: []runtime.Object{
			deployment("knative-serving", corev1.ConditionTrue), webhook("knative-serving", "authority"),
		}},
		{name: "pods missing", objects: []runtime.Object{deployment("knative-serving", corev1.ConditionFalse)}, want: "knative-serving/d"},
		{name: "change not seen", objects: []runtime.Object{stale}, want: "knative-serving/d"},
		{name: "webhook without authority", objects: []runtime.Object{webhook("knative-serving", "")}, want: "hook"},
		{name: "a user's", objects: []runtime.Object{deployment("default", corev1.ConditionFalse), webhook("default", "")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &client{typed: fake.NewClientset(test.objects...)}
			err := k.unavailable(context.Background())
			if (err != nil) != (test.want != "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("unavailable() = %v, want one that names %q", err, test.want)
			}
		})
	}
}
