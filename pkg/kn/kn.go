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

import "github.com/spf13/cobra"

// NewCommand returns the command with all its verbs. Errors are its caller's to print.
func NewCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "kn-lambda",
		Short:         "Write, run and manage functions",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kn lambda"},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newRunCommand())
	return root
}
