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
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// newFunction makes a function that the operator has not seen.
func newFunction(name string, changes ...func(*v1alpha1.LambdaFunction)) *v1alpha1.LambdaFunction {
	fn := &v1alpha1.LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Generation: 1, UID: types.UID(name), CreationTimestamp: ago(26 * time.Hour)},
		Spec: v1alpha1.LambdaFunctionSpec{
			Source:  v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeInline, Inline: &v1alpha1.InlineSource{Code: "code"}},
			Runtime: v1alpha1.RuntimeSpec{Language: v1alpha1.LanguagePython, Version: "3.13", Handler: "main.handler"},
		},
	}
	for _, change := range changes {
		change(fn)
	}
	return fn
}

// isReady has a function built and served.
func isReady(fn *v1alpha1.LambdaFunction) {
	s := &fn.Status
	s.ObservedGeneration = fn.Generation
	s.Phase = v1alpha1.PhaseReady
	s.URL = apis.HTTP(fn.Name + "." + fn.Namespace + ".example.com")
	s.BuildStatus = &v1alpha1.BuildStatus{JobName: fn.Name + "-0123456789", Key: strings.Repeat("0123456789abcdef", 4), ImageURI: "registry/" + fn.Name + "@sha256:00", SourceRevision: "sha256:11"}
	s.ServiceStatus = &v1alpha1.ServiceStatus{ServiceName: fn.Name, LatestRevision: fn.Name + "-00002", Ready: true}
	for _, t := range []apis.ConditionType{"Ready", "SourceReady", "BuildReady", "DeployReady", "ServiceReady"} {
		s.Conditions = append(s.Conditions, apis.Condition{Type: t, Status: "True", LastTransitionTime: apis.VolatileTime{Inner: ago(time.Hour)}})
	}
}

// failsToBuild has the build of a function's present spec failed.
func failsToBuild(fn *v1alpha1.LambdaFunction) {
	s := &fn.Status
	s.ObservedGeneration, s.Phase = fn.Generation, v1alpha1.PhaseFailed
	for _, c := range []apis.Condition{{Type: "Ready", Status: "False"}, {Type: "SourceReady", Status: "True"}, {Type: "BuildReady", Status: "False"}, {Type: "DeployReady", Status: "Unknown"}} {
		c.LastTransitionTime = apis.VolatileTime{Inner: ago(2 * time.Minute)}
		if c.Status == "False" {
			c.Reason, c.Message = v1alpha1.ReasonDependencyNotFound, "No matching distribution found for requets: look for a typing error in the dependencies."
		}
		s.Conditions = append(s.Conditions, c)
	}
}

func ofGit(fn *v1alpha1.LambdaFunction) {
	fn.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeGit, Git: &v1alpha1.GitSource{URL: "https://github.com/acme/functions-of-the-shop", Ref: "main", Path: "orders"}}
}

func ofImage(fn *v1alpha1.LambdaFunction) {
	fn.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Repository: "ghcr.io/acme/hello", Tag: "1"}}
	fn.Spec.Runtime = v1alpha1.RuntimeSpec{}
}

func taskRun(name, function string, created metav1.Time, status map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "spec": map[string]any{}, "status": status,
		"metadata": map[string]any{
			"name": name, "namespace": "default", "uid": name, "creationTimestamp": created.UTC().Format(time.RFC3339),
			"labels": map[string]any{lambda.FunctionLabelKey: function, lambda.BuildKeyLabelKey: "0123456789ab"},
		},
	}}
}

func succeeded(status, reason string) []any {
	return []any{map[string]any{"type": "Succeeded", "status": status, "reason": reason}}
}

func trigger(name, function string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger",
		"metadata": map[string]any{"name": name, "namespace": "default", "labels": map[string]any{lambda.FunctionLabelKey: function}},
		"status":   map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "reason": "BrokerNotFound"}}},
	}}
}

func newRevision(name, function, generation string, status corev1.ConditionStatus) *servingv1.Revision {
	r := &servingv1.Revision{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: "default", UID: types.UID(name), CreationTimestamp: ago(time.Hour),
		Labels: map[string]string{"serving.knative.dev/service": function, "serving.knative.dev/configurationGeneration": generation, lambda.FunctionLabelKey: function},
	}}
	r.Status.Conditions = duckv1.Conditions{{Type: "Ready", Status: status}}
	return r
}

func newService(function string, targets ...servingv1.TrafficTarget) *servingv1.Service {
	s := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Name: function, Namespace: "default", ResourceVersion: "1"}}
	s.Spec.Traffic, s.Status.Traffic = targets, targets
	s.Status.LatestReadyRevisionName = function + "-00002"
	s.Status.Conditions = duckv1.Conditions{{Type: servingv1.ServiceConditionRoutesReady, Status: corev1.ConditionTrue}}
	return s
}

func someFunctions() *cluster {
	elsewhere := newFunction("orders", ofGit, failsToBuild)
	elsewhere.Namespace = "shop"
	return newCluster(newFunction("hello", isReady), newFunction("image", ofImage, isReady), newFunction("new"), newFunction("orders", ofGit, failsToBuild), elsewhere)
}

func TestList(t *testing.T) {
	for file, args := range map[string][]string{
		"list.txt":       {"list"},
		"list-wide.txt":  {"list", "-o", "wide"},
		"list-all.txt":   {"ls", "-A"},
		"list-name.txt":  {"list", "-o", "name"},
		"list-url.txt":   {"list", "-o", "url"},
		"list-named.txt": {"list", "hello", "-o", "yaml"},
		"list-path.txt":  {"list", "-n", "shop", "-o", "jsonpath={.items[*].metadata.name}"},
	} {
		t.Run(file, func(t *testing.T) {
			got := someFunctions().run(t.Context(), args...)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v, want code 0", got)
			}
			golden(t, file, got.out)
		})
	}
}

func TestListNothing(t *testing.T) {
	got := newCluster().run(t.Context(), "list")
	if got.code != ExitOK || got.out != "" || !strings.Contains(got.err, "No functions found") {
		t.Errorf("run() = %+v, want a word on it in the errors", got)
	}
}

func TestAPIErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"forbidden":     {apierrors.NewForbidden(lambda.LambdaFunctionsResource, "", nil), "Try:   ask for the right"},
		"not logged in": {apierrors.NewUnauthorized("no"), "Try:   log in"},
		"no such kind":  {apierrors.NewGenericServerResponse(404, "get", lambda.LambdaFunctionsResource, "", "", 0, true), "Try:   install Knative Lambda"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.lambda.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.err })
			if got := c.run(t.Context(), "list"); got.code != ExitFailure || !strings.Contains(got.err, tc.want) {
				t.Errorf("run() = %+v, want %q", got, tc.want)
			}
		})
	}
}

func TestFit(t *testing.T) {
	wide := func() *table {
		return &table{
			columns: []column{{name: "Name"}, {name: "URL", cut: true}, {name: "Source", cut: true}, {name: "Image", wide: true}},
			rows:    [][]string{{"hello", strings.Repeat("u", 30), strings.Repeat("s", 20), strings.Repeat("i", 99)}},
		}
	}
	for name, tc := range map[string]struct{ room, url, source int }{
		"room for all":      {100, 30, 20},
		"the widest is cut": {51, 20, 20},
		"both are cut":      {41, 15, 15},
		"never to nothing":  {5, leastColumn, leastColumn},
	} {
		t.Run(name, func(t *testing.T) {
			table := wide()
			table.fit(tc.room)
			if url, source := len([]rune(table.rows[0][1])), len([]rune(table.rows[0][2])); url != tc.url || source != tc.source {
				t.Errorf("fit(%d) leaves %d and %d characters, want %d and %d", tc.room, url, source, tc.url, tc.source)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	withEnv := func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Env = []corev1.EnvVar{{Name: "STAGE", Value: "dev"}, {Name: "TOKEN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "shop"}, Key: "token",
		}}}}
		fn.Spec.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "more"}}}}
		fn.Spec.Scaling = v1alpha1.ScalingSpec{MinReplicas: ptr.To[int32](0), MaxReplicas: ptr.To[int32](50), ContainerConcurrency: ptr.To[int64](5)}
		fn.Spec.TimeoutSeconds = ptr.To[int64](300)
		fn.Status.EventingStatus = &v1alpha1.EventingStatus{BrokerName: "lambda-broker", BrokerReady: true, BrokerURL: "http://broker", SourceCount: 2, SourcesReady: 1}
	}
	c := newCluster(newFunction("hello", isReady, withEnv), newFunction("orders", ofGit, failsToBuild), newFunction("new"),
		newService("hello", servingv1.TrafficTarget{RevisionName: "hello-00002", LatestRevision: ptr.To(true), Percent: ptr.To[int64](90)},
			servingv1.TrafficTarget{RevisionName: "hello-00001", Percent: ptr.To[int64](10), Tag: "old"}),
		newRevision("hello-00001", "hello", "1", "True"), newRevision("hello-00002", "hello", "2", "True"), newRevision("other-00001", "other", "1", "True"),
		taskRun("hello-0123456789", "hello", ago(time.Hour), map[string]any{"startTime": "2026-03-01T11:00:01Z", "completionTime": "2026-03-01T11:00:31Z", "conditions": succeeded("True", "Succeeded")}),
		taskRun("hello-1111111111", "hello", ago(time.Minute), map[string]any{"startTime": "2026-03-01T11:59:10Z", "conditions": succeeded("Unknown", "Running")}),
		trigger("hello-trigger", "hello"),
		&corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default"}, Type: "Normal", Reason: "Created", Message: "Created TaskRun \"hello-0123456789\"\n",
			InvolvedObject: corev1.ObjectReference{Kind: "LambdaFunction", Name: "hello", UID: "hello"}, LastTimestamp: ago(time.Hour),
		})
	for _, name := range []string{"hello", "orders", "new"} {
		t.Run(name, func(t *testing.T) {
			got := c.run(t.Context(), "describe", name)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("run() = %+v, want code 0", got)
			}
			golden(t, "describe-"+name+".txt", got.out)
		})
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
	}{
		"url":       {[]string{"describe", "hello", "-o", "url"}, ExitOK, "http://hello.default.example.com\n"},
		"no url":    {[]string{"describe", "new", "-o", "url"}, ExitFailure, `function "new" has no URL yet`},
		"name":      {[]string{"describe", "new", "-o", "name"}, ExitOK, "lambdafunction.lambda.knative.io/new\n"},
		"not there": {[]string{"describe", "none"}, ExitFailure, `there is none of this name in namespace "default"` + "\nTry:   kn lambda list --all-namespaces"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.run(t.Context(), tc.args...); got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
		})
	}
}

func TestDescribeWithoutRights(t *testing.T) {
	c := newCluster(newFunction("hello", isReady))
	c.dynamic.PrependReactor("list", "taskruns", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(diagnosis.TaskRunResource.GroupResource(), "", nil)
	})
	if got := c.run(t.Context(), "describe", "hello"); got.code != ExitOK || !strings.Contains(got.out, "Not shown: builds: taskruns") {
		t.Errorf("run() = %+v, want what is not shown", got)
	}
}

func TestDelete(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		text string
		left int
	}{
		"one":                      {[]string{"delete", "hello"}, ExitOK, "Function 'hello' successfully deleted in namespace 'default'.\n", 4},
		"two":                      {[]string{"delete", "hello", "new"}, ExitOK, "Function 'new' successfully", 3},
		"one and waited":           {[]string{"delete", "hello", "--wait"}, ExitOK, "Function 'hello' successfully", 4},
		"all of the namespace":     {[]string{"delete", "--all"}, ExitOK, "Function 'orders' successfully", 1},
		"all and one":              {[]string{"delete", "--all", "hello"}, ExitUsage, "or say --all", 5},
		"one that is not there":    {[]string{"delete", "none", "hello"}, ExitFailure, `failed to delete function "none": there is none`, 4},
		"and that is no failure":   {[]string{"delete", "none", "--ignore-not-found"}, ExitOK, "", 5},
		"one of another one's":     {[]string{"rm", "orders", "-n", "shop"}, ExitOK, "in namespace 'shop'", 4},
		"not in time for somebody": {[]string{"delete", "new", "--wait", "--wait-timeout", "0s"}, ExitNotReady, "it is not gone after 0s", 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := someFunctions()
			if got := c.run(t.Context(), tc.args...); got.code != tc.code || !strings.Contains(got.out+got.err, tc.text) {
				t.Errorf("run() = %+v, want code %d and %q", got, tc.code, tc.text)
			}
			list, err := c.lambda.LambdaV1alpha1().LambdaFunctions("").List(t.Context(), metav1.ListOptions{})
			if err != nil || len(list.Items) != tc.left {
				t.Errorf("List() = %d functions, %v, want %d", len(list.Items), err, tc.left)
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a function":          {[]string{"describe", ""}, "hello\nimage\nnew\norders\n:4\n"},
		"of a namespace":      {[]string{"describe", "-n", "shop", ""}, "orders\n:4\n"},
		"only one":            {[]string{"describe", "hello", ""}, ":4\n"},
		"several, each once":  {[]string{"delete", "hello", ""}, "image\nnew\norders\n:4\n"},
		"formats":             {[]string{"list", "--output", ""}, "wide\nurl\nyaml\njson\nname\njsonpath=\n:4\n"},
		"languages":           {[]string{"create", "a", "--language", ""}, "python\nnodejs\ngo\n:4\n"},
		"files":               {[]string{"create", "a", "--code-file", ""}, ":0\n"},
		"no files":            {[]string{"create", "a", "--code", ""}, ":4\n"},
		"folders to run":      {[]string{"run", ""}, ":16\n"},
		"folders to deploy":   {[]string{"deploy", ""}, ":16\n"},
		"Revisions":           {[]string{"rollback", "hello", "--to", ""}, "@latest\n:4\n"},
		"namespaces, of none": {[]string{"list", "--namespace", ""}, ":4\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := someFunctions().run(t.Context(), append([]string{"__complete"}, tc.args...)...)
			if got.code != ExitOK || got.out != tc.want {
				t.Errorf("run() = %+v, want %q", got, tc.want)
			}
		})
	}
}
