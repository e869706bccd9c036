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
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	namespaceFile = "/run/netns/" + name
	hostLink      = "lambda0"
	nodeLink      = "lambda1"
	ipForward     = "/proc/sys/net/ipv4/ip_forward"
)

// rule is one of the host's iptables rules. They are told from others' by their comment.
type rule struct {
	table, chain string
	spec         []string
}

// hostRules let the cluster out and nothing in: what pods need of the machine's network is its package registries.
var hostRules = []rule{
	{"nat", "POSTROUTING", []string{"-s", linkCIDR, "!", "-o", hostLink, "-j", "MASQUERADE"}},
	{"filter", "FORWARD", []string{"-i", hostLink, "-j", "ACCEPT"}},
	{"filter", "FORWARD", []string{"-o", hostLink, "-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "ACCEPT"}},
	{"filter", "FORWARD", []string{"-o", hostLink, "-m", "conntrack", "--ctstate", "NEW,INVALID", "-j", "DROP"}},
	// Linux answers for any of its addresses on any link: the resolver's is not for its neighbours.
	{"filter", "INPUT", []string{"-d", hostIP, "-i", "lo", "-j", "ACCEPT"}},
	{"filter", "INPUT", []string{"-d", hostIP, "!", "-i", hostLink, "-j", "DROP"}},
}

// nowhere is the route to a cluster that is not there. That of the link, which has no metric, goes before it.
var nowhere = []string{"unreachable", linkCIDR, "metric", "4096"}

func (r rule) arguments(operation string) []string {
	args := []string{"-w", "-t", r.table, operation, r.chain}
	args = append(args, r.spec...)
	return append(args, "-m", "comment", "--comment", name)
}

// cutOff does what ends or begins a cluster while requests to it that find no link fail at once: else they would leave
// the machine by its default route. A run that was killed leaves the route, and the next one takes it away.
func (c *cluster) cutOff(ctx context.Context, do func() error) error {
	if _, err := exec.LookPath("ip"); err != nil {
		return do() // there was no cluster yet, and so nobody who calls it
	}
	if err := c.run(ctx, "ip", append([]string{"route", "replace"}, nowhere...)...); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, c.run(context.WithoutCancel(ctx), "ip", append([]string{"route", "delete"}, nowhere...)...))
}

// createNetwork makes a network namespace for the whole cluster, and a link to it. Addresses of pods and services
// mean nothing outside it.
func (c *cluster) createNetwork(ctx context.Context) error {
	mtu, err := defaultRouteMTU()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"netns", "add", name},
		{"link", "add", hostLink, "mtu", mtu, "type", "veth", "peer", "name", nodeLink, "mtu", mtu, "netns", name},
		{"address", "add", hostIP + "/24", "dev", hostLink},
		{"link", "set", hostLink, "up"},
		{"-n", name, "address", "add", nodeIP + "/24", "dev", nodeLink},
		{"-n", name, "link", "set", nodeLink, "up"},
		{"-n", name, "link", "set", "lo", "up"},
		{"-n", name, "route", "add", "default", "via", hostIP},
	} {
		if err := c.run(ctx, "ip", args...); err != nil {
			return err
		}
	}
	if err := c.setNamespaceOptions(ctx); err != nil {
		return err
	}
	return c.openHost(ctx)
}

// setNamespaceOptions makes the namespace a node's network: it forwards, and pods leave it under the
// node's address, the only one the host knows.
func (c *cluster) setNamespaceOptions(ctx context.Context) error {
	const script = `
echo 1 > /proc/sys/net/ipv4/ip_forward
exec nft add table ip pods '{ chain postrouting { type nat hook postrouting priority srcnat; ip saddr ` + podCIDR + ` oifname ` + nodeLink + ` masquerade; }; }'`
	return c.run(ctx, "nsenter", "--net="+namespaceFile, "sh", "-ec", script)
}

// openHost lets the cluster's traffic through the host. What it changes of the host's settings is written down
// before, for closeHost.
func (c *cluster) openHost(ctx context.Context) error {
	before, err := os.ReadFile(ipForward)
	if err != nil {
		return fmt.Errorf("failed to read the host's forwarding setting: %w", err)
	}
	if err := os.WriteFile(c.path("ip_forward"), before, 0o644); err != nil {
		return fmt.Errorf("failed to remember the host's forwarding setting: %w", err)
	}
	if err := os.WriteFile(ipForward, []byte("1\n"), 0o644); err != nil {
		return fmt.Errorf("failed to let the host forward: %w", err)
	}
	for i := len(hostRules) - 1; i >= 0; i-- { // each goes before the others', the first one first
		if err := c.run(ctx, "iptables", hostRules[i].arguments("-I")...); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) closeHost(ctx context.Context) error {
	if iptables, err := exec.LookPath("iptables"); err == nil {
		for _, r := range hostRules {
			for exec.CommandContext(ctx, iptables, r.arguments("-C")...).Run() == nil {
				if err := c.run(ctx, iptables, r.arguments("-D")...); err != nil {
					return err
				}
			}
		}
	}
	before, err := os.ReadFile(c.path("ip_forward"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("failed to recall the host's forwarding setting: %w", err)
	}
	if err := os.WriteFile(ipForward, before, 0o644); err != nil {
		return fmt.Errorf("failed to restore the host's forwarding setting: %w", err)
	}
	return nil
}

func (c *cluster) deleteNetwork(ctx context.Context) error {
	if _, err := os.Stat("/sys/class/net/" + hostLink); err == nil {
		if err := c.run(ctx, "ip", "link", "delete", hostLink); err != nil {
			return err
		}
	}
	if _, err := os.Stat(namespaceFile); err == nil {
		if err := c.run(ctx, "ip", "netns", "delete", name); err != nil {
			return err
		}
	}
	if err := removeNamespaceFolder(); err != nil {
		return err
	}
	return c.closeHost(ctx)
}

// removeNamespaceFolder undoes what `ip netns add` does for the first namespace of a machine: it makes a folder for
// them, and mounts it on itself. Nothing to do when there are others'.
func removeNamespaceFolder() error {
	folder := filepath.Dir(namespaceFile)
	if others, err := os.ReadDir(folder); err != nil || len(others) > 0 {
		return ignore(err, fs.ErrNotExist)
	}
	if err := syscall.Unmount(folder, 0); ignore(err, syscall.EINVAL) != nil { // EINVAL: it is no mount
		return fmt.Errorf("failed to unmount %s: %w", folder, err)
	}
	if err := os.Remove(folder); err != nil {
		return fmt.Errorf("failed to remove %s: %w", folder, err)
	}
	return nil
}

// defaultRouteMTU is the largest packet the machine's way out takes: with a larger one in the cluster, connections
// that leave it may stall.
func defaultRouteMTU() (string, error) {
	routes, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return "", fmt.Errorf("failed to read routes: %w", err)
	}
	link := defaultLink(string(routes))
	if link == "" {
		return "1500", nil
	}
	mtu, err := os.ReadFile(filepath.Join("/sys/class/net", link, "mtu"))
	if err != nil {
		return "", fmt.Errorf("failed to read the packet size of %s: %w", link, err)
	}
	size, err := strconv.Atoi(strings.TrimSpace(string(mtu)))
	if err != nil {
		return "", fmt.Errorf("failed to parse the packet size of %s: %w", link, err)
	}
	return strconv.Itoa(min(size, 1500)), nil
}

// defaultLink finds the link of the default route in /proc/net/route, or nothing.
func defaultLink(routes string) string {
	for line := range strings.Lines(routes) {
		if f := strings.Fields(line); len(f) > 7 && f[1] == "00000000" && f[7] == "00000000" {
			return f[0]
		}
	}
	return ""
}
