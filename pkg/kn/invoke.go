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
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
)

const invokeExample = `
  # Call a function, with data at the command line, in a file, or of standard input
  kn lambda invoke hello
  kn lambda invoke hello -d '{"name": "Knative"}'
  kn lambda invoke hello -d @order.json
  date | kn lambda invoke hello -d -

  # Send it an event
  kn lambda invoke hello --cloudevent --type com.example.order.placed --source /shop -d '{"id": 1}'

  # Call it where its address cannot be reached from here
  kn lambda invoke hello --port-forward

  # See what takes its time, and by which trace to find it
  kn lambda invoke hello --trace`

// invocation is what invoke does.
type invocation struct {
	data, method, path, contentType string
	headers                         []string
	timeout                         time.Duration
	cloudevent                      bool
	event                           eventFlags
	portForward, trace              bool
	servingNamespace                string
	find                            func(ctx context.Context, c *clients, namespace, name string) (*callee, error)
}

// callee is a function or an agent that is called.
type callee struct {
	// what people call it.
	what, namespace, name string
	url                   *apis.URL
	// why and logs are commands that tell why it has no URL, and what it has written.
	why, logs string
}

func (of *callee) String() string { return fmt.Sprintf("%s %q", of.what, of.name) }

// eventFlags are the attributes of an event.
type eventFlags struct {
	eventType, source, id, subject string
}

func newInvokeCommand(s *session) *cobra.Command {
	return newCallCommand(s, &cobra.Command{
		Use:     "invoke NAME",
		Aliases: []string{"call"},
		Short:   "Call a function, or send it an event",
		Long: `Call a function and print its answer. It is called at its URL; where that is one of the cluster's own, does not resolve or
does not answer, through the API server: that takes the right to port-forward to the function's pods, or where it has none
to those of Knative's activator. The exit code is 1 where the answer is none of 2xx.`,
		Example: invokeExample[1:],
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: s.completeFunction,
	}, func(ctx context.Context, c *clients, namespace, name string) (*callee, error) {
		fn, err := c.functions(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, functionError(err, "call", namespace, name)
		}
		return &callee{"function", namespace, name, fn.Status.URL, "kn lambda why " + name, "kn lambda logs " + name}, nil
	})
}

// newCallCommand completes a verb that calls what find finds.
func newCallCommand(s *session, cmd *cobra.Command, find func(ctx context.Context, c *clients, namespace, name string) (*callee, error)) *cobra.Command {
	i := invocation{find: find}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return i.run(cmd, s, args[0]) }
	flags := cmd.Flags()
	flags.StringVarP(&i.data, "data", "d", "", "What is sent: text, @FILE, or - for standard input.")
	flags.StringVarP(&i.method, "method", "X", "", "Method of the request. By default POST with data, else GET.")
	flags.StringVar(&i.path, "path", "/", "Path and query of the request.")
	flags.StringArrayVarP(&i.headers, "header", "H", nil, "Header of the request, 'Name: value'. May be given several times.")
	flags.StringVar(&i.contentType, "content-type", "", "Type of the data. By default application/json for JSON, else text/plain.")
	flags.DurationVar(&i.timeout, "timeout", 10*time.Minute, "Longest time of the call.")
	flags.BoolVar(&i.cloudevent, "cloudevent", false, "Send an event.")
	flags.StringVar(&i.event.eventType, "type", "io.knative.lambda.invoke", "Type of the event.")
	flags.StringVar(&i.event.source, "source", "/kn-lambda", "Source of the event.")
	flags.StringVar(&i.event.id, "id", "", "Id of the event. By default a new one.")
	flags.StringVar(&i.event.subject, "subject", "", "Subject of the event.")
	flags.BoolVar(&i.portForward, "port-forward", false, "Call it through the API server, whatever its URL is.")
	flags.StringVar(&i.servingNamespace, "serving-namespace", "knative-serving", "Namespace of Knative Serving, for --port-forward.")
	flags.BoolVar(&i.trace, "trace", false, "Print what took how long, and the id of the trace that was sent.")
	complete(cmd, "method", oneOf(http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions))
	complete(cmd, "content-type", oneOf("application/json", "text/plain", "application/octet-stream"))
	return cmd
}

func (i *invocation) run(cmd *cobra.Command, s *session, name string) error {
	body, err := i.body(cmd.InOrStdin())
	if err != nil {
		return err
	}
	for _, flag := range []string{"type", "source", "id", "subject"} {
		if cmd.Flags().Changed(flag) && !i.cloudevent {
			return usagef("--%s is an attribute of events: say --cloudevent", flag)
		}
	}
	c, namespace, err := s.open()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), i.timeout)
	defer cancel()
	of, err := i.find(ctx, c, namespace, name)
	if err != nil {
		return err
	}
	if of.url == nil {
		return failf(of.why, "%s has no URL yet", of)
	}
	request, err := i.request(ctx, of, body)
	if err != nil {
		return err
	}
	var t *timings
	if i.trace {
		if request, t, err = traced(request, s.now); err != nil {
			return err
		}
	}
	response, stop, err := i.send(cmd.ErrOrStderr(), c, of, request)
	if err != nil {
		return fmt.Errorf("failed to call %s: %w", of, err)
	}
	defer stop()
	defer response.Body.Close()
	err = s.copyAnswer(cmd.OutOrStdout(), response.Body)
	if t != nil {
		t.print(cmd.ErrOrStderr())
	}
	if err != nil {
		return fmt.Errorf("failed to read the answer of %s: %w", of, err)
	}
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return failf(of.logs, "%s answered %s", of, response.Status)
	}
	return nil
}

// copyAnswer writes an answer as it is; at a terminal what comes after it is on a line of its own.
func (s *session) copyAnswer(out io.Writer, answer io.Reader) error {
	last := &lastByte{}
	written, err := io.Copy(io.MultiWriter(out, last), answer)
	if written > 0 && last.byte != '\n' && s.terminal(out) {
		fmt.Fprintln(out)
	}
	return err
}

// lastByte keeps the last byte that was written.
type lastByte struct{ byte }

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.byte = p[len(p)-1]
	}
	return len(p), nil
}

// body reads what --data says.
func (i *invocation) body(in io.Reader) ([]byte, error) {
	file, isFile := strings.CutPrefix(i.data, "@")
	if !isFile && i.data != "-" {
		return []byte(i.data), nil
	}
	if !isFile {
		file = "-"
	}
	body, err := readFile(file, in)
	if err != nil {
		return nil, fmt.Errorf("failed to read the data: %w", err)
	}
	return body, nil
}

// request makes the request, to the URL of what is called.
func (i *invocation) request(ctx context.Context, of *callee, body []byte) (*http.Request, error) {
	at, err := url.Parse("/" + strings.TrimLeft(i.path, "/"))
	if err != nil {
		return nil, usagef("--path %q: %w", i.path, err)
	}
	method := i.method
	if method == "" {
		method = http.MethodGet
		if len(body) > 0 || i.cloudevent {
			method = http.MethodPost
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, of.url.URL().ResolveReference(at).String(), bytes.NewReader(body))
	if err != nil {
		return nil, usagef("--method %q: %w", i.method, err)
	}
	request.Header.Set("User-Agent", "kn-lambda")
	if i.contentType != "" {
		request.Header.Set("Content-Type", i.contentType)
	} else if len(body) > 0 {
		request.Header.Set("Content-Type", contentTypeOf(body))
	}
	if i.cloudevent {
		i.event.set(request.Header)
	}
	for _, header := range i.headers {
		name, value, ok := strings.Cut(header, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, usagef("--header %q: write 'Name: value'", header)
		}
		if strings.EqualFold(name, "Host") {
			return nil, usagef("--header %q: the host is the function's", header)
		}
		request.Header.Add(name, strings.TrimSpace(value))
	}
	return request, nil
}

func contentTypeOf(body []byte) string {
	if json.Valid(body) {
		return "application/json"
	}
	return "text/plain"
}

// set writes the attributes as headers, which is the binary mode of CloudEvents.
func (e *eventFlags) set(header http.Header) {
	id := e.id
	if id == "" {
		id = uuid.NewString()
	}
	header.Set("Ce-Specversion", "1.0")
	header.Set("Ce-Id", id)
	header.Set("Ce-Type", e.eventType)
	header.Set("Ce-Source", e.source)
	if e.subject != "" {
		header.Set("Ce-Subject", e.subject)
	}
}

// send sends the request to the URL of what is called, or where that cannot be reached through the API server. stop ends the way
// there, once the answer is read.
func (i *invocation) send(warnings io.Writer, c *clients, of *callee, request *http.Request) (response *http.Response, stop func(), err error) {
	if !i.portForward && !clusterLocal(request.URL.Hostname()) {
		response, err = newHTTPClient("").Do(request)
		// What was not connected has not been called: it may be called otherwise.
		var network *net.OpError
		if err == nil || !errors.As(err, &network) || network.Op != "dial" || request.Context().Err() != nil {
			return response, func() {}, err
		}
		fmt.Fprintf(warnings, "%s cannot be reached from here (%v): calling through the API server\n", of.url, network.Err)
		if request.Body, err = request.GetBody(); err != nil {
			return nil, nil, err
		}
	}
	way, err := c.reach(request.Context(), of, i.servingNamespace)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range way.header {
		request.Header.Set(name, value)
	}
	// Behind the gateway, where TLS ends.
	request.URL.Scheme = "http"
	if response, err = newHTTPClient(way.address).Do(request); err != nil {
		way.stop()
		return nil, nil, err
	}
	return response, way.stop, nil
}

// newHTTPClient makes a client that connects to an address whatever the URL is, or where it is "" to that of the URL.
// Redirects are the caller's: they are an answer of the function.
func newHTTPClient(address string) *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	if address != "" {
		var dialer net.Dialer
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, address)
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
