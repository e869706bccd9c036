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
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	"knative.dev/pkg/ptr"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servinginformers "knative.dev/serving/pkg/client/informers/externalversions"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	lambdainformers "github.com/knative-lambda/knative-lambda-operator/pkg/client/informers/externalversions"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// listenerCode keeps, in memory and in their order, the events that it is called for, and tells when it is asked by a GET.
const listenerCode = `
heard = []

async def handler(event, context):
    if context.method == "GET":
        return heard
    heard.append([context.id, context.type, context.subject, context.attribute("time")])
    return None
`

// heard is an event as listenerCode tells it: id, type, subject, time.
type heard [4]string

// ingress is the Deployment of the Broker's ingress.
const ingress = "mt-broker-ingress"

// measureLifecycle changes and deletes functions while the Broker that is to hear of it is down. When it is up again every
// transition must be told once, and those of one function in their order.
func measureLifecycle(ctx context.Context, b *bench, r *report) (err error) {
	var undo cleanup
	defer undo.all()
	if err := b.configure(ctx, &undo, "knative-serving", "config-autoscaler", map[string]string{
		"allow-zero-initial-scale": "true", "initial-scale": "0",
	}); err != nil {
		return err
	}
	if err := b.createTold(ctx); err != nil {
		return err
	}
	listener, err := b.createListener(ctx)
	if err != nil {
		return err
	}
	if err := b.configure(ctx, &undo, b.operatorNamespace, config.EventingConfigName, map[string]string{
		"event-sink": fmt.Sprintf("ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: %s, namespace: %s}", listener.Name, b.namespace),
	}); err != nil {
		return err
	}
	truth := &truth{want: map[string]map[string]int{}}
	if err := truth.watch(ctx, b); err != nil {
		return err
	}
	if err := b.changeInSilence(ctx, &undo); err != nil {
		return err
	}
	up := time.Now()
	return b.judgeHeard(ctx, r, listener, truth, up)
}

// createListener makes a Broker whose events a function hears.
func (b *bench) createListener(ctx context.Context) (*v1alpha1.LambdaFunction, error) {
	const name = "listener"
	_, err := b.clients.Eventing.EventingV1().Brokers(b.namespace).Create(ctx, &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("failed to create a Broker: %w", err)
	}
	fn := test.NewPythonFunction(b.namespace, name, listenerCode)
	fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
	fn.Spec.Eventing = &v1alpha1.EventingSpec{Enabled: ptr.Bool(false)}
	fn.Spec.Triggers = []v1alpha1.TriggerSpec{{Broker: name}}
	return b.createReady(ctx, fn)
}

// changeInSilence takes the Broker's ingress away for a while, in which it changes all functions twice and deletes some.
func (b *bench) changeInSilence(ctx context.Context, undo *cleanup) error {
	replicas, err := b.scale(ctx, eventingNamespace, ingress, 0)
	if err != nil {
		return err
	}
	restore := sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
		defer cancel()
		_, err := b.scale(ctx, eventingNamespace, ingress, replicas)
		return err
	})
	undo.add(func() {
		if err := restore(); err != nil {
			progress("%v", err)
		}
	})
	start := time.Now()
	for round := range 2 {
		for i := range b.many {
			if _, err := b.clients.EditFunction(ctx, b.newTold(i), func(fn *v1alpha1.LambdaFunction) {
				fn.Spec.Env = []corev1.EnvVar{{Name: "ROUND", Value: strconv.Itoa(round)}}
			}); err != nil {
				return err
			}
		}
		if err := b.awaitTold(ctx, b.many); err != nil {
			return err
		}
		progress("round %d: %d functions are changed, after %v", round+1, b.many, time.Since(start).Round(time.Second))
	}
	for i := 0; i < b.many; i += 4 {
		if err := b.clients.DeleteFunction(ctx, b.newTold(i)); err != nil {
			return err
		}
	}
	left := b.many - (b.many+3)/4
	if err := b.awaitTold(ctx, left); err != nil {
		return err
	}
	// The garbage collector deletes a function's Service after it.
	err = test.Await(ctx, b.clients.Serving.ServingV1().Services(b.namespace), metav1.ListOptions{}, func(services []*servingv1.Service) (bool, error) {
		return len(slices.DeleteFunc(services, func(s *servingv1.Service) bool { return !strings.HasPrefix(s.Name, toldPrefix) })) == left, nil
	})
	if err != nil {
		return fmt.Errorf("failed to await %d Services: %w", left, err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.silence - time.Since(start)):
	}
	return restore()
}

// scale sets how many replicas a Deployment has, and returns how many it had.
func (b *bench) scale(ctx context.Context, namespace, name string, replicas int32) (before int32, err error) {
	deployments := b.clients.Kube.AppsV1().Deployments(namespace)
	deployment, err := deployments.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("failed to get Deployment %q: %w", name, err)
	}
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := deployments.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return 0, fmt.Errorf("failed to scale Deployment %q: %w", name, err)
	}
	return *deployment.Spec.Replicas, nil
}

// truth is what the API server tells of functions and their Services, from which follows what must be told.
type truth struct {
	mu sync.Mutex
	// want is how often each type of event is due, by subject.
	want map[string]map[string]int
}

func (t *truth) due(object metav1.Object, eventType string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	subject := object.GetNamespace() + "/" + object.GetName()
	if t.want[subject] == nil {
		t.want[subject] = map[string]int{}
	}
	t.want[subject][eventType]++
}

// watch begins to look, until ctx ends.
func (t *truth) watch(ctx context.Context, b *bench) error {
	functions := lambdainformers.NewSharedInformerFactoryWithOptions(b.clients.Lambda, 0, lambdainformers.WithNamespace(b.namespace)).
		Lambda().V1alpha1().LambdaFunctions().Informer()
	services := servinginformers.NewSharedInformerFactoryWithOptions(b.clients.Serving, 0, servinginformers.WithNamespace(b.namespace)).
		Serving().V1().Services().Informer()
	for informer, types := range map[cache.SharedIndexInformer][3]string{
		functions: {events.FunctionUpdated, events.FunctionReady, events.FunctionDeleted},
		services:  {events.ServiceUpdated, events.ServiceReady, events.ServiceDeleted},
	} {
		if _, err := informer.AddEventHandler(t.handler(types[0], types[1], types[2])); err != nil {
			return fmt.Errorf("failed to watch: %w", err)
		}
		go informer.RunWithContext(ctx)
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return ctx.Err()
		}
	}
	return nil
}

// of a Service or a function.
type told interface {
	metav1.Object
	IsReady() bool
}

var (
	_ told = (*v1alpha1.LambdaFunction)(nil)
	_ told = (*servingv1.Service)(nil)
)

func (t *truth) handler(updated, ready, deleted string) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) {
			was, isOne := before.(told)
			is, alsoOne := after.(told)
			if !isOne || !alsoOne || !strings.HasPrefix(is.GetName(), toldPrefix) {
				return
			}
			if was.GetGeneration() != is.GetGeneration() {
				t.due(is, updated)
			}
			if is.IsReady() && !was.IsReady() {
				t.due(is, ready)
			}
		},
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if gone, ok := object.(told); ok && strings.HasPrefix(gone.GetName(), toldPrefix) {
				t.due(gone, deleted)
			}
		},
	}
}

// judgeHeard waits until all was heard that is true, and holds that nothing was heard twice, or before what came before it.
func (b *bench) judgeHeard(ctx context.Context, r *report, listener *v1alpha1.LambdaFunction, truth *truth, up time.Time) error {
	truth.mu.Lock()
	defer truth.mu.Unlock()
	due := 0
	for _, types := range truth.want {
		for _, n := range types {
			due += n
		}
	}
	var all []heard
	for deadline := time.Now().Add(settling); ; time.Sleep(time.Second) {
		all = all[:0]
		if err := b.callJSON(ctx, http.MethodGet, listener.Status.URL.String(), nil, &all); err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(h heard) bool { return !strings.HasPrefix(h[2], b.namespace+"/"+toldPrefix) })
		if len(all) >= due || time.Now().After(deadline) {
			break
		}
		progress("%d of %d events are heard", len(all), due)
	}
	r.add(fmt.Sprintf("transitions of %d functions while their Broker is down for %v", b.many, b.silence), strconv.Itoa(due), "", "")
	r.add("events heard", fmt.Sprintf("%d, the last %.0f s after the Broker was wanted again", len(all), time.Since(up).Seconds()), "", "")
	got, ids, last := map[string]map[string]int{}, map[string]int{}, map[string]time.Time{}
	late := 0
	for _, h := range all {
		if got[h[2]] == nil {
			got[h[2]] = map[string]int{}
		}
		got[h[2]][h[1]]++
		ids[h[0]]++
		at, err := time.Parse(time.RFC3339Nano, h[3])
		if err != nil {
			return fmt.Errorf("an event has no time: %w", err)
		}
		if at.Before(last[h[2]]) {
			late++
		}
		last[h[2]] = at
	}
	twice := 0
	for _, n := range ids {
		twice += n - 1
	}
	wrong := 0
	for _, subject := range slices.Sorted(maps.Keys(truth.want)) {
		if !maps.Equal(truth.want[subject], got[subject]) {
			if wrong++; wrong <= 3 {
				want, _ := json.Marshal(truth.want[subject])
				have, _ := json.Marshal(got[subject])
				progress("%s: heard %s, want %s", subject, have, want)
			}
		}
	}
	r.add("functions of which something else was heard, events out of order, events heard twice", fmt.Sprintf("%d, %d, %d", wrong, late, twice), "", "")
	if wrong > 0 || late > 0 || twice > 0 {
		r.fault("of %d functions something else was heard than was true; %d events came out of order, %d twice", wrong, late, twice)
	}
	return nil
}
