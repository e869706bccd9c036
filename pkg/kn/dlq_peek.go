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
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
)

const lettersPeekExample = `
  # Why an event became a letter, and the event
  kn lambda dlq peek 1795649578114

  # The event alone, to send it to a function at hand
  kn lambda dlq peek 1795649578114 --event |
    curl -H 'Content-Type: application/cloudevents+json' -d @- localhost:8080

  # Its data, byte by byte
  kn lambda dlq peek 1795649578114 --data > order.json`

// peekFormats are those of --output; the first is for people.
var peekFormats = []string{"", "json", "yaml"}

// lettersPeek is what peek does.
type lettersPeek struct {
	sink        sinkFlags
	output      string
	event, data bool
}

func newLettersPeekCommand(s *session) *cobra.Command {
	var p lettersPeek
	cmd := &cobra.Command{
		Use:     "peek ID",
		Short:   "Show a dead letter: why it is one, and its event",
		Example: lettersPeekExample[1:],
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !isLetterID(args[0]) {
				return usagef("%q is no ID of a letter: those are numbers, which kn lambda dlq list tells", args[0])
			}
			if p.output != "" && p.output != "json" && p.output != "yaml" {
				return usagef("--output %q: it is none of %s", p.output, strings.Join(peekFormats[1:], ", "))
			}
			k, err := p.sink.open(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer k.stop()
			if err := p.run(cmd.Context(), cmd.OutOrStdout(), k, args[0], s.now()); err != nil {
				return fmt.Errorf("failed to show dead letter %s: %w", args[0], err)
			}
			return nil
		},
	}
	p.sink.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&p.event, "event", false, "Print the event alone, as JSON of CloudEvents.")
	flags.BoolVar(&p.data, "data", false, "Print the event's data alone, as it is.")
	flags.StringVarP(&p.output, "output", "o", "", "Output format. One of: "+strings.Join(peekFormats[1:], ", ")+".")
	complete(cmd, "output", oneOf(peekFormats[1:]...))
	cmd.MarkFlagsMutuallyExclusive("event", "data", "output")
	return cmd
}

// isLetterID is true for what the sink names letters by. No function has such a name.
func isLetterID(name string) bool {
	_, err := strconv.ParseUint(name, 10, 64)
	return err == nil
}

func (p *lettersPeek) run(ctx context.Context, out io.Writer, k *sink, id string, now time.Time) error {
	if p.data {
		response, err := k.do(ctx, http.MethodGet, "/letters/"+id+"/event", nil)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(out, response.Body)
		return err
	}
	var told json.RawMessage
	if err := k.call(ctx, http.MethodGet, "/letters/"+id, nil, &told); err != nil {
		return err
	}
	if p.output != "" {
		return printJSON(out, told, p.output)
	}
	var l letter
	var of struct {
		Event json.RawMessage `json:"event"`
	}
	for _, into := range []any{&l, &of} {
		if err := json.Unmarshal(told, into); err != nil {
			return fmt.Errorf("failed to read the letter: %w", err)
		}
	}
	var event bytes.Buffer
	if err := json.Indent(&event, of.Event, "", "  "); err != nil {
		return fmt.Errorf("failed to read the event: %w", err)
	}
	event.WriteByte('\n')
	if !p.event {
		if err := l.print(out, now); err != nil {
			return err
		}
	}
	_, err := event.WriteTo(out)
	return err
}

// print writes what is known of the failure.
func (l *letter) print(out io.Writer, now time.Time) error {
	w := printers.GetNewTabWriter(out)
	say := func(name, value string) { field(w, name, shown(value)) }
	say("ID", l.ID)
	say("Function", l.Function)
	say("Reason", l.Reason)
	say("Destination", l.Destination)
	say("Attempts", known(l.Attempts))
	say("Last status", known(l.Status))
	say("Last answer", l.Body)
	say("Reply to", l.ReplyTo)
	say("Redrives", known(l.Redrives))
	say("Age", age(now, l.ReceivedAt))
	say("Expires", l.ExpiresAt.UTC().Format(time.RFC3339))
	say("Size", strconv.FormatInt(l.Size, 10)+" bytes")
	fmt.Fprintln(w, "\nEvent:")
	return w.Flush()
}
