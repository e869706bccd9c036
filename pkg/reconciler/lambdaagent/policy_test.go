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

package lambdaagent

import (
	"context"
	"os"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

var agentsResource = v1alpha1.SchemeGroupVersion.WithResource(lambda.LambdaAgentsResource.Resource)

// readPolicy reads the policy that is shipped.
func readPolicy(t *testing.T) *admissionv1.ValidatingAdmissionPolicy {
	t.Helper()
	text, err := os.ReadFile("../../../config/500-agents-policy.yaml")
	if err != nil {
		t.Fatal("ReadFile() =", err)
	}
	policy := &admissionv1.ValidatingAdmissionPolicy{}
	if err := yaml.UnmarshalStrict(text, policy); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	// What the API server fills in.
	equivalent := admissionv1.Equivalent
	policy.Spec.MatchConstraints.MatchPolicy = &equivalent
	policy.Spec.MatchConstraints.NamespaceSelector, policy.Spec.MatchConstraints.ObjectSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
	return policy
}

// newAdmission is the API server's own admission by policies, in a cluster that has the shipped policy, its bindings to all
// the agents, and those of the agents that are there. served is false before the API server knows agents.
func newAdmission(t *testing.T, bound, there []*v1alpha1.LambdaAgent, served bool) *validating.Plugin {
	t.Helper()
	objects := []runtime.Object{readPolicy(t)}
	for _, namespace := range []string{"default", "shop"} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	for _, la := range bound {
		objects = append(objects, resources.MakeBinding(la))
	}
	var agents []runtime.Object
	for _, la := range there {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(la)
		if err != nil {
			t.Fatal("ToUnstructured() =", err)
		}
		agent := &unstructured.Unstructured{Object: object}
		agent.SetGroupVersionKind(la.GetGroupVersionKind())
		agents = append(agents, agent)
	}
	kube := fake.NewClientset(objects...)
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.SchemeGroupVersion})
	if served {
		mapper.Add(v1alpha1.SchemeGroupVersion.WithKind("LambdaAgent"), meta.RESTScopeNamespace)
	}
	factory := informers.NewSharedInformerFactory(kube, 0)
	plugin := validating.NewPlugin(nil)
	plugin.SetExternalKubeClientSet(kube)
	plugin.SetExternalKubeInformerFactory(factory)
	plugin.SetDynamicClient(dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(),
		map[schema.GroupVersionResource]string{agentsResource: "LambdaAgentList"}, agents...))
	plugin.SetRESTMapper(mapper)
	plugin.SetAuthorizer(authorizer.AuthorizerFunc(func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
		return authorizer.DecisionNoOpinion, "", nil
	}))
	plugin.SetDrainedNotification(t.Context().Done())
	if err := plugin.ValidateInitialization(); err != nil {
		t.Fatal("ValidateInitialization() =", err)
	}
	factory.Start(t.Context().Done())
	return plugin
}

// attempt is somebody who does something to an object of a kind.
type attempt struct {
	username, namespace string
	kind                schema.GroupVersionKind
	operation           admission.Operation
}

func (a *attempt) attributes() admission.Attributes {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(a.kind)
	object.SetName("new")
	object.SetNamespace(a.namespace)
	resource, _ := meta.UnsafeGuessKindToResource(a.kind)
	var before runtime.Object
	var options runtime.Object = &metav1.CreateOptions{}
	if a.operation == admission.Update {
		before, options = object, &metav1.UpdateOptions{}
	}
	return admission.NewAttributesRecord(object, before, a.kind, a.namespace, "new", resource, "", a.operation, options, false, &user.DefaultInfo{Name: a.username})
}

var (
	functionKind = v1alpha1.SchemeGroupVersion.WithKind("LambdaFunction")
	brokerKind   = schema.GroupVersionKind{Group: "eventing.knative.dev", Version: "v1", Kind: "Broker"}
	triggerKind  = schema.GroupVersionKind{Group: "eventing.knative.dev", Version: "v1", Kind: "Trigger"}
)

// TestPolicy holds that the API server refuses an agent's ServiceAccount what is disabled, and nobody else anything.
func TestPolicy(t *testing.T) {
	robot := func(la *v1alpha1.LambdaAgent) { la.Spec.ServiceAccountName = "robot" }
	noFunctions := WithPermissions(v1alpha1.PermissionsSpec{DisableFunctionCreation: true})
	byEvent := may(v1alpha1.PermissionStatus{TriggerCreationDisabled: true, DisabledByEvent: []v1alpha1.DisabledCapability{{Capability: v1alpha1.CapabilityTrigger}}})
	account := serviceaccount.MakeUsername
	const (
		may      = ""
		mayNot   = `LambdaAgent "chat" in namespace "default", which runs as this ServiceAccount, may not create `
		setFalse = " to false, or use another ServiceAccount"
		events   = "an event has disabled it, see its status.permissionStatus.disabledByEvent; enable it by another event, or wait until that expires"
	)
	for _, tc := range []struct {
		name   string
		agent  *v1alpha1.LambdaAgent
		gone   bool
		who    string
		where  string
		what   schema.GroupVersionKind
		change bool
		want   string
	}{
		{name: "a function", agent: agent(robot, noFunctions), who: account("default", "robot"), what: functionKind, want: mayNot + "lambdafunctions: set its spec.permissions.disableFunctionCreation" + setFalse},
		{name: "in another namespace", agent: agent(robot, noFunctions), who: account("default", "robot"), where: "shop", what: functionKind, want: mayNot + "lambdafunctions"},
		{name: "of a later version", agent: agent(robot, noFunctions), who: account("default", "robot"), what: schema.GroupVersionKind{Group: lambda.GroupName, Version: "v9", Kind: "LambdaFunction"}, want: mayNot + "lambdafunctions"},
		{name: "a change of a function", agent: agent(robot, noFunctions), who: account("default", "robot"), what: functionKind, change: true, want: may},
		{name: "the default ServiceAccount", agent: agent(noFunctions), who: account("default", "default"), what: functionKind, want: mayNot + "lambdafunctions"},
		{name: "the default ServiceAccount by name", agent: agent(noFunctions, func(la *v1alpha1.LambdaAgent) { la.Spec.ServiceAccountName = "default" }), who: account("default", "default"), what: functionKind, want: mayNot + "lambdafunctions"},
		{name: "the default ServiceAccount of another namespace", agent: agent(noFunctions), who: account("shop", "default"), what: functionKind, want: may},
		{name: "another ServiceAccount", agent: agent(robot, noFunctions), who: account("default", "other"), what: functionKind, want: may},
		{name: "the default ServiceAccount beside the agent's", agent: agent(robot, noFunctions), who: account("default", "default"), what: functionKind, want: may},
		{name: "one of the same name elsewhere", agent: agent(robot, noFunctions), who: account("shop", "robot"), what: functionKind, want: may},
		{name: "a person", agent: agent(robot, noFunctions), who: "admin", what: functionKind, want: may},
		{name: "a Broker while functions are disabled", agent: agent(robot, noFunctions), who: account("default", "robot"), what: brokerKind, want: may},
		{name: "a Broker", agent: agent(robot, WithPermissions(v1alpha1.PermissionsSpec{DisableBrokerCreation: true})), who: account("default", "robot"), what: brokerKind, want: mayNot + "brokers: set its spec.permissions.disableBrokerCreation" + setFalse},
		{name: "a Trigger", agent: agent(robot, WithPermissions(v1alpha1.PermissionsSpec{DisableTriggerCreation: true})), who: account("default", "robot"), what: triggerKind, want: mayNot + "triggers: set its spec.permissions.disableTriggerCreation" + setFalse},
		{name: "a Trigger by event", agent: agent(robot, byEvent), who: account("default", "robot"), what: triggerKind, want: mayNot + "triggers: " + events},
		{name: "a Broker while an event has disabled Triggers", agent: agent(robot, byEvent), who: account("default", "robot"), what: brokerKind, want: may},
		{name: "the spec allows it again, and the status is not yet written", agent: agent(robot, WithPermissions(v1alpha1.PermissionsSpec{}), func(la *v1alpha1.LambdaAgent) {
			la.Status.PermissionStatus = &v1alpha1.PermissionStatus{FunctionCreationDisabled: true}
		}), who: account("default", "robot"), what: functionKind, want: may},
		{name: "nothing is disabled", agent: agent(), who: account("default", "default"), what: functionKind, want: may},
		{name: "no spec at all", agent: &v1alpha1.LambdaAgent{ObjectMeta: agent().ObjectMeta}, who: account("default", "default"), what: functionKind, want: may},
		{name: "an agent that is gone", agent: agent(noFunctions), gone: true, who: account("default", "default"), what: functionKind, want: may},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bound := []*v1alpha1.LambdaAgent{tc.agent}
			there := bound
			if tc.gone {
				there = nil
			}
			tried := &attempt{username: tc.who, namespace: "default", kind: tc.what, operation: admission.Create}
			if tc.where != "" {
				tried.namespace = tc.where
			}
			if tc.change {
				tried.operation = admission.Update
			}
			err := newAdmission(t, bound, there, true).Validate(t.Context(), tried.attributes(), admission.NewObjectInterfacesFromScheme(runtime.NewScheme()))
			switch {
			case tc.want == may && err != nil:
				t.Error("Validate() =", err)
			case tc.want != may && (!apierrs.IsForbidden(err) || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("Validate() = %v, want %q", err, tc.want)
			}
		})
	}
}

// TestPolicyFailsClosed holds that an agent gets nothing by being faster than the API server that starts.
func TestPolicyFailsClosed(t *testing.T) {
	bound := []*v1alpha1.LambdaAgent{agent(WithPermissions(v1alpha1.PermissionsSpec{DisableFunctionCreation: true}))}
	tried := &attempt{username: serviceaccount.MakeUsername("default", "default"), namespace: "default", kind: functionKind, operation: admission.Create}
	err := newAdmission(t, bound, nil, false).Validate(t.Context(), tried.attributes(), admission.NewObjectInterfacesFromScheme(runtime.NewScheme()))
	if err == nil {
		t.Error("Validate() lets pass what nobody can know to be allowed")
	}
}

// TestPolicyIsBound holds that the operator binds the policy that is shipped.
func TestPolicyIsBound(t *testing.T) {
	policy := readPolicy(t)
	gvk := agent().GetGroupVersionKind()
	if kind := policy.Spec.ParamKind; policy.Name != resources.Policy || kind.Kind != gvk.Kind || kind.APIVersion != gvk.GroupVersion().String() {
		t.Errorf("the policy %q has parameters of %v", policy.Name, kind)
	}
}
