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
	"math"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
)

// maxScan is how many letters are looked at for a page. A page may be shorter than its limit, and yet not the last.
const maxScan = 20000

// api shows letters and has them sent again.
type api struct{ *Server }

// LetterList is a page of letters in the order in which they came.
type LetterList struct {
	Letters []*Letter `json:"letters"`
	// Continue is the parameter for the next page. Absent: there is none.
	Continue string `json:"continue,omitempty"`
}

func (a *api) list(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	q, errs := parseListQuery(r.URL.Query())
	if len(errs) > 0 {
		return invalid("some parameters cannot be used", errs...)
	}
	if err := a.require(r.Context(), user, verbList, namespace, named(q.filter.Function)...); err != nil {
		return err
	}
	page := &LetterList{Letters: []*Letter{}}
	m, err := a.store.open(r.Context(), namespace, false)
	switch {
	case errors.Is(err, ErrNotFound):
		writeJSON(w, http.StatusOK, jsonType, page)
		return nil
	case err != nil:
		return err
	}
	seen := 0
	err = m.scan(r.Context(), q.filter.Function, q.from, math.MaxUint64, func(l *Letter) bool {
		if len(page.Letters) == q.limit || seen == maxScan {
			page.Continue = l.ID
			return false
		}
		seen++
		if q.filter.matches(l) {
			page.Letters = append(page.Letters, l)
		}
		return true
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, jsonType, page)
	return nil
}

// named is the list of one function, or none.
func named(function string) []string {
	if function == "" {
		return nil
	}
	return []string{function}
}

// find returns the letter of a request's path, unless the caller may not see it. Who has no right to anything of the
// namespace does not learn whether it is there.
func (a *api) find(r *http.Request, user *access.User, namespace string) (*Letter, error) {
	ctx := r.Context()
	all := a.require(ctx, user, verbGet, namespace)
	if all != nil && !errors.Is(all, errForbidden) {
		return nil, all
	}
	l, err := a.lookUp(ctx, namespace, r.PathValue("id"))
	if all == nil {
		return l, err
	}
	if errors.Is(err, ErrNotFound) {
		return nil, errForbidden
	}
	if err != nil {
		return nil, err
	}
	return l, a.require(ctx, user, verbGet, namespace, l.Function)
}

func (a *api) lookUp(ctx context.Context, namespace, id string) (*Letter, error) {
	sequence, ok := parseID(id)
	if !ok {
		return nil, ErrNotFound
	}
	m, err := a.store.open(ctx, namespace, false)
	if err != nil {
		return nil, err
	}
	return m.get(ctx, sequence)
}

func (a *api) get(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	l, err := a.find(r, user, namespace)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, jsonType, l)
	return nil
}

// event answers with the event itself, in binary mode: its data is what it was, byte by byte.
func (a *api) event(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	l, err := a.find(r, user, namespace)
	if err != nil {
		return err
	}
	if l.Event.DataContentType() == "" {
		// Otherwise the server would guess one.
		w.Header()["Content-Type"] = nil
	}
	return cehttp.WriteResponseWriter(binding.WithForceBinary(r.Context()), binding.ToMessage(&l.Event), http.StatusOK, w)
}

func (a *api) stats(w http.ResponseWriter, r *http.Request, user *access.User, namespace string) error {
	if err := a.require(r.Context(), user, verbList, namespace); err != nil {
		return err
	}
	s := &Stats{Namespace: namespace, Functions: []FunctionStats{}}
	m, err := a.store.open(r.Context(), namespace, false)
	if err == nil {
		s, err = m.stats(r.Context())
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	writeJSON(w, http.StatusOK, jsonType, s)
	return nil
}

// audit notes who did what.
func (a *api) audit(r *http.Request, user *access.User, namespace, what string, pairs ...any) {
	a.logger.Infow(what, append([]any{"audit", true, "user", user.Name, "namespace", namespace, "from", r.RemoteAddr}, pairs...)...)
}
