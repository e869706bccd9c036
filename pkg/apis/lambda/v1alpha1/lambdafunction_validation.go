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
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	maxHandlerLength          = 100
	maxVersionLength          = 20
	maxRetries                = 10
	maxScaleToZeroGracePeriod = time.Hour
)

var (
	// Dots before the last one are folders.
	handlerPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	versionPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*(-[a-zA-Z0-9]+)?$`)
)

// PrivilegeAnnotations gave privilege in the operator before this one. Objects that have them are refused.
var PrivilegeAnnotations = []string{
	"lambda.knative.io/receiver-mode",
	"lambda.knative.io/use-operator-image",
}

// Validate implements apis.Validatable.
func (fn *LambdaFunction) Validate(ctx context.Context) *apis.FieldError {
	if !toValidate(ctx, &fn.ObjectMeta) {
		return nil
	}
	// Checks of optional fields may then rely on their defaults, whoever calls.
	fn = fn.DeepCopy()
	fn.SetDefaults(ctx)
	return validateMetadata(&fn.ObjectMeta).ViaField("metadata").
		Also(fn.Spec.validate(ctx).ViaField("spec"))
}

// toValidate is false for what is on its way out: what an older version accepted must still be deletable, and its
// finalizers removable.
func toValidate(ctx context.Context, meta *metav1.ObjectMeta) bool {
	return !apis.IsInDelete(ctx) && meta.DeletionTimestamp == nil && !apis.IsInStatusUpdate(ctx)
}

func validateMetadata(meta *metav1.ObjectMeta) (errs *apis.FieldError) {
	// The Knative Service has the same name, and Knative wants a DNS-1035 label.
	for _, msg := range validation.IsDNS1035Label(meta.Name) {
		errs = errs.Also(&apis.FieldError{
			Message: fmt.Sprintf("not a name for a Knative Service: %s: %s", meta.Name, msg),
			Paths:   []string{"name"},
		})
	}
	for _, key := range PrivilegeAnnotations {
		if _, ok := meta.Annotations[key]; ok {
			err := apis.ErrInvalidKeyName(key, "annotations", "no annotation gives privilege; remove it")
			errs = errs.Also(err)
		}
	}
	return errs
}

func (s *LambdaFunctionSpec) validate(ctx context.Context) *apis.FieldError {
	cfg := config.FromContextOrDefaults(ctx)
	hosts := newHostChecker(ctx, "the build's own", cfg.Build.AllowedNetworks...)
	hosts.registry = cfg.Build.RegistryHost()
	errs := s.Source.validate(hosts).ViaField("source").
		Also(s.Scaling.validate().ViaField("scaling")).
		Also(s.Resources.validate().ViaField("resources")).
		Also(s.Build.validate(cfg.Build).ViaField("build")).
		Also(validateEnv(s.Env).ViaField("env")).
		Also(validateEnvFrom(s.EnvFrom).ViaField("envFrom")).
		Also(validatePullPolicy(s.ImagePullPolicy, "imagePullPolicy")).
		Also(validateObjectName(s.ServiceAccountName, "serviceAccountName")).
		Also(s.Eventing.validate().ViaField("eventing")).
		Also(validateTriggers(s.Triggers)).
		Also(s.Observability.validate().ViaField("observability"))
	if s.Source.Type == SourceTypeImage {
		errs = errs.Also(s.Runtime.validateUnused().ViaField("runtime")).Also(s.Build.validateUnused().ViaField("build"))
	} else {
		errs = errs.Also(s.Runtime.validate(cfg.Runtimes).ViaField("runtime"))
	}
	if err := validateWhole(*s.TimeoutSeconds, "timeoutSeconds"); err != nil {
		errs = errs.Also(err)
	} else if t := s.TimeoutSeconds; *t < 1 {
		errs = errs.Also(apis.ErrInvalidValue(*t, "timeoutSeconds", "give at least 1 second"))
	}
	return errs
}

func (r *RuntimeSpec) validate(runtimes *config.Runtimes) (errs *apis.FieldError) {
	if r.Language == "" {
		return apis.ErrMissingField("language")
	}
	versions := runtimes.Versions(string(r.Language))
	if _, ok := defaultHandlers[r.Language]; !ok || len(versions) == 0 {
		return apis.ErrInvalidValue(shorten(string(r.Language)), "language", "choose one of: "+strings.Join(runtimes.Languages(), ", "))
	}
	switch {
	case !validVersion(r.Version):
		errs = errs.Also(apis.ErrInvalidValue(shorten(r.Version), "version", "write digits and dots, for example "+runtimes.DefaultVersion(string(r.Language))))
	case !slices.Contains(versions, r.Version):
		remedy := fmt.Sprintf("%s is offered in: %s", r.Language, strings.Join(versions, ", "))
		if slices.Contains(versions, r.Version+"0") {
			remedy += "; without quotes YAML takes the last 0 for nothing"
		}
		errs = errs.Also(apis.ErrInvalidValue(r.Version, "version", remedy))
	}
	if r.Response != ResponseRaw && r.Response != ResponseEnvelope {
		errs = errs.Also(apis.ErrInvalidValue(shorten(string(r.Response)), "response", "choose one of: raw, envelope"))
	}
	return errs.Also(r.validateHandler())
}

func (r *RuntimeSpec) validateHandler() *apis.FieldError {
	remedy := "write module.function, or function alone for one in the main file"
	if r.Language == LanguagePython {
		remedy += ", or module:app for an application of ASGI or WSGI"
	}
	if len(r.Handler) > maxHandlerLength || !handlerPattern.MatchString(r.Handler) {
		return apis.ErrInvalidValue(shorten(r.Handler), "handler", remedy)
	}
	return nil
}

// validateUnused checks the runtime of a function whose image is there already. Older manifests cannot leave it out.
func (r *RuntimeSpec) validateUnused() (errs *apis.FieldError) {
	if *r == (RuntimeSpec{}) {
		return nil
	}
	if r.Version != "" && !validVersion(r.Version) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(r.Version), "version", "write digits and dots, or remove it: the image has its own"))
	}
	if r.Handler != "" && (len(r.Handler) > maxHandlerLength || !handlerPattern.MatchString(r.Handler)) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(r.Handler), "handler", "write module.function, or remove it: the image has its own"))
	}
	if r.Response != "" && r.Response != ResponseRaw {
		errs = errs.Also(apis.ErrInvalidValue(shorten(string(r.Response)), "response", "remove it: the image answers by itself"))
	}
	return errs.Also(warn("runtime has no effect: source.type is image, and the image has its own runtime", apis.CurrentField))
}

// validateUnused tells of settings for a build that there is none of. Those that have defaults are not the user's wish.
func (b *BuildSpec) validateUnused() *apis.FieldError {
	wished := *b
	wished.Timeout, wished.ImagePullSecret = nil, ""
	if wished.Retries != nil && *wished.Retries == 0 {
		wished.Retries = nil
	}
	if wished == (BuildSpec{}) {
		return nil
	}
	return warn("build has no effect: source.type is image, and nothing is built", apis.CurrentField)
}

func validVersion(version string) bool {
	return len(version) <= maxVersionLength && versionPattern.MatchString(version)
}

// validateWhole refuses a number that was written as something else.
func validateWhole[T int32 | int64](value T, field string) *apis.FieldError {
	if n := int64(value); n == notANumber || n == notASmallNumber {
		return apis.ErrGeneric("not a whole number, or none that is so small or large: write for example 10", field)
	}
	return nil
}

func (s *ScalingSpec) validate() *apis.FieldError {
	errs := validateWhole(*s.MinReplicas, "minReplicas").
		Also(validateWhole(*s.MaxReplicas, "maxReplicas")).
		Also(validateWhole(*s.ContainerConcurrency, "containerConcurrency")).
		Also(validateWhole(*s.TargetConcurrency, "targetConcurrency"))
	if errs == nil {
		errs = s.validateBounds()
	}
	return errs.Also(validateDuration(s.ScaleToZeroGracePeriod, 0, maxScaleToZeroGracePeriod, "scaleToZeroGracePeriod", "30s"))
}

// validateDuration checks a duration that the user may leave out, with an example for one that is none.
func validateDuration(d *metav1.Duration, least, most time.Duration, field, example string) *apis.FieldError {
	switch {
	case d == nil:
		return nil
	case d.Duration == notADuration:
		return apis.ErrGeneric("not a duration: write for example "+example, field)
	case d.Duration < least || d.Duration > most:
		return apis.ErrOutOfBoundsValue(d.Duration, least, most, field)
	}
	return nil
}

func (s *ScalingSpec) validateBounds() (errs *apis.FieldError) {
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
	return errs
}

func (r *ResourcesSpec) validate() (errs *apis.FieldError) {
	for field, list := range map[string]corev1.ResourceList{"requests": r.Requests, "limits": r.Limits} {
		for resourceName, quantity := range list {
			if resourceName != corev1.ResourceCPU && resourceName != corev1.ResourceMemory {
				errs = errs.Also(apis.ErrInvalidKeyName(string(resourceName), field, "choose cpu or memory"))
			}
			if quantity.Cmp(notAQuantity) == 0 {
				errs = errs.Also(apis.ErrGeneric("not a quantity: write for example 500m or 256Mi", string(resourceName)).ViaField(field))
			} else if quantity.Sign() <= 0 {
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

func (b *BuildSpec) validate(cfg *config.Build) (errs *apis.FieldError) {
	errs = validateDuration(b.Timeout, config.MinBuildTimeout, config.MaxBuildTimeout, "timeout", "30m")
	if err := validateWhole(*b.Retries, "retries"); err != nil {
		errs = errs.Also(err)
	} else if n := *b.Retries; n < 0 || n > maxRetries {
		errs = errs.Also(apis.ErrOutOfBoundsValue(n, 0, maxRetries, "retries"))
	}
	if b.Registry != "" {
		if err := config.CheckRegistry(b.Registry); err != nil || !imagePattern.MatchString(b.Registry) {
			errs = errs.Also(apis.ErrInvalidValue(shorten(b.Registry), "registry", "write a host with or without a path, without a scheme"))
		}
	}
	if b.Repository != "" && checkRepository("registry.example.com/"+b.Repository) != nil {
		errs = errs.Also(apis.ErrInvalidValue(shorten(b.Repository), "repository", "write lower-case letters, digits, . _ - and / between parts"))
	}
	if b.Tag != "" {
		if _, err := name.NewTag("registry.example.com/a/b:"+b.Tag, name.StrictValidation); err != nil {
			errs = errs.Also(apis.ErrInvalidValue(shorten(b.Tag), "tag", "write letters, digits, . _ and -, at most 127"))
		}
	}
	if b.ImagePullSecret != "" {
		errs = errs.Also(validateSecretName(b.ImagePullSecret, "imagePullSecret"))
	}
	return errs.Also(b.validateRegistryType(cfg))
}

func (b *BuildSpec) validateRegistryType(cfg *config.Build) (errs *apis.FieldError) {
	switch b.RegistryType {
	case "", RegistryTypeLocal, RegistryTypeGCR, RegistryTypeGHCR, RegistryTypeDockerHub, RegistryTypeGeneric:
	case RegistryTypeECR:
		host, _, _ := strings.Cut(cmp.Or(b.Registry, cfg.Registry), "/")
		if b.AWSRegion == "" && !ecrPattern.MatchString(host) {
			errs = errs.Also(apis.ErrMissingField("awsRegion"))
		}
	default:
		errs = errs.Also(apis.ErrInvalidValue(shorten(string(b.RegistryType)), "registryType", "choose one of: local, ecr, gcr, ghcr, dockerhub, generic"))
	}
	if b.AWSRegion != "" && !regionPattern.MatchString(b.AWSRegion) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(b.AWSRegion), "awsRegion", "write a region such as eu-central-1"))
	}
	return errs
}

// IsKnativeVariable is true for an environment variable that Knative sets itself. Objects that set it are refused.
func IsKnativeVariable(name string) bool {
	return name == "PORT" || strings.HasPrefix(name, "K_")
}

func validateEnv(env []corev1.EnvVar) (errs *apis.FieldError) {
	seen := make(map[string]struct{}, len(env))
	for i, e := range env {
		if msgs := validation.IsEnvVarName(e.Name); len(msgs) > 0 {
			errs = errs.Also(apis.ErrInvalidValue(e.Name, "name", strings.Join(msgs, "; ")).ViaIndex(i))
		}
		if IsKnativeVariable(e.Name) {
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
	errs = validateSecretName(name, "name")
	if key == "" {
		return errs.Also(apis.ErrMissingField("key"))
	}
	for _, msg := range validation.IsConfigMapKey(key) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(key), "key", msg))
	}
	return errs
}

func validateEnvFrom(sources []corev1.EnvFromSource) (errs *apis.FieldError) {
	for i, from := range sources {
		switch {
		case from.SecretRef != nil && from.ConfigMapRef != nil:
			errs = errs.Also(apis.ErrMultipleOneOf("secretRef", "configMapRef").ViaIndex(i))
		case from.SecretRef != nil:
			errs = errs.Also(validateSecretName(from.SecretRef.Name, "name").ViaField("secretRef").ViaIndex(i))
		case from.ConfigMapRef != nil:
			errs = errs.Also(validateSecretName(from.ConfigMapRef.Name, "name").ViaField("configMapRef").ViaIndex(i))
		default:
			errs = errs.Also(apis.ErrMissingOneOf("secretRef", "configMapRef").ViaIndex(i))
		}
		if from.Prefix == "" {
			continue
		}
		for _, msg := range validation.IsEnvVarName(from.Prefix) {
			errs = errs.Also(apis.ErrInvalidValue(shorten(from.Prefix), "prefix", msg).ViaIndex(i))
		}
	}
	return errs
}
