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

package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/semaphore"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access/accesstest"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

const (
	// admin may do all in namespace shop, reader nothing.
	admin  = "admin"
	reader = "reader"
)

// world is a receiver, and the API server that it writes to.
type world struct {
	*testing.T
	settings *config.Receiver
	access   *accesstest.Cluster
	client   *dynamicfake.FakeDynamicClient
	server   *Server
	clock    *clocktesting.FakeClock

	mu sync.Mutex
	// fails are what the next writes fail with; a write that is done nevertheless is lost on its way back.
	fails []failing
	// unread are what reads fail with once something was written.
	unread []error
	wrote  bool
}

type failing struct {
	err  error
	done bool
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	rights := []string{admin + " patch lambdaagents shop/chat"}
	for _, verb := range []string{verbCreate, verbPatch, verbDelete} {
		rights = append(rights, fmt.Sprintf("%s %s shop/hello", admin, verb))
	}
	logger, _ := logging.NewLogger("", "")
	w := &world{
		T: t, settings: config.DefaultReceiver(), access: accesstest.NewCluster(rights...), clock: clocktesting.NewFakeClock(time.Unix(1.7e9, 0)),
		client: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			functionResource: "LambdaFunctionList", agentResource: "LambdaAgentList", revisionResource: "RevisionList",
		}, objects...),
	}
	w.settings.Timeout = time.Minute
	w.client.PrependReactor("create", "lambdafunctions", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		if object, ok := action.(clientgotesting.CreateAction).GetObject().(*unstructured.Unstructured); ok {
			object.SetUID("u2")
		}
		return false, nil, nil
	})
	w.client.PrependReactor("patch", "lambdafunctions", w.applied)
	w.client.PrependReactor("*", "lambdafunctions", w.fail)
	w.server = NewServer(Options{
		Client: w.client, Leases: fake.NewClientset().CoordinationV1().Leases("knative-lambda"), Access: w.access.Reviewer(0), Ready: w.access.Ready,
		Settings: func() *config.Receiver { return w.settings }, Clock: w.clock, Logger: logger,
	})
	return w
}

// applied does for the fake what server-side apply is: it has no fields of others.
func (w *world) applied(action clientgotesting.Action) (bool, runtime.Object, error) {
	patch, ok := action.(clientgotesting.PatchAction)
	if !ok || patch.GetPatchType() != types.ApplyPatchType {
		return false, nil, nil
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(patch.GetPatch()); err != nil {
		return true, nil, err
	}
	current, err := w.client.Tracker().Get(functionResource, patch.GetNamespace(), patch.GetName())
	if err != nil {
		return true, nil, err
	}
	before, ok := current.(*unstructured.Unstructured)
	if !ok || object.GetResourceVersion() != before.GetResourceVersion() {
		return true, nil, apierrs.NewConflict(functionResource.GroupResource(), patch.GetName(), errors.New("changed"))
	}
	annotations := before.GetAnnotations()
	maps.Copy(annotations, object.GetAnnotations())
	object.SetAnnotations(annotations)
	object.SetUID(before.GetUID())
	return true, object, w.client.Tracker().Update(functionResource, object, patch.GetNamespace())
}

// fail has writes fail as the test wants.
func (w *world) fail(action clientgotesting.Action) (bool, runtime.Object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if action.GetVerb() == "get" && w.wrote && len(w.unread) > 0 {
		next := w.unread[0]
		w.unread = w.unread[1:]
		return true, nil, next
	}
	if action.GetVerb() == "get" || len(w.fails) == 0 {
		return false, nil, nil
	}
	w.wrote = true
	next := w.fails[0]
	w.fails = w.fails[1:]
	if create, ok := action.(clientgotesting.CreateAction); ok && next.done {
		if err := w.client.Tracker().Create(functionResource, create.GetObject(), create.GetNamespace()); err != nil {
			return true, nil, err
		}
	}
	return true, nil, next.err
}

// a sent request, and what it was answered.
type answered struct {
	status int
	header http.Header
	body   string
	Answer
}

func (w *world) do(request *http.Request) answered {
	w.Helper()
	recorder := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(recorder, request)
	a := answered{status: recorder.Code, header: recorder.Result().Header, body: recorder.Body.String()}
	if strings.HasPrefix(a.header.Get("Content-Type"), jsonType) {
		if err := json.Unmarshal([]byte(a.body), &a.Answer); err != nil {
			w.Fatalf("the answer %q is not JSON: %v", a.body, err)
		}
	}
	return a
}

// binary makes a request of an event in binary mode, whose id is its data's hash unless headers say otherwise.
func binary(token, eventType, data string, headers ...string) *http.Request {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", strings.NewReader(data))
	for name, value := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": "1", "Ce-Source": "test", "Ce-Type": eventType, "Content-Type": jsonType,
	} {
		request.Header.Set(name, value)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Del(headers[i])
		if headers[i+1] != "" {
			request.Header.Set(headers[i], headers[i+1])
		}
	}
	return request
}

// function is what is in the API server of shop/hello; nil where there is none.
func (w *world) function() *unstructured.Unstructured {
	w.Helper()
	object, err := w.client.Tracker().Get(functionResource, "shop", "hello")
	if apierrs.IsNotFound(err) {
		return nil
	}
	fn, ok := object.(*unstructured.Unstructured)
	if err != nil || !ok {
		w.Fatal("Get() =", err)
	}
	return fn
}

// writes are the verbs of the calls that wanted to change functions.
func (w *world) writes() []string {
	var verbs []string
	for _, action := range w.client.Actions() {
		if verb := action.GetVerb(); verb != "get" && verb != "list" {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

const helloData = `{"metadata":{"name":"hello","namespace":"shop","labels":{"team":"a","app.kubernetes.io/name":"x"}},"spec":{"source":{"type":"inline","inline":{"code":"A"}},"runtime":{"language":"python"}}}`

// hello is shop/hello as a command has made it, with changes.
func hello(changes ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	fn := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "lambda.knative.io/v1alpha1", "kind": "LambdaFunction",
		"metadata": map[string]any{
			"name": "hello", "namespace": "shop", "uid": "u1", "resourceVersion": "1", "generation": int64(2),
			"annotations": map[string]any{journalAnnotation: "before"},
		},
		"spec": map[string]any{"source": map[string]any{"type": "inline"}},
	}}
	for _, change := range changes {
		change(fn)
	}
	return fn
}

// built sets what the controller says of the build of the present spec.
func built(status string, observed int64) func(*unstructured.Unstructured) {
	return func(fn *unstructured.Unstructured) {
		fn.Object["status"] = map[string]any{
			"observedGeneration": observed, "buildStatus": map[string]any{"key": "abc"},
			"conditions": []any{map[string]any{"type": "BuildReady", "status": status}},
		}
	}
}

func TestDeploy(t *testing.T) {
	for _, eventType := range []string{events.FunctionDeploy, events.ServiceCreate, events.ServiceUpdate} {
		t.Run(eventType, func(t *testing.T) {
			w := newWorld(t)
			first := w.do(binary(admin, eventType, helloData, "Ce-Correlationid", "c1"))
			want := Answer{Status: statusAccepted, EventID: "1", CorrelationID: "c1"}
			if diff := cmp.Diff(want, first.Answer, cmp.AllowUnexported(Answer{})); diff != "" || first.status != http.StatusAccepted {
				t.Fatalf("%d, answer (-want, +got): %s", first.status, diff)
			}
			fn := w.function()
			annotations := map[string]string{
				createdAnnotation: "true", idAnnotation: "1", sourceAnnotation: "test", journalAnnotation: orderIDOf("test", "1"),
				lambda.CorrelationAnnotationKey: "c1",
			}
			if diff := cmp.Diff(annotations, fn.GetAnnotations()); diff != "" {
				t.Error("annotations (-want, +got):", diff)
			}
			if code, _, _ := unstructured.NestedString(fn.Object, "spec", "source", "inline", "code"); code != "A" {
				t.Errorf("the code is %q", code)
			}
			// The same event again, from any broker or replica.
			again := w.do(binary(admin, eventType, helloData))
			if again.status != http.StatusAccepted || again.header.Get(duplicateHeader) != "true" {
				t.Errorf("the duplicate: %d %v", again.status, again.header)
			}
			if diff := cmp.Diff([]string{"create"}, w.writes()); diff != "" {
				t.Error("writes (-want, +got):", diff)
			}
			// Another one changes it.
			other := w.do(binary(admin, eventType, strings.Replace(helloData, `"A"`, `"B"`, 1), "Ce-Id", "2"))
			if code, _, _ := unstructured.NestedString(w.function().Object, "spec", "source", "inline", "code"); other.status != http.StatusAccepted || code != "B" {
				t.Errorf("the second: %d %s, the code is %q", other.status, other.body, code)
			}
			// The first, which was late, does not take that back.
			if late := w.do(binary(admin, eventType, helloData)); late.header.Get(duplicateHeader) != "true" {
				t.Errorf("the late duplicate: %d %s", late.status, late.body)
			}
			if diff := cmp.Diff([]string{"create", "patch"}, w.writes()); diff != "" {
				t.Error("writes (-want, +got):", diff)
			}
		})
	}
}

func orderIDOf(source, id string) string {
	e := newTestEvent(source, id)
	return orderID(&e)
}

// What was done, and whose answer was lost, is not done again.
func TestLostAnswer(t *testing.T) {
	w := newWorld(t)
	w.fails = []failing{{err: errors.New("connection reset"), done: true}}
	if a := w.do(binary(admin, events.FunctionDeploy, helloData)); a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != "" {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
	if diff := cmp.Diff([]string{"create"}, w.writes()); diff != "" {
		t.Error("writes (-want, +got):", diff)
	}
}

func TestTriesAgain(t *testing.T) {
	conflict := apierrs.NewConflict(functionResource.GroupResource(), "hello", errors.New("changed"))
	for name, errs := range map[string][]error{
		"conflict":            {conflict, conflict},
		"somebody was faster": {apierrs.NewAlreadyExists(functionResource.GroupResource(), "hello")},
		"slow":                {apierrs.NewTimeoutError("slow", 1), apierrs.NewServerTimeout(functionResource.GroupResource(), "patch", 1)},
		"busy":                {apierrs.NewTooManyRequests("busy", 1)},
		"webhook gone":        {apierrs.NewInternalError(errors.New(`failed calling webhook "webhook.lambda.knative.io"`))},
		"no connection":       {io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, err := range errs {
				w.fails = append(w.fails, failing{err: err})
			}
			if a := w.do(binary(admin, events.FunctionDeploy, helloData)); a.status != http.StatusAccepted || w.function() == nil {
				t.Errorf("answer: %d %s", a.status, a.body)
			}
		})
	}
}

// Nobody is told that a command failed which may have been done: its patience is at its end long before the API server tells.
func TestWaitsInDoubt(t *testing.T) {
	for name, err := range map[string]error{"no connection": io.ErrUnexpectedEOF, "slow": apierrs.NewTimeoutError("slow", 1)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.Timeout = time.Nanosecond
			w.fails = []failing{{err: err, done: true}}
			for range 5 {
				w.unread = append(w.unread, apierrs.NewServiceUnavailable("starting"))
			}
			a := w.do(binary(admin, events.FunctionDeploy, helloData))
			if a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != "" || len(w.unread) > 0 || len(w.writes()) != 1 {
				t.Errorf("answer: %d %v %s after %v", a.status, a.header, a.body, w.writes())
			}
		})
	}
}

// Nobody is told that a command was forbidden, which may have been done, by an API server that has just started: such a one
// forbids what it has not read yet.
func TestForbiddenAtTheStart(t *testing.T) {
	forbidden := apierrs.NewForbidden(functionResource.GroupResource(), "hello", errors.New("no role is read yet"))
	for name, begin := range map[string]func(*world){
		"nothing is done": func(w *world) { w.fails = []failing{{err: forbidden}} },
		"it is done": func(w *world) {
			w.fails, w.unread = []failing{{err: io.ErrUnexpectedEOF, done: true}}, []error{forbidden}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			begin(w)
			if a := w.do(binary(admin, events.FunctionDeploy, helloData)); a.status != http.StatusAccepted || w.function() == nil || len(w.unread) > 0 {
				t.Errorf("answer: %d %s", a.status, a.body)
			}
		})
	}
	w := newWorld(t)
	w.access.Start(1)
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusAccepted} {
		if a := w.do(binary(admin, events.FunctionDeploy, helloData)); a.status != want {
			t.Errorf("answer: %d %s, want %d", a.status, a.body, want)
		}
	}
}

// Who gives a command and goes away is not waited for.
func TestDoubtEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := persist(ctx, time.Hour, accesstest.NewCluster().Ready, func(context.Context) (bool, error) {
		cancel()
		return false, written(io.ErrUnexpectedEOF)
	})
	if _, ok := errors.AsType[*unavailable](err); !ok {
		t.Errorf("persist() = %v, want it unavailable", err)
	}
}

func TestGivesUp(t *testing.T) {
	w := newWorld(t)
	w.settings.Timeout = 50 * time.Millisecond
	for range 100 {
		w.fails = append(w.fails, failing{err: fmt.Errorf("dial tcp 10.0.0.1: %w", syscall.ECONNREFUSED)})
	}
	a := w.do(binary(admin, events.FunctionDeploy, helloData))
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.Error != codeUnavailable || strings.Contains(a.body, "10.0.0.1") {
		t.Errorf("answer: %d %v %s", a.status, a.header, a.body)
	}
}

// What the API server refuses is told, with the place in the event.
func TestRefusedSpec(t *testing.T) {
	group := schema.GroupKind{Group: lambda.GroupName, Kind: "LambdaFunction"}
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
		path   string
	}{
		"by its schema": {apierrs.NewInvalid(group, "hello", nil), http.StatusUnprocessableEntity, codeInvalidSpec, ""},
		"by the webhook": {apierrs.NewBadRequest("admission webhook \"validation.webhook.lambda.knative.io\" denied the request: validation failed: " +
			"invalid value: main handler: spec.runtime.handler\nwrite module.function"), http.StatusUnprocessableEntity, codeInvalidSpec, "/data/spec/runtime/handler"},
		"by the webhook, in a list": {apierrs.NewBadRequest("validation failed: missing field(s): spec.triggers[0].broker"), http.StatusUnprocessableEntity, codeInvalidSpec, "/data/spec/triggers/0/broker"},
		"by a quota":                {apierrs.NewForbidden(functionResource.GroupResource(), "hello", errors.New("exceeded quota")), http.StatusForbidden, codeForbidden, ""},
		"no such namespace":         {apierrs.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "shop"), http.StatusNotFound, codeNotFound, ""},
		"too large":                 {apierrs.NewRequestEntityTooLargeError("limit is 3145728"), http.StatusRequestEntityTooLarge, codeTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			// What is forbidden is asked a second time.
			w.fails = []failing{{err: tc.err}, {err: tc.err}}
			a := w.do(binary(admin, events.FunctionDeploy, helloData))
			if a.status != tc.status || a.Error != tc.code || a.Path != tc.path || a.Message == "" {
				t.Errorf("answer: %d %s", a.status, a.body)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t, hello())
	del := func(id string) answered {
		return w.do(binary(admin, events.ServiceDelete, "", "Ce-Id", id, "Ce-Subject", "shop/hello"))
	}
	if a := del("1"); a.status != http.StatusAccepted || w.function() != nil {
		t.Fatalf("delete: %d %s", a.status, a.body)
	}
	if a := del("2"); a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != "" {
		t.Errorf("delete of what is not there: %d %s", a.status, a.body)
	}
	// The next of the name outlives the duplicates of what deleted the one before.
	if a := w.do(binary(admin, events.FunctionDeploy, helloData, "Ce-Id", "3")); a.status != http.StatusAccepted || w.function() == nil {
		t.Fatalf("deploy: %d %s", a.status, a.body)
	}
	for _, id := range []string{"1", "2"} {
		if a := del(id); a.status != http.StatusAccepted || a.header.Get(duplicateHeader) != "true" || w.function() == nil {
			t.Errorf("duplicate of delete %s: %d %s", id, a.status, a.body)
		}
	}
	// And a deploy that was before the delete makes nothing again.
	if a := del("4"); a.status != http.StatusAccepted || w.function() != nil {
		t.Fatalf("delete: %d %s", a.status, a.body)
	}
	if a := w.do(binary(admin, events.FunctionDeploy, helloData, "Ce-Id", "3")); a.header.Get(duplicateHeader) != "true" || w.function() != nil {
		t.Errorf("duplicate of the deploy: %d %s", a.status, a.body)
	}
}

// A delete that did not come to its end is taken up by its duplicate.
func TestInterruptedDelete(t *testing.T) {
	w := newWorld(t, hello())
	w.settings.Timeout = 10 * time.Millisecond
	for range 20 {
		w.fails = append(w.fails, failing{err: syscall.ECONNREFUSED})
	}
	del := binary(admin, events.ServiceDelete, `{"name":"hello","namespace":"shop"}`)
	if a := w.do(del); a.status != http.StatusServiceUnavailable {
		t.Fatalf("delete: %d %s", a.status, a.body)
	}
	w.fails, w.settings.Timeout = nil, time.Minute
	if a := w.do(binary(admin, events.ServiceDelete, `{"name":"hello","namespace":"shop"}`)); a.status != http.StatusAccepted || w.function() != nil {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
}

func TestSweep(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	remembered := func() bool {
		g, err := w.server.graves.find(ctx, "shop", "hello")
		if err != nil {
			t.Fatal("find() =", err)
		}
		return g != nil
	}
	if err := w.server.graves.dig(ctx, nil, "shop", "hello", "u1", journal{"a"}); err != nil || !remembered() {
		t.Fatal("dig() =", err)
	}
	w.clock.Step(w.settings.Memory - time.Second)
	if err := w.server.graves.sweep(ctx); err != nil || !remembered() {
		t.Error("it was forgotten too early:", err)
	}
	w.clock.Step(time.Second)
	if err := w.server.graves.sweep(ctx); err != nil || remembered() {
		t.Error("it was not forgotten:", err)
	}
}

func TestBuildCommands(t *testing.T) {
	const named = `{"name":"hello","namespace":"shop"`
	id := orderIDOf("test", "1")
	for name, tc := range map[string]struct {
		eventType, data string
		fn              *unstructured.Unstructured
		want            map[string]string
	}{
		"start of what is built":        {events.BuildStart, named + `}`, hello(built("True", 2)), nil},
		"start of what is being built":  {events.BuildStart, named + `}`, hello(built("Unknown", 2)), nil},
		"start of what failed":          {events.BuildStart, named + `}`, hello(built("False", 2)), map[string]string{lambda.RebuildAnnotationKey: id}},
		"start of what failed before":   {events.BuildStart, named + `}`, hello(built("False", 1)), nil},
		"forced start":                  {events.BuildStart, named + `,"forceRebuild":true}`, hello(built("True", 2)), map[string]string{lambda.RebuildAnnotationKey: id}},
		"forced start, as yet unseen":   {events.BuildStart, named + `,"forceRebuild":true}`, hello(), map[string]string{lambda.RebuildAnnotationKey: id}},
		"retry of what failed":          {events.BuildRetry, named + `}`, hello(built("False", 2)), map[string]string{lambda.RebuildAnnotationKey: id}},
		"cancel of what is being built": {events.BuildCancel, named + `}`, hello(built("Unknown", 2)), map[string]string{lambda.CancelBuildAnnotationKey: "abc"}},
		"cancel of what is built":       {events.BuildCancel, named + `}`, hello(built("True", 2)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.fn)
			for i := range 2 {
				a := w.do(binary(admin, tc.eventType, tc.data))
				if a.status != http.StatusAccepted || (a.header.Get(duplicateHeader) == "true") != (i == 1) {
					t.Fatalf("%d: %d %s", i, a.status, a.body)
				}
			}
			want := map[string]string{journalAnnotation: id + " before", lambda.CorrelationAnnotationKey: "1"}
			maps.Copy(want, tc.want)
			if diff := cmp.Diff(want, w.function().GetAnnotations()); diff != "" {
				t.Error("annotations (-want, +got):", diff)
			}
		})
	}
}

// A build that the controller has not begun cannot be cancelled yet: the command waits for it.
func TestCancelWaits(t *testing.T) {
	w := newWorld(t, hello(built("True", 1)))
	w.settings.Timeout = 30 * time.Millisecond
	if a := w.do(binary(admin, events.BuildCancel, `{}`, "Ce-Subject", "shop/hello")); a.status != http.StatusServiceUnavailable || len(w.writes()) > 0 {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
}

func revision(name, generation, ready string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "serving.knative.dev/v1", "kind": "Revision",
		"metadata": map[string]any{"name": name, "namespace": "shop", "labels": map[string]any{serviceLabel: "hello", generationLabel: generation}},
		"status":   map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": ready}}},
	}}
}

func TestRollback(t *testing.T) {
	rolledBack := func(fn *unstructured.Unstructured) {
		fn.SetAnnotations(map[string]string{lambda.RollbackAnnotationKey: "hello-00003"})
	}
	for name, tc := range map[string]struct {
		fn             *unstructured.Unstructured
		revision, want string
	}{
		"to the one before":          {hello(), "", "hello-00003"},
		"to the one before that":     {hello(rolledBack), "", "hello-00001"},
		"to a named one":             {hello(), "hello-00001", "hello-00001"},
		"to the newest":              {hello(rolledBack), "hello-00010", "hello-00010"},
		"to one that is not ready":   {hello(), "hello-00009", ""},
		"to one of another function": {hello(), "other-00001", ""},
		"to one before the first of all": {hello(func(fn *unstructured.Unstructured) {
			fn.SetAnnotations(map[string]string{lambda.RollbackAnnotationKey: "hello-00001"})
		}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.fn, revision("hello-00001", "1", "True"), revision("hello-00003", "3", "True"), revision("hello-00009", "9", "False"), revision("hello-00010", "10", "True"))
			a := w.do(binary(admin, events.FunctionRollback, fmt.Sprintf(`{"name":"hello","namespace":"shop","revision":%q}`, tc.revision)))
			if tc.revision == "" {
				a = w.do(binary(admin, events.FunctionRollback, `{"name":"hello","namespace":"shop"}`, "Ce-Id", "2"))
			}
			if tc.want == "" {
				if a.status != http.StatusUnprocessableEntity || a.Path != revisionPath || len(w.writes()) > 0 {
					t.Errorf("answer: %d %s", a.status, a.body)
				}
				return
			}
			if got := w.function().GetAnnotations()[lambda.RollbackAnnotationKey]; a.status != http.StatusAccepted || got != tc.want {
				t.Errorf("answer: %d %s, it serves %q, want %q", a.status, a.body, got, tc.want)
			}
		})
	}
}

func TestNotThere(t *testing.T) {
	for _, eventType := range []string{events.BuildStart, events.BuildRetry, events.BuildCancel, events.FunctionRollback} {
		w := newWorld(t)
		if a := w.do(binary(admin, eventType, "", "Ce-Subject", "shop/hello")); a.status != http.StatusNotFound || a.Error != codeNotFound {
			t.Errorf("%s: %d %s", eventType, a.status, a.body)
		}
	}
	w := newWorld(t, hello(func(fn *unstructured.Unstructured) {
		fn.Object["spec"] = map[string]any{"source": map[string]any{"type": "image"}}
	}))
	if a := w.do(binary(admin, events.BuildStart, "", "Ce-Subject", "shop/hello")); a.status != http.StatusUnprocessableEntity || a.Error != codeInvalidSpec {
		t.Errorf("build of an image: %d %s", a.status, a.body)
	}
}

func TestAccess(t *testing.T) {
	for name, tc := range map[string]struct {
		token, audience string
		open            []string
		broken          error
		status          int
	}{
		"who may":                          {token: admin, status: http.StatusAccepted},
		"who may, by a token for us":       {token: admin, audience: "lambda-receiver", status: http.StatusAccepted},
		"by a token for others":            {token: admin, audience: "others", status: http.StatusUnauthorized},
		"who may not":                      {token: reader, status: http.StatusForbidden},
		"who may not, where nobody has to": {token: reader, open: []string{"shop"}, status: http.StatusForbidden},
		"stranger":                         {token: accesstest.Stranger, status: http.StatusUnauthorized},
		"stranger, where nobody has to":    {token: accesstest.Stranger, open: []string{"shop"}, status: http.StatusUnauthorized},
		"nobody":                           {status: http.StatusUnauthorized},
		"nobody, elsewhere":                {open: []string{"knative-lambda"}, status: http.StatusUnauthorized},
		"nobody, where nobody has to":      {open: []string{"knative-lambda", "shop"}, status: http.StatusAccepted},
		"the API server does not say":      {token: admin, broken: errors.New("down"), status: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			for eventType, data := range map[string]string{
				events.FunctionDeploy: helloData, events.ServiceDelete: "", events.BuildStart: "", events.BuildCancel: "", events.FunctionRollback: `{"revision":"hello-00001"}`,
			} {
				w := newWorld(t, hello(built("False", 2)), revision("hello-00001", "1", "True"))
				w.settings.OpenNamespaces = tc.open
				w.settings.Timeout = 30 * time.Millisecond
				w.access.Break(tc.broken)
				if tc.audience != "" {
					w.access.SetAudience(tc.token, tc.audience)
				}
				a := w.do(binary(tc.token, eventType, data, "Ce-Subject", "shop/hello"))
				if a.status != tc.status {
					t.Errorf("%s: %d %s", eventType, a.status, a.body)
				}
				if tc.status != http.StatusAccepted && len(w.writes()) > 0 {
					t.Errorf("%s: writes %v", eventType, w.writes())
				}
				if (a.header.Get("WWW-Authenticate") != "") != (tc.status == http.StatusUnauthorized) {
					t.Errorf("%s: headers %v", eventType, a.header)
				}
			}
		})
	}
}

func TestRate(t *testing.T) {
	w := newWorld(t)
	w.settings.Rate, w.settings.Burst = 1, 2
	send := func(token string) int { return w.do(binary(token, "unknown", "")).status }
	for i, want := range []int{http.StatusBadRequest, http.StatusBadRequest, http.StatusTooManyRequests} {
		if got := send(admin); got != want {
			t.Errorf("command %d: %d, want %d", i, got, want)
		}
	}
	if got := send(reader); got != http.StatusBadRequest {
		t.Errorf("another sender: %d", got)
	}
	if got := send(""); got != http.StatusBadRequest {
		t.Errorf("a nameless sender: %d", got)
	}
	w.clock.Step(time.Second)
	if got := send(admin); got != http.StatusBadRequest {
		t.Errorf("a second later: %d", got)
	}
	if a := w.do(binary(admin, "unknown", "")); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
		t.Errorf("at once after it: %d %v", a.status, a.header)
	}
	w.settings.Rate = 0
	if got := send(admin); got != http.StatusBadRequest {
		t.Errorf("without a limit: %d", got)
	}
}

// What the API server does not answer is held only so far as there is room for it.
func TestRoom(t *testing.T) {
	w := newWorld(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	w.client.PrependReactor("*", "lambdafunctions", func(clientgotesting.Action) (bool, runtime.Object, error) {
		asked <- struct{}{}
		<-answer
		return false, nil, nil
	})
	first := binary(admin, events.ServiceDelete, "", "Ce-Subject", "shop/hello")
	w.server.room = &room{semaphore.NewWeighted(heldBase), heldBase}
	ended := make(chan int)
	go func() {
		recorder := httptest.NewRecorder()
		w.server.Handler().ServeHTTP(recorder, first)
		ended <- recorder.Code
	}()
	<-asked
	if a := w.do(binary(admin, events.BuildStart, "", "Ce-Subject", "shop/hello")); a.status != http.StatusServiceUnavailable ||
		a.Error != codeUnavailable || a.header.Get("Retry-After") != "1" {
		t.Errorf("without room: %d %s %v", a.status, a.body, a.header)
	}
	go func() {
		for range asked { // whatever is asked now is answered
		}
	}()
	close(answer)
	if status := <-ended; status != http.StatusAccepted {
		t.Errorf("who was there first: %d", status)
	}
	// A request whose length nobody knows, or whose length is a lie, takes no more than all there is.
	for length, want := range map[int64]int{-1: http.StatusBadRequest, 1 << 60: http.StatusRequestEntityTooLarge} {
		request := binary(admin, "unknown", "")
		request.ContentLength = length
		if a := w.do(request); a.status != want {
			t.Errorf("length %d, with room: %d %s", length, a.status, a.body)
		}
	}
}

func TestBatch(t *testing.T) {
	w := newWorld(t)
	event := func(id, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":%q,"data":%s}`, id, events.FunctionDeploy, data)
	}
	send := func(text string) (int, BatchAnswer) {
		request := binary(admin, "", text, "Content-Type", "application/cloudevents-batch+json", "Ce-Specversion", "")
		a := w.do(request)
		var batch BatchAnswer
		if err := json.Unmarshal([]byte(a.body), &batch); err != nil {
			t.Fatalf("the answer %q is not JSON: %v", a.body, err)
		}
		return a.status, batch
	}
	status, answers := send("[" + event("1", helloData) + "," + event("1", helloData) + "]")
	if status != http.StatusAccepted || answers.Status != statusAccepted || len(answers.Results) != 2 {
		t.Errorf("all good: %d %+v", status, answers)
	}
	status, answers = send("[" + event("2", helloData) + "," + event("3", `{"spec":1}`) + `,{"no":"event"}]`)
	var told []string
	for _, a := range answers.Results {
		told = append(told, a.Status+a.Error)
	}
	if diff := cmp.Diff([]string{"accepted", "errorInvalidData", "errorInvalidEvent"}, told); diff != "" || status != http.StatusBadRequest || answers.Status != statusError {
		t.Errorf("some good: %d, (-want, +got): %s", status, diff)
	}
	w.settings.Timeout = 20 * time.Millisecond
	for range 20 {
		w.fails = append(w.fails, failing{err: syscall.ECONNREFUSED})
	}
	if status, _ = send("[" + event("4", `{"spec":1}`) + "," + event("5", helloData) + "]"); status != http.StatusServiceUnavailable {
		t.Errorf("one to be sent again: %d", status)
	}
	if status, _ = send("{}"); status != http.StatusBadRequest {
		t.Errorf("no array: %d", status)
	}
	if status, _ = send("[" + strings.Repeat(`{},`, maxBatch) + "{}]"); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too many: %d", status)
	}
	if status, answers = send("[]"); status != http.StatusAccepted {
		t.Errorf("none: %d %+v", status, answers)
	}
}

// Knative's Broker wants an event or nothing where it asks for a reply.
func TestNoBodyForBrokers(t *testing.T) {
	w := newWorld(t)
	if a := w.do(binary(admin, events.FunctionDeploy, helloData, "Prefer", "reply")); a.status != http.StatusAccepted || a.body != "" {
		t.Errorf("accepted: %d %q", a.status, a.body)
	}
	if a := w.do(binary(admin, "unknown", "", "Prefer", "reply")); a.status != http.StatusBadRequest || a.body == "" {
		t.Errorf("refused: %d %q", a.status, a.body)
	}
}

func TestRoutes(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodGet, "/", http.StatusMethodNotAllowed, "POST"},
		{http.MethodPut, "/events", http.StatusMethodNotAllowed, "POST"},
		{http.MethodPost, "/events", http.StatusBadRequest, ""},
		{http.MethodPost, "/else", http.StatusNotFound, ""},
		{http.MethodGet, "/health", http.StatusOK, ""},
		{http.MethodGet, "/ready", http.StatusOK, ""},
		{http.MethodPost, "/ready", http.StatusMethodNotAllowed, "GET"},
		{http.MethodGet, "/schemas/none", http.StatusNotFound, ""},
		{http.MethodGet, "/schemas/..%2fschema.go", http.StatusNotFound, ""},
	} {
		a := w.do(httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, nil))
		if a.status != tc.status || a.header.Get("Allow") != tc.allow {
			t.Errorf("%s %s: %d %v", tc.method, tc.path, a.status, a.header)
		}
	}
}

func TestSchemas(t *testing.T) {
	w := newWorld(t)
	get := func(path string) answered {
		return w.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	}
	var list struct{ Schemas []string }
	if err := json.Unmarshal([]byte(get("/schemas/").body), &list); err != nil {
		t.Fatal("Unmarshal() =", err)
	}
	if len(list.Schemas) < len(events.Commands()) {
		t.Errorf("schemas %v", list.Schemas)
	}
	for _, eventType := range slices.Concat(events.Commands(), events.Controls()) {
		a := get("/schemas/" + eventType + ".json")
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/schema+json" || !json.Valid([]byte(a.body)) {
			t.Errorf("%s: %d %v", eventType, a.status, a.header)
		}
	}
}

// A sender that breaks off has nothing done.
func TestBrokenOff(t *testing.T) {
	w := newWorld(t)
	request := binary(admin, events.FunctionDeploy, "")
	request.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte(helloData[:20])), failingReader{}))
	request.ContentLength = int64(len(helloData))
	if a := w.do(request); a.status != http.StatusBadRequest || len(w.writes()) > 0 {
		t.Errorf("answer: %d %s", a.status, a.body)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
