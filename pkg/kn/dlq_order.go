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
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// mostIDs is how many letters the sink takes by their IDs at once.
const mostIDs = 1000

// lettersOrder is a redrive or a purge: which letters are meant, and whether somebody has to be asked.
type lettersOrder struct {
	sink        sinkFlags
	selection   selection
	yes, dryRun bool
}

// orderBody is what the sink is sent. There are IDs or a filter; an empty filter is all letters.
type orderBody struct {
	IDs         []string   `json:"ids,omitempty"`
	Filter      *selection `json:"filter,omitempty"`
	DryRun      bool       `json:"dryRun,omitempty"`
	Rate        float64    `json:"rate,omitempty"`
	Destination string     `json:"destination,omitempty"`
}

func (o *lettersOrder) add(cmd *cobra.Command, s *session) {
	o.sink.add(cmd)
	o.selection.add(cmd)
	cmd.Flags().BoolVarP(&o.yes, "yes", "y", false, "Do not ask.")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Do nothing: tell how many letters are meant, and list the first ones.")
	cmd.MarkFlagsMutuallyExclusive("yes", "dry-run")
	cmd.ValidArgsFunction = s.completeFunction
}

// body says which letters are meant: those of IDs, those of a function, or all, each by the flags.
func (o *lettersOrder) body(args []string, s *session) (*orderBody, error) {
	if err := o.selection.check(s.now()); err != nil {
		return nil, err
	}
	ids := 0
	for _, arg := range args {
		if isLetterID(arg) {
			ids++
		}
	}
	switch {
	case ids == 0 && len(args) < 2:
		filter := o.selection
		if len(args) == 1 {
			filter.Function = args[0]
		}
		return &orderBody{Filter: &filter}, nil
	case ids < len(args):
		return nil, usagef("name one function, or IDs of letters")
	case o.selection != (selection{}):
		return nil, usagef("IDs say which letters are meant: leave out --type, --source, --reason, --before and --after")
	case ids > mostIDs:
		return nil, usagef("%d IDs are too many: at most %d at once", ids, mostIDs)
	}
	slices.Sort(args)
	return &orderBody{IDs: slices.Compact(args)}, nil
}

// all is true where nothing says which letters.
func (b *orderBody) all() bool { return b.Filter != nil && *b.Filter == selection{} }

// preview is what an order would do.
type preview struct {
	Matched int               `json:"matched"`
	Letters []json.RawMessage `json:"letters"`
}

// preview asks the sink which letters an order means.
func (k *sink) preview(ctx context.Context, path string, body *orderBody) (*preview, error) {
	asking := *body
	asking.DryRun = true
	found := &preview{}
	return found, k.call(ctx, http.MethodPost, path, &asking, found)
}

// print lists the first letters that are meant, and says of all how many they are. what is done to them, such as removed.
func (p *preview) print(cmd *cobra.Command, s *session, what string) error {
	if p.Matched > 0 {
		if err := printLetters(cmd.OutOrStdout(), p.Letters, "", s.now()); err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s would be %s.\n", counted(p.Matched), what)
	return nil
}

// counted is a number of letters.
func counted(letters int) string {
	if letters == 1 {
		return "1 letter"
	}
	return fmt.Sprintf("%d letters", letters)
}

// ask has somebody at a terminal say yes or no, and where nobody is there is an error.
func (s *session) ask(cmd *cobra.Command, question string) error {
	if !s.terminal(cmd.InOrStdin()) {
		return usagef("nobody is there to be asked %q: say --yes", question)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && err != io.EOF { // as io.Reader has it
		return fmt.Errorf("failed to read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return failf("", "nothing was done")
}

// confirm is true where the order is to be carried out. Before somebody is asked the sink is, how many letters are meant.
func (o *lettersOrder) confirm(cmd *cobra.Command, s *session, k *sink, path string, body *orderBody, asks bool, question, what string) (bool, error) {
	if !o.dryRun && (o.yes || !asks) {
		return true, nil
	}
	found, err := k.preview(cmd.Context(), path, body)
	switch {
	case err != nil:
		return false, err
	case o.dryRun:
		return false, found.print(cmd, s, what)
	case found.Matched == 0:
		fmt.Fprintln(cmd.ErrOrStderr(), "No dead letters found.")
		return false, nil
	}
	return true, s.ask(cmd, fmt.Sprintf(question, counted(found.Matched), k.namespace))
}
