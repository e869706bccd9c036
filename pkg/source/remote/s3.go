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
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob/s3blob"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

const (
	// defaultRegion is where S3 looks for a bucket whose region nobody said, and what other stores are content with.
	defaultRegion = "us-east-1"
	// identityTimeout is for finding out that a build has no identity in a cloud.
	identityTimeout = 15 * time.Second
)

func (f *fetcher) s3(ctx context.Context, kind source.BucketKind, b *source.Bucket, files *source.Files) (string, error) {
	client, err := f.s3Client(ctx, kind, b)
	if err != nil {
		return "", err
	}
	bucket, err := s3blob.OpenBucket(ctx, client, b.Bucket, nil)
	if err != nil {
		return "", fmt.Errorf("failed to open bucket %q: %w", b.Bucket, err)
	}
	defer bucket.Close()
	s := &store{Bucket: b, kind: kind, open: bucket}
	return s.fetch(ctx, files)
}

func (f *fetcher) s3Client(ctx context.Context, kind source.BucketKind, b *source.Bucket) (*awss3.Client, error) {
	identity, err := f.s3Identity(ctx, kind, b)
	if err != nil {
		return nil, err
	}
	transport, err := f.transport()
	if err != nil {
		return nil, err
	}
	options := awss3.Options{
		Region:      cmp.Or(b.Region, defaultRegion),
		Credentials: identity,
		HTTPClient:  &http.Client{Transport: transport, CheckRedirect: noRedirects},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(refusedForGood)}, o.Retryables...)
		}),
		// Not each store that speaks the protocol knows the newer sums.
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	}
	if b.Endpoint != "" {
		options.BaseEndpoint = aws.String(b.Endpoint)
		// Few other stores have a host name for each bucket.
		options.UsePathStyle = !b.VirtualHost
	}
	return awss3.New(options), nil
}

// s3Identity is that of the Secret, else the one that the build's account, node or environment has at Amazon. The latter
// is not shown to servers that users choose.
func (f *fetcher) s3Identity(ctx context.Context, kind source.BucketKind, b *source.Bucket) (aws.CredentialsProvider, error) {
	id, secret, err := f.credentials.pair(kind)
	if err != nil {
		return nil, err
	}
	if id != "" {
		token := f.credentials.get("AWS_SESSION_TOKEN", "aws_session_token", "sessiontoken", "session-token")
		return awscredentials.NewStaticCredentialsProvider(id, secret, token), nil
	}
	if !ofAmazon(b.Endpoint) {
		return aws.AnonymousCredentials{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	// The addresses that it asks are those of the SDK and the cluster's operator, no user's: they are not guarded.
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(cmp.Or(b.Region, defaultRegion)))
	if err != nil {
		return nil, fmt.Errorf("failed to read the configuration of AWS: %w", err)
	}
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return aws.AnonymousCredentials{}, nil // Buckets may be public.
	}
	return c.Credentials, nil
}

// ofAmazon is true for the endpoints of Amazon.
func ofAmazon(endpoint string) bool {
	if endpoint == "" {
		return true
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return strings.HasSuffix(host, ".amazonaws.com") || strings.HasSuffix(host, ".amazonaws.com.cn")
}

// noRedirects keeps what was signed for one server from another.
func noRedirects(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}

func refusedForGood(err error) aws.Ternary {
	if _, refused := netguard.Refused(err); refused || isCertificateError(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}
