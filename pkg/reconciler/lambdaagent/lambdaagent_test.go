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
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgotesting "k8s.io/client-go/testing"
	testclock "k8s.io/utils/clock/testing"
	fakeeventingclient "knative.dev/eventing/pkg/client/injection/client/fake"
	fakekubeclient "knative.dev/pkg/client/injection/kube/client/fake"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	fakedynamicclient "knative.dev/pkg/injection/clients/dynamicclient/fake"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/ptr"
	rtesting "knative.dev/pkg/reconciler/testing"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	fakeservingclient "knative.dev/serving/pkg/client/injection/client/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	fakelambdaclient "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/client/fake"
	lambdaagentreconciler "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/reconciler/lambda/v1alpha1/lambdaagent"
	"github.com/knative-lambda/knative-lambda-operator/pkg/modelhealth"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	knativeserving "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const key = "default/chat"

var (
	now     = time.Unix(1.7e9, 0)
	cluster = config.FromContextOrDefaults(context.Background())
)

type (
	kindsKey  struct{}
	modelsKey struct{}
)

// withKinds is the context of a cluster that has these kinds.
func withKinds(kinds ...eventing.Kind) context.Context {
	presence := map[eventing.Kind]eventing.Presence{}
	for _, kind := range kinds {
		presence[kind] = eventing.Present
	}
	return context.WithValue(context.Background(), kindsKey{}, presence)
}

// unread is the context of a controller that has not read objects of the kind yet.
func unread(kind eventing.Kind) context.Context {
	return context.WithValue(context.Background(), kindsKey{}, map[eventing.Kind]eventing.Presence{
		eventing.Brokers: eventing.Present, eventing.Triggers: eventing.Present, kind: eventing.Unseen,
	})
}

type clusterConfig struct{}

func (clusterConfig) ToContext(ctx context.Context) context.Context {
	return config.ToContext(ctx, cluster)
}

func newReconciler(ctx context.Context, listers *Listers, _ configmap.Watcher) controller.Reconciler {
	clock := testclock.NewFakePassiveClock(now)
	presence, _ := ctx.Value(kindsKey{}).(map[eventing.Kind]eventing.Presence)
	looked, ok := ctx.Value(modelsKey{}).(*models)
	if !ok {
		looked = &models{}
	}
	r := &Reconciler{
		kube: fakekubeclient.Get(ctx), dynamic: fakedynamicclient.Get(ctx), agentLister: listers.LambdaAgentLister(), services: listers.KubeServices(),
		bindings: listers.BindingLister(),
		serving: &knativeserving.Reconciler{
			Client: fakeservingclient.Get(ctx), Services: listers.ServiceLister(), Pods: listers.PodLister(), Clock: clock,
		},
		eventing: &eventing.Reconciler{
			Kinds:    listers.Kinds(presence),
			Eventing: fakeeventingclient.Get(ctx), Dynamic: fakedynamicclient.Get(ctx), Kube: fakekubeclient.Get(ctx),
			ServiceAccounts: listers.ServiceAccounts(), Roles: listers.Roles(), RoleBindings: listers.RoleBindings(),
			Clock: clock,
		},
		models: looked, clock: clock, enqueueAfter: func(any, time.Duration) {},
	}
	return lambdaagentreconciler.NewReconciler(ctx, logging.FromContext(ctx), fakelambdaclient.Get(ctx),
		listers.LambdaAgentLister(), controller.GetEventRecorder(ctx), r, controller.Options{ConfigStore: clusterConfig{}})
}

// agent is chat in namespace default.
func agent(options ...AgentOption) *v1alpha1.LambdaAgent {
	return LambdaAgent("chat", "default", options...)
}

// found sets the status of an agent that serves, in a cluster that has nothing of what it may have, and has asked for nothing.
func found(la *v1alpha1.LambdaAgent) {
	la.SetDefaults(context.Background())
	la.Status.ObservedGeneration = la.Generation
	la.Status.InitializeConditions()
	la.Status.MarkPermissions(corev1.ConditionTrue, "", "")
	la.Status.MarkAI(corev1.ConditionTrue, v1alpha1.ReasonNoModel, "The agent has no model.")
	withService(WithServiceReady)(la)
	la.Status.MarkEventing(false, corev1.ConditionTrue, v1alpha1.ReasonEventingDisabled, "The agent does not want events.")
	la.Status.MarkMonitoring(corev1.ConditionTrue, v1alpha1.ReasonMonitoringNotInstalled,
		"The cluster has no ServiceMonitors: who asks for the agent's metrics has to find its Service.")
	la.Status.Summarize()
}

// withService sets what the status says of the Knative Service.
func withService(changes ...ServiceOption) AgentOption {
	return func(la *v1alpha1.LambdaAgent) {
		la.Status.MarkDeploying()
		la.Status.PropagateService(serviceOf(la, changes...))
		la.Status.Summarize()
	}
}

func summarized(la *v1alpha1.LambdaAgent) { la.Status.Summarize() }

func serviceOf(la *v1alpha1.LambdaAgent, changes ...ServiceOption) *servingv1.Service {
	return Change(resources.MakeService(la, cluster), changes...)
}

func metricsOf(la *v1alpha1.LambdaAgent, changes ...func(*corev1.Service)) *corev1.Service {
	return Change(resources.MakeMetricsService(la), changes...)
}

func statusUpdate(la *v1alpha1.LambdaAgent) []clientgotesting.UpdateActionImpl {
	return []clientgotesting.UpdateActionImpl{{Object: la}}
}

func updates(objects ...runtime.Object) []clientgotesting.UpdateActionImpl {
	var made []clientgotesting.UpdateActionImpl
	for _, object := range objects {
		made = append(made, clientgotesting.UpdateActionImpl{Object: object})
	}
	return made
}

func deletion(resource schema.GroupVersionResource, name string) clientgotesting.DeleteActionImpl {
	return clientgotesting.DeleteActionImpl{
		ActionImpl: clientgotesting.ActionImpl{Namespace: "default", Verb: "delete", Resource: resource}, Name: name,
	}
}

func normal(reason, format string, args ...any) string {
	return rtesting.Eventf(corev1.EventTypeNormal, reason, format, args...)
}

func warning(reason, format string, args ...any) string {
	return rtesting.Eventf(corev1.EventTypeWarning, reason, format, args...)
}

// refuse has the API server answer with the error.
func refuse(verb, resource string, err error) clientgotesting.ReactionFunc {
	return func(action clientgotesting.Action) (bool, runtime.Object, error) {
		if action.Matches(verb, resource) {
			return true, nil, err
		}
		return false, nil, nil
	}
}

func pod(changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "chat-00001-a", Namespace: "default", Labels: resources.AgentLabels(agent())}}
	p.Labels[serving.RevisionLabelKey] = "chat-00001"
	return Change(p, changes...)
}

func running(p *corev1.Pod) {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "user-container", State: corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: metav1.Time{Time: now.Add(-time.Minute)}},
	}}}
}

func crashed(p *corev1.Pod) {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "user-container", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "no model"},
	}}}
}

func unschedulable(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes",
	}}
}

// serviceRows are about the Knative Service.
func serviceRows() rtesting.TableTest {
	starting := []ServiceOption{WithRevisions("chat-00001", ""), WithConfiguration(corev1.ConditionUnknown, "", "")}
	hindered := func(reason, message string) AgentOption {
		return func(la *v1alpha1.LambdaAgent) { la.Status.MarkRevisionHindered(reason, message) }
	}
	failed := func(message string) AgentOption {
		return func(la *v1alpha1.LambdaAgent) { la.Status.MarkRevisionFailed(message) }
	}
	denied := apierrs.NewBadRequest("denied")
	terminating := apierrs.NewForbidden(schema.GroupResource{Resource: "services"}, "chat", errors.New("terminating"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	unserved := func(mark func(*v1alpha1.LambdaAgentStatus)) AgentOption {
		return func(la *v1alpha1.LambdaAgent) {
			la.Status.ServiceStatus, la.Status.URL, la.Status.Address = nil, nil, nil
			la.Status.MarkDeploying()
			mark(&la.Status)
			la.Status.Summarize()
		}
	}
	drifted := func(s *servingv1.Service) {
		s.Spec.Template.Spec.Containers[0].Image = "registry.example.com/evil"
		s.Spec.Template.Annotations["autoscaling.knative.dev/max-scale"] = "1000"
	}
	foreign := func(s *servingv1.Service) { s.Labels["team"] = "a" }
	v2 := WithAgentEdited(WithTag("v2"))
	rows := rtesting.TableTest{{
		Name: "no such agent", Key: "default/other",
	}, {
		Name: "key that is none", Key: "a/b/c",
	}, {
		Name:              "first create",
		Key:               key,
		Objects:           []runtime.Object{agent()},
		WantCreates:       []runtime.Object{metricsOf(agent()), serviceOf(agent())}, // by client
		WantEvents:        []string{normal("Created", "Created Knative Service %q", "chat"), normal("Created", "Created Service %q", "chat-metrics")},
		WantStatusUpdates: statusUpdate(agent(found, withService())),
	}, {
		Name:    "steady state",
		Key:     key,
		Objects: []runtime.Object{agent(found), serviceOf(agent(), WithServiceDefaults, WithServiceReady, foreign), metricsOf(agent())},
	}, {
		Name:        "drift is repaired, and what is foreign stays",
		Key:         key,
		Objects:     []runtime.Object{agent(found), serviceOf(agent(), WithServiceReady, foreign, drifted), metricsOf(agent())},
		WantUpdates: updates(serviceOf(agent(), WithServiceReady, foreign)),
		WantEvents:  []string{normal("Updated", "Updated Knative Service %q", "chat")},
	}, {
		Name:              "another tag is rolled out",
		Key:               key,
		Objects:           []runtime.Object{agent(found, v2), serviceOf(agent(), WithServiceReady), metricsOf(agent())},
		WantUpdates:       updates(serviceOf(agent(v2), WithServiceReady)),
		WantEvents:        []string{normal("Updated", "Updated Knative Service %q", "chat")},
		WantStatusUpdates: statusUpdate(agent(v2, found)),
	}, {
		Name:              "somebody else's",
		Key:               key,
		Objects:           []runtime.Object{agent(), serviceOf(agent(), WithoutOwner), metricsOf(agent())},
		WantErr:           true,
		WantEvents:        []string{warning("InternalError", "LambdaAgent %q does not own Knative Service %q", "chat", "chat")},
		WantStatusUpdates: statusUpdate(agent(found, unserved(func(s *v1alpha1.LambdaAgentStatus) { s.MarkServiceNotOwned("chat") }))),
	}, {
		Name:         "refused",
		Key:          key,
		Objects:      []runtime.Object{agent(), metricsOf(agent())},
		WithReactors: []clientgotesting.ReactionFunc{refuse("create", "services", denied)},
		WantErr:      true,
		WantCreates:  []runtime.Object{serviceOf(agent())},
		WantEvents: []string{
			warning("CreationFailed", "Failed to create Knative Service %q: denied", "chat"),
			warning("InternalError", "failed to create Knative Service %q: denied", "chat"),
		},
		WantStatusUpdates: statusUpdate(agent(found, unserved(func(s *v1alpha1.LambdaAgentStatus) {
			s.MarkServiceRefused(`failed to create Knative Service "chat": denied`)
		}))),
	}, {
		Name:              "in a namespace that is being deleted",
		Key:               key,
		Objects:           []runtime.Object{agent(), metricsOf(agent())},
		WithReactors:      []clientgotesting.ReactionFunc{refuse("create", "services", terminating)},
		WantErr:           true, // one that says to leave it
		WantCreates:       []runtime.Object{serviceOf(agent())},
		WantEvents:        []string{warning("CreationFailed", "Failed to create Knative Service %q: %v", "chat", terminating)},
		WantStatusUpdates: statusUpdate(agent(found, unserved(func(*v1alpha1.LambdaAgentStatus) {}))),
	}, {
		Name:    "approvals, as an older release took them",
		Key:     key,
		Objects: []runtime.Object{agent(func(la *v1alpha1.LambdaAgent) { la.Spec.OperationMode = v1alpha1.OperationModeSupervised })},
		WantStatusUpdates: statusUpdate(agent(func(la *v1alpha1.LambdaAgent) {
			la.Spec.OperationMode = v1alpha1.OperationModeSupervised
			la.Status.ObservedGeneration = 1
			la.Status.InitializeConditions()
			la.Status.MarkPermissions(corev1.ConditionTrue, "", "")
			la.Status.MarkAI(corev1.ConditionTrue, v1alpha1.ReasonNoModel, "The agent has no model.")
			la.Status.MarkApprovalsNotSupported()
		}, summarized)),
	}}
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
		want AgentOption
	}{
		{"crashes", pod(crashed), failed("The container exited with code 1: no model")},
		{"does not answer", pod(running), hindered(v1alpha1.ReasonNotAnswering,
			"The container runs, and nothing in it listens at port 8080: set spec.image.port to where it does.")},
		{"fits no node", pod(unschedulable), hindered(v1alpha1.ReasonUnschedulable,
			"No node has room for the agent: lower spec.resources.requests, or add a node. 0/1 nodes")},
	} {
		rows = append(rows, rtesting.TableRow{
			Name:              "Revision that " + tc.name,
			Key:               key,
			Objects:           []runtime.Object{agent(found, withService()), serviceOf(agent(), starting...), metricsOf(agent()), tc.pod},
			WantStatusUpdates: statusUpdate(agent(found, withService(starting...), tc.want, summarized)),
		})
	}
	for _, tc := range []struct {
		name    string
		changes []ServiceOption
	}{
		{"failed", []ServiceOption{WithConfiguration(corev1.ConditionFalse, "RevisionFailed", "100% broken")}},
		{"without a route", []ServiceOption{WithConfiguration(corev1.ConditionTrue, "", ""), WithRoute(corev1.ConditionFalse, "RevisionMissing", "lost")}},
		{"whose route is made", []ServiceOption{WithConfiguration(corev1.ConditionTrue, "", ""), WithRoute(corev1.ConditionUnknown, "", "")}},
	} {
		rows = append(rows, rtesting.TableRow{
			Name:              "Revision " + tc.name,
			Key:               key,
			Objects:           []runtime.Object{agent(found), serviceOf(agent(), tc.changes...), metricsOf(agent())},
			WantStatusUpdates: statusUpdate(agent(found, withService(tc.changes...))),
		})
	}
	return rows
}

// tables are all rows of this package, by what they are about.
func tables() map[string]rtesting.TableTest {
	return map[string]rtesting.TableTest{
		"service": serviceRows(), "model": modelRows(), "eventing": eventingRows(), "forward": forwardRows(),
		"permission": permissionRows(), "binding": bindingRows(), "monitoring": monitoringRows(),
	}
}

func TestReconcile(t *testing.T) {
	for name, table := range tables() {
		t.Run(name, func(t *testing.T) { table.Test(t, MakeFactory(newReconciler)) })
	}
}

// models knows what was found of the models of all agents.
type models struct {
	health modelhealth.Health
	known  bool
	set    modelhealth.Target
}

func (m *models) Set(_ types.NamespacedName, target modelhealth.Target) { m.set = target }
func (*models) Forget(types.NamespacedName)                             {}
func (m *models) Get(types.NamespacedName) (modelhealth.Health, bool)   { return m.health, m.known }

// modelRows are about the model.
func modelRows() rtesting.TableTest {
	const none = "Nobody has looked at the endpoint of the model yet."
	ollama := WithAI(v1alpha1.AISpec{Endpoint: "http://ollama:11434", Model: "llama3.2:3b"})
	status := func(status corev1.ConditionStatus, reason, message string, ai v1alpha1.AIStatus) AgentOption {
		return func(la *v1alpha1.LambdaAgent) {
			la.Status.AIStatus = &ai
			la.Status.MarkAI(status, reason, message)
		}
	}
	asked := v1alpha1.AIStatus{Provider: v1alpha1.AIProviderOllama, Endpoint: "http://ollama:11434"}
	with := func(change func(*v1alpha1.AIStatus)) v1alpha1.AIStatus {
		ai := asked
		change(&ai)
		return ai
	}
	health := func(m *models) context.Context { return context.WithValue(context.Background(), modelsKey{}, m) }
	found := AgentOption(found)
	var rows rtesting.TableTest
	for _, tc := range []struct {
		name   string
		ctx    context.Context
		change AgentOption
		want   AgentOption
	}{{
		name: "nobody has looked yet", ctx: health(&models{}), change: ollama,
		want: status(corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckPending, none, asked),
	}, {
		name: "nobody shall look",
		ctx:  health(&models{known: true}),
		change: func(la *v1alpha1.LambdaAgent) {
			ollama(la)
			la.Spec.Behavior.HealthCheck = &v1alpha1.HealthCheckSpec{Enabled: ptr.Bool(false)}
		},
		want: status(corev1.ConditionUnknown, v1alpha1.ReasonHealthCheckDisabled,
			"Nobody looks after the endpoint of the model: spec.behavior.healthCheck.enabled is false.", asked),
	}, {
		name: "no model, said so", change: WithAI(v1alpha1.AISpec{Provider: v1alpha1.AIProviderNone}),
		want: status(corev1.ConditionTrue, v1alpha1.ReasonNoModel, "The agent has no model.", v1alpha1.AIStatus{Provider: v1alpha1.AIProviderNone}),
	}, {
		name: "the model is there", change: ollama,
		ctx: health(&models{known: true, health: modelhealth.Health{Status: corev1.ConditionTrue, ActiveModel: "llama3.2:3b", Checked: now, Latency: time.Second}}),
		want: status(corev1.ConditionTrue, "", "", with(func(ai *v1alpha1.AIStatus) {
			ai.ModelAvailable, ai.ActiveModel, ai.LastHealthCheck, ai.Latency = true, "llama3.2:3b", &metav1.Time{Time: now}, &metav1.Duration{Duration: time.Second}
		})),
	}, {
		name: "the model is not there", change: ollama,
		ctx: health(&models{known: true, health: modelhealth.Health{
			Status: corev1.ConditionFalse, Reason: v1alpha1.ReasonModelNotFound, Message: "no such model", Checked: now, Failures: 3,
		}}),
		want: status(corev1.ConditionFalse, v1alpha1.ReasonModelNotFound, "no such model", with(func(ai *v1alpha1.AIStatus) {
			ai.LastHealthCheck, ai.ConsecutiveFailures = &metav1.Time{Time: now}, 3
		})),
	}} {
		rows = append(rows, rtesting.TableRow{
			Name:              tc.name,
			Ctx:               tc.ctx,
			Key:               key,
			Objects:           []runtime.Object{agent(tc.change), serviceOf(agent(tc.change), WithServiceReady), metricsOf(agent())},
			WantStatusUpdates: statusUpdate(agent(tc.change, found, tc.want)),
		})
	}
	return rows
}

// What is looked after is what the spec says.
func TestTargetOf(t *testing.T) {
	la := agent(WithAI(v1alpha1.AISpec{
		Provider: v1alpha1.AIProviderOpenAI, Endpoint: "http://models:8000", Model: "a", FallbackModel: "b",
		APIKeySecretRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: "k"},
	}), func(la *v1alpha1.LambdaAgent) {
		la.Spec.Behavior.HealthCheck = &v1alpha1.HealthCheckSpec{Path: "/healthz", Interval: &metav1.Duration{Duration: time.Hour}}
	})
	want := modelhealth.Target{
		Provider: v1alpha1.AIProviderOpenAI, URL: "http://models.default.svc:8000/v1", Path: "/healthz", Model: "a", Fallback: "b", Interval: time.Hour,
		Key: modelhealth.KeyRef{Namespace: "default", Name: "keys", Key: "k"},
	}
	if got := targetOf(la); got != want {
		t.Errorf("targetOf() = %+v, want %+v", got, want)
	}
	for address, want := range map[string]string{
		"http://ollama": "http://ollama.default.svc", "http://ollama.ai:11434": "http://ollama.ai:11434", "https://api.openai.com/v1": "https://api.openai.com/v1",
		"http://[::1]:80": "http://[::1]:80", "http://10.0.0.1": "http://10.0.0.1", "": "", "http://[": "http://[",
	} {
		if got := qualified(address, "default"); got != want {
			t.Errorf("qualified(%q) = %q, want %q", address, got, want)
		}
	}
}
