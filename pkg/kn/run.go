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
	"strings"

	"github.com/spf13/cobra"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/local"
)

const runExample = `
  # Run the function in the working directory, and load it again when a file changes
  kn lambda run

  # Run a handler of your choice on another port
  kn lambda run ./orders --handler orders.total --port 9000 --env STAGE=dev

  # Take language, handler, environment and timeout from a manifest
  kn lambda run ./orders --filename function.yaml`

func newRunCommand() *cobra.Command {
	var o local.Options
	var env []string
	cmd := &cobra.Command{
		Use:   "run [DIR]",
		Short: "Run a function on this machine, without a cluster or containers",
		Long: `Run the function in DIR, or in the working directory, on this machine: with the runtime that serves it in the cluster,
and with the interpreter, compiler and packages that you have installed. It is loaded again when a file changes; until
the new code is loaded, and where it cannot be, the old code serves.`,
		Example: runExample[1:],
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: folders,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Dir = args[0]
			}
			for _, pair := range env {
				if name, _, ok := strings.Cut(pair, "="); !ok || name == "" {
					return usagef("--env %q: write NAME=VALUE", pair)
				}
			}
			o.Env, o.Output = env, cmd.OutOrStdout()
			return local.Run(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Manifest, "filename", "f", "", "File with the LambdaFunction that says how to run it; other flags win over it.")
	flags.StringVar(&o.Language, "language", "", "Language of the code: python, nodejs or go. By default what the files look like.")
	flags.StringVar(&o.Handler, "handler", "", "What to call, module.function. By default main.handler, index.handler or main.Handler.")
	flags.StringVar(&o.Addr, "address", "127.0.0.1", "Address to listen on.")
	flags.IntVarP(&o.Port, "port", "p", 8080, "Port to listen on; 0 takes any that is free.")
	flags.StringArrayVarP(&env, "env", "e", nil, "Environment variable of the function, NAME=VALUE. May be given several times.")
	complete(cmd, "filename", files)
	complete(cmd, "language", oneOf("python", "nodejs", "go"))
	return cmd
}
