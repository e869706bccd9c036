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
	"io"
	"net/http"
	"sync/atomic"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source/netguard"
)

// limitedTransport ends a response that is too long. The libraries that read responses trust their servers.
type limitedTransport struct {
	next http.RoundTripper
	max  int64
	// refused is the last connection that was not made. Not each library hands on why something failed.
	refused *atomic.Pointer[netguard.RefusedError]
}

// RoundTrip implements http.RoundTripper.
func (l *limitedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(req)
	if err != nil {
		if refused, ok := netguard.Refused(err); ok {
			l.refused.Store(refused)
		}
		return nil, err
	}
	resp.Body = &limitedBody{limitedReader: limitedReader{r: resp.Body, left: l.max, max: l.max}, Closer: resp.Body}
	return resp, nil
}

type limitedBody struct {
	limitedReader
	io.Closer
}

// limitedReader fails where a reader has more than it may: it does not end as if that were all.
type limitedReader struct {
	r         io.Reader
	left, max int64
}

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.left = 0
		return 0, source.Failf(source.ReasonSourceTooLarge, "more than %d bytes would be downloaded: make the source smaller", l.max)
	}
	return n, err
}
