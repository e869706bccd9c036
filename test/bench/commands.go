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
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/pkg/ptr"

	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/eventing/wiring"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const (
	receiverPods = "app.kubernetes.io/component=receiver"
	receiverURL  = "http://lambda-receiver.knative-lambda.svc.cluster.local"
	// restartEvery is how often the API server is killed and started again while commands are first sent. Later on they would
	// wait for the cluster's own controllers: the less often these find an API server, the less often they look for one.
	restartEvery = 20 * time.Second
	// orderLasts is how long the commands of an order are tried.
	orderLasts = 2 * time.Minute
	// tokenLife is the shortest that the API server gives.
	tokenLife = 10 * time.Minute
)

// commanderCode gives the commands whose numbers it is told, so many a second. Each sets the build's timeout of one of the
// functions to so many seconds more than a minute, which changes nothing but the generation. Of the functions' rounds every
// other one goes straight to the receiver, whose answers are kept; the others go by way of the Broker. Each is sent until it is
// accepted, less and less often, or until the time is up.
const commanderCode = `package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

type Order struct {
	Broker, Receiver, Token, Namespace, Repository, Tag string
	IDs                                                 []int
	Rate, Functions, Seconds                            int
}

// Tries are of one command: statuses, 0 where there was no answer.
type Tries struct {
	ID                  int
	Statuses            []int
	Duplicate, Straight bool
}

type Sent struct {
	Tries []Tries
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}

func Handler(ctx context.Context, o Order) (*Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.Seconds)*time.Second)
	defer cancel()
	sent := &Sent{}
	var lock sync.Mutex
	var senders sync.WaitGroup
	start := time.Now()
	for i, id := range o.IDs {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(o.Rate))))
		senders.Go(func() {
			tries := Tries{ID: id, Straight: id/o.Functions%2 == 1}
			for pause := 500 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 8*time.Second) {
				status, duplicate := send(ctx, o, id, tries.Straight)
				tries.Statuses = append(tries.Statuses, status)
				if tries.Duplicate = duplicate; status == http.StatusAccepted {
					break
				}
				time.Sleep(pause)
			}
			lock.Lock()
			sent.Tries = append(sent.Tries, tries)
			lock.Unlock()
		})
	}
	senders.Wait()
	return sent, nil
}

func send(ctx context.Context, o Order, id int, straight bool) (status int, duplicate bool) {
	defer func() {
		if status == 0 {
			// Connections to a pod that was killed are silent, or lead to the next one with its address.
			client.CloseIdleConnections()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	to := o.Broker
	if straight {
		to = o.Receiver
	}
	body := fmt.Sprintf(` + "`" + `{"metadata":{"name":"told-%03d","namespace":%q},"spec":{"source":{"type":"image","image":{"repository":%q,"tag":%q}},"build":{"timeout":"%ds"}}}` + "`" + `,
		id%o.Functions, o.Namespace, o.Repository, o.Tag, 60+id)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewBufferString(body))
	if err != nil {
		return 0, false
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": strconv.Itoa(id),
		"Ce-Type": "` + "io.knative.lambda.command.service.update" + `", "Ce-Source": "/bench",
	} {
		request.Header.Set(name, value)
	}
	if straight {
		request.Header.Set("Authorization", "Bearer "+o.Token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, false
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	if straight && response.Header.Get("Content-Type") != "application/json" {
		return 0, false // It is not the receiver's.
	}
	return response.StatusCode, response.Header.Get("Lambda-Duplicate") != ""
}
`

// tries are those of one command.
type tries struct {
	ID                  int
	Statuses            []int
	Duplicate, Straight bool
}

func (t *tries) accepted() bool {
	return len(t.Statuses) > 0 && t.Statuses[len(t.Statuses)-1] == http.StatusAccepted
}

// measureCommands gives commands, half of them by way of a Broker, while a receiver is killed again and again, and the API
// server is slow and starts again. Each must be done once, or be a dead letter, and none of those that were done may be
// answered as if it was not.
func measureCommands(ctx context.Context, b *bench, r *report) error {
	if b.cluster == "" {
		progress("commands: left out, the API server of this cluster is not ours to kill")
		return nil
	}
	var undo cleanup
	defer undo.all()
	c := &commands{bench: b, undo: &undo}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	start := time.Now()
	kills := again(ctx, killEvery, c.killReceiver)
	slowing, stop := context.WithTimeout(ctx, time.Duration(b.commands/b.eventRate)*time.Second)
	defer stop()
	restarts := again(slowing, restartEvery, func(ctx context.Context) error { return b.runCluster(ctx, "restart", "kube-apiserver") })
	var slowed sync.WaitGroup
	slowed.Go(func() { _ = b.runCluster(slowing, "slow", "kube-apiserver") }) // it ends when it is stopped
	straight, err := c.give(ctx)
	sent := time.Since(start)
	killed, killErr := kills()
	restarted, restartErr := restarts()
	slowed.Wait()
	if err := errors.Join(err, killErr, restartErr); err != nil {
		return err
	}
	r.add(fmt.Sprintf("%d commands, %d a second", b.commands, b.eventRate), fmt.Sprintf("all accepted after %.0f s", sent.Seconds()),
		fmt.Sprintf("%d kills of a receiver; while they were sent %d of the API server, which ran half of that time", killed, restarted), "")
	c.judgeAnswers(r, straight)
	if err := c.judgeEffects(ctx, r); err != nil {
		return err
	}
	return c.judgeExpired(ctx, r)
}

// commands is a measurement of them.
type commands struct {
	*bench
	undo *cleanup

	mu            sync.Mutex
	broker, token string
	// expiring is a token that lives for tokenLife, since the time.
	expiring  string
	since     time.Time
	generator *v1alpha1.LambdaFunction
}

// prepare makes functions without instances, a Broker with a Trigger for commands, and what gives commands.
func (c *commands) prepare(ctx context.Context) (err error) {
	for _, set := range []struct {
		namespace, name string
		data            map[string]string
	}{
		{c.operatorNamespace, config.ReceiverConfigName, map[string]string{"unauthenticated-namespaces": c.namespace, "rate": "0"}},
		{"knative-serving", "config-autoscaler", map[string]string{"allow-zero-initial-scale": "true", "initial-scale": "0"}},
	} {
		if err := c.configure(ctx, c.undo, set.namespace, set.name, set.data); err != nil {
			return err
		}
	}
	if c.token, err = c.clients.NewToken(ctx, c.namespace, "commander", "edit"); err != nil {
		return err
	}
	request, err := c.clients.Kube.CoreV1().ServiceAccounts(c.namespace).CreateToken(ctx, "commander", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.Int64(int64(tokenLife.Seconds()))},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("failed to ask for a token: %w", err)
	}
	c.expiring, c.since = request.Status.Token, time.Now()
	if err := c.createTold(ctx); err != nil {
		return err
	}
	if err := c.createBroker(ctx); err != nil {
		return err
	}
	fn := test.NewGoFunction(c.namespace, "commander", commanderCode)
	fn.Spec.Scaling.MinReplicas, fn.Spec.Scaling.MaxReplicas = ptr.Int32(1), ptr.Int32(1)
	fn.Spec.TimeoutSeconds = ptr.Int64(int64(2 * orderLasts.Seconds()))
	fn.Spec.Eventing = &v1alpha1.EventingSpec{Enabled: ptr.Bool(false)}
	c.generator, err = c.createReady(ctx, fn)
	return err
}

// createTold makes the functions that commands are for.
func (b *bench) createTold(ctx context.Context) error {
	for i := range b.many {
		if _, err := b.clients.CreateFunction(ctx, b.newTold(i)); err != nil {
			return err
		}
	}
	progress("%d functions are made", b.many)
	return b.awaitTold(ctx, b.many)
}

// awaitTold waits until there are so many of the functions, and all are ready as they are now.
func (b *bench) awaitTold(ctx context.Context, many int) error {
	err := test.Await(ctx, b.clients.Lambda.LambdaV1alpha1().LambdaFunctions(b.namespace), metav1.ListOptions{LabelSelector: toldLabel},
		func(functions []*v1alpha1.LambdaFunction) (bool, error) {
			return len(functions) == many && !slices.ContainsFunc(functions, func(fn *v1alpha1.LambdaFunction) bool { return !fn.IsReady() }), nil
		})
	if err != nil {
		return fmt.Errorf("failed to await %d functions: %w", many, err)
	}
	return nil
}

const (
	// toldLabel is on the functions of which there are many.
	toldLabel = "example.com/told"
	// toldPrefix is what their names begin with.
	toldPrefix = "told-"
)

// newTold makes one of many functions, of an image.
func (b *bench) newTold(i int) *v1alpha1.LambdaFunction {
	return &v1alpha1.LambdaFunction{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: fmt.Sprintf("%s%03d", toldPrefix, i), Labels: map[string]string{toldLabel: "true"}},
		Spec: v1alpha1.LambdaFunctionSpec{
			Source:   v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: b.helloSource()},
			Eventing: &v1alpha1.EventingSpec{Enabled: ptr.Bool(false)},
		},
	}
}

// hello is the image of such functions.
func (b *bench) helloSource() *v1alpha1.ImageSource {
	i := strings.LastIndexByte(b.helloImage, ':')
	return &v1alpha1.ImageSource{Repository: b.helloImage[:i], Tag: b.helloImage[i+1:]}
}

func (c *commands) createBroker(ctx context.Context) error {
	const name = "commands"
	settings, err := c.clients.Kube.CoreV1().ConfigMaps(c.operatorNamespace).Get(ctx, config.EventingConfigName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("failed to get ConfigMap %q: %w", config.EventingConfigName, err)
	}
	eventing, err := config.NewEventingFromConfigMap(settings)
	if err != nil {
		return fmt.Errorf("failed to read ConfigMap %q: %w", config.EventingConfigName, err)
	}
	api := c.clients.Eventing.EventingV1()
	if _, err := api.Brokers(c.namespace).Create(ctx, &eventingv1.Broker{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("failed to create a Broker: %w", err)
	}
	_, err = api.Triggers(c.namespace).Create(ctx, &eventingv1.Trigger{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: eventingv1.TriggerSpec{
			Broker:  name,
			Filters: []eventingv1.SubscriptionsAPIFilter{{Prefix: map[string]string{"type": events.CommandPrefix}}},
			Subscriber: duckv1.Destination{Ref: &duckv1.KReference{
				APIVersion: "v1", Kind: "Service", Name: "lambda-receiver", Namespace: c.operatorNamespace,
			}},
			Delivery: wiring.MakeDelivery(eventing, c.namespace, name, nil, nil),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("failed to create a Trigger: %w", err)
	}
	if _, err := test.AwaitOne(ctx, api.Triggers(c.namespace), name, func(t *eventingv1.Trigger) (bool, error) { return t.Status.IsReady(), nil }); err != nil {
		return err
	}
	broker, err := api.Brokers(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("failed to get the Broker: %w", err)
	}
	c.broker = broker.Status.Address.URL.String()
	return nil
}

// killReceiver kills one of the receivers.
func (c *commands) killReceiver(ctx context.Context) error {
	return c.persistently(ctx, func(ctx context.Context) error {
		pods := c.clients.Kube.CoreV1().Pods(c.operatorNamespace)
		found, err := pods.List(ctx, metav1.ListOptions{LabelSelector: receiverPods})
		if err != nil {
			return err
		}
		if len(found.Items) == 0 {
			return errors.New("there is no receiver")
		}
		return pods.Delete(ctx, found.Items[rand.IntN(len(found.Items))].Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.Int64(0)})
	})
}

// persistently tries for as long as the API server is away.
func (b *bench) persistently(ctx context.Context, try func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, time.Second, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// give has all commands given until all are accepted, and returns the tries of those that were sent straight to the receiver.
func (c *commands) give(ctx context.Context) ([]*tries, error) {
	all := map[int]*tries{}
	if err := c.inOrders(c.commands, func(from, to int) error {
		ids := make([]int, 0, to-from)
		for id := from; id < to; id++ {
			ids = append(ids, id)
		}
		return c.orderCommands(ctx, ids, all)
	}); err != nil {
		return nil, err
	}
	for {
		var left []int
		for id := range c.commands {
			if t := all[id]; t == nil || !t.accepted() {
				left = append(left, id)
			}
		}
		if len(left) == 0 {
			break
		}
		progress("%d commands are not accepted yet", len(left))
		if err := c.orderCommands(ctx, left, all); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Collect(maps.Values(all)), func(t *tries) bool { return !t.Straight }), nil
}

// orderCommands has some commands given for a while, and adds up how that went.
func (c *commands) orderCommands(ctx context.Context, ids []int, all map[int]*tries) error {
	body, err := json.Marshal(map[string]any{
		"Broker": c.broker, "Receiver": receiverURL, "Token": c.token, "Namespace": c.namespace,
		"Repository": c.helloSource().Repository, "Tag": c.helloSource().Tag,
		"IDs": ids, "Rate": c.eventRate, "Functions": c.many, "Seconds": int(orderLasts.Seconds()),
	})
	if err != nil {
		return fmt.Errorf("failed to write an order: %w", err)
	}
	patient := *c.caller
	patient.Timeout = 2 * orderLasts
	var sent struct{ Tries []*tries }
	if err := callJSONBy(ctx, &patient, http.MethodPost, c.generator.Status.URL.String(), body, &sent); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range sent.Tries {
		if before := all[t.ID]; before != nil {
			t.Statuses = append(before.Statuses, t.Statuses...)
		}
		all[t.ID] = t
	}
	return nil
}

// judgeAnswers looks for commands that were done although the receiver said that they were not.
func (c *commands) judgeAnswers(r *report, straight []*tries) {
	statuses := map[int]int{}
	wrong := 0
	for _, command := range straight {
		for _, status := range command.Statuses {
			statuses[status]++
		}
		before := command.Statuses[:len(command.Statuses)-1]
		if command.Duplicate && len(before) > 0 && !slices.Contains(before, 0) {
			// It was answered each time, and none but a bad answer was for what was done.
			wrong++
		}
	}
	r.add("answers to those that no Broker sent", fmt.Sprintf("%d commands, by status (0: none): %v", len(straight), statuses), "", "")
	r.add("a bad status for what was done", strconv.Itoa(wrong), "", "")
	if wrong > 0 {
		r.fault("%d commands were done and had a bad status", wrong)
	}
}

// judgeEffects holds that each command is done or is a dead letter, and that none is done twice: when the letters are sent again
// each has been done once. A command may be done and be a letter, too: its answer was lost, and no receiver was there again.
func (c *commands) judgeEffects(ctx context.Context, r *report) error {
	redriver, err := c.clients.NewToken(ctx, c.namespace, "redriver", "knative-lambda-namespaced-edit", "knative-lambda-namespaced-view")
	if err != nil {
		return err
	}
	s := &sink{bench: c.bench, token: redriver}
	defer s.close()
	kept, err := s.letters(ctx)
	if err != nil {
		return err
	}
	changes, err := c.changes(ctx)
	if err != nil {
		return err
	}
	r.add("changes of functions, dead letters", fmt.Sprintf("%d, %d", changes, len(kept)), fmt.Sprintf("of %d", c.commands), "")
	if changes+len(kept) < c.commands {
		r.fault("of %d commands %d are done and %d are dead letters", c.commands, changes, len(kept))
	}
	start := time.Now()
	// A redrive sends to what is of the namespace, which its receiver is not.
	for left := len(kept); left > 0 && time.Since(start) < settling; {
		done, err := s.redrive(ctx, map[string]string{}, c.broker, false)
		if err != nil {
			return err
		}
		if kept, err = s.letters(ctx); err != nil {
			return err
		}
		left = len(kept)
		progress("%d letters are delivered, %d are left", done.Delivered, left)
	}
	if changes, err = c.changes(ctx); err != nil {
		return err
	}
	r.add("changes once the letters were sent again, letters left", fmt.Sprintf("%d, %d", changes, len(kept)), fmt.Sprintf("of %d, after %.0f s", c.commands, time.Since(start).Seconds()), "")
	if changes != c.commands || len(kept) > 0 {
		r.fault("of %d commands %d are done once the letters were sent again, and %d letters are left", c.commands, changes, len(kept))
	}
	return nil
}

// changes are those of all functions since they were made.
func (c *commands) changes(ctx context.Context) (n int, err error) {
	functions, err := c.clients.Lambda.LambdaV1alpha1().LambdaFunctions(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: toldLabel})
	if err != nil {
		return 0, fmt.Errorf("failed to list the functions: %w", err)
	}
	for i := range functions.Items {
		n += int(functions.Items[i].Generation) - 1
	}
	return n, nil
}

// judgeExpired gives a command with a token that was good until a moment ago.
func (c *commands) judgeExpired(ctx context.Context, r *report) error {
	// The API server allows a minute for clocks that are late (jwt.DefaultLeeway of go-jose), and remembers for a while, as the
	// receiver does, whom it knows.
	ends := c.since.Add(tokenLife + 90*time.Second)
	progress("wait for a token to expire, until %s", ends.Format(time.TimeOnly))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(ends)):
	}
	address, stop, err := c.clients.ForwardToReady(ctx, c.operatorNamespace, receiverPods, 8080)
	if err != nil {
		return err
	}
	defer stop()
	var statuses []int
	for _, token := range []string{c.token, c.expiring} {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address, http.NoBody)
		if err != nil {
			return fmt.Errorf("failed to make a request: %w", err)
		}
		for name, value := range map[string]string{
			"Authorization": "Bearer " + token, "Ce-Specversion": event.CloudEventsVersionV1, "Ce-Id": "late", "Ce-Source": "/bench",
			"Ce-Type": events.ServiceDelete, "Ce-Subject": c.namespace + "/nothing",
		} {
			request.Header.Set(name, value)
		}
		response, err := test.Do(http.DefaultClient, request)
		if err != nil {
			return err
		}
		statuses = append(statuses, response.Status)
	}
	r.add("a token that has expired", fmt.Sprintf("status %d", statuses[1]), fmt.Sprintf("one that has not: %d", statuses[0]), "")
	if statuses[0] != http.StatusAccepted || statuses[1] != http.StatusUnauthorized {
		r.fault("a good and an expired token are answered %v", statuses)
	}
	return nil
}
