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

package lambdafunction

import (
	tektonlisters "github.com/tektoncd/pipeline/pkg/client/listers/pipeline/v1"
	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/pkg/kmeta"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/buildqueue"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
)

// phases are all that a function can be in.
var phases = []string{
	string(v1alpha1.PhasePending), string(v1alpha1.PhaseBuilding), string(v1alpha1.PhaseDeploying),
	string(v1alpha1.PhaseReady), string(v1alpha1.PhaseFailed), string(v1alpha1.PhaseDeleting),
}

// eventingTypes are the kinds that functions are wired with, by the names that metrics have for them.
var eventingTypes = map[string]eventing.Kind{
	"broker": eventing.Brokers, "trigger": eventing.Triggers, "pingsource": eventing.PingSources, "apiserversource": eventing.APIServerSources,
}

// census counts what there is of functions, of that which this replica leads.
type census struct {
	leads     leadership
	functions lambdalisters.LambdaFunctionLister
	taskRuns  tektonlisters.TaskRunLister
	kinds     eventing.Kinds
}

func (c *census) take() *observability.State {
	state := observability.NewState()
	functions, err := c.functions.List(labels.Everything())
	if err != nil {
		return state // It lists a cache, which does not fail.
	}
	for _, fn := range functions {
		if c.leads(nameOf(fn)) {
			observability.Count(state.Functions, fn.Namespace, string(phaseOf(fn)))
		}
	}
	c.countBuilds(state)
	for name, kind := range eventingTypes {
		c.countEventing(state, name, kind)
	}
	return state
}

// phaseOf returns what the function's phase is, also where it is not written.
func phaseOf(fn *v1alpha1.LambdaFunction) v1alpha1.Phase {
	switch {
	case fn.DeletionTimestamp != nil:
		return v1alpha1.PhaseDeleting
	case fn.Status.Phase == "":
		return v1alpha1.PhasePending
	default:
		return fn.Status.Phase
	}
}

func (c *census) countBuilds(state *observability.State) {
	taskRuns, err := c.taskRuns.List(labels.Everything())
	if err != nil {
		return // as above
	}
	for _, taskRun := range taskRuns {
		if _, ours := c.leads.functionOf(taskRun); ours && buildqueue.Running(taskRun) {
			state.Builds[taskRun.Namespace]++
		}
	}
}

// countEventing counts an object of a kind for the replica that would lead a function of its name: a Broker is of several.
func (c *census) countEventing(state *observability.State, name string, kind eventing.Kind) {
	objects, presence := c.kinds.Objects(kind)
	if presence != eventing.Present {
		return
	}
	for _, object := range objects.List() {
		accessor, ok := object.(kmeta.Accessor)
		if !ok || accessor.GetLabels()[lambda.ManagedByLabelKey] != lambda.ManagedByLabelValue {
			continue
		}
		if c.leads(nameOf(accessor)) {
			observability.Count(state.Eventing, accessor.GetNamespace(), name)
		}
	}
}
