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

package runtime_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkRequests has as many connections as there are processors, each of which sends its next request when the one
// before is answered.
func BenchmarkRequests(b *testing.B) {
	for _, kind := range []struct{ name, header string }{
		{"http", ""},
		{"event", "Ce-Specversion: 1.0\r\nCe-Id: 7\r\nCe-Type: order\r\nCe-Source: /s\r\n"},
	} {
		b.Run(kind.name, func(b *testing.B) {
			const body = `{"do":"object","x":41}`
			wire := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", kind.header, len(body), body)
			o := goOptions(b, "rows", "main.Handler")
			f := serve(b, &o)
			b.ReportAllocs()
			b.SetParallelism(8)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for pb.Next() {
					if _, err := io.WriteString(conn, wire); err != nil {
						b.Error(err)
						return
					}
					resp, err := http.ReadResponse(reader, nil)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		})
	}
}
