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
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// waitFlags say whether, and how long, a verb waits until a function or an agent is ready.
type waitFlags struct {
	wait, noWait    bool
	timeout, window time.Duration
}

func (f *waitFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.wait, "wait", true, "Wait until it is ready, and show how it gets so.")
	flags.BoolVar(&f.noWait, "no-wait", false, "Do not wait.")
	flags.DurationVar(&f.timeout, "wait-timeout", 30*time.Minute, "The longest time to wait.")
	flags.DurationVar(&f.window, "wait-window", 2*time.Second, "How long a failure has to last to be one: some pass.")
	cmd.MarkFlagsMutuallyExclusive("wait", "no-wait")
}

// followed is a function or an agent that gets ready.
type followed[T conditioned] struct {
	// what people call it, and the commands that tell how it is, and why it is not ready.
	what, name, how, why string
	watch                func(ctx context.Context, changed func(T) (bool, error)) error
	// seen is true for a state that is of what was sent, or of a later one.
	seen func(T) bool
	// show tells of a state, failed more of one that does not get ready, and done waits for what still tells.
	show   func(context.Context, T)
	failed func(T)
	done   func()
}

// await waits until the function is ready, where that is wanted, and returns it as it then is.
func (f *waitFlags) await(cmd *cobra.Command, s *session, c *clients, fn *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
	p := s.newProgress(cmd.ErrOrStderr())
	var logs sync.WaitGroup
	logged := ""
	return await(cmd, f, p, fn, &followed[*v1alpha1.LambdaFunction]{
		what: "function", name: fn.Name, how: "kn lambda describe " + fn.Name, why: "kn lambda why " + fn.Name,
		watch: func(ctx context.Context, changed func(*v1alpha1.LambdaFunction) (bool, error)) error {
			return c.watchFunction(ctx, fn.Namespace, fn.Name, changed)
		},
		seen: func(state *v1alpha1.LambdaFunction) bool { return seesBuild(state, fn) },
		show: func(ctx context.Context, state *v1alpha1.LambdaFunction) {
			p.show(state, stages)
			if build := state.Status.BuildStatus; building(state) && build.JobName != logged {
				logged = build.JobName
				logs.Go(func() { c.followBuild(ctx, state.Namespace, build.JobName, p.log) })
			}
		},
		failed: p.tail, done: logs.Wait,
	})
}

// await waits until a function or an agent is ready, where that is wanted, and returns it as it then is.
func await[T conditioned](cmd *cobra.Command, f *waitFlags, p *progress, sent T, of *followed[T]) (T, error) {
	if f.noWait || !f.wait {
		return sent, nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	var none T
	last, err := of.follow(ctx, f.window, p)
	if err != nil && cmd.Context().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why := "the operator has not seen it"
		if last != none {
			if condition := ready(last); condition != nil {
				why = condition.GetReason() + ": " + condition.GetMessage()
			}
		}
		err = notReady(of.why, "%s %q is not ready after %s: %s", of.what, of.name, f.timeout, why)
	}
	if cmd.Context().Err() != nil {
		fmt.Fprintf(p.out, "The %s '%s' goes on without you: %s\n", of.what, of.name, of.how)
	}
	return last, err
}

// notReady is that something is not ready; why tells more.
func notReady(why, format string, args ...any) error {
	return &commandError{error: fmt.Errorf(format, args...), next: why, code: ExitNotReady}
}

// follow shows how something gets ready until it is, or fails for longer than the window.
func (of *followed[T]) follow(ctx context.Context, window time.Duration, p *progress) (last T, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer of.done()
	defer cancel()
	states, ended := of.states(ctx)
	var none T
	var failed <-chan time.Time
	for {
		select {
		case err := <-ended:
			return last, fmt.Errorf("failed to watch %s %q: %w", of.what, of.name, err)
		case <-failed:
			condition := ready(last)
			of.failed(last)
			return last, notReady(of.why, "%s %q is not ready: %s: %s", of.what, of.name, condition.GetReason(), condition.GetMessage())
		case state := <-states:
			if state == none {
				return last, failf("", "%s %q has been deleted meanwhile", of.what, of.name)
			}
			last = state
			if !of.seen(state) {
				failed = nil
				continue
			}
			of.show(ctx, state)
			switch condition := ready(state); {
			case condition.IsTrue():
				p.say("Ready")
				return state, nil
			case !fails(condition):
				failed = nil
			case failed == nil:
				failed = time.After(window)
			}
		}
	}
}

// states are those that the watch sees until it ends, or ctx does.
func (of *followed[T]) states(ctx context.Context) (<-chan T, <-chan error) {
	states, ended := make(chan T), make(chan error, 1)
	go func() {
		ended <- of.watch(ctx, func(state T) (bool, error) {
			select {
			case states <- state:
				return false, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		})
	}()
	return states, ended
}

// sees is true when what a status says is about the object that was sent, or a later one.
func sees[T conditioned](state, sent T) bool {
	// A cache may still have the one of the same name that was there before.
	return (sent.GetUID() == "" || state.GetUID() == sent.GetUID()) && state.GetGeneration() >= sent.GetGeneration() && ready(state) != nil
}

// seesBuild is sees, and of the build that is asked for.
func seesBuild(state, sent *v1alpha1.LambdaFunction) bool {
	rebuild := state.Annotations[lambda.RebuildAnnotationKey]
	return sees(state, sent) && (rebuild == "" || state.Status.BuildStatus == nil || state.Status.BuildStatus.Rebuild == rebuild)
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

// progress is what is shown of what gets ready: a line for each change, with the seconds until then.
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

// stage is a condition, and what it means that it is True.
type stage struct {
	condition apis.ConditionType
	done      string
}

// stages are those of functions, in their order.
var stages = []stage{
	{v1alpha1.ConditionSourceReady, "Source accepted"},
	{v1alpha1.ConditionBuildReady, "Image built"},
	{v1alpha1.ConditionDeployReady, "Revision started"},
	{v1alpha1.ConditionServiceReady, "Calls reach it"},
	{v1alpha1.ConditionEventingReady, "Events reach it"},
}

// show says what has changed: stages that are done, and what the first of the others is about.
func (p *progress) show(of duckv1.KRShaped, stages []stage) {
	if p.done == nil {
		p.done = map[string]bool{}
	}
	for _, stage := range stages {
		c := of.GetStatus().GetCondition(stage.condition)
		if c == nil || c.Severity == apis.ConditionSeverityInfo {
			continue
		}
		if c.IsTrue() {
			// It is True as well where no events are wanted, and none reach it.
			if !p.done[stage.done] && c.Reason != v1alpha1.ReasonEventingDisabled {
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
