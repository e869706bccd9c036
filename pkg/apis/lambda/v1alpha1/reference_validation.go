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
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"knative.dev/pkg/apis"
)

var (
	digestPattern = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	imagePattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/-]*$`)
)

func (s *OCISource) validate(hosts *hostChecker) *apis.FieldError {
	errs := validateReference(s.Repository, s.Tag, s.Digest)
	if repository, err := name.NewRepository(s.Repository, name.StrictValidation); err == nil && errs == nil {
		if msg := hosts.checkRegistry(repository.RegistryStr()); msg != "" {
			errs = errs.Also(apis.ErrInvalidValue(shorten(s.Repository), "repository", msg))
		}
	}
	return errs.Also(validatePath(s.Path)).Also(validateSecretRef(s.SecretRef))
}

// validateReference is of the three fields that name what is in a registry.
func validateReference(repository, tag, digest string) (errs *apis.FieldError) {
	switch {
	case repository == "":
		errs = errs.Also(apis.ErrMissingField("repository"))
	case checkRepository(repository) != nil:
		errs = errs.Also(apis.ErrInvalidValue(shorten(repository), "repository",
			"write registry and path without scheme, tag and digest, such as docker.io/library/nginx"))
	case tag != "":
		if _, err := name.NewTag(repository+":"+tag, name.StrictValidation); err != nil {
			errs = errs.Also(apis.ErrInvalidValue(shorten(tag), "tag", "write letters, digits, . _ and -, at most 127"))
		}
	}
	if digest != "" && !digestPattern.MatchString(digest) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(digest), "digest", "write sha256: and 64 lower-case hexadecimal digits"))
	}
	return errs
}

func (s *ImageSource) validate() *apis.FieldError {
	errs := validateReference(s.Repository, s.Tag, s.Digest)
	switch port := *s.Port; {
	case validateWhole(port, "port") != nil:
		errs = errs.Also(validateWhole(port, "port"))
	case port < 1 || port > 65535:
		errs = errs.Also(apis.ErrOutOfBoundsValue(port, 1, 65535, "port"))
	case slices.Contains(knativePorts, port):
		errs = errs.Also(apis.ErrInvalidValue(port, "port", "it is Knative's own: let the server listen on another"))
	}
	for i := range s.ImagePullSecrets {
		errs = errs.Also(validateSecretName(s.ImagePullSecrets[i].Name, "name").ViaFieldIndex("imagePullSecrets", i))
	}
	return errs.Also(validatePullPolicy(s.PullPolicy, "pullPolicy"))
}

// checkRepository returns what is wrong with an image without tag and digest.
func checkRepository(repository string) error {
	// The parser takes empty parts, and so "https:" for a host, and any character in one.
	if !imagePattern.MatchString(repository) || slices.Contains(strings.Split(repository, "/"), "") {
		return fmt.Errorf("%q is not a repository", repository)
	}
	_, err := name.NewRepository(repository, name.StrictValidation)
	return err
}
