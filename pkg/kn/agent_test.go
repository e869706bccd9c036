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

package kn

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// newAgent makes an agent that the operator has not seen.
func newAgent(name string) *v1alpha1.LambdaAgent {
	return &v1alpha1.LambdaAgent{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Generation: 1, UID: types.UID(name), CreationTimestamp: ago(26 * time.Hour)},
		Spec: v1alpha1.LambdaAgentSpec{
			Image: v1alpha1.ImageSource{Repository: "ghcr.io/acme/" + name, Tag: "v1"},
			AI:    &v1alpha1.AISpec{Provider: v1alpha1.AIProviderOllama, Endpoint: "http://ollama:11434", Model: "llama3"},
		},
	}
}

// readyAgent is one that serves at a host, without its model.
func readyAgent(name, host string) *v1alpha1.LambdaAgent {
	la := newAgent(name)
	s := &la.Status
	s.ObservedGeneration, s.Phase, s.URL = 1, v1alpha1.PhaseReady, apis.HTTP(host)
	for _, c := range []apis.Condition{{Type: "AIReady", Status: "False", Reason: "ModelNotFound"}, {Type: "ServiceReady", Status: "True"}, {Type: "Ready", Status: "True"}} {
		c.LastTransitionTime = apis.VolatileTime{Inner: ago(time.Hour)}
		s.Conditions = append(s.Conditions, c)
	}
	checked := ago(time.Minute)
	s.AIStatus = &v1alpha1.AIStatus{Provider: "ollama", Endpoint: "http://ollama:11434", Reason: "ModelNotFound", Error: "no model\nllama3", LastHealthCheck: &checked, Latency: &metav1.Duration{Duration: 12 * time.Millisecond}, ConsecutiveFailures: 3}
	s.PermissionStatus = &v1alpha1.PermissionStatus{TriggerCreationDisabled: true, DisabledByEvent: []v1alpha1.DisabledCapability{{
		Capability: v1alpha1.CapabilityTrigger, DisabledBy: "/ops", EventID: "1", Reason: "too many", DisabledAt: ago(time.Minute),
	}}}
	s.EventingStatus = &v1alpha1.AgentEventingStatus{EventingStatus: v1alpha1.EventingStatus{BrokerName: name + "-broker", BrokerReady: true, BrokerURL: "http://broker"}}
	return la
}

func someAgents() *cluster {
	t := trigger("chat-trigger", "none")
	t.SetLabels(map[string]string{lambda.AgentLabelKey: "chat"})
	return newCluster(readyAgent("chat", "chat.example.com"), newAgent("new"), t)
}

func TestAgents(t *testing.T) {
	for file, args := range map[string][]string{
		"agent-list.txt":         {"list"},
		"agent-list-all.txt":     {"list", "-A", "-o", "wide"},
		"agent-name.txt":         {"list", "new", "-o", "name"},
		"agent-url.txt":          {"list", "-o", "url"},
		"agent-describe.txt":     {"describe", "chat"},
		"agent-describe-new.txt": {"describe", "new"},
	} {
		t.Run(file, func(t *testing.T) {
			got := someAgents().run(t.Context(), append([]string{"agent"}, args...)...)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v, want code 0", got)
			}
			golden(t, file, got.out)
		})
	}
}

func TestAgentVerbs(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
	}{
		"help":             {nil, ExitOK, "kn lambda agent [command]"},
		"unknown verb":     {[]string{"walk"}, ExitUsage, `unknown command "walk"`},
		"none":             {[]string{"list", "-n", "shop"}, ExitOK, "No agents found."},
		"format":           {[]string{"list", "-o", "xml"}, ExitUsage, `--output "xml"`},
		"url":              {[]string{"describe", "chat", "-o", "url"}, ExitOK, "http://chat.example.com\n"},
		"no url":           {[]string{"describe", "new", "-o", "url"}, ExitFailure, `agent "new" has no URL yet`},
		"name":             {[]string{"describe", "new", "-o", "name"}, ExitOK, "lambdaagent.lambda.knative.io/new\n"},
		"not there":        {[]string{"describe", "none"}, ExitFailure, "Try:   kn lambda agent list --all-namespaces"},
		"called too early": {[]string{"invoke", "new"}, ExitFailure, `agent "new" has no URL yet` + "\nTry:   kn lambda agent describe new"},
		"called in vain":   {[]string{"invoke", "none"}, ExitFailure, `failed to call agent "none": there is none`},
		"deleted":          {[]string{"delete", "new", "--wait"}, ExitOK, "Agent 'new' successfully deleted in namespace 'default'.\n"},
		"all deleted":      {[]string{"delete", "--all"}, ExitOK, "Agent 'chat' successfully deleted"},
		"deleted in vain":  {[]string{"delete", "none"}, ExitFailure, `failed to delete agent "none"`},
		"none deleted":     {[]string{"delete"}, ExitUsage, "name the agents to delete"},
	} {
		t.Run(name, func(t *testing.T) {
			got := someAgents().run(t.Context(), append([]string{"agent"}, tc.args...)...)
			if got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
		})
	}
}

func TestAgentInvoke(t *testing.T) {
	address, last := serve(t, http.StatusOK)
	got := newCluster(readyAgent("chat", address)).run(t.Context(), "agent", "invoke", "chat", "-d", "a")
	if got.code != ExitOK || got.out != "the answer" || last.body != "a" {
		t.Errorf("run() = %+v, want the answer", got)
	}
}

func TestAgentCompletion(t *testing.T) {
	for verb, want := range map[string]string{"describe": ":4\n", "delete": "new\n:4\n"} {
		if got := someAgents().run(t.Context(), "__complete", "agent", verb, "chat", ""); got.out != want {
			t.Errorf("completion of %s = %q, want %q", verb, got.out, want)
		}
	}
}

func TestAgentCreate(t *testing.T) {
	const manifest = "kind: LambdaAgent\nmetadata: {name: filed}\nspec: {image: {repository: acme/filed}}\n"
	for name, tc := range map[string]struct {
		args []string
		in   string
		code int
		err  string
	}{
		"flags":                {[]string{"a", "--image", "acme/a:1", "--provider", "openai", "--model", "m", "--endpoint", "http://e", "--api-key-secret", "s:k", "--system-prompt", "p", "-e", "A=b", "--min", "1", "--max", "2"}, "", ExitOK, "Created agent 'a' in namespace 'default'."},
		"a file":               {[]string{"-f", "-"}, manifest, ExitOK, "Created agent 'filed'"},
		"another name":         {[]string{"b", "-f", "-"}, manifest, ExitUsage, `the agent in - is "filed", not "b"`},
		"another kind":         {[]string{"-f", "-"}, "kind: Pod", ExitFailure, `it has no LambdaAgent, but kind "Pod"`},
		"with a status":        {[]string{"-f", "-"}, manifest + "status: {}\n", ExitOK, "Created agent"},
		"unknown field":        {[]string{"-f", "-"}, "kind: LambdaAgent\nspec: {imag: 1}", ExitFailure, "spec.imag: there is no such field"},
		"no file":              {[]string{"-f", "none"}, "", ExitFailure, "failed to read manifest"},
		"no name":              {nil, "", ExitUsage, "name the agent"},
		"no image":             {[]string{"a"}, "", ExitUsage, "say which image is the agent"},
		"env":                  {[]string{"a", "-e", "A"}, "", ExitUsage, `--env "A": write NAME=VALUE`},
		"key":                  {[]string{"a", "--api-key-secret", "s"}, "", ExitUsage, `--api-key-secret "s": write SECRET:KEY`},
		"there already":        {[]string{"chat", "--image", "a"}, "", ExitFailure, "failed to create agent \"chat\": there is one of this name in namespace \"default\"\nTry:   kubectl edit lambdaagent chat"},
		"there already, tried": {[]string{"chat", "--image", "a", "--dry-run=server"}, "", ExitFailure, `failed to create agent "chat"`},
		"dry run":              {[]string{"a", "--image", "a", "--dry-run=maybe"}, "", ExitUsage, `--dry-run "maybe"`},
		"another namespace":    {[]string{"-f", "-", "-n", "shop"}, "kind: LambdaAgent\nmetadata: {name: a, namespace: default}\nspec: {image: {repository: a}}\n", ExitUsage, `the agent in - is of namespace "default", and --namespace says "shop"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := someAgents()
			c.in = tc.in
			if got := c.run(t.Context(), append([]string{"agent", "create", "--no-wait"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.err, tc.err) {
				t.Fatalf("run() = %+v, want code %d and %q", got, tc.code, tc.err)
			}
			if name == "flags" {
				golden(t, "agent-create.yaml", c.run(t.Context(), "agent", "describe", "a", "-o", "yaml").out)
			}
		})
	}
}

func TestAgentDryRun(t *testing.T) {
	for _, dryRun := range []string{"client", "server"} {
		got := newCluster().run(t.Context(), "agent", "create", "a", "--image", "acme/a:1", "--dry-run="+dryRun)
		if got.code != ExitOK || !strings.Contains(got.out, "kind: LambdaAgent\n") || !strings.Contains(got.out, "repository: acme/a\n") {
			t.Errorf("--dry-run=%s: run() = %+v, want the agent", dryRun, got)
		}
		if got := newCluster().run(t.Context(), "agent", "create", "a", "--image", "acme/a:1", "--dry-run="+dryRun, "-o", "name"); got.out != "lambdaagent.lambda.knative.io/a\n" {
			t.Errorf("--dry-run=%s: run() = %+v, want the name", dryRun, got)
		}
	}
}

func TestAgentCreateWaits(t *testing.T) {
	state := func(conditions ...apis.Condition) *v1alpha1.LambdaAgent {
		la := newAgent("a")
		la.Status.ObservedGeneration, la.Status.Conditions, la.Status.URL = 1, conditions, apis.HTTP("a.example.com")
		return la
	}
	serves, off := apis.Condition{Type: "ServiceReady", Status: "True"}, apis.Condition{Type: "EventingReady", Status: "True", Reason: "EventingDisabled"}
	deploying := apis.Condition{Type: "ServiceReady", Status: "Unknown", Reason: "Deploying", Message: "It starts."}
	pending := apis.Condition{Type: "Ready", Status: "Unknown", Reason: "Deploying", Message: "It starts."}
	failed := apis.Condition{Type: "Ready", Status: "False", Reason: "ImageNotFound", Message: "There is none."}
	for name, tc := range map[string]struct {
		states []*v1alpha1.LambdaAgent
		args   []string
		code   int
		out    string
		err    string
	}{
		"until it is ready": {
			[]*v1alpha1.LambdaAgent{newAgent("a"), state(deploying, pending), state(deploying, pending), state(serves, off, apis.Condition{Type: "Ready", Status: "True"})},
			nil, ExitOK, "http://a.example.com\n",
			"Created agent 'a' in namespace 'default'.\n    0.0s  Deploying: It starts.\n    0.0s  Calls reach it\n    0.0s  Ready\n",
		},
		"until it is ready, printed": {
			[]*v1alpha1.LambdaAgent{state(apis.Condition{Type: "Ready", Status: "True"})},
			[]string{"-o", "name"},
			ExitOK,
			"lambdaagent.lambda.knative.io/a\n", "Created agent 'a' in namespace 'default'.\n    0.0s  Ready\n",
		},
		"until it fails": {
			[]*v1alpha1.LambdaAgent{state(failed)},
			[]string{"--wait-window", "0s"},
			ExitNotReady, "",
			"Created agent 'a' in namespace 'default'.\nError: agent \"a\" is not ready: ImageNotFound: There is none.\nTry:   kn lambda why a --agent\n",
		},
		"not for ever": {
			nil,
			[]string{"--wait-timeout", "1ms"},
			ExitNotReady, "",
			"Created agent 'a' in namespace 'default'.\nError: agent \"a\" is not ready after 1ms: the operator has not seen it\nTry:   kn lambda why a --agent\n",
		},
		"not at all": {nil, []string{"--no-wait"}, ExitOK, "", "Created agent 'a' in namespace 'default'.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			becomes(&c.lambda.Fake, "lambdaagents", tc.states)
			got := c.run(t.Context(), append([]string{"agent", "create", "a", "--image", "acme/a:1"}, tc.args...)...)
			if want := (result{tc.code, tc.out, tc.err}); got != want {
				t.Errorf("run() = %+v, want %+v", got, want)
			}
		})
	}
}
