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

package source

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// DefaultOCITag is what is built where the function names neither tag nor digest.
const DefaultOCITag = "latest"

// OCI is an artifact in a registry.
type OCI struct {
	// Repository is the registry and the path in it, without tag and digest.
	Repository string `json:"repository"`
	// Tag is what the artifact is looked up by. Empty where there is a digest.
	Tag string `json:"tag,omitempty"`
	// Digest is sha256: and 64 hex digits.
	Digest string `json:"digest,omitempty"`
	// Path is a folder of the artifact. Empty: the whole.
	Path string `json:"path,omitempty"`
}

// NewOCI makes an artifact of what a user wrote. Its errors name the field.
func NewOCI(repository, tag, digest, folder string) (*OCI, error) {
	o := &OCI{Repository: repository, Tag: tag, Digest: digest, Path: strings.TrimSuffix(folder, "/")}
	if o.Path == "." {
		o.Path = ""
	}
	switch {
	case digest != "":
		// It wins: where the tag is now makes no other image.
		o.Tag = ""
	case tag == "":
		o.Tag = DefaultOCITag
	}
	return o, o.validate()
}

func (o *OCI) validate() error {
	if _, err := o.Reference(); err != nil {
		return err
	}
	if o.Path == "" {
		return nil
	}
	if msg := checkPath(o.Path); msg != "" {
		return failf(ReasonInvalidPath, "source.oci.path: %s", msg)
	}
	return nil
}

// Reference is what a registry is asked for: by digest where there is one, else by tag.
func (o *OCI) Reference(options ...name.Option) (name.Reference, error) {
	options = append(options, name.StrictValidation)
	// The parser takes empty parts, and so "https:" for a host.
	_, err := name.NewRepository(o.Repository, options...)
	if err != nil || !imagePattern.MatchString(o.Repository) || strings.Contains(o.Repository, "//") {
		return nil, failf(ReasonInvalidPlan, "source.oci.repository: %q is not a registry and a path in it, such as ghcr.io/acme/hello-code", o.Repository)
	}
	if (o.Tag == "") == (o.Digest == "") {
		return nil, failf(ReasonInvalidPlan, "source.oci: one of tag and digest is required, not both")
	}
	if o.Digest != "" {
		ref, err := name.NewDigest(o.Repository+"@"+o.Digest, options...)
		if err != nil {
			return nil, failf(ReasonInvalidPlan, "source.oci.digest: %q is not sha256: and 64 hexadecimal digits", o.Digest)
		}
		return ref, nil
	}
	ref, err := name.NewTag(o.Repository+":"+o.Tag, options...)
	if err != nil {
		return nil, failf(ReasonInvalidPlan, "source.oci.tag: %q is not a tag of letters, digits, . _ and -, at most 127", o.Tag)
	}
	return ref, nil
}
