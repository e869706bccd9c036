//go:build e2e

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

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// loki answers queries of Loki over what the pods of some namespaces have logged.
type loki struct {
	*scenario
	program    string
	namespaces []string
}

// stream is one of test/logql.
type stream struct {
	Labels map[string]string
	Lines  []string
}

func (s *scenario) startLoki() *loki {
	s.Helper()
	program, err := test.BuildProgram(interrupted, "../logql", "github.com/knative-lambda/knative-lambda-operator/test/logql", s.TempDir())
	if err != nil {
		s.Fatal(err)
	}
	return &loki{s, program, []string{systemNamespace, s.namespace}}
}

// streams are the logs of all containers, with the labels that Grafana's collectors give them.
func (l *loki) streams() ([]stream, error) {
	var all []stream
	for _, namespace := range l.namespaces {
		pods, err := clients.Kube.CoreV1().Pods(namespace).List(interrupted, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			for _, container := range pod.Spec.Containers {
				log, err := clients.Kube.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container.Name}).Stream(interrupted)
				if err != nil {
					continue // it has not started, or its pod is gone
				}
				text, err := io.ReadAll(log)
				_ = log.Close() // it was read
				if err != nil {
					return nil, err
				}
				app := pod.Labels["app"]
				all = append(all, stream{
					map[string]string{"namespace": namespace, "pod": pod.Name, "container": container.Name, "app": app, "service_name": app},
					strings.Split(strings.TrimSpace(string(text)), "\n"),
				})
			}
		}
	}
	return all, nil
}

// awaitLine waits until a query finds a line with all of some texts.
func (l *loki) awaitLine(query string, texts ...string) {
	l.Helper()
	l.until(query, func() error {
		streams, err := l.streams()
		if err != nil {
			return err
		}
		question, err := json.Marshal(map[string]any{"query": query, "streams": streams})
		if err != nil {
			return err
		}
		ask := exec.CommandContext(interrupted, l.program)
		ask.Stdin = bytes.NewReader(question)
		answer, err := ask.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, answer)
		}
		for line := range strings.Lines(string(answer)) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return nil
			}
		}
		return fmt.Errorf("no line of the %d bytes found has %q", len(answer), texts)
	})
}

// TestLogs asks what the documentation of the older operator asks of Loki, as it is written there, but for the namespace
// that functions are in.
func TestLogs(t *testing.T) {
	s := newScenario(t)
	l := s.startLoki()
	wrong := s.create(test.NewGoFunction(s.namespace, "wrong", "package main\n\nfunc Handler() (string, error) { return 1, nil }\n"))
	moody := s.createReady("moody", "def handler(event):\n    print('called')\n    return 'good'\n")
	s.wantText(moody, "good")
	s.awaitFunction(wrong, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsFalse()
	})
	l.awaitLine(`{namespace="knative-lambda"} |= "build" |= "failed" | json`, `"function":"wrong"`, `"namespace":"`+s.namespace+`"`)
	l.awaitLine(strings.Replace(`{namespace="knative-lambda", service_name=~"lambda-.*"} | json`, "knative-lambda", s.namespace, 1), `"message":"called"`, `"function":"moody"`)
	// Builds take seconds, and their lines say so. So do those of reconciles.
	l.awaitLine(strings.Replace(`{namespace="knative-lambda"} | json | duration > 5s`, "5s", "1s", 1), `"message":"The build`)
	l.awaitLine(`{namespace="knative-lambda"} | json | duration < 5s`, `"message":"Reconcile succeeded"`)
	// A reconcile fails whose Knative Service is somebody else's.
	s.createService("taken")
	s.create(test.NewPythonFunction(s.namespace, "taken", answering("taken")))
	l.awaitLine(`{namespace="knative-lambda", app="knative-lambda-operator"} |= "error" | json`, s.namespace+"/taken", `"severity":"ERROR"`, `"trace_id":"`)
}
