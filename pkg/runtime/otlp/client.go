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
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	firstBackoff = 200 * time.Millisecond
	// maxReply is how much of a reply is read, which says little.
	maxReply = 64 << 10
	// grpcPrefix is what comes before a message: whether it is compressed, and its length.
	grpcPrefix = 5
)

// The codes of gRPC that are looked at.
const (
	grpcUnimplemented = 12
	grpcUnavailable   = 14
	grpcExhausted     = 8
)

// ErrRefused is what Send fails with where the collector does not take the
// signal at all: there is no use in sending more.
var ErrRefused = errors.New("the collector does not take it")

// Client sends one signal to a collector.
type Client struct {
	url     string
	header  http.Header
	timeout time.Duration
	grpc    bool
	gzip    bool
	http    *http.Client
}

// Send sends an encoded request. While the collector says that it is busy, or
// cannot be reached, it tries again until the timeout or ctx is over.
func (c *Client) Send(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	payload, err := c.frame(body)
	if err != nil {
		return err
	}
	for backoff := firstBackoff; ; backoff *= 2 {
		retry, err := c.try(ctx, payload)
		if err == nil || !retry {
			return err
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return err
		}
	}
}

// frame compresses a message where that is wanted, and says how long it is where gRPC wants that.
func (c *Client) frame(body []byte) ([]byte, error) {
	var b bytes.Buffer
	if c.grpc {
		b.Write(make([]byte, grpcPrefix))
	}
	if c.gzip {
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err != nil {
			return nil, fmt.Errorf("failed to compress: %w", err)
		}
		if err := z.Close(); err != nil {
			return nil, fmt.Errorf("failed to compress: %w", err)
		}
	} else {
		b.Write(body)
	}
	payload := b.Bytes()
	if c.grpc {
		if c.gzip {
			payload[0] = 1
		}
		binary.BigEndian.PutUint32(payload[1:], uint32(len(payload)-grpcPrefix)) //nolint:gosec // batches are small
	}
	return payload, nil
}

// try sends once, and says whether it is worth to try again.
func (c *Client) try(ctx context.Context, payload []byte) (retry bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(payload))
	if err != nil {
		return false, fmt.Errorf("failed to make request: %w", err)
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	switch {
	case c.grpc:
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("TE", "trailers")
		if c.gzip {
			req.Header.Set("Grpc-Encoding", "gzip")
		}
	default:
		req.Header.Set("Content-Type", "application/x-protobuf")
		if c.gzip {
			req.Header.Set("Content-Encoding", "gzip")
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return ctx.Err() == nil, fmt.Errorf("failed to reach collector: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxReply)); err != nil { // the trailers come after it
		return true, fmt.Errorf("failed to read reply: %w", err)
	}
	return c.verdict(resp)
}

func (c *Client) verdict(resp *http.Response) (retry bool, err error) {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		if c.grpc {
			return grpcVerdict(resp)
		}
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, fmt.Errorf("the collector answered %s", resp.Status)
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return false, fmt.Errorf("%w: it answered %s", ErrRefused, resp.Status)
	default:
		return false, fmt.Errorf("the collector answered %s", resp.Status)
	}
}

func grpcVerdict(resp *http.Response) (retry bool, err error) {
	from := resp.Trailer
	if from.Get("Grpc-Status") == "" {
		from = resp.Header // where there is nothing but trailers
	}
	code, err := strconv.Atoi(from.Get("Grpc-Status"))
	if err != nil {
		return false, errors.New("the collector does not speak gRPC")
	}
	message, _ := url.PathUnescape(from.Get("Grpc-Message")) // as it is where it is not encoded
	switch code {
	case 0:
		return false, nil
	case grpcUnavailable, grpcExhausted:
		return true, fmt.Errorf("the collector answered with code %d: %s", code, message)
	case grpcUnimplemented:
		return false, fmt.Errorf("%w: it answered with code %d: %s", ErrRefused, code, message)
	default:
		return false, fmt.Errorf("the collector answered with code %d: %s", code, message)
	}
}
