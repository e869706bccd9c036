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
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	lettersRedriveLong = `Send dead letters again: those that are named, those of a function, or all of the namespace. A letter is removed when its
destination has taken the event; the others are kept. The sink goes on by itself where nobody waits.

The exit code is 3 where not all letters were delivered.`

	lettersRedriveExample = `
  # Send the letters of a function again, now that it is mended
  kn lambda dlq redrive orders

  # Those that it did not answer in time, slowly
  kn lambda dlq redrive orders --reason Timeout --rate 5

  # Two letters, to another function
  kn lambda dlq redrive 1795649578114 1795649578115 --to http://orders-next.shop.svc.cluster.local`

	// redriveQueued and redriveRunning are the states of a redrive that is not finished; redriveSucceeded is the one in which
	// all letters were delivered, redriveCancelled the one in which somebody ended it.
	redriveQueued    = "Queued"
	redriveRunning   = "Running"
	redriveSucceeded = "Succeeded"
	redriveCancelled = "Cancelled"
	// redriveMisses is how often in a row the sink may not be reached, as while its pod is replaced.
	redriveMisses = 60
)

// redrive is what is read of one.
type redrive struct {
	ID          string      `json:"id"`
	State       string      `json:"state"`
	Message     string      `json:"message"`
	User        string      `json:"user"`
	CreatedAt   metav1.Time `json:"createdAt"`
	Matched     int         `json:"matched"`
	Delivered   int         `json:"delivered"`
	Undelivered int         `json:"undelivered"`
	Refused     int         `json:"refused"`
	Gone        int         `json:"gone"`
	Failures    []struct {
		ID     string `json:"id"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	} `json:"failures"`
}

// lettersRedrive is what redrive does.
type lettersRedrive struct {
	order  lettersOrder
	to     string
	rate   float64
	noWait bool
}

func newLettersRedriveCommand(s *session) *cobra.Command {
	var r lettersRedrive
	cmd := &cobra.Command{
		Use:     "redrive [FUNCTION|ID...]",
		Short:   "Send dead letters again",
		Long:    lettersRedriveLong,
		Example: lettersRedriveExample[1:],
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.run(cmd, s, args); err != nil {
				return fmt.Errorf("failed to send dead letters again: %w", err)
			}
			return nil
		},
	}
	r.order.add(cmd, s)
	flags := cmd.Flags()
	flags.StringVar(&r.to, "to", "", "URL of the function or the broker of the namespace that the letters go to. By default where each was to go.")
	flags.Float64Var(&r.rate, "rate", 0, "The most letters in a second, up to 1000. By default 50.")
	flags.BoolVar(&r.noWait, "no-wait", false, "Do not wait until the letters are sent.")
	return cmd
}

func (r *lettersRedrive) run(cmd *cobra.Command, s *session, args []string) error {
	body, err := r.order.body(args, s)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("rate") && r.rate <= 0 {
		return usagef("--rate %v: write a number above 0", r.rate)
	}
	body.Rate, body.Destination = r.rate, r.to
	k, err := r.order.sink.open(cmd.Context(), s)
	if err != nil {
		return err
	}
	defer func() { k.stop() }()
	if ok, err := r.order.confirm(cmd, s, k, "/redrive", body, body.all(), "Send %s of namespace '%s' again?", "sent again"); err != nil || !ok {
		return err
	}
	state := &redrive{}
	if err := k.call(cmd.Context(), http.MethodPost, "/redrive", body, state); err != nil {
		return err
	}
	if r.noWait {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "Redrive '%s' sends %s of namespace '%s' again.\n", shown(state.ID), counted(state.Matched), k.namespace)
		return err
	}
	if k, state, err = r.wait(cmd, s, k, state); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Redrive '%s' goes on without you.\n", shown(state.ID))
		return err
	}
	return state.verdict(cmd)
}

// wait shows how far a redrive is until it is finished. Where the sink cannot be reached any more it is looked for anew: its
// pod may have been replaced, and the redrive goes on.
func (r *lettersRedrive) wait(cmd *cobra.Command, s *session, k *sink, state *redrive) (*sink, *redrive, error) {
	ctx := cmd.Context()
	p := s.newProgress(cmd.ErrOrStderr())
	for misses := 0; ; {
		p.say("%s", state.progress())
		if state.State != redriveQueued && state.State != redriveRunning {
			return k, state, nil
		}
		select {
		case <-ctx.Done():
			return k, state, ctx.Err()
		case <-time.After(s.every):
		}
		next, err := &redrive{}, error(nil)
		if misses > 0 {
			k, err = r.reopen(ctx, s, k)
		}
		if err == nil {
			err = k.call(ctx, http.MethodGet, "/redrives/"+state.ID, nil, next)
		}
		var told *commandError
		switch {
		case err == nil:
			state, misses = next, 0
		case ctx.Err() != nil:
			return k, state, ctx.Err()
		case errors.As(err, &told) && told.code == ExitUsage, misses == redriveMisses:
			return k, state, err
		default:
			misses++
			p.say("The sink cannot be asked for now: %s", oneLine(err.Error()))
		}
	}
}

// reopen makes another way to the sink in place of one. That one stays where none can be made.
func (r *lettersRedrive) reopen(ctx context.Context, s *session, k *sink) (*sink, error) {
	again, err := r.order.sink.open(ctx, s)
	if err != nil {
		return k, err
	}
	k.stop()
	return again, nil
}

// progress is how far a redrive is, in one line.
func (j *redrive) progress() string {
	parts := []string{fmt.Sprintf("%s: %d of %d delivered", shown(j.State), j.Delivered, j.Matched)}
	for _, other := range []struct {
		count int
		what  string
	}{{j.Undelivered, "not delivered"}, {j.Refused, "refused"}, {j.Gone, "gone meanwhile"}} {
		if other.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", other.count, other.what))
		}
	}
	return strings.Join(parts, ", ")
}

// verdict is an error where letters were not delivered. It says why the last ones were not.
func (j *redrive) verdict(cmd *cobra.Command) error {
	if j.State == redriveSucceeded {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "Delivered %s.\n", counted(j.Delivered))
		return err
	}
	for _, f := range j.Failures {
		detail := f.Detail
		if f.Status != 0 {
			detail = fmt.Sprintf("%d: %s", f.Status, f.Detail)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Letter %s: %s\n", shown(f.ID), shown(detail))
	}
	said := j.progress()
	if j.Message != "" {
		said += ": " + shown(j.Message)
	}
	return &commandError{error: errors.New(said), next: "kn lambda dlq list", code: ExitNotReady}
}
