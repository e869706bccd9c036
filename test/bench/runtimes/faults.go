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
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// cancelEvery is which share of the soak's requests their clients give up.
	cancelEvery = 100
	// roundRequests are answered before a round ends or kills.
	roundRequests = 200
	// mebibyte is what a stream is counted in.
	mebibyte = 1 << 20
)

// each runs a check of our own runtime in every language.
func (b *bench) each(ctx context.Context, title string, check func(ctx context.Context, s *subject) (string, error)) error {
	fmt.Fprintf(os.Stdout, "\n## %s\n\n", title)
	for _, s := range b.subjects {
		if !s.ours {
			continue
		}
		progress("%s: %s", title, s.language)
		said, err := check(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.language, err)
		}
		fmt.Fprintf(os.Stdout, "- %s: %s\n", s.language, said)
	}
	return nil
}

// soak sends requests at half of the rate that there can be, of which some are given up by their clients.
func (b *bench) soak(ctx context.Context) error {
	title := fmt.Sprintf("%d requests at half of the peak, of which one in %d is given up by its client", b.requests, cancelEvery)
	return b.each(ctx, title, func(ctx context.Context, s *subject) (string, error) {
		p, err := s.run(ctx, kindHTTP)
		if err != nil {
			return "", err
		}
		defer p.end()
		peak, err := closedLoop(p, b.connections, 2*time.Second)
		if err != nil {
			return "", err
		}
		rate := max(1, float64(peak.answered.Load())/2/2)
		l := &load{}
		var warm, last int64
		began := time.Now()
		var next atomic.Int64
		var group sync.WaitGroup
		for range 4 * b.connections {
			group.Go(func() {
				for {
					n := next.Add(1)
					if n > int64(b.requests) || ctx.Err() != nil {
						return
					}
					time.Sleep(time.Until(began.Add(time.Duration(float64(n) / rate * float64(time.Second)))))
					b.soakOne(l, p.addr, n)
					if n == int64(b.requests)/5 {
						atomic.StoreInt64(&warm, groupRSS(p.cmd.Process.Pid))
					}
				}
			})
		}
		group.Wait()
		last = groupRSS(p.cmd.Process.Pid)
		if l.hung.Load()+l.wrong.Load()+l.failed.Load() > 0 {
			b.fault("%s: %d hung, %d wrong, %d failed", s.language, l.hung.Load(), l.wrong.Load(), l.failed.Load())
		}
		if last > warm+warm/10 {
			b.fault("%s: memory grew from %d to %d KiB", s.language, warm, last)
		}
		return fmt.Sprintf("%d answered, %d given up, %d hung, %d wrong, %d failed in %v at %.0f/s; p99 %.2f ms; memory %.1f MiB after a fifth, %.1f MiB at the end",
			l.answered.Load(), l.cancelled.Load(), l.hung.Load(), l.wrong.Load(), l.failed.Load(), time.Since(began).Round(time.Second), rate,
			ms(l.percentile(990)), float64(warm)/1024, float64(last)/1024), nil
	})
}

// idle are connections that the soak uses again.
var idle sync.Pool

func (b *bench) soakOne(l *load, addr string, n int64) {
	c, ok := idle.Get().(*client)
	if !ok || c.addr != addr {
		var err error
		if c, err = newClient(addr, objectRequest(kindHTTP)); err != nil {
			l.failed.Add(1)
			return
		}
	}
	if n%cancelEvery == 0 {
		_, _ = c.conn.Write(c.wire) // whatever becomes of it
		_ = c.conn.Close()
		l.cancelled.Add(1)
		return
	}
	began := time.Now()
	status, body, err := c.roundTrip(hung)
	var timeout net.Error
	switch {
	case err == nil && status == http.StatusOK && string(body) == `{"x":42}`:
		l.answered.Add(1)
		l.merge([]time.Duration{time.Since(began)})
		idle.Put(c)
		return
	case errors.As(err, &timeout) && timeout.Timeout():
		l.hung.Add(1)
	case err != nil:
		l.failed.Add(1)
	default:
		l.wrong.Add(1)
	}
	_ = c.conn.Close()
}

// outcome counts what clients got while something was done to the runtime.
type outcome struct {
	right, lost, refused, other atomic.Int64
	badGateway                  atomic.Int64
}

// under keeps connections busy until stop is closed or nobody listens any more.
func (o *outcome) under(addr string, connections int, stop <-chan struct{}) *sync.WaitGroup {
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			var c *client
			fresh := false
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c == nil {
					var err error
					if c, err = newClient(addr, objectRequest(kindHTTP)); err != nil {
						o.refused.Add(1)
						return
					}
					fresh = true
				}
				status, body, err := c.roundTrip(4 * hung)
				switch {
				case err == nil && status == http.StatusOK && string(body) == `{"x":42}`:
					o.right.Add(1)
				case err == nil && status == http.StatusBadGateway:
					o.badGateway.Add(1)
				case err == nil:
					o.other.Add(1)
				case fresh && status == 0 && errors.Is(err, syscall.ECONNRESET):
					o.refused.Add(1) // nobody has accepted it
					return
				default:
					o.lost.Add(1)
				}
				fresh = false
				if err != nil || c.closing {
					_ = c.conn.Close()
					c = nil
				}
			}
		})
	}
	return &group
}

// terminate ends the runtime under load, again and again.
func (b *bench) terminate(ctx context.Context) error {
	title := fmt.Sprintf("SIGTERM under load, %d times", b.rounds)
	return b.each(ctx, title, func(ctx context.Context, s *subject) (string, error) {
		o := &outcome{}
		late := 0
		for range b.rounds {
			p, err := s.run(ctx, kindHTTP)
			if err != nil {
				return "", err
			}
			before, stop := o.right.Load(), make(chan struct{})
			group := o.under(p.addr, b.connections, stop)
			await(ctx, func() bool { return o.right.Load() >= before+roundRequests })
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				return "", err
			}
			select {
			case <-p.exited:
			case <-time.After(time.Minute):
				late++
				p.end()
			}
			close(stop)
			group.Wait()
		}
		if o.lost.Load()+o.other.Load()+o.badGateway.Load() > 0 || late > 0 {
			b.fault("%s: %d accepted requests without an answer, %d with another, %d rounds without an end", s.language, o.lost.Load(), o.other.Load()+o.badGateway.Load(), late)
		}
		return fmt.Sprintf("%d answered, %d without an answer, %d answered otherwise, %d refused when it was gone", o.right.Load(), o.lost.Load(), o.other.Load()+o.badGateway.Load(), o.refused.Load()), nil
	})
}

// kill ends the worker under load, again and again. Its calls are answered 502, those after it by the next one.
func (b *bench) kill(ctx context.Context) error {
	title := fmt.Sprintf("worker killed under load, %d times", b.rounds)
	return b.each(ctx, title, func(ctx context.Context, s *subject) (string, error) {
		p, err := s.run(ctx, kindHTTP)
		if err != nil {
			return "", err
		}
		defer p.end()
		o := &outcome{}
		stop := make(chan struct{})
		group := o.under(p.addr, b.connections, stop)
		kills := 0
		for ; kills < b.rounds; kills++ {
			before := o.right.Load()
			if !await(ctx, func() bool { return o.right.Load() >= before+roundRequests }) {
				b.fault("%s: nothing is answered after %d kills", s.language, kills)
				break
			}
			worker, err := workerOf(p)
			if err != nil {
				return "", err
			}
			if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
				return "", err
			}
		}
		close(stop)
		group.Wait()
		if o.lost.Load()+o.other.Load()+o.refused.Load() > 0 {
			b.fault("%s: %d without an answer, %d answered otherwise, %d refused", s.language, o.lost.Load(), o.other.Load(), o.refused.Load())
		}
		return fmt.Sprintf("%d kills: %d answered, %d answered 502, %d without an answer, %d answered otherwise", kills, o.right.Load(), o.badGateway.Load(), o.lost.Load(), o.other.Load()), nil
	})
}

// long has a handler take its time.
func (b *bench) long(ctx context.Context) error {
	return b.each(ctx, fmt.Sprintf("a handler that takes %d s", b.seconds), func(ctx context.Context, s *subject) (string, error) {
		p, err := s.run(ctx, kindHTTP)
		if err != nil {
			return "", err
		}
		defer p.end()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		began := time.Now()
		r, err := exchange(conn, doRequest(kindHTTP, `{"do":"sleep","x":`+strconv.Itoa(b.seconds)+`}`), time.Duration(b.seconds)*time.Second+time.Minute)
		if err != nil || r.body != "slept" {
			b.fault("%s: %v %v", s.language, r, err)
			return "no answer", nil
		}
		return fmt.Sprintf("answered %d after %.1f s", r.status, time.Since(began).Seconds()), nil
	})
}

// stream has a handler answer with many megabytes.
func (b *bench) stream(ctx context.Context) error {
	return b.each(ctx, fmt.Sprintf("%d MiB streamed", b.megabytes), func(ctx context.Context, s *subject) (string, error) {
		p, err := s.run(ctx, kindHTTP)
		if err != nil {
			return "", err
		}
		defer p.end()
		before, most := groupRSS(p.cmd.Process.Pid), int64(0)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.addr, strings.NewReader(`{"do":"stream","x":`+strconv.Itoa(b.megabytes)+`}`))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/json")
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		var total int64
		for {
			n, err := io.CopyN(io.Discard, resp.Body, 64*mebibyte)
			total += n
			most = max(most, groupRSS(p.cmd.Process.Pid))
			if err != nil {
				break
			}
		}
		if total != int64(b.megabytes)*mebibyte {
			b.fault("%s: %d bytes of %d MiB came", s.language, total, b.megabytes)
		}
		return fmt.Sprintf("%d MiB at %.0f MiB/s; memory %.1f MiB before, %.1f MiB at most", total/mebibyte, float64(total)/mebibyte/time.Since(began).Seconds(), float64(before)/1024, float64(most)/1024), nil
	})
}

// slow has many clients that begin a request and take their time, and looks how others fare.
func (b *bench) slow(ctx context.Context) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	return b.each(ctx, fmt.Sprintf("%d slow clients", b.clients), func(ctx context.Context, s *subject) (string, error) {
		p, err := s.run(ctx, kindHTTP)
		if err != nil {
			return "", err
		}
		defer p.end()
		before := groupRSS(p.cmd.Process.Pid)
		wire := objectRequest(kindHTTP).bytes()
		conns := make([]net.Conn, 0, b.clients)
		defer func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}()
		for range b.clients {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.addr)
			if err != nil {
				return "", err
			}
			conns = append(conns, c)
			if _, err := c.Write(wire[:len(wire)-5]); err != nil {
				return "", err
			}
		}
		others, err := closedLoop(p, b.connections, b.duration)
		if err != nil {
			return "", err
		}
		during := groupRSS(p.cmd.Process.Pid)
		answered := b.finish(conns, wire[len(wire)-5:])
		if bad := others.hung.Load() + others.failed.Load() + others.wrong.Load(); bad > 0 || answered != b.clients {
			b.fault("%s: %d of %d slow clients were answered, %d of the others were not", s.language, answered, b.clients, bad)
		}
		return fmt.Sprintf("others meanwhile: %.0f/s, p99 %.2f ms; then %d of %d slow ones answered; memory %.1f MiB before, %.1f MiB meanwhile",
			float64(others.answered.Load())/b.duration.Seconds(), ms(others.percentile(990)), answered, b.clients, float64(before)/1024, float64(during)/1024), nil
	})
}

// finish sends what is missing of the requests, and counts the answers.
func (b *bench) finish(conns []net.Conn, rest []byte) int {
	var answered atomic.Int64
	var group sync.WaitGroup
	queue := make(chan net.Conn)
	for range 64 {
		group.Go(func() {
			for c := range queue {
				buffer := make([]byte, 12)
				if err := c.SetDeadline(time.Now().Add(4 * hung)); err != nil {
					continue
				}
				if _, err := c.Write(rest); err != nil {
					continue
				}
				if _, err := io.ReadFull(c, buffer); err == nil && string(buffer[9:]) == "200" {
					answered.Add(1)
				}
			}
		})
	}
	for _, c := range conns {
		queue <- c
	}
	close(queue)
	group.Wait()
	return int(answered.Load())
}
