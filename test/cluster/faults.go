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
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// restart kills a daemon of the control plane, and returns once another one serves.
func (c *cluster) restart(ctx context.Context, component string) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	d, err := c.restartable(component)
	if err != nil {
		return err
	}
	running, err := c.running()
	if err != nil {
		return err
	}
	// Whoever interrupts this must not be left without the daemon.
	ctx = context.WithoutCancel(ctx)
	if p, ok := running[component]; ok {
		if err := c.signal(p, syscall.SIGKILL); err != nil {
			return fmt.Errorf("failed to kill %s (%d): %w", component, p.pid, err)
		}
		if err := poll(ctx, 20*time.Millisecond, func() (bool, error) { return ended(p.pid), nil }); err != nil {
			return fmt.Errorf("%s does not end: %w", component, err)
		}
	}
	return c.start(ctx, d)
}

// ended is true for a process that has nothing left, such as its ports. One that is killed loses its environment before them,
// and its first thread may have ended while others still hold them.
func ended(pid int) bool {
	process := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(process, "stat"))
	if err != nil {
		return true
	}
	threads, err := os.ReadDir(filepath.Join(process, "task"))
	// The state comes after the name, which is in parentheses.
	return err != nil || (len(threads) <= 1 && bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" Z")))
}

// restartable finds a daemon that can be killed and started again while all else goes on.
func (c *cluster) restartable(component string) (daemon, error) {
	k, err := c.client()
	if err != nil {
		return daemon{}, err
	}
	daemons := []daemon{c.apiServer(k), c.controllerManager(), c.scheduler()}
	names := make([]string, 0, len(daemons))
	for _, d := range daemons {
		if d.name == component {
			return d, nil
		}
		names = append(names, d.name)
	}
	return daemon{}, fmt.Errorf("%q cannot be started again: name one of %s", component, strings.Join(names, ", "))
}

// slice is how long a daemon that is slowed down runs, and then stands still.
const slice = 100 * time.Millisecond

// slow has a daemon run half of the time only, until the context ends. It finds the daemon anew where that was started again.
func (c *cluster) slow(ctx context.Context, component string) error {
	if !slices.Contains(components, component) {
		return fmt.Errorf("there is no daemon %q: name one of %s", component, strings.Join(components, ", "))
	}
	for {
		running, err := c.running()
		if err != nil {
			return err
		}
		p, ok := running[component]
		if ok {
			if err := c.signal(p, syscall.SIGSTOP); err != nil {
				return fmt.Errorf("failed to stop %s: %w", component, err)
			}
		}
		pause(ctx, slice)
		if ok {
			if err := c.signal(p, syscall.SIGCONT); err != nil {
				return fmt.Errorf("failed to have %s go on: %w", component, err)
			}
		}
		if pause(ctx, slice); ctx.Err() != nil {
			return nil //nolint:nilerr // An interrupt is how it ends.
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
