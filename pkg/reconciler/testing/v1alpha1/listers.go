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

package v1alpha1

import (
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	faketektonclientset "github.com/tektoncd/pipeline/pkg/client/clientset/versioned/fake"
	tektonlisters "github.com/tektoncd/pipeline/pkg/client/listers/pipeline/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	fakekubeclientset "k8s.io/client-go/kubernetes/fake"
	admissionlisters "k8s.io/client-go/listers/admissionregistration/v1"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	fakeservingclientset "knative.dev/serving/pkg/client/clientset/versioned/fake"
	servinglisters "knative.dev/serving/pkg/client/listers/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	fakelambdaclientset "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/fake"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	agentresources "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
)

// The schemes of the clients, and of all of them. Making one is slow, and each row needs them.
var (
	kubeScheme    = newScheme(fakekubeclientset.AddToScheme)
	lambdaScheme  = newScheme(fakelambdaclientset.AddToScheme)
	tektonScheme  = newScheme(faketektonclientset.AddToScheme)
	servingScheme = newScheme(fakeservingclientset.AddToScheme)
	// Of Knative Eventing only what is used: it has kinds of the same names in several versions.
	eventingScheme = newScheme(eventingv1.AddToScheme, sourcesv1.AddToScheme)
	clusterScheme  = newScheme(fakekubeclientset.AddToScheme, fakelambdaclientset.AddToScheme,
		faketektonclientset.AddToScheme, fakeservingclientset.AddToScheme, eventingv1.AddToScheme, sourcesv1.AddToScheme)
)

func newScheme(adds ...func(*runtime.Scheme) error) *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range adds {
		utilruntime.Must(add(scheme))
	}
	return scheme
}

// Listers are the listers of a fake cluster. Like the controller's informers they see of the children only those that
// are labelled as managed; the clients see all.
type Listers struct {
	cluster rtesting.ObjectSorter
	cached  rtesting.ObjectSorter
	// untyped are the objects of kinds that have no Go types.
	untyped []runtime.Object
}

// NewListers returns the listers of a cluster with the objects.
func NewListers(objects []runtime.Object) Listers {
	l := Listers{cluster: rtesting.NewObjectSorter(clusterScheme), cached: rtesting.NewObjectSorter(clusterScheme)}
	managed := labels.SelectorFromSet(labels.Set{lambda.ManagedByLabelKey: lambda.ManagedByLabelValue})
	for _, object := range objects {
		seen := false
		switch object := object.(type) {
		case *unstructured.Unstructured:
			l.untyped = append(l.untyped, object)
			continue
		case *v1alpha1.LambdaFunction, *v1alpha1.LambdaAgent, *eventingv1.Broker:
			seen = true
		case interface{ GetLabels() map[string]string }:
			seen = managed.Matches(labels.Set(object.GetLabels()))
		}
		l.cluster.AddObjects(object)
		if seen {
			l.cached.AddObjects(object)
		}
	}
	return l
}

// KubeObjects are the cluster's objects of Kubernetes itself.
func (l *Listers) KubeObjects() []runtime.Object {
	return l.cluster.ObjectsForScheme(kubeScheme)
}

// LambdaObjects are the cluster's objects of our own API.
func (l *Listers) LambdaObjects() []runtime.Object {
	return l.cluster.ObjectsForScheme(lambdaScheme)
}

// TektonObjects are the cluster's objects of Tekton.
func (l *Listers) TektonObjects() []runtime.Object {
	return l.cluster.ObjectsForScheme(tektonScheme)
}

// ServingObjects are the cluster's objects of Knative Serving.
func (l *Listers) ServingObjects() []runtime.Object {
	return l.cluster.ObjectsForScheme(servingScheme)
}

// EventingObjects are the cluster's objects of Knative Eventing.
func (l *Listers) EventingObjects() []runtime.Object {
	return l.cluster.ObjectsForScheme(eventingScheme)
}

// UntypedObjects are the cluster's objects of kinds that have no Go types.
func (l *Listers) UntypedObjects() []runtime.Object {
	return l.untyped
}

func (l *Listers) indexer(object runtime.Object) cache.Indexer {
	return l.cached.IndexerForObjectType(object)
}

// LambdaFunctionLister returns the lister of LambdaFunctions.
func (l *Listers) LambdaFunctionLister() lambdalisters.LambdaFunctionLister {
	return lambdalisters.NewLambdaFunctionLister(l.indexer(&v1alpha1.LambdaFunction{}))
}

// LambdaAgentLister returns the lister of LambdaAgents.
func (l *Listers) LambdaAgentLister() lambdalisters.LambdaAgentLister {
	return lambdalisters.NewLambdaAgentLister(l.indexer(&v1alpha1.LambdaAgent{}))
}

// ConfigMapLister returns the lister of ConfigMaps.
func (l *Listers) ConfigMapLister() corev1listers.ConfigMapLister {
	return corev1listers.NewConfigMapLister(l.indexer(&corev1.ConfigMap{}))
}

// PodLister returns the lister of Pods.
func (l *Listers) PodLister() corev1listers.PodLister {
	return corev1listers.NewPodLister(l.indexer(&corev1.Pod{}))
}

// TaskRunLister returns the lister of TaskRuns.
func (l *Listers) TaskRunLister() tektonlisters.TaskRunLister {
	return tektonlisters.NewTaskRunLister(l.indexer(&tektonv1.TaskRun{}))
}

// ServiceLister returns the lister of Knative Services.
func (l *Listers) ServiceLister() servinglisters.ServiceLister {
	return servinglisters.NewServiceLister(l.indexer(&servingv1.Service{}))
}

// KubeServices returns the Services of Kubernetes itself.
func (l *Listers) KubeServices() cache.Indexer {
	return l.indexer(&corev1.Service{})
}

// BindingLister returns the lister of ValidatingAdmissionPolicyBindings.
func (l *Listers) BindingLister() admissionlisters.ValidatingAdmissionPolicyBindingLister {
	return admissionlisters.NewValidatingAdmissionPolicyBindingLister(l.indexer(&admissionv1.ValidatingAdmissionPolicyBinding{}))
}

// ServiceAccounts returns the ServiceAccounts.
func (l *Listers) ServiceAccounts() cache.Indexer {
	return l.indexer(&corev1.ServiceAccount{})
}

// Roles returns the Roles.
func (l *Listers) Roles() cache.Indexer {
	return l.indexer(&rbacv1.Role{})
}

// RoleBindings returns the RoleBindings.
func (l *Listers) RoleBindings() cache.Indexer {
	return l.indexer(&rbacv1.RoleBinding{})
}

// Kinds returns the kinds that the cluster has besides Kubernetes' own and those that have to be there; the others it does not have. A kind that is given as
// eventing.Unseen has not been read yet.
func (l *Listers) Kinds(presence map[eventing.Kind]eventing.Presence) eventing.Kinds {
	untyped := func(kind schema.GroupVersionKind) cache.Indexer {
		objects := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		for _, object := range l.untyped {
			if object.GetObjectKind().GroupVersionKind() == kind {
				utilruntime.Must(objects.Add(object))
			}
		}
		return objects
	}
	return &kinds{presence: presence, objects: map[eventing.Kind]cache.Indexer{
		eventing.Brokers:          l.indexer(&eventingv1.Broker{}),
		eventing.Triggers:         l.indexer(&eventingv1.Trigger{}),
		eventing.PingSources:      l.indexer(&sourcesv1.PingSource{}),
		eventing.APIServerSources: l.indexer(&sourcesv1.ApiServerSource{}),
		eventing.RabbitMQConfigs:  untyped(wiring.RabbitMQConfigKind),
		eventing.ServiceMonitors:  untyped(agentresources.ServiceMonitorKind),
	}}
}

type kinds struct {
	presence map[eventing.Kind]eventing.Presence
	objects  map[eventing.Kind]cache.Indexer
}

// Objects implements eventing.Kinds.
func (k *kinds) Objects(kind eventing.Kind) (cache.Indexer, eventing.Presence) {
	presence, ok := k.presence[kind]
	switch {
	case !ok:
		return nil, eventing.Absent
	case presence == eventing.Present:
		return k.objects[kind], presence
	default:
		return nil, presence
	}
}
