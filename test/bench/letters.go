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

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	// killEvery is how often pods die while events are sent.
	killEvery = 20 * time.Second
	// settling is longer than an event may be on its way: all deliveries to the function, and then all to the sink.
	settling = 3 * time.Minute

	// sinkPort is that of the API alone.
	sinkPort          = 8081
	eventingNamespace = "knative-eventing"
	ingressPods       = "eventing.knative.dev/brokerRole=ingress"
)

// measureLetters sends events to a function that fails on some of them while the Broker's ingress and the sink of dead
// letters are killed again and again. Each event must be handled or a letter in the end. Then the function is mended, and
// the letters are sent again, by two redrives, in the first of which the sink is killed.
func measureLetters(ctx context.Context, b *bench, r *report) error {
	fn, err := b.createCounter(ctx, roleFlaky)
	if err != nil {
		return err
	}
	emitter, err := b.createEmitter(ctx)
	if err != nil {
		return err
	}
	token, err := b.clients.NewToken(ctx, b.namespace, "editor", "knative-lambda-namespaced-edit", "knative-lambda-namespaced-view")
	if err != nil {
		return err
	}
	s := &sink{bench: b, token: token}
	defer s.close()

	start := time.Now()
	stop := again(ctx, killEvery, func(ctx context.Context) error {
		return errors.Join(b.clients.KillPods(ctx, eventingNamespace, ingressPods), b.clients.KillPods(ctx, b.operatorNamespace, test.DeadLetterPods))
	})
	repeated, err := b.emit(ctx, emitter, fn, b.events)
	kills, killErr := stop()
	if err := errors.Join(err, killErr); err != nil {
		return err
	}
	r.add(fmt.Sprintf("%d events sent at %d a second", b.events, b.eventRate), fmt.Sprintf("%.0f s", time.Since(start).Seconds()),
		fmt.Sprintf("%d kills of the sink, as many of the Broker's ingress", kills), "")
	if err := b.judgeLetters(ctx, r, s, fn, repeated); err != nil {
		return err
	}
	return b.judgeRedrives(ctx, r, s, fn)
}

// judgeLetters waits until each event is handled or a letter. Poison must have been tried once, unless it was sent again.
func (b *bench) judgeLetters(ctx context.Context, r *report, s *sink, fn *v1alpha1.LambdaFunction, repeated map[int]bool) error {
	var called *counted
	var letters map[int]string
	var lost []int
	for deadline := time.Now().Add(settling); ; {
		var err error
		if called, err = b.counted(ctx, fn); err != nil {
			return err
		}
		if letters, err = s.letters(ctx); err != nil {
			return err
		}
		lost = lost[:0]
		for id := range b.events {
			if _, kept := letters[id]; !kept && called.Handled[id] == 0 {
				lost = append(lost, id)
			}
		}
		if len(lost) == 0 || time.Now().After(deadline) {
			break
		}
		progress("%d events are neither handled nor letters yet", len(lost))
		time.Sleep(5 * time.Second)
	}
	if len(lost) > 0 {
		r.fault("%d events are lost: %v", len(lost), lost[:min(len(lost), 20)])
	}
	reasons := map[string]int{}
	for _, reason := range letters {
		reasons[reason]++
	}
	r.add("handled, lost, handled more than once", fmt.Sprintf("%d, %d, %d", len(called.Handled), len(lost), called.Handled.repeated()),
		fmt.Sprintf("sent again: %d", len(repeated)), "")
	r.add("letters, by reason", fmt.Sprintf("%d: %v", len(letters), reasons), "", "")
	poison := 0
	for id := 0; id < b.events; id += 100 {
		if times := called.Tried[id]; times > 1 && !repeated[id] {
			poison++
		}
	}
	r.add("poison that was tried more than once", strconv.Itoa(poison), fmt.Sprintf("of %d", (b.events+99)/100), "")
	if poison > 0 {
		r.fault("%d events that the function refuses were tried more than once", poison)
	}
	return nil
}

// judgeRedrives mends the function and sends its letters again, twice. What it failed on must be handled then.
func (b *bench) judgeRedrives(ctx context.Context, r *report, s *sink, fn *v1alpha1.LambdaFunction) error {
	before, err := b.counted(ctx, fn)
	if err != nil {
		return err
	}
	if err := b.callJSON(ctx, http.MethodPut, fn.Status.URL.String(), nil, nil); err != nil {
		return err
	}
	for _, round := range []struct {
		what string
		kill bool
	}{{"redrive, the sink killed half-way", true}, {"the same redrive again", false}} {
		start := time.Now()
		done, err := s.redrive(ctx, map[string]string{"function": fn.Name, "reason": "HandlerError"}, "", round.kill)
		if err != nil {
			return err
		}
		r.add(round.what, fmt.Sprintf("%s: delivered %d, undelivered %d, gone %d of %d", done.State, done.Delivered, done.Undelivered, done.Gone, done.Matched),
			fmt.Sprintf("%.0f s", time.Since(start).Seconds()), "")
	}
	after, err := b.counted(ctx, fn)
	if err != nil {
		return err
	}
	var missing []int
	for id := range b.events {
		if id%100 != 0 && after.Handled[id] == 0 {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		r.fault("%d events are not handled after the redrives: %v", len(missing), missing[:min(len(missing), 20)])
	}
	left, err := s.letters(ctx)
	if err != nil {
		return err
	}
	r.add("handled by the redrives, delivered twice, letters left",
		fmt.Sprintf("%d, %d, %d", len(after.Handled)-len(before.Handled), after.Handled.repeated()-before.Handled.repeated(), len(left)), "", "")
	return nil
}

// sink is the API of the sink of dead letters, for the letters of the bench's namespace.
type sink struct {
	*bench
	token   string
	address string
	stop    func()
}

func (s *sink) close() {
	if s.stop != nil {
		s.stop()
	}
	s.stop = nil
}

// ask tries again for as long as the sink is not there.
func (s *sink) ask(ctx context.Context, method, path string, body []byte, into any) error {
	for {
		if s.stop == nil {
			var err error
			if s.address, s.stop, err = s.clients.ForwardToReady(ctx, s.operatorNamespace, test.DeadLetterPods, sinkPort); err != nil {
				return err
			}
		}
		response, err := test.AskDeadLetters(ctx, s.address, s.namespace, s.token, method, path, body)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.close()
		case response.Status >= http.StatusInternalServerError:
			time.Sleep(time.Second)
		case response.Status >= http.StatusMultipleChoices:
			return fmt.Errorf("failed to %s %s: status %d: %s", method, path, response.Status, response.Body)
		default:
			if err := json.Unmarshal([]byte(response.Body), into); err != nil {
				return fmt.Errorf("failed to read the answer to %s %s: %w", method, path, err)
			}
			return nil
		}
	}
}

// letters returns the reasons of all letters, by the number of their event.
func (s *sink) letters(ctx context.Context) (map[int]string, error) {
	reasons := map[int]string{}
	for path := "/letters?limit=1000"; path != ""; {
		var page struct {
			Letters []struct {
				Reason string
				Event  struct{ ID string }
			}
			Continue string
		}
		if err := s.ask(ctx, http.MethodGet, path, nil, &page); err != nil {
			return nil, err
		}
		for _, letter := range page.Letters {
			id, err := strconv.Atoi(letter.Event.ID)
			if err != nil {
				return nil, fmt.Errorf("a letter has an event that was not sent: %w", err)
			}
			reasons[id] = letter.Reason
		}
		if path = ""; page.Continue != "" {
			path = "/letters?limit=1000&continue=" + page.Continue
		}
	}
	return reasons, nil
}

// redriven is how far a redrive is.
type redriven struct {
	ID, State                             string
	Matched, Delivered, Undelivered, Gone int
}

// redrive sends letters again as fast as may be, to the destination or, where that is empty, to their own, and waits for the end.
// The sink may be killed once half of them are delivered.
func (s *sink) redrive(ctx context.Context, filter map[string]string, destination string, kill bool) (*redriven, error) {
	order, err := json.Marshal(map[string]any{"filter": filter, "rate": 1000, "destination": destination})
	if err != nil {
		return nil, fmt.Errorf("failed to write a redrive: %w", err)
	}
	var done redriven
	if err := s.ask(ctx, http.MethodPost, "/redrive", order, &done); err != nil {
		return nil, err
	}
	for !slices.Contains([]string{"Succeeded", "Failed", "Cancelled"}, done.State) {
		if kill && done.Delivered > 0 && done.Delivered >= done.Matched/2 {
			if err := s.clients.KillPods(ctx, s.operatorNamespace, test.DeadLetterPods); err != nil {
				return nil, err
			}
			kill = false
		}
		time.Sleep(200 * time.Millisecond)
		if err := s.ask(ctx, http.MethodGet, "/redrives/"+done.ID, nil, &done); err != nil {
			return nil, err
		}
	}
	return &done, nil
}
