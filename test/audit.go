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
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// Write is a kind of request that changes something.
type Write struct {
	// Verb is that of the API, Resource the plural name, with the subresource after a slash.
	Verb, Resource string
}

// Writes counts them.
type Writes map[Write]int

// String implements fmt.Stringer.
func (w Writes) String() string {
	if len(w) == 0 {
		return "0"
	}
	parts := make([]string, 0, len(w))
	for kind, count := range w {
		parts = append(parts, fmt.Sprintf("%d %s %s", count, kind.Verb, kind.Resource))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// Writer says whose writes are looked for, and when they were made.
type Writer struct {
	// Account is what the user's name begins with.
	Account  string
	From, To time.Time
	// Refused has those counted, too, that the API server refused.
	Refused bool
}

// reviews are requests that ask, and leave nothing behind.
var reviews = []string{"tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews"}

// ReadWrites reads an audit log of the API server from a file, and counts completed writes.
func ReadWrites(path string, by Writer) (Writes, error) {
	log, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("failed to open the audit log: %w", err)
	}
	defer log.Close()
	return countWrites(log, by)
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
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	StageTimestamp time.Time `json:"stageTimestamp"`
}

var writingVerbs = []string{"create", "update", "patch", "delete", "deletecollection"}

func countWrites(log io.Reader, by Writer) (Writes, error) {
	counted := Writes{}
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
		resource := event.ObjectRef.Resource
		if event.ResponseStatus.Code >= http.StatusBadRequest && !by.Refused {
			continue
		}
		if event.Stage != "ResponseComplete" || !slices.Contains(writingVerbs, event.Verb) || slices.Contains(reviews, resource) ||
			!strings.HasPrefix(event.User.Username, by.Account) || event.StageTimestamp.Before(by.From) || event.StageTimestamp.After(by.To) {
			continue
		}
		if event.ObjectRef.Subresource != "" {
			resource += "/" + event.ObjectRef.Subresource
		}
		counted[Write{event.Verb, resource}]++
	}
}
