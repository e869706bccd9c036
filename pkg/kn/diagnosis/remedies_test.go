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
	"regexp"
	"slices"
	"strings"
	"testing"

	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// TestEveryReasonHasARemedy looks for reasons of the API, and of sources, against which nothing is said to help.
func TestEveryReasonHasARemedy(t *testing.T) {
	known := map[string]bool{}
	for _, file := range []string{
		"../../apis/lambda/v1alpha1/lambdafunction_lifecycle.go", "../../apis/lambda/v1alpha1/lambdaagent_lifecycle.go", "../../source/failure.go",
	} {
		for name, reason := range ReasonConstants(t, file) {
			known[reason] = true
			if remediesOf[reason].Do == "" {
				t.Errorf("there is no remedy for %s (%q)", name, reason)
			}
		}
	}
	for reason := range remediesOf {
		if !known[reason] {
			t.Errorf("a remedy is for reason %q, which there is not", reason)
		}
	}
	own := []string{unobserved, trafficElsewhere, noSubscriptions, noEndpoints}
	for _, reason := range slices.Concat(vague, last, chosen, notable) {
		if !known[reason] && !slices.Contains(own, reason) {
			t.Errorf("reason %q is none", reason)
		}
	}
	for reason := range usual {
		if !known[reason] && reason != unobserved {
			t.Errorf("reason %q, which is waited for, is none", reason)
		}
	}
	for _, reason := range lastBelow {
		if remediesBelow[reason].Do == "" {
			t.Errorf("reason %q has no remedy", reason)
		}
	}
}

// TestEveryBraceIsFilled looks for templates with words that nobody puts in.
func TestEveryBraceIsFilled(t *testing.T) {
	e := newExplorer(Clients{}, function("braces"), "lambdafunction", "label", "spec.source.image")
	for _, table := range []map[string]Remedy{remediesOf, remediesBelow, remediesOfBuilds} {
		for reason, r := range table {
			if filled := e.fill(r); strings.ContainsAny(filled.Do+filled.Command, "{}") {
				t.Errorf("remedy of %s = %+v", reason, filled)
			}
		}
	}
	for _, clue := range clues {
		if filled := e.fill(clue.remedy); strings.ContainsAny(filled.Do+filled.Command, "{}") {
			t.Errorf("remedy of %s = %+v", clue.text, filled)
		}
	}
}

// texts are what components say, and the beginning of the remedy against it.
var texts = []struct{ text, want string }{
	{`Trigger "a-trigger" exists and belongs to somebody else: delete it.`, "Look whose Trigger a-trigger is"},
	{`secrets "a" not found`, "Make Secret a,"},
	{`configmap "a.b" not found`, "Make ConfigMap a.b,"},
	{`error looking up service account shop/late: serviceaccount "late" not found`, "Make ServiceAccount late,"},
	{"couldn't find key a.b in Secret shop/login", "Put key a.b into Secret login,"},
	{"couldn't find key a in Secret login", "Put key a into Secret login,"},
	{"failed quota: team: must specify limits.cpu", "Raise ResourceQuota team,"},
	{"minimum cpu usage per Container is 100m, but request is 50m", "Set spec.resources"},
	{`violates PodSecurity "baseline:latest"`, "The namespace admits only"},
	{`failed calling webhook "a.example.com": context deadline exceeded`, "Have webhook a.example.com answer"},
	{`admission webhook "a.example.com" denied the request: no`, "Do as webhook a.example.com says"},
	{"container has runAsNonRoot and image has non-numeric user (node)", "Use an image that says"},
	{`container has runAsNonRoot and image will run as root`, "Use an image that says"},
	{`exec: "/a/b": permission denied`, "The image has no program /a/b"},
	{`exec: "a": executable file not found in $PATH`, "The image has no program a "},
	{`cannot load handler "a.b": LookupError: module 'a' has no function 'b'`, "The code has no a.b:"},
	{`cannot load handler "a.b": Error: there is no file a.js or a.ts`, "The code has no a.b:"},
	{`cannot load handler "a.b": ModuleNotFoundError: No module named 'c' (a.py, line 1)`, "Add the package that has module c"},
	{"Cannot find module 'lib/x.mjs'", "Add package lib/x.mjs"},
	{"IndentationError: unexpected indent", "Correct the code where"},
	{"the worker was killed because the function uses more memory than its limit", "Raise spec.resources.limits.memory"},
	{`cannot load handler "a.b": ValueError: no table (a.py, line 3)`, "Correct what the code does"},
	{"dial tcp: lookup a.example.com: no such host", "No address is known for a.example.com:"},
	{"dial tcp: lookup a.example.com on 10.96.0.10:53: server misbehaving", "No address is known for a.example.com:"},
	{"getaddrinfo a.example.com: Name or service not known", "No address is known for a.example.com:"},
	{"x509: certificate signed by unknown authority", "Have the nodes"},
	{"toomanyrequests: You have reached your pull rate limit", "Pull with a login,"},
	{"failed to authorize: 403 Forbidden", "Name a Secret with a login"},
	{`rpc error: code = NotFound desc = failed to pull: registry.example.com/a:b: not found`, "The registry has no such image"},
	{"1 node(s) had untolerated taint {a: b}", "Every node that has room is tainted"},
}

func TestTold(t *testing.T) {
	hit := map[string]bool{}
	for _, tc := range texts {
		got, ok := told(&Link{Message: "first line\n" + tc.text})
		if !ok || !strings.HasPrefix(got.Do, tc.want) {
			t.Errorf("told(%s) = %+v, %v, want %s", tc.text, got, ok, tc.want)
		}
		for _, clue := range clues {
			if clue.text.MatchString(tc.text) {
				hit[clue.text.String()] = true
				break
			}
		}
	}
	for _, clue := range clues {
		if !hit[clue.text.String()] {
			t.Errorf("no text has the clue %s", clue.text)
		}
	}
	if got, ok := told(&Link{Message: "all is well"}); ok {
		t.Errorf("told() of nothing = %+v", got)
	}
	if got, ok := told(&Link{Log: []string{"a", "SyntaxError: b"}}); !ok || got.Do != "Correct the code where the message says." {
		t.Errorf("told() of a log = %+v, %v", got, ok)
	}
}

// FuzzTold holds that no text of others puts into a command what a shell takes for more than a word.
func FuzzTold(f *testing.F) {
	for _, tc := range texts {
		f.Add(tc.text)
	}
	harmless := regexp.MustCompile(`^[\w {}/.,:=-]*$`)
	f.Fuzz(func(t *testing.T, text string) {
		if r, ok := told(&Link{Message: text}); ok && !harmless.MatchString(r.Command) {
			t.Errorf("told(%q) has command %q", text, r.Command)
		}
	})
}

// FuzzLastLines holds that a log neither fills a terminal, nor moves its cursor.
func FuzzLastLines(f *testing.F) {
	for _, log := range []string{"", "a\nb\n", "\x1b[31mred\x1b[0m\r\n", "\xff", strings.Repeat("é", 300), strings.Repeat("a\n", 20), "\u009b31m"} {
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, log string) {
		lines := lastLines(log)
		if len(lines) > linesShown {
			t.Errorf("lastLines(%q) = %d lines", log, len(lines))
		}
		for _, line := range lines {
			if len([]rune(line)) > widthShown+3 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("lastLines(%q) has %q", log, line)
			}
		}
	})
}

// FuzzSameIn holds that it ends, and does not depend on the order.
func FuzzSameIn(f *testing.F) {
	f.Add("a: b", "b")
	f.Add("", ": ")
	f.Fuzz(func(t *testing.T, a, b string) {
		if sameIn(a, b) != sameIn(b, a) {
			t.Errorf("sameIn(%q, %q) = %v, the other way round not", a, b, sameIn(a, b))
		}
	})
}

func TestSameIn(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"it exits", "it exits", true},
		{"Revision failed: it exits", "it exits", true},
		{"Revision failed: it exits", "The container ended: it exits", true},
		{"it exits", "it does not exit", false},
		{"that it exits", "it exits", false},
		{"it exits", "", false},
	} {
		if got := sameIn(tc.a, tc.b); got != tc.want {
			t.Errorf("sameIn(%q, %q) = %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestWaitOfUnknownReason(t *testing.T) {
	e := newExplorer(Clients{}, function("new"), "lambdafunction", "label", "spec.source.image")
	if w := e.wait(&apis.Condition{}); w.For != "the operator to go on" || w.TooLong || w.Since != nil {
		t.Errorf("wait() = %+v", w)
	}
	if w := e.wait(&apis.Condition{Reason: v1alpha1.ReasonAPIKeyUnreadable}); w != nil {
		t.Errorf("wait() of what does not pass = %+v", w)
	}
}
