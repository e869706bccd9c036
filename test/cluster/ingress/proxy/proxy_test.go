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

package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
	ping "knative.dev/networking/test/test_images/grpc-ping/proto"

	"github.com/knative-lambda/knative-lambda-operator/test/cluster/ingress/routing"
)

func TestForward(t *testing.T) {
	var seen *http.Request
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Clone(context.Background())
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusTeapot)
	}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
	front := serve(t, p.Handler(external))

	r, _ := http.NewRequest(http.MethodPut, "http://fn/a%2Fb?x=1;y=%zz", strings.NewReader("hello"))
	r.Header = http.Header{
		"X-Forwarded-For": {"192.0.2.1"},
		"X-Custom":        {"one", "two"},
		"User-Agent":      {""},
		"Connection":      {"Upgrade, HTTP2-Settings"},
		"Upgrade":         {"h2c"},
		"Http2-Settings":  {"AAMAAABkAAQCAAAAAAIAAAAA"},
	}
	response, err := client(t, front, false).Do(r)
	if err != nil {
		t.Fatal("failed to send the request:", err)
	}
	defer response.Body.Close()

	if response.StatusCode != http.StatusTeapot || response.Header.Get("X-Answer") != "yes" {
		t.Errorf("got %s with header %v, want the backend's answer", response.Status, response.Header)
	}
	if got, want := seen.RequestURI, "/a%2Fb?x=1;y=%zz"; got != want {
		t.Errorf("the backend was asked for %q, want %q", got, want)
	}
	if seen.Method != http.MethodPut || seen.Host != "fn" || seen.ContentLength != 5 {
		t.Errorf("the backend got %s for host %q with %d bytes, want PUT, fn and 5", seen.Method, seen.Host, seen.ContentLength)
	}
	want := http.Header{
		"Content-Length":    {"5"},
		"X-Custom":          {"one", "two"},
		"X-Forwarded-For":   {"192.0.2.1, 127.0.0.1"},
		"X-Forwarded-Host":  {"fn"},
		"X-Forwarded-Proto": {"http"},
	}
	if diff := cmp.Diff(want, seen.Header); diff != "" {
		t.Errorf("unexpected header at the backend (-want, +got):\n%s", diff)
	}
}

func TestForwardRewrites(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Host, " ", r.Header["X-Added"])
	}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
	path := pathTo("fn")
	path.RewriteHost = "other.host"
	path.AppendHeaders = map[string]string{"X-Added": "ours"}
	p.SetTable((*routing.Table)(nil).Update([]*v1alpha1.Ingress{ingressOf(2, v1alpha1.IngressRule{
		HTTP: &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{path}},
	})}))
	front := serve(t, p.Handler(external))

	r, _ := http.NewRequest(http.MethodGet, "http://fn/", nil)
	r.Header.Set("X-Added", "theirs")
	response, err := client(t, front, false).Do(r)
	if err != nil {
		t.Fatal("failed to send the request:", err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if got, want := string(body), "other.host [ours]"; got != want {
		t.Errorf("the backend saw %q, want %q", got, want)
	}
}

func TestVisibility(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
	p.SetTable((*routing.Table)(nil).Update([]*v1alpha1.Ingress{ingressOf(2, v1alpha1.IngressRule{
		Visibility: internal,
		HTTP:       &v1alpha1.HTTPIngressRuleValue{Paths: []v1alpha1.HTTPIngressPath{pathTo("fn")}},
	})}))
	for listener, want := range map[v1alpha1.IngressVisibility]int{external: http.StatusNotFound, internal: http.StatusOK} {
		if got, _ := get(t, client(t, serve(t, p.Handler(listener)), false), "http://fn/"); got != want {
			t.Errorf("the %s listener answers %d, want %d", listener, got, want)
		}
	}
}

func TestProtocols(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.ProtoMajor)
	}))
	p, _ := newProxy(t, map[string]Upstream{
		"http1": {Addresses: []string{address(backend)}},
		"http2": {Addresses: []string{address(backend)}, HTTP2: true},
	})
	front := serve(t, p.Handler(external))
	for _, tc := range []struct {
		host  string
		http2 bool
		want  string
	}{
		{host: "http1", want: "1"},
		{host: "http2", want: "2"},
		{host: "http1", http2: true, want: "1"},
		{host: "http2", http2: true, want: "2"},
	} {
		if _, got := get(t, client(t, front, tc.http2), "http://"+tc.host); got != tc.want {
			t.Errorf("client of HTTP/2 %v: backend %q was spoken to in HTTP/%s, want HTTP/%s", tc.http2, tc.host, got, tc.want)
		}
	}
}

// More streams than one HTTP/2 connection takes must not fail, nor wait for each other.
func TestManyStreams(t *testing.T) {
	const streams = 600
	var arrived atomic.Int32
	all := make(chan struct{})
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if arrived.Add(1) == streams {
			close(all)
		}
		<-all
	}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}, HTTP2: true}})
	front := serve(t, p.Handler(external))
	c := client(t, front, false)
	codes := make(chan int, streams)
	for range streams {
		go func() {
			response, err := c.Post("http://fn/", "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Error("failed to send a request:", err)
				codes <- 0
				return
			}
			response.Body.Close()
			codes <- response.StatusCode
		}()
	}
	for range streams {
		if got := <-codes; got != http.StatusOK {
			t.Fatalf("got status %d, want 200", got)
		}
	}
}

type pinger struct {
	ping.UnimplementedPingServiceServer
}

func (pinger) Ping(ctx context.Context, r *ping.Request) (*ping.Response, error) {
	grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "from the backend"))
	if r.Msg == "fail" {
		return nil, status.Error(codes.FailedPrecondition, "as you wish")
	}
	return &ping.Response{Msg: r.Msg}, nil
}

func (pinger) PingStream(stream ping.PingService_PingStreamServer) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&ping.Response{Msg: r.Msg}); err != nil {
			return err
		}
	}
}

func TestGRPC(t *testing.T) {
	server := grpc.NewServer()
	ping.RegisterPingServiceServer(server, pinger{})
	backend := httptest.NewUnstartedServer(nil)
	go server.Serve(backend.Listener)
	t.Cleanup(server.Stop)
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}, HTTP2: true}})
	front := serve(t, p.Handler(external))

	connection, err := grpc.NewClient("passthrough:///"+address(front), grpc.WithAuthority("fn"),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal("failed to create the client:", err)
	}
	defer connection.Close()
	c := ping.NewPingServiceClient(connection)

	t.Run("unary", func(t *testing.T) {
		var trailer metadata.MD
		got, err := c.Ping(t.Context(), &ping.Request{Msg: "hello"}, grpc.Trailer(&trailer))
		if err != nil || got.Msg != "hello" {
			t.Errorf("Ping() = %v, %v, want hello", got, err)
		}
		if diff := cmp.Diff([]string{"from the backend"}, trailer.Get("x-trailer")); diff != "" {
			t.Errorf("unexpected trailer (-want, +got):\n%s", diff)
		}
	})
	t.Run("status without an answer", func(t *testing.T) {
		_, err := c.Ping(t.Context(), &ping.Request{Msg: "fail"})
		if got := status.Convert(err); got.Code() != codes.FailedPrecondition || got.Message() != "as you wish" {
			t.Errorf("Ping() = %v, want the backend's status", err)
		}
	})
	t.Run("both ways at once", func(t *testing.T) {
		stream, err := c.PingStream(t.Context())
		if err != nil {
			t.Fatal("PingStream() =", err)
		}
		for i := range 10 {
			want := fmt.Sprint("message ", i)
			if err := stream.Send(&ping.Request{Msg: want}); err != nil {
				t.Fatal("Send() =", err)
			}
			if got, err := stream.Recv(); err != nil || got.Msg != want {
				t.Fatalf("Recv() = %v, %v, want %q", got, err, want)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal("CloseSend() =", err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("Recv() = %v at the end, want EOF", err)
		}
	})
}

func TestWebSocket(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error("failed to upgrade:", err)
			return
		}
		defer connection.Close()
		for {
			kind, message, err := connection.ReadMessage()
			if err != nil {
				return
			}
			if err := connection.WriteMessage(kind, message); err != nil {
				return
			}
		}
	}))
	p, _ := newProxy(t, map[string]Upstream{
		"http1": {Addresses: []string{address(backend)}},
		"http2": {Addresses: []string{address(backend)}, HTTP2: true},
	})
	front := serve(t, p.Handler(external))
	for _, host := range []string{"http1", "http2"} {
		t.Run(host, func(t *testing.T) {
			dialer := websocket.Dialer{NetDialContext: client(t, front, false).Transport.(*http.Transport).DialContext}
			connection, response, err := dialer.Dial("ws://"+host+"/", nil)
			if err != nil {
				t.Fatal("failed to dial:", err)
			}
			defer response.Body.Close()
			defer connection.Close()
			for i := range 10 {
				want := fmt.Sprint("message ", i)
				if err := connection.WriteMessage(websocket.TextMessage, []byte(want)); err != nil {
					t.Fatal("failed to write:", err)
				}
				if _, got, err := connection.ReadMessage(); err != nil || string(got) != want {
					t.Fatalf("ReadMessage() = %q, %v, want %q", got, err, want)
				}
			}
		})
	}
}

// Each line of the answer is a response to a line of the request, so any buffer on the way would stop the exchange.
func TestStreamsBothWays(t *testing.T) {
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Error("failed to enable full duplex:", err)
		}
		if err := control.Flush(); err != nil {
			t.Error("failed to flush:", err)
		}
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "echo of", lines.Text())
			if err := control.Flush(); err != nil {
				t.Error("failed to flush:", err)
			}
		}
	}))
	p, _ := newProxy(t, map[string]Upstream{
		"http1": {Addresses: []string{address(backend)}},
		"http2": {Addresses: []string{address(backend)}, HTTP2: true},
	})
	front := serve(t, p.Handler(external))
	for _, host := range []string{"http1", "http2"} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s from a client of HTTP/2 %v", host, http2), func(t *testing.T) {
				body, lines := io.Pipe()
				r, _ := http.NewRequest(http.MethodPost, "http://"+host, body)
				response, err := client(t, front, http2).Do(r)
				if err != nil {
					t.Fatal("failed to send the request:", err)
				}
				defer response.Body.Close()
				echoes := bufio.NewScanner(response.Body)
				for i := range 5 {
					fmt.Fprintln(lines, "line", i)
					if want := fmt.Sprint("echo of line ", i); !echoes.Scan() || echoes.Text() != want {
						t.Fatalf("got %q, %v, want %q", echoes.Text(), echoes.Err(), want)
					}
				}
				lines.Close()
				if echoes.Scan() || echoes.Err() != nil {
					t.Errorf("got %q, %v after the end of the request, want the end", echoes.Text(), echoes.Err())
				}
			})
		}
	}
}

// The backend learns that its client has gone, and nobody is told of an error.
func TestClientGoes(t *testing.T) {
	arrived, gone := make(chan struct{}), make(chan struct{})
	backend := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(gone)
	}))
	p, _ := newProxy(t, map[string]Upstream{"fn": {Addresses: []string{address(backend)}}})
	front := serve(t, p.Handler(external))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://fn/", nil)
	if response, err := client(t, front, false).Do(r); err == nil {
		response.Body.Close()
		t.Error("Do() = nil, want the client's own cancellation")
	}
	<-gone
}
