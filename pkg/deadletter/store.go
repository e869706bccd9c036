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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	streamPrefix  = "lambda-deadletters-"
	subjectPrefix = "lambda.deadletters."
	redriveBucket = "lambda-redrives"
	// bucketStream is the stream in which JetStream keeps the bucket.
	bucketStream = "KV_" + redriveBucket
	// noFunction stands for no function in a subject. It cannot be the name of one.
	noFunction = "_"

	requestTimeout = 10 * time.Second
	// maxPending is how many letters of all namespaces JetStream may be storing; the queues bound it before.
	maxPending     = 1 << 16
	redriveHistory = 7 * 24 * time.Hour
)

// Errors of a Store. The text is for who posts letters or asks for them.
var (
	// ErrFull : there is no room, be it on the disk, for the namespace, or for the function.
	ErrFull = errors.New("there is no room for more letters")
	// ErrUnavailable : the store does not answer.
	ErrUnavailable = errors.New("the store does not answer")
	// ErrBusy : more letters come than can be stored.
	ErrBusy = errors.New("more letters come than can be stored")
	// ErrTooLarge : the event does not fit into a message.
	ErrTooLarge = errors.New("the event is too large")
	// ErrNotFound : there is no letter, or no redrive, of an ID.
	ErrNotFound = errors.New("there is none of this ID")
)

// StoreOptions say where letters are kept.
type StoreOptions struct {
	// Folder is where they are, unless Settings has a NATSURL.
	Folder string
	// Credentials is a folder with what the NATS cluster asks for: nats.creds, or user and password, or token; ca.crt,
	// tls.crt and tls.key. All may be missing, the folder too.
	Credentials string
	// Settings are those that hold as long as the process runs.
	Settings *config.DeadLetters
	Logger   *zap.SugaredLogger
}

// Store keeps letters in JetStream.
type Store struct {
	options StoreOptions
	server  *server.Server // nil for a cluster elsewhere
	unlock  func() error
	conn    *nats.Conn
	js      jetstream.JetStream
	jobs    jetstream.KeyValue
	jobDisk *disk
	metrics *metrics

	// stalled is true where letters were not stored in time, until some are.
	stalled atomic.Bool

	mu        sync.Mutex
	failed    error // the disk failed: nothing that was not synced can be trusted
	closed    bool
	mailboxes map[string]*mailbox
	writers   sync.WaitGroup
}

// OpenStore starts the server or connects to the cluster.
func OpenStore(ctx context.Context, o StoreOptions) (*Store, error) {
	s := &Store{options: o, mailboxes: map[string]*mailbox{}, unlock: func() error { return nil }}
	var err error
	if s.metrics, err = newMetrics(); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	if s.js, err = jetstream.New(s.conn, jetstream.WithDefaultTimeout(requestTimeout), jetstream.WithPublishAsyncMaxPending(maxPending)); err != nil {
		return nil, errors.Join(fmt.Errorf("failed to use JetStream: %w", err), s.Close())
	}
	s.jobs, err = s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:   redriveBucket,
		History:  1,
		TTL:      redriveHistory,
		Replicas: o.Settings.NATSReplicas,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("failed to make the bucket of redrives: %w", err), s.Close())
	}
	if s.jobDisk, err = s.disk(bucketStream); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.metrics.observe(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) connect(ctx context.Context) error {
	options := []nats.Option{
		nats.Name("lambda-deadletter"),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(false),
	}
	url := s.options.Settings.NATSURL
	if url == "" {
		var err error
		if s.server, s.unlock, err = startServer(ctx, s.options.Folder, s.options.Settings, s.options.Logger); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(inProcess{s.server}))
	} else {
		more, err := clusterOptions(s.options.Credentials)
		if err != nil {
			return err
		}
		options = append(options, more...)
	}
	conn, err := nats.Connect(url, options...)
	if err != nil {
		return errors.Join(fmt.Errorf("failed to connect to NATS: %w", err), s.Close())
	}
	s.conn = conn
	return nil
}

// clusterOptions are what the files of a mounted Secret say.
func clusterOptions(folder string) ([]nats.Option, error) {
	var options []nats.Option
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(folder, name))
		return err == nil
	}
	read := func(name string) (string, error) {
		text, err := os.ReadFile(filepath.Join(folder, name))
		return strings.TrimSpace(string(text)), err
	}
	if there("ca.crt") {
		options = append(options, nats.RootCAs(filepath.Join(folder, "ca.crt")))
	}
	if there("tls.crt") {
		options = append(options, nats.ClientCert(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")))
	}
	switch {
	case there("nats.creds"):
		options = append(options, nats.UserCredentials(filepath.Join(folder, "nats.creds")))
	case there("token"):
		token, err := read("token")
		if err != nil {
			return nil, fmt.Errorf("failed to read the token for NATS: %w", err)
		}
		options = append(options, nats.Token(token))
	case there("user"):
		user, err := read("user")
		password, passwordErr := read("password")
		if err := errors.Join(err, passwordErr); err != nil {
			return nil, fmt.Errorf("failed to read the login for NATS: %w", err)
		}
		options = append(options, nats.UserInfo(user, password))
	}
	return options, nil
}

// Close stores what was accepted, and ends the server. Letters that come later are refused.
func (s *Store) Close() error {
	s.mu.Lock()
	closing := !s.closed
	s.closed = true
	for _, m := range s.mailboxes {
		if closing {
			m.queue.close()
		}
	}
	s.mu.Unlock()
	s.writers.Wait()
	var err error
	if closing && s.metrics != nil {
		err = s.metrics.unobserve()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
	if closing {
		err = errors.Join(err, s.unlock())
	}
	return err
}

// disk returns what syncs a stream; nil where a cluster elsewhere, or the interval, does.
func (s *Store) disk(stream string) (*disk, error) {
	if s.server == nil || s.options.Settings.SyncInterval > 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	return newDisk(s.options.Folder, stream)
}

// fail makes Check fail from now on: a new process has to look at what is on the disk.
func (s *Store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.options.Logger.Errorw("Failed to sync the disk", "error", err)
		s.failed = err
	}
}

// Check returns why the store cannot be used now, or nil.
func (s *Store) Check() error {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		return unavailable(failed)
	}
	if s.stalled.Load() {
		return fmt.Errorf("%w: letters are not stored in time, as where the disk is full", ErrUnavailable)
	}
	if s.server != nil && !s.server.JetStreamEnabled() {
		return fmt.Errorf("%w: JetStream has given up", ErrUnavailable)
	}
	if !s.conn.IsConnected() {
		return fmt.Errorf("%w: there is no connection to NATS", ErrUnavailable)
	}
	return nil
}

// Namespaces returns those that have or had letters, in alphabetical order.
func (s *Store) Namespaces(ctx context.Context) ([]string, error) {
	var namespaces []string
	names := s.js.StreamNames(ctx, jetstream.WithStreamListSubject(subjectPrefix+">"))
	for name := range names.Name() {
		if namespace, ok := namespaceOf(name); ok {
			namespaces = append(namespaces, namespace)
		}
	}
	if err := names.Err(); err != nil {
		return nil, unavailable(err)
	}
	slices.Sort(namespaces)
	return namespaces, nil
}

func namespaceOf(stream string) (string, bool) {
	return strings.CutPrefix(stream, streamPrefix)
}

// open returns the mailbox of a namespace. Without create it is ErrNotFound where there never was a letter.
func (s *Store) open(ctx context.Context, namespace string, create bool) (*mailbox, error) {
	s.mu.Lock()
	m, ok := s.mailboxes[namespace]
	closed := s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return nil, fmt.Errorf("%w: it is being closed", ErrUnavailable)
	case ok:
		return m, nil
	}
	stream, err := s.stream(ctx, namespace, create)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("%w: it is being closed", ErrUnavailable)
	}
	if m, ok := s.mailboxes[namespace]; ok {
		return m, nil
	}
	if m, err = newMailbox(s, namespace, stream); err != nil {
		return nil, unavailable(err)
	}
	s.mailboxes[namespace] = m
	s.writers.Go(m.write)
	return m, nil
}

// forget makes the next call of open look for the stream again.
func (s *Store) forget(m *mailbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mailboxes[m.namespace] == m {
		delete(s.mailboxes, m.namespace)
		m.queue.close()
	}
}

func (s *Store) stream(ctx context.Context, namespace string, create bool) (jetstream.Stream, error) {
	stream, err := s.js.Stream(ctx, streamPrefix+namespace)
	switch {
	case err == nil:
		if create {
			// Settings may have changed since it was made.
			stream, err = s.js.UpdateStream(ctx, s.streamConfig(namespace, stream.CachedInfo().Config.FirstSeq))
		}
	case errors.Is(err, jetstream.ErrStreamNotFound) && !create:
		return nil, ErrNotFound
	case errors.Is(err, jetstream.ErrStreamNotFound):
		stream, err = s.createStream(ctx, namespace)
	}
	if err != nil {
		return nil, storeError(err)
	}
	return stream, nil
}

func (s *Store) createStream(ctx context.Context, namespace string) (jetstream.Stream, error) {
	namespaces, err := s.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	if most := s.options.Settings.MaxNamespaces; len(namespaces) >= most && !s.makeRoom(ctx) {
		return nil, fmt.Errorf("%w: %d namespaces have some, as many as may (max-namespaces)", ErrFull, most)
	}
	// The IDs of a stream that was there before are not given out again.
	first := uint64(time.Now().UnixMilli())
	stream, err := s.js.CreateStream(ctx, s.streamConfig(namespace, first))
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		// Another replica was faster.
		return s.js.Stream(ctx, streamPrefix+namespace)
	}
	return stream, err
}

// makeRoom is true where a namespace without letters gave way. Copies of its letters that come late were remembered there.
func (s *Store) makeRoom(ctx context.Context) bool {
	removed, err := s.sweep(ctx, s.options.Settings.DedupeWindow)
	if err != nil {
		s.options.Logger.Errorw("Failed to make room for another namespace", "error", err)
	}
	return removed > 0
}

func (s *Store) streamConfig(namespace string, first uint64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        streamPrefix + namespace,
		Description: "Dead letters of namespace " + namespace,
		Subjects:    []string{subjectPrefix + namespace + ".*"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		Replicas:    s.options.Settings.NATSReplicas,
		Duplicates:  s.options.Settings.DedupeWindow,
		FirstSeq:    first,
		// Each letter has a time of its own at which it goes.
		AllowMsgTTL: true,
	}
}

// storeError says of an error of JetStream what it means for a letter.
func storeError(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return apiFailure(api)
	}
	if errors.Is(err, ErrFull) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return unavailable(err)
}

// apiFailure does the same for the answer of the server.
func apiFailure(api *jetstream.APIError) error {
	switch server.ErrorIdentifier(api.ErrorCode) { //nolint:exhaustive // the others are all the same
	case server.JSInsufficientResourcesErr, server.JSStorageResourcesExceededErr, server.JSStreamStoreFailedF:
		return fmt.Errorf("%w: %s", ErrFull, api.Description)
	case server.JSStreamMessageExceedsMaximumErr, server.JSStreamHeaderExceedsMaximumErr:
		return fmt.Errorf("%w: %s", ErrTooLarge, api.Description)
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, api.Description)
}

func unavailable(err error) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
