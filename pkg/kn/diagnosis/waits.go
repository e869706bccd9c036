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
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// waiting is what is waited for where a condition is Unknown, and the longest that it usually takes: 0 where that depends on
// others.
type waiting struct {
	what    string
	longest time.Duration
}

var usual = map[string]waiting{
	unobserved:                           {"the operator to look at it", 30 * time.Second},
	v1alpha1.ReasonQueued:                {"its turn to build", 0},
	v1alpha1.ReasonBuildPending:          {"the build's pod to start", time.Minute},
	v1alpha1.ReasonBuildRunning:          {"the build to end", 10 * time.Minute},
	v1alpha1.ReasonBuildQuotaExceeded:    {"room in the quota", 0},
	v1alpha1.ReasonBuildUnschedulable:    {"room on a node", 2 * time.Minute},
	v1alpha1.ReasonWaitingForBuild:       {"the build to end", 10 * time.Minute},
	v1alpha1.ReasonDeploying:             {"the new Revision to start, and calls to be sent to it", 2 * time.Minute},
	v1alpha1.ReasonUnschedulable:         {"room on a node", 2 * time.Minute},
	v1alpha1.ReasonNotAnswering:          {"the container to answer", 30 * time.Second},
	v1alpha1.ReasonEventingStarting:      {"the operator to read what there is of Knative Eventing", time.Minute},
	v1alpha1.ReasonBrokerNotReady:        {"the Broker", time.Minute},
	v1alpha1.ReasonTriggerNotReady:       {"the Trigger", time.Minute},
	v1alpha1.ReasonEventSourceNotReady:   {"the source of events", time.Minute},
	v1alpha1.ReasonWaitingForService:     {"the Knative Service", 2 * time.Minute},
	v1alpha1.ReasonForwardTargetNotFound: {"the other agent's Broker", time.Minute},
	v1alpha1.ReasonHealthCheckPending:    {"the first look at the model's endpoint", 2 * time.Minute},
}

// wait tells what a condition that is Unknown waits for. It is nil for one that does not pass by itself.
func (e *explorer) wait(c *apis.Condition) *Wait {
	if c.Reason == v1alpha1.ReasonAPIKeyUnreadable {
		return nil
	}
	w, ok := usual[c.Reason]
	if !ok {
		w = waiting{"the operator to go on", time.Minute}
	}
	from := c.LastTransitionTime.Inner
	if c.Reason == v1alpha1.ReasonBuildRunning && e.build != nil && e.build.StartedAt != nil {
		from = *e.build.StartedAt
	}
	return e.waitFor(w, from)
}

func (e *explorer) waitFor(w waiting, from metav1.Time) *Wait {
	return &Wait{
		For: w.what, Since: optional(from), Usual: metav1.Duration{Duration: w.longest},
		TooLong: w.longest > 0 && !from.IsZero() && e.now.Sub(from.Time) > w.longest,
	}
}
