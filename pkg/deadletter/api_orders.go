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
	"net/http"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
)

const (
	// maxSample is how many letters a dry run shows.
	maxSample = 20
	// maxUnfinished is how many redrives of a namespace may wait.
	maxUnfinished = 100
)

// matched is what an order selects.
type matched struct {
	count     int
	last      uint64
	functions map[string]bool
	sample    []*Letter
}

// match finds the letters of an order.
func (a *api) match(ctx context.Context, namespace string, p *parsedOrder) (*matched, *mailbox, error) {
	found := &matched{functions: map[string]bool{}, sample: []*Letter{}}
	m, err := a.store.open(ctx, namespace, false)
	if errors.Is(err, ErrNotFound) {
		return found, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if found.last, err = m.last(ctx); err != nil {
		return nil, nil, err
	}
	err = p.selection.each(ctx, m, 0, found.last, func(l *Letter) bool {
		found.count++
		found.functions[l.Function] = true
		if len(found.sample) < maxSample {
			l.Event = withoutData(&l.Event)
			found.sample = append(found.sample, l)
		}
		return true
	}, func(uint64) {})
	return found, m, err
}

// authorizeOrder refuses an order for letters of functions that the caller may not update, or to one. Who may update all
// of the namespace needs no look at the letters; who may update none does not learn of them.
func (a *api) authorizeOrder(ctx context.Context, user *access.User, namespace string, p *parsedOrder) error {
	err := a.require(ctx, user, verbUpdate, namespace)
	if err == nil || !errors.Is(err, errForbidden) {
		return err
	}
	functions := map[string]bool{}
	if p.destination != nil {
		functions[p.destination.service] = true
	}
	if p.selection.ids == nil {
		functions[p.selection.filter.Function] = true
	} else {
		found, _, err := a.match(ctx, namespace, p)
		if err != nil {
			return err
		}
		if found.count < len(p.selection.ids) {
			// Some are not there: whose they were cannot be told.
			return errForbidden
		}
		for function := range found.functions {
			functions[function] = true
		}
	}
	for function := range functions {
		if err := a.require(ctx, user, verbUpdate, namespace, function); err != nil {
			return err
		}
	}
	return nil
}

// DryRun is what a redrive or a purge would do.
type DryRun struct {
	DryRun bool `json:"dryRun"`
	// Matched is how many letters are meant.
	Matched int `json:"matched"`
	// Letters are the first of them, without data.
	Letters []*Letter `json:"letters"`
}

func (a *api) redrive(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	ctx := r.Context()
	p, err := a.parseOrder(r, namespace, true)
	if err != nil {
		return err
	}
	if err := a.authorizeOrder(ctx, user, namespace, p); err != nil {
		a.audit(r, user, namespace, "Redrive refused", "filter", p.filter, "ids", len(p.ids))
		return err
	}
	found, _, err := a.match(ctx, namespace, p)
	if err != nil {
		return err
	}
	if p.dryRun {
		writeJSON(w, http.StatusOK, jsonType, &DryRun{DryRun: true, Matched: found.count, Letters: found.sample})
		return nil
	}
	if err := a.checkQueue(ctx, namespace); err != nil {
		return err
	}
	now := time.Now().UTC()
	j := &Redrive{
		ID: newRedriveID(now), Namespace: namespace, State: StateQueued, User: user.Name, CreatedAt: now,
		IDs: p.ids, Filter: p.filter, Rate: p.rate, Matched: found.count, Through: found.last,
	}
	if p.destination != nil {
		j.Destination = p.destination.url.String()
	}
	if err := a.store.saveRedrive(ctx, j); err != nil {
		return err
	}
	a.audit(r, user, namespace, "Redrive", "redrive", j.ID, "filter", p.filter, "ids", len(p.ids), "destination", j.Destination,
		"rate", p.rate, "matched", found.count)
	a.runner.notify()
	w.Header().Set("Location", fmt.Sprintf("/v1/namespaces/%s/redrives/%s", namespace, j.ID))
	writeJSON(w, http.StatusAccepted, jsonType, j)
	return nil
}

func (a *api) checkQueue(ctx context.Context, namespace string) error {
	jobs, err := a.store.redrives(ctx, namespace)
	if err != nil {
		return err
	}
	unfinished := 0
	for _, j := range jobs {
		if !j.State.finished() {
			unfinished++
		}
	}
	if unfinished >= maxUnfinished {
		return &Problem{Status: http.StatusTooManyRequests, Code: codeBusy, Detail: fmt.Sprintf("%d redrives of this namespace are not finished", unfinished)}
	}
	return nil
}

// RedriveList is a list of redrives in the order in which they were made.
type RedriveList struct {
	Redrives []*Redrive `json:"redrives"`
}

func (a *api) redrives(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	if err := a.require(r.Context(), user, verbList, namespace); err != nil {
		return err
	}
	jobs, err := a.store.redrives(r.Context(), namespace)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, jsonType, &RedriveList{Redrives: jobs})
	return nil
}

// findRedrive returns the redrive of a request's path. Who made it may see and end it; so may who has the verb on all
// functions of the namespace.
func (a *api) findRedrive(r *http.Request, user *access.User, verb, namespace string) (*Redrive, error) {
	all := a.require(r.Context(), user, verb, namespace)
	if all != nil && !errors.Is(all, errForbidden) {
		return nil, all
	}
	j, err := a.store.redrive(r.Context(), namespace, r.PathValue("id"))
	switch {
	case all == nil:
		return j, err
	case err == nil && j.User == user.Name:
		return j, nil
	case err == nil, errors.Is(err, ErrNotFound):
		return nil, errForbidden
	}
	return nil, err
}

func (a *api) getRedrive(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	j, err := a.findRedrive(r, user, verbGet, namespace)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, jsonType, j)
	return nil
}

// cancelTries bounds how often a redrive is read anew that stores its progress meanwhile.
const cancelTries = 10

func (a *api) cancelRedrive(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	for range cancelTries {
		j, err := a.findRedrive(r, user, verbUpdate, namespace)
		if err != nil {
			return err
		}
		if j.State.finished() {
			writeJSON(w, http.StatusOK, jsonType, j)
			return nil
		}
		j.State, j.FinishedAt, j.Owner, j.Lease = StateCancelled, time.Now().UTC(), "", time.Time{}
		j.Message = "cancelled by " + user.Name
		err = a.store.saveRedrive(r.Context(), j)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return err
		}
		a.runner.interrupt(namespace)
		a.audit(r, user, namespace, "Redrive cancelled", "redrive", j.ID)
		writeJSON(w, http.StatusOK, jsonType, j)
		return nil
	}
	return errChanged
}

// PurgeResult is what a purge did.
type PurgeResult struct {
	// Matched is how many letters were meant, Purged how many were removed.
	Matched int `json:"matched"`
	Purged  int `json:"purged"`
}

func (a *api) purge(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	ctx := r.Context()
	p, err := a.parseOrder(r, namespace, false)
	if err != nil {
		return err
	}
	if err := a.authorizeOrder(ctx, user, namespace, p); err != nil {
		a.audit(r, user, namespace, "Purge refused", "filter", p.filter, "ids", len(p.ids))
		return err
	}
	found, m, err := a.match(ctx, namespace, p)
	if err != nil {
		return err
	}
	if p.dryRun {
		writeJSON(w, http.StatusOK, jsonType, &DryRun{DryRun: true, Matched: found.count, Letters: found.sample})
		return nil
	}
	result := &PurgeResult{Matched: found.count}
	if m != nil {
		var failed error
		err = p.selection.each(ctx, m, 0, found.last, func(l *Letter) bool {
			sequence, _ := parseID(l.ID)
			if failed = m.remove(ctx, sequence); failed == nil {
				result.Purged++
			}
			return failed == nil
		}, func(uint64) {})
		err = errors.Join(err, failed)
	}
	a.store.metrics.purged(ctx, namespace, int64(result.Purged))
	a.audit(r, user, namespace, "Purge", "filter", p.filter, "ids", len(p.ids), "matched", result.Matched, "purged", result.Purged)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, jsonType, result)
	return nil
}
