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

package deadletter

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter selects letters: those that match all of its fields. An empty field matches all.
type Filter struct {
	Function string `json:"function,omitempty"`
	// Type and Source are attributes of the event.
	Type   string `json:"type,omitempty"`
	Source string `json:"source,omitempty"`
	Reason Reason `json:"reason,omitempty"`
	// Before and After bound the time at which the letter came, as RFC 3339 writes it. Neither includes its bound.
	Before time.Time `json:"before,omitzero"`
	After  time.Time `json:"after,omitzero"`
}

// matches is true where the filter selects the letter.
func (f *Filter) matches(l *Letter) bool {
	return (f.Function == "" || f.Function == l.Function) &&
		(f.Type == "" || f.Type == l.Event.Type()) &&
		(f.Source == "" || f.Source == l.Event.Source()) &&
		(f.Reason == "" || f.Reason == l.Reason) &&
		(f.Before.IsZero() || l.ReceivedAt.Before(f.Before)) &&
		(f.After.IsZero() || l.ReceivedAt.After(f.After))
}

// filterText is a Filter before its fields were checked.
type filterText struct {
	Function string `json:"function"`
	Type     string `json:"type"`
	Source   string `json:"source"`
	Reason   string `json:"reason"`
	Before   string `json:"before"`
	After    string `json:"after"`
}

// parse checks the fields. at says what a field is called in an error.
func (t *filterText) parse(at func(field string) FieldError) (Filter, []FieldError) {
	f := Filter{Function: t.Function, Type: t.Type, Source: t.Source, Reason: Reason(t.Reason)}
	var errs []FieldError
	refuse := func(field, detail string) {
		e := at(field)
		e.Detail = detail
		errs = append(errs, e)
	}
	if f.Function != "" && !isName(f.Function) {
		refuse("function", "is not the name of a function")
	}
	if f.Reason != "" && !slices.Contains(Reasons, f.Reason) {
		refuse("reason", "is none of "+reasonList())
	}
	var err error
	if t.Before != "" {
		if f.Before, err = time.Parse(time.RFC3339, t.Before); err != nil {
			refuse("before", "is not a time such as 2026-01-31T12:00:00Z")
		}
	}
	if t.After != "" {
		if f.After, err = time.Parse(time.RFC3339, t.After); err != nil {
			refuse("after", "is not a time such as 2026-01-31T12:00:00Z")
		}
	}
	return f, errs
}

func reasonList() string {
	texts := make([]string, 0, len(Reasons))
	for _, r := range Reasons {
		texts = append(texts, string(r))
	}
	return strings.Join(texts, ", ")
}

// Bounds of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// listQuery is what a list is asked for with.
type listQuery struct {
	filter Filter
	limit  int
	// from is the first sequence to look at.
	from uint64
}

// parseListQuery reads the parameters of a list. One that it does not know is refused: a filter with a typing error would
// show too much.
func parseListQuery(query url.Values) (*listQuery, []FieldError) {
	var text filterText
	q := &listQuery{limit: defaultLimit}
	var errs []FieldError
	refuse := func(name, detail string) {
		errs = append(errs, FieldError{Parameter: name, Detail: detail})
	}
	fields := map[string]*string{
		"function": &text.Function, "type": &text.Type, "source": &text.Source, "reason": &text.Reason,
		"before": &text.Before, "after": &text.After,
	}
	for name, values := range query {
		value := values[0]
		switch field, ok := fields[name]; {
		case len(values) > 1:
			refuse(name, "is there more than once")
		case ok:
			*field = value
		case name == "limit":
			var err error
			if q.limit, err = strconv.Atoi(value); err != nil || q.limit < 1 || q.limit > maxLimit {
				refuse(name, fmt.Sprintf("is not a number from 1 to %d", maxLimit))
			}
		case name == "continue":
			var ok bool
			if q.from, ok = parseID(value); !ok {
				refuse(name, "is not from the answer to a list")
			}
		default:
			refuse(name, "is not known")
		}
	}
	filter, wrong := text.parse(func(field string) FieldError { return FieldError{Parameter: field} })
	q.filter = filter
	errs = append(errs, wrong...)
	slices.SortFunc(errs, func(a, b FieldError) int { return strings.Compare(a.Parameter, b.Parameter) })
	return q, errs
}

// formatID and parseID turn the place of a letter in its stream into its ID.
func formatID(sequence uint64) string {
	return strconv.FormatUint(sequence, 10)
}

func parseID(id string) (uint64, bool) {
	sequence, err := strconv.ParseUint(id, 10, 64)
	return sequence, err == nil && sequence > 0 && formatID(sequence) == id
}
