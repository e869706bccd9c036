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

// Command runtimes runs the function runtime beside others on this machine, and prints Markdown tables: which of them
// answers as the contract says, and how fast and with how much memory. Numbers are of one machine on one day and include
// the client on it; the ratios are what can be compared. It fails where our own runtime answers wrongly or loses a
// request.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	dir         string
	languages   string
	modes       string
	runs        int
	duration    time.Duration
	connections int
	requests    int
	rounds      int
	megabytes   int
	clients     int
	seconds     int
	registry    string
	ingress     string
}

// mode is one thing that can be done.
type mode struct {
	name string
	run  func(*bench, context.Context) error
}

// modes are all of them, in this order.
var modes = []mode{
	{"contract", (*bench).contract},
	{"throughput", (*bench).throughput},
	{"boot", (*bench).boot},
	{"soak", (*bench).soak},
	{"terminate", (*bench).terminate},
	{"kill", (*bench).kill},
	{"long", (*bench).long},
	{"stream", (*bench).stream},
	{"slow", (*bench).slow},
	{"proxied", (*bench).proxied},
	{"overhead", (*bench).overhead},
}

// bench is one run.
type bench struct {
	options
	subjects []*subject
	faults   []error
}

func (b *bench) fault(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	fmt.Fprintln(os.Stderr, "FAULT:", err)
	b.faults = append(b.faults, err)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	b := &bench{}
	flag.StringVar(&b.dir, "dir", filepath.Join(cache, "knative-lambda", "bench-runtimes"), "where the others are installed")
	flag.StringVar(&b.languages, "languages", "nodejs,go,python", "which languages")
	flag.StringVar(&b.modes, "modes", "contract,throughput,boot", "what to do: contract, throughput, boot, soak, terminate, kill, long, stream, slow, proxied, overhead")
	flag.IntVar(&b.runs, "runs", 5, "how often to measure each runtime, in turns")
	flag.DurationVar(&b.duration, "duration", 4*time.Second, "how long one measurement of throughput takes")
	flag.IntVar(&b.connections, "connections", 16, "connections of the client")
	flag.IntVar(&b.requests, "requests", 1_000_000, "requests of the soak, at half of the rate that throughput measures")
	flag.IntVar(&b.rounds, "rounds", 100, "how often to end and to kill under load")
	flag.IntVar(&b.megabytes, "megabytes", 1024, "megabytes to stream, each way")
	flag.IntVar(&b.clients, "clients", 10_000, "clients that are slow")
	flag.IntVar(&b.seconds, "seconds", 31, "seconds that a long handler takes")
	flag.StringVar(&b.registry, "registry", "", "the registry of mode proxied, from which the cluster that kubectl talks to pulls")
	flag.StringVar(&b.ingress, "ingress", "", "host and port of that cluster's ingress")
	flag.Parse()

	if b.subjects, err = prepare(ctx, b.dir, strings.Split(b.languages, ","), b.modes == "overhead"); err != nil {
		return err
	}
	wanted := strings.Split(b.modes, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(modes, func(m mode) bool { return m.name == name }) {
			return fmt.Errorf("there is no mode %q", name)
		}
	}
	for _, m := range modes {
		if !slices.Contains(wanted, m.name) {
			continue
		}
		if err := m.run(b, ctx); err != nil {
			return fmt.Errorf("failed in mode %s: %w", m.name, err)
		}
	}
	return errors.Join(b.faults...)
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
