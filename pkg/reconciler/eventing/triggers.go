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

package eventing

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
)

const (
	kindTrigger         = "Trigger"
	kindPingSource      = "PingSource"
	kindAPIServerSource = "ApiServerSource"
	kindServiceAccount  = "ServiceAccount"
	kindRole            = "Role"
	kindRoleBinding     = "RoleBinding"

	// apiSourceLabel is on the ClusterRoles whose rules the controller may give to the accounts of ApiServerSources.
	apiSourceLabel = "lambda.knative.io/api-source"
)

func (p *pass) reconcileTriggers(ctx context.Context) {
	triggers := &children.Set[*eventingv1.Trigger]{
		Kind: kindTrigger, Owner: p.owner, Objects: p.objects(Triggers),
		Client:      p.Eventing.EventingV1().Triggers(p.namespace()),
		Apply:       func(existing, desired *eventingv1.Trigger) { existing.Spec = desired.Spec },
		Anew:        p.otherTrigger,
		Annotations: []string{wiring.ParallelismAnnotation, wiring.PrefetchAnnotation},
	}
	kept := map[string]struct{}{}
	for i := range p.wiring.Triggers {
		t := &p.wiring.Triggers[i]
		kept[t.Name] = struct{}{}
		all, ready := &p.status.TriggerCount, &p.status.TriggersReady
		if t.Forward {
			all, ready = &p.forwards.all, &p.forwards.ready
		}
		*all++
		if len(t.Filters) > 0 && p.classes[t.Broker] == config.BrokerClassRabbitMQ {
			p.trouble(corev1.ConditionFalse, v1alpha1.ReasonFiltersNotSupported,
				"Broker %q is of class %s, which knows exact filters only: %s", t.Broker, config.BrokerClassRabbitMQ, p.wiring.Remedies.Filters)
		}
		trigger, err := triggers.Reconcile(ctx, wiring.MakeTrigger(p.owner, p.wiring.Labels, t, p.addresses[t.Broker]))
		if err != nil {
			p.fail(err, v1alpha1.ReasonTriggerNotReady)
			continue
		}
		if p.ready(kindTrigger, trigger, v1alpha1.ReasonTriggerNotReady, &trigger.Status.Status) {
			*ready++
		}
	}
	p.errs = append(p.errs, triggers.Prune(ctx, p.wiring.Labels, kept))
}

// otherTrigger is true where Knative's admission would refuse the change: the Broker of a Trigger cannot change, and on
// RabbitMQ its filter neither.
func (p *pass) otherTrigger(existing, desired *eventingv1.Trigger) bool {
	return existing.Spec.Broker != desired.Spec.Broker ||
		(p.classes[desired.Spec.Broker] == config.BrokerClassRabbitMQ && !equality.Semantic.DeepEqual(existing.Spec.Filter, desired.Spec.Filter))
}

func (p *pass) reconcileSchedules(ctx context.Context) {
	if !p.has(PingSources) {
		if len(p.wiring.Schedules) > 0 {
			p.notInstalled("The part of Knative Eventing that has PingSources is not installed: install it, or remove spec.eventing.schedules.")
		}
		return
	}
	sources := &children.Set[*sourcesv1.PingSource]{
		Kind: kindPingSource, Owner: p.owner, Objects: p.objects(PingSources),
		Client: p.Eventing.SourcesV1().PingSources(p.namespace()),
		Apply:  func(existing, desired *sourcesv1.PingSource) { existing.Spec = desired.Spec },
	}
	kept := map[string]struct{}{}
	for i := range p.wiring.Schedules {
		s := &p.wiring.Schedules[i]
		kept[s.Name] = struct{}{}
		p.status.SourceCount++
		source, err := sources.Reconcile(ctx, wiring.MakePingSource(p.owner, p.wiring.Labels, s))
		if err != nil {
			p.fail(err, v1alpha1.ReasonEventSourceNotReady)
			continue
		}
		if p.ready(kindPingSource, source, v1alpha1.ReasonEventSourceNotReady, &source.Status.Status) {
			p.status.SourcesReady++
		}
	}
	p.errs = append(p.errs, sources.Prune(ctx, p.wiring.Labels, kept))
}

// reconcileAPISource makes the account, and then the source that reads with it.
func (p *pass) reconcileAPISource(ctx context.Context, installed bool) {
	s, kept := p.wiring.APISource, map[string]struct{}{}
	if s != nil && installed && !p.has(APIServerSources) {
		p.notInstalled("The part of Knative Eventing that has ApiServerSources is not installed: install it, or remove spec.eventing.apiSource.")
	}
	if s == nil || !installed || !p.has(APIServerSources) {
		s = nil
	} else {
		kept[s.Name] = struct{}{}
		p.status.SourceCount++
	}
	account := p.reconcileAccount(ctx, s, kept)
	if !installed || !p.has(APIServerSources) {
		return
	}
	sources := &children.Set[*sourcesv1.ApiServerSource]{
		Kind: kindAPIServerSource, Owner: p.owner, Objects: p.objects(APIServerSources),
		Client: p.Eventing.SourcesV1().ApiServerSources(p.namespace()),
		Apply:  func(existing, desired *sourcesv1.ApiServerSource) { existing.Spec = desired.Spec },
	}
	if account {
		source, err := sources.Reconcile(ctx, wiring.MakeAPIServerSource(p.owner, p.wiring.Labels, s))
		switch {
		case err != nil:
			p.fail(err, v1alpha1.ReasonEventSourceNotReady)
		case p.ready(kindAPIServerSource, source, v1alpha1.ReasonEventSourceNotReady, &source.Status.Status):
			p.status.SourcesReady++
		}
	}
	p.errs = append(p.errs, sources.Prune(ctx, p.wiring.Labels, kept))
}

// reconcileAccount makes the account of the source, and true where it is there. Without a source it takes the account
// away.
func (p *pass) reconcileAccount(ctx context.Context, s *wiring.APISource, kept map[string]struct{}) bool {
	accounts := &children.Set[*corev1.ServiceAccount]{
		Kind: kindServiceAccount, Owner: p.owner, Objects: p.ServiceAccounts,
		Client: p.Kube.CoreV1().ServiceAccounts(p.namespace()),
		Apply:  func(_, _ *corev1.ServiceAccount) {},
	}
	roles := &children.Set[*rbacv1.Role]{
		Kind: kindRole, Owner: p.owner, Objects: p.Roles,
		Client: p.Kube.RbacV1().Roles(p.namespace()),
		Apply:  func(existing, desired *rbacv1.Role) { existing.Rules = desired.Rules },
	}
	bindings := &children.Set[*rbacv1.RoleBinding]{
		Kind: kindRoleBinding, Owner: p.owner, Objects: p.RoleBindings,
		Client: p.Kube.RbacV1().RoleBindings(p.namespace()),
		Apply:  func(existing, desired *rbacv1.RoleBinding) { existing.Subjects = desired.Subjects },
		// What a RoleBinding gives cannot change.
		Anew: func(existing, desired *rbacv1.RoleBinding) bool { return existing.RoleRef != desired.RoleRef },
	}
	there := false
	if s != nil {
		_, err := accounts.Reconcile(ctx, wiring.MakeServiceAccount(p.owner, p.wiring.Labels, s))
		if err == nil {
			_, err = roles.Reconcile(ctx, wiring.MakeRole(p.owner, p.wiring.Labels, s))
		}
		if err == nil {
			_, err = bindings.Reconcile(ctx, wiring.MakeRoleBinding(p.owner, p.wiring.Labels, s))
		}
		if there = err == nil; !there {
			p.fail(err, v1alpha1.ReasonEventSourceNotReady)
		}
	}
	p.errs = append(p.errs, bindings.Prune(ctx, p.wiring.Labels, kept),
		roles.Prune(ctx, p.wiring.Labels, kept), accounts.Prune(ctx, p.wiring.Labels, kept))
	return there
}

// ready notes why a child is not ready, and returns whether it is.
func (p *pass) ready(kind string, child metav1.Object, reason string, status *duckv1.Status) bool {
	name, c := child.GetName(), status.GetCondition(apis.ConditionReady)
	if child.GetDeletionTimestamp() != nil {
		p.trouble(corev1.ConditionUnknown, reason, "%s %q is being deleted.", kind, name)
		return false
	}
	outdated := status.ObservedGeneration < child.GetGeneration()
	if c.IsTrue() && !outdated {
		return true
	}
	limit, what, since := settle, "is not ready", child.GetCreationTimestamp().Time
	if c != nil {
		since = c.LastTransitionTime.Inner.Time
	}
	if !c.IsFalse() || outdated {
		limit, what = giveUp, "is not ready yet"
	}
	t := &Trouble{
		Status: corev1.ConditionUnknown, Reason: reason, After: limit,
		Message: fmt.Sprintf("%s %q %s%s", kind, name, what, because(c)),
	}
	// What has just been made has no time of its own yet, and what is outdated is that of something else.
	if !since.IsZero() && !outdated {
		if t.After -= p.Clock.Since(since); t.After <= 0 {
			t.Status, t.After = corev1.ConditionFalse, 0
		}
	}
	p.troubles = append(p.troubles, t)
	return false
}

// because is what a condition says of its cause.
func because(c *apis.Condition) string {
	switch {
	case c == nil || c.Message == "" && c.Reason == "":
		return "."
	case c.Message == "":
		return ": " + c.Reason
	default:
		return ": " + c.Message
	}
}
