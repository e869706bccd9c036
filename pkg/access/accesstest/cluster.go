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

// Package accesstest has what answers for the API server in tests of who may do what.
package accesstest

import (
	"context"
	"fmt"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// Stranger is the one token that nobody has.
const Stranger = "stranger"

// Cluster answers who somebody is, and what they may do: a token is the name of a user.
type Cluster struct {
	mu        sync.Mutex
	rights    map[string]bool
	audiences map[string]string
	broken    error

	starting               int
	reviews, accessReviews int
}

// NewCluster makes a Cluster with rights such as "user verb namespace/function", where the function may be empty; rights to
// agents are "user verb lambdaagents namespace/agent".
func NewCluster(rights ...string) *Cluster {
	c := &Cluster{rights: map[string]bool{}, audiences: map[string]string{}}
	for _, right := range rights {
		c.rights[right] = true
	}
	return c
}

// SetAudience has a token be for an audience, and no more for the API server.
func (c *Cluster) SetAudience(token, audience string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.audiences[token] = audience
}

// Break has all questions fail with an error. With nil they are answered again.
func (c *Cluster) Break(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

// Reviews is how often it was asked who somebody is.
func (c *Cluster) Reviews() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reviews
}

// AccessReviews is how often it was asked what somebody may do.
func (c *Cluster) AccessReviews() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accessReviews
}

// Reviewer returns one that asks the Cluster.
func (c *Cluster) Reviewer(lifetime time.Duration) *access.Reviewer {
	kube := fake.NewClientset()
	kube.PrependReactor("create", "tokenreviews", c.reviewToken)
	kube.PrependReactor("create", "subjectaccessreviews", c.reviewAccess)
	return access.NewReviewer(kube, c.Ready, func() time.Duration { return lifetime })
}

// Start has the Cluster know nobody and allow nothing until it was asked n times whether it is ready.
func (c *Cluster) Start(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starting = n
}

// Ready is an error as long as the Cluster starts.
func (c *Cluster) Ready(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting > 0 {
		c.starting--
		return access.ErrUnavailable
	}
	return nil
}

func (c *Cluster) reviewToken(action clientgotesting.Action) (bool, runtime.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reviews++
	if c.broken != nil {
		return true, nil, c.broken
	}
	review := created[*authenticationv1.TokenReview](action).DeepCopy()
	if review.Spec.Token != Stranger && c.starting == 0 {
		audience, ok := c.audiences[review.Spec.Token]
		review.Status.Authenticated = ok == (len(review.Spec.Audiences) > 0)
		review.Status.User.Username = review.Spec.Token
		review.Status.Audiences = []string{audience}
	}
	return true, review, nil
}

func (c *Cluster) reviewAccess(action clientgotesting.Action) (bool, runtime.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accessReviews++
	if c.broken != nil {
		return true, nil, c.broken
	}
	review := created[*authorizationv1.SubjectAccessReview](action).DeepCopy()
	a := review.Spec.ResourceAttributes
	to := a.Verb
	if a.Resource != lambda.LambdaFunctionsResource.Resource {
		to += " " + a.Resource
	}
	review.Status.Allowed = c.starting == 0 && a.Group == lambda.GroupName && c.rights[fmt.Sprintf("%s %s %s/%s", review.Spec.User, to, a.Namespace, a.Name)]
	return true, review, nil
}

// created is what a fake clientset was asked to make. It calls these reactors for nothing else.
func created[T runtime.Object](action clientgotesting.Action) T {
	return action.(clientgotesting.CreateAction).GetObject().(T) //nolint:forcetypeassert // see above
}
