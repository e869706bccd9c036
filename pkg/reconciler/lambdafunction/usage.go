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
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"knative.dev/pkg/configmap"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	lambdalisters "github.com/knative-lambda/knative-lambda-operator/pkg/client/listers/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
)

// usages counts what the instances of functions reserve, from when they have a node until they are gone. It begins with
// the operator, and anew where another replica takes over: counters do.
type usages struct {
	leads     leadership
	functions lambdalisters.LambdaFunctionLister
	clock     clock.PassiveClock

	mu      sync.Mutex
	running map[types.UID]*reservation
	past    map[types.NamespacedName]observability.Usage // of instances that are gone
}

// reservation is what one instance has.
type reservation struct {
	function     types.NamespacedName
	cores, bytes float64
	since        time.Time
}

func newUsages(leads leadership, functions lambdalisters.LambdaFunctionLister, c clock.PassiveClock) *usages {
	return &usages{
		leads: leads, functions: functions, clock: c,
		running: map[types.UID]*reservation{}, past: map[types.NamespacedName]observability.Usage{},
	}
}

// handler is told of pods.
func (u *usages) handler() cache.ResourceEventHandler { return instances(u.seen, u.gone) }

func (u *usages) seen(pod *corev1.Pod) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		u.gone(pod.UID)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.running[pod.UID] != nil || serving.PodCondition(pod, corev1.PodScheduled).Status != corev1.ConditionTrue {
		return
	}
	r := &reservation{function: labelledFunction(pod), since: u.clock.Now()}
	for i := range pod.Spec.Containers {
		requests := pod.Spec.Containers[i].Resources.Requests
		r.cores += requests.Cpu().AsApproximateFloat64()
		r.bytes += requests.Memory().AsApproximateFloat64()
	}
	u.running[pod.UID] = r
}

func (u *usages) gone(uid types.UID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r := u.running[uid]; r != nil {
		delete(u.running, uid)
		u.past[r.function] = r.addTo(u.past[r.function], u.clock.Now())
	}
}

func (r *reservation) addTo(usage observability.Usage, now time.Time) observability.Usage {
	seconds := now.Sub(r.since).Seconds()
	return observability.Usage{
		CoreSeconds: usage.CoreSeconds + r.cores*seconds, ByteSeconds: usage.ByteSeconds + r.bytes*seconds,
		Cores: r.cores, Bytes: r.bytes,
	}
}

// take returns what there has been of the functions that are there and that this replica leads.
func (u *usages) take() map[types.NamespacedName]observability.Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := map[types.NamespacedName]observability.Usage{}
	for function, usage := range u.past {
		if _, err := u.functions.LambdaFunctions(function.Namespace).Get(function.Name); apierrs.IsNotFound(err) {
			delete(u.past, function)
		} else if u.leads(function) {
			all[function] = usage
		}
	}
	now := u.clock.Now()
	for _, r := range u.running {
		if u.leads(r.function) {
			all[r.function] = r.addTo(all[r.function], now)
		}
	}
	return all
}

// watchPrices returns the newest good version of ConfigMap config-cost.
func watchPrices(logger configmap.Logger, cmw configmap.Watcher) func() *config.Cost {
	store := configmap.NewUntypedStore("cost", logger, configmap.Constructors{config.CostConfigName: config.NewCostFromConfigMap})
	store.WatchConfigs(cmw)
	return func() *config.Cost {
		cost, ok := store.UntypedLoad(config.CostConfigName).(*config.Cost)
		if !ok {
			return &config.Cost{} // It has not been read yet.
		}
		return cost
	}
}
