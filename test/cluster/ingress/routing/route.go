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

package routing

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// Destination is where a request goes and what is changed about it on the way.
type Destination struct {
	v1alpha1.IngressBackend

	// Host replaces the request's host, unless it is empty.
	Host string
	// Header replaces the request's headers of the same names.
	Header map[string]string
}

// Route spreads the requests of one path over its destinations.
type Route struct {
	prefix       string
	headers      map[string]string
	destinations []Destination

	// turns holds the index of a destination for each turn of a cycle, next counts turns. A count, unlike a die,
	// gives a share of n percent exactly n of every hundred requests.
	turns []int
	next  atomic.Uint64
}

// Next returns the destination whose turn it is.
func (r *Route) Next() *Destination {
	turn := r.next.Add(1) % uint64(len(r.turns))
	return &r.destinations[r.turns[turn]]
}

func (r *Route) matches(path string, header http.Header) bool {
	if !strings.HasPrefix(path, r.prefix) {
		return false
	}
	for name, exact := range r.headers {
		if !slices.Contains(header.Values(name), exact) {
			return false
		}
	}
	return true
}

func newRoute(path *v1alpha1.HTTPIngressPath) *Route {
	route := &Route{
		prefix:  path.Path,
		headers: make(map[string]string, len(path.Headers)),
	}
	// Every path begins with "/", except the "*" of an OPTIONS request.
	if route.prefix == "/" {
		route.prefix = ""
	}
	for name, match := range path.Headers {
		route.headers[name] = match.Exact
	}
	weights := make([]int, 0, len(path.Splits))
	for _, split := range path.Splits {
		weights = append(weights, split.Percent)
		route.destinations = append(route.destinations, Destination{
			IngressBackend: split.IngressBackend,
			Host:           path.RewriteHost,
			Header:         union(path.AppendHeaders, split.AppendHeaders),
		})
	}
	route.turns = interleave(weights)
	// A route that changes often must not start every life with the same destination, or a small share would
	// never get its turn.
	route.next.Store(rand.Uint64N(uint64(len(route.turns))))
	return route
}

// interleave returns one cycle of turns in which each index appears as often as its weight says, spread as
// evenly as can be.
func interleave(weights []int) []int {
	total := 0
	for _, weight := range weights {
		total += weight
	}
	cycle := total / gcd(weights)
	turns := make([]int, 0, cycle)
	credit := make([]int, len(weights))
	for range cycle {
		for i, weight := range weights {
			credit[i] += weight
		}
		richest := slices.Index(credit, slices.Max(credit))
		credit[richest] -= total
		turns = append(turns, richest)
	}
	return turns
}

func gcd(numbers []int) int {
	a := 0
	for _, b := range numbers {
		for b != 0 {
			a, b = b, a%b
		}
	}
	return a
}

// merge joins the routes of a host in the order they are tried: the longest path first, then the one that asks
// for the most headers, then the first written.
func merge(a, b []*Route) []*Route {
	routes := slices.Concat(a, b)
	slices.SortStableFunc(routes, func(x, y *Route) int {
		return cmp.Or(
			cmp.Compare(len(y.prefix), len(x.prefix)),
			cmp.Compare(len(y.headers), len(x.headers)),
		)
	})
	return routes
}

func union(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for name, value := range m {
			all[http.CanonicalHeaderKey(name)] = value
		}
	}
	return all
}
