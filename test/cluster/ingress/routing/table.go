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

// Package routing decides where a request goes. It is pure: a Table is computed from Ingress objects,
// never changes afterwards, and knows nothing of connections.
package routing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/networking/pkg/ingress"
)

// anyHost is the host of a rule that names none: it answers for every host nobody else claims.
const anyHost = "*"

// Table maps a request to a Route. The zero of *Table, nil, routes nothing.
type Table struct {
	// external holds what may be reached from outside the cluster, internal holds everything.
	external, internal map[string][]*Route

	programs map[types.NamespacedName]*program
	failures map[types.NamespacedName]error
}

// program is one Ingress made ready for routing.
type program struct {
	uid        types.UID
	generation int64
	hosts      []virtualHost
}

// virtualHost is one host of one rule.
type virtualHost struct {
	name     string
	external bool
	routes   []*Route
}

// Update returns the table of exactly the given Ingresses. What t already holds in the same generation is
// taken over as it is, so that a change costs one compilation and leaves other routes' splits undisturbed.
func (t *Table) Update(ingresses []*v1alpha1.Ingress) *Table {
	next := &Table{
		external: map[string][]*Route{},
		internal: map[string][]*Route{},
		programs: make(map[types.NamespacedName]*program, len(ingresses)),
		failures: map[types.NamespacedName]error{},
	}
	// The oldest claim on a host wins, whatever order the objects come in.
	ingresses = slices.SortedFunc(slices.Values(ingresses), older)
	owners := map[string]*v1alpha1.Ingress{}
	for _, ing := range ingresses {
		key := keyOf(ing)
		p := t.lookup(ing)
		if p == nil {
			var err error
			if p, err = compile(ing); err != nil {
				next.failures[key] = err
				continue
			}
		}
		next.programs[key] = p
		if err := claim(owners, ing, p); err != nil {
			next.failures[key] = err
			continue
		}
		next.add(p)
	}
	return next
}

// Check reports whether requests are routed as this generation of the Ingress, or a later one, wants.
func (t *Table) Check(ing *v1alpha1.Ingress) error {
	if t == nil {
		return errors.New("there is no routing table yet")
	}
	if err, failed := t.failures[keyOf(ing)]; failed {
		return err
	}
	p, found := t.programs[keyOf(ing)]
	if !found || p.uid != ing.UID || p.generation < ing.Generation {
		return fmt.Errorf("generation %d of Ingress %q is not in the routing table", ing.Generation, keyOf(ing))
	}
	return nil
}

// lookup returns the compiled form of this very generation of the Ingress, or nil.
func (t *Table) lookup(ing *v1alpha1.Ingress) *program {
	if t == nil {
		return nil
	}
	if p := t.programs[keyOf(ing)]; p != nil && p.uid == ing.UID && p.generation == ing.Generation {
		return p
	}
	return nil
}

func (t *Table) add(p *program) {
	for _, h := range p.hosts {
		t.internal[h.name] = merge(t.internal[h.name], h.routes)
		if h.external {
			t.external[h.name] = merge(t.external[h.name], h.routes)
		}
	}
}

// claim makes the Ingress the owner of all its hosts, or of none if one belongs to another.
func claim(owners map[string]*v1alpha1.Ingress, ing *v1alpha1.Ingress, p *program) error {
	for _, h := range p.hosts {
		if owner, taken := owners[h.name]; taken && owner != ing {
			return &ConflictError{Host: h.name, Owner: keyOf(owner)}
		}
	}
	for _, h := range p.hosts {
		owners[h.name] = ing
	}
	return nil
}

// ConflictError says that an older Ingress already answers for a host.
type ConflictError struct {
	Host  string
	Owner types.NamespacedName
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("host %q is already served by Ingress %q", e.Host, e.Owner)
}

// InvalidError says that an Ingress cannot be served before it is changed.
type InvalidError struct{ Reason error }

func (e *InvalidError) Error() string { return "invalid Ingress: " + e.Reason.Error() }

// Unwrap returns the reason.
func (e *InvalidError) Unwrap() error { return e.Reason }

func compile(ing *v1alpha1.Ingress) (*program, error) {
	ctx := context.Background()
	p := &program{uid: ing.UID, generation: ing.Generation}
	if err := ing.Validate(ctx); err != nil {
		return nil, &InvalidError{err}
	}
	ing = ing.DeepCopy()
	// Knative's probes ask which generation answers: this adds the routes that tell them. The hash is of the
	// object as it is stored, hence before defaults.
	if _, err := ingress.InsertProbe(ing); err != nil {
		return nil, &InvalidError{err}
	}
	ing.SetDefaults(ctx)
	for i := range ing.Spec.Rules {
		rule := &ing.Spec.Rules[i]
		routes := make([]*Route, 0, len(rule.HTTP.Paths))
		for j := range rule.HTTP.Paths {
			routes = append(routes, newRoute(&rule.HTTP.Paths[j]))
		}
		hosts := rule.Hosts
		if len(hosts) == 0 {
			hosts = []string{anyHost}
		}
		for _, host := range hosts {
			p.hosts = append(p.hosts, virtualHost{
				name:     normalizeHost(host),
				external: rule.Visibility == v1alpha1.IngressVisibilityExternalIP,
				routes:   routes,
			})
		}
	}
	return p, nil
}

func keyOf(ing *v1alpha1.Ingress) types.NamespacedName {
	return types.NamespacedName{Namespace: ing.Namespace, Name: ing.Name}
}

func older(a, b *v1alpha1.Ingress) int {
	if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
		return c
	}
	return strings.Compare(keyOf(a).String(), keyOf(b).String())
}
