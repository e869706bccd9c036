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
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// result is what was measured of one runtime with one kind of requests.
type result struct {
	subject *subject
	kind    string
	rates   []float64 // requests a second, one a run
	p50s    []time.Duration
	p99s    []time.Duration
	hung    int64
	bad     int64
	boots   []time.Duration
	rss     []int64   // KiB, after the load
	idle    []int64   // KiB, of our supervisor alone
	costs   []float64 // microseconds of processor time for each request
}

// results are those of all runtimes of the languages, in the order that they are measured in.
func (b *bench) results() []*result {
	var all []*result
	for _, kind := range []string{kindHTTP, kindEvent} {
		for _, s := range b.subjects {
			if s.takes(kind) {
				all = append(all, &result{subject: s, kind: kind})
			}
		}
	}
	return all
}

// throughput measures each runtime.
func (b *bench) throughput(ctx context.Context) error {
	all := b.results()
	if err := b.inTurns(ctx, all); err != nil {
		return err
	}
	b.printThroughput("Throughput", all)
	return nil
}

// inTurns measures all of them again and again, so that what else the machine does is shared by all.
func (b *bench) inTurns(ctx context.Context, all []*result) error {
	for run := range b.runs {
		order := slices.Clone(all)
		if run%2 == 1 {
			slices.Reverse(order)
		}
		for _, r := range order {
			progress("run %d: %s, %s, %s", run+1, r.subject.language, r.subject.name, r.kind)
			if err := b.measure(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) measure(ctx context.Context, r *result) error {
	p, err := r.subject.run(ctx, r.kind)
	if err != nil {
		b.notStarted(r.subject, r.kind, err)
		return nil
	}
	defer p.end()
	if err := b.load(p, r); err != nil {
		return err
	}
	r.rss = append(r.rss, groupRSS(p.cmd.Process.Pid))
	if r.subject.ours {
		r.idle = append(r.idle, rssOf(p.cmd.Process.Pid))
	}
	return nil
}

// load measures how a runtime that runs does under load.
func (b *bench) load(p *process, r *result) error {
	if _, err := closedLoop(p, b.connections, b.duration/4); err != nil { // to warm up
		return err
	}
	before := p.spent()
	l, err := closedLoop(p, b.connections, b.duration)
	if err != nil {
		return err
	}
	if n := l.answered.Load(); n > 0 {
		r.costs = append(r.costs, float64((p.spent()-before).Microseconds())/float64(n))
	}
	r.rates = append(r.rates, float64(l.answered.Load())/b.duration.Seconds())
	r.p50s, r.p99s = append(r.p50s, l.percentile(500)), append(r.p99s, l.percentile(990))
	r.hung += l.hung.Load()
	bad := l.wrong.Load() + l.failed.Load()
	r.bad += bad
	if r.subject.ours && bad+l.hung.Load() > 0 {
		b.fault("%s, %s: %d requests without a right answer", r.subject.language, r.kind, bad+l.hung.Load())
	}
	return nil
}

// boot measures the time from the start to the first answer.
func (b *bench) boot(ctx context.Context) error {
	all := b.results()
	for range max(b.runs, 3) {
		for _, r := range all {
			p, err := r.subject.run(ctx, r.kind)
			if err != nil {
				b.notStarted(r.subject, r.kind, err)
				continue
			}
			r.boots = append(r.boots, p.took)
			r.rss = append(r.rss, groupRSS(p.cmd.Process.Pid))
			if r.subject.ours {
				r.idle = append(r.idle, rssOf(p.cmd.Process.Pid))
			}
			p.end()
		}
	}
	fmt.Fprintf(os.Stdout, "\n## Boot to the first 200, and resident memory then\n\n| language | kind | runtime | ms (median, least – most) | MiB | of these the supervisor |\n|---|---|---|---|---|---|\n")
	for _, r := range all {
		if len(r.boots) == 0 {
			continue
		}
		slices.Sort(r.boots)
		fmt.Fprintf(os.Stdout, "| %s | %s | %s | %.1f (%.1f – %.1f) | %s | %s |\n", r.subject.language, r.kind, r.subject.name,
			ms(median(r.boots)), ms(r.boots[0]), ms(r.boots[len(r.boots)-1]), mebibytes(r.rss), mebibytes(r.idle))
	}
	return nil
}

func (b *bench) printThroughput(title string, all []*result) {
	fmt.Fprintf(os.Stdout, "\n## %s, %d connections, closed loop, %d runs of %v\n\n", title, b.connections, b.runs, b.duration)
	fmt.Fprintln(os.Stdout, "| language | kind | runtime | requests/s (median, least – most) | ours is | µs of processor time | p50 ms | p99 ms | hung | bad | MiB | of these the supervisor |")
	fmt.Fprintln(os.Stdout, "|---|---|---|---|---|---|---|---|---|---|---|---|")
	ours := map[string]float64{}
	for _, r := range all {
		if r.subject.ours && len(r.rates) > 0 {
			ours[r.subject.language+r.kind] = median(r.rates)
		}
	}
	for _, r := range all {
		if len(r.rates) == 0 {
			continue
		}
		ratio := ""
		if !r.subject.ours {
			ratio = fmt.Sprintf("%.2f x", ours[r.subject.language+r.kind]/median(r.rates))
		}
		cost := 0.0
		if len(r.costs) > 0 {
			cost = median(r.costs)
		}
		slices.Sort(r.rates)
		fmt.Fprintf(os.Stdout, "| %s | %s | %s | %.0f (%.0f – %.0f) | %s | %.0f | %.2f | %.2f | %d | %d | %s | %s |\n", r.subject.language, r.kind, r.subject.name,
			median(r.rates), r.rates[0], r.rates[len(r.rates)-1], ratio, cost, ms(median(r.p50s)), ms(median(r.p99s)), r.hung, r.bad, mebibytes(r.rss), mebibytes(r.idle))
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func mebibytes(kib []int64) string {
	if len(kib) == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(median(kib))/1024)
}

func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// rssOf returns the resident memory of a process in KiB, 0 where it is gone.
func rssOf(pid int) int64 {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64) // the kernel writes a number
			return kib
		}
	}
	return 0
}

// family are a process and all that come from it.
func family(root int) []int {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has gone
		}
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		parent, _ := strconv.Atoi(string(fields[1])) // the kernel writes numbers
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		children[parent] = append(children[parent], pid)
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// processorTime is what a process and all that come from it have had of the processors. It says what a request costs also
// where others share the machine.
func processorTime(root int) time.Duration {
	const tick = 10 * time.Millisecond // the kernel's unit towards programs
	var ticks int64
	for _, pid := range family(root) {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue // it has gone
		}
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		for _, field := range fields[11:13] { // in the programs and in the kernel
			n, _ := strconv.ParseInt(string(field), 10, 64) // the kernel writes numbers
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// spent is the processor time of a runtime, 0 where it is on a cluster.
func (p *process) spent() time.Duration {
	if p.cmd == nil {
		return 0
	}
	return processorTime(p.cmd.Process.Pid)
}

// groupRSS adds up what a runtime and its workers take.
func groupRSS(root int) (kib int64) {
	for _, pid := range family(root) {
		kib += rssOf(pid)
	}
	return kib
}

// workerOf returns the process that runs the handler of our runtime.
func workerOf(p *process) (int, error) {
	all := family(p.cmd.Process.Pid)
	if len(all) < 2 {
		return 0, syscall.ESRCH
	}
	return all[1], nil
}
