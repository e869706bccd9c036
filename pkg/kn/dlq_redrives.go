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
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// redrivesPath is where redrives are, by their IDs, below the namespace.
const redrivesPath = "/redrives/"

// redrivesFormats are those of --output; the first is the table.
var redrivesFormats = []string{"", formatWide, "json", "yaml", "name"}

func newLettersRedrivesCommand(s *session) *cobra.Command {
	var from sinkFlags
	var format string
	cmd := &cobra.Command{
		Use: "redrives", Short: "List how far letters are sent again, of the last week", Args: cobra.NoArgs,
		Example: `  # What goes on, and what became of what was sent again
  kn lambda dlq redrives`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(redrivesFormats, format) {
				return usagef("--output %q: it is none of %s", format, strings.Join(redrivesFormats[1:], ", "))
			}
			k, err := from.open(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer k.stop()
			var found struct {
				Redrives []json.RawMessage `json:"redrives"`
			}
			if err := k.call(cmd.Context(), http.MethodGet, "/redrives", nil, &found); err != nil {
				return fmt.Errorf("failed to list redrives: %w", err)
			}
			if len(found.Redrives) == 0 && format != "json" && format != "yaml" {
				fmt.Fprintln(cmd.ErrOrStderr(), "No redrives found.")
				return nil
			}
			return printRedrives(cmd.OutOrStdout(), found.Redrives, format, s.now())
		},
	}
	from.add(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "", "Output format. One of: "+strings.Join(redrivesFormats[1:], ", ")+". A redrive's name is its ID alone.")
	complete(cmd, "output", oneOf(redrivesFormats[1:]...))
	return cmd
}

// printRedrives writes redrives in one of redrivesFormats. JSON and YAML have all that the sink tells.
func printRedrives(out io.Writer, found []json.RawMessage, format string, now time.Time) error {
	if format == "json" || format == "yaml" {
		return printJSON(out, map[string]any{"redrives": append([]json.RawMessage{}, found...)}, format)
	}
	t := &table{columns: []column{
		{name: "ID"},
		{name: "State"},
		{name: "Letters"},
		{name: "Delivered"},
		{name: "Kept"},
		{name: "Age"},
		{name: "User", cut: true},
		{name: "Gone", wide: true},
		{name: "Message", wide: true},
	}}
	for _, text := range found {
		var r redrive
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("failed to read a redrive: %w", err)
		}
		if format == "name" {
			fmt.Fprintln(out, oneLine(r.ID))
			continue
		}
		t.rows = append(t.rows, []string{
			r.ID, r.State, strconv.Itoa(r.Matched), strconv.Itoa(r.Delivered), strconv.Itoa(r.Undelivered + r.Refused), age(now, r.CreatedAt), r.User,
			strconv.Itoa(r.Gone), oneLine(r.Message),
		})
	}
	if format == "name" {
		return nil
	}
	return t.print(out, format == formatWide)
}

func newLettersCancelCommand(s *session) *cobra.Command {
	var from sinkFlags
	cmd := &cobra.Command{
		Use: "cancel ID", Short: "End a redrive; letters that are not delivered are kept", Args: cobra.ExactArgs(1),
		Example: `  # What goes on, and its end
  kn lambda dlq redrives
  kn lambda dlq cancel 7f4a3b`,
		RunE: func(cmd *cobra.Command, args []string) error {
			k, err := from.open(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer k.stop()
			var r redrive
			if err := k.call(cmd.Context(), http.MethodDelete, redrivesPath+url.PathEscape(args[0]), nil, &r); err != nil {
				return fmt.Errorf("failed to end redrive %q: %w", args[0], err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Redrive '%s' has ended. %s.\n", r.ID, r.progress())
			return err
		},
	}
	from.add(cmd)
	return cmd
}
