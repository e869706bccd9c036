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
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	// maxBatch and maxBatchBytes bound how many letters share one sync of the disk.
	maxBatch      = 256
	maxBatchBytes = 8 << 20
	// maxQueue is how many letters of a namespace may wait to be stored.
	maxQueue = 2048
	// countsAge is how long the number of letters is trusted that another replica may have changed.
	countsAge = time.Second
)

// entry is a letter that waits to be stored.
type entry struct {
	letter    *Letter
	message   *nats.Msg
	retention retention
	// done gets what became of it, once.
	done chan outcome
}

type outcome struct {
	err       error
	duplicate bool
}

func (e *entry) id() string { return e.message.Header.Get(jetstream.MsgIDHeader) }
func (e *entry) size() int  { return len(e.message.Data) + len(e.message.Header.Get(letterHeader)) }

// queue holds entries between those who post letters and the one who writes them.
type queue struct {
	entries chan *entry
	mu      sync.RWMutex
	closed  bool
}

func newQueue() *queue { return &queue{entries: make(chan *entry, maxQueue)} }

func (q *queue) put(e *entry) error {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return fmt.Errorf("%w: it is being closed", ErrUnavailable)
	}
	select {
	case q.entries <- e:
		return nil
	default:
		return ErrBusy
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.entries)
	}
}

// put stores a letter and returns when it is safe. It is true where the letter was there already.
func (m *mailbox) put(ctx context.Context, l *Letter, data []byte, r retention) (bool, error) {
	message, err := m.message(l, data)
	if err != nil {
		return false, err
	}
	e := &entry{letter: l, message: message, retention: r, done: make(chan outcome, 1)}
	if err := m.queue.put(e); err != nil {
		return false, err
	}
	select {
	case o := <-e.done:
		return o.duplicate, o.err
	case <-ctx.Done():
		// It may be stored all the same. Who sends it again gets the answer.
		return false, unavailable(ctx.Err())
	}
}

// write stores what is in the queue until that is closed and empty. While the disk is busy with some letters, the next
// ones gather.
func (m *mailbox) write() {
	defer close(m.written)
	for first := range m.queue.entries {
		batch, size := []*entry{first}, first.size()
	gather:
		for len(batch) < maxBatch && size < maxBatchBytes {
			select {
			case e, ok := <-m.queue.entries:
				if !ok {
					break gather
				}
				batch = append(batch, e)
				size += e.size()
			default:
				break gather
			}
		}
		m.storeAll(batch)
	}
}

func (m *mailbox) storeAll(batch []*entry) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	start := time.Now()
	unique, copies := m.admit(ctx, batch)
	outcomes := m.publish(ctx, unique)
	m.store.metrics.stored(ctx, time.Since(start), len(unique))
	for i, e := range unique {
		o := outcomes[i]
		if o.err == nil && !o.duplicate {
			m.counts.add(e.letter.Function, e.size())
		}
		e.done <- o
		for _, c := range copies[e.id()] {
			c.done <- outcome{err: o.err, duplicate: o.err == nil}
		}
	}
	m.trim(ctx, unique)
}

// admit answers those for which there is no room, and sets copies of others in the batch aside.
func (m *mailbox) admit(ctx context.Context, batch []*entry) (unique []*entry, copies map[string][]*entry) {
	copies = map[string][]*entry{}
	coming := map[string]int64{}
	for _, e := range batch {
		if _, ok := copies[e.id()]; ok {
			copies[e.id()] = append(copies[e.id()], e)
			continue
		}
		if err := m.room(ctx, e, coming[e.letter.Function]); err != nil {
			e.done <- outcome{err: err}
			continue
		}
		coming[e.letter.Function]++
		copies[e.id()] = nil
		unique = append(unique, e)
	}
	return unique, copies
}

// room returns why there is none for a letter, where so many of the same function are about to be stored.
func (m *mailbox) room(ctx context.Context, e *entry, coming int64) error {
	full := func() error {
		if most := m.store.options.Settings.NamespaceMaxBytes; most > 0 && m.counts.bytes+int64(e.size()) > most {
			return fmt.Errorf("%w: those of namespace %q have %d bytes, as many as they may (namespace-max-bytes)", ErrFull, m.namespace, m.counts.bytes)
		}
		if e.retention.overflow == config.OverflowRejectPublish && m.counts.letters[e.letter.Function]+coming >= e.retention.max {
			return fmt.Errorf("%w: function %q has %d, as many as it may", ErrFull, e.letter.Function, e.retention.max)
		}
		return nil
	}
	if m.counts.fresh() && full() == nil {
		return nil
	}
	// The numbers are old, or letters may have gone since they were asked for.
	if err := m.counts.refresh(ctx, m); err != nil {
		return err
	}
	return full()
}

// trim drops the oldest letters of functions that have more than they may.
func (m *mailbox) trim(ctx context.Context, stored []*entry) {
	limits := map[string]int64{}
	for _, e := range stored {
		if e.retention.overflow == config.OverflowDropHead {
			limits[e.letter.Function] = e.retention.max
		}
	}
	for function, most := range limits {
		over := m.counts.letters[function] - most
		if over <= 0 {
			continue
		}
		if err := m.stream.Purge(ctx, jetstream.WithPurgeSubject(m.subject(function)), jetstream.WithPurgeKeep(uint64(most))); err != nil { //nolint:gosec // G115: max is positive
			m.store.options.Logger.Errorw("Failed to drop the oldest letters", "namespace", m.namespace, "function", function, "error", err)
			continue
		}
		m.store.metrics.dropped(ctx, m.namespace, over)
		// The number may have been too high: letters expire.
		m.counts.at = time.Time{}
	}
}

// counts are how many letters a mailbox has. Only its writer uses them. As letters go without telling, they may be too
// high, but never too low where this is the only replica.
type counts struct {
	at      time.Time
	letters map[string]int64
	bytes   int64
}

func (c *counts) fresh() bool { return time.Since(c.at) < countsAge }

func (c *counts) add(function string, size int) {
	c.letters[function]++
	c.bytes += int64(size)
}

func (c *counts) refresh(ctx context.Context, m *mailbox) error {
	s, err := m.stats(ctx)
	if err != nil {
		return err
	}
	c.at, c.bytes, c.letters = time.Now(), int64(s.Bytes), map[string]int64{} //nolint:gosec // G115: no disk has 2^63 bytes
	for _, f := range s.Functions {
		c.letters[f.Function] = int64(f.Letters) //nolint:gosec // G115: nor as many letters
	}
	return nil
}

// publish stores entries, all with one sync of the disk, and returns what became of each.
func (m *mailbox) publish(ctx context.Context, entries []*entry) []outcome {
	outcomes := make([]outcome, len(entries))
	if len(entries) == 0 {
		return outcomes
	}
	futures := make([]jetstream.PubAckFuture, len(entries))
	for i, e := range entries {
		future, err := m.store.js.PublishMsgAsync(e.message)
		if err != nil {
			outcomes[i].err = storeError(err)
			continue
		}
		futures[i] = future
	}
	for i, future := range futures {
		if future == nil {
			continue
		}
		select {
		case ack := <-future.Ok():
			outcomes[i].duplicate = ack.Duplicate
		case err := <-future.Err():
			outcomes[i].err = m.storeError(err)
		case <-ctx.Done():
			outcomes[i].err = unavailable(ctx.Err())
		}
	}
	// After a write that failed, for example where the disk is full, JetStream answers no more.
	m.store.stalled.Store(ctx.Err() != nil)
	if err := m.sync(); err != nil {
		for i := range outcomes {
			outcomes[i] = outcome{err: err}
		}
	}
	return outcomes
}

// storeError says of an error of JetStream what it means for a letter.
func (m *mailbox) storeError(err error) error {
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
		return m.lost(err)
	}
	return storeError(err)
}

// sync returns when all that was stored is on the disk, where that is this process's business.
func (m *mailbox) sync() error {
	if m.disk == nil {
		return nil
	}
	if err := m.disk.sync(); err != nil {
		m.store.fail(err)
		return unavailable(err)
	}
	return nil
}
