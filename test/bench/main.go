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

// Command bench measures functions on a cluster beside what they are made of, and prints a Markdown table. Times are
// of one machine on one day; the ratios are what can be compared. It fails where a request failed, or where the
// operator wrote although there was nothing to do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// patience is how long one measurement may take, beyond what it takes by intention.
const patience = time.Hour

// bench is one run of the measurements.
type bench struct {
	clients   *test.Clients
	caller    *http.Client
	namespace string
	sample    *v1alpha1.LambdaFunction

	runs       int
	coldStarts int
	rate       int
	many       int
	events     int
	eventRate  int
	commands   int
	silence    time.Duration
	settled    time.Duration
	helloImage string
	auditLog   string
	mirror     string
	instances  int
	troubles   string
	cluster    string

	operatorNamespace string
}

// measurements are all there are, by the name they are chosen by.
var measurements = []struct {
	name    string
	measure func(context.Context, *bench, *report) error
}{
	{"apply", measureApply},
	{"edit", measureEdit},
	{"cold", measureColdStart},
	{"settled", measureSettled},
	{"dependencies", measureDependencies},
	{"images", measureImages},
	{"shortlived", measureShortLived},
	{"many", measureMany},
	{"replies", measureReplies},
	{"letters", measureLetters},
	{"commands", measureCommands},
	{"lifecycle", measureLifecycle},
	{"overhead", measureOverhead},
	{"alerts", measureAlerts},
}

func run(ctx context.Context) (err error) {
	b := &bench{caller: test.NewHTTPClient(), operatorNamespace: "knative-lambda"}
	flag.IntVar(&b.runs, "runs", 10, "how often to apply and to edit")
	flag.IntVar(&b.coldStarts, "cold-starts", 20, "how many cold starts of each kind")
	flag.IntVar(&b.rate, "rate", 50, "requests a second during edits")
	flag.IntVar(&b.many, "many", 200, "how many functions to apply at once")
	flag.IntVar(&b.events, "events", 100000, "how many events to send")
	flag.IntVar(&b.eventRate, "event-rate", 200, "events a second")
	flag.IntVar(&b.commands, "commands", 10000, "how many commands to give, event-rate a second")
	flag.DurationVar(&b.silence, "silence", 5*time.Minute, "how long nobody hears of what becomes of functions")
	flag.DurationVar(&b.settled, "settled", 10*time.Minute, "how long to look for writes with nothing to do")
	flag.StringVar(&b.helloImage, "hello-image", "", "image of a Go program that answers HTTP, to compare cold starts with")
	flag.StringVar(&b.auditLog, "audit-log", "", "the API server's audit log, to look for writes in")
	flag.IntVar(&b.instances, "instances", 100, "how many instances come and go")
	flag.StringVar(&b.mirror, "mirror", "", "a registry that has the images of docker.io")
	flag.StringVar(&b.troubles, "troubles", "canaries,functions,webhook,operator", "what to bring about for alerts")
	flag.StringVar(&b.cluster, "cluster", "", "the program of the local cluster, to have its API server fail")
	sample := flag.String("sample", "samples/hello-python.yaml", "the function to measure")
	only := flag.String("only", "apply,edit,cold,settled", "what to measure; there are dependencies, images, many, shortlived, overhead, replies, letters, commands, lifecycle and alerts, too")
	flag.Parse()

	if b.sample, err = readSample(*sample); err != nil {
		return err
	}
	if b.clients, err = test.NewClients(); err != nil {
		return err
	}
	if b.namespace, err = b.clients.CreateNamespace(ctx, "bench"); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if deleteErr := b.clients.DeleteNamespace(ctx, b.namespace); err == nil {
			err = deleteErr
		}
	}()

	var r report
	for _, m := range measurements {
		if !strings.Contains(","+*only+",", ","+m.name+",") {
			continue
		}
		measuring, cancel := context.WithTimeout(ctx, b.settled+patience)
		err := m.measure(measuring, b, &r)
		cancel()
		if err != nil {
			return fmt.Errorf("failed to measure %s: %w", m.name, err)
		}
	}
	r.print(os.Stdout)
	return r.verdict()
}

func readSample(path string) (*v1alpha1.LambdaFunction, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("failed to read the sample: %w", err)
	}
	var fn v1alpha1.LambdaFunction
	if err := yaml.UnmarshalStrict(text, &fn); err != nil {
		return nil, fmt.Errorf("failed to parse the sample %s: %w", path, err)
	}
	return &fn, nil
}

// function is the sample under another name.
func (b *bench) function(name string) *v1alpha1.LambdaFunction {
	fn := b.sample.DeepCopy()
	fn.Namespace, fn.Name = b.namespace, name
	return fn
}

// createReady creates the function and returns it as it is when it is ready.
func (b *bench) createReady(ctx context.Context, fn *v1alpha1.LambdaFunction) (*v1alpha1.LambdaFunction, error) {
	created, err := b.clients.CreateFunction(ctx, fn)
	if err != nil {
		return nil, fmt.Errorf("failed to create LambdaFunction %q: %w", fn.Name, err)
	}
	return b.clients.AwaitReady(ctx, created)
}

// call fails unless the answer is a good one.
func (b *bench) call(ctx context.Context, url string) error {
	response, err := test.Get(ctx, b.caller, url)
	if err != nil {
		return err
	}
	if response.Status != http.StatusOK {
		return fmt.Errorf("failed to call %s: status %d: %s", url, response.Status, response.Body)
	}
	return nil
}

// configure sets keys of a ConfigMap until all is undone.
func (b *bench) configure(ctx context.Context, undo *cleanup, namespace, name string, data map[string]string) error {
	restore, err := b.clients.Configure(ctx, namespace, name, data)
	if restore != nil {
		undo.add(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
			defer cancel()
			if err := b.persistently(ctx, restore); err != nil {
				progress("%v", err)
			}
		})
	}
	return err
}

// runCluster has the program of the local cluster do something.
func (b *bench) runCluster(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, b.cluster, args...)
	// It leaves nothing half done when it is interrupted.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	if output, err := command.CombinedOutput(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("failed to run cluster %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

// again does something again and again until the function that it returns is called, which says how often it was done.
func again(ctx context.Context, every time.Duration, do func(context.Context) error) (stop func() (int, error)) {
	ctx, cancel := context.WithCancel(ctx)
	var times int
	var failed error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
			err := do(ctx)
			if ctx.Err() == nil { // else it was told to stop, and did
				failed = errors.Join(failed, err)
			}
			times++
		}
	}()
	return func() (int, error) {
		cancel()
		<-ended
		return times, failed
	}
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
