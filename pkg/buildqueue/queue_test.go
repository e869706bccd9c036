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

package buildqueue

import (
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"
)

var began = time.Unix(1.7e9, 0)

func at(second int) metav1.Time {
	return metav1.NewTime(began.Add(time.Duration(second) * time.Second))
}

// waiting is a TaskRun that came at the second.
func waiting(namespace, name string, second int) *tektonv1.TaskRun {
	return &tektonv1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: at(second)},
		Spec:       tektonv1.TaskRunSpec{Status: tektonv1.TaskRunSpecStatusPending},
	}
}

func running(taskRun *tektonv1.TaskRun, second int) *tektonv1.TaskRun {
	start := at(second)
	taskRun.Spec.Status, taskRun.Status.StartTime = "", &start
	return taskRun
}

func ended(taskRun *tektonv1.TaskRun, status corev1.ConditionStatus) *tektonv1.TaskRun {
	taskRun.Status.Conditions = duckv1.Conditions{{Type: apis.ConditionSucceeded, Status: status}}
	return taskRun
}

func deleted(taskRun *tektonv1.TaskRun) *tektonv1.TaskRun {
	now := at(0)
	taskRun.DeletionTimestamp = &now
	return taskRun
}

func cancelled(taskRun *tektonv1.TaskRun) *tektonv1.TaskRun {
	taskRun.Spec.Status = tektonv1.TaskRunSpecStatusCancelled
	return taskRun
}

func names(taskRuns []*tektonv1.TaskRun) (names []string) {
	for _, taskRun := range taskRuns {
		names = append(names, taskRun.Namespace+"/"+taskRun.Name)
	}
	return names
}

func TestQueue(t *testing.T) {
	for _, tc := range []struct {
		name     string
		taskRuns []*tektonv1.TaskRun
		limits   Limits
		order    []string
		admitted []string
	}{{
		name: "nothing waits",
	}, {
		name: "within a namespace by age, then by name",
		taskRuns: []*tektonv1.TaskRun{
			waiting("a", "3", 2), waiting("a", "2", 1), waiting("a", "1", 1),
		},
		limits:   Limits{Namespace: 2},
		order:    []string{"a/1", "a/2", "a/3"},
		admitted: []string{"a/1", "a/2"},
	}, {
		name: "no limits",
		taskRuns: []*tektonv1.TaskRun{
			waiting("a", "1", 1), waiting("a", "2", 1), running(waiting("a", "3", 0), 0),
		},
		order:    []string{"a/1", "a/2"},
		admitted: []string{"a/1", "a/2"},
	}, {
		name: "namespaces take turns",
		taskRuns: []*tektonv1.TaskRun{
			waiting("a", "1", 1), waiting("a", "2", 2), waiting("a", "3", 3), waiting("b", "1", 4),
		},
		limits:   Limits{Total: 3},
		order:    []string{"a/1", "b/1", "a/2", "a/3"},
		admitted: []string{"a/1", "b/1", "a/2"},
	}, {
		name: "who has fewer builds that run is next",
		taskRuns: []*tektonv1.TaskRun{
			running(waiting("a", "0", 0), 0), waiting("a", "1", 1), waiting("b", "1", 2),
		},
		limits:   Limits{Total: 2},
		order:    []string{"b/1", "a/1"},
		admitted: []string{"b/1"},
	}, {
		name: "one at a time: who built last waits",
		taskRuns: []*tektonv1.TaskRun{
			ended(running(waiting("a", "0", 0), 5), corev1.ConditionTrue), waiting("a", "1", 1),
			ended(running(waiting("b", "0", 0), 4), corev1.ConditionFalse), waiting("b", "1", 2),
		},
		limits:   Limits{Total: 1},
		order:    []string{"b/1", "a/1"},
		admitted: []string{"b/1"},
	}, {
		name: "a namespace at its limit does not hold up the others",
		taskRuns: []*tektonv1.TaskRun{
			running(waiting("a", "0", 0), 0), waiting("a", "1", 1),
			running(waiting("b", "0", 0), 0), running(waiting("b", "1", 0), 0), waiting("b", "2", 2),
			waiting("c", "1", 3), waiting("c", "2", 4),
		},
		limits:   Limits{Total: 10, Namespace: 1},
		order:    []string{"c/1", "a/1", "c/2", "b/2"},
		admitted: []string{"c/1"},
	}, {
		name: "cancelled or deleted counts as long as it has not ended",
		taskRuns: []*tektonv1.TaskRun{
			cancelled(running(waiting("a", "0", 0), 0)), deleted(running(waiting("a", "1", 0), 0)), waiting("a", "2", 1),
		},
		limits: Limits{Total: 2},
		order:  []string{"a/2"},
	}, {
		name: "cancelled, ended or deleted does not wait",
		taskRuns: []*tektonv1.TaskRun{
			ended(waiting("a", "0", 0), corev1.ConditionFalse), deleted(waiting("a", "1", 0)),
			ended(cancelled(waiting("a", "2", 0)), corev1.ConditionFalse), waiting("a", "3", 1),
		},
		limits:   Limits{Total: 1},
		order:    []string{"a/3"},
		admitted: []string{"a/3"},
	}, {
		name: "a limit that was lowered",
		taskRuns: []*tektonv1.TaskRun{
			running(waiting("a", "0", 0), 0), running(waiting("a", "1", 0), 0), waiting("a", "2", 1),
		},
		limits: Limits{Total: 1},
		order:  []string{"a/2"},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.order, names(Order(slices.Clone(tc.taskRuns)))); diff != "" {
				t.Error("Order() (-want, +got):", diff)
			}
			if diff := cmp.Diff(tc.admitted, names(Admit(slices.Clone(tc.taskRuns), tc.limits))); diff != "" {
				t.Error("Admit() (-want, +got):", diff)
			}
		})
	}
}

// TestRandomArrivals lets builds come, end and be cancelled at random: the limits hold, no place is left empty that
// somebody may have, and all are built in the end.
func TestRandomArrivals(t *testing.T) {
	for seed := range int64(200) {
		r := rand.New(rand.NewSource(seed))
		limits := Limits{Total: r.Intn(5), Namespace: r.Intn(4)}
		var taskRuns []*tektonv1.TaskRun
		left := 60
		for second := 0; left > 0 || len(Order(taskRuns)) > 0; second++ {
			if second > 1000 {
				t.Fatalf("seed %d, %+v: %d still wait", seed, limits, len(Order(taskRuns)))
			}
			for ; left > 0 && r.Intn(3) > 0; left-- {
				taskRuns = append(taskRuns, waiting(strconv.Itoa(r.Intn(4)), strconv.Itoa(left), second))
			}
			for _, taskRun := range taskRuns {
				if !taskRun.IsDone() && (taskRun.Status.StartTime != nil && r.Intn(3) == 0 || r.Intn(50) == 0) {
					ended(taskRun, corev1.ConditionTrue)
				}
			}
			r.Shuffle(len(taskRuns), func(i, j int) { taskRuns[i], taskRuns[j] = taskRuns[j], taskRuns[i] })
			for _, taskRun := range Admit(taskRuns, limits) {
				running(taskRun, second)
			}
			checkLimits(t, taskRuns, limits)
			if again := Admit(taskRuns, limits); len(again) > 0 {
				t.Fatalf("seed %d: %v were left out", seed, names(again))
			}
		}
	}
}

func checkLimits(t *testing.T, taskRuns []*tektonv1.TaskRun, limits Limits) {
	t.Helper()
	total, byNamespace := 0, map[string]int{}
	for _, taskRun := range taskRuns {
		if taskRun.Status.StartTime != nil && !taskRun.IsDone() {
			total++
			byNamespace[taskRun.Namespace]++
		}
	}
	if limits.Total > 0 && total > limits.Total {
		t.Fatalf("%d builds run, want at most %d", total, limits.Total)
	}
	for namespace, n := range byNamespace {
		if limits.Namespace > 0 && n > limits.Namespace {
			t.Fatalf("%d builds run in namespace %s, want at most %d", n, namespace, limits.Namespace)
		}
	}
}

// TestOneBesideAHundred holds that the one waits for one build at most, whatever the limit.
func TestOneBesideAHundred(t *testing.T) {
	for limit := 1; limit <= 5; limit++ {
		var taskRuns []*tektonv1.TaskRun
		for i := range 100 {
			taskRuns = append(taskRuns, waiting("many", fmt.Sprintf("%03d", i), 0))
		}
		for _, taskRun := range Admit(taskRuns, Limits{Total: limit}) {
			running(taskRun, 1)
		}
		taskRuns = append(taskRuns, waiting("one", "only", 2))
		for _, taskRun := range taskRuns {
			if taskRun.Status.StartTime != nil {
				ended(taskRun, corev1.ConditionTrue)
				break
			}
		}
		if got, want := names(Admit(taskRuns, Limits{Total: limit})), []string{"one/only"}; !slices.Equal(got, want) {
			t.Errorf("limit %d: Admit() = %v, want %v", limit, got, want)
		}
	}
}
