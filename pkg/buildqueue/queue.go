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

// Package buildqueue says whose turn it is to build. It keeps nothing: the queue is the TaskRuns that are pending, and
// whoever looks at the same TaskRuns sees the same order.
package buildqueue

import (
	"cmp"
	"slices"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
)

// Limits are how many builds run at once. 0 is no limit.
type Limits struct {
	// Total is for the cluster.
	Total int
	// Namespace is for each namespace.
	Namespace int
}

func full(running, limit int) bool {
	return limit > 0 && running >= limit
}

// Waiting is true for a TaskRun that has not been given its turn, and is still to get it.
func Waiting(taskRun *tektonv1.TaskRun) bool {
	return taskRun.IsPending() && !taskRun.IsDone() && taskRun.DeletionTimestamp == nil
}

// Running is true for a TaskRun that has been given its turn, and has not ended.
func Running(taskRun *tektonv1.TaskRun) bool {
	return !taskRun.IsPending() && !taskRun.IsDone()
}

// Order returns the TaskRuns that wait, the next first. The namespaces take turns: of those that wait the one with the
// fewest builds that run is next; of several such the one whose last build began first.
func Order(taskRuns []*tektonv1.TaskRun) []*tektonv1.TaskRun {
	order, _ := look(taskRuns)
	return order
}

// Admit returns the TaskRuns whose turn has come, in their order.
func Admit(taskRuns []*tektonv1.TaskRun, limits Limits) []*tektonv1.TaskRun {
	order, running := look(taskRuns)
	total := 0
	for _, n := range running {
		total += n
	}
	var admitted []*tektonv1.TaskRun
	for _, taskRun := range order {
		if full(total, limits.Total) {
			break
		}
		if full(running[taskRun.Namespace], limits.Namespace) {
			continue
		}
		total++
		running[taskRun.Namespace]++
		admitted = append(admitted, taskRun)
	}
	return admitted
}

// turn is when a TaskRun is to begin.
type turn struct {
	taskRun *tektonv1.TaskRun
	// before is how many builds of the namespace run, or wait and came first.
	before int
	// ahead is how many of those wait.
	ahead int
	// last is when the namespace's last build began.
	last time.Time
}

// look returns what waits in its order, and how many builds run by namespace.
func look(taskRuns []*tektonv1.TaskRun) (order []*tektonv1.TaskRun, running map[string]int) {
	running = map[string]int{}
	last := map[string]time.Time{}
	for _, taskRun := range taskRuns {
		namespace := taskRun.Namespace
		if Waiting(taskRun) {
			order = append(order, taskRun)
			continue
		}
		if Running(taskRun) {
			running[namespace]++
		}
		if start := taskRun.Status.StartTime; start != nil && start.After(last[namespace]) {
			last[namespace] = start.Time
		}
	}
	slices.SortFunc(order, byAge)
	turns, ahead := make([]turn, 0, len(order)), map[string]int{}
	for _, taskRun := range order {
		namespace := taskRun.Namespace
		turns = append(turns, turn{
			taskRun: taskRun, before: running[namespace] + ahead[namespace], ahead: ahead[namespace], last: last[namespace],
		})
		ahead[namespace]++
	}
	slices.SortStableFunc(turns, func(a, b turn) int {
		return cmp.Or(cmp.Compare(a.before, b.before), cmp.Compare(a.ahead, b.ahead), a.last.Compare(b.last))
	})
	for i, turn := range turns {
		order[i] = turn.taskRun
	}
	return order, running
}

func byAge(a, b *tektonv1.TaskRun) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
