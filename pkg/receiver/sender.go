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

package receiver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// The verbs on LambdaFunctions and LambdaAgents that commands take.
const (
	verbGet    = "get"
	verbCreate = "create"
	verbPatch  = "patch"
	verbDelete = "delete"
)

// anonymous is the name of who sends no token.
const anonymous = "system:anonymous"

func nameOf(user *access.User) string {
	if user == nil {
		return anonymous
	}
	return user.Name
}

// identify says who sends a request: nil where it has no token. One that is there has to be good.
func (s *Server) identify(r *http.Request) (*access.User, error) {
	if r.Header.Get("Authorization") == "" {
		return nil, nil //nolint:nilnil // nobody in particular
	}
	user, err := s.access.Authenticate(r, "")
	if audience := s.settings().Audience; errors.Is(err, access.ErrUnauthenticated) && audience != "" {
		user, err = s.access.Authenticate(r, audience)
	}
	return user, asRefusal(err)
}

// require refuses a sender who may not do with the object what the command says.
func (s *Server) require(ctx context.Context, user *access.User, verb string, o *order) error {
	if user == nil {
		if s.settings().Open(o.namespace) {
			return nil
		}
		return refuse(http.StatusUnauthorized, codeUnauthorized, "",
			"namespace %q takes commands with a bearer token only; see unauthenticated-namespaces in ConfigMap config-receiver", o.namespace)
	}
	// Most have the right in all of the namespace: then one verdict is for all objects.
	resource := o.kind.resource.GroupResource()
	ok, err := s.access.May(ctx, user, verb, resource, o.namespace, "")
	if err == nil && !ok {
		ok, err = s.access.May(ctx, user, verb, resource, o.namespace, o.name)
	}
	switch {
	case err != nil:
		return asRefusal(err)
	case !ok:
		return refuse(http.StatusForbidden, codeForbidden, "", "%s may not %s %s %q in namespace %q", user.Name, verb, o.kind.name, o.name, o.namespace)
	}
	return nil
}

// asRefusal says what a sender is told of an error of access.
func asRefusal(err error) error {
	switch {
	case errors.Is(err, access.ErrUnauthenticated):
		return refuse(http.StatusUnauthorized, codeUnauthorized, "", "%v", err)
	case errors.Is(err, access.ErrUnavailable):
		return &unavailable{err}
	}
	return err
}

// maxSenders is how many senders are told apart; who was seen longest ago makes room.
const maxSenders = 4096

// limits are how many commands each sender may give.
type limits struct {
	settings func() *config.Receiver
	clock    clock.PassiveClock

	mu      sync.Mutex
	senders *lru.Cache // of names to *rate.Limiter
}

func newLimits(settings func() *config.Receiver, c clock.PassiveClock) *limits {
	return &limits{settings: settings, clock: c, senders: lru.New(maxSenders)}
}

// senderOf tells senders apart: by name, or else by address.
func senderOf(user *access.User, r *http.Request) string {
	if user != nil {
		return user.Name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return anonymous
	}
	return anonymous + " " + host
}

// allow is false for a sender who gives too many commands. A batch that is larger than the burst takes all of it.
func (l *limits) allow(sender string, commands int) bool {
	settings := l.settings()
	if settings.Rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	limiter, ok := l.limiter(sender)
	if !ok {
		limiter = rate.NewLimiter(rate.Limit(settings.Rate), settings.Burst)
		l.senders.Add(sender, limiter)
	}
	limiter.SetLimitAt(now, rate.Limit(settings.Rate))
	limiter.SetBurstAt(now, settings.Burst)
	return limiter.AllowN(now, min(max(1, commands), settings.Burst))
}

func (l *limits) limiter(sender string) (*rate.Limiter, bool) {
	found, ok := l.senders.Get(sender)
	if !ok {
		return nil, false
	}
	limiter, ok := found.(*rate.Limiter)
	return limiter, ok
}
