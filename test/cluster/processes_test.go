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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestStartTime(t *testing.T) {
	for _, test := range []struct {
		name, stat string
		want       uint64
		wantErr    bool
	}{
		{name: "plain", stat: "7 (etcd) S 1 7 7 0 -1 4 5 6 7 8 9 10 11 12 20 0 9 0 4711 1 2 3", want: 4711},
		{name: "spaces and parentheses", stat: "7 (a) b (c) S 1 7 7 0 -1 4 5 6 7 8 9 10 11 12 20 0 9 0 42 1", want: 42},
		{name: "cut off", stat: "7 (etcd) S 1", wantErr: true},
		{name: "no name", stat: "7 etcd", wantErr: true},
		{name: "empty", wantErr: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := startTime(test.stat)
			if (err != nil) != test.wantErr || got != test.want {
				t.Errorf("startTime() = %d, %v, want %d, error %t", got, err, test.want, test.wantErr)
			}
		})
	}
}

func FuzzStartTime(f *testing.F) {
	f.Add("7 (etcd) S 1 7 7 0 -1 4 5 6 7 8 9 10 11 12 20 0 9 0 4711 1 2 3")
	f.Add("7 (a) b) (c")
	f.Add("")
	f.Fuzz(func(t *testing.T, stat string) {
		if _, err := startTime(stat); err == nil && !strings.Contains(stat, ")") {
			t.Errorf("startTime(%q) found a time", stat)
		}
	})
}

func TestVariable(t *testing.T) {
	for _, test := range []struct {
		name, environment string
		want              string
		wantOK            bool
	}{
		{name: "first", environment: "A=b\x00C=d\x00", want: "b", wantOK: true},
		{name: "last", environment: "C=d\x00A=b=c\x00", want: "b=c", wantOK: true},
		{name: "empty value", environment: "A=\x00", wantOK: true},
		{name: "longer name", environment: "AA=b\x00BA=c\x00"},
		{name: "in a value", environment: "B=A=c\x00"},
		{name: "empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := variable([]byte(test.environment), "A")
			if got != test.want || ok != test.wantOK {
				t.Errorf("variable() = %q, %t, want %q, %t", got, ok, test.want, test.wantOK)
			}
		})
	}
}

func testCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{source: ".", cache: t.TempDir()}
	c.state = filepath.Join(c.cache, "cluster")
	if err := os.MkdirAll(c.path("log"), 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDaemonIsFoundAndKilled(t *testing.T) {
	c := testCluster(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// The shell and its child are both the cluster's.
	d := daemon{name: "sleeper", argv: []string{"sh", "-c", "sleep 600; true"}, ready: func(context.Context) error {
		if all, err := c.processes(); err != nil || len(all) < 2 {
			return errors.Join(errors.New("no child yet"), err)
		}
		return nil
	}}
	if err := c.start(ctx, d); err != nil {
		t.Fatal(err)
	}
	running, err := c.running()
	if err != nil {
		t.Fatal(err)
	}
	shell, ok := running["sleeper"]
	if !ok {
		t.Fatalf("running() = %v, want the sleeper", running)
	}
	stranger := shell
	stranger.started++
	if err := c.signal(stranger, 9); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.inspect(shell.pid); !ok {
		t.Error("a process with the id of another time was killed")
	}
	if err := c.killAll(ctx); err != nil {
		t.Fatal(err)
	}
	if all, err := c.processes(); err != nil || len(all) != 0 {
		t.Errorf("processes() = %v, %v after killAll", all, err)
	}
}

func TestDaemonThatEndsIsReported(t *testing.T) {
	c := testCluster(t)
	err := c.start(context.Background(), daemon{
		name: "failing", argv: []string{"sh", "-c", "echo no such flag; exit 3"},
		ready: func(context.Context) error { return errors.New("not listening") },
	})
	if err == nil || !strings.Contains(err.Error(), "no such flag") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("start() = %v, want its exit status and its log", err)
	}
}
