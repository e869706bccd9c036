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

package deadletter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	// redriveConcurrency is how many letters of a redrive are on their way at once, and how many are looked at before the
	// progress is stored.
	redriveConcurrency = 16
	// leaseDuration is how long another process waits for one that has fallen silent, leaseRenewal how often a process
	// says that it is there.
	leaseDuration = 30 * time.Second
	leaseRenewal  = 5 * time.Second
	// progressEvery is how often progress is stored.
	progressEvery = time.Second
	// lookEvery is how often a process looks for redrives that another one has left.
	lookEvery = 5 * time.Second
	// maxInARow is how many letters may fail one after the other before a redrive gives up.
	maxInARow = 100
)

// runner runs redrives, one of each namespace at a time: no letter is in two of them at once.
type runner struct {
	store    *Store
	owner    string
	settings func() *config.DeadLetters
	sender   *sender
	logger   *zap.SugaredLogger
	// wake says that there may be something to do.
	wake chan struct{}

	mu      sync.Mutex
	running map[string]context.CancelFunc // by namespace
	work    sync.WaitGroup
}

func newRunner(s *Store, owner string, settings func() *config.DeadLetters, client http.RoundTripper, logger *zap.SugaredLogger) *runner {
	return &runner{
		store:    s,
		owner:    owner,
		settings: settings,
		sender:   newSender(client, settings),
		logger:   logger,
		wake:     make(chan struct{}, 1),
		running:  map[string]context.CancelFunc{},
	}
}

// notify makes the runner look for work now.
func (r *runner) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run starts redrives until the context ends, and returns when those that it started have stored how far they are.
func (r *runner) run(ctx context.Context) {
	defer r.work.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.logger.Errorw("Failed to look for redrives", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.wake:
		}
	}
}

// look starts the first redrive of each namespace that is not finished, unless somebody runs it.
func (r *runner) look(ctx context.Context) error {
	jobs, err := r.store.redrives(ctx, "")
	if err != nil {
		return err
	}
	first := map[string]*Redrive{}
	for _, j := range jobs {
		if _, ok := first[j.Namespace]; !ok && !j.State.finished() {
			first[j.Namespace] = j
		}
	}
	for namespace, j := range first {
		// A process of the same name that ran it is gone: there is one at a time.
		if j.Owner != "" && j.Owner != r.owner && time.Now().Before(j.Lease) {
			continue
		}
		r.start(ctx, namespace, j)
	}
	return nil
}

func (r *runner) start(ctx context.Context, namespace string, j *Redrive) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.running[namespace]; ok {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	r.running[namespace] = cancel
	r.work.Go(func() {
		defer r.notify()
		defer func() {
			cancel()
			r.mu.Lock()
			delete(r.running, namespace)
			r.mu.Unlock()
		}()
		w := &redriveWork{runner: r, job: j, limiter: rate.NewLimiter(rate.Limit(j.Rate), 1)}
		if err := w.run(ctx); err != nil && ctx.Err() == nil {
			r.logger.Errorw("A redrive stopped, and will be tried again", "namespace", namespace, "redrive", j.ID, "error", err)
		}
	})
}

// interrupt ends the run of a redrive, where this process runs it.
func (r *runner) interrupt(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel, ok := r.running[namespace]; ok {
		cancel()
	}
}

// redriveWork is one run of a redrive.
type redriveWork struct {
	*runner
	limiter *rate.Limiter
	mailbox *mailbox

	mu      sync.Mutex
	job     *Redrive
	savedAt time.Time
	inARow  int
}

// errStop ends a run whose redrive somebody else has changed.
var errStop = errors.New("the redrive was cancelled, or is another's now")

func (w *redriveWork) run(ctx context.Context) error {
	if err := w.claim(ctx); err != nil {
		return ignoreStop(err)
	}
	renewed, stopRenewal := context.WithCancel(ctx)
	defer stopRenewal()
	lost := make(chan struct{})
	var renewal sync.WaitGroup
	renewal.Go(func() { w.renew(renewed, lost) })
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	go func() {
		select {
		case <-lost:
			stopSending()
		case <-sending.Done():
		}
	}()
	err := w.sendAll(sending)
	stopRenewal()
	renewal.Wait()
	if err != nil {
		// How far it came is stored also where the process ends.
		saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		if saveErr := w.save(saving); errors.Is(saveErr, errStop) {
			return w.settle(saving)
		} else if saveErr != nil {
			return errors.Join(err, saveErr)
		}
		return err
	}
	w.mu.Lock()
	w.job.finish(time.Now().UTC())
	w.mu.Unlock()
	if err := w.save(ctx); err != nil {
		return ignoreStop(err)
	}
	w.audit()
	return nil
}

// settle adds what was done to a redrive that was cancelled meanwhile.
func (w *redriveWork) settle(ctx context.Context) error {
	j, err := w.store.redrive(ctx, w.job.Namespace, w.job.ID)
	if err != nil || j.State != StateCancelled {
		return err
	}
	w.mu.Lock()
	done := *w.job
	w.mu.Unlock()
	done.State, done.FinishedAt, done.Message, done.Owner, done.Lease = j.State, j.FinishedAt, j.Message, "", time.Time{}
	done.revision = j.revision
	w.job = &done
	w.audit()
	return ignoreStop(w.store.saveRedrive(ctx, &done))
}

func ignoreStop(err error) error {
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

func (w *redriveWork) audit() {
	j := w.job
	w.logger.Infow("Redrive ended", "audit", true, "user", j.User, "namespace", j.Namespace, "redrive", j.ID, "state", j.State,
		"matched", j.Matched, "delivered", j.Delivered, "undelivered", j.Undelivered, "refused", j.Refused, "gone", j.Gone)
}

// claim makes the redrive this process's.
func (w *redriveWork) claim(ctx context.Context) error {
	w.mu.Lock()
	j := w.job
	j.State, j.Owner = StateRunning, w.owner
	if j.StartedAt.IsZero() {
		j.StartedAt = time.Now().UTC()
	}
	w.mu.Unlock()
	if err := w.save(ctx); err != nil {
		return err
	}
	m, err := w.store.open(ctx, j.Namespace, false)
	if errors.Is(err, ErrNotFound) {
		// Its letters are gone with their stream.
		return nil
	}
	w.mailbox = m
	return err
}

// renew stores that this process is there, and how far it is, until the context ends or the redrive is lost.
func (w *redriveWork) renew(ctx context.Context, lost chan<- struct{}) {
	ticker := time.NewTicker(leaseRenewal)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := w.save(ctx)
		w.mu.Lock()
		over := time.Now().After(w.job.Lease)
		w.mu.Unlock()
		if errors.Is(err, errStop) || (err != nil && over) {
			close(lost)
			return
		}
	}
}

// save stores the redrive with a new lease.
func (w *redriveWork) save(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := *w.job
	if !j.State.finished() {
		j.Lease = time.Now().Add(leaseDuration).UTC()
	}
	err := w.store.saveRedrive(ctx, &j)
	if errors.Is(err, errChanged) {
		return errStop
	}
	if err != nil {
		return err
	}
	w.job.revision, w.job.Lease, w.savedAt = j.revision, j.Lease, time.Now()
	return nil
}

// sendAll sends what is left to send, some letters at once.
func (w *redriveWork) sendAll(ctx context.Context) error {
	if w.mailbox == nil {
		return nil
	}
	if err := w.removeDelivered(ctx); err != nil {
		return err
	}
	chosen := selectionOf(w.job)
	var page []*Letter
	var failed error
	send := func() bool {
		failed = w.sendPage(ctx, page)
		page = page[:0]
		return failed == nil
	}
	err := chosen.each(ctx, w.mailbox, w.job.Cursor, w.job.Through, func(l *Letter) bool {
		page = append(page, l)
		return len(page) < redriveConcurrency || send()
	}, func(uint64) {
		w.mu.Lock()
		w.job.Gone++
		w.mu.Unlock()
	})
	if err == nil && failed == nil && len(page) > 0 {
		send()
	}
	if errors.Is(failed, errGiveUp) {
		return nil
	}
	return errors.Join(err, failed)
}

var errGiveUp = errors.New("too many failures")

// sendPage sends letters at once, and returns when all have an answer.
func (w *redriveWork) sendPage(ctx context.Context, page []*Letter) error {
	var letters sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	var ended error // where the others were sent, and their errors come meanwhile
	for _, l := range page {
		if ended = w.limiter.Wait(ctx); ended != nil {
			break
		}
		letters.Go(func() {
			if err := w.sendOne(ctx, l); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	letters.Wait()
	if err := errors.Join(append(errs, ended)...); err != nil {
		return err
	}
	last, _ := parseID(page[len(page)-1].ID)
	w.mu.Lock()
	w.job.Cursor = last + 1
	due := time.Since(w.savedAt) >= progressEvery
	hopeless := w.inARow >= maxInARow
	if hopeless {
		w.job.Message = fmt.Sprintf("given up after %d letters in a row were not delivered; all that are left are kept", w.inARow)
	}
	w.mu.Unlock()
	switch {
	case hopeless:
		return errGiveUp
	case due:
		return w.save(ctx)
	}
	return nil
}

// sendOne sends a letter, and removes it when its destination has taken it.
func (w *redriveWork) sendOne(ctx context.Context, head *Letter) error {
	sequence, _ := parseID(head.ID)
	l, err := w.mailbox.get(ctx, sequence)
	if errors.Is(err, ErrNotFound) {
		w.note(ctx, "gone", func(j *Redrive) { j.Gone++ })
		return nil
	}
	if err != nil {
		return err
	}
	sent := w.sender.send(ctx, l, w.job.Destination)
	switch {
	case ctx.Err() != nil && sent.err != nil:
		// Not the destination's fault.
		return ctx.Err()
	case errors.Is(sent.err, errDestination):
		w.note(ctx, "refused", func(j *Redrive) {
			j.Refused++
			j.fail(Failure{ID: l.ID, Detail: sent.err.Error()})
		})
		return nil
	case sent.err != nil:
		w.note(ctx, "undelivered", func(j *Redrive) {
			j.Undelivered++
			w.inARow++
			j.fail(Failure{ID: l.ID, Status: sent.status, Detail: sent.err.Error()})
		})
		return nil
	}
	// The destination has it: the letter goes even where the redrive is ended now.
	removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	removed := w.mailbox.remove(removing, sequence)
	w.note(ctx, "delivered", func(j *Redrive) {
		j.Delivered++
		w.inARow = 0
		switch {
		case sent.replied:
			j.Replies++
		case sent.replyDropped:
			j.RepliesDropped++
		}
		if removed != nil {
			j.Unremoved = append(j.Unremoved, l.ID)
		}
	})
	if removed != nil {
		// The mark has to be safe, or the letter would be sent again.
		return errors.Join(removed, w.save(removing))
	}
	return nil
}

func (w *redriveWork) note(ctx context.Context, result string, change func(*Redrive)) {
	w.store.metrics.redriven(ctx, w.job.Namespace, result)
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.job)
}

// removeDelivered removes letters that were delivered before, and could not be removed then.
func (w *redriveWork) removeDelivered(ctx context.Context) error {
	for _, id := range slices.Clone(w.job.Unremoved) {
		sequence, _ := parseID(id)
		if err := w.mailbox.remove(ctx, sequence); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.job.Unremoved = nil
	w.mu.Unlock()
	return nil
}
