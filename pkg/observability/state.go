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

package observability

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// forgetAfter is how long a namespace in which nothing is left still reads 0.
const forgetAfter = time.Hour

// State is what there is of a controller's objects, of those that this replica leads: so the sum over all replicas is what
// there is.
type State struct {
	// Functions are by namespace and phase.
	Functions map[string]map[string]int64
	// Builds are those that run, by namespace.
	Builds map[string]int64
	// Eventing are objects of Knative Eventing, by namespace and type, which is the kind in lower case.
	Eventing map[string]map[string]int64
}

// NewState returns a State of nothing.
func NewState() *State {
	return &State{Functions: map[string]map[string]int64{}, Builds: map[string]int64{}, Eventing: map[string]map[string]int64{}}
}

// Count adds one of a kind in a namespace.
func Count(by map[string]map[string]int64, namespace, kind string) {
	if by[namespace] == nil {
		by[namespace] = map[string]int64{}
	}
	by[namespace][kind]++
}

// stateObserver observes a State at each scrape.
type stateObserver struct {
	look          func() *State
	phases, kinds []string
	now           func() time.Time

	mu   sync.Mutex
	seen map[string]time.Time
}

// ObserveState has each scrape look at what there is. phases and kinds are all that there can be: those that there is
// none of read 0 rather than nothing, in each namespace that has had anything in the last hour.
func ObserveState(look func() *State, phases, kinds []string) (metric.Registration, error) {
	o := &stateObserver{look: look, phases: phases, kinds: kinds, now: time.Now, seen: map[string]time.Time{}}
	return meter.RegisterCallback(o.observe, functions, buildsActive, eventingResources)
}

func (o *stateObserver) observe(_ context.Context, observer metric.Observer) error {
	state := o.look()
	for _, namespace := range o.namespaces(state) {
		in := label("namespace", namespace)
		for _, phase := range o.phases {
			observer.ObserveInt64(functions, state.Functions[namespace][phase], with(in, label("phase", phase)))
		}
		observer.ObserveInt64(buildsActive, state.Builds[namespace], with(in))
		for _, kind := range o.kinds {
			observer.ObserveInt64(eventingResources, state.Eventing[namespace][kind], with(in, label("resource_type", kind)))
		}
	}
	return nil
}

// namespaces returns those that have anything, or had it a while ago.
func (o *stateObserver) namespaces(state *State) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for namespace := range state.Functions {
		o.seen[namespace] = now
	}
	for namespace := range state.Builds {
		o.seen[namespace] = now
	}
	for namespace := range state.Eventing {
		o.seen[namespace] = now
	}
	var namespaces []string
	for namespace, last := range o.seen {
		if now.Sub(last) > forgetAfter {
			delete(o.seen, namespace)
			continue
		}
		namespaces = append(namespaces, namespace)
	}
	return namespaces
}
