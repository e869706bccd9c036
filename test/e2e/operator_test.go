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
	"sync"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// TestOperatorKilledDuringBuild kills all replicas of the operator in the middle of builds: none is made twice, and
// none is forgotten.
func TestOperatorKilledDuringBuild(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("orphan", answering("life 0"))
	builds := s.recordBuilds(fn)

	const lives = 10
	for life := 1; life <= lives; life++ {
		fn = s.editCode(fn, answering(fmt.Sprintf("life %d", life)))
		// By turns as soon as the build is asked for, and when it has begun.
		s.awaitTaskRun(fn, func(taskRun *tektonv1.TaskRun) bool { return life%2 == 0 || taskRun.Status.PodName != "" })
		s.killOperator()
		fn = s.awaitReady(fn)
		s.wantText(fn, fmt.Sprintf("life %d", life))
	}

	byKey := builds.stop()
	if len(byKey) != lives {
		t.Errorf("build keys = %d, want %d", len(byKey), lives)
	}
	for key, taskRuns := range byKey {
		if taskRuns.Len() != 1 {
			t.Errorf("build key %s has %d TaskRuns, want 1", key, taskRuns.Len())
		}
	}
}

// killOperator deletes the operator's pods, and gives them no time to put things in order.
func (s *scenario) killOperator() {
	s.Helper()
	if err := clients.KillPods(interrupted, systemNamespace, test.OperatorPods); err != nil {
		s.Fatal(err)
	}
}

// buildRecord has every TaskRun that was ever created for a function since it began, by build key.
type buildRecord struct {
	watch watch.Interface
	ended sync.WaitGroup
	byKey map[string]sets.Set[types.UID]
}

// recordBuilds begins to record.
func (s *scenario) recordBuilds(fn *v1alpha1.LambdaFunction) *buildRecord {
	s.Helper()
	taskRuns := clients.Tekton.TektonV1().TaskRuns(fn.Namespace)
	present, err := taskRuns.List(interrupted, test.ChildrenOf(fn))
	if err != nil {
		s.Fatalf("Failed to list TaskRuns: %v", err)
	}
	opts := test.ChildrenOf(fn)
	opts.ResourceVersion = present.ResourceVersion
	created, err := taskRuns.Watch(context.WithoutCancel(interrupted), opts)
	if err != nil {
		s.Fatalf("Failed to watch TaskRuns: %v", err)
	}
	r := &buildRecord{watch: created, byKey: map[string]sets.Set[types.UID]{}}
	r.ended.Go(func() {
		for event := range created.ResultChan() {
			if taskRun, ok := event.Object.(*tektonv1.TaskRun); ok && event.Type == watch.Added {
				key := taskRun.Labels[lambda.BuildKeyLabelKey]
				if r.byKey[key] == nil {
					r.byKey[key] = sets.New[types.UID]()
				}
				r.byKey[key].Insert(taskRun.UID)
			}
		}
	})
	return r
}

// stop ends the record and returns it.
func (r *buildRecord) stop() map[string]sets.Set[types.UID] {
	r.watch.Stop()
	r.ended.Wait()
	return r.byKey
}
