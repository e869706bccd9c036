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

package otlp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signal is what is sent.
type Signal string

// The signals, as the environment names them.
const (
	Traces  Signal = "TRACES"
	Metrics Signal = "METRICS"
)

const defaultTimeout = 10 * time.Second

// paths are where the signals go, by http/protobuf and by gRPC.
var paths = map[Signal]struct{ http, grpc string }{
	Traces:  {"v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
	Metrics: {"v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"},
}

// ClientFromEnv returns a Client as OTEL_EXPORTER_OTLP_* and
// OTEL_EXPORTER_OTLP_<signal>_* say, or nil where nothing is to be sent: without
// an endpoint, or where OTEL_SDK_DISABLED or OTEL_<signal>_EXPORTER say so.
func ClientFromEnv(signal Signal) (*Client, error) {
	own := os.Getenv("OTEL_EXPORTER_OTLP_" + string(signal) + "_ENDPOINT")
	endpoint := cmp.Or(own, os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	exporters := strings.Split(cmp.Or(os.Getenv("OTEL_"+string(signal)+"_EXPORTER"), "otlp"), ",")
	if endpoint == "" || !slices.Contains(exporters, "otlp") || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	c := &Client{timeout: defaultTimeout}
	switch protocol := cmp.Or(signal.setting("PROTOCOL"), "http/protobuf"); protocol {
	case "grpc":
		c.grpc = true
	case "http/protobuf":
	default:
		return nil, fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_PROTOCOL: %q is neither grpc nor http/protobuf", protocol)
	}
	if err := c.setURL(signal, endpoint, own != ""); err != nil {
		return nil, err
	}
	if err := errors.Join(c.setHeader(signal), c.setTimeout(signal), c.setCompression(signal)); err != nil {
		return nil, err
	}
	trusted, err := certificates(signal.setting("CERTIFICATE"))
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!c.grpc)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(c.grpc)
	c.http = &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, Protocols: protocols, TLSClientConfig: trusted, MaxIdleConns: 1, IdleConnTimeout: 90 * time.Second,
	}}
	return c, nil
}

// setting is that of the signal, or that of all.
func (s Signal) setting(name string) string {
	return cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+string(s)+"_"+name), os.Getenv("OTEL_EXPORTER_OTLP_"+name))
}

// setURL takes an endpoint of all signals for what their paths are added to, and
// the signal's own as it is.
func (c *Client) setURL(signal Signal, endpoint string, own bool) error {
	if !strings.Contains(endpoint, "://") {
		scheme := "https://"
		if c.grpc && strings.EqualFold(signal.setting("INSECURE"), "true") || !c.grpc {
			scheme = "http://"
		}
		endpoint = scheme + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_ENDPOINT: %q is not an http or https URL", endpoint)
	}
	switch {
	case c.grpc:
		u.Path = paths[signal].grpc
	case !own:
		u = u.JoinPath(paths[signal].http)
	case u.Path == "":
		u.Path = "/"
	}
	c.url = u.String()
	return nil
}

func (c *Client) setHeader(signal Signal) error {
	c.header = http.Header{}
	attributes, err := ParseAttributes(signal.setting("HEADERS"))
	if err != nil {
		return fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_HEADERS: %w", err)
	}
	for _, a := range attributes {
		c.header.Add(a.Key, a.Value.(string)) //nolint:forcetypeassert // they are text
	}
	return nil
}

func (c *Client) setTimeout(signal Signal) error {
	text := signal.setting("TIMEOUT")
	if text == "" {
		return nil
	}
	ms, err := strconv.Atoi(text)
	if err != nil || ms <= 0 {
		return fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_TIMEOUT: %q is not a number of milliseconds", text)
	}
	c.timeout = time.Duration(ms) * time.Millisecond
	return nil
}

func (c *Client) setCompression(signal Signal) error {
	switch how := signal.setting("COMPRESSION"); how {
	case "", "none":
	case "gzip":
		c.gzip = true
	default:
		return fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_COMPRESSION: %q is neither gzip nor none", how)
	}
	return nil
}

// certificates returns whom to trust, nil for the system's.
func certificates(file string) (*tls.Config, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("failed to read OTEL_EXPORTER_OTLP_CERTIFICATE: %q has no certificate", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// ParseAttributes reads a list of key=value with commas between them, as
// OTEL_RESOURCE_ATTRIBUTES has it. Values are percent-encoded.
func ParseAttributes(list string) ([]Attribute, error) {
	var attributes []Attribute
	for pair := range strings.SplitSeq(list, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, encoded, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if key = strings.TrimSpace(key); !ok || key == "" || err != nil {
			return nil, fmt.Errorf("%q is not key=value with a percent-encoded value", pair)
		}
		attributes = append(attributes, Attribute{key, value})
	}
	return attributes, nil
}
