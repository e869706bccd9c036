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

package kn

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

// objectFlags say where the code is in an object store.
type objectFlags struct {
	s3, minio, gcs           string
	endpoint, region, secret string
}

// objectStores are the flags of objectFlags that name an object, and what URLs of such objects begin with.
var objectStores = map[string]string{"s3": "s3://", "minio": "s3://", "gcs": "gs://"}

func (f *objectFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.s3, "s3", "", "Object of S3 that has the code, BUCKET/KEY: an archive or a file, or a folder where KEY ends with /.")
	flags.StringVar(&f.minio, "minio", "", "Object of MinIO that has the code, as --s3.")
	flags.StringVar(&f.gcs, "gcs", "", "Object of Google Cloud Storage that has the code, as --s3.")
	flags.StringVar(&f.endpoint, "endpoint", "", "URL of the object store, where it is not the provider's own.")
	flags.StringVar(&f.region, "region", "", "Region of the bucket of --s3 or --minio.")
	flags.StringVar(&f.secret, "object-secret", "", "Secret that the object store is read with.")
}

// objectSource is what is said of an object, in the fields of its kind of store. A store without regions has nil.
type objectSource struct {
	bucket, key, endpoint, region *string
	secret                        **corev1.LocalObjectReference
}

// apply changes what the flags say. become has the source be of a type, and nothing else any more.
func (f *objectFlags) apply(flags *pflag.FlagSet, source *v1alpha1.SourceSpec, become func(v1alpha1.SourceType)) error {
	flag, object := "", ""
	switch {
	case flags.Changed("s3"):
		flag, object = "s3", f.s3
		become(v1alpha1.SourceTypeS3)
		source.S3 = orNew(source.S3)
	case flags.Changed("minio"):
		flag, object = "minio", f.minio
		become(v1alpha1.SourceTypeMinIO)
		source.MinIO = orNew(source.MinIO)
	case flags.Changed("gcs"):
		flag, object = "gcs", f.gcs
		become(v1alpha1.SourceTypeGCS)
		source.GCS = orNew(source.GCS)
	}
	fields := objectOf(source)
	if flag != "" {
		bucket, key, _ := strings.Cut(strings.TrimPrefix(object, objectStores[flag]), "/")
		if bucket == "" || key == "" {
			return usagef("--%s %q: write BUCKET/KEY, such as code/orders.tar.gz", flag, object)
		}
		*fields.bucket, *fields.key = bucket, key
	}
	return f.applyStore(flags, fields)
}

// applyStore changes what the flags below those of objectStores say.
func (f *objectFlags) applyStore(flags *pflag.FlagSet, fields *objectSource) error {
	for _, flag := range []string{"endpoint", "region", "object-secret"} {
		if flags.Changed(flag) && fields == nil {
			return usagef("--%s is for functions with --s3, --minio or --gcs", flag)
		}
	}
	if flags.Changed("endpoint") {
		*fields.endpoint = f.endpoint
	}
	if flags.Changed("region") {
		if fields.region == nil {
			return usagef("--region is for functions with --s3 or --minio: Google Cloud Storage finds the bucket by its name")
		}
		*fields.region = f.region
	}
	if flags.Changed("object-secret") {
		*fields.secret = &corev1.LocalObjectReference{Name: f.secret}
	}
	return nil
}

// objectOf returns the fields of a source that is in an object store, and nil for others.
func objectOf(source *v1alpha1.SourceSpec) *objectSource {
	switch {
	case source.S3 != nil:
		s := source.S3
		return &objectSource{&s.Bucket, &s.Key, &s.Endpoint, &s.Region, &s.SecretRef}
	case source.MinIO != nil:
		s := source.MinIO
		return &objectSource{&s.Bucket, &s.Key, &s.Endpoint, &s.Region, &s.SecretRef}
	case source.GCS != nil:
		s := source.GCS
		return &objectSource{&s.Bucket, &s.Key, &s.Endpoint, nil, &s.SecretRef}
	}
	return nil
}

// orNew returns what is there, or a new one.
func orNew[T any](present *T) *T {
	if present == nil {
		return new(T)
	}
	return present
}
