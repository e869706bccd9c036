//go:build e2e

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

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// step is what a page has its reader type, and what the page says is printed.
type step struct {
	commands, printed, code string
}

var (
	// typed is a block of commands with the block of what they print, where there is one.
	typed = regexp.MustCompile("(?s)```shell\n(.*?)```\n(?:\n```text\n(.*?)```\n)?")
	// ending is the comment of commands that do not end with 0.
	ending = regexp.MustCompile(`# ends with (\d+)`)
)

// shellOf is how the shell begins that a page is typed in: with a kubeconfig of its own, which has the scenario's namespace,
// and so that what it leaves in the background ends with it.
const shellOf = `trap 'kill $(jobs -p) 2>/dev/null' EXIT
kubectl config view --raw --flatten >%[1]s && export KUBECONFIG=%[1]s
kubectl config set-context --current --namespace=%[2]s >/dev/null || exit
`

// steps returns the steps below a heading of a page, up to the next heading of its kind.
func steps(t *testing.T, file, heading string) (all []step) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut("\n"+string(page), "\n"+heading+"\n")
	level, _, _ := strings.Cut(heading, " ")
	section, _, _ = strings.Cut(section, "\n"+level+" ")
	for _, match := range typed.FindAllStringSubmatch(section, -1) {
		s := step{commands: match[1], printed: match[2], code: "0"}
		if said := ending.FindStringSubmatch(s.commands); said != nil {
			s.code = said[1]
		}
		all = append(all, s)
	}
	if !found || len(all) == 0 {
		t.Fatalf("%s has no commands below %q", file, heading)
	}
	return all
}

// TestReadme types what the README has its readers type at the command line, and looks whether it prints what it says there.
func TestReadme(t *testing.T) {
	t.Parallel()
	newScenario(t).typeAll(steps(t, "../../README.md", "## At the command line"))
}

// TestTutorial types all of the tutorial.
func TestTutorial(t *testing.T) {
	t.Parallel()
	newScenario(t).typeAll(steps(t, "../../docs/tutorial.md", "# Ten minutes with Knative Lambda"))
}

// typeAll types the commands in one shell, whose kubeconfig has the scenario's namespace.
func (s *scenario) typeAll(all []step) {
	s.Helper()
	home := s.TempDir()
	var script strings.Builder
	fmt.Fprintf(&script, shellOf, filepath.Join(home, "kubeconfig"), s.namespace)
	for i, step := range all {
		fmt.Fprintf(&script, "{\n%s\n} >%s/%d.out 2>&1\n[ $? = %s ] || exit %d\n", step.commands, home, i, step.code, i+1)
	}
	shell := exec.CommandContext(interrupted, "bash", "-c", script.String())
	shell.Dir = s.TempDir()
	shell.Env = append(os.Environ(), "PATH="+filepath.Dir(os.Getenv(knVariable))+":"+os.Getenv("PATH"))
	err := shell.Run()
	for i, step := range all {
		printed, unread := os.ReadFile(filepath.Join(home, fmt.Sprint(i, ".out")))
		if unread != nil {
			s.Fatalf("The shell did not come to\n%s\n%v", step.commands, err)
		}
		if missing := notPrinted(step.printed, string(printed)); missing != "" {
			s.Errorf("%s\nprints\n%s\nwhich has not, or not in this order, the line\n%s", step.commands, printed, missing)
		}
	}
	if err != nil {
		s.Errorf("The shell has ended: %v", err)
	}
}

// notPrinted returns the first line that is wanted, and is not there below the ones before. An ellipsis stands for anything.
func notPrinted(want, printed string) string {
	lines := strings.Split(printed, "\n")
	for wanted := range strings.Lines(want) {
		wanted = strings.TrimRight(wanted, "\n ")
		parts := strings.Split(wanted, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		line := regexp.MustCompile("^" + strings.Join(parts, ".*") + " *$")
		for len(lines) > 0 && !line.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			return wanted
		}
		lines = lines[1:]
	}
	return ""
}
