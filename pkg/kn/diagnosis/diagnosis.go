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

// Package diagnosis tells why a LambdaFunction or a LambdaAgent is not ready, or what else is wrong with it: it follows the
// conditions down to the pod, the container or the event that is the cause, and says what to do.
//
// It only reads, and with the permissions of whoever asks: what these do not allow to be seen it says, and goes on.
package diagnosis

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servingclientset "knative.dev/serving/pkg/client/clientset/versioned"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdaclientset "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned"
)

// Clients are what is read with.
type Clients struct {
	Lambda  lambdaclientset.Interface
	Kube    kubernetes.Interface
	Serving servingclientset.Interface
	// Dynamic is for the kinds of Tekton and Knative Eventing.
	Dynamic dynamic.Interface
	// Clock tells what time it is. Nil is the machine's.
	Clock clock.PassiveClock
}

// Explain tells why a LambdaFunction is not ready, or what else is wrong with it. The error is that of reading the function,
// and wraps a NotFound where there is none.
func Explain(ctx context.Context, clients Clients, namespace, name string) (*Finding, error) {
	fn, err := clients.Lambda.LambdaV1alpha1().LambdaFunctions(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to get LambdaFunction %q in namespace %q: %w", name, namespace, err)
	}
	e := newExplorer(clients, fn, "lambdafunction", lambda.FunctionLabelKey, "spec.source.image")
	e.cause, e.build = fn.Status.Cause(), fn.Status.BuildStatus
	e.wantsEvents = fn.EventingEnabled() || len(fn.Spec.Triggers) > 0
	if s := fn.Status.EventingStatus; s != nil {
		e.broker = s.BrokerName
	}
	return e.explain(ctx), nil
}

// ExplainAgent tells why a LambdaAgent is not ready, or what else is wrong with it. The error is that of reading the agent,
// and wraps a NotFound where there is none.
func ExplainAgent(ctx context.Context, clients Clients, namespace, name string) (*Finding, error) {
	la, err := clients.Lambda.LambdaV1alpha1().LambdaAgents(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to get LambdaAgent %q in namespace %q: %w", name, namespace, err)
	}
	e := newExplorer(clients, la, "lambdaagent", lambda.AgentLabelKey, "spec.image")
	e.cause, e.wantsEvents = la.Status.Cause(), la.EventingEnabled()
	if s := la.Status.EventingStatus; s != nil {
		e.broker = s.BrokerName
	}
	return e.explain(ctx), nil
}

// explain looks for the cause of what is not ready, and then for what else is wrong.
func (e *explorer) explain(ctx context.Context) *Finding {
	f := &Finding{Kind: e.kind, Namespace: e.namespace(), Name: e.name(), At: metav1.Time{Time: e.now}}
	ready := e.object.GetStatus().GetCondition(apis.ConditionReady)
	switch {
	case e.object.GetDeletionTimestamp() != nil:
		f.State, f.Since = StateDeleting, e.object.GetDeletionTimestamp()
		f.Problems = e.deletion()
	case ready == nil || e.object.GetStatus().ObservedGeneration != e.object.GetGeneration():
		f.State, f.Since = StateWaiting, e.edited()
		f.Problems = []Problem{e.unobserved(ctx)}
	case ready.IsTrue():
		f.State, f.Since = StateReady, since(ready)
		f.Problems = e.besides(ctx)
		f.Problems = append(f.Problems, e.wrongThough(ctx)...)
	default:
		f.State, f.Since = StateFailed, since(ready)
		if ready.IsUnknown() {
			f.State = StateWaiting
		}
		if e.cause == nil {
			e.cause = ready
		}
		f.Problems = append([]Problem{e.problem(ctx, e.cause)}, e.besides(ctx)...)
	}
	f.Serving = e.serving(ctx)
	f.Unseen = e.unseen
	return f
}

// problem follows a condition down to its cause.
func (e *explorer) problem(ctx context.Context, c *apis.Condition) Problem {
	chain := append([]Link{e.link(e.kind, e.name(), c)}, e.descend(ctx, c)...)
	p := Problem{Chain: chain, Remedies: e.remedies(chain)}
	if c.IsUnknown() {
		p.Wait = e.wait(c)
	}
	return p
}

func (e *explorer) descend(ctx context.Context, c *apis.Condition) []Link {
	switch {
	case c.Type == v1alpha1.ConditionBuildReady:
		return e.buildChain(ctx, c)
	case c.Type == v1alpha1.ConditionDeployReady || c.Type == v1alpha1.ConditionServiceReady || c.Reason == v1alpha1.ReasonWaitingForService:
		return e.serviceChain(ctx, c)
	case c.Type == v1alpha1.ConditionEventingReady:
		return e.eventingChain(ctx, c)
	}
	return nil
}

// beside are the conditions that something may be wrong by although the function or agent is ready.
var beside = []apis.ConditionType{
	v1alpha1.ConditionEventingReady, v1alpha1.ConditionAIReady, v1alpha1.ConditionMonitoringReady, v1alpha1.ConditionPermissionsReady,
}

// chosen are the reasons of conditions that are as their owner wants them, or that follow from others.
var chosen = []string{v1alpha1.ReasonHealthCheckDisabled, v1alpha1.ReasonWaitingForService}

// notable are the reasons of conditions that are True, and still not what one would think.
var notable = []string{v1alpha1.ReasonRolledBack, v1alpha1.ReasonFallbackActive, v1alpha1.ReasonEventingNotInstalled}

// besides are the problems that conditions tell of, other than the cause.
func (e *explorer) besides(ctx context.Context) []Problem {
	var problems []Problem
	for i := range e.object.GetStatus().Conditions {
		c := &e.object.GetStatus().Conditions[i]
		switch {
		case e.cause != nil && c.Type == e.cause.Type:
		case c.IsTrue() && slices.Contains(notable, c.Reason),
			!c.IsTrue() && slices.Contains(beside, c.Type) && !slices.Contains(chosen, c.Reason):
			problems = append(problems, e.problem(ctx, c))
		}
	}
	return problems
}

// deletion says what keeps an object that is being deleted.
func (e *explorer) deletion() []Problem {
	problems := make([]Problem, 0, len(e.object.GetFinalizers()))
	for _, finalizer := range e.object.GetFinalizers() {
		problems = append(problems, Problem{
			Chain: []Link{{Kind: e.kind, Name: e.name(), Type: "Finalizer", Status: finalizer, Since: e.object.GetDeletionTimestamp()}},
			Remedies: []Remedy{{
				Do:      "Wait for what has put this finalizer there; where that is gone for good, take the finalizer away.",
				Command: e.words.Replace("kubectl -n {namespace} edit {kind} {name}"),
			}},
		})
	}
	return problems
}

// edited is when the spec was last written, as far as that is noted.
func (e *explorer) edited() *metav1.Time {
	last := e.object.GetCreationTimestamp()
	for _, field := range e.object.GetManagedFields() {
		if field.Subresource == "" && field.Time != nil && field.Time.After(last.Time) {
			last = *field.Time
		}
	}
	return &last
}

// unobserved tells of a spec that the operator has not looked at yet, and how the operator is.
func (e *explorer) unobserved(ctx context.Context) Problem {
	observed, since := e.object.GetStatus().ObservedGeneration, e.edited()
	chain := []Link{{
		Kind: e.kind, Name: e.name(), Type: state, Status: "not looked at by the operator", Reason: unobserved, Since: since,
		Message: fmt.Sprintf("Generation %d of it is there; the operator has told of %d.", e.object.GetGeneration(), observed),
	}}
	switch deployment, sight := find(ctx, e, kindDeployment, operatorNamespace, operatorName, e.Kube.AppsV1().Deployments(operatorNamespace)); sight {
	case seen:
		chain = append(chain, e.deploymentLinks(deployment)...)
	case absent:
		chain = append(chain, Link{Kind: kindDeployment, Namespace: operatorNamespace, Name: operatorName, Type: state, Status: missing})
	}
	return Problem{Chain: chain, Wait: e.waitFor(usual[unobserved], *since), Remedies: e.remedies(chain)}
}

// The Deployment of the operator, as it is shipped.
const (
	operatorNamespace = "knative-lambda"
	operatorName      = "knative-lambda-operator"
)

// serving is what answers calls now.
func (e *explorer) serving(ctx context.Context) *Serving {
	service, sight := e.knativeService(ctx)
	if sight != seen || !metav1.IsControlledBy(service, e.object) || !service.Status.GetCondition(servingv1.ServiceConditionRoutesReady).IsTrue() {
		return nil
	}
	s := &Serving{Revision: service.Status.LatestReadyRevisionName}
	for _, traffic := range service.Status.Traffic {
		if traffic.Percent != nil && *traffic.Percent == 100 && traffic.RevisionName != "" {
			s.Revision = traffic.RevisionName
		}
	}
	if s.Revision == "" {
		return nil
	}
	if service.Status.URL != nil {
		s.URL = service.Status.URL.String()
	}
	return s
}

// since is when the condition came to be as it is.
func since(c *apis.Condition) *metav1.Time {
	if c == nil || c.LastTransitionTime.Inner.IsZero() {
		return nil
	}
	return &c.LastTransitionTime.Inner
}

// optional is nil for a time that is not known.
func optional(t metav1.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
