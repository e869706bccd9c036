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
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	"knative.dev/networking/pkg/http/header"
	"knative.dev/networking/pkg/ingress"
)

const (
	external = v1alpha1.IngressVisibilityExternalIP
	internal = v1alpha1.IngressVisibilityClusterLocal
)

func TestMatch(t *testing.T) {
	table := (*Table)(nil).Update([]*v1alpha1.Ingress{
		newIngress("public",
			rule(external, []string{"fn.example.com"},
				path("/", "root"),
				path("/api", "api"),
				path("/api/v2", "api-v2"),
				withHeader(path("/api", "api-tagged"), header.RouteTagKey, "blue"),
				withHeader(withHeader(path("/api", "api-tagged-twice"), header.RouteTagKey, "blue"), "X-Debug", "1")),
			rule(internal, []string{"fn.ns.svc.cluster.local", "fn.ns.svc", "fn.ns"}, path("", "root"))),
		newIngress("wild",
			rule(external, []string{"*.example.com"}, path("", "wild")),
			rule(external, []string{"*.deep.example.com"}, path("/only", "deep"))),
		newIngress("mixed",
			rule(external, []string{"mixed.test"}, path("/public", "mixed-public")),
			rule(internal, []string{"mixed.test"}, path("/", "mixed-private"))),
	})

	for _, tc := range []struct {
		name     string
		listener v1alpha1.IngressVisibility
		host     string
		path     string
		header   http.Header
		want     string
	}{
		{name: "root", host: "fn.example.com", path: "/", want: "root"},
		{name: "any path below", host: "fn.example.com", path: "/other", want: "root"},
		{name: "star of OPTIONS", host: "fn.example.com", path: "*", want: "root"},
		{name: "port", host: "fn.example.com:8080", path: "/", want: "root"},
		{name: "case and final dot", host: "FN.Example.COM.", path: "/", want: "root"},
		{name: "longest prefix", host: "fn.example.com", path: "/api/v2/x", want: "api-v2"},
		{name: "shorter prefix", host: "fn.example.com", path: "/api/v1", want: "api"},
		{name: "prefix is literal", host: "fn.example.com", path: "/apiary", want: "api"},
		{name: "header", host: "fn.example.com", path: "/api", header: tag("blue"), want: "api-tagged"},
		{name: "other value", host: "fn.example.com", path: "/api", header: tag("green"), want: "api"},
		{name: "empty value", host: "fn.example.com", path: "/api", header: tag(""), want: "api"},
		{name: "second value", host: "fn.example.com", path: "/api", header: tag("green", "blue"), want: "api-tagged"},
		{
			name: "most headers", host: "fn.example.com", path: "/api",
			header: http.Header{header.RouteTagKey: {"blue"}, "X-Debug": {"1"}}, want: "api-tagged-twice",
		},
		{name: "longer path beats headers", host: "fn.example.com", path: "/api/v2", header: tag("blue"), want: "api-v2"},
		{name: "wildcard", host: "other.example.com", path: "/", want: "wild"},
		{name: "wildcard, two labels", host: "a.b.example.com", path: "/", want: "wild"},
		{name: "wildcard is not its parent", host: "example.com", path: "/"},
		{name: "longest wildcard", host: "x.deep.example.com", path: "/only", want: "deep"},
		{name: "the chosen host decides", host: "x.deep.example.com", path: "/"},
		{name: "unknown host", host: "fn.example.org", path: "/"},
		{name: "no host", path: "/"},
		{name: "internal host from outside", host: "fn.ns.svc.cluster.local", path: "/"},
		{name: "internal host from inside", listener: internal, host: "fn.ns.svc.cluster.local", path: "/", want: "root"},
		{name: "short internal host", listener: internal, host: "fn.ns", path: "/", want: "root"},
		{name: "external host from inside", listener: internal, host: "fn.example.com", path: "/api", want: "api"},
		{name: "private path of a public host", host: "mixed.test", path: "/secret"},
		{name: "public path of a public host", host: "mixed.test", path: "/public", want: "mixed-public"},
		{name: "private path from inside", listener: internal, host: "mixed.test", path: "/secret", want: "mixed-private"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.listener == "" {
				tc.listener = external
			}
			got := ""
			if route := table.Match(tc.listener, tc.host, tc.path, tc.header); route != nil {
				got = route.Next().ServiceName
			}
			if got != tc.want {
				t.Errorf("Match() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestMatchAnyHost(t *testing.T) {
	table := (*Table)(nil).Update([]*v1alpha1.Ingress{newIngress("all", rule(external, nil, path("", "all")))})
	for _, host := range []string{"", "localhost", "a.b.c", "[::1]:80"} {
		if table.Match(external, host, "/", nil) == nil {
			t.Errorf("Match(%q) found no route", host)
		}
	}
}

func TestNilTableMatchesNothing(t *testing.T) {
	if route := (*Table)(nil).Match(external, "fn.example.com", "/", nil); route != nil {
		t.Errorf("Match() = %v, want nil", route)
	}
}

func TestDestination(t *testing.T) {
	p := path("", "fn")
	p.RewriteHost = "fn.ns.svc.cluster.local"
	p.AppendHeaders = map[string]string{"x-path": "path", "X-Both": "path"}
	p.Splits[0].AppendHeaders = map[string]string{"X-Split": "split", "x-both": "split"}
	ing := newIngress("fn", rule(external, []string{"fn.example.com"}, p))
	table := (*Table)(nil).Update([]*v1alpha1.Ingress{ing})

	got := table.Match(external, "fn.example.com", "/", nil).Next()
	if got.Host != p.RewriteHost || got.IngressBackend != p.Splits[0].IngressBackend {
		t.Errorf("Next() = %+v, want host %q of backend %+v", got, p.RewriteHost, p.Splits[0].IngressBackend)
	}
	for name, want := range map[string]string{"X-Path": "path", "X-Split": "split", "X-Both": "split"} {
		if got.Header[name] != want {
			t.Errorf("Header[%q] = %q, want %q", name, got.Header[name], want)
		}
	}
	if got, has := got.Header[header.HashKey]; has {
		t.Errorf("Header[%q] = %q for a request that is no probe", header.HashKey, got)
	}

	hash, err := ingress.ComputeHash(ing)
	if err != nil {
		t.Fatal("ComputeHash() =", err)
	}
	probe := table.Match(external, "fn.example.com", "/", http.Header{header.HashKey: {header.HashValueOverride}}).Next()
	if got, want := probe.Header[header.HashKey], hex.EncodeToString(hash[:]); got != want {
		t.Errorf("Header[%q] = %q, want %q", header.HashKey, got, want)
	}
}

func TestNextSharesExactly(t *testing.T) {
	for _, tc := range []struct {
		name     string
		percents []int
	}{
		{name: "one", percents: []int{100}},
		{name: "one without a share", percents: []int{0}},
		{name: "canary", percents: []int{99, 1}},
		{name: "nothing for one", percents: []int{0, 100}},
		{name: "coprime", percents: []int{33, 33, 34}},
		{name: "common divisor", percents: []int{20, 30, 50}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := v1alpha1.HTTPIngressPath{}
			for i, percent := range tc.percents {
				p.Splits = append(p.Splits, split(string(rune('a'+i)), percent))
			}
			table := (*Table)(nil).Update([]*v1alpha1.Ingress{newIngress("fn", rule(external, []string{"fn"}, p))})
			route := table.Match(external, "fn", "/", nil)
			for hundred := range 3 {
				seen := map[string]int{}
				for range 100 {
					seen[route.Next().ServiceName]++
				}
				for i, want := range tc.percents {
					if len(tc.percents) == 1 {
						want = 100
					}
					if got := seen[string(rune('a'+i))]; got != want {
						t.Errorf("hundred %d: destination %d got %d requests, want %d", hundred, i, got, want)
					}
				}
			}
		})
	}
}

func TestInterleaveSpreads(t *testing.T) {
	for _, tc := range []struct{ weights, want []int }{
		{weights: []int{100}, want: []int{0}},
		{weights: []int{0, 100}, want: []int{1}},
		{weights: []int{50, 50}, want: []int{0, 1}},
		{weights: []int{75, 25}, want: []int{0, 0, 1, 0}},
		{weights: []int{50, 25, 25}, want: []int{0, 1, 2, 0}},
		{weights: []int{20, 80}, want: []int{1, 1, 0, 1, 1}},
	} {
		if got := interleave(tc.weights); !slices.Equal(got, tc.want) {
			t.Errorf("interleave(%v) = %v, want %v", tc.weights, got, tc.want)
		}
	}
}

func TestUpdateKeepsWhatDidNotChange(t *testing.T) {
	kept := newIngress("kept", rule(external, []string{"kept"}, path("", "kept")))
	changed := newIngress("changed", rule(external, []string{"changed"}, path("", "before")))
	gone := newIngress("gone", rule(external, []string{"gone"}, path("", "gone")))
	first := (*Table)(nil).Update([]*v1alpha1.Ingress{kept, changed, gone})

	after := newIngress("changed", rule(external, []string{"changed"}, path("", "after")))
	after.Generation = 2
	second := first.Update([]*v1alpha1.Ingress{after, kept})

	if first.Match(external, "kept", "/", nil) != second.Match(external, "kept", "/", nil) {
		t.Error("a route was compiled again though its Ingress did not change")
	}
	if got := second.Match(external, "changed", "/", nil).Next().ServiceName; got != "after" {
		t.Errorf("the changed Ingress leads to %q, want %q", got, "after")
	}
	if got := first.Match(external, "changed", "/", nil).Next().ServiceName; got != "before" {
		t.Errorf("in the old table the changed Ingress leads to %q, want %q", got, "before")
	}
	if second.Match(external, "gone", "/", nil) != nil {
		t.Error("a deleted Ingress is still routed")
	}
	if err := second.Check(kept); err != nil {
		t.Error("Check() of a kept Ingress =", err)
	}
	if err := second.Check(gone); err == nil {
		t.Error("Check() of a deleted Ingress = nil, want an error")
	}
	if err := first.Check(after); err == nil {
		t.Error("Check() of a newer generation = nil, want an error")
	}
	if err := second.Check(changed); err != nil {
		t.Error("Check() of an older generation =", err)
	}
	recreated := kept.DeepCopy()
	recreated.UID = "another"
	if err := second.Check(recreated); err == nil {
		t.Error("Check() of another Ingress of the same name = nil, want an error")
	}
	if err := (*Table)(nil).Check(kept); err == nil {
		t.Error("Check() of no table = nil, want an error")
	}
}

func TestUpdateHostConflict(t *testing.T) {
	old := newIngress("z-old", rule(external, []string{"fn"}, path("", "old")))
	young := newIngress("a-young", rule(external, []string{"free", "fn"}, path("", "young")))
	young.CreationTimestamp = metav1.NewTime(old.CreationTimestamp.Add(time.Second))
	table := (*Table)(nil).Update([]*v1alpha1.Ingress{young, old})

	if err := table.Check(old); err != nil {
		t.Error("Check() of the owner =", err)
	}
	var conflict *ConflictError
	if err := table.Check(young); !errors.As(err, &conflict) || conflict.Host != "fn" || conflict.Owner.Name != "z-old" {
		t.Errorf("Check() = %v, want a conflict with the owner", err)
	}
	if table.Match(external, "free", "/", nil) != nil {
		t.Error("an Ingress in conflict is routed in part")
	}
	if got := table.Match(external, "fn", "/", nil).Next().ServiceName; got != "old" {
		t.Errorf("the host leads to %q, want %q", got, "old")
	}

	table = table.Update([]*v1alpha1.Ingress{young})
	if err := table.Check(young); err != nil {
		t.Error("Check() after the owner has gone =", err)
	}
	if table.Match(external, "free", "/", nil) == nil {
		t.Error("the Ingress is not routed though the owner has gone")
	}
}

func TestUpdateInvalid(t *testing.T) {
	bad := newIngress("bad", rule(external, []string{"bad"}, v1alpha1.HTTPIngressPath{
		Splits: []v1alpha1.IngressBackendSplit{split("a", 50), split("b", 40)},
	}))
	good := newIngress("good", rule(external, []string{"good"}, path("", "good")))
	table := (*Table)(nil).Update([]*v1alpha1.Ingress{bad, good})

	var invalid *InvalidError
	if err := table.Check(bad); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "must total to 100") {
		t.Errorf("Check() = %v, want the validation's message", err)
	}
	if table.Match(external, "good", "/", nil) == nil {
		t.Error("one invalid Ingress keeps another from being routed")
	}
}

// FuzzMatch holds the lookup against its definition, written in the slowest way.
func FuzzMatch(f *testing.F) {
	for _, seed := range []struct{ host, path string }{
		{"fn.example.com", "/"},
		{"FN.example.com.:80", "/api/v2"},
		{"x.example.com", "*"},
		{"[::1]:80", ""},
		{".example.com", "//api"},
		{"*", "/api%2fv2"},
		{"..", "/\x00"},
		{":", "/"},
	} {
		f.Add(seed.host, seed.path)
	}
	// Each list begins with the most specific; a service is named after the host and path that lead to it.
	hosts := []string{"fn.example.com", "localhost", "*.example.com", "*.com"}
	paths := []string{"/api/v2", "/api", ""}
	var rules []v1alpha1.IngressRule
	for _, h := range hosts {
		var all []v1alpha1.HTTPIngressPath
		for _, p := range paths {
			all = append(all, path(p, h+p))
		}
		rules = append(rules, rule(external, []string{h}, all...))
	}
	table := (*Table)(nil).Update([]*v1alpha1.Ingress{newIngress("fuzz", rules...)})

	f.Fuzz(func(t *testing.T, host, p string) {
		want := ""
		h := slices.IndexFunc(hosts, func(h string) bool {
			suffix, wild := strings.CutPrefix(h, "*")
			return h == normalizeHost(host) || wild && strings.HasSuffix(normalizeHost(host), suffix)
		})
		if h >= 0 {
			want = hosts[h] + paths[slices.IndexFunc(paths, func(prefix string) bool { return strings.HasPrefix(p, prefix) })]
		}
		got := ""
		if route := table.Match(external, host, p, nil); route != nil {
			got = route.Next().ServiceName
		}
		if got != want {
			t.Errorf("Match(%q, %q) = %q, want %q", host, p, got, want)
		}
	})
}

func newIngress(name string, rules ...v1alpha1.IngressRule) *v1alpha1.Ingress {
	return &v1alpha1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:         "ns",
			Name:              name,
			UID:               types.UID("uid-of-" + name),
			Generation:        1,
			CreationTimestamp: metav1.NewTime(time.Unix(1_800_000_000, 0)),
		},
		Spec: v1alpha1.IngressSpec{Rules: rules},
	}
}

func rule(visibility v1alpha1.IngressVisibility, hosts []string, paths ...v1alpha1.HTTPIngressPath) v1alpha1.IngressRule {
	return v1alpha1.IngressRule{
		Hosts:      hosts,
		Visibility: visibility,
		HTTP:       &v1alpha1.HTTPIngressRuleValue{Paths: paths},
	}
}

func path(prefix, service string) v1alpha1.HTTPIngressPath {
	return v1alpha1.HTTPIngressPath{Path: prefix, Splits: []v1alpha1.IngressBackendSplit{split(service, 100)}}
}

func withHeader(p v1alpha1.HTTPIngressPath, name, exact string) v1alpha1.HTTPIngressPath {
	headers := map[string]v1alpha1.HeaderMatch{name: {Exact: exact}}
	for k, v := range p.Headers {
		headers[k] = v
	}
	p.Headers = headers
	return p
}

func split(service string, percent int) v1alpha1.IngressBackendSplit {
	return v1alpha1.IngressBackendSplit{
		IngressBackend: v1alpha1.IngressBackend{
			ServiceNamespace: "ns",
			ServiceName:      service,
			ServicePort:      intstr.FromInt32(80),
		},
		Percent: percent,
	}
}

func tag(values ...string) http.Header {
	return http.Header{header.RouteTagKey: values}
}
