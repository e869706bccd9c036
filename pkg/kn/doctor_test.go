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

package kn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// patient is a cluster of which a test makes what is wrong with it.
type patient struct {
	// objects by kind, namespace and name.
	objects map[string]runtime.Object
	// kinds are resources by group and version.
	kinds map[string][]string
	// denied are verbs and resources that one may not.
	denied map[string]bool
	// errs are what the API server answers to a verb and a resource.
	errs map[string]error
	// unregistered is true where no webhook completes functions.
	unregistered bool
}

func (p *patient) set(namespace, name string, data map[string]string) {
	p.objects["cm/"+namespace+"/"+name] = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

func (p *patient) deploy(namespace, name string, status corev1.ConditionStatus) {
	p.objects["deployment/"+namespace+"/"+name] = &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{
			"app.kubernetes.io/name": "knative-lambda", "app.kubernetes.io/version": "1.22.1",
		}},
		Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: status}}},
	}
}

func (p *patient) enforce(level string) {
	p.objects["namespace"] = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{"pod-security.kubernetes.io/enforce": level}}}
}

func defaultBroker(class, name string) map[string]string {
	return map[string]string{"default-br-config": fmt.Sprintf("clusterDefault: {brokerClass: %s, apiVersion: v1, kind: ConfigMap, name: %s, namespace: knative-eventing}", class, name)}
}

// newPatient makes one that is well.
func newPatient() *patient {
	p := &patient{objects: map[string]runtime.Object{}, denied: map[string]bool{}, errs: map[string]error{}, kinds: map[string][]string{
		"serving.knative.dev/v1": {"services", "revisions"}, "tekton.dev/v1": {"taskruns"}, "eventing.knative.dev/v1": {"brokers", "triggers"},
		"lambda.knative.io/v1alpha1": {"lambdafunctions", "lambdaagents"},
	}}
	for _, namespace := range []string{servingNamespace, tektonNamespace, eventingNamespace, operatorNamespace} {
		p.deploy(namespace, "controller", corev1.ConditionTrue)
		p.deploy(namespace, "webhook", corev1.ConditionTrue)
	}
	p.set(servingNamespace, "config-domain", map[string]string{"_example": "", "functions.acme.io": "", "internal.acme.io": "selector: {app: a}"})
	p.set(eventingNamespace, "config-br-defaults", defaultBroker("MTChannelBasedBroker", "kafka-channel"))
	p.set(eventingNamespace, "kafka-channel", map[string]string{"channel-template-spec": "kind: KafkaChannel"})
	p.set(operatorNamespace, "config-build", map[string]string{"registry": "ghcr.io/acme/functions"})
	p.enforce("baseline")
	return p
}

// cluster makes fakes of it.
func (p *patient) cluster() *cluster {
	objects := make([]runtime.Object, 0, len(p.objects))
	for _, object := range p.objects {
		objects = append(objects, object)
	}
	c := newCluster(objects...)
	for group, resources := range p.kinds {
		list := &metav1.APIResourceList{GroupVersion: group}
		for _, resource := range resources {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: resource})
		}
		c.kube.Resources = append(c.kube.Resources, list)
	}
	c.kube.Discovery().(*fake.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.35.0"}
	fails := func(action clienttesting.Action) (bool, runtime.Object, error) {
		err := p.errs[action.GetVerb()+" "+action.GetResource().Resource]
		return err != nil, nil, err
	}
	c.kube.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		of := review.Spec.ResourceAttributes
		review.Status.Allowed = !p.denied[strings.TrimSuffix(of.Verb+" "+of.Resource+"/"+of.Subresource, "/")]
		return true, review, nil
	})
	c.lambda.PrependReactor("create", "lambdafunctions", func(action clienttesting.Action) (bool, runtime.Object, error) {
		fn := action.(clienttesting.CreateAction).GetObject().(*v1alpha1.LambdaFunction).DeepCopy()
		if create := action.(clienttesting.CreateActionImpl); len(create.CreateOptions.DryRun) != 1 {
			return true, nil, errors.New("it is to be stored")
		}
		if !p.unregistered {
			fn.SetDefaults(context.Background())
		}
		return true, fn, nil
	})
	c.kube.PrependReactor("*", "*", fails)
	c.lambda.PrependReactor("*", "*", fails)
	c.dynamic.PrependReactor("*", "*", fails)
	return c
}

func rabbitMQCluster(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rabbitmq.com/v1beta1", "kind": "RabbitmqCluster", "metadata": map[string]any{"namespace": "rabbitmq-system", "name": name},
	}}
}

func TestDoctor(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "", errors.New("not yours"))
	rabbitMQ := func(p *patient) { p.kinds["eventing.knative.dev/v1alpha1"] = []string{"rabbitmqbrokerconfigs"} }
	eventingConfig := func(p *patient, data map[string]string) { p.set(operatorNamespace, "config-eventing", data) }
	for name, tc := range map[string]struct {
		sick  func(*patient)
		check string
		state string
		// found and todo are parts of what is said.
		found, todo string
	}{
		"version": {func(*patient) {}, "Kubernetes", stateOK, "v1.35.0", ""},

		"Serving":              {func(*patient) {}, "Serving", stateOK, "1.22.1, 2 Deployments are available", ""},
		"no Serving":           {func(p *patient) { delete(p.kinds, "serving.knative.dev/v1") }, "Serving", stateFailed, "no services of serving.knative.dev/v1, revisions of", "install Knative Serving"},
		"Serving without kind": {func(p *patient) { p.kinds["serving.knative.dev/v1"] = []string{"services"} }, "Serving", stateFailed, "no revisions of serving.knative.dev/v1", "install Knative Serving"},
		"Serving elsewhere": {func(p *patient) {
			delete(p.objects, "deployment/knative-serving/controller")
			delete(p.objects, "deployment/knative-serving/webhook")
		}, "Serving", stateWarning, "no Deployment of it in namespace knative-serving", "another namespace"},
		"Serving that is down":  {func(p *patient) { p.deploy(servingNamespace, "controller", corev1.ConditionFalse) }, "Serving", stateFailed, "not available: controller", "kubectl --namespace knative-serving describe deployment controller"},
		"Deployments forbidden": {func(p *patient) { p.errs["list deployments"] = forbidden }, "Serving", stateWarning, "it cannot be seen", "ask somebody who may see it"},
		"kinds that fail":       {func(p *patient) { p.errs["get resource"] = errors.New("broken") }, "Serving", stateWarning, "broken", "do it again"},

		"domain":                {func(*patient) {}, "Ingress", stateOK, "functions.acme.io", ""},
		"no domain":             {func(p *patient) { delete(p.objects, "cm/knative-serving/config-domain") }, "Ingress", stateWarning, "within the cluster only", "config-domain"},
		"domain of nobody":      {func(p *patient) { p.set(servingNamespace, "config-domain", map[string]string{"example.com": ""}) }, "Ingress", stateWarning, "nobody's", "config-domain"},
		"domain for trying out": {func(p *patient) { p.set(servingNamespace, "config-domain", map[string]string{"10.0.0.1.sslip.io": ""}) }, "Ingress", stateWarning, "for trying out", "config-domain"},
		"domain forbidden":      {func(p *patient) { p.errs["get configmaps"] = forbidden }, "Ingress", stateWarning, "it cannot be seen", "ask somebody"},

		"Tekton":    {func(*patient) {}, "Tekton", stateOK, "available", ""},
		"no Tekton": {func(p *patient) { delete(p.kinds, "tekton.dev/v1") }, "Tekton", stateFailed, "no taskruns of tekton.dev/v1", "install Tekton Pipelines"},

		"Eventing":    {func(*patient) {}, "Eventing", stateOK, "available", ""},
		"no Eventing": {func(p *patient) { delete(p.kinds, "eventing.knative.dev/v1") }, "Eventing", stateWarning, "no brokers of", "install Knative Eventing where"},

		"Broker": {func(*patient) {}, "Broker", stateOK, "MTChannelBasedBroker, with ConfigMap kafka-channel", ""},
		"Broker in memory": {func(p *patient) {
			p.set(eventingNamespace, "kafka-channel", map[string]string{"channel-template-spec": "kind: InMemoryChannel"})
		}, "Broker", stateWarning, "events are lost", "install a Broker"},
		"Broker without settings": {func(p *patient) { delete(p.objects, "cm/knative-eventing/kafka-channel") }, "Broker", stateFailed, "ConfigMap kafka-channel in namespace knative-eventing is not there", "default-br-config"},
		"no default Broker":       {func(p *patient) { delete(p.objects, "cm/knative-eventing/config-br-defaults") }, "Broker", stateFailed, "no default class", "default-br-config"},
		"default is no YAML": {func(p *patient) {
			p.set(eventingNamespace, "config-br-defaults", map[string]string{"default-br-config": "a: ["})
		}, "Broker", stateFailed, "cannot be read", "default-br-config"},
		"Broker of a class": {func(p *patient) { eventingConfig(p, map[string]string{"broker-class": "Kafka"}) }, "Broker", stateOK, "the class is Kafka", ""},
		"Broker forbidden":  {func(p *patient) { p.errs["get configmaps"] = forbidden }, "Broker", stateWarning, "it cannot be seen", ""},
		"RabbitMQ": {
			func(p *patient) { rabbitMQ(p); p.objects["rabbitmq"] = rabbitMQCluster("rabbitmq") }, "Broker", stateOK,
			"RabbitMQBroker, with RabbitmqCluster rabbitmq in namespace rabbitmq-system", "",
		},
		"RabbitMQ by name": {func(p *patient) {
			rabbitMQ(p)
			eventingConfig(p, map[string]string{"broker-class": "RabbitMQBroker", "rabbitmq-cluster": "other"})
			p.objects["rabbitmq"] = rabbitMQCluster("other")
		}, "Broker", stateOK, "RabbitmqCluster other", ""},
		"RabbitMQ without cluster": {rabbitMQ, "Broker", stateFailed, "there is no RabbitmqCluster rabbitmq in namespace rabbitmq-system", "rabbitmq-cluster"},
		"RabbitMQ forbidden":       {func(p *patient) { rabbitMQ(p); p.errs["get rabbitmqclusters"] = forbidden }, "Broker", stateWarning, "it cannot be seen", "ask somebody"},
		"RabbitMQ that is missed":  {func(p *patient) { eventingConfig(p, map[string]string{"broker-class": "RabbitMQBroker"}) }, "Broker", stateFailed, "RabbitMQBroker, which is not installed", "broker-class"},

		"Operator":              {func(*patient) {}, "Operator", stateOK, "available", ""},
		"no Operator":           {func(p *patient) { delete(p.kinds, "lambda.knative.io/v1alpha1") }, "Operator", stateFailed, "lambdafunctions of lambda.knative.io/v1alpha1", "ko apply"},
		"Operator of old":       {func(p *patient) { p.kinds["lambda.knative.io/v1alpha1"] = []string{"lambdafunctions"} }, "Operator", stateFailed, "no lambdaagents", "ko apply"},
		"Operator that is down": {func(p *patient) { p.deploy(operatorNamespace, "webhook", corev1.ConditionFalse) }, "Operator", stateFailed, "not available: webhook", "describe deployment webhook"},

		"Webhook":                {func(*patient) {}, "Webhook", stateOK, "checked and completed", ""},
		"Webhook not registered": {func(p *patient) { p.unregistered = true }, "Webhook", stateFailed, "not registered", "logs deployment/knative-lambda-webhook"},
		"Webhook that is gone": {func(p *patient) {
			p.errs["create lambdafunctions"] = apierrors.NewInternalError(errors.New("no endpoints"))
		}, "Webhook", stateFailed, "no endpoints", "logs deployment/"},
		"Webhook forbidden": {func(p *patient) { p.errs["create lambdafunctions"] = forbidden }, "Webhook", stateWarning, "it cannot be seen", "ask somebody"},

		"Registry":            {func(*patient) {}, "Registry", stateOK, "ghcr.io/acme/functions; whether builds reach it", ""},
		"no Registry":         {func(p *patient) { delete(p.objects, "cm/knative-lambda/config-build") }, "Registry", stateWarning, "there is no registry", "set registry in ConfigMap config-build"},
		"Registry of no kind": {func(p *patient) { p.set(operatorNamespace, "config-build", map[string]string{"timeout": "soon"}) }, "Registry", stateFailed, "cannot be read", "change the key"},
		"Registry forbidden":  {func(p *patient) { p.errs["get configmaps"] = forbidden }, "Registry", stateWarning, "it cannot be seen", ""},

		"Rights":            {func(*patient) {}, "Rights", stateOK, "you may do all in namespace default", ""},
		"no Rights":         {func(p *patient) { p.denied["create lambdafunctions"], p.denied["get pods/log"] = true, true }, "Rights", stateFailed, "create lambdafunctions; get pods/log", "--clusterrole edit"},
		"few Rights":        {func(p *patient) { p.denied["get pods"], p.denied["watch pods"] = true, true }, "Rights", stateWarning, "get, watch pods", "--clusterrole edit"},
		"Rights not to ask": {func(p *patient) { p.errs["create selfsubjectaccessreviews"] = forbidden }, "Rights", stateWarning, "it cannot be seen", ""},

		"Pod security":            {func(*patient) {}, "Pod security", stateOK, "baseline is enforced", ""},
		"Pod security of nothing": {func(p *patient) { p.enforce("") }, "Pod security", stateOK, "nothing is enforced", ""},
		"Pod security, strict":    {func(p *patient) { p.enforce("restricted") }, "Pod security", stateFailed, "builds, which have root", "enforce=baseline"},
		"no namespace":            {func(p *patient) { delete(p.objects, "namespace") }, "Pod security", stateFailed, "namespace default is not there", "kubectl create namespace default"},
		"namespace forbidden":     {func(p *patient) { p.errs["get namespaces"] = forbidden }, "Pod security", stateWarning, "it cannot be seen", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient()
			tc.sick(p)
			got := p.cluster().run(t.Context(), "doctor", "-o", "json")
			var checks []check
			if err := json.Unmarshal([]byte(got.out), &checks); err != nil {
				t.Fatalf("Unmarshal() = %v of %+v", err, got)
			}
			failed := false
			seen := 0
			for _, c := range checks {
				failed = failed || c.State == stateFailed
				if c.Check != tc.check {
					continue
				}
				seen++
				if c.State != tc.state || !strings.Contains(c.Found, tc.found) || !strings.Contains(c.Todo, tc.todo) || (c.Todo == "") != (c.State == stateOK) {
					t.Errorf("it finds %+v, want %s, %q and %q", c, tc.state, tc.found, tc.todo)
				}
			}
			if seen != 1 {
				t.Errorf("there are %d checks of %s in %s", seen, tc.check, got.out)
			}
			if (got.code == ExitFailure) != failed || got.code != ExitOK && got.code != ExitFailure {
				t.Errorf("run() = %d, and something has failed: %v", got.code, failed)
			}
		})
	}
}

func TestDoctorOutput(t *testing.T) {
	p := newPatient()
	p.enforce("restricted")
	p.denied["get pods/log"] = true
	delete(p.objects, "cm/knative-lambda/config-build")
	delete(p.kinds, "tekton.dev/v1")
	got := p.cluster().run(t.Context(), "doctor")
	golden(t, "doctor.txt", got.out)
	if want := "Error: Tekton: the cluster has no taskruns of tekton.dev/v1\nPod security: namespace default is restricted"; got.code != ExitFailure || !strings.HasPrefix(got.err, want) {
		t.Errorf("run() = %+v, want %s", got, want)
	}
	golden(t, "doctor-wide.txt", p.cluster().run(t.Context(), "doctor", "-o", "wide").out)
	var checks []check
	if err := yaml.UnmarshalStrict([]byte(p.cluster().run(t.Context(), "doctor", "-o", "yaml").out), &checks); err != nil || len(checks) != 11 {
		t.Errorf("Unmarshal() = %v, %v", checks, err)
	}
}

func TestDoctorRefuses(t *testing.T) {
	if got := newPatient().cluster().run(t.Context(), "doctor", "-o", "xml"); got.code != ExitUsage || !strings.Contains(got.err, `--output "xml": it is none of wide, json, yaml`) {
		t.Errorf("run() = %+v", got)
	}
	p := newPatient()
	p.errs["get version"] = errors.New("nobody is there")
	if got := p.cluster().run(t.Context(), "doctor"); got.code != ExitFailure || !strings.Contains(got.err, "nobody is there") {
		t.Errorf("run() = %+v", got)
	}
	c := newCluster()
	c.session.connect = func() (*clients, error) { return nil, errors.New("no cluster") }
	if got := c.run(t.Context(), "doctor"); got.code != ExitFailure || !strings.Contains(got.err, "no cluster") {
		t.Errorf("run() = %+v", got)
	}
}
