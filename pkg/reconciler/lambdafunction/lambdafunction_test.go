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

package lambdafunction

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	faketektonclient "github.com/tektoncd/pipeline/pkg/client/injection/client/fake"
	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgotesting "k8s.io/client-go/testing"
	testclock "k8s.io/utils/clock/testing"
	fakeeventingclient "knative.dev/eventing/pkg/client/injection/client/fake"
	fakekubeclient "knative.dev/pkg/client/injection/kube/client/fake"
	"knative.dev/pkg/configmap"
	"knative.dev/pkg/controller"
	fakedynamicclient "knative.dev/pkg/injection/clients/dynamicclient/fake"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/logging"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	fakeservingclient "knative.dev/serving/pkg/client/injection/client/fake"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	fakelambdaclient "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/client/fake"
	lambdafunctionreconciler "github.com/knative-lambda/knative-lambda-operator/pkg/client/injection/reconciler/lambda/v1alpha1/lambdafunction"
	reconcilerconfig "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const key = "default/hello"

var (
	began = time.Unix(1.7e9, 0)
	ended = began.Add(time.Minute)

	// cluster is the configuration of rows whose context has no other.
	cluster = newConfig(nil)

	codeA = WithCode("def handler(event): return 'a'")
	codeB = WithCode("def handler(event): return 'b'")
)

// newConfig returns a cluster's configuration, with further keys of config-build.
func newConfig(more map[string]string) *reconcilerconfig.Config {
	data := map[string]string{
		"registry":      "registry.example.com",
		"kaniko-image":  "registry.example.com/kaniko",
		"fetch-image":   "registry.example.com/fetch",
		"runtime-image": "registry.example.com/runtime",
	}
	for key, value := range more {
		data[key] = value
	}
	build, err := config.NewBuildFromMap(data)
	if err != nil {
		panic(fmt.Sprintf("the tests' own configuration is wrong: %v", err))
	}
	cfg := reconcilerconfig.FromContextOrDefaults(context.Background())
	cfg.Build = build
	return cfg
}

func withConfig(more map[string]string) context.Context {
	return reconcilerconfig.ToContext(context.Background(), newConfig(more))
}

// function is hello in namespace default.
func function(options ...FunctionOption) *v1alpha1.LambdaFunction {
	return LambdaFunction("hello", "default", options...)
}

// defaulted is a copy with defaults: options see the function before it has them.
func defaulted(fn *v1alpha1.LambdaFunction) *v1alpha1.LambdaFunction {
	fn = fn.DeepCopy()
	fn.SetDefaults(context.Background())
	return fn
}

// buildOf plans the build of the function's spec in the cluster.
func buildOf(fn *v1alpha1.LambdaFunction) *resources.Build {
	build, err := resources.NewBuild(defaulted(fn), cluster.Config)
	if err != nil {
		panic(fmt.Sprintf("the tests' own function cannot be built: %v", err))
	}
	return build
}

func imageOf(fn *v1alpha1.LambdaFunction) string {
	return buildOf(fn).Repository + "@" + digestOf(taskRunName(fn))
}

// digestOf is the digest of what the TaskRun pushes.
func digestOf(taskRun string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(taskRun)))
}

func planOf(fn *v1alpha1.LambdaFunction, changes ...func(*corev1.ConfigMap)) *corev1.ConfigMap {
	plan, err := resources.MakePlanConfigMap(fn, buildOf(fn))
	if err != nil {
		panic(fmt.Sprintf("the tests' own function has no plan: %v", err))
	}
	return Change(plan, changes...)
}

func taskRunOf(fn *v1alpha1.LambdaFunction, changes ...TaskRunOption) *tektonv1.TaskRun {
	return Change(resources.MakeTaskRun(defaulted(fn), buildOf(fn), cluster.Build), changes...)
}

// serviceOf is the Knative Service that has the image of the function's spec.
func serviceOf(fn *v1alpha1.LambdaFunction, changes ...ServiceOption) *servingv1.Service {
	return Change(resources.MakeService(defaulted(fn), imageOf(fn), cluster), changes...)
}

// taskRunName is the name of the TaskRun of the function's spec, and of its plan.
func taskRunName(fn *v1alpha1.LambdaFunction) string {
	return taskRunOf(fn).Name
}

// building is a function whose TaskRun goes on, without a Knative Service.
func building(reason, format string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		begun(fn)
		fn.Status.MarkBuildRunning(reason, fmt.Sprintf(format, taskRunName(fn)))
		fn.Status.MarkWaitingForBuild()
		fn.Status.Summarize()
	}
}

// begun is a function whose TaskRun has been made, and not yet started.
func begun(fn *v1alpha1.LambdaFunction) {
	WithObserved(fn.Generation)(fn)
	fn.Status.MarkSourceReady()
	fn.Status.BeginBuild(buildOf(fn).Key(), taskRunName(fn), nil)
	fn.Status.BuildStatus.Attempt = 1
	fn.Status.BuildStatus.Rebuild = fn.Annotations[lambda.RebuildAnnotationKey]
}

// built is a function whose image is there.
func built(fn *v1alpha1.LambdaFunction) {
	begun(fn)
	taskRun := taskRunOf(fn, succeeded)
	fn.Status.BuildStatus.StartedAt = taskRun.Status.StartTime
	fn.Status.BuildStatus.CompletedAt = taskRun.Status.CompletionTime
	fn.Status.BuildStatus.ImageURI = imageOf(fn)
	fn.Status.BuildStatus.SourceRevision = "sha256:source"
	fn.Status.MarkBuildReady()
}

// deployed is a function whose image the Knative Service has, which says of itself what the changes make it say.
func deployed(changes ...ServiceOption) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		built(fn)
		fn.Status.PropagateService(serviceOf(fn, changes...), true)
		fn.Status.Summarize()
	}
}

// edited gives a function another spec: it is what the status of the one before, of generation 1, stands beside.
func edited(option FunctionOption) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		option(fn)
		fn.Generation = 2
	}
}

// summarized derives Ready and the phase from what the options before it marked.
func summarized(fn *v1alpha1.LambdaFunction) {
	fn.Status.Summarize()
}

func succeeded(tr *tektonv1.TaskRun) {
	WithTaskRunStarted(began)(tr)
	WithTaskRunSucceeded(ended)(tr)
	WithTaskRunResult(resources.ResultImageDigest, digestOf(tr.Name))(tr)
	WithTaskRunResult(resources.ResultSourceRevision, "sha256:source")(tr)
}

func running(tr *tektonv1.TaskRun) {
	WithTaskRunStarted(began)(tr)
	WithTaskRunOngoing(string(tektonv1.TaskRunReasonRunning))(tr)
}

// ours are cancelled for a newer build.
var ours = WithTaskRunCancelled(superseded)

func cancelled(tr *tektonv1.TaskRun) {
	WithTaskRunStarted(began)(tr)
	WithTaskRunFailed(ended, string(tektonv1.TaskRunReasonCancelled), "")(tr)
}

func statusUpdate(fn *v1alpha1.LambdaFunction) []clientgotesting.UpdateActionImpl {
	return []clientgotesting.UpdateActionImpl{{Object: fn}}
}

func deletion(resource, name string) clientgotesting.DeleteActionImpl {
	return clientgotesting.NewDeleteAction(schema.GroupVersionResource{Resource: resource}, "default", name)
}

func cancellation(taskRun string) clientgotesting.PatchActionImpl {
	return clientgotesting.PatchActionImpl{
		ActionImpl: clientgotesting.ActionImpl{Namespace: "default"},
		Name:       taskRun,
		Patch:      []byte(`{"spec":{"status":"TaskRunCancelled","statusMessage":"superseded by a newer build"}}`),
	}
}

func normal(reason, format string, args ...any) string {
	return rtesting.Eventf(corev1.EventTypeNormal, reason, format, args...)
}

func warning(reason, format string, args ...any) string {
	return rtesting.Eventf(corev1.EventTypeWarning, reason, format, args...)
}

// refuse answers a call as the API server does.
func refuse(verb, resource string, err error) clientgotesting.ReactionFunc {
	return func(action clientgotesting.Action) (handled bool, ret runtime.Object, _ error) {
		return action.Matches(verb, resource), nil, err
	}
}

func refuseOnce(verb, resource string, err error) clientgotesting.ReactionFunc {
	refused := false
	return func(action clientgotesting.Action) (handled bool, ret runtime.Object, _ error) {
		if refused || !action.Matches(verb, resource) {
			return false, nil, nil
		}
		refused = true
		return true, nil, err
	}
}

func notFound(resource string) error {
	return apierrs.NewNotFound(schema.GroupResource{Resource: resource}, "gone")
}

// clusterConfig gives the cluster's configuration to rows whose context has no other.
type clusterConfig struct{}

func (clusterConfig) ToContext(ctx context.Context) context.Context {
	if config.FromContext(ctx) != nil {
		return ctx
	}
	return reconcilerconfig.ToContext(ctx, cluster)
}

type (
	logKey  struct{}
	timeKey struct{}
)

// withLog is the context of a row whose containers have that log.
func withLog(log string) context.Context {
	return context.WithValue(context.Background(), logKey{}, log)
}

// at is the context of a row that is reconciled at that time, and not just after builds ended.
func at(t time.Time) context.Context {
	return context.WithValue(context.Background(), timeKey{}, t)
}

func now(ctx context.Context) time.Time {
	if t, ok := ctx.Value(timeKey{}).(time.Time); ok {
		return t
	}
	return ended.Add(time.Second)
}

func newReconciler(ctx context.Context, listers *Listers, _ configmap.Watcher) controller.Reconciler {
	clock := testclock.NewFakePassiveClock(now(ctx))
	r := &Reconciler{
		eventing: &eventing.Reconciler{
			Kinds:    listers.Kinds(kindsOf(ctx)),
			Eventing: fakeeventingclient.Get(ctx), Dynamic: fakedynamicclient.Get(ctx), Kube: fakekubeclient.Get(ctx),
			ServiceAccounts: listers.ServiceAccounts(), Roles: listers.Roles(), RoleBindings: listers.RoleBindings(),
			Clock: clock,
		},
		kube:            fakekubeclient.Get(ctx),
		tekton:          faketektonclient.Get(ctx),
		configMapLister: listers.ConfigMapLister(),
		podLister:       listers.PodLister(),
		taskRunLister:   listers.TaskRunLister(),
		serving: &serving.Reconciler{
			Client: fakeservingclient.Get(ctx), Services: listers.ServiceLister(), Pods: listers.PodLister(), Clock: clock,
		},
		clock:        clock,
		enqueueAfter: func(any, time.Duration) {},
		podLog: func(context.Context, string, string, string) (string, error) {
			if log, ok := ctx.Value(logKey{}).(string); ok {
				return log, nil
			}
			return "", errors.New("there is no log")
		},
	}
	return lambdafunctionreconciler.NewReconciler(ctx, logging.FromContext(ctx), fakelambdaclient.Get(ctx),
		listers.LambdaFunctionLister(), controller.GetEventRecorder(ctx), r, controller.Options{ConfigStore: clusterConfig{}})
}

// tables are all rows of this package, by what they are about.
func tables() map[string]rtesting.TableTest {
	return map[string]rtesting.TableTest{
		"key":      keyRows(),
		"plan":     planRows(),
		"build":    buildRows(),
		"pull":     pullRows(),
		"registry": registryRows(),
		"failure":  failureRows(),
		"retire":   retireRows(),
		"queue":    queueRows(),
		"prune":    pruneRows(),
		"deploy":   deployRows(),
		"service":  serviceRows(),
		"starting": startingRows(),
		"eventing": eventingRows(),
		"asked":    askedRows(),
		"brokers":  brokerRows(),
		"triggers": triggerRows(),
		"sources":  sourceRows(),
	}
}

func TestReconcile(t *testing.T) {
	for name, table := range tables() {
		t.Run(name, func(t *testing.T) { table.Test(t, MakeFactory(newReconciler)) })
	}
}

// goesOn marks the rows after which there is more to do before anything outside changes.
var goesOn = map[string]any{"goes on": true}

// TestSettledObjectCostsNoWrite reconciles what each row left behind once more.
func TestSettledObjectCostsNoWrite(t *testing.T) {
	for name, table := range tables() {
		t.Run(name, func(t *testing.T) {
			var settled rtesting.TableTest
			for _, row := range table {
				if !row.WantErr && row.OtherTestData == nil {
					settled = append(settled, rtesting.TableRow{Name: row.Name, Ctx: row.Ctx, Key: row.Key, Objects: after(row)})
				}
			}
			settled.Test(t, MakeFactory(newReconciler))
		})
	}
}

// after returns the objects of a cluster after the row's writes.
func after(row rtesting.TableRow) []runtime.Object {
	objects := slices.Clone(row.Objects)
	put := func(object runtime.Object) {
		objects = append(slices.DeleteFunc(objects, func(old runtime.Object) bool { return sameObject(old, object) }), object)
	}
	for _, create := range row.WantCreates {
		i := slices.IndexFunc(objects, func(old runtime.Object) bool { return sameObject(old, create) })
		if i < 0 {
			put(create)
			continue
		}
		// It was there, and the informer has seen it by now.
		seen := objects[i].DeepCopyObject()
		seen.(kmeta.Accessor).SetLabels(create.(kmeta.Accessor).GetLabels())
		put(seen)
	}
	for _, update := range slices.Concat(row.WantUpdates, row.WantStatusUpdates) {
		put(update.Object)
	}
	for _, patch := range row.WantPatches {
		for _, object := range objects {
			if taskRun, ok := object.(*tektonv1.TaskRun); ok && taskRun.Name == patch.Name {
				put(Change(taskRun.DeepCopy(), ours))
				break
			}
		}
	}
	for _, deletion := range row.WantDeletes {
		objects = slices.DeleteFunc(objects, func(object runtime.Object) bool {
			kind := reflect.TypeOf(object).Elem().Name()
			if untyped, ok := object.(*unstructured.Unstructured); ok {
				kind = untyped.GetKind()
			}
			wanted := deletion.Resource.Resource == strings.ToLower(kind)+"s"
			return wanted && object.(kmeta.Accessor).GetName() == deletion.Name
		})
	}
	return objects
}

func sameObject(a, b runtime.Object) bool {
	return fmt.Sprintf("%T", a) == fmt.Sprintf("%T", b) && a.(kmeta.Accessor).GetName() == b.(kmeta.Accessor).GetName()
}

func keyRows() rtesting.TableTest {
	return rtesting.TableTest{{
		Name: "bad workqueue key",
		Key:  "too/many/parts",
	}, {
		Name: "key not found",
		Key:  "default/not-found",
	}, {
		Name:    "deleted, and kept by somebody's finalizer",
		Key:     key,
		Objects: []runtime.Object{function(WithFunctionDeleted)},
	}, {
		Name:    "not admitted, and without a source",
		Key:     key,
		Objects: []runtime.Object{function(WithoutSource)},
		WantStatusUpdates: statusUpdate(function(WithoutSource, WithObserved(1),
			WithSourceFailed(v1alpha1.ReasonSourceInvalid, "spec.source.inline is missing"), WithWaitingForBuild, summarized)),
	}, {
		Name:    "source that is no build",
		Key:     key,
		Objects: []runtime.Object{function(WithFile("main.py", ""))},
		WantStatusUpdates: statusUpdate(function(WithFile("main.py", ""), WithObserved(1), WithSourceFailed(
			"InvalidPath", `source.inline.files["main.py"]: is the file that code goes to: leave out one of the two`),
			WithWaitingForBuild, summarized)),
	}, {
		Name: "source that is no build, after one that was",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, deployed(WithServiceReady), edited(WithFile("main.py", ""))),
			serviceOf(function(codeA), WithServiceReady),
		},
		WantStatusUpdates: statusUpdate(function(codeA, deployed(WithServiceReady), edited(WithFile("main.py", "")),
			WithObserved(2), WithSourceFailed(
				"InvalidPath", `source.inline.files["main.py"]: is the file that code goes to: leave out one of the two`),
			WithService(serviceOf(function(codeA), WithServiceReady), false), summarized)),
	}, {
		Name:    "version that is no longer on offer",
		Key:     key,
		Objects: []runtime.Object{function(WithVersion("3.10"))},
		WantStatusUpdates: statusUpdate(function(WithVersion("3.10"), WithObserved(1), WithSourceFailed(v1alpha1.ReasonVersionNotOffered,
			"ConfigMap config-runtimes no longer offers python 3.10: set spec.runtime.version to one of [3.11 3.12 3.13]"),
			WithWaitingForBuild, summarized)),
	}, {
		Name:    "no registry",
		Ctx:     withConfig(map[string]string{"registry": ""}),
		Key:     key,
		Objects: []runtime.Object{function()},
		WantStatusUpdates: statusUpdate(function(WithObserved(1), WithSourceReady, WithRegistryNotConfigured,
			WithWaitingForBuild, summarized)),
	}, {
		Name: "no registry any more, and the image before serves",
		Ctx:  withConfig(map[string]string{"registry": ""}),
		Key:  key,
		Objects: []runtime.Object{
			function(deployed(WithServiceReady)),
			serviceOf(function(), WithServiceReady),
		},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady), WithRegistryNotConfigured,
			WithService(serviceOf(function(), WithServiceReady), false), summarized)),
	}}
}
