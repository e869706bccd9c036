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

// Package resources makes the children of a LambdaFunction. The makers are pure: no client, no clock.
package resources

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"knative.dev/pkg/kmeta"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources/names"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// ManagedSelector selects what the controllers made.
const ManagedSelector = lambda.ManagedSelector

const (
	planFile = "plan.json"
	// tagLength is how many hex digits of the build key are the tag of the image.
	tagLength = 12
)

// Build is one build of a function: what is built, and where it is pushed.
type Build struct {
	// Plan is all that goes into the image.
	Plan *source.Plan
	// Repository is where the image is pushed, <registry>/<namespace>/<name> by default, without a tag. Empty where no registry is set.
	Repository string

	// pulled is Repository as nodes reach it.
	pulled string
	// cache is where layers of dependencies are kept, or "".
	cache string
	tag   string
	key   string
}

// NewBuild plans the build of the function's present spec. It fails with *source.Error where the source cannot be
// planned. The function has its defaults.
func NewBuild(fn *v1alpha1.LambdaFunction, cfg *config.Config) (*Build, error) {
	plan, err := makePlan(fn, cfg)
	if err != nil {
		return nil, err
	}
	b := &Build{Plan: plan, Repository: repository(fn, cfg.Build), tag: fn.Spec.Build.Tag}
	b.pulled = cfg.Build.PullAddress(b.Repository)
	b.cache = cacheRepository(fn, b.Repository, cfg.Build)
	// The same image in another registry is another build: it has to be pushed there too.
	destination := b.Repository
	if b.tag != "" {
		destination += ":" + b.tag
	}
	sum := sha256.Sum256([]byte(plan.Key() + "\n" + destination))
	b.key = hex.EncodeToString(sum[:])
	return b, nil
}

// Key is the build key, 64 hex digits: the hash of the plan and the repository. The same key is never built twice.
func (b *Build) Key() string {
	return b.key
}

// Image is where the build pushes to, by tag.
func (b *Build) Image() string {
	return b.Repository + ":" + cmp.Or(b.tag, b.key[:tagLength])
}

// ImageURI is where nodes pull from what was pushed, by its digest, sha256:<hex>.
func (b *Build) ImageURI(digest string) string {
	return b.pulled + "@" + digest
}

// staged is where Kaniko pushes to: beside the image, because not every registry has repositories within repositories,
// nor makes new ones. The tag goes when the image is sealed.
func (b *Build) staged() string {
	return b.Repository + ":" + b.key[:tagLength] + "-staged"
}

func repository(fn *v1alpha1.LambdaFunction, build *config.Build) string {
	registry := cmp.Or(fn.Spec.Build.Registry, build.Registry)
	if registry == "" {
		return ""
	}
	separator := "/"
	if strings.Contains(registry, "/") && registryType(fn, build) == v1alpha1.RegistryTypeDockerHub {
		// Repositories of Docker Hub are <owner>/<name>. No name of ours has a _, and so no two are joined to the same.
		separator = "__"
	}
	return registry + "/" + cmp.Or(fn.Spec.Build.Repository, fn.Namespace+separator+fn.Name)
}

// MakePlanConfigMap makes the ConfigMap that the build's first step reads its plan from.
func MakePlanConfigMap(fn *v1alpha1.LambdaFunction, b *Build) (*corev1.ConfigMap, error) {
	plan, err := b.Plan.Encode()
	if err != nil {
		return nil, fmt.Errorf("failed to encode the build plan: %w", err)
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name:            names.Build(fn, b.Key()),
			Namespace:       fn.Namespace,
			Labels:          buildLabels(fn, b),
			OwnerReferences: []metav1.OwnerReference{*kmeta.NewControllerRef(fn)},
		},
		Immutable: ptr.Bool(true),
		Data:      map[string]string{planFile: string(plan)},
	}, nil
}

// FunctionSelector selects the children of the function.
func FunctionSelector(fn *v1alpha1.LambdaFunction) labels.Selector {
	return labels.SelectorFromSet(FunctionLabels(fn))
}

// FunctionLabels are on all children of the function, and on its pods.
func FunctionLabels(fn *v1alpha1.LambdaFunction) map[string]string {
	return map[string]string{
		lambda.ManagedByLabelKey: lambda.ManagedByLabelValue,
		lambda.FunctionLabelKey:  fn.Name,
	}
}

func buildLabels(fn *v1alpha1.LambdaFunction, b *Build) map[string]string {
	l := FunctionLabels(fn)
	l[lambda.BuildKeyLabelKey] = b.Key()[:tagLength]
	return l
}
