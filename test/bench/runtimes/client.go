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

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// hung is how long a request may take before it counts as never answered.
const hung = 5 * time.Second

// request is one that is sent as it is.
type request struct {
	method, host, path, body string
	header                   []string // names and values
}

// objectRequest is the one of all measurements: an object of a few bytes for another.
func objectRequest(kind string) request { return doRequest(kind, `{"do":"object","x":41}`) }

func doRequest(kind, body string) request {
	r := request{method: http.MethodPost, path: "/", body: body, header: []string{"Content-Type", "application/json"}}
	if kind == kindEvent {
		r.header = append(r.header, "Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Type", "order", "Ce-Source", "/s")
	}
	return r
}

// bytes are those of HTTP/1.1.
func (r request) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, cmp.Or(r.host, "localhost"))
	for i := 0; i < len(r.header); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", r.header[i], r.header[i+1])
	}
	if r.body != "" || r.method != http.MethodGet {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body)
	return b.Bytes()
}

// response is an answer with its body.
type response struct {
	status int
	header http.Header
	body   string
}

// send sends one request over a connection of its own.
func send(ctx context.Context, addr string, r request) (*response, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return exchange(conn, r, 2*hung)
}

func exchange(conn net.Conn, r request, patience time.Duration) (*response, error) {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(r.bytes()); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.method})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return &response{resp.StatusCode, resp.Header, string(body)}, err
}

// load is what came of many requests.
type load struct {
	answered, wrong, hung, failed, cancelled atomic.Int64

	mute bool // there is no reply to look at

	mu    sync.Mutex
	times []time.Duration
}

func (l *load) merge(times []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, times...)
}

// percentile returns the time that so many of a thousand do not exceed.
func (l *load) percentile(perMille int) time.Duration {
	if len(l.times) == 0 {
		return 0
	}
	slices.Sort(l.times)
	return l.times[min(len(l.times)-1, len(l.times)*perMille/1000)]
}

// client is one connection that sends the same request again and again, at the price of little more than the system
// calls.
type client struct {
	addr    string
	conn    net.Conn
	reader  *bufio.Reader
	wire    []byte
	closing bool // the server takes no more requests here
}

func newClient(addr string, r request) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{addr: addr, conn: conn, reader: bufio.NewReaderSize(conn, 16<<10), wire: r.bytes()}, nil
}

// roundTrip returns the status and the body, which is good until the next one.
func (c *client) roundTrip(patience time.Duration) (status int, body []byte, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	if _, err := c.conn.Write(c.wire); err != nil {
		return 0, nil, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, nil, errors.New("no HTTP")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	length, chunked := 0, false
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return status, nil, err
		}
		if len(line) <= 2 {
			break
		}
		switch name, value, _ := strings.Cut(string(line), ":"); strings.ToLower(name) {
		case "content-length":
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return status, nil, err
			}
		case "transfer-encoding":
			chunked = true
		case "connection":
			c.closing = strings.Contains(value, "close")
		}
	}
	if chunked {
		body, err = c.readChunks()
		return status, body, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.reader, body)
	return status, body, err
}

func (c *client) readChunks() ([]byte, error) {
	var body []byte
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 32)
		if err != nil {
			return nil, err
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(c.reader, chunk); err != nil {
			return nil, err
		}
		if size == 0 {
			return body, nil
		}
		body = append(body, chunk[:size]...)
	}
}

// closedLoop keeps connections busy for a while: each sends its next request when the one before is answered.
func closedLoop(p *process, connections int, duration time.Duration) (*load, error) {
	r := objectRequest(p.kind)
	r.host = p.host
	l := &load{mute: p.kind == kindEvent && p.subject.mute}
	end := time.Now().Add(duration)
	var group sync.WaitGroup
	for range connections {
		c, err := newClient(p.addr, r)
		if err != nil {
			return nil, err
		}
		group.Go(func() {
			times := l.drive(c, r, func() bool { return time.Now().Before(end) })
			l.merge(times)
		})
	}
	group.Wait()
	return l, nil
}

// drive sends while it may, and opens the connection again when it breaks.
func (l *load) drive(c *client, r request, more func() bool) []time.Duration {
	defer func() { _ = c.conn.Close() }()
	var times []time.Duration
	for more() {
		began := time.Now()
		status, body, err := c.roundTrip(hung)
		var timeout net.Error
		switch {
		case err == nil && status < 300 && (l.mute || strings.Contains(string(body), "42")):
			l.answered.Add(1)
			times = append(times, time.Since(began))
			if !c.closing {
				continue
			}
		case errors.As(err, &timeout) && timeout.Timeout():
			l.hung.Add(1)
			times = append(times, hung) // else who hangs would seem fast
		case err != nil:
			l.failed.Add(1)
		default:
			l.wrong.Add(1)
			continue
		}
		_ = c.conn.Close()
		again, err := newClient(c.addr, r)
		if err != nil {
			return times
		}
		*c = *again
	}
	return times
}
