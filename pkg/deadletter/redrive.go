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
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// State is where a redrive is.
type State string

// All states of a redrive.
const (
	// StateQueued : another redrive of the namespace comes first.
	StateQueued State = "Queued"
	// StateRunning : letters are being sent.
	StateRunning State = "Running"
	// StateSucceeded : all letters were delivered.
	StateSucceeded State = "Succeeded"
	// StateFailed : some letters were not delivered. They are kept.
	StateFailed State = "Failed"
	// StateCancelled : somebody ended it. Letters that were not delivered are kept.
	StateCancelled State = "Cancelled"
)

func (s State) finished() bool { return s != StateQueued && s != StateRunning }

// maxFailures is how many failures of a redrive are kept to look at.
const maxFailures = 20

// Redrive sends letters again. Its JSON is what the API shows, and what is stored.
type Redrive struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace"`
	State     State  `json:"state"`
	// Message says why the state is what it is, where that is not plain.
	Message string `json:"message,omitempty"`
	// User asked for it.
	User       string    `json:"user"`
	CreatedAt  time.Time `json:"createdAt"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`

	// IDs or Filter select the letters, of those that were there when the redrive was made.
	IDs    []string `json:"ids,omitempty"`
	Filter *Filter  `json:"filter,omitempty"`
	// Destination is where they go instead of their own. Empty is their own.
	Destination string `json:"destination,omitempty"`
	// Rate is how many are sent in a second, at most.
	Rate float64 `json:"rate"`

	// Matched is how many letters were selected when the redrive was made.
	Matched int `json:"matched"`
	// Delivered letters were taken by their destination, and removed.
	Delivered int `json:"delivered"`
	// Undelivered letters were not taken. They are kept.
	Undelivered int `json:"undelivered"`
	// Refused letters have a destination that nothing may be sent to. They are kept.
	Refused int `json:"refused"`
	// Gone letters were not there any more: they expired, were purged, or were delivered before.
	Gone int `json:"gone"`
	// Replies is how many replies went to the broker; RepliesDropped, how many had nowhere to go.
	Replies        int `json:"replies"`
	RepliesDropped int `json:"repliesDropped"`
	// Failures are the latest ones.
	Failures []Failure `json:"failures,omitempty"`

	// Through is the last letter there was when the redrive was made; letters before Cursor are done.
	Through uint64 `json:"through"`
	Cursor  uint64 `json:"cursor"`
	// Unremoved letters were delivered, but could not be removed. They are not sent again.
	Unremoved []string `json:"unremoved,omitempty"`
	// Owner is the process that sends the letters, until Lease at least.
	Owner string    `json:"owner,omitempty"`
	Lease time.Time `json:"lease,omitzero"`

	revision uint64
}

// Failure is a letter that was not delivered.
type Failure struct {
	ID string `json:"id"`
	// Status is what the destination answered. 0 is no answer.
	Status int `json:"status,omitempty"`
	// Detail says what went wrong.
	Detail string `json:"detail"`
}

func (j *Redrive) key() string { return redriveKey(j.Namespace, j.ID) }

func redriveKey(namespace, id string) string { return namespace + "." + id }

// fail notes that a letter was not delivered.
func (j *Redrive) fail(f Failure) {
	j.Failures = append(j.Failures, f)
	if n := len(j.Failures); n > maxFailures {
		j.Failures = slices.Delete(j.Failures, 0, n-maxFailures)
	}
}

// finish says how it ended.
func (j *Redrive) finish(now time.Time) {
	j.FinishedAt, j.Owner, j.Lease = now, "", time.Time{}
	j.State = StateSucceeded
	if left := j.Undelivered + j.Refused; left > 0 {
		j.State = StateFailed
		if j.Message == "" {
			j.Message = fmt.Sprintf("letters that were not delivered, and are kept: %d", left)
		}
	}
}

// newRedriveID returns an ID after those that were given out before.
func newRedriveID(now time.Time) string {
	return strconv.FormatInt(now.UnixNano(), 36)
}

// saveRedrive stores a redrive. It fails with errChanged where somebody else stored it since it was read.
func (s *Store) saveRedrive(ctx context.Context, j *Redrive) error {
	text, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("failed to write redrive %q: %w", j.ID, err)
	}
	var revision uint64
	if j.revision == 0 {
		revision, err = s.jobs.Create(ctx, j.key(), text)
	} else {
		revision, err = s.jobs.Update(ctx, j.key(), text, j.revision)
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyExists), errors.Is(err, jetstream.ErrKeyNotFound):
		return errChanged
	case err != nil:
		return storeError(err)
	}
	if s.jobDisk != nil {
		if err := s.jobDisk.sync(); err != nil {
			s.fail(err)
			return unavailable(err)
		}
	}
	j.revision = revision
	return nil
}

var errChanged = &Problem{Status: 409, Code: codeConflict, Detail: "somebody else changed it at the same time"}

// redrive returns one redrive.
func (s *Store) redrive(ctx context.Context, namespace, id string) (*Redrive, error) {
	if !isName(id) {
		return nil, ErrNotFound
	}
	entry, err := s.jobs.Get(ctx, redriveKey(namespace, id))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, unavailable(err)
	}
	return parseRedrive(entry)
}

func parseRedrive(entry jetstream.KeyValueEntry) (*Redrive, error) {
	j := &Redrive{revision: entry.Revision()}
	if err := json.Unmarshal(entry.Value(), j); err != nil {
		return nil, fmt.Errorf("failed to read redrive %q: %w", entry.Key(), err)
	}
	return j, nil
}

// redrives returns those of a namespace, or of all where it is empty, in the order in which they were made.
func (s *Store) redrives(ctx context.Context, namespace string) ([]*Redrive, error) {
	filter := ">"
	if namespace != "" {
		filter = namespace + ".*"
	}
	watcher, err := s.jobs.WatchFiltered(ctx, []string{filter}, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, unavailable(err)
	}
	defer watcher.Stop()
	jobs := []*Redrive{}
	for {
		select {
		case <-ctx.Done():
			return nil, unavailable(ctx.Err())
		case entry := <-watcher.Updates():
			if entry == nil {
				// All that was there has come.
				slices.SortFunc(jobs, func(a, b *Redrive) int { return strings.Compare(a.key(), b.key()) })
				return jobs, nil
			}
			j, err := parseRedrive(entry)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
	}
}

// selection is which letters are meant.
type selection struct {
	ids    []uint64 // in order; nil where the filter selects
	filter Filter
}

// selectionOf reads what a redrive stored.
func selectionOf(j *Redrive) selection {
	var s selection
	if j.Filter != nil {
		s.filter = *j.Filter
	}
	for _, id := range j.IDs {
		if sequence, ok := parseID(id); ok {
			s.ids = append(s.ids, sequence)
		}
	}
	slices.Sort(s.ids)
	return s
}

// each calls visit for the letters that are selected, from one sequence to another, until it returns false. Letters that
// were named and are not there are given to missing.
func (s *selection) each(ctx context.Context, m *mailbox, from, through uint64, visit func(*Letter) bool, missing func(id uint64)) error {
	if s.ids == nil {
		return m.scan(ctx, s.filter.Function, from, through, func(l *Letter) bool {
			return !s.filter.matches(l) || visit(l)
		})
	}
	for _, id := range s.ids {
		if id < from || id > through {
			continue
		}
		l, err := m.get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			missing(id)
		case err != nil:
			return err
		case !visit(l):
			return nil
		}
	}
	return nil
}
