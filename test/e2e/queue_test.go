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
	"fmt"
	"strconv"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// TestBuildQueue asks for six builds in one namespace and then for one in another, where two run at once and one in
// each namespace. It runs alone: the limits are those of all builds.
func TestBuildQueue(t *testing.T) {
	const many = 6
	s, other := newScenario(t), newScenario(t)
	s.limitBuilds(2, 1)
	for i := range many {
		s.create(test.NewPythonFunction(s.namespace, fmt.Sprintf("many-%d", i), answering("many")))
	}
	other.create(test.NewPythonFunction(other.namespace, "only", answering("only")))

	onlyCame := false
	s.wait(func(ctx context.Context) error {
		return test.Await(ctx, clients.Tekton.TektonV1().TaskRuns(metav1.NamespaceAll),
			metav1.ListOptions{LabelSelector: resources.ManagedSelector},
			func(taskRuns []*tektonv1.TaskRun) (bool, error) {
				started, running, ended := map[string]int{}, map[string]int{}, 0
				for _, taskRun := range taskRuns {
					if taskRun.Namespace != s.namespace && taskRun.Namespace != other.namespace || taskRun.IsPending() {
						continue
					}
					started[taskRun.Namespace]++
					if taskRun.IsDone() {
						ended++
						continue
					}
					running[taskRun.Namespace]++
				}
				if running[s.namespace] > 1 || running[other.namespace] > 1 {
					return false, fmt.Errorf("builds that run, by namespace, are %v, want at most 1", running)
				}
				if started[other.namespace] > 0 && !onlyCame {
					onlyCame = true
					if before := started[s.namespace]; before > 2 {
						return false, fmt.Errorf("the only build of its namespace came after %d others, want at most 2", before)
					}
				}
				return ended == many+1, nil
			})
	})
}

// limitBuilds sets how many builds run at once, and takes it back when the test ends.
func (s *scenario) limitBuilds(total, namespace int) {
	s.Helper()
	s.configure(config.BuildConfigName, map[string]string{
		"max-concurrent-builds": strconv.Itoa(total), "max-concurrent-builds-per-namespace": strconv.Itoa(namespace),
	})
}
