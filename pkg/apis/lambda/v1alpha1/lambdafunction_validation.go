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
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	// MaxInlineBytes is the most that code, dependencies and files of an inline source may have together.
	MaxInlineBytes = 512 * 1024

	maxHandlerLength = 100
	maxVersionLength = 20
	maxPathLength    = 512

	maxScaleToZeroGracePeriod = time.Hour
)

var (
	handlerPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	versionPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*(-[a-zA-Z0-9]+)?$`)
	pathPattern    = regexp.MustCompile(`^[A-Za-z0-9._/ -]+$`)
)

// privilegeAnnotations gave privilege in the operator before this one.
var privilegeAnnotations = []string{
	"lambda.knative.io/receiver-mode",
	"lambda.knative.io/use-operator-image",
}

// Validate implements apis.Validatable.
func (fn *LambdaFunction) Validate(ctx context.Context) *apis.FieldError {
	// What an older version accepted must still be deletable, and its finalizers removable.
	if apis.IsInDelete(ctx) || fn.DeletionTimestamp != nil {
		return nil
	}
	if apis.IsInStatusUpdate(ctx) {
		return nil
	}
	// Checks of optional fields may then rely on their defaults, whoever calls.
	fn = fn.DeepCopy()
	fn.SetDefaults(ctx)
	return fn.validateMetadata().ViaField("metadata").
		Also(fn.Spec.validate(ctx).ViaField("spec"))
}

func (fn *LambdaFunction) validateMetadata() (errs *apis.FieldError) {
	// The Knative Service has the same name, and Knative wants a DNS-1035 label.
	for _, msg := range validation.IsDNS1035Label(fn.Name) {
		errs = errs.Also(&apis.FieldError{
			Message: fmt.Sprintf("not a name for a Knative Service: %s: %s", fn.Name, msg),
			Paths:   []string{"name"},
		})
	}
	for _, key := range privilegeAnnotations {
		if _, ok := fn.Annotations[key]; ok {
			err := apis.ErrInvalidKeyName(key, "annotations", "no annotation gives privilege; remove it")
			errs = errs.Also(err)
		}
	}
	return errs
}

func (s *LambdaFunctionSpec) validate(ctx context.Context) *apis.FieldError {
	cfg := config.FromContextOrDefaults(ctx)
	errs := s.Source.validate().ViaField("source").
		Also(s.validateRuntime(cfg.Runtimes).ViaField("runtime")).
		Also(s.Scaling.validate().ViaField("scaling")).
		Also(s.Resources.validate().ViaField("resources")).
		Also(s.Build.validate().ViaField("build")).
		Also(validateEnv(s.Env).ViaField("env")).
		Also(validateEnvFrom(s.EnvFrom).ViaField("envFrom"))
	if s.ServiceAccountName != "" {
		for _, msg := range validation.IsDNS1123Subdomain(s.ServiceAccountName) {
			errs = errs.Also(apis.ErrInvalidValue(s.ServiceAccountName, "serviceAccountName", msg))
		}
	}
	if t := s.TimeoutSeconds; t != nil && *t < 1 {
		errs = errs.Also(apis.ErrInvalidValue(*t, "timeoutSeconds", "give at least 1 second"))
	}
	return errs
}

func (s *LambdaFunctionSpec) validateRuntime(runtimes *config.Runtimes) *apis.FieldError {
	if s.Source.Type == SourceTypeImage {
		return nil
	}
	return s.Runtime.validate(runtimes)
}

func (s *SourceSpec) validate() *apis.FieldError {
	switch s.Type {
	case SourceTypeInline:
		if s.Inline == nil {
			return apis.ErrMissingField("inline")
		}
		return s.Inline.validate().ViaField("inline")
	case SourceTypeGit, SourceTypeS3, SourceTypeMinIO, SourceTypeGCS, SourceTypeImage:
		return nil
	case "":
		return apis.ErrMissingField("type")
	default:
		return apis.ErrInvalidValue(s.Type, "type", "choose one of: inline")
	}
}

func (s *InlineSource) validate() (errs *apis.FieldError) {
	if s.Code == "" && len(s.Files) == 0 {
		errs = errs.Also(apis.ErrMissingOneOf("code", "files"))
	}
	size := len(s.Code) + len(s.Dependencies)
	for _, file := range slices.Sorted(maps.Keys(s.Files)) {
		size += len(file) + len(s.Files[file])
		if msg := checkRelativePath(file); msg != "" {
			errs = errs.Also(apis.ErrInvalidKeyName(file, "files", msg))
		}
		if !utf8.ValidString(s.Files[file]) {
			errs = errs.Also(apis.ErrGeneric("not UTF-8 text", "").ViaFieldKey("files", file))
		}
	}
	if size > MaxInlineBytes {
		errs = errs.Also(apis.ErrGeneric(fmt.Sprintf(
			"%d bytes of inline source, over the limit of %d: leave data out of the source", size, MaxInlineBytes), "code", "files"))
	}
	return errs
}

// checkRelativePath returns what is wrong with a path inside a source, or "".
func checkRelativePath(p string) string {
	switch {
	case p == "" || len(p) > maxPathLength:
		return fmt.Sprintf("a path has 1 to %d characters", maxPathLength)
	case path.IsAbs(p):
		return "a path is relative to the function's folder: remove the leading /"
	case slices.Contains(strings.Split(p, "/"), ".."):
		return "a path stays inside the function's folder: remove .."
	case strings.HasPrefix(p, "-"):
		return "a path does not begin with -"
	case !pathPattern.MatchString(p) || strings.TrimSpace(p) != p:
		return "a path has letters, digits, . _ - / and inner spaces"
	case path.Clean(p) != p:
		return "write it as " + path.Clean(p)
	}
	return ""
}

func (r *RuntimeSpec) validate(runtimes *config.Runtimes) (errs *apis.FieldError) {
	if r.Language == "" {
		return apis.ErrMissingField("language")
	}
	versions := runtimes.Versions(string(r.Language))
	if _, ok := defaultHandlers[r.Language]; !ok || len(versions) == 0 {
		return apis.ErrInvalidValue(r.Language, "language", "choose one of: "+strings.Join(runtimes.Languages(), ", "))
	}
	switch {
	case len(r.Version) > maxVersionLength || !versionPattern.MatchString(r.Version):
		errs = errs.Also(apis.ErrInvalidValue(r.Version, "version", "write digits and dots, for example "+runtimes.DefaultVersion(string(r.Language))))
	case !slices.Contains(versions, r.Version):
		errs = errs.Also(apis.ErrInvalidValue(r.Version, "version", fmt.Sprintf("%s is offered in: %s", r.Language, strings.Join(versions, ", "))))
	}
	if len(r.Handler) > maxHandlerLength || !handlerPattern.MatchString(r.Handler) {
		errs = errs.Also(apis.ErrInvalidValue(r.Handler, "handler", "write module.function, or function alone for one in the main file"))
	}
	if r.Response != ResponseRaw && r.Response != ResponseEnvelope {
		errs = errs.Also(apis.ErrInvalidValue(r.Response, "response", "choose one of: raw, envelope"))
	}
	return errs
}

func (s *ScalingSpec) validate() (errs *apis.FieldError) {
	if *s.MinReplicas < 0 {
		errs = errs.Also(apis.ErrInvalidValue(*s.MinReplicas, "minReplicas", "give 0 or more"))
	}
	if *s.MaxReplicas < 0 {
		errs = errs.Also(apis.ErrInvalidValue(*s.MaxReplicas, "maxReplicas", "give 0 (no limit) or more"))
	}
	if *s.MaxReplicas > 0 && *s.MinReplicas > *s.MaxReplicas {
		errs = errs.Also(apis.ErrGeneric(fmt.Sprintf("minReplicas %d is over maxReplicas %d", *s.MinReplicas, *s.MaxReplicas), "minReplicas", "maxReplicas"))
	}
	if c := *s.ContainerConcurrency; c < 0 || c > 1000 {
		errs = errs.Also(apis.ErrOutOfBoundsValue(c, 0, 1000, "containerConcurrency"))
	}
	if *s.TargetConcurrency < 1 {
		errs = errs.Also(apis.ErrInvalidValue(*s.TargetConcurrency, "targetConcurrency", "give 1 or more"))
	}
	if c := *s.ContainerConcurrency; c > 0 && int64(*s.TargetConcurrency) > c {
		errs = errs.Also(apis.ErrGeneric(fmt.Sprintf("targetConcurrency %d is over containerConcurrency %d and can never be reached", *s.TargetConcurrency, c), "targetConcurrency"))
	}
	if d := s.ScaleToZeroGracePeriod.Duration; d < 0 || d > maxScaleToZeroGracePeriod {
		errs = errs.Also(apis.ErrOutOfBoundsValue(d, time.Duration(0), maxScaleToZeroGracePeriod, "scaleToZeroGracePeriod"))
	}
	return errs
}

func (r *ResourcesSpec) validate() (errs *apis.FieldError) {
	for field, list := range map[string]corev1.ResourceList{"requests": r.Requests, "limits": r.Limits} {
		for resourceName, quantity := range list {
			if resourceName != corev1.ResourceCPU && resourceName != corev1.ResourceMemory {
				errs = errs.Also(apis.ErrInvalidKeyName(string(resourceName), field, "choose cpu or memory"))
			}
			if quantity.Sign() <= 0 {
				errs = errs.Also(apis.ErrInvalidValue(quantity.String(), string(resourceName), "give more than 0").ViaField(field))
			}
		}
	}
	for resourceName, request := range r.Requests {
		if limit, ok := r.Limits[resourceName]; ok && request.Cmp(limit) > 0 {
			errs = errs.Also(apis.ErrInvalidValue(request.String(), string(resourceName),
				fmt.Sprintf("over the limit of %s", limit.String())).ViaField("requests"))
		}
	}
	return errs
}

func (b *BuildSpec) validate() (errs *apis.FieldError) {
	if d := b.Timeout.Duration; d < config.MinBuildTimeout || d > config.MaxBuildTimeout {
		errs = errs.Also(apis.ErrOutOfBoundsValue(d, config.MinBuildTimeout, config.MaxBuildTimeout, "timeout"))
	}
	if b.Registry != "" {
		if err := config.CheckRegistry(b.Registry); err != nil {
			errs = errs.Also(apis.ErrInvalidValue(b.Registry, "registry", err.Error()))
		}
	}
	return errs
}

func validateEnv(env []corev1.EnvVar) (errs *apis.FieldError) {
	seen := make(map[string]struct{}, len(env))
	for i, e := range env {
		if msgs := validation.IsEnvVarName(e.Name); len(msgs) > 0 {
			errs = errs.Also(apis.ErrInvalidValue(e.Name, "name", strings.Join(msgs, "; ")).ViaIndex(i))
		}
		if e.Name == "PORT" || strings.HasPrefix(e.Name, "K_") {
			errs = errs.Also(apis.ErrInvalidValue(e.Name, "name", "PORT and K_* are Knative's own: take another name").ViaIndex(i))
		}
		if _, dup := seen[e.Name]; dup {
			errs = errs.Also(apis.ErrGeneric(fmt.Sprintf("%s is set twice", e.Name), "name").ViaIndex(i))
		}
		seen[e.Name] = struct{}{}
		errs = errs.Also(validateEnvSource(e).ViaIndex(i))
	}
	return errs
}

func validateEnvSource(e corev1.EnvVar) *apis.FieldError {
	if e.ValueFrom == nil {
		return nil
	}
	if e.Value != "" {
		return apis.ErrMultipleOneOf("value", "valueFrom")
	}
	switch from := e.ValueFrom; {
	case from.SecretKeyRef != nil && from.ConfigMapKeyRef != nil:
		return apis.ErrMultipleOneOf("secretKeyRef", "configMapKeyRef").ViaField("valueFrom")
	case from.SecretKeyRef != nil:
		return validateKeyRef(from.SecretKeyRef.Name, from.SecretKeyRef.Key).ViaField("valueFrom", "secretKeyRef")
	case from.ConfigMapKeyRef != nil:
		return validateKeyRef(from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Key).ViaField("valueFrom", "configMapKeyRef")
	default:
		// Knative allows fieldRef and resourceFieldRef only behind a feature flag that is off by default.
		return apis.ErrMissingOneOf("secretKeyRef", "configMapKeyRef").ViaField("valueFrom")
	}
}

func validateKeyRef(name, key string) (errs *apis.FieldError) {
	if name == "" {
		errs = errs.Also(apis.ErrMissingField("name"))
	}
	if key == "" {
		errs = errs.Also(apis.ErrMissingField("key"))
	}
	return errs
}

func validateEnvFrom(sources []corev1.EnvFromSource) (errs *apis.FieldError) {
	for i, from := range sources {
		switch {
		case from.SecretRef != nil && from.ConfigMapRef != nil:
			errs = errs.Also(apis.ErrMultipleOneOf("secretRef", "configMapRef").ViaIndex(i))
		case from.SecretRef != nil && from.SecretRef.Name == "":
			errs = errs.Also(apis.ErrMissingField("secretRef.name").ViaIndex(i))
		case from.ConfigMapRef != nil && from.ConfigMapRef.Name == "":
			errs = errs.Also(apis.ErrMissingField("configMapRef.name").ViaIndex(i))
		case from.SecretRef == nil && from.ConfigMapRef == nil:
			errs = errs.Also(apis.ErrMissingOneOf("secretRef", "configMapRef").ViaIndex(i))
		}
	}
	return errs
}
