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
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Every process that belongs to the cluster carries these in its environment, and passes them on to its children:
// the state folder, and what it is. /proc is then the one record of what runs. A file of process ids could be
// stale, or not yet written when a run was killed; this cannot.
const (
	stateVariable     = "KNATIVE_LAMBDA_CLUSTER_STATE"
	componentVariable = "KNATIVE_LAMBDA_CLUSTER_COMPONENT"
)

// process is one that runs now.
type process struct {
	pid       int
	component string
	started   uint64 // clock ticks since boot: with the id it names a process for good
}

// processes lists what carries the cluster's mark, oldest first.
func (c *cluster) processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("failed to list processes: %w", err)
	}
	var found []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := c.inspect(pid); ok {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b process) int { return int(a.started) - int(b.started) })
	return found, nil
}

// foreign says whose a cluster on this machine is, if it is another's: one with another cache folder. There can be only
// one, as network and control groups are the machine's.
func (c *cluster) foreign() error {
	entries, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return fmt.Errorf("failed to list processes: %w", err)
	}
	for _, entry := range entries {
		environment, err := os.ReadFile(entry)
		if err != nil {
			continue // it is gone
		}
		component, _ := variable(environment, componentVariable)
		if state, ok := variable(environment, stateVariable); ok && state != c.state && slices.Contains(components, component) {
			return fmt.Errorf("another cluster is up, that of %s: take it down with XDG_CACHE_HOME=%s",
				state, filepath.Dir(filepath.Dir(state)))
		}
	}
	return nil
}

// inspect says whether a process is the cluster's. One that is gone, or already a zombie, is not.
func (c *cluster) inspect(pid int) (process, bool) {
	environment, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return process{}, false
	}
	if state, _ := variable(environment, stateVariable); state != c.state {
		return process{}, false
	}
	component, _ := variable(environment, componentVariable)
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, false
	}
	started, err := startTime(string(stat))
	if err != nil {
		return process{}, false
	}
	return process{pid: pid, component: component, started: started}, true
}

// variable looks one up in /proc/PID/environ, where each ends in a zero byte.
func variable(environment []byte, name string) (value string, ok bool) {
	for setting := range bytes.SplitSeq(environment, []byte{0}) {
		if value, ok := strings.CutPrefix(string(setting), name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// startTime reads field 22 of /proc/PID/stat. Field 2, the program's name, may hold spaces and parentheses: fields
// are counted from its end.
func startTime(stat string) (uint64, error) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, fmt.Errorf("failed to parse process status %q", stat)
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) < 20 {
		return 0, fmt.Errorf("failed to parse process status %q", stat)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// signal sends a signal to a process if it still is the one that was found: os.FindProcess holds on to whatever has
// the id now, so that a second look after it is proof.
func (c *cluster) signal(p process, s syscall.Signal) error {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return ignore(err, os.ErrProcessDone)
	}
	defer handle.Release()
	if now, ok := c.inspect(p.pid); !ok || now.started != p.started {
		return nil
	}
	return ignore(handle.Signal(s), os.ErrProcessDone)
}

// killAll ends every process of the cluster, also what starts while it is at it.
func (c *cluster) killAll(ctx context.Context) error {
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		running, err := c.processes()
		if err != nil {
			return false, err
		}
		for _, p := range running {
			if err := c.signal(p, syscall.SIGKILL); err != nil {
				return false, fmt.Errorf("failed to kill %s (%d): %w", p.component, p.pid, err)
			}
		}
		return len(running) == 0, nil
	})
}

// daemon is a process that outlives the run that starts it.
type daemon struct {
	name string
	argv []string
	// ready says whether it can be used. It is asked until it can.
	ready func(context.Context) error
}

// start starts a daemon and returns once it is ready. A daemon that ends before that is reported with the end of
// its log.
func (c *cluster) start(ctx context.Context, d daemon) error {
	log, err := os.OpenFile(c.logFile(d.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("failed to open the log of %s: %w", d.name, err)
	}
	defer log.Close()
	// Not bound to ctx: the daemon stays when this run ends.
	cmd := c.command(context.WithoutCancel(ctx), d.name, d.argv[0], d.argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.state
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("failed to start %s: %w", d.name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return c.waitReady(ctx, d, ended)
}

func (c *cluster) waitReady(ctx context.Context, d daemon, ended <-chan error) error {
	if d.ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var last error
	err := poll(ctx, 50*time.Millisecond, func() (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("it ended: %w", errors.Join(err, errors.New(c.logTail(d.name))))
		default:
		}
		last = d.ready(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%s did not become ready: %w", d.name, errors.Join(err, last))
	}
	return nil
}

// logTail is the end of a daemon's log, for error messages.
func (c *cluster) logTail(component string) string {
	content, err := os.ReadFile(c.logFile(component))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
