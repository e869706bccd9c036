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

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"cloud.google.com/go/storage"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// store is a bucket, and how its user calls it.
type store struct {
	*source.Bucket
	kind source.BucketKind
	open *blob.Bucket
}

// fetch adds what the key is: an object, an archive, or a folder.
func (s *store) fetch(ctx context.Context, files *source.Files) (string, error) {
	revision, err := s.add(ctx, files)
	return revision, s.explain(err)
}

func (s *store) add(ctx context.Context, files *source.Files) (string, error) {
	if s.IsFolder() {
		return s.folder(ctx, files)
	}
	r, err := s.open.NewReader(ctx, s.Key, nil)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if source.IsArchive(s.Key) {
		err = files.AddArchive(ctx, s.Key, r)
	} else {
		err = files.AddMain(ctx, path.Base(s.Key), r)
	}
	return revisionOf(r), err
}

// revisionOf returns which version of an object a reader reads: by its own words, so that it cannot be another.
func revisionOf(r *blob.Reader) string {
	var s3Object awss3.GetObjectOutput
	if r.As(&s3Object) {
		if v := s3Object.VersionId; v != nil && *v != "" && *v != "null" {
			return *v
		}
		if s3Object.ETag != nil {
			return strings.Trim(*s3Object.ETag, `"`)
		}
	}
	var gcsObject *storage.Reader
	if r.As(&gcsObject) {
		return strconv.FormatInt(gcsObject.Attrs.Generation, 10)
	}
	return ""
}

// folder adds all objects below the key. Together they have no version, so that their hash is the revision.
func (s *store) folder(ctx context.Context, files *source.Files) (string, error) {
	objects := s.open.List(&blob.ListOptions{Prefix: s.Key})
	found := false
	for {
		object, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		name := strings.TrimPrefix(object.Key, s.Key)
		if object.IsDir || name == "" || strings.HasSuffix(name, "/") {
			continue
		}
		found = true
		if err := s.object(ctx, object.Key, name, files); err != nil {
			return "", err
		}
	}
	if !found {
		return "", source.Failf(source.ReasonSourceNotFound, "source.%s.key: bucket %q has no objects below %q", s.kind, s.Bucket.Bucket, s.Key)
	}
	return files.Hash(), nil
}

func (s *store) object(ctx context.Context, key, name string, files *source.Files) error {
	r, err := s.open.NewReader(ctx, key, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	return files.Add(ctx, name, r, false)
}

// explain gives the failures of a store their reasons.
func (s *store) explain(err error) error {
	if err == nil {
		return nil
	}
	_, refused := netguard.Refused(err)
	if refused || isCertificateError(err) || source.ReasonOf(err) != source.ReasonInternal {
		return err
	}
	field := "source." + string(s.kind)
	code, status := codesOf(err)
	switch {
	case code == "NoSuchBucket" || errors.Is(err, storage.ErrBucketNotExist):
		return source.Failf(source.ReasonSourceNotFound, "%s.bucket: there is no bucket %q", field, s.Bucket.Bucket)
	case code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || code == "IllegalLocationConstraintException" || status/100 == 3:
		return source.Failf(source.ReasonSourceNotFound, "%s.region: bucket %q is in another region, or at another endpoint: %w", field, s.Bucket.Bucket, err)
	case status == 401 || status == 403:
		return source.Failf(source.ReasonSourceForbidden, "the build may not read %q of bucket %q: check what the Secret of %s.secretRef, or else the identity of the build, may read: %w",
			s.Key, s.Bucket.Bucket, field, err)
	case gcerrors.Code(err) == gcerrors.NotFound || status == 404:
		return source.Failf(source.ReasonSourceNotFound, "%s.key: bucket %q has no object %q; a folder has a / at its end", field, s.Bucket.Bucket, s.Key)
	}
	return fmt.Errorf("failed to read %q of bucket %q: %w", s.Key, s.Bucket.Bucket, err)
}

// codesOf returns what a store says for a program, and the status of its response.
func codesOf(err error) (code string, status int) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code = api.ErrorCode()
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	if google, ok := errors.AsType[*googleapi.Error](err); ok {
		status = google.Code
	}
	return code, status
}
