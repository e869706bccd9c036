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
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// serviceChain leads from a condition of the deployment to the Knative Service, and on to its Route, or to its Revision and
// that one's pods.
func (e *explorer) serviceChain(ctx context.Context, c *apis.Condition) []Link {
	if c.Reason == v1alpha1.ReasonServiceRefused || c.Reason == v1alpha1.ReasonApprovalsNotSupported {
		return nil // The message has it all.
	}
	service, sight := e.knativeService(ctx)
	switch sight {
	case hidden:
		return nil
	case absent:
		return append([]Link{{Kind: kindService, Name: e.name(), Type: state, Status: missing}}, e.warning(ctx, e.kind, e.name())...)
	}
	if c.Reason == v1alpha1.ReasonNotOwned {
		return []Link{ownership(kindService, service)}
	}
	w := worst(&service.Status.Status)
	if w == nil {
		return nil
	}
	chain := []Link{e.link(kindService, service.Name, w)}
	if w.Type == servingv1.ServiceConditionRoutesReady {
		return append(chain, e.routeChain(ctx, service)...)
	}
	if configuration, sight := find(ctx, e, "Configuration", e.namespace(), service.Name, e.Serving.ServingV1().Configurations(e.namespace())); sight == seen {
		// The Service repeats what the Configuration says, unless the two are not of one mind yet.
		if c := worst(&configuration.Status.Status); c != nil && (c.Reason != w.Reason || c.Message != w.Message) {
			chain = append(chain, e.link("Configuration", configuration.Name, c))
		}
	}
	return append(chain, e.revisionChain(ctx, service.Status.LatestCreatedRevisionName)...)
}

// ownership says whose an object is.
func ownership(kind string, object metav1.Object) Link {
	l := Link{Kind: kind, Name: object.GetName(), Type: "Owner", Status: "nobody", Since: optional(object.GetCreationTimestamp())}
	if owner := metav1.GetControllerOf(object); owner != nil {
		l.Status = owner.Kind + " " + owner.Name
	}
	return l
}

func (e *explorer) routeChain(ctx context.Context, service *servingv1.Service) []Link {
	if route, sight := find(ctx, e, "Route", e.namespace(), service.Name, e.Serving.ServingV1().Routes(e.namespace())); sight == seen {
		return e.worstLink("Route", route.Name, &route.Status.Status)
	}
	return nil
}

func (e *explorer) revisionChain(ctx context.Context, name string) []Link {
	if name == "" {
		return nil
	}
	revision, sight := find(ctx, e, "Revision", e.namespace(), name, e.Serving.ServingV1().Revisions(e.namespace()))
	switch sight {
	case absent:
		return []Link{{Kind: "Revision", Name: name, Type: state, Status: missing}}
	case hidden:
		return e.workloadChain(ctx, name)
	}
	return append(e.worstLink("Revision", name, &revision.Status.Status), e.workloadChain(ctx, name)...)
}

// wrongThough are the problems of what is ready.
func (e *explorer) wrongThough(ctx context.Context) []Problem {
	var problems []Problem
	add := func(chain ...Link) {
		if len(chain) > 0 {
			problems = append(problems, Problem{Chain: chain, Remedies: e.remedies(chain)})
		}
	}
	if service, sight := e.knativeService(ctx); sight == seen {
		if service.Status.LatestReadyRevisionName != "" {
			if chain := e.workloadChain(ctx, service.Status.LatestReadyRevisionName); slices.ContainsFunc(chain, lasting) {
				add(chain...)
			}
		}
		// A rollback is told of by the condition.
		if c := e.object.GetStatus().GetCondition(v1alpha1.ConditionServiceReady); c.GetReason() != v1alpha1.ReasonRolledBack {
			add(e.elsewhere(service)...)
		}
	}
	for _, chain := range e.undelivered(ctx) {
		add(chain...)
	}
	return problems
}

// ofStarts are the reasons that are there whenever an instance starts.
var ofStarts = []string{"", "MinimumReplicasUnavailable", "ContainersNotReady", "Unhealthy"}

// lasting is true for a link that tells of more than an instance that is starting.
func lasting(l Link) bool { return !slices.Contains(ofStarts, l.Reason) }

// elsewhere tells of calls that do not reach the latest Revision.
func (e *explorer) elsewhere(service *servingv1.Service) []Link {
	latest, percent := service.Status.LatestReadyRevisionName, int64(0)
	for _, traffic := range service.Status.Traffic {
		if ptr.BoolValue(traffic.LatestRevision) || traffic.RevisionName == latest {
			percent += ptr.Int64Value(traffic.Percent)
		}
	}
	if len(service.Status.Traffic) == 0 || percent == 100 {
		return nil
	}
	return []Link{{
		Kind: kindService, Name: service.Name, Type: state, Status: "sends calls elsewhere", Reason: trafficElsewhere,
		Message: fmt.Sprintf("The latest Revision %s gets %d%% of the calls.", latest, percent),
	}}
}

// The reasons of this package's own links.
const (
	trafficElsewhere = "TrafficElsewhere"
	noSubscriptions  = "NoSubscriptions"
	noEndpoints      = "NoEndpoints"
	unobserved       = "Unobserved"
)
