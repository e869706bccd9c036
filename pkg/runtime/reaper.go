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

package runtime

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// reaper starts the supervisor's own children, and waits for those it inherits:
// as PID 1 it is the parent of every process whose own parent has died, and
// nobody else can take them off the process table.
type reaper struct {
	mu  sync.Mutex
	own map[int]bool
}

func newReaper() *reaper {
	return &reaper{own: make(map[int]bool)}
}

// start starts a child that its starter waits for.
func (r *reaper) start(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	r.own[cmd.Process.Pid] = true
	return nil
}

// wait waits for a child that start has started.
func (r *reaper) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.own, cmd.Process.Pid)
	return err
}

// run reaps until stop is closed.
func (r *reaper) run(stop <-chan struct{}) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		r.reap()
		select {
		case <-died:
		case <-stop:
			return
		}
	}
}

// reap looks through the process table, because to wait for just any child
// would take the exit status of the workers away from who waits for them.
func (r *reaper) reap() {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return // the pattern is a constant
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range stats {
		pid, ok := deadChild(name)
		if ok && !r.own[pid] {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // it is dead, and ours
		}
	}
}

// deadChild returns the process of a stat file if it is a dead child of ours.
func deadChild(name string) (int, bool) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, false // it has gone meanwhile
	}
	// pid (comm) state ppid ...; comm may hold anything, also brackets.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 || string(fields[0]) != "Z" || string(fields[1]) != strconv.Itoa(os.Getpid()) {
		return 0, false
	}
	pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
	return pid, err == nil
}
