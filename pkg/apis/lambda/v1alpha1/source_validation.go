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
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"knative.dev/pkg/apis"
)

const (
	// MaxInlineBytes is the most that code, dependencies and files of an inline source may have together.
	MaxInlineBytes = 512 * 1024

	maxPathLength = 512
	maxURLLength  = 2048
	maxRefLength  = 256
	maxKeyLength  = 1024

	// shellCharacters mean something to a shell. None is needed to name a source, and each has been an attack.
	shellCharacters = ";&|$`(){}[]<>!#*?~\n\r\\"
)

var (
	pathPattern   = regexp.MustCompile(`^[A-Za-z0-9._/ -]+$`)
	refPattern    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._/-]*$`)
	scpPattern    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*@([^/:@]+):([^:].*)$`)
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	keyPattern    = regexp.MustCompile(`^[A-Za-z0-9!_.*'()/+=@:, -]+$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	userOfURL     = regexp.MustCompile(`^(.*//)?[^/]*@`)
)

// knativePorts are those of Knative's own container in each pod.
var knativePorts = []int32{8008, 8012, 8013, 8022, 9090, 9091}

var sourceTypes = []SourceType{SourceTypeInline, SourceTypeGit, SourceTypeS3, SourceTypeMinIO, SourceTypeGCS, SourceTypeOCI, SourceTypeImage}

func (s *SourceSpec) validate(hosts *hostChecker) (errs *apis.FieldError) {
	given := map[SourceType]bool{
		SourceTypeInline: s.Inline != nil,
		SourceTypeGit:    s.Git != nil,
		SourceTypeS3:     s.S3 != nil,
		SourceTypeMinIO:  s.MinIO != nil,
		SourceTypeGCS:    s.GCS != nil,
		SourceTypeOCI:    s.OCI != nil,
		SourceTypeImage:  s.Image != nil,
	}
	switch has, known := given[s.Type]; {
	case s.Type == "":
		return apis.ErrMissingField("type")
	case !known:
		return apis.ErrInvalidValue(s.Type, "type", "choose one of: inline, git, s3, minio, gcs, oci, image")
	case !has:
		errs = errs.Also(apis.ErrMissingField(string(s.Type)))
	default:
		errs = errs.Also(s.validateBlock(hosts).ViaField(string(s.Type)))
	}
	for _, other := range sourceTypes {
		if given[other] && other != s.Type {
			errs = errs.Also(&apis.FieldError{
				Message: fmt.Sprintf("type is %s: remove this, or change type to %s", s.Type, other),
				Paths:   []string{string(other)},
			})
		}
	}
	return errs
}

func (s *SourceSpec) validateBlock(hosts *hostChecker) *apis.FieldError {
	switch s.Type {
	case SourceTypeInline:
		return s.Inline.validate()
	case SourceTypeGit:
		return s.Git.validate(hosts)
	case SourceTypeS3:
		return s.S3.validate(hosts)
	case SourceTypeMinIO:
		return s.MinIO.validate(hosts)
	case SourceTypeGCS:
		return s.GCS.validate(hosts)
	case SourceTypeOCI:
		return s.OCI.validate(hosts)
	case SourceTypeImage:
		return s.Image.validate()
	}
	return nil
}

func (s *InlineSource) validate() (errs *apis.FieldError) {
	if s.Code == "" && len(s.Files) == 0 {
		errs = errs.Also(apis.ErrMissingOneOf("code", "files"))
	}
	if strings.HasPrefix(strings.TrimSpace(s.Dependencies), "[") {
		// No list of any language begins with it.
		errs = errs.Also(apis.ErrGeneric("write the text of a requirements.txt, package.json or go.mod, or an object of names and versions", "dependencies"))
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
			"%d bytes of inline source, over the limit of %d: put it into git or object storage", size, MaxInlineBytes), "code", "files"))
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

func (s *GitSource) validate(hosts *hostChecker) (errs *apis.FieldError) {
	if s.URL == "" {
		errs = errs.Also(apis.ErrMissingField("url"))
	} else if msg := checkGitURL(s.URL, hosts); msg != "" {
		// Whoever reads the refusal is not told the password.
		errs = errs.Also(apis.ErrInvalidValue(shorten(userOfURL.ReplaceAllString(s.URL, "${1}")), "url", msg))
	} else if u, err := url.Parse(s.URL); err == nil && u.User != nil && (u.Scheme == "https" || u.Scheme == "http") {
		errs = errs.Also(warn("who may read the function may read the credentials in it: put them into a Secret and name that in secretRef", "url"))
	}
	if len(s.Ref) > maxRefLength || !refPattern.MatchString(s.Ref) || strings.Contains(s.Ref, "..") {
		errs = errs.Also(apis.ErrInvalidValue(shorten(s.Ref), "ref", fmt.Sprintf(
			"name a branch, a tag or a commit: letters, digits, . _ / -, at most %d, no .., and first a letter or digit", maxRefLength)))
	}
	return errs.Also(validatePath(s.Path)).Also(validateSecretRef(s.SecretRef))
}

// validatePath is of the path of a function within its source.
func validatePath(p string) *apis.FieldError {
	if p == "" {
		return nil
	}
	if msg := checkRelativePath(p); msg != "" {
		return apis.ErrInvalidValue(shorten(p), "path", msg)
	}
	return nil
}

// checkGitURL returns what is wrong with the address of a repository, or "".
func checkGitURL(address string, hosts *hostChecker) string {
	const example = "write https://host/org/repo, ssh://git@host/org/repo or git@host:org/repo"
	if len(address) > maxURLLength {
		return fmt.Sprintf("write at most %d characters", maxURLLength)
	}
	if i := strings.IndexAny(address, shellCharacters+"'\" \t"); i >= 0 {
		return fmt.Sprintf("remove %q", address[i:i+1])
	}
	if !strings.Contains(address, "://") && !strings.Contains(address, "::") {
		if m := scpPattern.FindStringSubmatch(address); m != nil {
			return hosts.check(m[1])
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Opaque != "":
		return example
	case u.Scheme != "https" && u.Scheme != "ssh" && u.Scheme != "git" && u.Scheme != "http":
		return example
	case u.Port() != "" && !validPort(u.Port()), strings.HasSuffix(u.Host, ":"):
		return "give a port from 1 to 65535"
	case strings.Trim(u.Path, "/") == "":
		return "name the repository: " + example
	case strings.HasPrefix(u.User.Username(), "-"), strings.HasPrefix(strings.TrimLeft(u.Path, "/"), "-"):
		return "neither user nor repository begin with -"
	}
	if msg := hosts.check(u.Hostname()); msg != "" {
		return msg
	}
	if u.Scheme == "http" && !InCluster(u.Hostname()) {
		return "use https: http is for Services of the cluster only (<service>.<namespace>.svc)"
	}
	return ""
}

func (s *S3Source) validate(hosts *hostChecker) *apis.FieldError {
	return validateObject(s.Bucket, s.Key, s.Region).
		Also(validateEndpoint(s.Endpoint, s.Insecure, hosts)).
		Also(validateSecretRef(s.SecretRef))
}

func (s *MinIOSource) validate(hosts *hostChecker) *apis.FieldError {
	return validateObject(s.Bucket, s.Key, s.Region).
		Also(validateEndpoint(s.Endpoint, s.Insecure, hosts)).
		Also(validateSecretRef(s.SecretRef))
}

func (s *GCSSource) validate(hosts *hostChecker) (errs *apis.FieldError) {
	if s.Project != "" {
		errs = errs.Also(warn("project has no effect: names of buckets are unique over all projects", "project"))
	}
	return errs.Also(validateObject(s.Bucket, s.Key, "")).
		Also(validateEndpoint(s.Endpoint, false, hosts)).
		Also(validateSecretRef(s.SecretRef))
}

func validateObject(bucket, key, region string) (errs *apis.FieldError) {
	switch {
	case bucket == "":
		errs = errs.Also(apis.ErrMissingField("bucket"))
	case !bucketPattern.MatchString(bucket) || strings.Contains(bucket, ".."):
		errs = errs.Also(apis.ErrInvalidValue(shorten(bucket), "bucket", "write 3 to 63 lower-case letters, digits, . and -, first and last a letter or digit"))
	}
	switch {
	case strings.Trim(key, "/") == "":
		errs = errs.Also(apis.ErrGeneric("name an object, or a prefix that ends in /", "key"))
	case len(key) > maxKeyLength || !keyPattern.MatchString(key):
		errs = errs.Also(apis.ErrInvalidValue(shorten(key), "key", fmt.Sprintf("write letters, digits, spaces and !_.*'()/+=@:,- in at most %d characters", maxKeyLength)))
	case slices.Contains(strings.Split(key, "/"), ".."):
		errs = errs.Also(apis.ErrInvalidValue(shorten(key), "key", "a key has no .. between its slashes"))
	}
	if region != "" && !regionPattern.MatchString(region) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(region), "region", "write a region such as eu-central-1"))
	}
	return errs
}

func validateEndpoint(endpoint string, insecure bool, hosts *hostChecker) *apis.FieldError {
	if endpoint == "" {
		return nil
	}
	if msg := checkEndpoint(endpoint, hosts); msg != "" {
		return apis.ErrInvalidValue(shorten(userOfURL.ReplaceAllString(endpoint, "${1}")), "endpoint", msg)
	}
	if insecure && strings.HasPrefix(endpoint, "https://") {
		return apis.ErrGeneric("endpoint begins with https:// and insecure is true: remove one of the two", "endpoint", "insecure")
	}
	return nil
}

// checkEndpoint returns what is wrong with the address of an object store, or "".
func checkEndpoint(endpoint string, hosts *hostChecker) string {
	const example = "write host, host:port, or either with http:// or https:// before it"
	u, msg := parseEndpoint(endpoint, example)
	switch {
	case msg != "":
		return msg
	case u.Path != "":
		return example
	}
	return hosts.check(u.Hostname())
}

// parseEndpoint reads the address of a server, with or without its scheme, and returns what is wrong with how it is
// written, or "".
func parseEndpoint(endpoint, example string) (*url.URL, string) {
	if i := strings.IndexAny(endpoint, shellCharacters+"'\" \t"); i >= 0 {
		return nil, fmt.Sprintf("remove %q", endpoint[i:i+1])
	}
	u, err := url.Parse(endpoint)
	if !strings.Contains(endpoint, "://") {
		u, err = url.Parse("https://" + endpoint)
	}
	switch {
	case err != nil || len(endpoint) > maxURLLength:
		return nil, example
	case u.Scheme != "https" && u.Scheme != "http", u.User != nil:
		return nil, example
	case u.Port() != "" && !validPort(u.Port()), strings.HasSuffix(u.Host, ":"):
		return nil, "give a port from 1 to 65535"
	}
	return u, ""
}

func validatePullPolicy(policy corev1.PullPolicy, field string) *apis.FieldError {
	switch policy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
		return nil
	}
	return apis.ErrInvalidValue(policy, field, "choose one of: Always, IfNotPresent, Never")
}

func validateSecretRef(ref *corev1.LocalObjectReference) *apis.FieldError {
	if ref == nil {
		return nil
	}
	return validateSecretName(ref.Name, "name").ViaField("secretRef")
}

func validateSecretName(name, field string) (errs *apis.FieldError) {
	if name == "" {
		return apis.ErrMissingField(field)
	}
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = errs.Also(apis.ErrInvalidValue(shorten(name), field, msg))
	}
	return errs
}

// warn makes a diagnostic that does not refuse.
func warn(message, field string) *apis.FieldError {
	return apis.ErrGeneric(message, field).At(apis.WarningLevel)
}

// shorten keeps a value that is too long out of the message about it.
func shorten(value string) string {
	const most = 100
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "..."
}
