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
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const letterHeader = "Lambda-Letter"

// scanBatch is how many letters are fetched at once.
const scanBatch = 256

// mailbox is the stream of a namespace. Each function has a subject of its own in it.
type mailbox struct {
	store     *Store
	namespace string
	stream    jetstream.Stream
	disk      *disk // nil where others see to it
	queue     *queue
	written   chan struct{} // closed when the queue is, and all of it is stored
	counts    counts
}

func newMailbox(s *Store, namespace string, stream jetstream.Stream) (*mailbox, error) {
	d, err := s.disk(stream.CachedInfo().Config.Name)
	if err != nil {
		return nil, err
	}
	return &mailbox{store: s, namespace: namespace, stream: stream, disk: d, queue: newQueue(), written: make(chan struct{})}, nil
}

func (m *mailbox) subject(function string) string {
	if function == "" {
		function = noFunction
	}
	return subjectPrefix + m.namespace + "." + function
}

func (m *mailbox) functionOf(subject string) string {
	function := strings.TrimPrefix(subject, subjectPrefix+m.namespace+".")
	if function == noFunction {
		return ""
	}
	return function
}

// message is what is stored of a letter.
func (m *mailbox) message(l *Letter, data []byte) (*nats.Msg, error) {
	header, err := l.header()
	if err != nil {
		return nil, err
	}
	message := nats.NewMsg(m.subject(l.Function))
	message.Data = data
	message.Header.Set(letterHeader, header)
	message.Header.Set(jetstream.MsgIDHeader, l.dedupeID())
	// JetStream takes whole seconds.
	ttl := max(1, math.Ceil(l.ExpiresAt.Sub(l.ReceivedAt).Seconds()))
	message.Header.Set(jetstream.MsgTTLHeader, fmt.Sprintf("%.0fs", ttl))
	size := 0
	for name, values := range message.Header {
		size += len(name) + len(values[0]) + len(": \r\n")
	}
	if size > maxHeaderBytes-1024 {
		return nil, fmt.Errorf("%w: its attributes have %d bytes", ErrTooLarge, size)
	}
	return message, nil
}

// lost says of an error that the store does not answer. Where the stream is gone the next call looks for it again.
func (m *mailbox) lost(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, nats.ErrNoResponders) {
		m.store.forget(m)
	}
	return unavailable(err)
}

// get returns a letter with its event's data.
func (m *mailbox) get(ctx context.Context, sequence uint64) (*Letter, error) {
	raw, err := m.stream.GetMsg(ctx, sequence)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, m.lost(err)
	}
	l, err := m.letter(sequence, raw.Header)
	if err != nil {
		return nil, err
	}
	l.setData(raw.Data)
	return l, nil
}

func (m *mailbox) letter(sequence uint64, header nats.Header) (*Letter, error) {
	l, err := parseLetter(header.Get(letterHeader))
	if err != nil {
		return nil, fmt.Errorf("letter %d: %w", sequence, err)
	}
	l.ID = formatID(sequence)
	return l, nil
}

// scan calls visit for the letters from one sequence to another in the order in which they came, without their data,
// until visit returns false.
func (m *mailbox) scan(ctx context.Context, function string, from, through uint64, visit func(*Letter) bool) error {
	if from > through {
		return nil
	}
	subject := subjectPrefix + m.namespace + ".*"
	if function != "" {
		subject = m.subject(function)
	}
	consumer, err := m.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    max(from, 1),
		HeadersOnly:    true,
	})
	if err != nil {
		return m.lost(err)
	}
	if consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(scanBatch))
	if err != nil {
		return m.lost(err)
	}
	defer messages.Stop()
	for {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return m.lost(err)
		}
		meta, err := message.Metadata()
		if err != nil {
			return m.lost(err)
		}
		if meta.Sequence.Stream > through {
			return nil
		}
		l, err := m.letter(meta.Sequence.Stream, message.Headers())
		if err != nil {
			return err
		}
		if !visit(l) || meta.NumPending == 0 {
			return nil
		}
	}
}

// last returns the newest sequence.
func (m *mailbox) last(ctx context.Context) (uint64, error) {
	info, err := m.stream.Info(ctx)
	if err != nil {
		return 0, m.lost(err)
	}
	return info.State.LastSeq, nil
}

// remove deletes a letter, and returns when it will not come back. One that is not there any more is removed.
func (m *mailbox) remove(ctx context.Context, sequence uint64) error {
	err := m.stream.DeleteMsg(ctx, sequence)
	if err == nil {
		return m.sync()
	}
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		// JetStream says so too of what expired a moment ago.
		if _, getErr := m.stream.GetMsg(ctx, sequence); errors.Is(getErr, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	return m.lost(err)
}

// Stats says how many letters a namespace has.
type Stats struct {
	Namespace string `json:"namespace"`
	// Letters is how many there are, Bytes how much of the disk they take.
	Letters uint64 `json:"letters"`
	Bytes   uint64 `json:"bytes"`
	// Oldest and Newest are when they came. Absent where there is none.
	Oldest time.Time `json:"oldest,omitzero"`
	Newest time.Time `json:"newest,omitzero"`
	// Functions are those that have letters, in alphabetical order.
	Functions []FunctionStats `json:"functions"`
}

// FunctionStats says how many letters a function has.
type FunctionStats struct {
	// Function is empty for letters whose sender named none.
	Function string `json:"function"`
	Letters  uint64 `json:"letters"`
}

func (m *mailbox) stats(ctx context.Context) (*Stats, error) {
	info, err := m.stream.Info(ctx, jetstream.WithSubjectFilter(subjectPrefix+m.namespace+".*"))
	if err != nil {
		return nil, m.lost(err)
	}
	s := &Stats{Namespace: m.namespace, Letters: info.State.Msgs, Bytes: info.State.Bytes, Functions: []FunctionStats{}}
	if s.Letters > 0 {
		s.Oldest, s.Newest = info.State.FirstTime, info.State.LastTime
	}
	for _, subject := range slices.Sorted(maps.Keys(info.State.Subjects)) {
		s.Functions = append(s.Functions, FunctionStats{m.functionOf(subject), info.State.Subjects[subject]})
	}
	return s, nil
}
