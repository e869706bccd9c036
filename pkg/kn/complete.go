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
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// completionTimeout is how long a shell waits when somebody presses Tab.
const completionTimeout = 3 * time.Second

// names returns what may be completed to.
type names = func(ctx context.Context) ([]string, error)

// complete has a flag completed.
func complete(cmd *cobra.Command, flag string, with cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, with); err != nil {
		panic(err) // there is no such flag
	}
}

// oneOf completes a flag that has few values.
func oneOf(values ...cobra.Completion) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// files completes names of files.
func files(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// folders completes names of folders.
func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completion is what a shell is told. It is told nothing where the cluster does not answer.
func completion(cmd *cobra.Command, list names) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	found, err := list(ctx)
	if err != nil {
		cobra.CompDebugln(err.Error(), true)
		return nil, cobra.ShellCompDirectiveError
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeFunction completes the name of a function, which is the first argument.
func (s *session) completeFunction(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFirst(cmd, args, s.functionNames)
}

// completeFirst completes the first argument.
func completeFirst(cmd *cobra.Command, args []string, list names) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completion(cmd, list)
}

// completeOthers completes to what is not there yet.
func completeOthers(cmd *cobra.Command, args []string, list names) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completion(cmd, func(ctx context.Context) ([]string, error) {
		found, err := list(ctx)
		return slices.DeleteFunc(found, func(name string) bool { return slices.Contains(args, name) }), err
	})
}

// completeAgent completes the name of an agent, which is the first argument.
func (s *session) completeAgent(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeFirst(cmd, args, s.agentNames)
}

// completeAgents completes the names of agents, but for those that are there.
func (s *session) completeAgents(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeOthers(cmd, args, s.agentNames)
}

// completeFunctions completes the names of functions, but for those that are there.
func (s *session) completeFunctions(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeOthers(cmd, args, s.functionNames)
}

func (s *session) functionNames(ctx context.Context) ([]string, error) {
	return namesOf[v1alpha1.LambdaFunction](ctx, s, listFunctions)
}

func (s *session) agentNames(ctx context.Context) ([]string, error) {
	return namesOf[v1alpha1.LambdaAgent](ctx, s, listAgents)
}

// namesOf returns the names of all objects of the namespace that a list has.
func namesOf[T any, P listed[T]](ctx context.Context, s *session,
	list func(context.Context, *clients, string, metav1.ListOptions) (runtime.Object, *[]T, error),
) ([]string, error) {
	c, namespace, err := s.open()
	if err != nil {
		return nil, err
	}
	_, items, err := list(ctx, c, namespace, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	found := make([]string, 0, len(*items))
	for i := range *items {
		found = append(found, P(&(*items)[i]).GetName())
	}
	return found, nil
}

func (s *session) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completion(cmd, func(ctx context.Context) ([]string, error) {
		c, err := s.connect()
		if err != nil {
			return nil, err
		}
		list, err := c.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		found := make([]string, 0, len(list.Items))
		for i := range list.Items {
			found = append(found, list.Items[i].Name)
		}
		return found, nil
	})
}

func (s *session) completeContexts(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completion(cmd, func(context.Context) ([]string, error) {
		config, err := s.flags.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, err
		}
		return slices.Sorted(maps.Keys(config.Contexts)), nil
	})
}
