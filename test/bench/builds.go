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

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// measureMany applies many functions of the same code at once, and one of another namespace when their builds wait. Of
// each function there may be one build, no more builds may run at once than the limits say, and the one must not wait
// for the many.
func measureMany(ctx context.Context, b *bench, r *report) error {
	limits, err := b.buildLimits(ctx)
	if err != nil {
		return err
	}
	other, err := b.clients.CreateNamespace(ctx, "bench")
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := b.clients.DeleteNamespace(ctx, other); err != nil {
			progress("failed to delete namespace %s: %v", other, err)
		}
	}()
	start := time.Now()
	functions, err := b.createMany(ctx)
	if err != nil {
		return err
	}
	r.add(fmt.Sprintf("%d functions created", b.many), fmt.Sprintf("%.1f s", time.Since(start).Seconds()), "", "")
	watch := b.watchBuilds(ctx, b.namespace)
	err = test.Await(ctx, b.clients.Tekton.TektonV1().TaskRuns(b.namespace), metav1.ListOptions{LabelSelector: resources.ManagedSelector},
		func(taskRuns []*tektonv1.TaskRun) (bool, error) { return len(taskRuns) >= b.many, nil })
	if err != nil {
		return fmt.Errorf("failed to await the builds of %d functions: %w", b.many, err)
	}
	r.add("builds of all of them run or wait", fmt.Sprintf("%.1f s", time.Since(start).Seconds()), "", "")
	onlyCreated := time.Now()
	only, err := b.clients.CreateFunction(ctx, test.NewPythonFunction(other, "only", version(0)))
	if err != nil {
		return fmt.Errorf("failed to create the function of the other namespace: %w", err)
	}
	if only, err = b.awaitMended(ctx, only); err != nil {
		return err
	}
	onlyReady := time.Since(onlyCreated)
	for i, fn := range functions {
		if _, err := b.awaitMended(ctx, fn); err != nil {
			return err
		}
		if (i+1)%20 == 0 {
			progress("%d of %d functions are ready after %v", i+1, b.many, time.Since(start).Round(time.Second))
		}
	}
	r.add(fmt.Sprintf("%d functions of the same code ready", b.many), fmt.Sprintf("%.0f s", time.Since(start).Seconds()), "", "")
	r.add("a function of another namespace, created then, ready after", fmt.Sprintf("%.1f s", onlyReady.Seconds()), "", "")
	return b.judgeBuilds(ctx, r, watch(), limits, only)
}

func (b *bench) createMany(ctx context.Context) ([]*v1alpha1.LambdaFunction, error) {
	functions := make([]*v1alpha1.LambdaFunction, 0, b.many)
	for i := range b.many {
		fn := test.NewPythonFunction(b.namespace, fmt.Sprintf("many-%03d", i), version(0))
		// One node has to have room for those that have not scaled to zero yet.
		fn.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m")}
		fn, err := b.clients.CreateFunction(ctx, fn)
		if err != nil {
			return nil, fmt.Errorf("failed to create function %d of %d: %w", i+1, b.many, err)
		}
		functions = append(functions, fn)
	}
	return functions, nil
}

// awaitMended waits until the function is ready, also where it has failed before: of many not all have room at once.
func (b *bench) awaitMended(ctx context.Context, fn *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
	return b.clients.AwaitFunction(ctx, fn, func(fn *v1alpha1.LambdaFunction) (bool, error) { return fn.IsReady(), nil })
}

func (b *bench) buildLimits(ctx context.Context) (*config.Build, error) {
	configMap, err := b.clients.Kube.CoreV1().ConfigMaps(b.operatorNamespace).Get(ctx, config.BuildConfigName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to get ConfigMap %q: %w", config.BuildConfigName, err)
	}
	return config.NewBuildFromConfigMap(configMap)
}

// watched is what was seen of builds.
type watched struct {
	// most is how many ran at once in the namespace at most.
	most int
	// builds are the names of all TaskRuns by function.
	builds map[string]map[string]bool
}

// watchBuilds looks at the builds of a namespace until the function that it returns is called, which says what it saw.
func (b *bench) watchBuilds(ctx context.Context, namespace string) func() watched {
	ctx, stop := context.WithCancel(ctx)
	seen := make(chan watched)
	go func() {
		w := watched{builds: map[string]map[string]bool{}}
		// It ends with its context, and not before.
		_ = test.Await(ctx, b.clients.Tekton.TektonV1().TaskRuns(namespace), metav1.ListOptions{LabelSelector: resources.ManagedSelector},
			func(taskRuns []*tektonv1.TaskRun) (bool, error) {
				running := 0
				for _, taskRun := range taskRuns {
					if !taskRun.IsPending() && !taskRun.IsDone() {
						running++
					}
					fn := taskRun.Labels[lambda.FunctionLabelKey]
					if w.builds[fn] == nil {
						w.builds[fn] = map[string]bool{}
					}
					w.builds[fn][taskRun.Name] = true
				}
				w.most = max(w.most, running)
				return false, nil
			})
		seen <- w
	}()
	return func() watched {
		stop()
		return <-seen
	}
}

// judgeBuilds holds what was seen against what must be.
func (b *bench) judgeBuilds(ctx context.Context, r *report, w watched, limits *config.Build, only *v1alpha1.LambdaFunction) error {
	total := 0
	for fn, builds := range w.builds {
		if total += len(builds); len(builds) > 1 {
			r.fault("function %s was built %d times", fn, len(builds))
		}
	}
	limit := limits.MaxConcurrentBuildsPerNamespace
	r.add("builds, and the most at once in the namespace", fmt.Sprintf("%d, %d", total, w.most), fmt.Sprintf("limit %d", limit), "")
	if limit > 0 && w.most > limit {
		r.fault("%d builds ran at once in one namespace, and the limit is %d", w.most, limit)
	}
	taskRuns, err := b.clients.Tekton.TektonV1().TaskRuns(b.namespace).List(ctx, metav1.ListOptions{LabelSelector: resources.ManagedSelector})
	if err != nil {
		return err
	}
	created := only.CreationTimestamp.Time
	began := only.Status.BuildStatus.StartedAt.Time
	before := 0
	var times sample
	for i := range taskRuns.Items {
		status := &taskRuns.Items[i].Status
		if status.StartTime == nil || status.CompletionTime == nil {
			continue
		}
		times = append(times, status.CompletionTime.Sub(status.StartTime.Time))
		if status.StartTime.After(created) && status.StartTime.Time.Before(began) {
			before++
		}
	}
	if waited, longest := began.Sub(created), slices.Max(times); waited > longest {
		r.fault("the build of the other namespace waited for %v, and the longest build took %v", waited, longest)
	}
	r.add("the other namespace's build waited for its turn", fmt.Sprintf("%.0f s, while %d of the many began", began.Sub(created).Seconds(), before),
		"one build: "+times.String(), "")
	return nil
}

// twentyDependencies are packages of Python alone.
const twentyDependencies = `attrs==25.3.0
blinker==1.9.0
certifi==2025.8.3
charset-normalizer==3.4.3
click==8.2.1
flask==3.1.1
h11==0.16.0
httpcore==1.0.9
httpx==0.28.1
idna==3.10
itsdangerous==2.2.0
jinja2==3.1.6
markdown==3.8.2
packaging==25.0
pygments==2.19.2
python-dateutil==2.9.0.post0
requests==2.32.4
six==1.17.0
tomli==2.2.1
werkzeug==3.1.3
`

// measureDependencies times builds after edits of the code alone: of a function with twenty dependencies, which have not
// changed, beside one without any.
func measureDependencies(ctx context.Context, b *bench, r *report) error {
	with := test.NewPythonFunction(b.namespace, "with-dependencies", version(0))
	with.Spec.Source.Inline.Dependencies = twentyDependencies
	with, err := b.createReady(ctx, with)
	if err != nil {
		return err
	}
	without, err := b.createReady(ctx, test.NewPythonFunction(b.namespace, "without-dependencies", version(0)))
	if err != nil {
		return err
	}
	r.add("first build with twenty dependencies", sample{buildTime(with)}.String(), sample{buildTime(without)}.String(), "")
	var times, yardstick sample
	for i := range b.runs {
		for _, one := range []struct {
			fn    *v1alpha1.LambdaFunction
			times *sample
		}{{with, &times}, {without, &yardstick}} {
			took, err := b.timeRebuild(ctx, one.fn, version(i+1))
			if err != nil {
				return err
			}
			*one.times = append(*one.times, took)
		}
		progress("build after an edit %d of %d: %v with dependencies, %v without", i+1, b.runs, times[i], yardstick[i])
	}
	r.compare("build after an edit of the code, with twenty dependencies beside none", times, yardstick)
	return nil
}

// timeRebuild times an edit of the code to the image of it.
func (b *bench) timeRebuild(ctx context.Context, fn *v1alpha1.LambdaFunction, code string) (time.Duration, error) {
	start := time.Now()
	edited, err := b.clients.EditFunction(ctx, fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Code = code })
	if err != nil {
		return 0, err
	}
	if _, err := b.clients.AwaitFunction(ctx, edited, func(fn *v1alpha1.LambdaFunction) (bool, error) {
		built := fn.Status.GetCondition(v1alpha1.ConditionBuildReady)
		if built.IsFalse() {
			return false, fmt.Errorf("it does not build: %s: %s", built.GetReason(), built.GetMessage())
		}
		return built.IsTrue(), nil
	}); err != nil {
		return 0, err
	}
	took := time.Since(start)
	_, err = b.clients.AwaitReady(ctx, edited)
	return took, err
}

// buildTime is in whole seconds, as Tekton says it.
func buildTime(fn *v1alpha1.LambdaFunction) time.Duration {
	return fn.Status.BuildStatus.CompletedAt.Sub(fn.Status.BuildStatus.StartedAt.Time)
}
