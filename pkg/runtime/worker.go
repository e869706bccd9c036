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

package runtime

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// maxLogLine bounds a captured line; a longer one is cut into several.
const maxLogLine = 64 << 10

// exitGrace is how long a worker may take to exit when it is asked to.
const exitGrace = 10 * time.Second

// outputGrace is how long a worker that is gone is waited for to be read to the end: what it started may still hold
// its output.
const outputGrace = 250 * time.Millisecond

// loadError says that the handler cannot be loaded, which no restart mends.
type loadError struct {
	handler string
	message string
}

func (e *loadError) Error() string {
	return fmt.Sprintf("cannot load handler %q: %s", e.handler, e.message)
}

// worker is one process that runs the handler.
type worker struct {
	options *Options
	logger  *logger
	session *session
	process *exec.Cmd

	// loaded is closed when the worker is ready, done when it is gone; err says
	// why and is only read after that.
	loaded   chan struct{}
	greeted  time.Time // when its language ran, to be read after loaded
	readied  time.Time // when the handler was loaded, to be read after loaded
	loading  sync.Mutex
	isLoaded bool // under loading, and to be read after done
	done     chan struct{}
	// serving is done when the worker takes no more calls.
	serving context.Context //nolint:containedctx // it is the worker's life, not a request's
	stop    context.CancelCauseFunc
	err     error
	failed  *loadError

	// appPort is where the function may listen as a server of its own. isServer
	// tells that it does: then all requests go there. upgrades is the port of
	// connections that are upgraded, 0 where there is none. They are to be read
	// after loaded.
	appPort  int
	isServer bool
	upgrades int
	proxied  sync.WaitGroup // requests that were handed on

	// slots bounds the calls at once; nil is no limit.
	slots      *semaphore.Weighted
	proxySlots sync.Once
}

// startWorker starts a process. Its end of the socket pair is descriptor 3.
func startWorker(o *Options, log *logger, reap *reaper) (*worker, error) {
	command, err := o.command()
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	w := &worker{
		options: o,
		logger:  log,
		loaded:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	w.serving, w.stop = context.WithCancelCause(context.Background())
	w.session = newSession(ours, w)
	w.process = exec.Command(command[0], command[1:]...) //nolint:noctx,gosec // the command is the operator's; it outlives every request and is told when to stop
	w.process.Dir = o.FunctionDir
	w.process.Env = append(os.Environ(),
		"LAMBDA_FUNCTION_DIR="+o.FunctionDir,
		"LAMBDA_DEPS_DIR="+o.DepsDir,
		"LAMBDA_CONCURRENCY="+strconv.Itoa(o.Concurrency),
		"HANDLER="+o.Handler,
		"FUNCTION_NAME="+o.Name,
		"FUNCTION_NAMESPACE="+o.Namespace,
	)
	if w.appPort, err = appPort(); err != nil {
		_ = ours.Close()
		return nil, err
	}
	// Servers listen at PORT by custom, which is taken by this process.
	port := strconv.Itoa(w.appPort)
	w.process.Env = append(w.process.Env, "PORT="+port, "LAMBDA_APP_PORT="+port)
	w.process.Env = append(w.process.Env, o.Env...)
	w.process.ExtraFiles = []*os.File{theirs}
	// Of its own group, so that Ctrl-C on a laptop reaches the supervisor only.
	w.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := w.start(reap); err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("failed to start the worker: %w", err)
	}
	return w, nil
}

// socketPair returns both ends of a connection; the first is for this process.
func socketPair() (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("failed to make a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "worker")
	file := os.NewFile(uintptr(fds[0]), "supervisor")
	conn, err := net.FileConn(file) // duplicates
	_ = file.Close()
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("failed to use a socket pair: %w", err)
	}
	return conn, theirs, nil
}

// start starts the process and what reads from it.
func (w *worker) start(reap *reaper) error {
	var outputs sync.WaitGroup
	for _, out := range []struct {
		set  *io.Writer
		name string
	}{{&w.process.Stdout, streamStdout}, {&w.process.Stderr, streamStderr}} {
		read, write, err := os.Pipe()
		if err != nil {
			return err
		}
		defer write.Close()
		*out.set = write
		outputs.Go(func() {
			defer read.Close()
			w.capture(read, out.name)
		})
	}
	killed := oomKills(memoryEvents)
	if err := reap.start(w.process); err != nil {
		return err
	}
	go w.awaitServer()
	go func() {
		reads := w.session.run()
		if reads != nil {
			_ = w.process.Process.Kill() // what it sends is no protocol; it cannot be served
		}
		overdue := time.AfterFunc(exitGrace, func() { _ = w.process.Process.Kill() }) // without a connection it is of no use
		waits := reap.wait(w.process)
		overdue.Stop()
		died := deathOf(waits, oomKills(memoryEvents) > killed)
		w.err = errors.Join(reads, died)
		w.session.fail(fmt.Errorf("%w: %w", errWorkerGone, orExited(died)))
		w.stop(errWorkerGone)
		// Its last words may be why it is gone, and what waits for done may end the supervisor.
		printed := make(chan struct{})
		go func() {
			outputs.Wait()
			close(printed)
		}()
		select {
		case <-printed:
		case <-time.After(outputGrace):
		}
		close(w.done)
	}()
	return nil
}

// capture logs what the process writes past the worker, line by line.
func (w *worker) capture(r io.Reader, stream string) {
	lines := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := lines.ReadSlice('\n')
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			w.logger.printed(stream, line, nil)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// hello, ready, loadError and log are called as the worker says so.

func (w *worker) hello(m protocol.HelloMeta) {
	w.loading.Lock()
	if !w.isLoaded {
		w.greeted = time.Now()
	}
	w.loading.Unlock()
	if m.Protocol != protocol.Version {
		w.failed = &loadError{w.options.Handler, fmt.Sprintf("the worker speaks version %d of the protocol, not %d", m.Protocol, protocol.Version)}
		_ = w.session.conn.Close() // makes run end
	}
}

func (w *worker) ready(m protocol.ReadyMeta) {
	limit := m.Concurrency
	if n := w.options.Concurrency; n > 0 && (limit == 0 || n < limit) {
		limit = n
	}
	if limit > 0 {
		w.slots = newSlots(limit)
	}
	w.load(func() { w.upgrades = m.Port })
}

func newSlots(n int) *semaphore.Weighted { return semaphore.NewWeighted(int64(n)) }

// load notes that the handler is loaded, or the server there. The first who says so counts.
func (w *worker) load(note func()) {
	w.loading.Lock()
	defer w.loading.Unlock()
	if w.isLoaded {
		return
	}
	note()
	w.isLoaded = true
	w.readied = time.Now()
	if w.greeted.IsZero() { // a server that was there before the worker said anything
		w.greeted = w.readied
	}
	close(w.loaded)
}

func (w *worker) loadError(m protocol.LoadErrorMeta) {
	w.failed = &loadError{w.options.Handler, m.Message}
	w.logger.stack(w.failed.Error(), m.Stack, nil)
}

func (w *worker) log(f *protocol.Frame, origin *callInfo) {
	w.logger.frame(f, origin)
}

// exitError says why a worker is gone that nobody told to go.
func (w *worker) exitError() error {
	switch {
	case w.failed != nil:
		return w.failed
	case !w.isLoaded:
		return &loadError{w.options.Handler, fmt.Sprintf("the worker ended before it was ready: %v", orExited(w.err))}
	default:
		return orExited(w.err)
	}
}

func orExited(err error) error {
	if err == nil {
		return errors.New("exited with status 0")
	}
	return err
}

// begin takes a slot and opens a call. It fails with errWorkerGone when the
// worker takes no more calls.
func (w *worker) begin(ctx context.Context, info callInfo) (*call, error) {
	if w.slots == nil {
		return w.session.open(w, info, func() {})
	}
	if !w.slots.TryAcquire(1) {
		if err := w.waitForSlot(ctx); err != nil {
			return nil, err
		}
	}
	c, err := w.session.open(w, info, func() { w.slots.Release(1) })
	if err != nil {
		w.slots.Release(1)
	}
	return c, err
}

func (w *worker) waitForSlot(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(w.serving, func() { cancel(errWorkerGone) })
	defer stop()
	if w.slots.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// retire has another worker take its place.
func (w *worker) retire() { w.stop(errRetired) }

// end stops the worker: once nobody waits for one of its calls, or ctx is done,
// it is asked to exit, and killed if it does not.
func (w *worker) end(ctx context.Context) {
	w.session.close()
	select {
	case <-w.session.drained:
	case <-ctx.Done():
	}
	w.awaitProxied(ctx)
	select {
	case <-w.loaded:
		w.shutDown(w.isServer)
	default:
		w.shutDown(false)
	}
	select {
	case <-w.done:
	case <-time.After(exitGrace):
		_ = w.process.Process.Kill() // it may have exited just now
		<-w.done
	}
}

// shutDown tells the process to go, a server as servers are told.
func (w *worker) shutDown(isServer bool) {
	if isServer {
		_ = w.process.Process.Signal(syscall.SIGTERM) // it may have exited just now
		return
	}
	_ = w.session.out.Write(&protocol.Frame{Type: protocol.Shutdown}) // an empty frame fits
}

// rss returns the resident memory of the process in MiB, or 0 where the system
// does not tell.
func (w *worker) rss() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", w.process.Process.Pid)) //nolint:gosec // a process id is a number
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return float64(pages) * float64(os.Getpagesize()) / (1 << 20)
}
