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

package v1alpha1

import (
	"cmp"
	"context"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
)

// What holds where neither the user nor a ConfigMap says otherwise.
const (
	DefaultMaxReplicas            = 50
	DefaultTargetConcurrency      = 10
	DefaultScaleToZeroGracePeriod = 30 * time.Second
	DefaultTimeoutSeconds         = 300
	DefaultGitRef                 = "main"
	DefaultS3Region               = "us-east-1"
	DefaultMinIOEndpoint          = "minio.minio.svc.cluster.local:9000"
	DefaultImageTag               = "latest"
	DefaultImagePort              = 8080
)

// languageAliases are the other names that a language goes by.
var languageAliases = map[Language]Language{
	"python3":    LanguagePython,
	"py":         LanguagePython,
	"node":       LanguageNodeJS,
	"js":         LanguageNodeJS,
	"javascript": LanguageNodeJS,
	"golang":     LanguageGo,
}

// defaultHandlers are what is called where the user names nothing.
var defaultHandlers = map[Language]string{
	LanguagePython: "main.handler",
	LanguageNodeJS: "index.handler",
	LanguageGo:     "main.Handler",
}

// applicationPattern is a handler as servers of ASGI and WSGI have it. It is stored as module.application: the worker tells
// an application by itself.
var applicationPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$`)

// SetDefaults implements apis.Defaultable.
func (fn *LambdaFunction) SetDefaults(ctx context.Context) {
	cfg := config.FromContextOrDefaults(ctx)
	if old, ok := apis.GetBaseline(ctx).(*LambdaFunction); ok && apis.IsInUpdate(ctx) {
		fn.Spec.forgetDefaults(&old.Spec, cfg.Runtimes)
		defer fn.forgetRollback(ctx, old)
	}
	fn.Spec.Source.setDefaults()
	if fn.Spec.Source.Type != SourceTypeImage {
		fn.Spec.Runtime.setDefaults(cfg.Runtimes)
	}
	fn.Spec.Scaling.setDefaults(DefaultMaxReplicas)
	fn.Spec.Resources.setDefaults()
	if fn.Spec.TimeoutSeconds == nil {
		fn.Spec.TimeoutSeconds = ptr.Int64(DefaultTimeoutSeconds)
	}
	fn.Spec.Build.setDefaults(cfg.Build)
}

// forgetRollback ends a rollback that was there before when the spec changes: who changes it wants it to serve.
func (fn *LambdaFunction) forgetRollback(ctx context.Context, old *LambdaFunction) {
	const key = lambda.RollbackAnnotationKey
	if fn.Annotations[key] == "" || fn.Annotations[key] != old.Annotations[key] {
		return
	}
	// What a newer version fills in is no change.
	before := LambdaFunction{Spec: *old.Spec.DeepCopy()}
	before.SetDefaults(apis.WithinCreate(ctx))
	if !equality.Semantic.DeepEqual(before.Spec, fn.Spec) {
		delete(fn.Annotations, key)
	}
}

// forgetDefaults clears what an earlier SetDefaults filled in and the user's change does not go with: one who edits the
// language did not choose the handler of the old one.
func (s *LambdaFunctionSpec) forgetDefaults(old *LambdaFunctionSpec, runtimes *config.Runtimes) {
	if language, before := s.Runtime.Language.canonical(), old.Runtime.Language.canonical(); language != before {
		if s.Runtime.Handler == old.Runtime.Handler && old.Runtime.Handler == defaultHandlers[before] {
			s.Runtime.Handler = ""
		}
		if s.Runtime.Version == old.Runtime.Version && !slices.Contains(runtimes.Versions(string(language)), s.Runtime.Version) {
			s.Runtime.Version = ""
		}
	}
	s.Scaling.forgetDefaults(&old.Scaling)
	s.Resources.forgetDefaults(&old.Resources)
}

func (s *ScalingSpec) forgetDefaults(old *ScalingSpec) {
	if s.TargetConcurrency == nil || old.TargetConcurrency == nil || *s.TargetConcurrency != *old.TargetConcurrency {
		return
	}
	untouched := ScalingSpec{ContainerConcurrency: old.ContainerConcurrency}
	untouched.setDefaults(DefaultMaxReplicas)
	if *old.TargetConcurrency == *untouched.TargetConcurrency {
		s.TargetConcurrency = nil
	}
}

func (r *ResourcesSpec) forgetDefaults(old *ResourcesSpec) {
	for name := range defaultResources {
		request, hasRequest := r.Requests[name]
		limit, hasLimit := r.Limits[name]
		oldRequest, oldLimit := old.Requests[name], old.Limits[name]
		if !hasRequest || !hasLimit {
			continue
		}
		sameRequest, sameLimit := request.Cmp(oldRequest) == 0, limit.Cmp(oldLimit) == 0
		switch {
		case sameRequest && !sameLimit && oldRequest.Cmp(defaultRequest(name, oldLimit)) == 0:
			delete(r.Requests, name)
		case sameLimit && !sameRequest && oldLimit.Cmp(defaultLimit(name, oldRequest)) == 0:
			delete(r.Limits, name)
		}
	}
}

// setDefaults fills in the block of the source's type only.
func (s *SourceSpec) setDefaults() {
	switch {
	case s.Type == SourceTypeGit && s.Git != nil:
		s.Git.Ref = cmp.Or(s.Git.Ref, DefaultGitRef)
		s.Git.Path = cleanPath(s.Git.Path)
	case s.Type == SourceTypeS3 && s.S3 != nil:
		s.S3.Region = cmp.Or(s.S3.Region, DefaultS3Region)
		s.S3.UsePathStyle = cmp.Or(s.S3.UsePathStyle, ptr.Bool(s.S3.Endpoint != ""))
	case s.Type == SourceTypeMinIO && s.MinIO != nil:
		s.MinIO.Endpoint = cmp.Or(s.MinIO.Endpoint, DefaultMinIOEndpoint)
		s.MinIO.Region = cmp.Or(s.MinIO.Region, DefaultS3Region)
		s.MinIO.UsePathStyle = cmp.Or(s.MinIO.UsePathStyle, ptr.Bool(true))
	case s.Type == SourceTypeOCI && s.OCI != nil:
		s.OCI.Tag = defaultTag(s.OCI.Tag, s.OCI.Digest)
		s.OCI.Path = cleanPath(s.OCI.Path)
	case s.Type == SourceTypeImage && s.Image != nil:
		s.Image.setDefaults()
	}
}

func (s *ImageSource) setDefaults() {
	s.Tag = defaultTag(s.Tag, s.Digest)
	s.Port = cmp.Or(s.Port, ptr.Int32(DefaultImagePort))
}

func defaultTag(tag, digest string) string {
	if digest != "" {
		return tag
	}
	return cmp.Or(tag, DefaultImageTag)
}

// cleanPath writes a folder in the one way that paths are compared in. What leaves the source is left to validation.
func cleanPath(p string) string {
	if p == "" || path.IsAbs(p) || slices.Contains(strings.Split(p, "/"), "..") {
		return p
	}
	if p = path.Clean(p); p == "." {
		return ""
	}
	return p
}

func (b *BuildSpec) setDefaults(cfg *config.Build) {
	if b.Timeout == nil {
		b.Timeout = &metav1.Duration{Duration: cfg.Timeout}
	}
	if b.Retries == nil {
		b.Retries = ptr.Int32(0)
	}
}

func (l Language) canonical() Language {
	if language, ok := languageAliases[l]; ok {
		return language
	}
	return l
}

func (r *RuntimeSpec) setDefaults(runtimes *config.Runtimes) {
	r.Language = r.Language.canonical()
	if r.Version == "" {
		r.Version = runtimes.DefaultVersion(string(r.Language))
	}
	if r.Handler == "" {
		r.Handler = defaultHandlers[r.Language]
	}
	if r.Language == LanguagePython && applicationPattern.MatchString(r.Handler) {
		r.Handler = strings.Replace(r.Handler, ":", ".", 1)
	}
	if r.Response == "" {
		r.Response = ResponseRaw
	}
}

func (s *ScalingSpec) setDefaults(maxReplicas int32) {
	if s.MinReplicas == nil {
		s.MinReplicas = ptr.Int32(0)
	}
	if s.MaxReplicas == nil {
		s.MaxReplicas = ptr.Int32(max(maxReplicas, *s.MinReplicas))
	}
	if s.ContainerConcurrency == nil {
		s.ContainerConcurrency = ptr.Int64(0)
	}
	if s.TargetConcurrency == nil {
		s.TargetConcurrency = ptr.Int32(DefaultTargetConcurrency)
		if limit := *s.ContainerConcurrency; limit > 0 && limit < DefaultTargetConcurrency {
			s.TargetConcurrency = ptr.Int32(int32(limit))
		}
	}
	if s.ScaleToZeroGracePeriod == nil {
		s.ScaleToZeroGracePeriod = &metav1.Duration{Duration: DefaultScaleToZeroGracePeriod}
	}
}

// defaultResources are what one instance gets where the user says nothing.
var defaultResources = map[corev1.ResourceName]struct{ request, limit resource.Quantity }{
	corev1.ResourceCPU:    {resource.MustParse("50m"), resource.MustParse("1")},
	corev1.ResourceMemory: {resource.MustParse("64Mi"), resource.MustParse("512Mi")},
}

// defaultRequest never exceeds the limit.
func defaultRequest(name corev1.ResourceName, limit resource.Quantity) resource.Quantity {
	request := defaultResources[name].request
	if request.Cmp(limit) > 0 {
		return limit
	}
	return request
}

// defaultLimit is lifted by a request over it, which is the user's wish.
func defaultLimit(name corev1.ResourceName, request resource.Quantity) resource.Quantity {
	limit := defaultResources[name].limit
	if request.Cmp(limit) > 0 {
		return request
	}
	return limit
}

func (r *ResourcesSpec) setDefaults() {
	for name := range defaultResources {
		request, hasRequest := r.Requests[name]
		limit, hasLimit := r.Limits[name]
		if !hasLimit {
			limit = defaultLimit(name, request)
			r.Limits = withQuantity(r.Limits, name, limit)
		}
		if !hasRequest {
			r.Requests = withQuantity(r.Requests, name, defaultRequest(name, limit))
		}
	}
}

func withQuantity(list corev1.ResourceList, name corev1.ResourceName, quantity resource.Quantity) corev1.ResourceList {
	if list == nil {
		list = corev1.ResourceList{}
	}
	list[name] = quantity
	return list
}
