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
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// name is that of the cluster, its node, its network namespace and its control group.
	name = "knative-lambda"

	nodeIP          = "172.30.0.2"
	hostIP          = "172.30.0.1"
	linkCIDR        = "172.30.0.0/24"
	podCIDR         = "10.244.0.0/16"
	serviceCIDR     = "10.96.0.0/16"
	kubernetesIP    = "10.96.0.1"
	dnsIP           = "10.96.0.10"
	registryAddress = nodeIP + ":5000"
	ingressAddress  = nodeIP + ":80"
	apiServerURL    = "https://" + nodeIP + ":6443"
	domain          = nodeIP + ".sslip.io"
)

// cluster knows where everything lies. The cache outlives clusters; the state is one cluster's, and goes with it.
type cluster struct {
	source string // this module's folder, where something is to be built
	cache  string
	state  string
}

func newCluster() (*cluster, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("failed to find the cache folder: %w", err)
	}
	cache = filepath.Join(cache, name)
	return &cluster{cache: cache, state: filepath.Join(cache, "cluster")}, nil
}

// sourceFolder is where the modules to build lie: asked of Go, as this program runs by `go run` in its own module.
func sourceFolder() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("failed to run go: %w", err)
	}
	folder := filepath.Dir(strings.TrimSpace(string(out)))
	if _, err := os.Stat(filepath.Join(folder, "platform", "go.mod")); err != nil {
		return "", fmt.Errorf("run this in test/cluster: %w", err)
	}
	return folder, nil
}

func (c *cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.state}, elements...)...)
}

// work is for files that are gone with the run.
func (c *cluster) work() string { return filepath.Join(c.cache, "work") }

func (c *cluster) kubeconfig() string { return c.path("kubeconfig") }

func (c *cluster) logFile(component string) string { return c.path("log", component+".log") }

// lock keeps two runs apart. The kernel lets go of it however the holder ends.
func (c *cluster) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(c.cache, 0o755); err != nil {
		return nil, fmt.Errorf("failed to make the cache folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(c.cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open the lock file: %w", err)
	}
	waiting := false
	err = poll(ctx, 200*time.Millisecond, func() (bool, error) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) && !waiting {
			waiting = true
			fmt.Fprintln(os.Stderr, "waiting for another run to end")
		}
		return err == nil, ignore(err, unix.EWOULDBLOCK)
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("failed to take the lock: %w", err)
	}
	return func() { f.Close() }, nil
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

// poll asks until the condition holds, fails, or the context ends: then the last thing the condition said, if it
// said anything, tells more than the context does.
func poll(ctx context.Context, interval time.Duration, condition func() (bool, error)) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// command prepares a command that belongs to the cluster: see processes.go for the mark it carries.
func (c *cluster) command(ctx context.Context, component, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), stateVariable+"="+c.state, componentVariable+"="+component)
	return cmd
}

// run runs a command to its end and, if it fails, returns what it printed in the error.
func (c *cluster) run(ctx context.Context, program string, args ...string) error {
	_, err := c.output(ctx, program, args...)
	return err
}

func (c *cluster) output(ctx context.Context, program string, args ...string) (string, error) {
	return output(c.command(ctx, filepath.Base(program), program, args...))
}

func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		said := cmp.Or(strings.TrimSpace(stderr.String()), strings.TrimSpace(stdout.String()))
		return "", fmt.Errorf("failed to run %q: %w\n%s", strings.Join(cmd.Args, " "), err, said)
	}
	return stdout.String(), nil
}
