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
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// BucketKind says what a bucket is of. It is the name of its field in a Source.
type BucketKind string

const (
	// KindS3 is Amazon S3, or another store that speaks its protocol.
	KindS3 BucketKind = "s3"
	// KindMinIO is a MinIO server.
	KindMinIO BucketKind = "minio"
	// KindGCS is Google Cloud Storage.
	KindGCS BucketKind = "gcs"
)

// Bucket is an object, an archive or a folder in an object store.
type Bucket struct {
	// Bucket is its name.
	Bucket string `json:"bucket"`
	// Key is an object: a file of code, or an archive by its name (.zip, .tar.gz, .tgz, .tar). With a / at its end it is
	// a folder: all objects below it.
	Key string `json:"key"`
	// Region of S3. Empty: us-east-1.
	Region string `json:"region,omitempty"`
	// Endpoint is http:// or https:// with a host and perhaps a port. Empty: the provider's own. Required for MinIO.
	Endpoint string `json:"endpoint,omitempty"`
	// VirtualHost puts the bucket into the host of the address and not into its path, as Amazon does, where Endpoint is
	// set.
	VirtualHost bool `json:"virtualHost,omitempty"`
}

const maxKeyLength = 1024

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	keyPattern    = regexp.MustCompile(`^[A-Za-z0-9!_.*'()/+=@:, -]+$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
)

// NewBucket makes a source of an object store of what a user wrote. An endpoint without a scheme is plain http where it
// is a Service of the cluster, and https elsewhere. Its errors name the field.
func NewBucket(kind BucketKind, bucket, key, region, endpoint string) (*Bucket, error) {
	// An object's name may begin with /, yet nobody means it.
	b := &Bucket{Bucket: bucket, Key: strings.TrimLeft(key, "/"), Region: region, Endpoint: endpoint}
	if endpoint != "" && !strings.Contains(endpoint, "://") {
		host, _, _ := strings.Cut(endpoint, ":")
		scheme := "https://"
		if InCluster(host) {
			scheme = "http://"
		}
		b.Endpoint = scheme + endpoint
	}
	b.Endpoint = strings.TrimSuffix(b.Endpoint, "/")
	return b, b.validate(kind)
}

func (b *Bucket) validate(kind BucketKind) error {
	field := "source." + string(kind)
	switch {
	case !bucketPattern.MatchString(b.Bucket) || strings.Contains(b.Bucket, ".."):
		return failf(ReasonInvalidPlan, "%s.bucket: %q is not the name of a bucket: 3 to 63 lower-case letters, digits, . and -", field, b.Bucket)
	case b.Key == "":
		return failf(ReasonInvalidPlan, "%s.key: is required: an object, or a folder with a / at its end", field)
	case len(b.Key) > maxKeyLength || !keyPattern.MatchString(b.Key):
		return failf(ReasonInvalidPlan, "%s.key: %q is not a key of letters, digits and !_.*'()/+=@:,- in at most %d characters", field, b.Key, maxKeyLength)
	case slices.Contains(strings.Split(b.Key, "/"), ".."):
		return failf(ReasonInvalidPath, "%s.key: a key has no .. between its slashes", field)
	case b.Region != "" && !regionPattern.MatchString(b.Region):
		return failf(ReasonInvalidPlan, "%s.region: %q is not a region, such as eu-central-1", field, b.Region)
	case b.Endpoint == "" && kind == KindMinIO:
		return failf(ReasonInvalidPlan, "%s.endpoint: is required: the server's host and port", field)
	case b.Endpoint != "" && !validEndpoint(b.Endpoint):
		return failf(ReasonInvalidPlan, "%s.endpoint: is not host, host:port, http://host:port or https://host:port", field)
	}
	return nil
}

func validEndpoint(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Opaque != "" ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(endpoint, "?") || strings.HasSuffix(endpoint, "#") {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
	} else if strings.HasSuffix(u.Host, ":") {
		return false
	}
	return validHost(u.Hostname())
}

// IsFolder is true where the key is a folder: all objects below it are the source.
func (b *Bucket) IsFolder() bool {
	return strings.HasSuffix(b.Key, "/")
}
