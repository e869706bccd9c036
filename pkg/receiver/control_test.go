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
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	clientgotesting "k8s.io/client-go/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access/accesstest"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// started is when the tests begin.
var started = time.Unix(1.7e9, 0).UTC()

// chat is the agent shop/chat, which events may control, with changes.
func chat(changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	la := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "lambda.knative.io/v1alpha1", "kind": "LambdaAgent",
		"metadata": map[string]any{"name": "chat", "namespace": "shop", "resourceVersion": "1"},
		"spec":     map[string]any{"permissions": map[string]any{"eventControls": map[string]any{"allowEventDisable": true}}},
	}}
	for _, change := range changes {
		change(la)
	}
	return la
}

// with sets a value in the spec of an agent.
func with(value any, path ...string) func(*unstructured.Unstructured) {
	return func(la *unstructured.Unstructured) {
		if err := unstructured.SetNestedField(la.Object, value, append([]string{"spec"}, path...)...); err != nil {
			panic(err) // The values of tests are of JSON.
		}
	}
}

// by sets what events may control the agent.
func by(value any, field string) func(*unstructured.Unstructured) {
	return with(value, "permissions", "eventControls", field)
}

// disabledBefore sets the annotation of the agent.
func disabledBefore(text string) func(*unstructured.Unstructured) {
	return func(la *unstructured.Unstructured) {
		la.SetAnnotations(map[string]string{lambda.DisabledByEventAnnotationKey: text})
	}
}

// agent is what is in the API server of shop/chat.
func (w *world) agent() *unstructured.Unstructured {
	w.Helper()
	object, err := w.client.Tracker().Get(agentResource, "shop", "chat")
	la, ok := object.(*unstructured.Unstructured)
	if err != nil || !ok {
		w.Fatal("Get() =", err)
	}
	return la
}

// disabled is what the annotation of shop/chat says, by capability.
func (w *world) disabled() map[string]lambda.Disabled {
	w.Helper()
	all, err := disabledOf(w.agent())
	if err != nil {
		w.Fatal("disabledOf() =", err)
	}
	by := map[string]lambda.Disabled{}
	for _, d := range all {
		capability := d.Capability
		d.Capability = ""
		by[capability] = d
	}
	return by
}

const chatData = `"agentName":"chat","agentNamespace":"shop"`

func TestControl(t *testing.T) {
	before := fmt.Sprintf(`[{"capability":"broker","reason":"old","source":"/old","eventId":"0"},{"capability":"trigger","until":%q}]`, started.Format(time.RFC3339))
	old := lambda.Disabled{Reason: "old", Source: "/old", EventID: "0"}
	fresh := lambda.Disabled{Since: started, EventID: "1", Source: "test"}
	loops, hour := fresh, fresh
	loops.Reason, hour.Until = "loops", started.Add(time.Hour)
	for name, tc := range map[string]struct {
		agent           *unstructured.Unstructured
		eventType, data string
		subject         string
		want            map[string]lambda.Disabled
	}{
		"one": {
			eventType: lambda.ControlDisable, data: `{` + chatData + `,"capabilities":["function"],"reason":"loops"}`,
			want: map[string]lambda.Disabled{"function": loops},
		},
		"all, by subject, for an hour": {
			eventType: lambda.ControlDisable, data: `{"duration":"1h"}`, subject: "shop/chat",
			want: map[string]lambda.Disabled{"broker": hour, "trigger": hour, "function": hour},
		},
		"besides others, of which one has expired": {
			agent: chat(disabledBefore(before)), eventType: lambda.ControlDisable, data: `{` + chatData + `,"capabilities":["function"]}`,
			want: map[string]lambda.Disabled{"broker": old, "function": fresh},
		},
		"the last says how long": {
			agent: chat(disabledBefore(before)), eventType: lambda.ControlDisable, data: `{` + chatData + `,"capabilities":["broker"],"duration":"60m"}`,
			want: map[string]lambda.Disabled{"broker": hour},
		},
		"enabled": {
			agent: chat(disabledBefore(before)), eventType: lambda.ControlEnable, data: `{` + chatData + `,"capabilities":["trigger","function"]}`,
			want: map[string]lambda.Disabled{"broker": old},
		},
		"all enabled": {
			agent: chat(disabledBefore(before)), eventType: lambda.ControlEnable, data: `{` + chatData + `}`, want: map[string]lambda.Disabled{},
		},
		"type and source of the agent's choice": {
			agent: chat(by([]any{"com.example.guard.disable", lambda.ControlEnable}, "controlEventTypes"), by([]any{"other", "test"}, "allowedControlSources")), eventType: "com.example.guard.disable", data: `{` + chatData + `,"capabilities":["trigger"]}`,
			want: map[string]lambda.Disabled{"trigger": fresh},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.agent == nil {
				tc.agent = chat()
			}
			w := newWorld(t, tc.agent)
			if a := w.do(binary(admin, tc.eventType, tc.data, "Ce-Subject", tc.subject)); a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != "" {
				t.Fatalf("answer: %d %s", a.status, a.body)
			}
			if diff := cmp.Diff(tc.want, w.disabled()); diff != "" {
				t.Error("disabled (-want, +got):", diff)
			}
			if _, there := w.agent().GetAnnotations()[lambda.DisabledByEventAnnotationKey]; there != (len(tc.want) > 0) {
				t.Errorf("annotations are %v", w.agent().GetAnnotations())
			}
			// The same event again, when what it said has been lifted.
			if tc.eventType == lambda.ControlEnable {
				return
			}
			w.do(binary(admin, lambda.ControlEnable, `{`+chatData+`}`, "Ce-Id", "2"))
			if a := w.do(binary(admin, tc.eventType, tc.data, "Ce-Subject", tc.subject)); a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != "true" {
				t.Errorf("the duplicate: %d %s", a.status, a.body)
			}
			if len(w.disabled()) > 0 {
				t.Errorf("the duplicate has disabled %v", w.disabled())
			}
		})
	}
}

// Who may not, and what is wrong, is told with its place, and nothing is written.
func TestControlRefusals(t *testing.T) {
	const disable = lambda.ControlDisable
	good := `{` + chatData + `}`
	for name, tc := range map[string]struct {
		agent     *unstructured.Unstructured
		token     string
		eventType string
		data      string
		headers   []string
		status    int
		code      string
		path      string
		message   string
	}{
		"nobody":                        {chat(), "", disable, good, nil, 401, codeUnauthorized, "", "bearer token"},
		"a stranger":                    {chat(), accesstest.Stranger, disable, good, nil, 401, codeUnauthorized, "", ""},
		"who may look":                  {chat(), reader, disable, good, nil, 403, codeForbidden, "", `reader may not patch LambdaAgent "chat" in namespace "shop"`},
		"who has no right to an agent":  {nil, reader, disable, good, nil, 403, codeForbidden, "", ""},
		"no agent":                      {nil, admin, disable, good, nil, 404, codeNotFound, "", `there is no LambdaAgent "chat" in namespace "shop"`},
		"no events":                     {chat(by(false, "allowEventDisable")), admin, disable, good, nil, 403, codeForbidden, "/data/agentName", "allowEventDisable"},
		"no permissions":                {chat(with(map[string]any{}, "permissions")), admin, disable, `{}`, []string{"Ce-Subject", "shop/chat"}, 403, codeForbidden, "/subject", "allowEventDisable"},
		"another type":                  {chat(), admin, "com.example.guard.disable", good, nil, 403, codeForbidden, "/type", "io.homelab.rbac.disable, io.homelab.rbac.enable"},
		"a type that it has no more":    {chat(by([]any{"a.disable"}, "controlEventTypes")), admin, disable, good, nil, 403, codeForbidden, "/type", "controlEventTypes has a.disable"},
		"another source":                {chat(by([]any{"/guard"}, "allowedControlSources")), admin, disable, good, nil, 403, codeForbidden, "/source", "allowedControlSources"},
		"a type that says neither":      {chat(), admin, "io.homelab.rbac.toggle", good, nil, 400, codeUnknownType, "/type", "io.homelab.rbac.enable"},
		"a command that says disable":   {chat(), admin, "io.knative.lambda.command.agent.disable", good, nil, 400, codeUnknownType, "/type", ""},
		"a capability that there isn't": {chat(), admin, disable, `{` + chatData + `,"capabilities":["broker","pods"]}`, nil, 400, codeInvalidData, "/data/capabilities/1", "'broker', 'trigger', 'function'"},
		"no capability":                 {chat(), admin, disable, `{` + chatData + `,"capabilities":[]}`, nil, 400, codeInvalidData, "/data/capabilities", ""},
		"capabilities that are text":    {chat(), admin, disable, `{` + chatData + `,"capabilities":"broker"}`, nil, 400, codeInvalidData, "/data/capabilities", ""},
		"no duration":                   {chat(), admin, disable, `{` + chatData + `,"duration":"soon"}`, nil, 400, codeInvalidData, "/data/duration", "write for example 90s or 1h30m"},
		"too short":                     {chat(), admin, disable, `{` + chatData + `,"duration":"999ms"}`, nil, 400, codeInvalidData, "/data/duration", "at least 1s"},
		"back in time":                  {chat(), admin, disable, `{` + chatData + `,"duration":"-1h"}`, nil, 400, codeInvalidData, "/data/duration", ""},
		"enabled for a while":           {chat(), admin, lambda.ControlEnable, `{` + chatData + `,"duration":"1h"}`, nil, 400, codeInvalidData, "/data/duration", ""},
		"no name":                       {chat(), admin, disable, `{}`, nil, 400, codeInvalidData, "/data/agentName", "name the agent here"},
		"name that is none":             {chat(), admin, disable, `{"agentName":"Chat"}`, nil, 400, codeInvalidData, "/data/agentName", "LambdaAgent"},
		"namespace that is none":        {chat(), admin, disable, `{"agentName":"chat","agentNamespace":"a.b"}`, nil, 400, codeInvalidData, "/data/agentNamespace", ""},
		"what was before is no list":    {chat(disabledBefore("{}")), admin, disable, good, nil, 422, codeInvalidSpec, "", "annotation lambda.knative.io/disabled-by-event"},
	} {
		t.Run(name, func(t *testing.T) {
			var objects []runtime.Object
			if tc.agent != nil {
				objects = append(objects, tc.agent)
			}
			w := newWorld(t, objects...)
			a := w.do(binary(tc.token, tc.eventType, tc.data, tc.headers...))
			if a.status != tc.status || a.Error != tc.code || a.Path != tc.path || !strings.Contains(a.Message, tc.message) {
				t.Errorf("answer: %d %s, want %d %s at %q with %q", a.status, a.body, tc.status, tc.code, tc.path, tc.message)
			}
			if writes := w.writes(); len(writes) > 0 {
				t.Errorf("writes: %v", writes)
			}
		})
	}
}

// A namespace that is open to commands without a token is open to control events too.
func TestControlWithoutToken(t *testing.T) {
	w := newWorld(t, chat())
	w.settings.OpenNamespaces = []string{"shop"}
	if a := w.do(binary("", lambda.ControlDisable, `{`+chatData+`}`)); a.status != http.StatusAccepted || len(w.disabled()) != 3 {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
}

// Who has changed the agent meanwhile is not overwritten.
func TestControlConflict(t *testing.T) {
	w := newWorld(t, chat())
	conflicts := 2
	w.client.PrependReactor("patch", "lambdaagents", func(clientgotesting.Action) (bool, runtime.Object, error) {
		if conflicts--; conflicts >= 0 {
			return true, nil, apierrs.NewConflict(agentResource.GroupResource(), "chat", errors.New("changed"))
		}
		return false, nil, nil
	})
	if a := w.do(binary(admin, lambda.ControlDisable, `{`+chatData+`}`)); a.status != http.StatusAccepted || len(w.disabled()) != 3 || conflicts >= 0 {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
}

// An agent that may make no functions makes none by commands: nobody else is hindered.
func TestFunctionsOfAgents(t *testing.T) {
	byEvent := func(until time.Time) func(*unstructured.Unstructured) {
		return disabledBefore(fmt.Sprintf(`[{"capability":"function","source":"/guard","until":%q}]`, until.Format(time.RFC3339)))
	}
	noFunctions, robot := with(true, "permissions", "disableFunctionCreation"), with("robot", "serviceAccountName")
	account := serviceaccount.MakeUsername("shop", "robot")
	for name, tc := range map[string]struct {
		agent  *unstructured.Unstructured
		sender string
		want   int
		says   string
	}{
		"by its spec": {chat(robot, noFunctions), account, 403, `LambdaAgent "chat" in namespace "shop", which runs as your ServiceAccount, may not create lambdafunctions: ` +
			"set its spec.permissions.disableFunctionCreation to false, or use another ServiceAccount"},
		"by an event":                      {chat(robot, byEvent(started.Add(time.Second))), account, 403, `an event from "/guard" has disabled it`},
		"by an event that has expired":     {chat(robot, byEvent(started)), account, 202, ""},
		"by who knows":                     {chat(robot, disabledBefore("{}")), account, 422, "cannot be read"},
		"the default ServiceAccount":       {chat(noFunctions), serviceaccount.MakeUsername("shop", "default"), 403, "may not create"},
		"Triggers are disabled":            {chat(robot, disabledBefore(`[{"capability":"trigger"}]`)), account, 202, ""},
		"nothing is disabled":              {chat(robot), account, 202, ""},
		"another ServiceAccount":           {chat(noFunctions), account, 202, ""},
		"one of the name in another place": {chat(robot, noFunctions), serviceaccount.MakeUsername("other", "robot"), 202, ""},
		"a person":                         {chat(robot, noFunctions), "carol", 202, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.agent)
			w.access = accesstest.NewCluster(tc.sender+" create shop/hello", tc.sender+" patch shop/hello")
			w.server.access = w.access.Reviewer(0)
			a := w.do(binary(tc.sender, events.FunctionDeploy, helloData))
			if a.status != tc.want || !strings.Contains(a.Message, tc.says) || (w.function() != nil) != (tc.want == http.StatusAccepted) {
				t.Errorf("answer: %d %s, want %d %q", a.status, a.body, tc.want, tc.says)
			}
		})
	}
}

// What is there may be changed: it is making functions that is disabled.
func TestChangesByAgents(t *testing.T) {
	sender := serviceaccount.MakeUsername("shop", "default")
	w := newWorld(t, chat(with(true, "permissions", "disableFunctionCreation")), hello())
	w.access = accesstest.NewCluster(sender + " patch shop/hello")
	w.server.access = w.access.Reviewer(0)
	if a := w.do(binary(sender, events.FunctionDeploy, helloData)); a.status != http.StatusAccepted {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
}

// Where nobody says who the agents are, nothing is made.
func TestAgentsUnknown(t *testing.T) {
	w := newWorld(t)
	w.settings.Timeout = 50 * time.Millisecond
	sender := serviceaccount.MakeUsername("shop", "robot")
	w.access = accesstest.NewCluster(sender + " create shop/hello")
	w.server.access = w.access.Reviewer(0)
	w.client.PrependReactor("list", "lambdaagents", func(clientgotesting.Action) (bool, runtime.Object, error) {
		return true, nil, syscall.ECONNREFUSED
	})
	if a := w.do(binary(sender, events.FunctionDeploy, helloData)); a.status != http.StatusServiceUnavailable || w.function() != nil {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
}
