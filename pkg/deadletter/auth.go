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
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// Verbs on LambdaFunctions that give rights to their letters.
const (
	verbGet    = "get"
	verbList   = "list"
	verbUpdate = "update"
)

const (
	// maxVerdicts bounds each of the caches; the oldest verdict makes room.
	maxVerdicts = 4096
	// maxToken bounds what is sent to the API server for a stranger.
	maxToken = 16 << 10

	serviceAccountPrefix = "system:serviceaccount:"
)

// Authorizer asks the API server who somebody is, and what they may do.
type Authorizer struct {
	tokens   authenticationclient.TokenReviewInterface
	rights   authorizationclient.SubjectAccessReviewInterface
	lifetime func() time.Duration

	users    *cache.LRUExpireCache // of tokenKey to *authenticationv1.UserInfo, nil for strangers
	verdicts *cache.LRUExpireCache // of rightKey to bool
}

type tokenKey struct {
	token    [sha256.Size]byte
	audience string
}

type rightKey struct {
	user                      [sha256.Size]byte
	verb, namespace, function string
}

// NewAuthorizer makes an Authorizer that keeps verdicts, good and bad, for lifetime.
func NewAuthorizer(tokens authenticationclient.TokenReviewInterface, rights authorizationclient.SubjectAccessReviewInterface, lifetime func() time.Duration) *Authorizer {
	return &Authorizer{
		tokens:   tokens,
		rights:   rights,
		lifetime: lifetime,
		users:    cache.NewLRUExpireCache(maxVerdicts),
		verdicts: cache.NewLRUExpireCache(maxVerdicts),
	}
}

// caller is somebody whose token was good.
type caller struct {
	user *authenticationv1.UserInfo
	key  [sha256.Size]byte
}

var (
	errUnauthorized = &Problem{Status: http.StatusUnauthorized, Code: codeUnauthorized, Detail: "send a bearer token of this cluster"}
	errForbidden    = &Problem{Status: http.StatusForbidden, Code: codeForbidden, Detail: "you may not do this"}
)

// authenticate says who sends a request. An audience is whom the token has to be for; empty is the API server.
func (a *Authorizer) authenticate(r *http.Request, audience string) (*caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > maxToken {
		return nil, errUnauthorized
	}
	key := tokenKey{sha256.Sum256([]byte(token)), audience}
	user, known := a.users.Get(key)
	if !known {
		found, err := a.review(r.Context(), token, audience)
		if err != nil {
			return nil, err
		}
		user = found
		a.users.Add(key, found, a.lifetime())
	}
	info, _ := user.(*authenticationv1.UserInfo)
	if info == nil {
		return nil, errUnauthorized
	}
	return &caller{user: info, key: key.token}, nil
}

func (a *Authorizer) review(ctx context.Context, token, audience string) (*authenticationv1.UserInfo, error) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	if audience != "" {
		review.Spec.Audiences = []string{audience}
	}
	review, err := a.tokens.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, a.unreachable(ctx, err)
	}
	// An API server that knows nothing of audiences leaves them out: then the token is not known to be for us.
	if !review.Status.Authenticated || (audience != "" && !slices.Contains(review.Status.Audiences, audience)) {
		return nil, nil //nolint:nilnil // a stranger
	}
	return &review.Status.User, nil
}

// may is true where the caller has the verb on a LambdaFunction; an empty name stands for all of the namespace.
func (a *Authorizer) may(ctx context.Context, c *caller, verb, namespace, function string) (bool, error) {
	key := rightKey{c.key, verb, namespace, function}
	if verdict, ok := a.verdicts.Get(key); ok {
		return verdict == true, nil
	}
	extra := make(map[string]authorizationv1.ExtraValue, len(c.user.Extra))
	for name, values := range c.user.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	review, err := a.rights.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   c.user.Username,
		UID:    c.user.UID,
		Groups: c.user.Groups,
		Extra:  extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group:     lambda.GroupName,
			Resource:  "lambdafunctions",
			Verb:      verb,
			Namespace: namespace,
			Name:      function,
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, a.unreachable(ctx, err)
	}
	a.verdicts.Add(key, review.Status.Allowed, a.lifetime())
	return review.Status.Allowed, nil
}

// require refuses a caller who has the verb neither on all functions of the namespace nor on each of those named. Where
// none is named it takes all.
func (a *Authorizer) require(ctx context.Context, c *caller, verb, namespace string, functions ...string) error {
	ok, err := a.may(ctx, c, verb, namespace, "")
	if err != nil || ok {
		return err
	}
	if verb == verbList {
		// Rights to one function by name come with get.
		verb = verbGet
	}
	for _, function := range functions {
		if function == "" {
			return errForbidden
		}
		if ok, err := a.may(ctx, c, verb, namespace, function); err != nil {
			return err
		} else if !ok {
			return errForbidden
		}
	}
	if len(functions) == 0 {
		return errForbidden
	}
	return nil
}

func (*Authorizer) unreachable(ctx context.Context, err error) error {
	logging.FromContext(ctx).Errorw("Failed to ask the API server who somebody is", "error", err)
	return &Problem{Status: http.StatusServiceUnavailable, Code: codeUnavailable, Detail: "the API server does not say who you are"}
}

// requireSender refuses a sender of letters without a token for the audience from the namespace that the letter is of.
func (a *Authorizer) requireSender(r *http.Request, audience, namespace string) error {
	c, err := a.authenticate(r, audience)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.user.Username, fmt.Sprintf("%s%s:", serviceAccountPrefix, namespace)) {
		return errForbidden
	}
	return nil
}
