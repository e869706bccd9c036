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

package resources

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
)

// Policy is the name of the ValidatingAdmissionPolicy in config/ that refuses what agents may not make.
const Policy = "agents.lambda.knative.io"

// BindingLabels are on the agent's binding, and on nothing else: it is in no namespace that could say whose it is.
func BindingLabels(la *v1alpha1.LambdaAgent) map[string]string {
	labels := AgentLabels(la)
	labels[lambda.AgentNamespaceLabelKey] = la.Namespace
	return labels
}

// MakeBinding makes what has the API server hold the agent's ServiceAccount to the policy, in all namespaces. The agent cannot
// own it, which is in no namespace.
func MakeBinding(la *v1alpha1.LambdaAgent) *admissionv1.ValidatingAdmissionPolicyBinding {
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: names.Binding(la.Namespace, la.Name), Labels: BindingLabels(la)},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: Policy,
			ParamRef: &admissionv1.ParamRef{
				Namespace: la.Namespace, Name: la.Name,
				// An agent that is gone forbids nothing, for the moment that its binding is there longer.
				ParameterNotFoundAction: ptr.To(admissionv1.AllowAction),
			},
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
}
