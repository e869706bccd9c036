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
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operatorAccounts is what the names of all of the operator's service accounts begin with.
const operatorAccounts = "system:serviceaccount:knative-lambda:"

// measureSettled counts what the operator writes while there is nothing to do. Leases, by which replicas elect a
// leader, are renewed whatever there is to do, and are counted apart.
func measureSettled(ctx context.Context, b *bench, r *report) error {
	if b.auditLog == "" {
		progress("settled: left out, there is no audit log to look at")
		return nil
	}
	fn, err := b.createReady(ctx, b.function("settled"))
	if err != nil {
		return err
	}
	// Until its first instance has gone a function has not settled.
	if err := b.awaitZero(ctx, fn.Name); err != nil {
		return err
	}
	progress("settled: look for writes during %v", b.settled)
	start := time.Now()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.settled):
	}
	log, err := os.Open(b.auditLog)
	if err != nil {
		return fmt.Errorf("failed to open the audit log: %w", err)
	}
	defer log.Close()
	writes, err := countWrites(log, operatorAccounts, start, time.Now())
	if err != nil {
		return err
	}
	leases := 0
	maps.DeleteFunc(writes, func(w write, count int) bool {
		if w.resource == "leases" {
			leases += count
			return true
		}
		return false
	})
	r.add(fmt.Sprintf("writes by the operator, settled for %v", b.settled), writes.String(), "", "")
	r.add("renewals of leases meanwhile", strconv.Itoa(leases), "", "")
	if len(writes) > 0 {
		r.fault("the operator wrote although nothing was to be done: %s", writes)
	}
	return nil
}

// write is a kind of request that changes something.
type write struct {
	verb, resource string
}

// writes counts them.
type writes map[write]int

// String implements fmt.Stringer.
func (w writes) String() string {
	if len(w) == 0 {
		return "0"
	}
	parts := make([]string, 0, len(w))
	for kind, count := range w {
		parts = append(parts, fmt.Sprintf("%d %s %s", count, kind.verb, kind.resource))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// auditEvent is what is needed of an entry of the audit log (audit.k8s.io/v1, Event).
type auditEvent struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	StageTimestamp time.Time `json:"stageTimestamp"`
}

var writingVerbs = []string{"create", "update", "patch", "delete", "deletecollection"}

// countWrites counts the completed writes of accounts, by the beginning of their name, between two times.
func countWrites(log io.Reader, accounts string, from, to time.Time) (writes, error) {
	counted := writes{}
	decoder := json.NewDecoder(log)
	for {
		var event auditEvent
		err := decoder.Decode(&event)
		// The last entry may be in the middle of being written.
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return counted, nil
		} else if err != nil {
			return nil, fmt.Errorf("failed to parse the audit log: %w", err)
		}
		if event.Stage != "ResponseComplete" || !slices.Contains(writingVerbs, event.Verb) ||
			!strings.HasPrefix(event.User.Username, accounts) ||
			event.StageTimestamp.Before(from) || event.StageTimestamp.After(to) {
			continue
		}
		resource := event.ObjectRef.Resource
		if event.ObjectRef.Subresource != "" {
			resource += "/" + event.ObjectRef.Subresource
		}
		counted[write{event.Verb, resource}]++
	}
}
