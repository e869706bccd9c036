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

// Package eventing wires objects of ours, such as LambdaFunctions, to Knative Eventing: Brokers that are shared within a
// namespace, Triggers and sources. It knows of what it wires only that it is an owner, and runs where Knative Eventing is
// not installed.
package eventing

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	eventingclientset "knative.dev/eventing/pkg/client/clientset/versioned"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
)

const (
	// settle is how long a child may say that it is not ready before that counts as a failure: Brokers and Triggers say so
	// too while they are made.
	settle = time.Minute
	// giveUp is how long a child may say nothing: longer than any takes, so that nobody reconciles it.
	giveUp = 10 * time.Minute
	// lookAgain is when an owner is reconciled again that needs the name of somebody else's object.
	lookAgain = 30 * time.Second
)

// Owner is an object of ours that is wired.
type Owner = children.Owner

// Reconciler makes the objects that a Wiring asks for, and takes away what it no longer asks for.
type Reconciler struct {
	// Kinds has the objects of Knative Eventing, as far as the cluster has their kinds.
	Kinds Kinds
	// The clients of what is written.
	Eventing eventingclientset.Interface
	Dynamic  dynamic.Interface
	Kube     kubernetes.Interface
	// The objects of Kubernetes' own kinds that are labelled as managed.
	ServiceAccounts, Roles, RoleBindings cache.Indexer
	// Clock tells how long a child has not been ready.
	Clock clock.PassiveClock
}

// Trouble is why events do not reach the owner.
type Trouble struct {
	// Status is False where somebody has to do something, and Unknown where it may pass.
	Status corev1.ConditionStatus
	// Reason is one of those of the API, and Message says what to do.
	Reason, Message string
	// After is when to look again, where nothing that is watched would tell. 0 is never.
	After time.Duration
}

// State is what a reconcile found.
type State struct {
	// Trouble is nil where events reach the owner.
	Trouble *Trouble
	// Status is nil where the owner wants nothing, or there is no Knative Eventing.
	Status *v1alpha1.EventingStatus
	// Forwards is the number of Triggers that are forwards, of which ForwardsReady are ready.
	Forwards, ForwardsReady int32
}

// Unseen is true where nothing can be said yet: once there can, the controller reconciles all owners.
func (s *State) Unseen() bool {
	return s.Trouble != nil && s.Trouble.Reason == v1alpha1.ReasonEventingStarting
}

// pass is one reconcile of one owner.
type pass struct {
	*Reconciler

	owner     Owner
	wiring    *wiring.Wiring
	classes   map[string]string // of the Brokers, by name
	addresses map[string]string // their URLs
	status    *v1alpha1.EventingStatus
	forwards  counts
	troubles  []*Trouble
	errs      []error
}

// counts are of Triggers.
type counts struct{ all, ready int32 }

// Reconcile makes the owner's wiring so, and says whether events reach the owner. An error is for another try.
func (r *Reconciler) Reconcile(ctx context.Context, owner Owner, w *wiring.Wiring) (*State, error) {
	p := &pass{
		Reconciler: r, owner: owner, wiring: w, status: &v1alpha1.EventingStatus{},
		classes: map[string]string{}, addresses: map[string]string{},
	}
	for _, kind := range []Kind{Brokers, Triggers, PingSources, APIServerSources, RabbitMQConfigs} {
		if _, presence := r.Kinds.Objects(kind); presence == Unseen {
			return &State{Trouble: &Trouble{
				Status: corev1.ConditionUnknown, Reason: v1alpha1.ReasonEventingStarting,
				Message: fmt.Sprintf("The controller has not yet read %s.", kind),
			}}, nil
		}
	}
	wanted := len(w.Brokers) > 0
	installed := r.has(Brokers) && r.has(Triggers)
	if wanted && !installed {
		p.notInstalled("Knative Eventing is not installed: " + w.Remedies.NotInstalled)
	}
	if installed {
		p.reconcileBrokers(ctx)
		p.reconcileTriggers(ctx)
		p.reconcileSchedules(ctx)
	}
	p.reconcileAPISource(ctx, installed)
	if installed && errors.Join(p.errs...) == nil {
		// Last: a Trigger must not be left without its Broker.
		p.releaseBrokers(ctx)
	}
	state := &State{Trouble: p.worst(), Forwards: p.forwards.all, ForwardsReady: p.forwards.ready}
	if wanted && installed {
		state.Status = p.status
	}
	return state, errors.Join(p.errs...)
}

func (r *Reconciler) has(kind Kind) bool {
	_, presence := r.Kinds.Objects(kind)
	return presence == Present
}

// objects are those of a kind that is there.
func (r *Reconciler) objects(kind Kind) cache.Indexer {
	objects, _ := r.Kinds.Objects(kind)
	return objects
}

func (p *pass) namespace() string {
	return p.owner.GetObjectMeta().GetNamespace()
}

func (p *pass) trouble(status corev1.ConditionStatus, reason, format string, args ...any) {
	p.troubles = append(p.troubles, &Trouble{Status: status, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

func (p *pass) notInstalled(message string) {
	p.trouble(corev1.ConditionFalse, v1alpha1.ReasonEventingNotInstalled, "%s", message)
}

// fail tells the owner's author of an error. reason is for one that passes by itself.
func (p *pass) fail(err error, reason string) {
	var (
		notOwned *children.NotOwnedError
		refused  *children.RefusedError
		going    *children.GoingError
	)
	switch {
	case errors.As(err, &notOwned):
		// What belongs to others is not watched, and so nobody tells when it is gone.
		p.troubles = append(p.troubles, &Trouble{
			Status: corev1.ConditionFalse, Reason: v1alpha1.ReasonNotOwned, After: lookAgain,
			Message: fmt.Sprintf("%s %q exists and belongs to somebody else: %s", notOwned.Kind, notOwned.Name, p.wiring.Remedies.NotOwned),
		})
		return
	case errors.As(err, &refused):
		reason, remedy := v1alpha1.ReasonEventingRefused, ""
		if refused.Kind == kindRole && apierrs.IsForbidden(err) {
			reason = v1alpha1.ReasonAPISourceForbidden
			remedy = " To let functions read such objects, give the operator a ClusterRole that may, with the label " +
				apiSourceLabel + ": \"true\"."
		}
		p.trouble(corev1.ConditionFalse, reason, "%v%s", refused, remedy)
	case errors.As(err, &going):
		// Its end is watched.
		p.trouble(corev1.ConditionUnknown, reason, "%v", going)
		return
	default:
		p.trouble(corev1.ConditionUnknown, reason, "%v; it is tried again.", err)
	}
	p.errs = append(p.errs, err)
}

// worst returns the first trouble that somebody has to do something about, else the first, else nil.
func (p *pass) worst() *Trouble {
	for _, t := range p.troubles {
		if t.Status == corev1.ConditionFalse {
			return t
		}
	}
	if len(p.troubles) > 0 {
		return p.troubles[0]
	}
	return nil
}
