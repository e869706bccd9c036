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

package receiver

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// minDuration is what times in annotations and statuses tell apart.
const minDuration = time.Second

// defaultAccount is the ServiceAccount of agents that name none.
const defaultAccount = "default"

// control disables capabilities of an agent, or enables them again. The controller makes the agent's status of the annotation:
// it would overwrite a status that somebody else has written.
func (s *Server) control(ctx context.Context, user *access.User, o *order) (duplicate bool, err error) {
	current, err := s.find(ctx, user, o)
	if err != nil {
		return false, err
	}
	if journalOf(current).has(o.id) {
		return true, nil
	}
	if err := o.controls(current); err != nil {
		return false, err
	}
	disabled, err := disabledOf(current)
	if err != nil {
		return false, err
	}
	if disabled, err = o.disable(disabled, s.clock.Now()); err != nil {
		return false, err
	}
	var text any // nil: the annotation goes
	if len(disabled) > 0 {
		if text, err = lambda.FormatDisabled(disabled); err != nil {
			return false, err
		}
	}
	return false, s.annotate(ctx, o, current, map[string]any{lambda.DisabledByEventAnnotationKey: text})
}

// controls refuses an event that the agent does not let control it.
func (o *order) controls(agent *unstructured.Unstructured) error {
	controls, _, _ := unstructured.NestedMap(agent.Object, "spec", "permissions", "eventControls")
	allowed, _, _ := unstructured.NestedBool(controls, "allowEventDisable")
	types, _, _ := unstructured.NestedStringSlice(controls, "controlEventTypes")
	sources, _, _ := unstructured.NestedStringSlice(controls, "allowedControlSources")
	if len(types) == 0 {
		types = events.Controls()
	}
	const of = "spec.permissions.eventControls"
	switch {
	case !allowed:
		return refuse(http.StatusForbidden, codeForbidden, o.namePath, "no events control LambdaAgent %q: set its %s.allowEventDisable to true", o.name, of)
	case !slices.Contains(types, o.event.Type()):
		return refuse(http.StatusForbidden, codeForbidden, "/type", "events of this type do not control LambdaAgent %q: its %s.controlEventTypes has %s",
			o.name, of, strings.Join(types, ", "))
	case len(sources) > 0 && !slices.Contains(sources, o.event.Source()):
		return refuse(http.StatusForbidden, codeForbidden, "/source", "events of this source do not control LambdaAgent %q: add it to its %s.allowedControlSources", o.name, of)
	}
	return nil
}

// disable returns what is disabled once the event is obeyed, of what was before. What has expired by now is left out.
func (o *order) disable(before []lambda.Disabled, now time.Time) ([]lambda.Disabled, error) {
	named := o.payload.Capabilities
	if len(named) == 0 {
		named = lambda.Capabilities()
	}
	after := slices.DeleteFunc(before, func(d lambda.Disabled) bool { return d.Expired(now) || slices.Contains(named, d.Capability) })
	if control, _ := events.Control(o.event.Type()); control == lambda.ControlEnable {
		return after, nil
	}
	since, until := now.UTC().Truncate(minDuration), time.Time{}
	if text := o.payload.Duration; text != "" {
		duration, err := time.ParseDuration(text)
		if err != nil || duration < minDuration {
			return nil, refuse(http.StatusBadRequest, codeInvalidData, dataPath("/duration"), "%q is no duration of at least %v: write for example 90s or 1h30m", text, minDuration)
		}
		until = since.Add(duration)
	}
	for _, capability := range named {
		after = append(after, lambda.Disabled{
			Capability: capability, Reason: o.payload.Reason, Since: since, Until: until, EventID: o.event.ID(), Source: o.event.Source(),
		})
	}
	return after, nil
}

// disabledOf is what events have disabled of an agent, also what has expired.
func disabledOf(agent *unstructured.Unstructured) ([]lambda.Disabled, error) {
	disabled, err := lambda.ParseDisabled(agent.GetAnnotations()[lambda.DisabledByEventAnnotationKey])
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, codeInvalidSpec, "", "annotation %s of LambdaAgent %q cannot be read, mend or remove it: %v",
			lambda.DisabledByEventAnnotationKey, agent.GetName(), err)
	}
	return disabled, nil
}

// requireCapable refuses a sender who is the ServiceAccount of an agent that may make no functions: the API server would refuse
// that one, and sees the receiver's account instead.
func (s *Server) requireCapable(ctx context.Context, user *access.User) error {
	if user == nil {
		return nil
	}
	namespace, account, err := serviceaccount.SplitUsername(user.Name)
	if err != nil {
		return nil //nolint:nilerr // Agents are ServiceAccounts.
	}
	list, err := s.client.Resource(agentResource).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		agent := &list.Items[i]
		name, _, _ := unstructured.NestedString(agent.Object, "spec", "serviceAccountName")
		if cmp.Or(name, defaultAccount) != account {
			continue
		}
		if err := s.mayMakeFunctions(agent); err != nil {
			return err
		}
	}
	return nil
}

// mayMakeFunctions refuses functions of an agent that may make none: by its spec, or by an event.
func (s *Server) mayMakeFunctions(agent *unstructured.Unstructured) error {
	const forbidden = "LambdaAgent %q in namespace %q, which runs as your ServiceAccount, may not create lambdafunctions: "
	if bySpec, _, _ := unstructured.NestedBool(agent.Object, "spec", "permissions", "disableFunctionCreation"); bySpec {
		return refuse(http.StatusForbidden, codeForbidden, "", forbidden+"set its spec.permissions.disableFunctionCreation to false, or use another ServiceAccount",
			agent.GetName(), agent.GetNamespace())
	}
	disabled, err := disabledOf(agent)
	if err != nil {
		return err
	}
	for i := range disabled {
		if d := &disabled[i]; d.Capability == lambda.CapabilityFunction && !d.Expired(s.clock.Now()) {
			return refuse(http.StatusForbidden, codeForbidden, "", forbidden+"an event from %q has disabled it; enable it by another event, or wait until that expires",
				agent.GetName(), agent.GetNamespace(), d.Source)
		}
	}
	return nil
}
