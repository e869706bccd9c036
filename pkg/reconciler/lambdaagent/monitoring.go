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
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/children"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdaagent/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// reconcileMonitoring makes what the agent's metrics are asked for by, or takes it away.
func (r *Reconciler) reconcileMonitoring(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	monitors, presence := r.eventing.Kinds.Objects(eventing.ServiceMonitors)
	errs := []error{r.reconcileMetricsService(ctx, la)}
	if presence == eventing.Present {
		set := &children.Set[*unstructured.Unstructured]{
			Kind: resources.ServiceMonitorKind.Kind, Owner: la, Objects: monitors,
			Client: children.Untyped{ResourceInterface: r.dynamic.Resource(eventing.ServiceMonitorResource).Namespace(la.Namespace)},
			Apply: func(existing, desired *unstructured.Unstructured) {
				existing.Object["spec"] = desired.Object["spec"]
			},
		}
		kept := map[string]struct{}{}
		if la.WantsServiceMonitor() {
			desired := resources.MakeServiceMonitor(la)
			kept[desired.GetName()] = struct{}{}
			_, err := set.Reconcile(ctx, desired)
			errs = append(errs, err)
		}
		errs = append(errs, set.Prune(ctx, resources.AgentLabels(la), kept))
	}
	err := errors.Join(errs...)
	switch {
	case err != nil:
		return r.markMonitoringFailed(la, err)
	case presence == eventing.Unseen:
		// The condition stays as it is: all agents are reconciled once it is known.
	case !la.ServesMetrics():
		la.Status.MarkMonitoring(corev1.ConditionTrue, v1alpha1.ReasonMonitoringDisabled, "The agent does not want to be measured.")
	case la.WantsServiceMonitor() && presence == eventing.Absent:
		la.Status.MarkMonitoring(corev1.ConditionTrue, v1alpha1.ReasonMonitoringNotInstalled,
			"The cluster has no ServiceMonitors: who asks for the agent's metrics has to find its Service.")
	default:
		la.Status.MarkMonitoring(corev1.ConditionTrue, "", "")
	}
	return nil
}

func (r *Reconciler) reconcileMetricsService(ctx context.Context, la *v1alpha1.LambdaAgent) error {
	set := &children.Set[*corev1.Service]{
		Kind: "Service", Owner: la, Objects: r.services, Client: r.kube.CoreV1().Services(la.Namespace),
		Apply: func(existing, desired *corev1.Service) {
			existing.Spec.Selector, existing.Spec.Ports = desired.Spec.Selector, desired.Spec.Ports
		},
		// That it has no address cannot change.
		Anew: func(existing, desired *corev1.Service) bool { return existing.Spec.ClusterIP != desired.Spec.ClusterIP },
	}
	kept := map[string]struct{}{}
	var failed error
	if la.ServesMetrics() {
		desired := resources.MakeMetricsService(la)
		kept[desired.Name] = struct{}{}
		_, failed = set.Reconcile(ctx, desired)
	}
	return errors.Join(failed, set.Prune(ctx, resources.AgentLabels(la), kept))
}

// markMonitoringFailed tells the user of what another try does not mend. The error is for that.
func (r *Reconciler) markMonitoringFailed(la *v1alpha1.LambdaAgent, err error) error {
	var (
		notOwned *children.NotOwnedError
		refused  *children.RefusedError
		going    *children.GoingError
	)
	switch {
	case errors.As(err, &notOwned):
		r.lookAgain(la, serving.LookAgain)
		la.Status.MarkMonitoring(corev1.ConditionFalse, v1alpha1.ReasonNotOwned,
			fmt.Sprintf("%s %q exists and belongs to somebody else: delete it, or give the agent another name.", notOwned.Kind, notOwned.Name))
		return nil
	case errors.As(err, &refused):
		la.Status.MarkMonitoring(corev1.ConditionFalse, v1alpha1.ReasonMonitoringRefused, refused.Error())
	case errors.As(err, &going):
		return nil // Its end is watched.
	}
	return err
}
