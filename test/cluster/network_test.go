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
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func TestCutOff(t *testing.T) {
	const added, deleted = "route replace unreachable 172.30.0.0/24 metric 4096\n", "route delete unreachable 172.30.0.0/24 metric 4096\n"
	broken := errors.New("broken")
	for _, test := range []struct {
		name, ip, want string // what stands in for ip, and what is asked of it
		fails          error
		err            string
	}{
		{name: "done", ip: "exit 0", want: added + "done\n" + deleted},
		{name: "failed", ip: "exit 0", fails: broken, want: added + "done\n" + deleted, err: "broken"},
		{name: "interrupted", ip: "exit 0", fails: context.Canceled, want: added + "done\n" + deleted, err: "context canceled"},
		{name: "may not", ip: "echo not permitted; exit 2", want: added, err: "not permitted"},
		{name: "no ip yet", want: "done\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, folder := testCluster(t), t.TempDir()
			record := filepath.Join(folder, "record")
			if test.ip != "" {
				script := "#!/bin/sh\necho \"$@\" >>" + record + "\n" + test.ip + "\n"
				if err := os.WriteFile(filepath.Join(folder, "ip"), []byte(script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", folder)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := c.cutOff(ctx, func() error {
				if errors.Is(test.fails, context.Canceled) {
					cancel()
				}
				f, err := os.OpenFile(record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					return err
				}
				_, err = f.WriteString("done\n")
				return errors.Join(err, f.Close(), test.fails)
			})
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("cutOff() = %v, want %q", err, test.err)
			}
			if got, err := os.ReadFile(record); err != nil || string(got) != test.want {
				t.Errorf("ran %q, %v, want %q", got, err, test.want)
			}
		})
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
