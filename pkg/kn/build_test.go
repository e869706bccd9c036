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
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// rebuilt has the operator have seen the annotation that tests' clock makes.
func rebuilt(fn *v1alpha1.LambdaFunction) {
	fn.Annotations = map[string]string{lambda.RebuildAnnotationKey: "1772366400000000000"}
	fn.Status.BuildStatus.Rebuild = "1772366400000000000"
}

func buildsNow(fn *v1alpha1.LambdaFunction) {
	isReady(fn)
	with("BuildReady", "Unknown", "BuildRunning", "It goes on.")(fn)
}

func TestBuild(t *testing.T) {
	unseen := func(fn *v1alpha1.LambdaFunction) { fn.Generation++ }
	for name, tc := range map[string]struct {
		fn       *v1alpha1.LambdaFunction
		args     []string
		code     int
		text     string
		rebuilds bool
	}{
		"that failed":             {newFunction("hello", failsToBuild), nil, ExitOK, "http://hello.default.example.com\n", true},
		"that is there":           {newFunction("hello", isReady), nil, ExitFailure, "nothing has changed since\nTry:   kn lambda build hello --force", false},
		"that is there, forced":   {newFunction("hello", isReady), []string{"--force"}, ExitOK, "http://hello.default.example.com\n", true},
		"that goes on":            {newFunction("hello", buildsNow), nil, ExitOK, "is being built", false},
		"that is not seen":        {newFunction("hello", isReady, unseen), []string{"--no-wait"}, ExitOK, "is being built", false},
		"of a ready image":        {newFunction("hello", ofImage, isReady), nil, ExitFailure, "there is nothing to build", false},
		"of what is not there":    {newFunction("other"), nil, ExitFailure, "there is none of this name", false},
		"of nothing, only flags":  {newFunction("hello"), []string{"other"}, ExitUsage, "accepts 1 arg(s), received 2", false},
		"that failed, not waited": {newFunction("hello", failsToBuild), []string{"--no-wait"}, ExitOK, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(tc.fn)
			end := newFunction("hello", isReady)
			if tc.rebuilds {
				rebuilt(end)
			}
			c.becomes(end)
			if got := c.run(t.Context(), append([]string{"build", "hello"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
			if tc.fn.Name == "hello" && (c.get(t, "hello").Annotations[lambda.RebuildAnnotationKey] != "") != tc.rebuilds {
				t.Errorf("annotations = %v, want one that has it built: %t", c.get(t, "hello").Annotations, tc.rebuilds)
			}
		})
	}
}

func TestCancelBuild(t *testing.T) {
	for name, tc := range map[string]struct {
		fn   *v1alpha1.LambdaFunction
		code int
		text string
	}{
		"that goes on":         {newFunction("hello", buildsNow), ExitOK, "Build 'hello-0123456789' is being cancelled.\n"},
		"that is over":         {newFunction("hello", isReady), ExitFailure, `no build of function "hello" goes on` + "\nTry:   kn lambda build list hello"},
		"of a spec not seen":   {newFunction("hello"), ExitFailure, "has not seen the present spec"},
		"of what is not there": {newFunction("other"), ExitFailure, "there is none of this name"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(tc.fn)
			if got := c.run(t.Context(), "build", "cancel", "hello"); got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
			if key := tc.fn.Status.BuildStatus; tc.code == ExitOK && c.get(t, "hello").Annotations[lambda.CancelBuildAnnotationKey] != key.Key {
				t.Errorf("annotations = %v, want the build's key", c.get(t, "hello").Annotations)
			}
		})
	}
}

func TestListBuilds(t *testing.T) {
	waits := taskRun("hello-2", "hello", ago(0), map[string]any{})
	waits.Object["spec"] = map[string]any{"status": "TaskRunPending"}
	c := newCluster(waits, taskRun("hello-1", "hello", ago(3600e9), map[string]any{
		"startTime": "2026-03-01T11:00:01Z", "completionTime": "2026-03-01T11:01:01Z", "conditions": succeeded("False", "Failed"),
	}), taskRun("other-1", "other", ago(0), map[string]any{}))
	got := c.run(t.Context(), "build", "list", "hello")
	if got.code != ExitOK || got.err != "" {
		t.Errorf("run() = %+v, want code 0", got)
	}
	golden(t, "build-list.txt", got.out)
	if got := c.run(t.Context(), "build", "ls", "none"); got.code != ExitOK || got.out != "" || !strings.Contains(got.err, "No builds of function 'none'") {
		t.Errorf("run() = %+v, want a word on it in the errors", got)
	}
}

func rolledBack(to string) func(*v1alpha1.LambdaFunction) {
	return func(fn *v1alpha1.LambdaFunction) {
		fn.Annotations = map[string]string{lambda.RollbackAnnotationKey: to}
		fn.Status.Conditions = nil
		with("ServiceReady", "True", v1alpha1.ReasonRolledBack, `Revision "`+to+`" has all calls until the spec changes.`)(fn)
	}
}

func TestRollback(t *testing.T) {
	for name, tc := range map[string]struct {
		fn   *v1alpha1.LambdaFunction
		args []string
		end  *v1alpha1.LambdaFunction
		code int
		text string
		want string
	}{
		"to the one before": {newFunction("hello", isReady), nil, newFunction("hello", rolledBack("hello-00003")), ExitOK, "All calls of function 'hello' go to hello-00003.\n", "hello-00003"},
		"once more":         {newFunction("hello", rolledBack("hello-00003")), nil, newFunction("hello", rolledBack("hello-00001")), ExitOK, "go to hello-00001", "hello-00001"},
		"to a certain one":  {newFunction("hello", isReady), []string{"--to", "hello-00001"}, newFunction("hello", rolledBack("hello-00001")), ExitOK, "go to hello-00001", "hello-00001"},
		"forward again":     {newFunction("hello", rolledBack("hello-00003")), []string{"--to", "@latest"}, newFunction("hello", isReady), ExitOK, "go to @latest", ""},
		"that is deleted":   {newFunction("hello", isReady), nil, nil, ExitFailure, "has been deleted meanwhile", "hello-00003"},
		"not waited for":    {newFunction("hello", isReady), []string{"--no-wait"}, nil, ExitOK, "go to hello-00003", "hello-00003"},
		"to a bad one":      {newFunction("hello", isReady), []string{"--to", "hello-00002"}, nil, ExitFailure, `no ready Revision "hello-00002"; it has: hello-00004, hello-00003, hello-00001`, ""},
		"from the first":    {newFunction("hello", rolledBack("hello-00001")), nil, nil, ExitFailure, "no ready Revision before that which serves", "hello-00001"},
		"of nothing":        {newFunction("other"), nil, nil, ExitFailure, "there is none of this name", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(tc.fn, newService("hello"), newRevision("hello-00001", "hello", "1", "True"), newRevision("hello-00002", "hello", "2", "False"),
				newRevision("hello-00003", "hello", "3", "True"), newRevision("hello-00004", "hello", "4", "True"))
			if tc.end != nil {
				c.becomes(tc.end)
			} else {
				c.deleted("hello")
			}
			if got := c.run(t.Context(), append([]string{"rollback", "hello"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
			if tc.fn.Name == "hello" && c.get(t, "hello").Annotations[lambda.RollbackAnnotationKey] != tc.want {
				t.Errorf("annotations = %v, want %q", c.get(t, "hello").Annotations, tc.want)
			}
		})
	}
}

func TestRouted(t *testing.T) {
	const generation = 2
	for name, tc := range map[string]struct {
		generation, observed int64
		status               corev1.ConditionStatus
		want                 bool
		err                  string
	}{
		"done":               {2, 2, corev1.ConditionTrue, true, ""},
		"changed again":      {3, 3, corev1.ConditionTrue, true, ""},
		"of the spec before": {1, 1, corev1.ConditionTrue, false, ""},
		"not looked at":      {2, 1, corev1.ConditionTrue, false, ""},
		"being made":         {2, 2, corev1.ConditionUnknown, false, ""},
		"failed before":      {2, 1, corev1.ConditionFalse, false, ""},
		"failed":             {2, 2, corev1.ConditionFalse, false, "RevisionMissing: it is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			service := newService("hello")
			service.Generation, service.Status.ObservedGeneration = tc.generation, tc.observed
			service.Status.Conditions = duckv1.Conditions{{
				Type: servingv1.ServiceConditionRoutesReady, Status: tc.status, Reason: "RevisionMissing", Message: "it is gone",
			}}
			got, err := routed(service, generation)
			if got != tc.want || tc.err == "" != (err == nil) || err != nil && err.Error() != tc.err {
				t.Errorf("routed() = %t, %v, want %t, %s", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestTraffic(t *testing.T) {
	present := []servingv1.TrafficTarget{
		{RevisionName: "hello-00002", LatestRevision: ptr.To(true), Percent: ptr.To[int64](100)}, {RevisionName: "hello-00001", Tag: "old"},
	}
	split := []servingv1.TrafficTarget{
		{LatestRevision: ptr.To(true), Percent: ptr.To[int64](10)},
		{RevisionName: "hello-00001", LatestRevision: ptr.To(false), Percent: ptr.To[int64](90)},
		{RevisionName: "hello-00001", Tag: "old", Percent: ptr.To[int64](0)},
	}
	shares := []string{"@latest=10", "hello-00001=90%"}
	done, starting, fails := newService("hello"), newService("hello"), newService("hello")
	starting.Status.Conditions[0].Status = corev1.ConditionUnknown
	fails.Status.Conditions[0] = apis.Condition{Type: servingv1.ServiceConditionRoutesReady, Status: corev1.ConditionFalse, Reason: "RevisionMissing"}
	for name, tc := range map[string]struct {
		fn     *v1alpha1.LambdaFunction
		args   []string
		states []*servingv1.Service
		code   int
		text   string
		want   []servingv1.TrafficTarget
	}{
		"split":             {newFunction("hello"), shares, []*servingv1.Service{starting, done}, ExitOK, "hello-00002   100%      true", split},
		"not waited for":    {newFunction("hello"), append([]string{"--no-wait"}, shares...), nil, ExitOK, "hello-00002   100%      true", split},
		"that cannot be":    {newFunction("hello"), shares, []*servingv1.Service{fails}, ExitNotReady, "cannot go there: RevisionMissing: \nTry:   kn lambda why hello", split},
		"not all":           {newFunction("hello"), []string{"@latest=10"}, nil, ExitUsage, "the shares are 10 percent together", present},
		"twice":             {newFunction("hello"), []string{"a=50", "a=50"}, nil, ExitUsage, "has a share already", present},
		"no number":         {newFunction("hello"), []string{"a=b"}, nil, ExitUsage, "write REVISION=PERCENT", present},
		"too much":          {newFunction("hello"), []string{"a=101"}, nil, ExitUsage, "write REVISION=PERCENT", present},
		"no Revision":       {newFunction("hello"), []string{"=100"}, nil, ExitUsage, "write REVISION=PERCENT", present},
		"of another":        {newFunction("hello"), []string{"a=100"}, nil, ExitFailure, `it has no ready Revision "a"; it has: hello-00002, hello-00001`, present},
		"while rolled back": {newFunction("hello", rolledBack("hello-00001")), []string{"a=100"}, nil, ExitFailure, "it is rolled back to hello-00001: all calls go there\nTry:   kn lambda rollback hello --to @latest", present},
		"of nothing":        {newFunction("other"), nil, nil, ExitFailure, "there is none of this name", present},
	} {
		t.Run(name, func(t *testing.T) {
			stored := newService("hello", present...)
			stored.Status.Conditions[0].Status = corev1.ConditionUnknown
			c := newCluster(tc.fn, stored, newRevision("hello-00001", "hello", "1", "True"), newRevision("hello-00002", "hello", "2", "True"))
			becomes(&c.serving.Fake, "services", tc.states)
			if got := c.run(t.Context(), append([]string{"traffic", "hello"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
			service, err := c.serving.ServingV1().Services("default").Get(t.Context(), "hello", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, service.Spec.Traffic); diff != "" {
				t.Errorf("traffic is another (-want, +got):\n%s", diff)
			}
		})
	}
	c := newCluster(newFunction("hello"), newService("hello", present...), newRevision("hello-00002", "hello", "2", "True"), newRevision("hello-00000", "hello", "0", "False"))
	golden(t, "traffic.txt", c.run(t.Context(), "traffic", "hello").out)
	if got := c.run(t.Context(), "__complete", "traffic", "hello", ""); got.out != "@latest=\nhello-00002=\nhello-00000=\n:6\n" {
		t.Errorf("completion is %q, want the Revisions", got.out)
	}
}

func FuzzParseShares(f *testing.F) {
	f.Add("a=100", "")
	f.Add("@latest=10", "b=90%")
	f.Add("a=-1", "a=101")
	f.Fuzz(func(t *testing.T, a, b string) {
		shares, err := parseShares([]string{a, b})
		if err != nil {
			return
		}
		total := int64(0)
		for _, s := range shares {
			if total += s.percent; s.percent < 0 || s.revision == "" {
				t.Errorf("parseShares(%q, %q) = %+v", a, b, shares)
			}
		}
		if total != wholePercent {
			t.Errorf("parseShares(%q, %q) are %d together", a, b, total)
		}
	})
}
