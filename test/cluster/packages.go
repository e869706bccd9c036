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
	"fmt"
	"os"
	"os/exec"
)

// needed says which Debian package brings what the cluster runs on.
var needed = map[string]string{
	"containerd":  "containerd",
	"runc":        "runc",
	"iptables":    "iptables",
	"nft":         "nftables",
	"ip":          "iproute2",
	"conntrack":   "conntrack",
	"busybox":     "busybox-static",
	"debootstrap": "debootstrap",
	"nsenter":     "util-linux",
	"mount":       "mount",
}

// neededFiles are those that packages bring beside programs.
var neededFiles = map[string]string{
	"/usr/lib/cni/ptp": "containernetworking-plugins",
	caBundle:           "ca-certificates",
}

// installPackages installs what is missing.
func (c *cluster) installPackages(ctx context.Context, p *progress) error {
	var missing []string
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	for path, pkg := range neededFiles {
		if _, err := os.Stat(path); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	p.step("install packages %v", missing)
	return c.install(ctx, missing...)
}

// install installs packages as apt is configured.
func (c *cluster) install(ctx context.Context, packages ...string) error {
	if err := c.run(ctx, "apt-get", "update"); err != nil {
		return fmt.Errorf("failed to install packages: %w", err)
	}
	install := c.command(ctx, "packages", "apt-get", append([]string{"install", "-y", "--no-install-recommends"}, packages...)...)
	install.Env = append(install.Env, "DEBIAN_FRONTEND=noninteractive")
	if _, err := output(install); err != nil {
		return fmt.Errorf("failed to install packages: %w", err)
	}
	return nil
}
