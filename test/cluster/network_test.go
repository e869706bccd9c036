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
	"slices"
	"testing"
)

func TestDefaultLink(t *testing.T) {
	const header = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
	for _, test := range []struct{ name, routes, want string }{
		{
			name: "default route",
			routes: header + "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
				"eth1\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
			want: "eth1",
		},
		{name: "none", routes: header + "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"},
		{name: "half the address space, as a VPN sets it", routes: header + "tun0\t00000000\t0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"},
		{name: "empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := defaultLink(test.routes); got != test.want {
				t.Errorf("defaultLink() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestRulesAreToldFromOthers(t *testing.T) {
	for _, r := range hostRules {
		if got := r.arguments("-D"); !slices.Equal(got[len(got)-2:], []string{"--comment", name}) {
			t.Errorf("rule %v carries no comment", got)
		}
	}
}

func TestCgroupMount(t *testing.T) {
	for _, test := range []struct {
		name, line, want string
		ok               bool
	}{
		{name: "version 1", line: "33 32 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu", want: "/sys/fs/cgroup/cpu", ok: true},
		{name: "version 2", line: "33 32 0:27 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw", want: "/sys/fs/cgroup", ok: true},
		{name: "other", line: "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw", want: "/"},
		{name: "cut off", line: "22 1 254:0 / / rw,relatime"},
		{name: "empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, ok := cgroupMount(test.line); got != test.want || ok != test.ok {
				t.Errorf("cgroupMount() = %q, %t, want %q, %t", got, ok, test.want, test.ok)
			}
		})
	}
}

func FuzzCgroupMount(f *testing.F) {
	f.Add("33 32 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu")
	f.Add(" - ")
	f.Fuzz(func(t *testing.T, line string) {
		if point, ok := cgroupMount(line); ok && point == "" {
			t.Errorf("cgroupMount(%q) found a mount without a place", line)
		}
	})
}
