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

package deadletter

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// BenchmarkIngest posts letters of 1 KiB from 64 connections, by HTTP, to a store on the disk of BENCH_FOLDER, or of the
// temporary folder, that is synced as it is by default: each is on the disk when its request is answered.
func BenchmarkIngest(b *testing.B) {
	b.Run("all are kept", func(b *testing.B) { benchmarkIngest(b, 1<<40) })
	b.Run("1000 are kept", func(b *testing.B) { benchmarkIngest(b, 1000) })
}

func benchmarkIngest(b *testing.B, kept int64) {
	folder, err := os.MkdirTemp(os.Getenv("BENCH_FOLDER"), "deadletter")
	if err != nil {
		b.Fatal("MkdirTemp() =", err)
	}
	defer os.RemoveAll(folder)
	settings := config.DefaultDeadLetters()
	settings.NamespaceMaxBytes = 0
	settings.MaxLetters = kept
	logger := zap.NewNop().Sugar()
	store, err := OpenStore(b.Context(), StoreOptions{Folder: folder, Settings: settings, Logger: logger})
	if err != nil {
		b.Fatal("OpenStore() =", err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			b.Error("Close() =", err)
		}
	}()
	server := NewServer(Options{
		Store: store, Access: newCluster().Reviewer(0), Owner: "bench", Logger: logger,
		Settings: func() *config.DeadLetters { return settings },
	})
	web := newLoopback(b, server.Handler())
	body := bytes.Repeat([]byte("x"), 1024)
	var ids atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.SetParallelism(32) // times GOMAXPROCS
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, web+"/v1/namespaces/shop?function=orders", bytes.NewReader(body))
			if err != nil {
				b.Error("NewRequest() =", err)
				return
			}
			for name, value := range eventHeader(strconv.FormatInt(ids.Add(1), 10), "Content-Type=text/plain") {
				request.Header.Set(name, value)
			}
			response, err := client.Do(request)
			if err != nil {
				b.Error("Do() =", err)
				return
			}
			response.Body.Close()
			if response.StatusCode != http.StatusAccepted {
				b.Error("status", response.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}

func newLoopback(b *testing.B, h http.Handler) string {
	b.Helper()
	web := httptest.NewServer(h)
	b.Cleanup(web.Close)
	return web.URL
}
