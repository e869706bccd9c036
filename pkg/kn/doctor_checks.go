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
	"cmp"
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// clusterDomain is that of Services, which nobody outside of the cluster can call.
const clusterDomain = "svc.cluster.local"

// ingress looks whether functions have a domain that others can call.
func (d *checkup) ingress(ctx context.Context) {
	const name = "Ingress"
	const own = "set a domain of yours in ConfigMap config-domain in " + servingNamespace + ": https://knative.dev/docs/serving/using-a-custom-domain/"
	domains, err := d.configMap(ctx, servingNamespace, "config-domain")
	if err != nil {
		d.unseen(name, err)
		return
	}
	domain := clusterDomain
	for key, selector := range domains {
		// The one without a selector is for all.
		if !strings.HasPrefix(key, "_") && strings.TrimSpace(selector) == "" {
			domain = key
		}
	}
	switch {
	case strings.HasSuffix(domain, clusterDomain):
		d.warn(name, own, "the domain is %s: functions can be called within the cluster only", domain)
	case domain == "example.com" || strings.HasSuffix(domain, ".example.com"):
		d.warn(name, own, "the domain is %s, which is nobody's: requests need the header Host", domain)
	case strings.HasSuffix(domain, ".sslip.io") || strings.HasSuffix(domain, ".nip.io"):
		d.warn(name, own, "the domain is %s: it is for trying out, and resolves where that service can be asked", domain)
	default:
		d.ok(name, "the domain is "+domain)
	}
}

// broker looks whether a Broker of the class that functions get can be made.
func (d *checkup) broker(ctx context.Context) {
	const name = "Broker"
	data, err := d.configMap(ctx, operatorNamespace, config.EventingConfigName)
	if err != nil {
		d.unseen(name, err)
		return
	}
	// Its other keys are the operator's to check.
	class := cmp.Or(data["broker-class"], config.BrokerClassAuto)
	missing, err := d.missing(map[string][]string{"eventing.knative.dev/v1alpha1": {"rabbitmqbrokerconfigs"}})
	if err != nil {
		d.unseen(name, err)
		return
	}
	switch {
	case class == config.BrokerClassAuto && len(missing) == 0:
		d.rabbitMQ(ctx, data)
	case class == config.BrokerClassRabbitMQ && len(missing) == 0:
		d.rabbitMQ(ctx, data)
	case class == config.BrokerClassRabbitMQ:
		d.fail(name, "install Knative's RabbitMQ Broker, or set another broker-class in ConfigMap config-eventing in "+operatorNamespace,
			"the class is %s, which is not installed", class)
	default:
		d.defaultBroker(ctx, strings.TrimPrefix(class, config.BrokerClassAuto))
	}
}

// rabbitMQ looks whether the cluster that Brokers are to be made in is there.
func (d *checkup) rabbitMQ(ctx context.Context, data map[string]string) {
	cluster, namespace := cmp.Or(data["rabbitmq-cluster"], "rabbitmq"), cmp.Or(data["rabbitmq-namespace"], "rabbitmq-system")
	resource := schema.GroupVersionResource{Group: "rabbitmq.com", Version: "v1beta1", Resource: "rabbitmqclusters"}
	_, err := d.dynamic.Resource(resource).Namespace(namespace).Get(ctx, cluster, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		d.fail("Broker", "make it, or name another in rabbitmq-cluster and rabbitmq-namespace of ConfigMap config-eventing in "+operatorNamespace,
			"there is no RabbitmqCluster %s in namespace %s", cluster, namespace)
	case err != nil:
		d.unseen("Broker", err)
	default:
		d.ok("Broker", fmt.Sprintf("the class is %s, with RabbitmqCluster %s in namespace %s", config.BrokerClassRabbitMQ, cluster, namespace))
	}
}

// brokerDefaults are of ConfigMap config-br-defaults.
type brokerDefaults struct {
	ClusterDefault struct {
		BrokerClass string `json:"brokerClass"`
		Kind        string `json:"kind"`
		Name        string `json:"name"`
		Namespace   string `json:"namespace"`
	} `json:"clusterDefault"`
}

// defaultBroker looks whether what Knative makes Brokers of is there. The class is "" for the cluster's default.
func (d *checkup) defaultBroker(ctx context.Context, class string) {
	const name = "Broker"
	const todo = "set default-br-config in ConfigMap config-br-defaults in " + eventingNamespace + ": https://knative.dev/docs/eventing/configuration/broker-configuration/"
	data, err := d.configMap(ctx, eventingNamespace, "config-br-defaults")
	if err != nil {
		d.unseen(name, err)
		return
	}
	var defaults brokerDefaults
	if err := yaml.Unmarshal([]byte(data["default-br-config"]), &defaults); err != nil {
		d.fail(name, todo, "default-br-config of ConfigMap config-br-defaults cannot be read: %v", err)
		return
	}
	of := &defaults.ClusterDefault
	if class = cmp.Or(class, of.BrokerClass); class == "" {
		d.fail(name, todo, "the cluster has no default class of Brokers")
		return
	}
	if of.Kind != "ConfigMap" || of.BrokerClass != class {
		d.ok(name, "the class is "+class)
		return
	}
	settings, err := d.configMap(ctx, of.Namespace, of.Name)
	switch {
	case err != nil:
		d.unseen(name, err)
	case settings == nil:
		d.fail(name, todo, "the class is %s, and its ConfigMap %s in namespace %s is not there", class, of.Name, of.Namespace)
	case strings.Contains(settings["channel-template-spec"], "InMemoryChannel"):
		d.warn(name, "install a Broker that keeps events, such as that of RabbitMQ or Kafka", "the class is %s in memory: events are lost when its pods end", class)
	default:
		d.ok(name, fmt.Sprintf("the class is %s, with ConfigMap %s in namespace %s", class, of.Name, of.Namespace))
	}
}

// webhook sends a function that is not to be stored, and looks whether it comes back completed.
func (d *checkup) webhook(ctx context.Context) {
	const name = "Webhook"
	const logs = "kubectl --namespace " + operatorNamespace + " logs deployment/knative-lambda-webhook"
	probe := &v1alpha1.LambdaFunction{ObjectMeta: metav1.ObjectMeta{Name: "kn-lambda-doctor", Namespace: d.namespace}}
	probe.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeInline, Inline: &v1alpha1.InlineSource{Code: "package main\n\nfunc Handler() {}\n"}}
	probe.Spec.Runtime.Language = v1alpha1.LanguageGo
	answer, err := d.functions(d.namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		// The namespace, and the right to make functions in it, are looked at by themselves.
		d.unseen(name, err)
	case err != nil:
		d.fail(name, logs, "a function that is sent is not taken: %v", err)
	case answer.Spec.TimeoutSeconds == nil:
		d.fail(name, logs, "a function that is sent is not completed: the webhook is not registered")
	default:
		d.ok(name, "a function that is sent is checked and completed")
	}
}

// registry looks whether the operator knows where to push images.
func (d *checkup) registry(ctx context.Context) {
	const name = "Registry"
	const where = "ConfigMap " + config.BuildConfigName + " in " + operatorNamespace
	data, err := d.configMap(ctx, operatorNamespace, config.BuildConfigName)
	if err != nil {
		d.unseen(name, err)
		return
	}
	build, err := config.NewBuildFromMap(data)
	switch {
	case err != nil:
		d.fail(name, "change the key in "+where, "%s cannot be read: %v", where, err)
	case build.Registry == "":
		d.warn(name, "set registry in "+where+", or give each function its own with --registry", "there is no registry in %s", where)
	default:
		d.ok(name, build.Registry+"; whether builds reach it cannot be told from here")
	}
}

// right is what verbs of kn lambda take.
type right struct {
	group, resource, subresource string
	verbs                        []string
}

// rights are needed in the namespace. The first is that without which nothing works.
var rights = []right{
	{"lambda.knative.io", "lambdafunctions", "", []string{"get", "list", "watch", "create", "update", "patch", "delete"}},
	{"", "pods", "", []string{"get", "list", "watch"}},
	{"", "pods", "log", []string{"get"}},
	{"", "pods", "portforward", []string{"create"}},
	{"", "events", "", []string{"list"}},
	{"serving.knative.dev", "services", "", []string{"get", "update"}},
	{"serving.knative.dev", "revisions", "", []string{"list"}},
	{"tekton.dev", "taskruns", "", []string{"get", "list"}},
	{"eventing.knative.dev", "triggers", "", []string{"list"}},
}

// rights asks the API server what you may do in the namespace.
func (d *checkup) rights(ctx context.Context) {
	const name = "Rights"
	todo := fmt.Sprintf("ask for ClusterRole edit: kubectl --namespace %s create rolebinding edit --clusterrole edit --user YOU", d.namespace)
	var missing []string
	report := d.warn
	for i, r := range rights {
		var denied []string
		for _, verb := range r.verbs {
			allowed, err := d.allowed(ctx, r, verb)
			if err != nil {
				d.unseen(name, err)
				return
			}
			if !allowed {
				denied = append(denied, verb)
			}
		}
		if len(denied) == 0 {
			continue
		}
		if i == 0 {
			report = d.fail
		}
		missing = append(missing, strings.TrimSuffix(strings.Join(denied, ", ")+" "+r.resource+"/"+r.subresource, "/"))
	}
	if len(missing) > 0 {
		report(name, todo, "you may not do this in namespace %s: %s", d.namespace, strings.Join(missing, "; "))
		return
	}
	d.ok(name, "you may do all in namespace "+d.namespace)
}

func (d *checkup) allowed(ctx context.Context, r right, verb string) (bool, error) {
	review, err := d.kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: d.namespace, Verb: verb, Group: r.group, Resource: r.resource, Subresource: r.subresource,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// podSecurity looks whether the namespace is there, and lets the pods of builds in, which have root in their container.
func (d *checkup) podSecurity(ctx context.Context) {
	const name, label = "Pod security", "pod-security.kubernetes.io/enforce"
	namespace, err := d.kube.CoreV1().Namespaces().Get(ctx, d.namespace, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		d.fail(name, "kubectl create namespace "+d.namespace, "namespace %s is not there", d.namespace)
	case err != nil:
		d.unseen(name, err)
	case namespace.Labels[label] == "restricted":
		d.fail(name, fmt.Sprintf("kubectl label namespace %s %s=baseline --overwrite; or serve images that are built elsewhere", d.namespace, label),
			"namespace %s is restricted: builds, which have root in their container, are refused", d.namespace)
	default:
		d.ok(name, cmp.Or(namespace.Labels[label], "nothing")+" is enforced")
	}
}
