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
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	apierrs "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/kn/diagnosis"
)

const whyExample = `
  # Tell why function orders is not ready, and what to do
  kn lambda why orders

  # The same of an agent that has the name of a function
  kn lambda why chat --agent

  # The same for a program
  kn lambda why orders --output json`

func newWhyCommand(s *session) *cobra.Command {
	var agent bool
	var output string
	cmd := &cobra.Command{
		Use:   "why NAME",
		Short: "Tell why a function or an agent is not ready, and what to do",
		Long: `Follow the condition of a LambdaFunction, or of a LambdaAgent, that is not True down to its cause: a step of the build, a pod,
a container, an event, a Broker. Where it is ready, tell what is still wrong.

It reads what you may read, and says what it could not look at. It changes nothing.`,
		Example: whyExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := findingPrinters[output]
			if !ok {
				return usagef("--output %q: text, json or yaml", output)
			}
			c, namespace, err := s.open()
			if err != nil {
				return err
			}
			finding, err := diagnose(cmd.Context(), *c.diagnosis(), namespace, args[0], agent)
			if err != nil {
				return err
			}
			return write(finding, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&agent, "agent", false, "Tell of the LambdaAgent, also where a LambdaFunction has the name.")
	flags.StringVarP(&output, "output", "o", "text", "Output format. One of: text, json, yaml.")
	complete(cmd, "output", oneOf(slices.Sorted(maps.Keys(findingPrinters))...))
	return cmd
}

// diagnose tells of the function of the name, or of the agent where there is no such function.
func diagnose(ctx context.Context, clients diagnosis.Clients, namespace, name string, agent bool) (*diagnosis.Finding, error) {
	if !agent {
		finding, err := diagnosis.Explain(ctx, clients, namespace, name)
		if !apierrs.IsNotFound(err) {
			return finding, err
		}
	}
	finding, err := diagnosis.ExplainAgent(ctx, clients, namespace, name)
	if apierrs.IsNotFound(err) && !agent {
		return nil, failf(fmt.Sprintf("kubectl -n %s get lambdafunctions,lambdaagents", namespace),
			"there is neither a LambdaFunction nor a LambdaAgent %q in namespace %q", name, namespace)
	}
	return finding, err
}

var findingPrinters = map[string]func(*diagnosis.Finding, io.Writer) error{
	"text": (*diagnosis.Finding).Print,
	"json": func(f *diagnosis.Finding, w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(f)
	},
	"yaml": func(f *diagnosis.Finding, w io.Writer) error {
		text, err := yaml.Marshal(f)
		if err != nil {
			return fmt.Errorf("failed to write YAML: %w", err)
		}
		_, err = w.Write(text)
		return err
	},
}
