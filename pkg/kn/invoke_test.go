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
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// call is what a function was called with.
type call struct {
	method, host, uri, body string
	header                  http.Header
}

// serve serves a function, and tells of the last call.
func serve(t *testing.T, status int) (address string, last *call) {
	t.Helper()
	last = &call{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*last = call{r.Method, r.Host, r.RequestURI, string(body), r.Header}
		w.WriteHeader(status)
		io.WriteString(w, "the answer")
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), last
}

func at(host string) func(*v1alpha1.LambdaFunction) {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.URL = apis.HTTP(host) }
}

func TestInvoke(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(file, []byte(`{"of": "a file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args      []string
		want      call
		wantTrace bool
	}{
		"plain":        {nil, call{method: "GET", uri: "/"}, false},
		"with JSON":    {[]string{"-d", `{"a": 1}`}, call{method: "POST", uri: "/", body: `{"a": 1}`, header: http.Header{"Content-Type": {"application/json"}}}, false},
		"with text":    {[]string{"-d", "a b"}, call{method: "POST", uri: "/", body: "a b", header: http.Header{"Content-Type": {"text/plain"}}}, false},
		"with a file":  {[]string{"-d", "@" + file, "--content-type", "a/b"}, call{method: "POST", uri: "/", body: `{"of": "a file"}`, header: http.Header{"Content-Type": {"a/b"}}}, false},
		"of stdin":     {[]string{"-d", "-"}, call{method: "POST", uri: "/", body: "of stdin", header: http.Header{"Content-Type": {"text/plain"}}}, false},
		"path":         {[]string{"--path", "a/b?c=d", "-X", "DELETE", "-H", "X-A: b:c", "-H", "X-A:d"}, call{method: "DELETE", uri: "/a/b?c=d", header: http.Header{"X-A": {"b:c", "d"}}}, false},
		"a URL's path": {[]string{"--path", "//other/a"}, call{method: "GET", uri: "/other/a"}, false},
		"event": {
			[]string{"--cloudevent", "--id", "1", "--type", "t", "--source", "/s", "--subject", "u", "-d", "1"},
			call{method: "POST", uri: "/", body: "1", header: http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Type": {"t"}, "Ce-Source": {"/s"}, "Ce-Subject": {"u"}, "Content-Type": {"application/json"}}},
			false,
		},
		"traced": {[]string{"--trace"}, call{method: "GET", uri: "/"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			address, last := serve(t, http.StatusOK)
			c := newCluster(newFunction("hello", isReady, at(address)))
			c.in = "of stdin"
			got := c.run(t.Context(), append([]string{"invoke", "hello"}, tc.args...)...)
			if got.code != ExitOK || got.out != "the answer" {
				t.Fatalf("run() = %+v, want the answer", got)
			}
			for _, own := range []string{"Accept-Encoding", "Content-Length", "User-Agent", "Connection"} {
				last.header.Del(own)
			}
			parent := last.header.Get(traceHeader)
			last.header.Del(traceHeader)
			tc.want.host = address
			if tc.want.header == nil {
				tc.want.header = http.Header{}
			}
			if diff := cmp.Diff(&tc.want, last, cmp.AllowUnexported(call{})); diff != "" {
				t.Errorf("the call is another (-want, +got):\n%s", diff)
			}
			if _, id, _ := strings.Cut(parent, "-"); tc.wantTrace != (len(id) > 32 && strings.Contains(got.err, "trace       "+id[:32]) && strings.Contains(got.err, "first byte")) {
				t.Errorf("trace %q, errors %s, want a trace: %t", parent, got.err, tc.wantTrace)
			}
		})
	}
}

// TestCopyAnswer has what follows an answer begin a line at a terminal, and bytes as they are elsewhere.
func TestCopyAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		terminal     bool
		answer, want string
	}{
		"elsewhere":              {false, "text", "text"},
		"at a terminal":          {true, "text", "text\n"},
		"that ends its own line": {true, "text\n", "text\n"},
		"of nothing":             {true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.session.terminal = func(any) bool { return tc.terminal }
			var out strings.Builder
			if err := c.session.copyAnswer(&out, strings.NewReader(tc.answer)); err != nil || out.String() != tc.want {
				t.Errorf("copyAnswer() = %q, %v, want %q", out.String(), err, tc.want)
			}
		})
	}
}

func TestInvokeFails(t *testing.T) {
	failing, _ := serve(t, http.StatusInternalServerError)
	moved, _ := serve(t, http.StatusFound)
	for name, tc := range map[string]struct {
		args     []string
		code     int
		out, err string
	}{
		"status":         {[]string{"failing"}, ExitFailure, "the answer", `function "failing" answered 500 Internal Server Error` + "\nTry:   kn lambda logs failing"},
		"redirect":       {[]string{"moved"}, ExitFailure, "the answer", "answered 302 Found"},
		"not there":      {[]string{"none"}, ExitFailure, "", "there is none of this name"},
		"no URL":         {[]string{"new"}, ExitFailure, "", `function "new" has no URL yet`},
		"no file":        {[]string{"failing", "-d", "@none"}, ExitFailure, "", "failed to read the data"},
		"header":         {[]string{"failing", "-H", "a"}, ExitUsage, "", "write 'Name: value'"},
		"host":           {[]string{"failing", "-H", "host: a"}, ExitUsage, "", "the host is the function's"},
		"method":         {[]string{"failing", "-X", "a b"}, ExitUsage, "", `--method "a b"`},
		"path":           {[]string{"failing", "--path", "%"}, ExitUsage, "", `--path "%"`},
		"no event":       {[]string{"failing", "--type", "a"}, ExitUsage, "", "--type is an attribute of events: say --cloudevent"},
		"not in time":    {[]string{"failing", "--timeout", "0s"}, ExitFailure, "", "context deadline exceeded"},
		"nobody serves":  {[]string{"local"}, ExitFailure, "", "failed to look up the Knative Service"},
		"no Revision":    {[]string{"empty", "--port-forward"}, ExitFailure, "", "no Revision serves"},
		"no activator":   {[]string{"idle", "--port-forward"}, ExitFailure, "", `no activator is ready in namespace "knative-serving"` + "\nTry:   name the namespace"},
		"no way to it":   {[]string{"busy", "--port-forward"}, ExitFailure, "", "no way"},
		"nothing's name": {[]string{}, ExitUsage, "", "accepts 1 arg"},
	} {
		t.Run(name, func(t *testing.T) {
			empty := newService("empty")
			empty.Status.LatestReadyRevisionName = ""
			c := newCluster(newFunction("failing", isReady, at(failing)), newFunction("moved", isReady, at(moved)), newFunction("new"),
				newFunction("local", isReady, at("local.default.svc.cluster.local")), newFunction("empty", isReady), empty,
				newFunction("idle", isReady), newService("idle"), newFunction("busy", isReady), newService("busy"), readyPod("default", "p", "serving.knative.dev/revision", "busy-00002"))
			c.forward = func(context.Context, string, string, int) (string, func(), error) {
				return "", nil, errors.New("no way")
			}
			if got := c.run(t.Context(), append([]string{"invoke"}, tc.args...)...); got.code != tc.code || got.out != tc.out || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d, %q and %q", got, tc.code, tc.out, tc.err)
			}
		})
	}
}

func readyPod(namespace, name, label, value string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{label: value}},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

func TestInvokeThroughAPIServer(t *testing.T) {
	shares := []servingv1.TrafficTarget{{RevisionName: "hello-00001", Percent: ptr.To[int64](10)}, {RevisionName: "hello-00002", Percent: ptr.To[int64](90)}}
	activator := readyPod("knative-serving", "activator-1", "app", "activator")
	starting := readyPod("default", "starting", "serving.knative.dev/revision", "hello-00002")
	starting.Status.Conditions[0].Status = corev1.ConditionFalse
	for name, tc := range map[string]struct {
		host string
		args []string
		pods []*corev1.Pod
		// want is the pod, and the Revision that the header says.
		want, header string
		err          string
	}{
		"to an instance":        {"hello.example.com", []string{"--port-forward"}, []*corev1.Pod{activator, starting, readyPod("default", "ready", "serving.knative.dev/revision", "hello-00002")}, "default/ready", "", ""},
		"to the activator":      {"hello.example.com", []string{"--port-forward"}, []*corev1.Pod{activator, starting, readyPod("default", "old", "serving.knative.dev/revision", "hello-00001")}, "knative-serving/activator-1", "hello-00002", ""},
		"for the cluster alone": {"hello.default.svc.cluster.local", nil, []*corev1.Pod{activator}, "knative-serving/activator-1", "hello-00002", ""},
		// Nothing listens there.
		"that does not answer": {"127.0.0.1:1", []string{"-d", "a"}, []*corev1.Pod{activator}, "knative-serving/activator-1", "hello-00002", "http://127.0.0.1:1 cannot be reached from here"},
	} {
		t.Run(name, func(t *testing.T) {
			address, last := serve(t, http.StatusOK)
			c := newCluster(newFunction("hello", isReady, at(tc.host)), newService("hello", shares...))
			for _, pod := range tc.pods {
				if err := c.kube.Tracker().Add(pod); err != nil {
					t.Fatal(err)
				}
			}
			to, stopped := "", false
			c.forward = func(_ context.Context, namespace, pod string, _ int) (string, func(), error) {
				to = namespace + "/" + pod
				return address, func() { stopped = true }, nil
			}
			got := c.run(t.Context(), append([]string{"invoke", "hello"}, tc.args...)...)
			if got.code != ExitOK || got.out != "the answer" || !strings.Contains(got.err, tc.err) {
				t.Fatalf("run() = %+v, want the answer and %q", got, tc.err)
			}
			if to != tc.want || last.host != tc.host || last.header.Get(revisionHeader) != tc.header || !stopped {
				t.Errorf("called %s at %s with %v, ended %t; want %s and Revision %q", last.host, to, last.header, stopped, tc.want, tc.header)
			}
			if len(tc.args) == 2 && last.body != "a" {
				t.Errorf("body = %q, want it again", last.body)
			}
		})
	}
}
