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

package kn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// waitFlags say whether, and how long, a verb waits until the function is ready.
type waitFlags struct {
	wait, noWait    bool
	timeout, window time.Duration
}

func (f *waitFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.wait, "wait", true, "Wait until the function is ready, and show how it gets so.")
	flags.BoolVar(&f.noWait, "no-wait", false, "Do not wait.")
	flags.DurationVar(&f.timeout, "wait-timeout", 30*time.Minute, "The longest time to wait.")
	flags.DurationVar(&f.window, "wait-window", 2*time.Second, "How long a failure has to last to be one: some pass.")
	cmd.MarkFlagsMutuallyExclusive("wait", "no-wait")
}

// await waits until the function is ready, where that is wanted, and returns it as it then is.
func (f *waitFlags) await(cmd *cobra.Command, s *session, c *clients, fn *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
	if f.noWait || !f.wait {
		return fn, nil
	}
	p := s.newProgress(cmd.ErrOrStderr())
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	last, err := f.follow(ctx, c, fn, p)
	if err != nil && cmd.Context().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why := "the operator has not seen it"
		if last != nil {
			if condition := ready(last); condition != nil {
				why = condition.GetReason() + ": " + condition.GetMessage()
			}
		}
		err = notReady(fn.Name, "is not ready after %s: %s", f.timeout, why)
	}
	if cmd.Context().Err() != nil {
		fmt.Fprintf(p.out, "Function '%s' goes on without you: kn lambda describe %s\n", fn.Name, fn.Name)
	}
	return last, err
}

func notReady(name, format string, args ...any) error {
	return &commandError{error: fmt.Errorf("function %q "+format, append([]any{name}, args...)...), next: "kn lambda why " + name, code: ExitNotReady}
}

// follow shows how a function gets ready until it is, or fails for longer than the window.
func (f *waitFlags) follow(ctx context.Context, c *clients, fn *v1alpha1.LambdaFunction, p *progress) (last *v1alpha1.LambdaFunction, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var logs sync.WaitGroup
	defer logs.Wait()
	defer cancel()
	states, ended := make(chan *v1alpha1.LambdaFunction), make(chan error, 1)
	go func() {
		ended <- c.watchFunction(ctx, fn.Namespace, fn.Name, func(state *v1alpha1.LambdaFunction) (bool, error) {
			select {
			case states <- state:
				return false, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		})
	}()
	var failed <-chan time.Time
	followed := ""
	for {
		select {
		case err := <-ended:
			return last, fmt.Errorf("failed to watch function %q: %w", fn.Name, err)
		case <-failed:
			condition := ready(last)
			p.tail(last)
			return last, notReady(fn.Name, "is not ready: %s: %s", condition.GetReason(), condition.GetMessage())
		case state := <-states:
			if state == nil {
				return last, failf("", "function %q has been deleted meanwhile", fn.Name)
			}
			last = state
			if !seenBy(state, fn) {
				failed = nil
				continue
			}
			p.show(state)
			if build := state.Status.BuildStatus; building(state) && build.JobName != followed {
				followed = build.JobName
				logs.Go(func() { c.followBuild(ctx, state.Namespace, build.JobName, p.log) })
			}
			switch condition := ready(state); {
			case condition.IsTrue():
				p.say("Ready")
				return state, nil
			case !fails(condition):
				failed = nil
			case failed == nil:
				failed = time.After(f.window)
			}
		}
	}
}

// seenBy is true when what a status says is about the function that was sent, or a later one.
func seenBy(state, sent *v1alpha1.LambdaFunction) bool {
	// A cache may still have the function of the same name that was there before.
	if sent.UID != "" && state.UID != sent.UID || state.Generation < sent.Generation || ready(state) == nil {
		return false
	}
	rebuild := state.Annotations[lambda.RebuildAnnotationKey]
	return rebuild == "" || state.Status.BuildStatus == nil || state.Status.BuildStatus.Rebuild == rebuild
}

// building is true while there is a TaskRun whose turn has come.
func building(fn *v1alpha1.LambdaFunction) bool {
	c := fn.Status.GetCondition(v1alpha1.ConditionBuildReady)
	return c.IsUnknown() && c.GetReason() == v1alpha1.ReasonBuildRunning && fn.Status.BuildStatus != nil && fn.Status.BuildStatus.JobName != ""
}

// fails is true where nothing but a change will help: room for a pod is there again when others leave.
func fails(condition *apis.Condition) bool {
	return condition.IsFalse() && condition.GetReason() != v1alpha1.ReasonUnschedulable
}

// progress is what is shown of a function that gets ready: a line for each change, with the seconds until then.
type progress struct {
	mu     sync.Mutex
	out    io.Writer
	began  time.Time
	now    func() time.Time
	said   string
	done   map[string]bool
	logged bool
	faint  paint
}

func (s *session) newProgress(out io.Writer) *progress {
	return &progress{out: out, began: s.now(), now: s.now, faint: s.paintFor(out, color.Faint)}
}

// say writes a line, unless it is the last one again.
func (p *progress) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if line != p.said {
		p.said = line
		fmt.Fprintf(p.out, "%7.1fs  %s\n", p.now().Sub(p.began).Seconds(), line)
	}
}

// log writes a line of a build's log.
func (p *progress) log(step, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said, p.logged = "", true
	fmt.Fprintln(p.out, p.faint(shorten("          | "+step+": "+readable(line), cmp.Or(terminalWidth(p.out), longestLine))))
}

// stages are the conditions in their order, and what it means that they are True.
var stages = []struct {
	condition apis.ConditionType
	done      string
}{
	{v1alpha1.ConditionSourceReady, "Source accepted"},
	{v1alpha1.ConditionBuildReady, "Image built"},
	{v1alpha1.ConditionDeployReady, "Revision started"},
	{v1alpha1.ConditionServiceReady, "Calls reach it"},
	{v1alpha1.ConditionEventingReady, "Events reach it"},
}

// show says what has changed: stages that are done, and what the first of the others is about.
func (p *progress) show(fn *v1alpha1.LambdaFunction) {
	if p.done == nil {
		p.done = map[string]bool{}
	}
	for _, stage := range stages {
		c := fn.Status.GetCondition(stage.condition)
		if c == nil || c.Severity == apis.ConditionSeverityInfo {
			continue
		}
		if c.IsTrue() {
			if !p.done[stage.done] {
				p.done[stage.done] = true
				p.say("%s", stage.done)
			}
			continue
		}
		p.done[stage.done] = false
		if c.Reason != "" {
			p.say("%s: %s", c.Reason, oneLine(c.Message))
		}
		return
	}
}

// tail writes the end of a failed build's log, where it was not shown while it was written.
func (p *progress) tail(fn *v1alpha1.LambdaFunction) {
	p.mu.Lock()
	logged := p.logged
	p.mu.Unlock()
	build := fn.Status.BuildStatus
	if logged || build == nil || !fn.Status.GetCondition(v1alpha1.ConditionBuildReady).IsFalse() {
		return
	}
	for line := range strings.Lines(build.LogTail) {
		p.log("build", strings.TrimRight(line, "\n"))
	}
}
