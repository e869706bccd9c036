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
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/name"
	kjson "sigs.k8s.io/json"
)

// PlanVersion is the version of Plan that this package writes and reads.
const PlanVersion = 1

// Plan is all that goes into a function's image, and nothing that does not. A new field has to be left out of the JSON
// when it is empty: then the keys of the plans before it stay the same, and nothing is built again.
type Plan struct {
	// Version of the plan's form: PlanVersion.
	Version int `json:"version"`

	// Language of the code: python, nodejs or go.
	Language string `json:"language"`
	// LanguageVersion is the version of the language, never empty, for example "3.13".
	LanguageVersion string `json:"languageVersion"`
	// Handler is what the function calls where its deployment does not say otherwise, for example "main.handler".
	Handler string `json:"handler"`

	// BaseImage is what the image begins with. It has the language's interpreter in its PATH.
	BaseImage string `json:"baseImage"`
	// BuilderImage is where dependencies are installed, for what needs a compiler. Empty: in BaseImage. Required for
	// go, which is compiled there.
	BuilderImage string `json:"builderImage,omitempty"`
	// RuntimeImage holds the supervisor at /ko-app/runtime.
	RuntimeImage string `json:"runtimeImage"`
	// FetchImage is the image that carries the plan out. The Dockerfile and the language's worker come from it, so
	// that another one makes another image.
	FetchImage string `json:"fetchImage"`

	// Source is where the code comes from.
	Source Source `json:"source"`
	// Index says where dependencies are downloaded from.
	Index Index `json:"index"`

	// RebuildToken is any text; another one makes another build of the same source.
	RebuildToken string `json:"rebuildToken,omitempty"`
	// Secrets are the names of the Secrets that the build uses, in any order. Their content is not part of the plan.
	Secrets []string `json:"secrets,omitempty"`
}

// Source is where the code comes from. Exactly one field is set.
type Source struct {
	// Inline is code within the plan itself.
	Inline *Inline `json:"inline,omitempty"`
	// Git is a repository.
	Git *Git `json:"git,omitempty"`
	// S3 is a bucket of Amazon S3, or of another store that speaks its protocol where Endpoint is set.
	S3 *Bucket `json:"s3,omitempty"`
	// MinIO is a bucket of a MinIO server.
	MinIO *Bucket `json:"minio,omitempty"`
	// GCS is a bucket of Google Cloud Storage.
	GCS *Bucket `json:"gcs,omitempty"`
	// OCI is an artifact in a registry.
	OCI *OCI `json:"oci,omitempty"`
}

// Index says where dependencies are downloaded from. What is empty is left to the installer's own configuration.
type Index struct {
	// PipIndexURL is the package index of Python, http or https.
	PipIndexURL string `json:"pipIndexURL,omitempty"`
	// NpmRegistry is the package registry of Node.js, http or https.
	NpmRegistry string `json:"npmRegistry,omitempty"`
	// GoProxy is where modules of Go are downloaded from, in the form of the variable GOPROXY.
	GoProxy string `json:"goProxy,omitempty"`
}

const (
	maxHandlerLength      = 100
	maxVersionLength      = 20
	maxURLLength          = 2048
	maxSecretNameLength   = 253
	maxRebuildTokenLength = 1024
)

var (
	handlerPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	versionPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*(-[a-zA-Z0-9]+)?$`)
	namePattern    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

	// imagePattern is what a reference may be written with at all: the parser takes a $ in a registry's name, and a
	// Dockerfile would expand it.
	imagePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)
)

// Key returns the build key: the SHA-256, in lower-case hex, of the canonical JSON, which is what Encode returns.
func (p *Plan) Key() string {
	sum := sha256.Sum256(p.canonical())
	return hex.EncodeToString(sum[:])
}

// Encode returns the plan in its canonical form, or says what is wrong with it.
func (p *Plan) Encode() ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p.canonical(), nil
}

// canonical returns the one way to write the plan: JSON with the fields as they are declared, the keys of maps and the
// names of Secrets sorted, no white space, nothing escaped for HTML, and no line feed at the end.
func (p *Plan) canonical() []byte {
	c := *p
	c.Secrets = slices.Compact(slices.Sorted(slices.Values(p.Secrets)))
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(&c); err != nil {
		panic(fmt.Sprintf("a plan is made of text and numbers, which always encode: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// builder is the image that dependencies are installed in.
func (p *Plan) builder() string {
	return cmp.Or(p.BuilderImage, p.BaseImage)
}

// InstallsDependencies is false where the build downloads nothing but images.
func (p *Plan) InstallsDependencies() bool {
	if p.Source.Inline == nil {
		// Nobody knows before the files are there.
		return true
	}
	dependencies, err := p.Source.Inline.dependencies(p.Language)
	return err != nil || dependencies != ""
}

// Decode reads a plan. It refuses what it does not know, be it a field or a version: to leave it out would make an
// image that is not the one the key stands for.
func Decode(data []byte) (*Plan, error) {
	p := &Plan{}
	strict, err := kjson.UnmarshalStrict(data, p)
	if err != nil {
		return nil, failf(ReasonInvalidPlan, "failed to read plan: %w", err)
	}
	if p.Version != PlanVersion {
		return nil, failf(ReasonInvalidPlan, "version: this fetch reads plans of version %d, not %d: use the images of one release", PlanVersion, p.Version)
	}
	if len(strict) > 0 {
		return nil, failf(ReasonInvalidPlan, "failed to read plan: %w", errors.Join(strict...))
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Validate returns what is wrong with the plan, with the path of the field.
func (p *Plan) Validate() error {
	if p.Version != PlanVersion {
		return failf(ReasonInvalidPlan, "version: is %d, not %d", p.Version, PlanVersion)
	}
	if _, err := languageOf(p.Language); err != nil {
		return err
	}
	for _, field := range []struct {
		path, value string
		pattern     *regexp.Regexp
		max         int
	}{
		{"languageVersion", p.LanguageVersion, versionPattern, maxVersionLength},
		{"handler", p.Handler, handlerPattern, maxHandlerLength},
	} {
		if len(field.value) > field.max || !field.pattern.MatchString(field.value) {
			return failf(ReasonInvalidPlan, "%s: %q does not match %s in at most %d characters", field.path, field.value, field.pattern, field.max)
		}
	}
	if err := p.validateImages(); err != nil {
		return err
	}
	if err := validateIndexURL("index.pipIndexURL", p.Index.PipIndexURL); err != nil {
		return err
	}
	if err := validateIndexURL("index.npmRegistry", p.Index.NpmRegistry); err != nil {
		return err
	}
	if err := validateGoProxy(p.Index.GoProxy); err != nil {
		return err
	}
	if len(p.RebuildToken) > maxRebuildTokenLength || !utf8.ValidString(p.RebuildToken) {
		return failf(ReasonInvalidPlan, "rebuildToken: is not text of at most %d bytes", maxRebuildTokenLength)
	}
	for i, secret := range p.Secrets {
		if len(secret) > maxSecretNameLength || !namePattern.MatchString(secret) {
			return failf(ReasonInvalidPlan, "secrets[%d]: %q is not the name of a Secret", i, secret)
		}
	}
	return p.Source.validate(p.Language)
}

func (p *Plan) validateImages() error {
	for _, image := range []struct{ path, value string }{
		{"baseImage", p.BaseImage},
		{"builderImage", p.BuilderImage},
		{"runtimeImage", p.RuntimeImage},
		{"fetchImage", p.FetchImage},
	} {
		if image.value == "" && image.path == "builderImage" {
			continue
		}
		if !imagePattern.MatchString(image.value) {
			return failf(ReasonInvalidPlan, "%s: %q is not an image", image.path, image.value)
		}
		if _, err := name.ParseReference(image.value); err != nil {
			return failf(ReasonInvalidPlan, "%s: %w", image.path, err)
		}
	}
	return nil
}

func validateIndexURL(path, value string) error {
	if value == "" {
		return nil
	}
	plain := !strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' })
	u, err := url.Parse(value)
	if err != nil || !plain || len(value) > maxURLLength || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		// The value may hold a password, and the message ends up in the function's status.
		return failf(ReasonInvalidPlan, "%s: is not an http or https URL of at most %d characters", path, maxURLLength)
	}
	return nil
}

// validate returns what is wrong with the one source that is set.
func (s *Source) validate(language string) error {
	var checks []func() error
	if s.Inline != nil {
		checks = append(checks, func() error { return s.Inline.validate(language) })
	}
	if s.Git != nil {
		checks = append(checks, s.Git.validate)
	}
	if s.OCI != nil {
		checks = append(checks, s.OCI.validate)
	}
	for kind, bucket := range map[BucketKind]*Bucket{KindS3: s.S3, KindMinIO: s.MinIO, KindGCS: s.GCS} {
		if bucket != nil {
			checks = append(checks, func() error { return bucket.validate(kind) })
		}
	}
	if len(checks) != 1 {
		return failf(ReasonInvalidPlan, "source: exactly one of inline, git, s3, minio, gcs, oci is required, not %d", len(checks))
	}
	return checks[0]()
}
