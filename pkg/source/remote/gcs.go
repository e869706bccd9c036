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
	"fmt"
	"net/http"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// gcsScope lets read, and nothing else.
const gcsScope = "https://www.googleapis.com/auth/devstorage.read_only"

func (f *fetcher) gcs(ctx context.Context, b *source.Bucket, files *source.Files) (string, error) {
	transport, err := f.transport()
	if err != nil {
		return "", err
	}
	client, err := f.gcsClient(ctx, b, transport)
	if err != nil {
		return "", err
	}
	client.CheckRedirect = noRedirects
	// The client has its identity already. Without the second option the library looks for another one, in the
	// environment and at the cloud's metadata; and left to make the client, gocloud takes another transport where the
	// environment names an emulator.
	options := []option.ClientOption{option.WithHTTPClient(&client.Client), option.WithoutAuthentication()}
	if b.Endpoint != "" {
		options = append(options, option.WithEndpoint(b.Endpoint+"/storage/v1/"))
	}
	api, err := storage.NewClient(ctx, options...)
	if err != nil {
		return "", fmt.Errorf("failed to make client: %w", err)
	}
	defer api.Close()
	bucket, err := gcsblob.OpenBucket(ctx, nil, b.Bucket, &gcsblob.Options{Client: api})
	if err != nil {
		return "", fmt.Errorf("failed to open bucket %q: %w", b.Bucket, err)
	}
	defer bucket.Close()
	s := &store{Bucket: b, kind: source.KindGCS, open: bucket}
	return s.fetch(ctx, files)
}

// gcsClient has the identity of the Secret, else the one that the build's account or node has at Google. The latter is
// not shown to servers that users choose: its token is all that it takes to be it.
func (f *fetcher) gcsClient(ctx context.Context, b *source.Bucket, transport http.RoundTripper) (*gcp.HTTPClient, error) {
	if key := f.credentials.get(keyGCS); key != "" {
		// No other form of credentials: some of those name programs and addresses that are asked for tokens.
		account, err := google.JWTConfigFromJSON([]byte(key), gcsScope)
		if err != nil {
			return nil, source.Failf(source.ReasonSecretInvalid, "key %q of the Secret of source.gcs.secretRef is not the key of a service account", keyGCS)
		}
		// The key says where to ask for a token: that is guarded, too.
		guarded := context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: transport, CheckRedirect: noRedirects})
		return gcp.NewHTTPClient(transport, account.TokenSource(guarded))
	}
	if f.credentials.given() {
		return nil, source.Failf(source.ReasonSecretInvalid, "the Secret of source.gcs.secretRef has no key %q, the key of a service account; it has: %s", keyGCS, f.credentials.keys())
	}
	if b.Endpoint != "" {
		return gcp.NewAnonymousHTTPClient(transport), nil
	}
	identity, err := google.FindDefaultCredentials(ctx, gcsScope)
	if err != nil {
		return gcp.NewAnonymousHTTPClient(transport), nil //nolint:nilerr // Buckets may be public.
	}
	return gcp.NewHTTPClient(transport, identity.TokenSource)
}
