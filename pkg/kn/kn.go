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

// Package kn is the command line "kn lambda".
package kn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Main runs the command with the arguments of the process, of which the first is the program, and with its streams and
// signals. It returns the exit code: ExitOK, ExitFailure, ExitUsage, ExitNotReady, ExitLost or ExitInterrupted. Errors are
// written to standard error.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	s := newSession(os.Stderr)
	s.called = calledAs(args[0])
	return execute(ctx, s, genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, args[1:])
}

// calledAs says how a program is called: what is a plugin of kn is one of kubectl by another name.
func calledAs(program string) string {
	if strings.HasPrefix(filepath.Base(program), "kubectl-") {
		return "kubectl lambda"
	}
	return knPlugin
}

// Short says in a line what the command is for.
const Short = "Write, run and manage functions"

// NewCommand returns the command with all its verbs, as its documentation is made of.
func NewCommand() *cobra.Command {
	return newRoot(newSession(nil))
}

func execute(ctx context.Context, s *session, streams genericiooptions.IOStreams, args []string) int {
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	began := false
	watchBegin(root, &began)
	executed, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return ExitOK
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return ExitInterrupted
	case !began:
		// What cobra refuses before a verb begins are flags, arguments and verbs that are not there.
		err = usagef("%w", err)
	}
	failure := explain(err)
	if failure.code == ExitUsage && failure.next == "" {
		failure.next = executed.CommandPath() + " --help"
	}
	fmt.Fprintln(streams.ErrOut, s.paintFor(streams.ErrOut, color.FgRed)("Error:"), failure.Error())
	if failure.next != "" {
		fmt.Fprintln(streams.ErrOut, "Try:  ", s.asCalled(failure.next))
	}
	return failure.code
}

// watchBegin has began set when any of the verbs has passed all checks of its flags and arguments.
func watchBegin(cmd *cobra.Command, began *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return run(cmd, args)
		}
	}
	for _, verb := range cmd.Commands() {
		watchBegin(verb, began)
	}
}

const rootLong = `Write, run and manage functions: code that Knative Lambda builds into an image, and that Knative serves and scales to
zero.

Exit codes:
  0    done
  1    it failed
  2    the flags or the arguments are wrong
  3    the function did not become ready, or not in time; of dead letters that were sent again, some are still there
  4    something of what was imported is left out, or has no effect
  130  interrupted`

const rootExample = `
  # From nothing to an answer
  kn lambda init hello --language python
  kn lambda deploy hello
  kn lambda invoke hello

  # What is there, and how it is
  kn lambda list
  kn lambda describe hello
  kn lambda logs hello --follow`

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:           "kn-lambda",
		Short:         Short,
		Long:          rootLong,
		Example:       rootExample[1:],
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: s.called},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	// What is completed to files is what takes files: a shell that offers them elsewhere misleads.
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(newRunCommand(), newVersionCommand())
	root.AddCommand(newInitCommand())
	root.AddCommand(newImportCommand())
	for _, verb := range []*cobra.Command{
		newDeployCommand(s), newCreateCommand(s), newApplyCommand(s), newUpdateCommand(s), newListCommand(s), newDescribeCommand(s), newDeleteCommand(s),
		newInvokeCommand(s), newBuildCommand(s), newRollbackCommand(s), newTrafficCommand(s),
		newLogsCommand(s), newEventsCommand(s), newWhyCommand(s), newTopCommand(s),
		newDoctorCommand(s),
		newDeadLettersCommand(s), newAgentCommand(s),
	} {
		s.addFlags(verb)
		root.AddCommand(verb)
	}
	s.nameAsCalled(root)
	return root
}

// nameAsCalled has the help of a verb, and of those below it, name the command as it was called.
func (s *session) nameAsCalled(cmd *cobra.Command) {
	cmd.Short, cmd.Long, cmd.Example = s.asCalled(cmd.Short), s.asCalled(cmd.Long), s.asCalled(cmd.Example)
	for _, verb := range cmd.Commands() {
		s.nameAsCalled(verb)
	}
}

// asCalled has a text name the command as it was called.
func (s *session) asCalled(text string) string {
	return strings.ReplaceAll(text, knPlugin, s.called)
}
