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
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servingfake "knative.dev/serving/pkg/client/clientset/versioned/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdafake "github.com/knative-lambda/knative-lambda-operator/pkg/client/clientset/versioned/fake"
	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

var update = flag.Bool("update", false, "write the golden files anew")

// now is when tests are run.
var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// cluster is what a test has in place of one.
type cluster struct {
	session *session
	lambda  *lambdafake.Clientset
	kube    *kubefake.Clientset
	serving *servingfake.Clientset
	dynamic *dynamicfake.FakeDynamicClient
	forward func(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error)
	in      string
	// asked is true where in is what somebody types.
	asked bool
	// authorization is what the kubeconfig logs in with.
	authorization string
}

// newCluster makes a cluster with objects of whatever kinds.
func newCluster(objects ...runtime.Object) *cluster {
	var lambda, kube, serving, others []runtime.Object
	for _, object := range objects {
		switch object.(type) {
		case *v1alpha1.LambdaFunction, *v1alpha1.LambdaAgent:
			lambda = append(lambda, object)
		case *servingv1.Service, *servingv1.Revision:
			serving = append(serving, object)
		case *unstructured.Unstructured:
			others = append(others, object)
		default:
			kube = append(kube, object)
		}
	}
	c := &cluster{
		lambda: lambdafake.NewSimpleClientset(lambda...), kube: kubefake.NewSimpleClientset(kube...), serving: servingfake.NewSimpleClientset(serving...),
		dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			diagnosis.TaskRunResource: "TaskRunList", diagnosis.TriggerResource: "TriggerList",
		}, others...),
	}
	c.session = newSession(nil)
	c.session.now = func() time.Time { return now }
	c.session.every = time.Nanosecond
	c.session.terminal = func(any) bool { return c.asked }
	c.session.connect = func() (*clients, error) {
		return &clients{lambda: c.lambda, kube: c.kube, serving: c.serving, dynamic: c.dynamic, forward: c.forward, authorized: c.authorized}, nil
	}
	c.session.namespace = func() (string, error) {
		if *c.session.flags.Namespace != "" {
			return *c.session.flags.Namespace, nil
		}
		return "default", nil
	}
	return c
}

// authorized has requests carry what the kubeconfig logs in with.
func (c *cluster) authorized(next http.RoundTripper) (http.RoundTripper, error) {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if c.authorization != "" {
			request.Header.Set("Authorization", c.authorization)
		}
		return next.RoundTrip(request)
	}), nil
}

// result is what became of a command.
type result struct {
	code     int
	out, err string
}

// run runs a command to its end.
func (c *cluster) run(ctx context.Context, args ...string) result {
	var out, errOut bytes.Buffer
	code := execute(ctx, c.session, genericiooptions.IOStreams{In: strings.NewReader(c.in), Out: &out, ErrOut: &errOut}, args)
	return result{code, out.String(), errOut.String()}
}

// runTo is run, with an output that may look at what it gets.
func (c *cluster) runTo(ctx context.Context, out io.Writer, args ...string) int {
	return execute(ctx, c.session, genericiooptions.IOStreams{In: strings.NewReader(c.in), Out: out, ErrOut: io.Discard}, args)
}

// golden compares an output with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("output of %s is another (-want, +got), go test -update writes it anew:\n%s", name, diff)
	}
}

func TestCommand(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		out  string
		err  string
	}{
		"help":              {[]string{"--help"}, ExitOK, "kn lambda [command]", ""},
		"help of run":       {[]string{"run", "--help"}, ExitOK, "kn lambda run ./orders --handler orders.total", ""},
		"version":           {[]string{"version"}, ExitOK, "kn lambda ", ""},
		"unknown verb":      {[]string{"walk"}, ExitUsage, "", `unknown command "walk"`},
		"unknown flag":      {[]string{"run", "--fast"}, ExitUsage, "", "unknown flag: --fast\nTry:   kn lambda run --help"},
		"two folders":       {[]string{"run", "a", "b"}, ExitUsage, "", "accepts at most 1 arg(s)"},
		"no variable":       {[]string{"run", "--env", "A"}, ExitUsage, "", `--env "A": write NAME=VALUE`},
		"nothing to run":    {[]string{"run", "testdata/none"}, ExitFailure, "", "failed to find folder"},
		"port of no kind":   {[]string{"run", "--port", "x"}, ExitUsage, "", "invalid argument"},
		"unknown output":    {[]string{"list", "-o", "xml"}, ExitUsage, "", `--output "xml": it is none of wide, url, yaml, json, name, jsonpath=`},
		"unknown template":  {[]string{"list", "-o", "go-template={{.}}"}, ExitUsage, "", `--output "go-template={{.}}": it is none of wide, url`},
		"invalid path":      {[]string{"list", "-o", "jsonpath={"}, ExitUsage, "", `--output "jsonpath={": error parsing jsonpath {`},
		"nothing described": {[]string{"describe"}, ExitUsage, "", "accepts 1 arg(s), received 0\nTry:   kn lambda describe --help"},
		"nothing deleted":   {[]string{"delete"}, ExitUsage, "", "or say --all"},
	} {
		t.Run(name, func(t *testing.T) {
			got := newCluster().run(t.Context(), tc.args...)
			if got.code != tc.code || !strings.Contains(got.out, tc.out) || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d, %q in the output and %q in the errors", got, tc.code, tc.out, tc.err)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := newCluster(newFunction("hello")).run(ctx, "delete", "hello", "--wait")
	if got.code != ExitInterrupted {
		t.Errorf("run() = %+v, want code %d", got, ExitInterrupted)
	}
}

// TestCalledByKubectl has help, and what to do next, name the command as it was called.
func TestCalledByKubectl(t *testing.T) {
	c := newCluster()
	c.session.called = "kubectl lambda"
	for _, args := range [][]string{{"--help"}, {"create", "--help"}, {"describe", "none"}, {"walk"}} {
		got := c.run(t.Context(), args...)
		if told := got.out + got.err; !strings.Contains(told, "kubectl lambda ") || strings.Contains(told, "kn lambda ") {
			t.Errorf("run(%q) = %+v", args, got)
		}
	}
}

func TestCalledAs(t *testing.T) {
	for program, want := range map[string]string{"kn-lambda": "kn lambda", "/usr/local/bin/kubectl-lambda": "kubectl lambda", "kubectl-lambda.exe": "kubectl lambda"} {
		if got := calledAs(program); got != want {
			t.Errorf("calledAs(%q) = %q, want %q", program, got, want)
		}
	}
}

func TestModuleVersion(t *testing.T) {
	ours, other := debug.Module{Path: module, Version: "v1.2.3"}, debug.Module{Path: "knative.dev/client", Version: "v1.20.0"}
	for name, tc := range map[string]struct {
		info debug.BuildInfo
		want string
	}{
		"program":      {debug.BuildInfo{Main: ours, Deps: []*debug.Module{&other}}, "v1.2.3"},
		"part of kn":   {debug.BuildInfo{Main: other, Deps: []*debug.Module{&other, &ours}}, "v1.2.3"},
		"not in there": {debug.BuildInfo{Main: other}, "unknown"},
	} {
		if got := moduleVersion(&tc.info); got != tc.want {
			t.Errorf("%s: moduleVersion() = %q, want %q", name, got, tc.want)
		}
	}
}
