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
	"io/fs"
	"os"
	"syscall"
	"time"
)

// down ends the cluster, whatever state it is in. The cache stays.
func (c *cluster) down(ctx context.Context, p *progress) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.foreign(); err != nil {
		return err
	}
	p.step("remove the cluster")
	if err := c.cutOff(ctx, func() error { return c.clear(ctx) }); err != nil {
		return err
	}
	p.step("the cluster is gone")
	return nil
}

// clear removes all that a cluster, complete or not, leaves on the machine. Nothing in it depends on an orderly end:
// daemons are found by their mark, containers by their control group; mounts end with their namespace.
func (c *cluster) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := c.killAll(ctx); err != nil {
		return fmt.Errorf("failed to end the daemons: %w", err)
	}
	if err := removeCgroups(ctx); err != nil {
		return fmt.Errorf("failed to end the pods: %w", err)
	}
	if err := c.deleteNetwork(ctx); err != nil {
		return fmt.Errorf("failed to remove the network: %w", err)
	}
	for _, folder := range []string{c.state, c.work()} {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("failed to remove the cluster's files: %w", err)
		}
	}
	// Places to mount on; not ours when there is something in them.
	for _, folder := range []string{"/var/lib/cni", "/var/lib/kubelet"} {
		err := syscall.Rmdir(folder)
		if err = ignore(ignore(err, fs.ErrNotExist), syscall.ENOTEMPTY); err != nil {
			return fmt.Errorf("failed to remove %s: %w", folder, err)
		}
	}
	return nil
}
