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
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// SourceType says which of the fields of SourceSpec holds the source.
// +kubebuilder:validation:Enum=inline;git;s3;minio;gcs;oci;image
type SourceType string

const (
	// SourceTypeInline takes the code from the LambdaFunction itself.
	SourceTypeInline SourceType = "inline"
	// SourceTypeGit takes the code from a git repository.
	SourceTypeGit SourceType = "git"
	// SourceTypeS3 takes the code from Amazon S3, or a store that speaks its protocol.
	SourceTypeS3 SourceType = "s3"
	// SourceTypeMinIO takes the code from MinIO.
	SourceTypeMinIO SourceType = "minio"
	// SourceTypeGCS takes the code from Google Cloud Storage.
	SourceTypeGCS SourceType = "gcs"
	// SourceTypeOCI takes the code from an OCI artifact in a registry.
	SourceTypeOCI SourceType = "oci"
	// SourceTypeImage serves an image that is there already: nothing is built.
	SourceTypeImage SourceType = "image"
)

// SourceSpec is where the function's code comes from.
//
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'inline' || has(self.inline)",message="required when type is inline",fieldPath=".inline",reason="FieldValueRequired"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'git' || has(self.git)",message="required when type is git",fieldPath=".git",reason="FieldValueRequired"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 's3' || has(self.s3)",message="required when type is s3",fieldPath=".s3",reason="FieldValueRequired"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'minio' || has(self.minio)",message="required when type is minio",fieldPath=".minio",reason="FieldValueRequired"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'gcs' || has(self.gcs)",message="required when type is gcs",fieldPath=".gcs",reason="FieldValueRequired"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'oci' || has(self.oci)",message="required when type is oci",fieldPath=".oci",reason="FieldValueRequired"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'image' || has(self.image)",message="required when type is image",fieldPath=".image",reason="FieldValueRequired"
type SourceSpec struct {
	// type of the source: inline, git, s3, minio, gcs, oci or image. The field of that name holds the source; no other may
	// be given.
	Type SourceType `json:"type"`

	// inline is the code itself. Required when type is inline.
	// +optional
	Inline *InlineSource `json:"inline,omitempty"`

	// git is a git repository. Required when type is git.
	// +optional
	Git *GitSource `json:"git,omitempty"`

	// s3 is a bucket of Amazon S3, or of a store that speaks its protocol. Required when type is s3.
	// +optional
	S3 *S3Source `json:"s3,omitempty"`

	// minio is a bucket of MinIO. Required when type is minio.
	// +optional
	MinIO *MinIOSource `json:"minio,omitempty"`

	// gcs is a bucket of Google Cloud Storage. Required when type is gcs.
	// +optional
	GCS *GCSSource `json:"gcs,omitempty"`

	// oci is an artifact in a registry, with the code in it. Required when type is oci.
	// +optional
	OCI *OCISource `json:"oci,omitempty"`

	// image is an image that is there already: nothing is built. Required when type is image.
	// +optional
	Image *ImageSource `json:"image,omitempty"`
}

// InlineSource is code within the LambdaFunction, 512 KiB at most in all.
type InlineSource struct {
	// code is the text of the function's main file: main.py, index.js or main.go.
	// +optional
	Code string `json:"code,omitempty"`

	// dependencies are what the code imports from elsewhere: the text of a requirements.txt, package.json or go.mod, or
	// an object of names and versions, such as {"requests": "2.32.3"}, itself or as text.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Dependencies string `json:"dependencies,omitempty"`

	// files are further files, from path to text. Paths are relative, with / between folders.
	// +optional
	Files map[string]string `json:"files,omitempty"`
}

// GitSource is a git repository.
type GitSource struct {
	// url of the repository: https, ssh or git, or git@host:org/repo. Plain http only to Services of the cluster
	// (*.svc, *.svc.cluster.local).
	URL string `json:"url"`

	// ref is a branch, a tag or a commit. One that is not there fails the build. Default main.
	// +optional
	Ref string `json:"ref,omitempty"`

	// path of the function within the repository, a folder or a file. Default: all of the repository.
	// +optional
	Path string `json:"path,omitempty"`

	// secretRef names a Secret of the function's namespace with ssh-privatekey (and known_hosts), username and password,
	// token, github-token or gitlab-token, and with ca.crt where the server's certificate is of a private authority.
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty"`
}

// S3Source is a bucket of Amazon S3, or of a store that speaks its protocol.
type S3Source struct {
	// bucket is the name of the bucket.
	Bucket string `json:"bucket"`

	// key of an object: a single file, an archive (.zip, .tar.gz, .tgz, .tar), or a prefix ending in / for all that is
	// below it. A / at the beginning says nothing.
	Key string `json:"key"`

	// region of the bucket, for example eu-central-1. Default us-east-1.
	// +optional
	Region string `json:"region,omitempty"`

	// endpoint of a store other than Amazon's: host, host:port, or either with http:// or https:// before it. Without a
	// scheme it is http for a Service of the cluster (*.svc, *.svc.cluster.local) or where insecure is true, else https.
	// Default: Amazon's of the region.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// secretRef names a Secret of the function's namespace with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, accesskey
	// and secretkey, or access-key and secret-key, and with ca.crt where the server's certificate is of a private
	// authority. Without it the build's own identity is taken (IRSA, instance).
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty"`

	// insecure is true where endpoint speaks plain http.
	// +optional
	Insecure bool `json:"insecure,omitempty"`

	// usePathStyle puts the bucket into the path of the address and not into its host. Default: true where endpoint is
	// given, else false.
	// +optional
	UsePathStyle *bool `json:"usePathStyle,omitempty"`
}

// MinIOSource is a bucket of MinIO.
type MinIOSource struct {
	// endpoint of MinIO: host, host:port, or either with http:// or https:// before it. Without a scheme it is http for
	// a Service of the cluster (*.svc, *.svc.cluster.local) or where insecure is true, else https. Default
	// minio.minio.svc.cluster.local:9000.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// bucket is the name of the bucket.
	Bucket string `json:"bucket"`

	// key of an object: a single file, an archive (.zip, .tar.gz, .tgz, .tar), or a prefix ending in / for all that is
	// below it. A / at the beginning says nothing.
	Key string `json:"key"`

	// region that MinIO was set up with. Default us-east-1.
	// +optional
	Region string `json:"region,omitempty"`

	// secretRef names a Secret of the function's namespace with accesskey and secretkey, access-key and secret-key, or
	// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and with ca.crt where the server's certificate is of a private
	// authority. Without it the bucket has to be open to all: Amazon's identities are not shown to other servers.
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty"`

	// insecure is true where endpoint speaks plain http.
	// +optional
	Insecure bool `json:"insecure,omitempty"`

	// usePathStyle puts the bucket into the path of the address and not into its host. Default true.
	// +optional
	UsePathStyle *bool `json:"usePathStyle,omitempty"`
}

// EndpointURL returns endpoint with its scheme, or "" for Amazon's own.
func (s *S3Source) EndpointURL() string {
	return endpointURL(s.Endpoint, s.Insecure)
}

// EndpointURL returns endpoint with its scheme.
func (s *MinIOSource) EndpointURL() string {
	return endpointURL(s.Endpoint, s.Insecure)
}

// EndpointURL returns endpoint with its scheme, or "" for Google's own.
func (s *GCSSource) EndpointURL() string {
	return endpointURL(s.Endpoint, false)
}

func endpointURL(endpoint string, insecure bool) string {
	if endpoint == "" || strings.Contains(endpoint, "://") {
		return endpoint
	}
	host, _, _ := strings.Cut(endpoint, ":")
	if insecure || InCluster(host) {
		return "http://" + endpoint
	}
	return "https://" + endpoint
}

// InCluster is true for the name of a Service of the cluster: *.svc or *.svc.cluster.local.
func InCluster(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local")
}

// GCSSource is a bucket of Google Cloud Storage.
type GCSSource struct {
	// bucket is the name of the bucket.
	Bucket string `json:"bucket"`

	// key of an object: a single file, an archive (.zip, .tar.gz, .tgz, .tar), or a prefix ending in / for all that is
	// below it. A / at the beginning says nothing.
	Key string `json:"key"`

	// project of the bucket. Names of buckets are unique over all projects: it is kept for older manifests, and says
	// nothing to the build.
	// +optional
	Project string `json:"project,omitempty"`

	// endpoint of a store other than Google's that speaks its protocol: host, host:port, or either with http:// or
	// https:// before it. Without a scheme it is http for a Service of the cluster (*.svc, *.svc.cluster.local), else
	// https. Default: Google's.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// secretRef names a Secret of the function's namespace with key.json, the key of a service account. Without it the
	// build's own identity is taken (workload identity).
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty"`
}

// OCISource is an artifact in a registry: a manifest whose layers are archives of the code.
type OCISource struct {
	// repository of the artifact, for example ghcr.io/acme/hello-code.
	Repository string `json:"repository"`

	// tag of the artifact. It is looked up by each build, and one that moves builds nothing by itself. Default latest, where
	// there is no digest.
	// +optional
	Tag string `json:"tag,omitempty"`

	// digest of the artifact, sha256: and 64 hexadecimal digits. It wins over tag.
	// +optional
	Digest string `json:"digest,omitempty"`

	// path of the function within the artifact, a folder. Default: all of the artifact.
	// +optional
	Path string `json:"path,omitempty"`

	// secretRef names a Secret of the function's namespace with .dockerconfigjson, as kubectl create secret
	// docker-registry writes it, and with ca.crt where the registry's certificate is of a private authority. Without it
	// the artifact is fetched with what images are pushed with.
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty"`
}

// ImageSource is an image that is there already, with a server on port.
type ImageSource struct {
	// repository of the image, for example ghcr.io/acme/hello.
	Repository string `json:"repository"`

	// tag of the image. Default latest, where there is no digest.
	// +optional
	Tag string `json:"tag,omitempty"`

	// digest of the image, sha256: and 64 hexadecimal digits. It wins over tag.
	// +optional
	Digest string `json:"digest,omitempty"`

	// pullPolicy of the image: Always, IfNotPresent or Never. Default: spec.imagePullPolicy of a function, else the
	// cluster's.
	// +optional
	// +kubebuilder:validation:Enum=Always;IfNotPresent;Never
	PullPolicy corev1.PullPolicy `json:"pullPolicy,omitempty"`

	// imagePullSecrets are the names of Secrets of the same namespace that the image is pulled with, each as text or as an
	// object with name.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// port that the server in the image listens on, and is told in PORT: 1 to 65535, but for Knative's own 8008, 8012,
	// 8013, 8022, 9090 and 9091. Default 8080.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	Port *int32 `json:"port,omitempty"`

	// command is run in place of the image's entrypoint.
	// +optional
	Command []string `json:"command,omitempty"`

	// args are given to the command in place of the image's own.
	// +optional
	Args []string `json:"args,omitempty"`
}

// Reference returns the image as it is deployed: by digest where there is one, else by tag.
func (s *ImageSource) Reference() string {
	if s.Digest != "" {
		return s.Repository + "@" + s.Digest
	}
	return s.Repository + ":" + s.Tag
}
