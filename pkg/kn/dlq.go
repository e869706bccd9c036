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
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const deadLettersLong = `See, send again and remove dead letters: events that functions failed on, as often as they were tried.

The sink of dead letters is reached through the API server: that takes the right to port-forward to its pod, in the
operator's namespace. It asks for a bearer token of the cluster, and lets you do with the letters of a function what you
may do with the function. The token is that of the kubeconfig. Where that logs in with a client certificate, which the sink
does not get to see, --service-account has a token made for an hour.`

// deadLetterReasons are why events become letters. They are part of the sink's API.
var deadLetterReasons = []string{
	"Rejected", "NotFound", "Timeout", "Overloaded", "HandlerError", "Unreachable", "ReplyFailed", "Unknown",
}

func newDeadLettersCommand(s *session) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dlq",
		Aliases: []string{"dead-letters"},
		Short:   "See, send again and remove the events that functions failed on",
		Long:    deadLettersLong,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLettersListCommand(s), newLettersPeekCommand(s), newLettersRedriveCommand(s), newLettersPurgeCommand(s),
		newRedrivesCommand(s), newRedriveCancelCommand(s))
	return cmd
}

// selection says which letters are meant, in the words of the sink's API.
type selection struct {
	Function string `json:"function,omitempty"`
	Type     string `json:"type,omitempty"`
	Source   string `json:"source,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Before   string `json:"before,omitempty"`
	After    string `json:"after,omitempty"`
}

func (f *selection) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.Type, "type", "", "Letters whose event is of this type.")
	flags.StringVar(&f.Source, "source", "", "Letters whose event is from this source.")
	flags.StringVar(&f.Reason, "reason", "", "Letters that have this reason: "+strings.Join(deadLetterReasons, ", ")+".")
	flags.StringVar(&f.Before, "before", "", "Letters that came before: a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h.")
	flags.StringVar(&f.After, "after", "", "Letters that came after, as --before.")
	complete(cmd, "reason", oneOf(deadLetterReasons...))
}

// check refuses what the sink would, and has times be as it reads them.
func (f *selection) check(now time.Time) error {
	if f.Reason != "" && !slices.Contains(deadLetterReasons, f.Reason) {
		return usagef("--reason %q: it is none of %s", f.Reason, strings.Join(deadLetterReasons, ", "))
	}
	for flag, value := range map[string]*string{"before": &f.Before, "after": &f.After} {
		if *value == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, *value)
		if past, noDuration := time.ParseDuration(*value); noDuration == nil {
			at, err = now.Add(-past.Abs()), nil
		}
		if err != nil {
			return usagef("--%s %q: write a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h", flag, *value)
		}
		*value = at.UTC().Format(time.RFC3339)
	}
	return nil
}

// query is the selection as parameters of a list.
func (f *selection) query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{
		"function": f.Function, "type": f.Type, "source": f.Source, "reason": f.Reason, "before": f.Before, "after": f.After,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}
