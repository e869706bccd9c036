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
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// errOutOfMemory is why a worker is gone that the kernel killed for its memory.
var errOutOfMemory = errors.New("the worker was killed because the function uses more memory than its limit; raise resources.limits.memory")

// memoryEvents are where the kernel counts the processes of this container that it killed for their memory: in the
// container's own cgroup, of version 2 or 1.
var memoryEvents = []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}

// oomKills returns how many processes of the container have been killed for their memory, or 0 where nothing tells.
func oomKills(files []string) int {
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if name, count, _ := strings.Cut(strings.TrimSpace(line), " "); name == "oom_kill" {
				n, _ := strconv.Atoi(count) // the kernel writes a number
				return n
			}
		}
	}
	return 0
}

// deathOf says how a worker ended that nobody told to go. oom tells whether the kernel has killed for memory meanwhile.
// Only who sees the signal and the count together knows: to Kubernetes the container goes on.
func deathOf(waited error, oom bool) error {
	var exit *exec.ExitError
	if !errors.As(waited, &exit) {
		return waited
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	switch {
	case !ok || !status.Signaled():
		return waited
	case status.Signal() == syscall.SIGKILL && oom:
		return errOutOfMemory
	default:
		return fmt.Errorf("the worker was killed by signal %d (%v)", int(status.Signal()), status.Signal())
	}
}
