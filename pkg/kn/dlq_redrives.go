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
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

const redrivesExample = `
  # The redrives of the namespace, and how far they are
  kn lambda dlq redrives

  # All that is known of them, as which letters were not delivered
  kn lambda dlq redrives -o yaml`

const redriveCancelLong = `End a redrive that goes on or waits. Letters that it has not delivered are kept.

Who has not made it needs the right to update all functions of the namespace. One that has ended by itself is an error.`

// redriveID is what the sink names redrives by.
var redriveID = regexp.MustCompile("^[0-9a-z]+$")

func newRedrivesCommand(s *session) *cobra.Command {
	var flags sinkFlags
	var output lettersFormat
	cmd := &cobra.Command{
		Use:     "redrives",
		Short:   "List redrives of the last week, the oldest first",
		Example: redrivesExample[1:],
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			k, err := flags.open(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer k.stop()
			if err := k.listRedrives(cmd, output, s.now()); err != nil {
				return fmt.Errorf("failed to list redrives: %w", err)
			}
			return nil
		},
	}
	flags.add(cmd)
	output.add(cmd, "redrive")
	return cmd
}

func (k *sink) listRedrives(cmd *cobra.Command, format lettersFormat, now time.Time) error {
	var told struct {
		Redrives []json.RawMessage `json:"redrives"`
	}
	if err := k.call(cmd.Context(), http.MethodGet, "/redrives", nil, &told); err != nil {
		return err
	}
	if len(told.Redrives) == 0 && format.text() {
		fmt.Fprintln(cmd.ErrOrStderr(), "No redrives found.")
		return nil
	}
	return printTold(cmd.OutOrStdout(), "redrive", told.Redrives, string(format), func(j *redrive) string { return j.ID },
		func(redrives []redrive) *table { return redrivesTable(redrives, now) })
}

func redrivesTable(redrives []redrive, now time.Time) *table {
	t := &table{columns: []column{
		{name: "ID"},
		{name: "State"},
		{name: "Matched"},
		{name: "Delivered"},
		{name: "Failed"},
		{name: "User", cut: true},
		{name: "Age"},
		{name: "Gone", wide: true},
		{name: "Message", wide: true},
	}}
	for i := range redrives {
		j := &redrives[i]
		t.rows = append(t.rows, []string{
			j.ID, j.State, strconv.Itoa(j.Matched), strconv.Itoa(j.Delivered), strconv.Itoa(j.Undelivered + j.Refused), j.User,
			age(now, j.CreatedAt), strconv.Itoa(j.Gone), j.Message,
		})
	}
	return t
}

func newRedriveCancelCommand(s *session) *cobra.Command {
	var flags sinkFlags
	cmd := &cobra.Command{
		Use:     "cancel ID",
		Short:   "End a redrive that goes on or waits",
		Long:    redriveCancelLong,
		Example: "  kn lambda dlq cancel dki9s4n9ykhs",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !redriveID.MatchString(args[0]) {
				return usagef("%q is no ID of a redrive: kn lambda dlq redrives tells those", args[0])
			}
			k, err := flags.open(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer k.stop()
			if err := k.cancelRedrive(cmd, args[0]); err != nil {
				return fmt.Errorf("failed to cancel redrive %q: %w", args[0], err)
			}
			return nil
		},
	}
	flags.add(cmd)
	return cmd
}

func (k *sink) cancelRedrive(cmd *cobra.Command, id string) error {
	var ended redrive
	if err := k.call(cmd.Context(), http.MethodDelete, "/redrives/"+id, nil, &ended); err != nil {
		return err
	}
	if ended.State != redriveCancelled {
		return failf("kn lambda dlq redrives", "it had ended before: %s", ended.progress())
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "Redrive '%s' is cancelled: %d of %d delivered.\n", id, ended.Delivered, ended.Matched)
	return err
}
