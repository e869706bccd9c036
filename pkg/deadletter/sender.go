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
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

const (
	// sendTries is how often a letter is sent before it counts as not delivered, sendPause the time before the second
	// try; it doubles.
	sendTries = 3
	sendPause = 250 * time.Millisecond
	// maxReplyBytes bounds a reply.
	maxReplyBytes = 16 << 20
)

// sender sends letters to their destinations.
type sender struct {
	client   *http.Client
	settings func() *config.DeadLetters
}

func newSender(transport http.RoundTripper, settings func() *config.DeadLetters) *sender {
	return &sender{
		client: &http.Client{
			Transport: otelhttp.NewTransport(transport),
			// A redirect leads where nobody has looked.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		settings: settings,
	}
}

// sent is what became of a letter.
type sent struct {
	// err is nil where the destination, and the broker for a reply, took it.
	err    error
	status int
	// replied is true where the reply went to the broker, replyDropped where there was one and no broker.
	replied, replyDropped bool
}

// send sends a letter to its own destination, or to another. The event is what it was, but for an extension that says
// how often it was sent again.
func (s *sender) send(ctx context.Context, l *Letter, destination string) sent {
	where := newDestinations(s.settings().BrokerIngresses)
	if destination == "" {
		destination = l.Destination
	}
	to, err := where.check(l.Namespace, destination)
	if err != nil {
		return sent{err: err}
	}
	var replyTo *target
	if l.ReplyTo != "" && to.service != "" {
		if replyTo, err = where.check(l.Namespace, l.ReplyTo); err != nil {
			return sent{err: fmt.Errorf("the broker for its reply: %w", err)}
		}
	}
	e := l.Event.Clone()
	e.SetExtension(RedriveExtension, strconv.Itoa(l.Redrives+1))
	if to.service != "" {
		e.SetExtension(ttlExtension, nil)
	}
	reply, status, err := s.post(ctx, to.url, &e)
	switch {
	case err != nil:
		return sent{err: err, status: status}
	case reply == nil:
		return sent{status: status}
	case replyTo == nil:
		return sent{status: status, replyDropped: true}
	}
	if _, replyStatus, err := s.post(ctx, replyTo.url, reply); err != nil {
		return sent{err: fmt.Errorf("the function took it, but the broker did not take its reply: %w", err), status: replyStatus}
	}
	return sent{status: status, replied: true}
}

// post sends an event and returns the event that it was answered with, if any.
func (s *sender) post(ctx context.Context, to *url.URL, e *event.Event) (reply *event.Event, status int, err error) {
	pause := sendPause
	for try := 1; ; try++ {
		reply, status, err = s.postOnce(ctx, to, e)
		if err == nil || try == sendTries || (status != 0 && !events.SentAgain(status)) {
			return reply, status, err
		}
		select {
		case <-ctx.Done():
			return nil, status, err
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (s *sender) postOnce(ctx context.Context, to *url.URL, e *event.Event) (*event.Event, int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.settings().RedriveTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), nil)
	if err != nil {
		return nil, 0, fmt.Errorf("failed to make a request: %w", err)
	}
	if err := cehttp.WriteRequest(binding.WithForceBinary(ctx), binding.ToMessage(e), request); err != nil {
		return nil, 0, fmt.Errorf("failed to write the event: %w", err)
	}
	request.Header.Set("Prefer", "reply")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, 0, noAnswer(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes+1))
	switch {
	case response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices:
		// The body is not shown: who may have letters sent need not be able to read what is at a destination.
		return nil, response.StatusCode, fmt.Errorf("the destination answered %d", response.StatusCode)
	case err != nil:
		return nil, 0, noAnswer(err)
	case len(body) > maxReplyBytes:
		return nil, response.StatusCode, fmt.Errorf("the reply has more than %d bytes", maxReplyBytes)
	}
	reply, err := replyOf(ctx, response.Header, body)
	return reply, response.StatusCode, err
}

// replyOf reads the event of an answer. One that is no event is none.
func replyOf(ctx context.Context, header http.Header, body []byte) (*event.Event, error) {
	message := cehttp.NewMessage(header, io.NopCloser(bytes.NewReader(body)))
	if message.ReadEncoding() == binding.EncodingUnknown {
		return nil, nil //nolint:nilnil // no reply
	}
	reply, err := binding.ToEvent(ctx, message)
	if err == nil {
		err = reply.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("the reply is not a CloudEvent: %w", err)
	}
	return reply, nil
}

// noAnswer leaves out the URL that net/http begins its errors with.
func noAnswer(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return errors.New("the destination did not answer in time")
		}
		return fmt.Errorf("the destination did not answer: %w", u.Err)
	}
	return fmt.Errorf("the destination broke off its answer: %w", err)
}
