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
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// instance is a pod of a function's Revision.
func instance(name, revision string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{
			lambda.FunctionLabelKey: "hello", "serving.knative.dev/revision": revision,
		}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "user-container"}, {Name: queueProxy}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "user-container", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
}

func buildPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "hello-1-pod", Labels: map[string]string{lambda.FunctionLabelKey: "hello", taskRunLabel: "hello-1"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "step-fetch"}, {Name: "step-build"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodSucceeded},
	}
}

func TestLogs(t *testing.T) {
	started := taskRun("hello-1", "hello", ago(0), map[string]any{"podName": "hello-1-pod"})
	pods := []runtime.Object{instance("hello-00002-deployment-1-b", "hello-00002"), instance("hello-00001-deployment-1-a", "hello-00001"), buildPod()}
	for name, tc := range map[string]struct {
		objects []runtime.Object
		args    []string
		code    int
		out     string
		err     string
	}{
		"of all instances":     {pods, nil, ExitOK, "[hello-00001/a] fake logs\n[hello-00002/b] fake logs\n", ""},
		"without a prefix":     {pods, []string{"--no-prefix", "--tail", "1", "--since", "1ms", "--previous"}, ExitOK, "fake logs\nfake logs\n", ""},
		"of no instance":       {nil, nil, ExitOK, "", "has no instances at present. Wait for one: kn lambda logs hello --follow"},
		"of the build":         {append(pods, started), []string{"--build"}, ExitOK, "[fetch] fake logs\n[build] fake logs\n", ""},
		"of the build, on":     {append(pods, started), []string{"--build", "--follow"}, ExitOK, "[fetch] fake logs\n[build] fake logs\n", ""},
		"of no build":          {nil, []string{"--build"}, ExitFailure, "", "it has no build"},
		"of a build to come":   {[]runtime.Object{taskRun("hello-1", "hello", ago(0), nil)}, []string{"--build"}, ExitFailure, "", "has not started\nTry:   kn lambda logs hello --build --follow"},
		"of a build long gone": {[]runtime.Object{started}, []string{"--build"}, ExitFailure, "", `the pod of build "hello-1" is gone`},
		"before the build":     {nil, []string{"--build", "--previous"}, ExitUsage, "", "--previous is for functions"},
	} {
		t.Run(name, func(t *testing.T) {
			got := newCluster(append([]runtime.Object{newFunction("hello")}, tc.objects...)...).run(t.Context(), append([]string{"logs", "hello"}, tc.args...)...)
			if got.code != tc.code || got.out != tc.out || !strings.Contains(got.err, tc.err) {
				t.Errorf("run() = %+v, want code %d, %q and %q", got, tc.code, tc.out, tc.err)
			}
		})
	}
	if got := newCluster().run(t.Context(), "logs", "hello"); got.code != ExitFailure || !strings.Contains(got.err, "there is none of this name") {
		t.Errorf("run() = %+v, want that there is no function", got)
	}
}

// stopAfter ends a command when it has written so many lines.
type stopAfter struct {
	lines  int
	cancel context.CancelFunc
	strings.Builder
}

func (s *stopAfter) Write(p []byte) (int, error) {
	n, err := s.Builder.Write(p)
	if s.lines -= strings.Count(string(p), "\n"); s.lines <= 0 {
		s.cancel()
	}
	return n, err
}

func TestFollowLogs(t *testing.T) {
	c := newCluster(newFunction("hello"), instance("hello-00001-deployment-1-a", "hello-00001"), buildPod())
	ctx, cancel := context.WithCancel(t.Context())
	out := &stopAfter{lines: 2, cancel: cancel}
	// The second instance comes once they are watched: of one that comes between the list and the watch, the fake tells nobody.
	c.kube.PrependWatchReactor("pods", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := c.kube.Tracker().Watch(action.GetResource(), action.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		return true, w, c.kube.Tracker().Add(instance("hello-00002-deployment-1-b", "hello-00002"))
	})
	if code := c.runTo(ctx, out, "logs", "hello", "-f"); code != ExitInterrupted {
		t.Errorf("run() = %d, want %d", code, ExitInterrupted)
	}
	for _, want := range []string{"[hello-00001/a] fake logs\n", "[hello-00002/b] fake logs\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output = %s, want %q in it", out.String(), want)
		}
	}
}

func TestFollowLogsFails(t *testing.T) {
	c := newCluster(newFunction("hello"), instance("hello-00001-deployment-1-a", "hello-00001"))
	c.kube.PrependReactor("get", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no right")
	})
	if got := c.run(t.Context(), "logs", "hello", "-f"); got.code != ExitFailure || !strings.Contains(got.err, "hello-00001/a: no right") {
		t.Errorf("run() = %+v, want that it fails", got)
	}
}

// TestLines has lines of two instances written for scripts and for people.
func TestLines(t *testing.T) {
	const logged, printed = `{"time":"x","level":"INFO","message":"a"}`, `time="2026-03-01T12:00:00Z" level=info msg="Taking snapshot"`
	for name, tc := range map[string]struct {
		terminal, colored bool
		flags             logsFlags
		want              string
	}{
		"elsewhere":            {want: "[a] " + logged + "\n[a] " + printed + "\n"},
		"at a terminal":        {terminal: true, want: "[a] " + logged + "\n[a] Taking snapshot\n"},
		"as they were written": {terminal: true, flags: logsFlags{raw: true}, want: "[a] " + logged + "\n[a] " + printed + "\n"},
		"without a prefix":     {terminal: true, colored: true, flags: logsFlags{noPrefix: true}, want: logged + "\nTaking snapshot\n"},
		"in colors":            {colored: true, want: "\x1b[33m[a]\x1b[0m " + logged + "\n\x1b[33m[a]\x1b[0m " + printed + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster()
			c.session.terminal = func(any) bool { return tc.terminal }
			c.session.colored = func(io.Writer) bool { return tc.colored }
			var out strings.Builder
			l := c.session.newLines(&out, &tc.flags)
			l.write("a", logged)
			l.write("a", printed)
			if out.String() != tc.want {
				t.Errorf("write() = %q, want %q", out.String(), tc.want)
			}
		})
	}
}

// readableLines are lines, and what people read of them.
var readableLines = map[string]string{
	"":      "",
	"plain": "plain",
	`{"level":"INFO","message":"without a time"}`:                   `{"level":"INFO","message":"without a time"}`,
	`time="2026-03-01T12:00:00Z" level=info msg="COPY \"a\" b"`:     `COPY "a" b`,
	`time="2026-03-01T12:00:00Z" level=warning msg=Retrying`:        "warning: Retrying",
	`time="2026-03-01T12:00:00Z" level=error msg="\z is no escape"`: `error: "\z is no escape"`,
	`time="2026-03-01T12:00:00Z" level=info msg="without an end`:    `time="2026-03-01T12:00:00Z" level=info msg="without an end`,
	`time=now level=info msg="of another program"`:                  `time=now level=info msg="of another program"`,
}

func TestReadable(t *testing.T) {
	for line, want := range readableLines {
		if got := readable(line); got != want {
			t.Errorf("readable(%s) = %s, want %s", line, got, want)
		}
	}
}

func FuzzReadable(f *testing.F) {
	for line := range readableLines {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := readable(line)
		if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, `time="`) && got != line {
			t.Errorf("readable(%q) = %q", line, got)
		}
	})
}
