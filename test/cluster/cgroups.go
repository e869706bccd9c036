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
	"bufio"
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

// Containers are not the cluster's children and do not carry its mark, but all of them are in its control group: one
// folder of that name, in version 2's one hierarchy or in each of version 1's.

// hierarchies lists where control groups are mounted.
func hierarchies() ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("failed to list mounts: %w", err)
	}
	defer f.Close()
	var mounts []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if point, ok := cgroupMount(lines.Text()); ok {
			mounts = append(mounts, point)
		}
	}
	return mounts, lines.Err()
}

// cgroupMount reads one line of /proc/self/mountinfo: ID PARENT DEVICE ROOT POINT OPTIONS [FIELD...] - TYPE ...
func cgroupMount(line string) (point string, ok bool) {
	before, after, found := strings.Cut(line, " - ")
	fields, kind := strings.Fields(before), strings.Fields(after)
	if !found || len(fields) < 5 || len(kind) < 1 {
		return "", false
	}
	return fields[4], kind[0] == "cgroup" || kind[0] == "cgroup2"
}

// createCgroups makes the group that kubelet puts its pods under: it does not make that one itself.
func createCgroups() error {
	mounts, err := hierarchies()
	if err != nil {
		return err
	}
	for _, mount := range mounts {
		group := filepath.Join(mount, name)
		if err := os.MkdirAll(group, 0o755); err != nil {
			return fmt.Errorf("failed to make control group %s: %w", group, err)
		}
		// Version 1's cpuset starts without a processor or memory, and takes no process until it has both.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			all, err := os.ReadFile(filepath.Join(mount, file))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return fmt.Errorf("failed to read control group setting: %w", err)
			}
			if err := os.WriteFile(filepath.Join(group, file), all, 0o644); err != nil {
				return fmt.Errorf("failed to set up control group %s: %w", group, err)
			}
		}
	}
	return nil
}

// removeCgroups kills what is in the cluster's control group, and removes it.
func removeCgroups(ctx context.Context) error {
	mounts, err := hierarchies()
	if err != nil {
		return err
	}
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		left := 0
		for _, mount := range mounts {
			n, err := emptyCgroup(filepath.Join(mount, name))
			if err != nil {
				return false, err
			}
			left += n
		}
		return left == 0, nil
	})
}

// emptyCgroup kills a group's processes and removes the groups in it that are empty, deepest first; it returns how
// many are left. A process takes a moment to leave its group after it was killed.
func emptyCgroup(root string) (left int, err error) {
	var groups []string
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		if entry.IsDir() {
			groups = append(groups, path)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("failed to list control groups: %w", err)
	}
	slices.Reverse(groups)
	for _, group := range groups {
		if err := killMembers(group); err != nil {
			return 0, err
		}
		if err := syscall.Rmdir(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
			left++
		}
	}
	return left, nil
}

func killMembers(group string) error {
	members, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
	if err != nil {
		return ignore(err, fs.ErrNotExist)
	}
	for id := range strings.FieldsSeq(string(members)) {
		pid, err := strconv.Atoi(id)
		if err != nil {
			return fmt.Errorf("failed to parse the members of control group %s: %w", group, err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); ignore(err, syscall.ESRCH) != nil {
			return fmt.Errorf("failed to kill process %d of control group %s: %w", pid, group, err)
		}
	}
	return nil
}
