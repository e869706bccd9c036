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
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// emitterCode sends events whose IDs are the numbers from From on, below To, to a Broker, so many a second. Each is sent
// until it is accepted, which an in-memory channel does once the event has been handled or has become a letter. It answers
// with those that were sent more than once: the Broker may have taken them twice.
const emitterCode = `package main

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

type Order struct {
	Broker, Subject string
	From, To, Rate  int
}

type Sent struct {
	Again []int
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}

func Handler(ctx context.Context, o Order) (*Sent, error) {
	sent := &Sent{Again: []int{}}
	var lock sync.Mutex
	var senders sync.WaitGroup
	start := time.Now()
	for id := o.From; id < o.To && ctx.Err() == nil; id++ {
		time.Sleep(time.Until(start.Add(time.Duration(id-o.From) * time.Second / time.Duration(o.Rate))))
		senders.Go(func() {
			for tries := 0; !send(ctx, o, id) && ctx.Err() == nil; tries++ {
				if tries == 0 {
					lock.Lock()
					sent.Again = append(sent.Again, id)
					lock.Unlock()
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	senders.Wait()
	return sent, ctx.Err()
}

func send(ctx context.Context, o Order, id int) (accepted bool) {
	defer func() {
		if !accepted {
			// Connections to a pod that was killed are silent, or lead to the next one with its address.
			client.CloseIdleConnections()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.Broker, strings.NewReader("{}"))
	if err != nil {
		return false
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": strconv.Itoa(id),
		"Ce-Type": "com.example.bench", "Ce-Source": "/bench", "Ce-Subject": o.Subject,
	} {
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	return response.StatusCode == http.StatusAccepted
}
`

// The roles of counterCode.
const (
	// roleFirst answers each event with another.
	roleFirst = "first"
	// roleSecond counts by the event that the one it gets was the answer to.
	roleSecond = "second"
	// roleFlaky fails on a tenth of all events until it is mended, which a PUT does, and always on a hundredth: those are
	// poison.
	roleFlaky = "flaky"
)

// counterCode counts, in memory, which events it is called for and which of them it handles. It tells when it is asked by
// a GET. All runs in one loop, so that nothing is counted wrongly.
const counterCode = `
import collections

tried, handled = collections.Counter(), collections.Counter()
mended = False

class Poison(Exception):
    status_code = 400

async def handler(event, context):
    global mended
    if context.method == "GET":
        return {
            "tried": [[int(n), times] for n, times in tried.items()],
            "handled": [[int(n), times] for n, times in handled.items()],
        }
    if context.method == "PUT":
        mended = True
        return None
    n = context.extensions["causationid"] if ROLE == "second" else context.id
    tried[n] += 1
    if ROLE == "flaky":
        if int(n) % 100 == 0:
            raise Poison("poison")
        if int(n) % 10 == 1 and not mended:
            raise RuntimeError("not mended yet")
    handled[n] += 1
    return {"of": n} if ROLE == "first" else None
`

// counts says of events, by number, how often something was done.
type counts map[int]int

// UnmarshalJSON implements json.Unmarshaler: they come as pairs.
func (c *counts) UnmarshalJSON(data []byte) error {
	var pairs [][2]int
	if err := json.Unmarshal(data, &pairs); err != nil {
		return fmt.Errorf("failed to read counts: %w", err)
	}
	*c = counts{}
	for _, pair := range pairs {
		(*c)[pair[0]] = pair[1]
	}
	return nil
}

// repeated is how many were done more than once.
func (c counts) repeated() (n int) {
	for _, times := range c {
		if times > 1 {
			n++
		}
	}
	return n
}

// counted is what a function of counterCode has counted.
type counted struct {
	Tried, Handled counts
}

// createCounter creates a function of counterCode, which is called as its role: one instance, which stays.
func (b *bench) createCounter(ctx context.Context, role string, triggers ...v1alpha1.TriggerSpec) (*v1alpha1.LambdaFunction, error) {
	fn := test.NewPythonFunction(b.namespace, role, fmt.Sprintf("ROLE = %q\n", role)+counterCode)
	fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
	fn.Spec.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("512Mi")}
	// An in-memory channel holds the connection of whoever sends an event until its last try: few and short ones, so that not
	// all connections are of events that fail.
	fn.Spec.Eventing = &v1alpha1.EventingSpec{Delivery: &v1alpha1.DeliverySpec{
		Retry: ptr.Int32(2), BackoffPolicy: v1alpha1.BackoffLinear, BackoffDelay: "PT0.5S",
	}}
	fn.Spec.Triggers = triggers
	return b.createReady(ctx, fn)
}

func (b *bench) createEmitter(ctx context.Context) (*v1alpha1.LambdaFunction, error) {
	fn := test.NewGoFunction(b.namespace, "emitter", emitterCode)
	fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
	fn.Spec.Eventing = &v1alpha1.EventingSpec{Enabled: ptr.Bool(false)}
	return b.createReady(ctx, fn)
}

// orderTime is how long one call of the emitter sends. It lasts longer, until all of its events are accepted.
const orderTime = 5 * time.Second

// emit has the emitter send the events below the number to the function's Broker, and returns those that were sent again.
func (b *bench) emit(ctx context.Context, emitter, fn *v1alpha1.LambdaFunction, below int) (map[int]bool, error) {
	var mu sync.Mutex
	again := map[int]bool{}
	err := b.inOrders(below, func(from, to int) error {
		ids, err := b.order(ctx, emitter, fn, from, to)
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			again[id] = true
		}
		return err
	})
	return again, err
}

// inOrders has the numbers below one ordered, event-rate of them a second, and waits for all orders.
func (b *bench) inOrders(below int, order func(from, to int) error) error {
	size := b.eventRate * int(orderTime/time.Second)
	var orders errgroup.Group
	next := time.NewTicker(orderTime)
	defer next.Stop()
	for from := 0; from < below; from += size {
		orders.Go(func() error { return order(from, min(from+size, below)) })
		<-next.C
		progress("%d of %d ordered", min(from+size, below), below)
	}
	return orders.Wait()
}

// order has the emitter send the events from a number on below another, and returns those that it sent again.
func (b *bench) order(ctx context.Context, emitter, fn *v1alpha1.LambdaFunction, from, to int) ([]int, error) {
	body, err := json.Marshal(map[string]any{
		"Broker": fn.Status.EventingStatus.BrokerURL, "Subject": fn.Name, "From": from, "To": to, "Rate": b.eventRate,
	})
	if err != nil {
		return nil, fmt.Errorf("failed to write an order: %w", err)
	}
	var sent struct{ Again []int }
	return sent.Again, b.callJSON(ctx, http.MethodPost, emitter.Status.URL.String(), body, &sent)
}

func (b *bench) counted(ctx context.Context, fn *v1alpha1.LambdaFunction) (*counted, error) {
	c := &counted{}
	return c, b.callJSON(ctx, http.MethodGet, fn.Status.URL.String(), nil, c)
}

// callJSON calls a function, whose answer has to be good.
func (b *bench) callJSON(ctx context.Context, method, url string, body []byte, into any) error {
	return callJSONBy(ctx, b.caller, method, url, body, into)
}

// callJSONBy is callJSON by another client.
func callJSONBy(ctx context.Context, client *http.Client, method, url string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("failed to make a request to %q: %w", url, err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := test.Do(client, request)
	if err != nil {
		return err
	}
	if response.Status >= http.StatusMultipleChoices {
		return fmt.Errorf("failed to call %s: status %d: %s", url, response.Status, response.Body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(response.Body), into); err != nil {
		return fmt.Errorf("failed to read the answer of %s: %w", url, err)
	}
	return nil
}

// measureReplies sends events to a function whose replies reach another one through the Broker. The first must never be
// called by a reply of its own.
func measureReplies(ctx context.Context, b *bench, r *report) error {
	first, err := b.createCounter(ctx, roleFirst)
	if err != nil {
		return err
	}
	second, err := b.createCounter(ctx, roleSecond, v1alpha1.TriggerSpec{
		Broker: first.Status.EventingStatus.BrokerName, Filter: map[string]string{"source": "io.knative.lambda/" + b.namespace + "/" + first.Name},
	})
	if err != nil {
		return err
	}
	emitter, err := b.createEmitter(ctx)
	if err != nil {
		return err
	}
	n := b.events / 10
	start := time.Now()
	again, err := b.emit(ctx, emitter, first, n)
	if err != nil {
		return err
	}
	replied, err := b.awaitCounted(ctx, second, func(c *counted) bool { return len(c.Handled) >= n })
	if err != nil {
		return err
	}
	took := time.Since(start)
	called, err := b.counted(ctx, first)
	if err != nil {
		return err
	}
	r.add(fmt.Sprintf("%d events, and the replies to them at a second function", n), fmt.Sprintf("%.0f s", took.Seconds()),
		fmt.Sprintf("sent at %d a second", b.eventRate), "")
	r.add("events that the first function was called for, the second handled, the first was called for again",
		fmt.Sprintf("%d, %d, %d", len(called.Tried), len(replied.Handled), called.Tried.repeated()), fmt.Sprintf("sent again: %d", len(again)), "")
	for id, times := range called.Tried {
		if id < 0 || id >= n || (times > 1 && !again[id]) {
			r.fault("the first function was called %d times for event %d", times, id)
		}
	}
	return nil
}

// awaitCounted asks the function until what it has counted is enough.
func (b *bench) awaitCounted(ctx context.Context, fn *v1alpha1.LambdaFunction, enough func(*counted) bool) (*counted, error) {
	for {
		c, err := b.counted(ctx, fn)
		if err != nil || enough(c) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, fmt.Errorf("the function %q has handled %d events: %w", fn.Name, len(c.Handled), ctx.Err())
		case <-time.After(time.Second):
		}
	}
}
