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

package diagnosis

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	restfake "k8s.io/client-go/rest/fake"
	clocktesting "k8s.io/utils/clock/testing"
	eventingscheme "knative.dev/eventing/pkg/client/clientset/versioned/scheme"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	"knative.dev/pkg/ptr"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servingfake "knative.dev/serving/pkg/client/clientset/versioned/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafake "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/fake"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const (
	namespace = "shop"
	buildKey  = "0123456789abcdef"
	// forbiddenLog is the log of containers whose log may not be read.
	forbiddenLog = "forbidden"
)

var now = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.Time{Time: now.Add(-d)} }

// kubeWithLogs has containers whose log is this text.
type kubeWithLogs struct {
	kubernetes.Interface
	log string
}

type coreWithLogs struct {
	typedcorev1.CoreV1Interface
	log string
}

type podsWithLogs struct {
	typedcorev1.PodInterface
	log string
}

func (k *kubeWithLogs) CoreV1() typedcorev1.CoreV1Interface {
	return &coreWithLogs{k.Interface.CoreV1(), k.log}
}

func (c *coreWithLogs) Pods(namespace string) typedcorev1.PodInterface {
	return &podsWithLogs{c.CoreV1Interface.Pods(namespace), c.log}
}

func (p *podsWithLogs) GetLogs(string, *corev1.PodLogOptions) *rest.Request {
	client := &restfake.RESTClient{
		NegotiatedSerializer: scheme.Codecs.WithoutConversion(),
		Client: restfake.CreateHTTPClient(func(*http.Request) (*http.Response, error) {
			if p.log == forbiddenLog {
				return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody}, nil
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(p.log))}, nil
		}),
	}
	return client.Request()
}

// fakes are clients of what is in the cluster.
type fakes struct {
	Clients
	kube    *fake.Clientset
	serving *servingfake.Clientset
	dynamic *dynamicfake.FakeDynamicClient
}

func newFakes(t *testing.T, log string, objects ...runtime.Object) *fakes {
	t.Helper()
	var kube, knative, others, own []runtime.Object
	for _, object := range objects {
		switch object.(type) {
		case *v1alpha1.LambdaFunction, *v1alpha1.LambdaAgent:
			own = append(own, object)
		case *servingv1.Service, *servingv1.Configuration, *servingv1.Revision, *servingv1.Route:
			knative = append(knative, object)
		default:
			if _, _, err := scheme.Scheme.ObjectKinds(object); err == nil {
				kube = append(kube, object)
			} else {
				others = append(others, object)
			}
		}
	}
	known := runtime.NewScheme()
	if err := errors.Join(tektonv1.AddToScheme(known), eventingscheme.AddToScheme(known)); err != nil {
		t.Fatal("AddToScheme() =", err)
	}
	f := &fakes{
		kube: fake.NewClientset(kube...), serving: servingfake.NewSimpleClientset(knative...),
		dynamic: dynamicfake.NewSimpleDynamicClient(known, others...),
	}
	f.Clients = Clients{
		Lambda: lambdafake.NewSimpleClientset(own...), Kube: &kubeWithLogs{f.kube, log}, Serving: f.serving, Dynamic: f.dynamic,
		Clock: clocktesting.NewFakePassiveClock(now),
	}
	return f
}

// dated has all conditions be four minutes old.
func dated(status *duckv1.Status) {
	for i := range status.Conditions {
		status.Conditions[i].LastTransitionTime = apis.VolatileTime{Inner: ago(4 * time.Minute)}
	}
}

type mark = func(*v1alpha1.LambdaFunctionStatus)

// function has a status as the operator writes it.
func function(name string, marks ...mark) *v1alpha1.LambdaFunction {
	fn := LambdaFunction(name, namespace)
	fn.UID = uidOf(name)
	fn.CreationTimestamp = ago(time.Hour)
	fn.Status.InitializeConditions()
	for _, m := range marks {
		m(&fn.Status)
	}
	fn.Status.Summarize()
	fn.Status.ObservedGeneration = fn.Generation
	dated(&fn.Status.Status)
	return fn
}

func uidOf(name string) types.UID { return types.UID(name + "-uid") }

func changed(fn *v1alpha1.LambdaFunction, change func(*v1alpha1.LambdaFunction)) *v1alpha1.LambdaFunction {
	change(fn)
	return fn
}

func begun(name string) mark {
	return func(s *v1alpha1.LambdaFunctionStatus) {
		s.MarkSourceReady()
		started := ago(5 * time.Minute)
		s.BeginBuild(buildKey, taskRunName(name), &started)
		s.BuildStatus.Attempt = 1
	}
}

func taskRunName(function string) string { return function + "-" + buildKey[:10] }

func building(name, reason, message string) mark {
	return func(s *v1alpha1.LambdaFunctionStatus) {
		begun(name)(s)
		s.MarkBuildRunning(reason, message)
		s.MarkWaitingForBuild()
	}
}

func buildFailed(name, reason, message, log string) mark {
	return func(s *v1alpha1.LambdaFunctionStatus) {
		begun(name)(s)
		s.MarkBuildFailed(reason, message)
		s.BuildStatus.LogTail = log
		s.MarkWaitingForBuild()
	}
}

func built(s *v1alpha1.LambdaFunctionStatus) {
	s.MarkNothingToBuild()
}

func served(s *v1alpha1.LambdaFunctionStatus) {
	built(s)
	service := knativeService("any", apis.Condition{})
	service.Status.InitializeConditions()
	s.PropagateService(ready(service), true)
}

func revisionFailed(message string) mark {
	return func(s *v1alpha1.LambdaFunctionStatus) {
		built(s)
		s.MarkRevisionFailed(message)
	}
}

func hindered(reason, message string) mark {
	return func(s *v1alpha1.LambdaFunctionStatus) {
		built(s)
		s.MarkDeploying()
		s.MarkRevisionHindered(reason, message)
	}
}

func condition(t apis.ConditionType, status corev1.ConditionStatus, reason, message string) apis.Condition {
	return apis.Condition{
		Type: t, Status: status, Reason: reason, Message: message, LastTransitionTime: apis.VolatileTime{Inner: ago(4 * time.Minute)},
	}
}

// taskRun is the build of a function.
func taskRun(function, reason, message string, status corev1.ConditionStatus, steps ...tektonv1.StepState) *tektonv1.TaskRun {
	started := ago(5 * time.Minute)
	tr := &tektonv1.TaskRun{ObjectMeta: meta(taskRunName(function), nil)}
	tr.Labels = map[string]string{lambda.ManagedByLabelKey: lambda.ManagedByLabelValue, lambda.FunctionLabelKey: function}
	tr.Status.Conditions = duckv1.Conditions{condition(apis.ConditionSucceeded, status, reason, message)}
	tr.Status.StartTime, tr.Status.PodName, tr.Status.Steps = &started, taskRunName(function)+"-pod", steps
	return tr
}

func step(name string, code int32, reason string) tektonv1.StepState {
	s := tektonv1.StepState{Name: name, Container: "step-" + name}
	s.Terminated = &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, FinishedAt: ago(4 * time.Minute)}
	return s
}

func meta(name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, CreationTimestamp: ago(10 * time.Minute), Labels: labels}
}

func knativeService(name string, c apis.Condition) *servingv1.Service {
	s := &servingv1.Service{ObjectMeta: meta(name, nil)}
	s.OwnerReferences = []metav1.OwnerReference{{Kind: "LambdaFunction", Name: name, UID: uidOf(name), Controller: ptr.Bool(true)}}
	s.Status.LatestCreatedRevisionName = name + "-00001"
	s.Status.Conditions = duckv1.Conditions{c}
	return s
}

// ready has the Service's calls answered by its latest Revision.
func ready(s *servingv1.Service) *servingv1.Service {
	s.Status.LatestReadyRevisionName = s.Status.LatestCreatedRevisionName
	s.Status.Conditions = nil
	for _, t := range []apis.ConditionType{servingv1.ServiceConditionConfigurationsReady, apis.ConditionReady, servingv1.ServiceConditionRoutesReady} {
		s.Status.Conditions = append(s.Status.Conditions, condition(t, corev1.ConditionTrue, "", ""))
	}
	s.Status.URL = &apis.URL{Scheme: "http", Host: s.Name + "." + namespace + ".example.com"}
	s.Status.Traffic = []servingv1.TrafficTarget{{RevisionName: s.Status.LatestReadyRevisionName, LatestRevision: ptr.Bool(true), Percent: ptr.Int64(100)}}
	return s
}

// failedService is a Knative Service, and what it makes, whose Revision is not ready for this.
func failedService(name string, t apis.ConditionType, status corev1.ConditionStatus, reason, message string) []runtime.Object {
	revision := name + "-00001"
	failed := "Revision \"" + revision + "\" failed with message: " + message
	why := "RevisionFailed"
	if status == corev1.ConditionUnknown {
		failed, why = "", ""
	}
	configuration := &servingv1.Configuration{ObjectMeta: meta(name, nil)}
	configuration.Status.Conditions = duckv1.Conditions{condition(apis.ConditionReady, status, why, failed)}
	r := &servingv1.Revision{ObjectMeta: meta(revision, nil)}
	r.Status.Conditions = duckv1.Conditions{condition(t, status, reason, message)}
	return []runtime.Object{
		knativeService(name, condition(servingv1.ServiceConditionConfigurationsReady, status, why, failed)), configuration, r,
		deployment(name, appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
	}
}

func revisionLabels(name string) map[string]string {
	return map[string]string{serving.RevisionLabelKey: name + "-00001", lambda.FunctionLabelKey: name}
}

func deployment(name string, t appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: meta(name+"-00001-deployment", revisionLabels(name))}
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: t, Status: status, Reason: reason, Message: message, LastTransitionTime: ago(3 * time.Minute)}}
	return d
}

// pod is one of the function's Revision. Without containers no node has room for it.
func pod(name string, statuses ...corev1.ContainerStatus) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: meta(name+"-00001-deployment-5d9", revisionLabels(name))}
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", LastTransitionTime: ago(3 * time.Minute),
		Message: "containers with unready status: [user-container queue-proxy]",
	}}
	p.Status.ContainerStatuses = append(statuses, corev1.ContainerStatus{
		Name: queueProxy, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(3 * time.Minute)}},
	})
	return p
}

func container(restarts int32, state corev1.ContainerState, last *corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: "user-container", RestartCount: restarts, State: state, LastTerminationState: corev1.ContainerState{Terminated: last},
	}
}

func waits(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func runs() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(time.Minute)}}
}

func ended(code int32, reason, message string) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message, FinishedAt: ago(30 * time.Second)}
}

func warningOf(kind, name, reason, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: meta(name+"."+strings.ToLower(reason), nil), Type: corev1.EventTypeWarning, Reason: reason, Message: message,
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name, Namespace: namespace}, LastTimestamp: ago(20 * time.Second),
	}
}
