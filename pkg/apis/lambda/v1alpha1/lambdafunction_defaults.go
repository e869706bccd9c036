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
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// What holds where neither the user nor a ConfigMap says otherwise.
const (
	DefaultMaxReplicas            = 50
	DefaultTargetConcurrency      = 10
	DefaultScaleToZeroGracePeriod = 30 * time.Second
	DefaultTimeoutSeconds         = 300
)

// languageAliases are the other names that a language goes by.
var languageAliases = map[Language]Language{
	"python3": LanguagePython,
	"py":      LanguagePython,
}

// defaultHandlers are what is called where the user names nothing.
var defaultHandlers = map[Language]string{
	LanguagePython: "main.handler",
}

// SetDefaults implements apis.Defaultable.
func (fn *LambdaFunction) SetDefaults(ctx context.Context) {
	cfg := config.FromContextOrDefaults(ctx)
	fn.Spec.Runtime.setDefaults(cfg.Runtimes)
	fn.Spec.Scaling.setDefaults()
	fn.Spec.Resources.setDefaults()
	if fn.Spec.TimeoutSeconds == nil {
		fn.Spec.TimeoutSeconds = ptr.Int64(DefaultTimeoutSeconds)
	}
	if fn.Spec.Build.Timeout == nil {
		fn.Spec.Build.Timeout = &metav1.Duration{Duration: cfg.Build.Timeout}
	}
}

func (r *RuntimeSpec) setDefaults(runtimes *config.Runtimes) {
	if language, ok := languageAliases[r.Language]; ok {
		r.Language = language
	}
	if r.Version == "" {
		r.Version = runtimes.DefaultVersion(string(r.Language))
	}
	if r.Handler == "" {
		r.Handler = defaultHandlers[r.Language]
	}
	if r.Response == "" {
		r.Response = ResponseRaw
	}
}

func (s *ScalingSpec) setDefaults() {
	if s.MinReplicas == nil {
		s.MinReplicas = ptr.Int32(0)
	}
	if s.MaxReplicas == nil {
		s.MaxReplicas = ptr.Int32(max(DefaultMaxReplicas, *s.MinReplicas))
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

func (r *ResourcesSpec) setDefaults() {
	for name, def := range map[corev1.ResourceName]struct{ request, limit resource.Quantity }{
		corev1.ResourceCPU:    {resource.MustParse("50m"), resource.MustParse("1")},
		corev1.ResourceMemory: {resource.MustParse("64Mi"), resource.MustParse("512Mi")},
	} {
		request, hasRequest := r.Requests[name]
		limit, hasLimit := r.Limits[name]
		if !hasLimit {
			limit = def.limit
			// A request over the default limit is the user's wish, and lifts the limit.
			if hasRequest && request.Cmp(limit) > 0 {
				limit = request
			}
			r.Limits = withQuantity(r.Limits, name, limit)
		}
		if !hasRequest {
			request = def.request
			if request.Cmp(limit) > 0 {
				request = limit
			}
			r.Requests = withQuantity(r.Requests, name, request)
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
