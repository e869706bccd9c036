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

package test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Stream sends requests at a constant rate, whether or not the earlier ones are answered: one that waits delays no
// other, as with callers that know nothing of each other.
type Stream struct {
	client *http.Client
	url    string
	stop   context.CancelFunc
	ended  chan struct{}

	mutex    sync.Mutex
	sent     int
	answers  map[string]int
	failures []string
	awaited  map[string]chan time.Time
}

// StartStream begins to send GET requests.
func StartStream(ctx context.Context, client *http.Client, url string, perSecond int) *Stream {
	sending, stop := context.WithCancel(ctx)
	s := &Stream{
		client:  client,
		url:     url,
		stop:    stop,
		ended:   make(chan struct{}),
		answers: map[string]int{},
		awaited: map[string]chan time.Time{},
	}
	go s.send(ctx, sending, time.Second/time.Duration(perSecond))
	return s
}

// send starts a request each interval, until no more are to be sent. Those on their way are answered before it ends.
func (s *Stream) send(ctx, sending context.Context, interval time.Duration) {
	defer close(s.ended)
	var underway sync.WaitGroup
	defer underway.Wait()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		underway.Go(func() { s.record(Get(ctx, s.client, s.url)) })
		select {
		case <-sending.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Stream) record(response *Response, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.sent++
	switch {
	case err != nil:
		s.failures = append(s.failures, err.Error())
	case response.Status != http.StatusOK:
		s.failures = append(s.failures, fmt.Sprintf("status %d: %s", response.Status, response.Body))
	default:
		s.answers[response.Body]++
		if first, ok := s.awaited[response.Body]; ok {
			delete(s.awaited, response.Body)
			first <- time.Now()
		}
	}
}

// First returns a channel that gets the time of the next answer with this body.
func (s *Stream) First(body string) <-chan time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	first := make(chan time.Time, 1)
	s.awaited[body] = first
	return first
}

// Sent is what became of a stream's requests.
type Sent struct {
	// Requests is how many were sent.
	Requests int
	// Answers is how many were answered with status 200, by the body of the answer.
	Answers map[string]int
	// Failures says for each of the others what went wrong.
	Failures []string
}

// Stop ends the stream, waits for the answers that are due, and tells what became of all requests.
func (s *Stream) Stop() Sent {
	s.stop()
	<-s.ended
	return Sent{Requests: s.sent, Answers: s.answers, Failures: s.failures}
}
