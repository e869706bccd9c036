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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"
	"knative.dev/serving/pkg/apis/serving"

	functionruntime "github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

const logsExample = `
  # What a function has printed, in all of its instances
  kn lambda logs hello

  # The last lines, and all that come, of instances that come, too
  kn lambda logs hello --follow --tail 20

  # What its last build has printed
  kn lambda logs hello --build

  # What it printed before it crashed
  kn lambda logs hello --previous`

// queueProxy is Knative's container beside that of a function.
const queueProxy = "queue-proxy"

// taskRunLabel is on pods of builds, which have the function's label as well.
const taskRunLabel = "tekton.dev/taskRun"

// logsFlags are what logs is asked for.
type logsFlags struct {
	follow, build, previous, noPrefix, raw bool
	since                                  time.Duration
	tail                                   int64
}

func newLogsCommand(s *session) *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a function, or its build, has written",
		Long: `Print what a function, or its build, has written. At a terminal lines are made readable: of the JSON that functions log, the
time, the level, the message and the stack. Elsewhere they are as they were written.`,
		Example: logsExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.build && f.previous {
				return usagef("--previous is for functions: a step of a build runs once")
			}
			c, namespace, err := s.open()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if _, err := c.functions(namespace).Get(ctx, args[0], metav1.GetOptions{}); err != nil {
				return functionError(err, "read the logs of", namespace, args[0])
			}
			p := s.newLines(cmd.OutOrStdout(), &f)
			switch {
			case f.build:
				err = f.printBuild(ctx, c, namespace, args[0], p)
			case f.follow:
				err = f.followInstances(ctx, c, namespace, args[0], p)
			default:
				err = f.printInstances(ctx, c, namespace, args[0], p, cmd.ErrOrStderr())
			}
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("failed to read the logs of function %q: %w", args[0], err)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "Go on with what is written from now on.")
	flags.BoolVar(&f.build, "build", false, "Print the log of the newest build.")
	flags.BoolVar(&f.previous, "previous", false, "Print the log of the containers that ran before, such as those that crashed.")
	flags.BoolVar(&f.noPrefix, "no-prefix", false, "Print the lines without the instance, or step, that has written them.")
	flags.BoolVar(&f.raw, "raw", false, "Print the lines as they were written at a terminal, too.")
	flags.DurationVar(&f.since, "since", 0, "Print what is no older, such as 10m.")
	flags.Int64Var(&f.tail, "tail", -1, "Number of the last lines of each instance to print; -1 is all.")
	return cmd
}

// options are those of one container's log.
func (f *logsFlags) options() *corev1.PodLogOptions {
	options := &corev1.PodLogOptions{Follow: f.follow, Previous: f.previous}
	if f.since > 0 {
		options.SinceSeconds = ptr.To(max(1, int64(f.since/time.Second)))
	}
	if f.tail >= 0 {
		options.TailLines = ptr.To(f.tail)
	}
	return options
}

// lines writes lines of several logs to one output.
type lines struct {
	mu       sync.Mutex
	out      io.Writer
	plain    bool
	readable bool
	paint    func(from string) paint
}

func (s *session) newLines(out io.Writer, f *logsFlags) *lines {
	return &lines{
		out: out, plain: f.noPrefix, readable: s.terminal(out) && !f.raw,
		paint: func(from string) paint { return s.paintOf(out, from) },
	}
}

func (l *lines) write(from, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readable {
		line = readable(line)
	}
	if l.plain {
		fmt.Fprintln(l.out, line)
		return
	}
	fmt.Fprintf(l.out, "%s %s\n", l.paint(from)("["+from+"]"), line)
}

// kanikoLine is how Kaniko writes a line where that is no terminal: the time, the level and the message, which is quoted.
var kanikoLine = regexp.MustCompile(`^time="[^"]*" level=(\w+) msg=("(?:[^"\\]|\\.)*"|[^"\s]\S*)`)

// readable is a line of a function, or of a build, as people read it: without quotes, ids, and the names of fields.
func readable(line string) string {
	if text, ok := functionruntime.ReadableLine([]byte(line)); ok {
		return text
	}
	parts := kanikoLine.FindStringSubmatch(line)
	if parts == nil {
		return line
	}
	message, err := strconv.Unquote(parts[2])
	if err != nil {
		message = parts[2]
	}
	if parts[1] != "info" {
		message = parts[1] + ": " + message
	}
	return message
}

// printBuild prints the newest build's log, step by step.
func (f *logsFlags) printBuild(ctx context.Context, c *clients, namespace, name string, p *lines) error {
	builds, err := c.builds(ctx, namespace, name)
	if err != nil {
		return err
	}
	if len(builds) == 0 {
		return failf("kn lambda describe "+name, "it has no build")
	}
	if builds[0].Status.PodName == "" && f.follow {
		c.followBuild(ctx, namespace, builds[0].Name, p.write)
		return ctx.Err()
	}
	if builds[0].Status.PodName == "" {
		return failf("kn lambda logs "+name+" --build --follow", "build %q has not started", builds[0].Name)
	}
	err = c.streamSteps(ctx, namespace, builds[0].Status.PodName, f.options(), p.write)
	if gone(err) {
		return failf("kn lambda build "+name+" --force", "the pod of build %q is gone, and its log with it", builds[0].Name)
	}
	return err
}

// instances are the pods of a function, those of the newest Revision last.
func (c *clients) instances(ctx context.Context, namespace, name string) ([]corev1.Pod, error) {
	list, err := c.kube.CoreV1().Pods(namespace).List(ctx, childrenOf(name))
	if err != nil {
		return nil, err
	}
	list.Items = slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return !isInstance(&pod) })
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

func isInstance(pod *corev1.Pod) bool {
	return pod.Labels[taskRunLabel] == "" && pod.Labels[serving.RevisionLabelKey] != ""
}

// instanceName is short: the Revision, and what sets the pod apart from others of it.
func instanceName(pod *corev1.Pod) string {
	return pod.Labels[serving.RevisionLabelKey] + "/" + pod.Name[strings.LastIndex(pod.Name, "-")+1:]
}

func (f *logsFlags) printInstances(ctx context.Context, c *clients, namespace, name string, p *lines, notes io.Writer) error {
	pods, err := c.instances(ctx, namespace, name)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		fmt.Fprintf(notes, "Function '%s' has no instances at present. Wait for one: kn lambda logs %s --follow\n", name, name)
	}
	var errs []error
	for i := range pods {
		errs = append(errs, f.printInstance(ctx, c, &pods[i], p))
	}
	return errors.Join(errs...)
}

// printInstance prints the logs of a pod's containers that are the function's.
func (f *logsFlags) printInstance(ctx context.Context, c *clients, pod *corev1.Pod, p *lines) error {
	from := instanceName(pod)
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == queueProxy {
			continue
		}
		options := f.options()
		options.Container = pod.Spec.Containers[i].Name
		if err := c.stream(ctx, pod.Namespace, pod.Name, options, func(line string) { p.write(from, line) }); err != nil && !gone(err) {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	return nil
}

// followInstances prints the logs of the instances that there are, and that come, until it is interrupted.
func (f *logsFlags) followInstances(ctx context.Context, c *clients, namespace, name string, p *lines) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var logs sync.WaitGroup
	defer logs.Wait()
	defer cancel(nil)
	pods, selector := c.kube.CoreV1().Pods(namespace), childrenOf(name).LabelSelector
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = selector
			return pods.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = selector
			return pods.Watch(ctx, options)
		},
	}
	followed := map[string]bool{}
	_, err := watchtools.UntilWithSync(ctx, cache.ToListWatcherWithWatchListSemantics(lw, c.kube), &corev1.Pod{}, nil, func(event watch.Event) (bool, error) {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || !isInstance(pod) || event.Type == watch.Deleted || followed[string(pod.UID)] {
			return false, nil
		}
		followed[string(pod.UID)] = true
		logs.Go(func() {
			if err := f.printInstance(ctx, c, pod, p); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
		return false, nil
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
