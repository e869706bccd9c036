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
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// appendLog adds to a daemon's log.
func appendLog(t *testing.T, c *cluster, component, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.logFile(component)), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(c.logFile(component), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestLogs(t *testing.T) {
	c := testCluster(t)
	appendLog(t, c, "etcd", "one\n")
	for _, test := range []struct{ component, want, err string }{
		{component: "etcd", want: "one\n"},
		{component: "kubelet", err: "the cluster is not up: there is no log of kubelet; make the cluster by `up`"},
		{component: "knative-serving/activator", err: "the cluster is not up"},
		{component: "kubelte", err: `there is no component "kubelte": name a daemon (etcd, `},
	} {
		t.Run(test.component, func(t *testing.T) {
			var out strings.Builder
			err := c.logs(context.Background(), test.component, false, &out)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("logs() = %v, want %q", err, test.err)
			}
			if out.String() != test.want {
				t.Errorf("logs() printed %q, want %q", out.String(), test.want)
			}
		})
	}
}

// signalWriter tells of each write.
type signalWriter chan string

func (w signalWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestFollowLog(t *testing.T) {
	c := testCluster(t)
	appendLog(t, c, "etcd", "one\n")
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := make(signalWriter), make(chan error)
	go func() { ended <- c.logs(ctx, "etcd", true, out) }()
	if got := <-out; got != "one\n" {
		t.Errorf("first line = %q", got)
	}
	appendLog(t, c, "etcd", "two\n")
	if got := <-out; got != "two\n" {
		t.Errorf("second line = %q", got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("logs() = %v, want %v", err, context.Canceled)
	}
}

func TestLinesStayWhole(t *testing.T) {
	var out bytes.Buffer
	w := &lineWriter{out: &out}
	var group sync.WaitGroup
	for _, source := range []string{"a/x", "b/y"} {
		group.Go(func() {
			if err := w.copy(source, iotest.OneByteReader(strings.NewReader(strings.Repeat("some line\n", 100)+"end"))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for line := range strings.Lines(out.String()) {
		if _, text, _ := strings.Cut(line, ": "); text != "some line\n" && text != "end\n" {
			t.Fatalf("line = %q", line)
		}
	}
	if err := w.copy("a/x", iotest.ErrReader(errors.New("broken"))); err == nil || err.Error() != "broken" {
		t.Errorf("copy() = %v, want broken", err)
	}
}
