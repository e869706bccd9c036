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

// Package lambdaagent reconciles LambdaAgents: image to Knative Service, Knative Service to events, and what tells of both and
// of the model.
package lambdaagent

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	admissionlisters "k8s.io/client-go/listers/admissionregistration/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/ptr"
	"knative.dev/pkg/reconciler"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdaagentreconciler "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/reconciler/lambda/v1alpha1/lambdaagent"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// Reconciler implements the generated interface for LambdaAgents.
type Reconciler struct {
	kube    kubernetes.Interface
	dynamic dynamic.Interface

	// agentLister knows all agents: events are forwarded to those of other namespaces, too.
	agentLister lambdalisters.LambdaAgentLister
	// services are Kubernetes' own that are labelled as managed.
	services cache.Indexer
	// bindings are those that are labelled as managed.
	bindings admissionlisters.ValidatingAdmissionPolicyBindingLister

	// serving has agents served, and eventing wires them to Knative Eventing, where that is installed.
	serving  *serving.Reconciler
	eventing *eventing.Reconciler

	// models looks after the endpoints of models.
	models modelHealth

	clock clock.PassiveClock
	// enqueueAfter has the agent reconciled again after a while.
	enqueueAfter func(la any, after time.Duration)
}

var _ lambdaagentreconciler.Interface = (*Reconciler)(nil)

// ReconcileKind implements the generated interface. Each phase sets the conditions that are its own, and each runs whatever
// the one before found: an agent whose new image does not start goes on to get its events in the one before.
func (r *Reconciler) ReconcileKind(ctx context.Context, la *v1alpha1.LambdaAgent) reconciler.Event {
	ctx, cancel := context.WithTimeout(ctx, reconciler.DefaultTimeout)
	defer cancel()
	defer la.Status.Summarize()

	// First of all: what comes then is what the agent may have.
	err := observability.Phase(ctx, "permissions", func(ctx context.Context) error { return r.reconcilePermissions(ctx, la) })
	r.reconcileModel(la)
	if la.WantsApprovals() {
		la.Status.MarkApprovalsNotSupported()
		return err
	}
	err = errors.Join(err,
		observability.Phase(ctx, "deploy", func(ctx context.Context) error { return r.reconcileService(ctx, la) }),
		observability.Phase(ctx, "eventing", func(ctx context.Context) error { return r.reconcileEventing(ctx, la) }),
		observability.Phase(ctx, "monitoring", func(ctx context.Context) error { return r.reconcileMonitoring(ctx, la) }),
	)
	if apierrs.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		// The agent goes with its namespace, in which nothing can be made any more.
		return controller.NewSkipKey(la.Namespace + "/" + la.Name)
	}
	return err
}

// reconcileService makes the Knative Service serve the agent.
func (r *Reconciler) reconcileService(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	cfg := config.FromContextOrDefaults(ctx)
	after, err := r.serving.Reconcile(ctx, la, &la.Status, &serving.Desired{
		Name:      names.Service(la),
		Make:      func() *servingv1.Service { return resources.MakeService(la, cfg) },
		Apply:     func(service *servingv1.Service) { resources.ApplyService(service, la, cfg) },
		Propagate: la.Status.PropagateService,
		Labels:    resources.AgentLabels(la),
		Noun:      "agent",
		Silent: fmt.Sprintf("The container runs, and nothing in it listens at port %d: set spec.image.port to where it does.",
			ptr.Int32Value(la.Spec.Image.Port)),
	})
	r.lookAgain(la, after)
	return err
}

// lookAgain has the agent reconciled again after a while. 0 is never.
func (r *Reconciler) lookAgain(la *v1alpha1.LambdaAgent, after time.Duration) {
	if after > 0 {
		r.enqueueAfter(la, after)
	}
}
