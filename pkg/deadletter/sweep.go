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
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	sweepEvery = time.Hour
	// sweepAge is how long a namespace has had no letters whose stream goes: it may be gone too.
	sweepAge = 24 * time.Hour
)

// sweep removes the streams of namespaces that have no letters and got none for that long, and returns how many. It leaves
// those of a cluster elsewhere: other replicas may be writing to them.
func (s *Store) sweep(ctx context.Context, age time.Duration) (int, error) {
	if s.server == nil {
		return 0, nil
	}
	var idle []string
	streams := s.js.ListStreams(ctx, jetstream.WithStreamListSubject(subjectPrefix+">"))
	for info := range streams.Info() {
		if namespace, ok := namespaceOf(info.Config.Name); ok && isIdle(info, age) {
			idle = append(idle, namespace)
		}
	}
	if err := streams.Err(); err != nil {
		return 0, unavailable(err)
	}
	removed := 0
	var errs []error
	for _, namespace := range idle {
		m, err := s.open(ctx, namespace, false)
		if err == nil {
			err = m.retire(ctx)
		}
		switch {
		case err == nil:
			removed++
		case !errors.Is(err, ErrNotFound) && !errors.Is(err, errInUse):
			errs = append(errs, fmt.Errorf("namespace %q: %w", namespace, err))
		}
	}
	return removed, errors.Join(errs...)
}

// isIdle is true where there is no letter, and none came for that long.
func isIdle(info *jetstream.StreamInfo, age time.Duration) bool {
	last := info.State.LastTime
	if last.Before(info.Created) {
		last = info.Created
	}
	return info.State.Msgs == 0 && time.Since(last) >= age
}

// sweepUntil sweeps now and then until the context ends.
func (s *Store) sweepUntil(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery):
		}
		removed, err := s.sweep(ctx, sweepAge)
		if err != nil && ctx.Err() == nil {
			s.options.Logger.Errorw("Failed to remove the streams of namespaces without letters", "error", err)
		}
		if removed > 0 {
			s.options.Logger.Infow("Removed the streams of namespaces without letters", "streams", removed)
		}
	}
}

// errInUse is why a stream is kept: a letter has come.
var errInUse = errors.New("the namespace has letters")

// retire removes the stream. Letters that come meanwhile are not taken, so that senders try again; one that was taken
// before keeps the stream.
func (m *mailbox) retire(ctx context.Context) error {
	m.queue.close()
	defer m.store.forget(m)
	select {
	case <-m.written:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	info, err := m.stream.Info(ctx)
	if err == nil && info.State.Msgs > 0 {
		return errInUse
	}
	if err == nil {
		err = m.store.js.DeleteStream(ctx, info.Config.Name)
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return unavailable(err)
	}
	return nil
}
