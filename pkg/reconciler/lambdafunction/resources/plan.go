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

package resources

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

func makePlan(fn *v1alpha1.LambdaFunction, cfg *config.Config) (*source.Plan, error) {
	language := string(fn.Spec.Runtime.Language)
	base, ok := cfg.Runtimes.BaseImage(language, fn.Spec.Runtime.Version)
	if !ok {
		return nil, &source.Error{
			Reason: v1alpha1.ReasonVersionNotOffered,
			Err: fmt.Errorf("ConfigMap %s no longer offers %s %s: set spec.runtime.version to one of %v",
				config.RuntimesConfigName, fn.Spec.Runtime.Language, fn.Spec.Runtime.Version, cfg.Runtimes.Versions(language)),
		}
	}
	src, err := makeSource(language, &fn.Spec.Source)
	if err != nil {
		return nil, err
	}
	plan := &source.Plan{
		Version:         source.PlanVersion,
		Language:        language,
		LanguageVersion: fn.Spec.Runtime.Version,
		Handler:         fn.Spec.Runtime.Handler,
		BaseImage:       cmp.Or(base, cfg.Build.RuntimeImage),
		BuilderImage:    cfg.Runtimes.BuilderImage(language, fn.Spec.Runtime.Version),
		RuntimeImage:    cfg.Build.RuntimeImage,
		FetchImage:      cfg.Build.FetchImage,
		Source:          src,
		RebuildToken:    rebuildToken(fn),
	}
	if secret := sourceSecret(&fn.Spec.Source); secret != "" {
		plan.Secrets = []string{secret}
	}
	if plan.InstallsDependencies() {
		// Another index is another build of what comes from there, and of nothing else.
		plan.Index = indexOf(fn.Spec.Runtime.Language, cfg.Build)
	}
	return plan, plan.Validate()
}

// rebuildToken changes where the user asks for another build of the same source.
func rebuildToken(fn *v1alpha1.LambdaFunction) string {
	token := fn.Annotations[lambda.RebuildAnnotationKey]
	if fn.Spec.Build.ForceRebuild {
		return fmt.Sprintf("%s@%d", token, fn.Generation)
	}
	return token
}

// makeSource takes over the block of the source's type. Admission refuses a source without it, where it was asked.
func makeSource(language string, spec *v1alpha1.SourceSpec) (s source.Source, err error) {
	switch {
	case spec.Type == v1alpha1.SourceTypeInline && spec.Inline != nil:
		s.Inline, err = source.NewInline(language, spec.Inline.Code, spec.Inline.Dependencies, spec.Inline.Files)
	case spec.Type == v1alpha1.SourceTypeGit && spec.Git != nil:
		s.Git, err = source.NewGit(spec.Git.URL, spec.Git.Ref, spec.Git.Path)
	case spec.Type == v1alpha1.SourceTypeS3 && spec.S3 != nil:
		s.S3, err = source.NewBucket(source.KindS3, spec.S3.Bucket, spec.S3.Key, spec.S3.Region, spec.S3.EndpointURL())
		s.S3.VirtualHost = spec.S3.Endpoint != "" && !*spec.S3.UsePathStyle
	case spec.Type == v1alpha1.SourceTypeMinIO && spec.MinIO != nil:
		s.MinIO, err = source.NewBucket(source.KindMinIO, spec.MinIO.Bucket, spec.MinIO.Key, spec.MinIO.Region, spec.MinIO.EndpointURL())
		s.MinIO.VirtualHost = !*spec.MinIO.UsePathStyle
	case spec.Type == v1alpha1.SourceTypeGCS && spec.GCS != nil:
		s.GCS, err = source.NewBucket(source.KindGCS, spec.GCS.Bucket, spec.GCS.Key, "", spec.GCS.EndpointURL())
	case spec.Type == v1alpha1.SourceTypeOCI && spec.OCI != nil:
		s.OCI, err = source.NewOCI(spec.OCI.Repository, spec.OCI.Tag, spec.OCI.Digest, spec.OCI.Path)
	default:
		err = &source.Error{Reason: v1alpha1.ReasonSourceInvalid, Err: fmt.Errorf("spec.source.%s is missing", spec.Type)}
	}
	return s, err
}

// sourceSecret is the name of the Secret that the source is fetched with, or "".
func sourceSecret(spec *v1alpha1.SourceSpec) string {
	var ref *corev1.LocalObjectReference
	switch {
	case spec.Type == v1alpha1.SourceTypeGit && spec.Git != nil:
		ref = spec.Git.SecretRef
	case spec.Type == v1alpha1.SourceTypeS3 && spec.S3 != nil:
		ref = spec.S3.SecretRef
	case spec.Type == v1alpha1.SourceTypeMinIO && spec.MinIO != nil:
		ref = spec.MinIO.SecretRef
	case spec.Type == v1alpha1.SourceTypeGCS && spec.GCS != nil:
		ref = spec.GCS.SecretRef
	case spec.Type == v1alpha1.SourceTypeOCI && spec.OCI != nil:
		ref = spec.OCI.SecretRef
	}
	if ref == nil {
		return ""
	}
	return ref.Name
}
