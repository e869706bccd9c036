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

// Package worker runs a Go function for the supervisor. It is compiled together
// with the function's own code, so it depends on the standard library and the
// protocol only, and its names are for the generated main of a function.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// descriptor is the worker's end of the connection to the supervisor.
const descriptor = 3

// upgrades is the port of the loopback where connections go that become
// something else, such as WebSockets; 0 is none.
var upgrades int

// Function runs a handler for one call and sends its reply. An error is sent as
// that of the handler.
type Function func(c *Call) error

// Run serves the handler of that name until the supervisor has had enough. The
// generated main of a function calls it and nothing else.
func Run(name string, function Function) {
	conn, err := connect()
	if err != nil {
		fmt.Fprintf(os.Stderr, "failed to find the supervisor, which starts this program: %v\n", err)
		os.Exit(1)
	}
	if err := serve(conn, name, function); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// connect takes the connection over. Package net would do, too, but makes the
// program larger and its start slower.
func connect() (*os.File, error) {
	if err := syscall.SetNonblock(descriptor, true); err != nil {
		return nil, fmt.Errorf("failed to use descriptor %d: %w", descriptor, err)
	}
	syscall.CloseOnExec(descriptor)
	return os.NewFile(descriptor, "supervisor"), nil
}

// server reads what the supervisor says and runs the function.
type server struct {
	out      *protocol.Writer
	function Function

	idle   chan *Call   // to goroutines that have nothing to do
	idling atomic.Int32 // how many these are

	mu    sync.Mutex
	calls map[uint32]*Call
	group sync.WaitGroup
}

// serve returns when the supervisor wants it and all calls are done, or at once
// when the supervisor is gone.
func serve(conn io.ReadWriter, name string, function Function) error {
	s := &server{out: protocol.NewWriter(conn), function: function, idle: make(chan *Call), calls: make(map[uint32]*Call)}
	s.out.WriteMeta(&protocol.Frame{Type: protocol.Hello}, protocol.HelloMeta{
		Protocol: protocol.Version, Language: "go", Version: strings.TrimPrefix(runtime.Version(), "go"),
	})
	if function == nil {
		s.out.WriteMeta(&protocol.Frame{Type: protocol.LoadError}, protocol.LoadErrorMeta{Message: name + " is nil"})
		return fmt.Errorf("failed to load %s: it is nil", name)
	}
	installLogger(s.out)
	if err := startInstance(); err != nil {
		s.out.WriteMeta(&protocol.Frame{Type: protocol.LoadError}, protocol.LoadErrorMeta{Message: err.Error()})
		return fmt.Errorf("failed to start %s: %w", name, err)
	}
	s.out.WriteMeta(&protocol.Frame{Type: protocol.Ready}, protocol.ReadyMeta{Handler: name, Port: upgrades})

	r := protocol.NewReader(conn)
	var f protocol.Frame
	for {
		err := r.Next(&f)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("failed to read from the supervisor: %w", err)
		}
		if f.Type == protocol.Shutdown {
			break
		}
		s.dispatch(&f)
	}
	go func() {
		// What runs may still be granted to, and cancelled.
		for r.Next(&f) == nil {
			s.dispatch(&f)
		}
	}()
	s.group.Wait()
	return stopInstance()
}

func (s *server) dispatch(f *protocol.Frame) {
	if f.Type == protocol.Request {
		s.begin(f)
		return
	}
	s.mu.Lock()
	c := s.calls[f.Stream]
	s.mu.Unlock()
	if c == nil {
		return // it has ended, which the supervisor does not know yet
	}
	switch f.Type {
	case protocol.Data:
		c.body.add(f.Body, f.Ended())
	case protocol.Cancel:
		c.cancelNow()
	case protocol.Window:
		if n, err := f.Grant(); err == nil {
			c.grant(n)
		}
	}
}

// begin starts a call.
func (s *server) begin(f *protocol.Frame) {
	c := newCall(s.out, f)
	s.mu.Lock()
	s.calls[c.stream] = c
	s.mu.Unlock()
	s.group.Add(1)
	select {
	case s.idle <- c:
	default:
		go s.work(c)
	}
}

// maxIdle is how many goroutines wait for calls.
const maxIdle = 64

// work runs a call, and then others: the stack that they need has grown already, which costs as much as a small handler.
func (s *server) work(c *Call) {
	for {
		s.handle(c)
		if s.idling.Add(1) > maxIdle {
			s.idling.Add(-1)
			return
		}
		c = <-s.idle
		s.idling.Add(-1)
	}
}

// handle runs a call to its end, also where the handler ends the goroutine.
func (s *server) handle(c *Call) {
	defer func() {
		s.mu.Lock()
		delete(s.calls, c.stream)
		s.mu.Unlock()
		c.release()
		s.group.Done()
	}()
	c.run(s.function)
}

// errGone is why a call is cancelled, where it is not its deadline.
var errGone = fmt.Errorf("nobody waits for the reply any more: %w", context.Canceled)
