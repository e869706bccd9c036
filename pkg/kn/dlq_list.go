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
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const lettersListExample = `
  # The dead letters of the namespace, and those of a function
  kn lambda dlq list
  kn lambda dlq list orders

  # Orders that came in the last two hours, and that the function failed on
  kn lambda dlq list orders --type com.example.order.placed --reason HandlerError --after 2h

  # Their IDs
  kn lambda dlq list orders -o name`

// lettersPage is how many letters are asked for at once.
const lettersPage = 1000

// letter is what is read of a dead letter.
type letter struct {
	ID          string      `json:"id"`
	Namespace   string      `json:"namespace"`
	Function    string      `json:"function"`
	Reason      string      `json:"reason"`
	Destination string      `json:"destination"`
	ReplyTo     string      `json:"replyTo"`
	Attempts    int         `json:"attempts"`
	Status      int         `json:"lastStatus"`
	Body        string      `json:"lastBody"`
	Redrives    int         `json:"redrives"`
	ReceivedAt  metav1.Time `json:"receivedAt"`
	ExpiresAt   metav1.Time `json:"expiresAt"`
	Size        int64       `json:"size"`
	Event       struct {
		Type   string `json:"type"`
		Source string `json:"source"`
	} `json:"event"`
}

// lettersList is what list does.
type lettersList struct {
	sink      sinkFlags
	selection selection
	output    lettersFormat
	limit     int
}

// lettersFormat is the flag --output of verbs that list.
type lettersFormat string

// lettersFormats are those of --output; the first is the table.
var lettersFormats = []string{"", formatWide, "json", "yaml", "name"}

func newLettersListCommand(s *session) *cobra.Command {
	var l lettersList
	cmd := &cobra.Command{
		Use:     "list [FUNCTION]",
		Aliases: []string{"ls"},
		Short:   "List dead letters, the oldest first",
		Example: lettersListExample[1:],
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: s.completeFunction,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				l.selection.Function = args[0]
			}
			return l.run(cmd, s)
		},
	}
	l.sink.add(cmd)
	l.selection.add(cmd)
	cmd.Flags().IntVar(&l.limit, "limit", 0, "The most letters to list; 0 is all.")
	l.output.add(cmd, "letter")
	return cmd
}

func (f *lettersFormat) add(cmd *cobra.Command, kind string) {
	cmd.Flags().StringVarP((*string)(f), "output", "o", "", "Output format. One of: "+strings.Join(lettersFormats[1:], ", ")+". A "+kind+"'s name is its ID alone.")
	complete(cmd, "output", oneOf(lettersFormats[1:]...))
}

func (f lettersFormat) check() error {
	if !slices.Contains(lettersFormats, string(f)) {
		return usagef("--output %q: it is none of %s", string(f), strings.Join(lettersFormats[1:], ", "))
	}
	return nil
}

// text is true where people read it. Programs are given an empty list.
func (f lettersFormat) text() bool { return f != "json" && f != "yaml" }

func (l *lettersList) run(cmd *cobra.Command, s *session) error {
	if err := l.output.check(); err != nil {
		return err
	}
	if l.limit < 0 {
		return usagef("--limit %d: write 0 or more", l.limit)
	}
	if err := l.selection.check(s.now()); err != nil {
		return err
	}
	k, err := l.sink.open(cmd.Context(), s)
	if err != nil {
		return err
	}
	defer k.stop()
	found, more, err := k.letters(cmd.Context(), &l.selection, l.limit)
	if err != nil {
		return fmt.Errorf("failed to list dead letters: %w", err)
	}
	if len(found) == 0 && l.output.text() {
		fmt.Fprintln(cmd.ErrOrStderr(), "No dead letters found.")
		return nil
	}
	if err := printLetters(cmd.OutOrStdout(), found, string(l.output), s.now()); err != nil {
		return err
	}
	if more {
		fmt.Fprintln(cmd.ErrOrStderr(), "There may be more: say a larger --limit, or 0 for all.")
	}
	return nil
}

// letters returns those that are selected, as the sink tells of them. more is true where the limit ended it.
func (k *sink) letters(ctx context.Context, of *selection, limit int) (found []json.RawMessage, more bool, err error) {
	query := of.query()
	for {
		size := lettersPage
		if limit > 0 {
			size = min(size, limit-len(found))
		}
		query.Set("limit", strconv.Itoa(size))
		var page struct {
			Letters  []json.RawMessage `json:"letters"`
			Continue string            `json:"continue"`
		}
		if err := k.call(ctx, http.MethodGet, "/letters?"+query.Encode(), nil, &page); err != nil {
			return nil, false, err
		}
		found = append(found, page.Letters...)
		switch {
		case page.Continue == "":
			return found, false, nil
		case limit > 0 && len(found) >= limit:
			return found, true, nil
		case page.Continue == query.Get("continue"):
			// Asked for ever, it would be the same page for ever.
			return nil, false, fmt.Errorf("the sink of dead letters does not go on after letter %q", page.Continue)
		}
		query.Set("continue", page.Continue)
	}
}

// printLetters writes letters in one of the formats.
func printLetters(out io.Writer, found []json.RawMessage, format string, now time.Time) error {
	return printTold(out, "letter", found, format, func(l *letter) string { return l.ID },
		func(letters []letter) *table { return lettersTable(letters, now) })
}

// printTold writes what the sink has told of, in one of the formats. JSON and YAML have all of it, below the plural of kind.
func printTold[T any](out io.Writer, kind string, found []json.RawMessage, format string, id func(*T) string, tableOf func([]T) *table) error {
	if format == "json" || format == "yaml" {
		return printJSON(out, map[string]any{kind + "s": append([]json.RawMessage{}, found...)}, format)
	}
	read := make([]T, len(found))
	for i, text := range found {
		if err := json.Unmarshal(text, &read[i]); err != nil {
			return fmt.Errorf("failed to read a %s: %w", kind, err)
		}
	}
	if format != "name" {
		return tableOf(read).print(out, format == formatWide)
	}
	for i := range read {
		if _, err := fmt.Fprintln(out, shown(id(&read[i]))); err != nil {
			return err
		}
	}
	return nil
}

func lettersTable(letters []letter, now time.Time) *table {
	t := &table{columns: []column{
		{name: "ID"},
		{name: "Function", cut: true},
		{name: "Type", cut: true},
		{name: "Reason"},
		{name: "Age"},
		{name: "Attempts"},
		{name: "Status", wide: true},
		{name: "Source", wide: true},
		{name: "Destination", wide: true},
		{name: "Redrives", wide: true},
		{name: "Expires", wide: true},
	}}
	for i := range letters {
		l := &letters[i]
		t.rows = append(t.rows, []string{
			l.ID, l.Function, l.Event.Type, l.Reason, age(now, l.ReceivedAt), known(l.Attempts),
			known(l.Status), l.Event.Source, l.Destination, strconv.Itoa(l.Redrives), l.ExpiresAt.UTC().Format(time.RFC3339),
		})
	}
	return t
}

// known is a number, and "" where the sink does not know it.
func known(number int) string {
	if number == 0 {
		return ""
	}
	return strconv.Itoa(number)
}
