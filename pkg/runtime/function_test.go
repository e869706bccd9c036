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

package runtime_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

// logLine is what the tests look at in a line of the log.
type logLine struct {
	Level        string         `json:"level"`
	Message      string         `json:"message"`
	InvocationID string         `json:"invocationId"`
	TraceID      string         `json:"trace_id"` //nolint:tagliatelle // as collectors expect it
	EventID      string         `json:"ce_id"`    //nolint:tagliatelle // as its header is called
	Stream       string         `json:"stream"`
	Stack        string         `json:"stack"`
	Fields       map[string]any `json:"fields"`
}

// functionLog collects a log and wakes who waits for a line.
type functionLog struct {
	mu      sync.Mutex
	changed *sync.Cond
	lines   []logLine
}

func newFunctionLog() *functionLog {
	l := &functionLog{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *functionLog) Write(p []byte) (int, error) {
	var n logLine
	if err := json.Unmarshal(p, &n); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, n)
	l.changed.Broadcast()
	return len(p), nil
}

// await returns the first line whose message has the text.
func (l *functionLog) await(t *testing.T, text string) logLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.changed.Broadcast()
	})()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for _, line := range l.lines {
			if strings.Contains(line.Message, text) {
				return line
			}
		}
		if ctx.Err() != nil {
			t.Errorf("there is no line with %q in the log: %v", text, l.lines)
			return logLine{}
		}
		l.changed.Wait()
	}
}

// function is a function that is served.
type function struct {
	url  string
	log  *functionLog
	stop func() error // as SIGTERM does
}

// optionsOf are those of a function in dir, whose language needs a program.
func optionsOf(t testing.TB, language, handler, program, dir string) runtime.Options {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("functions in %s need %s: %v", language, program, err)
	}
	worker, err := filepath.Abs(filepath.Join("workers", language))
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // where nobody has served
	return runtime.Options{
		Listener: listener, Name: "fn", Namespace: "ns", Language: language, Handler: handler,
		WorkerDir: worker, FunctionDir: dir, DepsDir: t.TempDir(), Timeout: time.Minute, CancelGrace: time.Minute, Output: newFunctionLog(),
	}
}

// serve serves until the test is over.
func serve(t testing.TB, o *runtime.Options) *function {
	t.Helper()
	r, err := runtime.New(*o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	f := &function{url: "http://" + o.Listener.Addr().String(), log: o.Output.(*functionLog)}
	f.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error("Run() =", err)
		}
	})
	return f
}

// answer is a reply without its body, which has been read.
type answer struct {
	StatusCode int
	Header     http.Header
}

// send sends a request and returns the reply with its body.
func (f *function) send(t *testing.T, method, path, body string, header ...string) (answer, string) {
	t.Helper()
	resp, reply, err := f.try(t.Context(), method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return resp, reply
}

// try is send for goroutines, which may not end the test.
func (f *function) try(ctx context.Context, method, path, body string, header ...string) (answer, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, "", err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header}, string(b), err
}

// folder makes a function's folder of these files, by their paths.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
