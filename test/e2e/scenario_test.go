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
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/serving/pkg/apis/serving"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	// patience is how long a test waits for one thing to come about. It says nothing of how fast that should be: a
	// cluster may be busy with anything.
	patience = 4 * time.Minute
	// tidiness is how long taking away may last.
	tidiness = time.Minute
)

// scenario is a test in a namespace of its own, which ends the test where a step fails.
type scenario struct {
	*testing.T
	namespace string
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	s := &scenario{T: t}
	var err error
	if s.namespace, err = clients.CreateNamespace(interrupted, "e2e-"+strings.ToLower(t.Name())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(interrupted), tidiness)
		defer cancel()
		if t.Failed() {
			clients.Diagnose(ctx, t.Output(), s.namespace)
		}
		if err := clients.DeleteNamespace(ctx, s.namespace); err != nil {
			t.Error(err)
		}
	})
	return s
}

// wait runs what waits for the cluster, and ends the test where that fails.
func (s *scenario) wait(wait func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(interrupted, patience)
	defer cancel()
	if err := wait(ctx); err != nil {
		s.Fatal(err)
	}
}

// reach makes a port of the operator's first selected pod that is ready reachable until the test ends, and waits for one. It
// returns the address, host and port.
func (s *scenario) reach(selector string, port int) (address string) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		var stop func()
		var err error
		if address, stop, err = clients.ForwardToReady(ctx, systemNamespace, selector, port); err == nil {
			s.Cleanup(stop)
		}
		return err
	})
	return address
}

// until tries again until nothing is wrong.
func (s *scenario) until(what string, try func() error) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		var last error
		err := wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
			last = try()
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w: %w", what, err, last)
		}
		return nil
	})
}

// buildConfig returns the keys of ConfigMap config-build.
func (s *scenario) buildConfig() map[string]string {
	s.Helper()
	cm, err := clients.Kube.CoreV1().ConfigMaps(systemNamespace).Get(interrupted, config.BuildConfigName, metav1.GetOptions{})
	if err != nil {
		s.Fatalf("Failed to get ConfigMap %s: %v", config.BuildConfigName, err)
	}
	return cm.Data
}

func (s *scenario) create(fn *v1alpha1.LambdaFunction) *v1alpha1.LambdaFunction {
	s.Helper()
	created, err := clients.CreateFunction(interrupted, fn)
	if err != nil {
		s.Fatalf("Failed to create LambdaFunction %q: %v", fn.Name, err)
	}
	return created
}

// createReady creates a function of Python code and waits until it is ready.
func (s *scenario) createReady(name, code string) *v1alpha1.LambdaFunction {
	s.Helper()
	return s.awaitReady(s.create(test.NewPythonFunction(s.namespace, name, code)))
}

func (s *scenario) edit(fn *v1alpha1.LambdaFunction, change func(*v1alpha1.LambdaFunction)) *v1alpha1.LambdaFunction {
	s.Helper()
	edited, err := clients.EditFunction(interrupted, fn, change)
	if err != nil {
		s.Fatal(err)
	}
	return edited
}

func (s *scenario) editCode(fn *v1alpha1.LambdaFunction, code string) *v1alpha1.LambdaFunction {
	s.Helper()
	return s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Code = code })
}

func (s *scenario) awaitReady(fn *v1alpha1.LambdaFunction) (ready *v1alpha1.LambdaFunction) {
	s.Helper()
	s.wait(func(ctx context.Context) (err error) {
		ready, err = clients.AwaitReady(ctx, fn)
		return err
	})
	return ready
}

func (s *scenario) awaitFunction(fn *v1alpha1.LambdaFunction, done func(*v1alpha1.LambdaFunction) bool) (found *v1alpha1.LambdaFunction) {
	s.Helper()
	s.wait(func(ctx context.Context) (err error) {
		found, err = clients.AwaitFunction(ctx, fn, func(fn *v1alpha1.LambdaFunction) (bool, error) { return done(fn), nil })
		return err
	})
	return found
}

func (s *scenario) awaitService(fn *v1alpha1.LambdaFunction, done func(*servingv1.Service) bool) (found *servingv1.Service) {
	s.Helper()
	s.wait(func(ctx context.Context) (err error) {
		found, err = test.AwaitOne(ctx, clients.Serving.ServingV1().Services(fn.Namespace), fn.Name,
			func(service *servingv1.Service) (bool, error) { return done(service), nil })
		return err
	})
	return found
}

// taskRuns lists all that were made for the function and are still there.
func (s *scenario) taskRuns(fn *v1alpha1.LambdaFunction) []tektonv1.TaskRun {
	s.Helper()
	list, err := clients.Tekton.TektonV1().TaskRuns(fn.Namespace).List(interrupted, test.ChildrenOf(fn))
	if err != nil {
		s.Fatalf("Failed to list TaskRuns: %v", err)
	}
	return list.Items
}

// awaitTaskRun waits for a TaskRun of the function that has not ended, in a state that will do.
func (s *scenario) awaitTaskRun(fn *v1alpha1.LambdaFunction, willDo func(*tektonv1.TaskRun) bool) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		return test.Await(ctx, clients.Tekton.TektonV1().TaskRuns(fn.Namespace), test.ChildrenOf(fn),
			func(taskRuns []*tektonv1.TaskRun) (bool, error) {
				for _, taskRun := range taskRuns {
					if !taskRun.IsDone() && willDo(taskRun) {
						return true, nil
					}
				}
				return false, nil
			})
	})
}

// awaitInstances waits until enough says so of the pods that serve the function and are not on their way out.
func (s *scenario) awaitInstances(fn *v1alpha1.LambdaFunction, enough func([]*corev1.Pod) bool) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		return test.Await(ctx, clients.Kube.CoreV1().Pods(fn.Namespace),
			metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + fn.Name},
			func(pods []*corev1.Pod) (bool, error) {
				var staying []*corev1.Pod
				for _, pod := range pods {
					if pod.DeletionTimestamp == nil {
						staying = append(staying, pod)
					}
				}
				return enough(staying), nil
			})
	})
}

// shortenWindow has idle instances go soon.
func (s *scenario) shortenWindow(fn *v1alpha1.LambdaFunction) {
	s.Helper()
	s.wait(func(ctx context.Context) error { return clients.ShortenWindow(ctx, fn.Namespace, fn.Name) })
}

// configure sets keys of one of the operator's ConfigMaps, and takes that back when the test ends, which runs alone.
func (s *scenario) configure(name string, data map[string]string) {
	s.Helper()
	s.configureIn(systemNamespace, name, data)
}

// configureIn is configure for the ConfigMaps of others.
func (s *scenario) configureIn(namespace, name string, data map[string]string) {
	s.Helper()
	restore, err := clients.Configure(interrupted, namespace, name, data)
	s.Cleanup(func() {
		if restore == nil {
			return
		}
		// It is needed, too, when all else has been interrupted.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(interrupted), tidiness)
		defer cancel()
		if err := restore(ctx); err != nil {
			s.Error(err)
		}
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scenario) do(request *http.Request) *test.Response {
	s.Helper()
	response, err := test.Do(caller, request)
	if err != nil {
		s.Fatalf("Failed to call %s: %v", request.URL, err)
	}
	return response
}

func (s *scenario) get(fn *v1alpha1.LambdaFunction) *test.Response {
	s.Helper()
	response, err := test.Get(interrupted, caller, fn.Status.URL.String())
	if err != nil {
		s.Fatalf("Failed to call %s: %v", fn.Status.URL, err)
	}
	return response
}

// wantText checks that the function answers a GET request with status 200 and the text.
func (s *scenario) wantText(fn *v1alpha1.LambdaFunction, want string) {
	s.Helper()
	if got := s.get(fn); got.Status != http.StatusOK || got.Body != want {
		s.Fatalf("GET %s = %d %q, want %d %q", fn.Status.URL, got.Status, got.Body, http.StatusOK, want)
	}
}

func (s *scenario) decode(body string, into any) {
	s.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		s.Fatalf("Failed to parse the answer %q: %v", body, err)
	}
}

// answering is Python code whose handler answers with the text.
func answering(text string) string {
	return "def handler(event):\n    return " + pythonString(text) + "\n"
}

func pythonString(text string) string {
	// What JSON writes Python reads.
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// awaitAnswer waits for an answer with this body among those to a stream.
func (s *scenario) awaitAnswer(stream *test.Stream, body string) {
	s.Helper()
	s.await(stream.First(body), "the answer "+body)
}

func (s *scenario) await(happened <-chan time.Time, what string) {
	s.Helper()
	s.wait(func(ctx context.Context) error {
		select {
		case <-happened:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("failed to wait for %s: %w", what, ctx.Err())
		}
	})
}
