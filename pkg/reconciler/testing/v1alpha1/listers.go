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
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	fakekubeclientset "k8s.io/client-go/kubernetes/fake"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	fakeservingclientset "knative.dev/serving/pkg/client/clientset/versioned/fake"
	servinglisters "knative.dev/serving/pkg/client/listers/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	fakelambdaclientset "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/fake"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
)

// The schemes of the clients, and of all of them. Making one is slow, and each row needs them.
var (
	kubeScheme    = newScheme(fakekubeclientset.AddToScheme)
	lambdaScheme  = newScheme(fakelambdaclientset.AddToScheme)
	tektonScheme  = newScheme(faketektonclientset.AddToScheme)
	servingScheme = newScheme(fakeservingclientset.AddToScheme)
	clusterScheme = newScheme(fakekubeclientset.AddToScheme, fakelambdaclientset.AddToScheme,
		faketektonclientset.AddToScheme, fakeservingclientset.AddToScheme)
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
}

// NewListers returns the listers of a cluster with the objects.
func NewListers(objects []runtime.Object) Listers {
	l := Listers{cluster: rtesting.NewObjectSorter(clusterScheme), cached: rtesting.NewObjectSorter(clusterScheme)}
	l.cluster.AddObjects(objects...)
	managed := labels.SelectorFromSet(labels.Set{lambda.ManagedByLabelKey: lambda.ManagedByLabelValue})
	for _, object := range objects {
		_, own := object.(*v1alpha1.LambdaFunction)
		if child, ok := object.(interface{ GetLabels() map[string]string }); own || ok && managed.Matches(labels.Set(child.GetLabels())) {
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

func (l *Listers) indexer(object runtime.Object) cache.Indexer {
	return l.cached.IndexerForObjectType(object)
}

// LambdaFunctionLister returns the lister of LambdaFunctions.
func (l *Listers) LambdaFunctionLister() lambdalisters.LambdaFunctionLister {
	return lambdalisters.NewLambdaFunctionLister(l.indexer(&v1alpha1.LambdaFunction{}))
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
