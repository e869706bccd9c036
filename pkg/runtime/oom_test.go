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
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestOOMKills(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want int
	}{
		"version 2":     {"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n", 2},
		"version 1":     {"oom_kill_disable 0\nunder_oom 0\noom_kill 5\n", 5},
		"none":          {"low 0\noom 0\noom_kill 0\n", 0},
		"older kernels": {"low 0\noom 1\n", 0},
		"no number":     {"oom_kill x\n", 0},
		"empty":         {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "memory.events")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := oomKills([]string{file + ".none", file}); got != tc.want {
				t.Errorf("oomKills() = %d, want %d", got, tc.want)
			}
		})
	}
	if got := oomKills([]string{filepath.Join(t.TempDir(), "none")}); got != 0 {
		t.Errorf("oomKills() of no file = %d", got)
	}
}

func TestDeath(t *testing.T) {
	const byNine, byFifteen = "the worker was killed by signal 9 (killed)", "the worker was killed by signal 15 (terminated)"
	for name, tc := range map[string]struct {
		script string
		oom    bool
		want   string
		code   string
	}{
		"killed":            {"kill -KILL $$", false, byNine, codeWorkerDied},
		"out of memory":     {"kill -KILL $$", true, errOutOfMemory.Error(), codeOutOfMemory},
		"told to go":        {"kill -TERM $$", true, byFifteen, codeWorkerDied},
		"exited":            {"exit 3", true, "exit status 3", codeWorkerDied},
		"exited without it": {"exit 0", true, "exited with status 0", codeWorkerDied},
	} {
		t.Run(name, func(t *testing.T) {
			err := orExited(deathOf(exec.CommandContext(t.Context(), "sh", "-c", tc.script).Run(), tc.oom))
			if err.Error() != tc.want {
				t.Errorf("deathOf() = %v, want %s", err, tc.want)
			}
			answer := asHTTPError(fmt.Errorf("%w: %w", errWorkerGone, err))
			if answer.status != http.StatusBadGateway || answer.code != tc.code || !answer.retryable() {
				t.Errorf("the calls get %+v, want 502 %s that may be tried again", answer, tc.code)
			}
		})
	}
	broken := errors.New("no child")
	if err := deathOf(broken, true); !errors.Is(err, broken) {
		t.Errorf("deathOf() = %v, want what wait said", err)
	}
}
