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
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
)

const lettersPurgeExample = `
  # Remove two letters
  kn lambda dlq purge 1795649578114 1795649578115

  # Which letters of a function are older than a day, and remove them
  kn lambda dlq purge orders --before 24h --dry-run
  kn lambda dlq purge orders --before 24h --yes`

func newLettersPurgeCommand(s *session) *cobra.Command {
	var o lettersOrder
	cmd := &cobra.Command{
		Use:     "purge [FUNCTION|ID...]",
		Short:   "Remove dead letters",
		Long:    "Remove dead letters: those that are named, those of a function, or all of the namespace. They cannot be had back.",
		Example: lettersPurgeExample[1:],
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.purge(cmd, s, args); err != nil {
				return fmt.Errorf("failed to remove dead letters: %w", err)
			}
			return nil
		},
	}
	o.add(cmd, s)
	return cmd
}

func (o *lettersOrder) purge(cmd *cobra.Command, s *session, args []string) error {
	body, err := o.body(args, s)
	if err != nil {
		return err
	}
	k, err := o.sink.open(cmd.Context(), s)
	if err != nil {
		return err
	}
	defer k.stop()
	if ok, err := o.confirm(cmd, s, k, "/purge", body, true, "Remove %s of namespace '%s'?", "removed"); err != nil || !ok {
		return err
	}
	var done struct {
		Matched int `json:"matched"`
		Purged  int `json:"purged"`
	}
	if err := k.call(cmd.Context(), http.MethodPost, "/purge", body, &done); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Removed %s of namespace '%s'.\n", counted(done.Purged), k.namespace)
	return err
}
