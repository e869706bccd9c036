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

// Command cluster makes a real Kubernetes cluster of one node on this Linux machine, with all that the operator needs,
// out of Go modules and Debian packages.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// Where Debian has what is meant for root: not everyone's PATH has that.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "cluster",
		Short:         "A Kubernetes cluster with Tekton and Knative on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	var languages []string
	up := verb("up", "Make the cluster, or find that it is up", func(cmd *cobra.Command, c *cluster, _ []string) error {
		return c.up(cmd.Context(), newProgress(cmd.ErrOrStderr()), languages)
	})
	up.Flags().StringSliceVar(&languages, "runtimes", []string{"python", "nodejs", "go"}, "languages to make the base images of")
	root.AddCommand(
		up,
		verb("down", "Remove the cluster; what was built and downloaded stays", func(cmd *cobra.Command, c *cluster, _ []string) error {
			return c.down(cmd.Context(), newProgress(cmd.ErrOrStderr()))
		}),
		verb("status", "Say what runs, and fail unless all does", func(cmd *cobra.Command, c *cluster, _ []string) error {
			return c.status(cmd.Context(), cmd.OutOrStdout())
		}),
		newLogsCommand(),
		verb("restart COMPONENT", "Kill a daemon of the control plane, and start it again", func(cmd *cobra.Command, c *cluster, args []string) error {
			return c.restart(cmd.Context(), args[0])
		}),
		verb("slow COMPONENT", "Have a daemon run half of the time only, until interrupted", func(cmd *cobra.Command, c *cluster, args []string) error {
			return c.slow(cmd.Context(), args[0])
		}),
		verb("load IMAGE", "Put an image, from an archive or a registry, into the cluster's registry", func(cmd *cobra.Command, c *cluster, args []string) error {
			loaded, err := c.load(cmd.Context(), args[0])
			if err == nil {
				cmd.Println(loaded)
			}
			return err
		}),
		verb("kubeconfig", "Print the path of the kubeconfig", func(cmd *cobra.Command, c *cluster, _ []string) error {
			cmd.Println(c.kubeconfig())
			return nil
		}),
		verb("env", "Print what a shell needs: eval \"$(go run . env)\"", func(cmd *cobra.Command, c *cluster, _ []string) error {
			return c.environment(cmd.OutOrStdout())
		}),
	)
	root.SetOut(os.Stdout)
	return root
}

func newLogsCommand() *cobra.Command {
	var follow bool
	logs := verb("logs COMPONENT", "Print the log of a component that status lists", func(cmd *cobra.Command, c *cluster, args []string) error {
		err := c.logs(cmd.Context(), args[0], follow, cmd.OutOrStdout())
		if follow && cmd.Context().Err() != nil {
			return nil //nolint:nilerr // An interrupt is how it ends.
		}
		return err
	})
	logs.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is logged from now on, until interrupted")
	return logs
}

// verb is a subcommand that works on the cluster. It takes as many arguments as its use line names.
func verb(use, short string, run func(*cobra.Command, *cluster, []string) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(strings.Count(use, " ")),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newCluster()
			if err != nil {
				return err
			}
			return run(cmd, c, args)
		},
	}
}
