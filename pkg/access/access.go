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

// Package access asks the API server who sends a request, and what they may do with LambdaFunctions and LambdaAgents: an
// endpoint of ours gives nobody more rights than kubectl would.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/kubernetes"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

const (
	// maxVerdicts bounds each of the caches; the oldest verdict makes room.
	maxVerdicts = 4096
	// maxToken bounds what is sent to the API server for a stranger.
	maxToken = 16 << 10
)

var (
	// ErrUnauthenticated : the request has no bearer token, or not one of this cluster for the audience.
	ErrUnauthenticated = errors.New("send a bearer token of this cluster")
	// ErrUnavailable : the API server does not answer.
	ErrUnavailable = errors.New("the API server does not say who you are")
)

// Ready is an error as long as the API server has not read all that it judges by. One that has just started denies what it has
// not read yet, so that a denial is to be believed of one that was ready before it was asked.
type Ready func(context.Context) error

// ReadyAt asks the API server that client talks to (https://kubernetes.io/docs/reference/using-api/health-checks/). It fails with
// ErrUnavailable.
func ReadyAt(client rest.Interface) Ready {
	return func(ctx context.Context) error {
		if err := client.Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	}
}

// Reviewer asks the API server who somebody is, and what they may do.
type Reviewer struct {
	tokens   authenticationclient.TokenReviewInterface
	rights   authorizationclient.SubjectAccessReviewInterface
	ready    Ready
	lifetime func() time.Duration

	users    *cache.LRUExpireCache // of tokenKey to *authenticationv1.UserInfo, nil for strangers
	verdicts *cache.LRUExpireCache // of rightKey to bool
}

type tokenKey struct {
	token    [sha256.Size]byte
	audience string
}

type rightKey struct {
	user                  [sha256.Size]byte
	verb, namespace, name string
	resource              schema.GroupResource
}

// NewReviewer makes a Reviewer that keeps verdicts, good and bad, for lifetime.
func NewReviewer(kube kubernetes.Interface, ready Ready, lifetime func() time.Duration) *Reviewer {
	return &Reviewer{
		tokens:   kube.AuthenticationV1().TokenReviews(),
		rights:   kube.AuthorizationV1().SubjectAccessReviews(),
		ready:    ready,
		lifetime: lifetime,
		users:    cache.NewLRUExpireCache(maxVerdicts),
		verdicts: cache.NewLRUExpireCache(maxVerdicts),
	}
}

// User is somebody whose token was good.
type User struct {
	// Name is the user's, for example system:serviceaccount:shop:orders.
	Name string

	info *authenticationv1.UserInfo
	key  [sha256.Size]byte
}

// Authenticate says who sends a request. An audience is whom the token has to be for; empty is the API server. It fails
// with ErrUnauthenticated or ErrUnavailable.
func (r *Reviewer) Authenticate(request *http.Request, audience string) (*User, error) {
	scheme, token, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > maxToken {
		return nil, ErrUnauthenticated
	}
	key := tokenKey{sha256.Sum256([]byte(token)), audience}
	user, known := r.users.Get(key)
	if !known {
		found, err := sure(request.Context(), r.ready, isKnown, func(ctx context.Context) (*authenticationv1.UserInfo, error) {
			return r.review(ctx, token, audience)
		})
		if err != nil {
			return nil, err
		}
		user = found
		r.users.Add(key, found, r.lifetime())
	}
	info, _ := user.(*authenticationv1.UserInfo)
	if info == nil {
		return nil, ErrUnauthenticated
	}
	return &User{Name: info.Username, info: info, key: key.token}, nil
}

// sure asks again where the answer is no good one and the API server may have just started.
func sure[T any](ctx context.Context, ready Ready, good func(T) bool, ask func(context.Context) (T, error)) (answer T, err error) {
	if answer, err = ask(ctx); err != nil || good(answer) {
		return answer, err
	}
	if err := ready(ctx); err != nil {
		return answer, err
	}
	return ask(ctx)
}

func isKnown(user *authenticationv1.UserInfo) bool { return user != nil }

func isAllowed(allowed bool) bool { return allowed }

func (r *Reviewer) review(ctx context.Context, token, audience string) (*authenticationv1.UserInfo, error) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	if audience != "" {
		review.Spec.Audiences = []string{audience}
	}
	review, err := r.tokens.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// An API server that knows nothing of audiences leaves them out: then the token is not known to be for us.
	if !review.Status.Authenticated || (audience != "" && !slices.Contains(review.Status.Audiences, audience)) {
		return nil, nil //nolint:nilnil // a stranger
	}
	return &review.Status.User, nil
}

// May is true where the user has the verb on an object of the resource, such as lambda.LambdaFunctionsResource; an empty name
// stands for all of the namespace. It fails with ErrUnavailable.
func (r *Reviewer) May(ctx context.Context, user *User, verb string, resource schema.GroupResource, namespace, name string) (bool, error) {
	key := rightKey{user.key, verb, namespace, name, resource}
	if verdict, ok := r.verdicts.Get(key); ok {
		return verdict == true, nil
	}
	allowed, err := sure(ctx, r.ready, isAllowed, func(ctx context.Context) (bool, error) {
		return r.reviewAccess(ctx, user, &authorizationv1.ResourceAttributes{
			Group: resource.Group, Resource: resource.Resource, Verb: verb, Namespace: namespace, Name: name,
		})
	})
	if err != nil {
		return false, err
	}
	r.verdicts.Add(key, allowed, r.lifetime())
	return allowed, nil
}

func (r *Reviewer) reviewAccess(ctx context.Context, user *User, to *authorizationv1.ResourceAttributes) (bool, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.info.Extra))
	for name, values := range user.info.Extra {
		extra[name] = authorizationv1.ExtraValue(values)
	}
	review, err := r.rights.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.info.Username, UID: user.info.UID, Groups: user.info.Groups, Extra: extra, ResourceAttributes: to,
	}}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return review.Status.Allowed, nil
}
