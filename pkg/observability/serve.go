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

package observability

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	ocbridge "go.opentelemetry.io/otel/bridge/opencensus"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"knative.dev/pkg/logging"
)

// Address is where metrics are served with exemplars. Knative's own listener, at port 9090, has the same without them.
const Address = ":9091"

// readHeaderTimeout bounds how long a scrape may take to say what it wants.
const readHeaderTimeout = 10 * time.Second

// BridgeOpenCensus has what linked libraries record with OpenCensus be served with all other metrics.
func BridgeOpenCensus() error {
	exporter, err := otelprom.New(
		otelprom.WithProducer(ocbridge.NewMetricProducer()),
		// There is one already, and a second would be an error at each scrape.
		otelprom.WithoutTargetInfo(),
	)
	if err != nil {
		return err
	}
	// The registry has the exporter from now on: nobody needs the provider.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	return nil
}

// Handler serves all metrics of the program in the text format of Prometheus, or as OpenMetrics with exemplars for who asks
// for that.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	return mux
}

// Serve serves Handler until the context ends.
func Serve(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	server := &http.Server{Handler: Handler(), ReadHeaderTimeout: readHeaderTimeout}
	stop := context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil {
			logging.FromContext(ctx).Warnw("Failed to close the listener of metrics", "error", err)
		}
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
