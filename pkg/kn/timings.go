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
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// traceHeader is W3C's.
const traceHeader = "Traceparent"

// timings are the moments of a request. Those that there were none of are zero: there is no DNS for an address.
type timings struct {
	mu    sync.Mutex
	now   func() time.Time
	trace string

	began, dnsBegan, dnsEnded, connectBegan, connectEnded, tlsBegan, tlsEnded, firstByte time.Time
}

// traced has a request carry a trace of its own, which whatever serves it goes on with, and its moments noted.
func traced(request *http.Request, now func() time.Time) (*http.Request, *timings, error) {
	var id [24]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, nil, fmt.Errorf("failed to make the id of a trace: %w", err)
	}
	t := &timings{now: now, trace: hex.EncodeToString(id[:16]), began: now()}
	request.Header.Set(traceHeader, "00-"+t.trace+"-"+hex.EncodeToString(id[16:])+"-01")
	return request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { t.note(&t.dnsBegan) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.note(&t.dnsEnded) },
		ConnectStart:         func(string, string) { t.note(&t.connectBegan) },
		ConnectDone:          func(string, string, error) { t.note(&t.connectEnded) },
		TLSHandshakeStart:    func() { t.note(&t.tlsBegan) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { t.note(&t.tlsEnded) },
		GotFirstResponseByte: func() { t.note(&t.firstByte) },
	})), t, nil
}

func (t *timings) note(moment *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*moment = t.now()
}

// print writes how long each part took, now that all of the answer is there.
func (t *timings) print(out io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, part := range []struct {
		name       string
		from, till time.Time
	}{
		{"dns", t.dnsBegan, t.dnsEnded},
		{"connect", t.connectBegan, t.connectEnded},
		{"tls", t.tlsBegan, t.tlsEnded},
		{"first byte", t.began, t.firstByte},
		{"total", t.began, t.now()},
	} {
		if !part.from.IsZero() && !part.till.IsZero() {
			fmt.Fprintf(out, "%-12s%8.1f ms\n", part.name, float64(part.till.Sub(part.from).Microseconds())/1000)
		}
	}
	fmt.Fprintf(out, "%-12s%s\n", "trace", t.trace)
}
