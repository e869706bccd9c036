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
	"math"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

const (
	startTimeout = 2 * time.Minute
	// lockTimeout is less than the kubelet gives the process to start.
	lockTimeout  = 2 * time.Minute
	lockInterval = 100 * time.Millisecond
	// maxHeaderBytes is what JetStream takes of headers: the letter without the event's data.
	maxHeaderBytes = math.MaxUint16
	// memoryBytes is for JetStream's bookkeeping; letters are on the disk.
	memoryBytes = 64 << 20
)

// startServer starts a NATS server in this process that keeps its streams in a folder.
func startServer(ctx context.Context, folder string, settings *config.DeadLetters, logger *zap.SugaredLogger) (*server.Server, func() error, error) {
	unlock, err := lockFolder(ctx, folder, logger)
	if err != nil {
		return nil, nil, err
	}
	maxStore := settings.MaxBytes
	if maxStore == 0 {
		if maxStore, err = mostOfVolume(folder); err != nil {
			return nil, nil, errors.Join(err, unlock())
		}
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "lambda-deadletter",
		// Nobody else is to reach it.
		DontListen: true,
		NoSigs:     true,
		// An event and its headers have to fit.
		MaxPayload:         int32(settings.MaxEventBytes) + 2*maxHeaderBytes, //nolint:gosec // G115: 48Mi at most
		JetStream:          true,
		StoreDir:           folder,
		JetStreamMaxStore:  maxStore,
		JetStreamMaxMemory: memoryBytes,
		// 0 is the server's own, which is for what disk does not sync.
		SyncInterval:           settings.SyncInterval,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("failed to make the NATS server: %w", err), unlock())
	}
	s.SetLoggerV2(serverLogger{logger.Named("nats")}, false, false, false)
	go s.Start()
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, nil, errors.Join(fmt.Errorf("failed to start JetStream in %q", folder), unlock())
	}
	return s, unlock, nil
}

// lockFolder sees to it that one process alone writes to the folder. The lock goes with the process. It waits for the process
// of a pod that was deleted by force and has not ended yet: to end for it would have the kubelet wait longer and longer.
func lockFolder(ctx context.Context, folder string, logger *zap.SugaredLogger) (func() error, error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("failed to make the folder of the store: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("failed to open the lock of the store: %w", err)
	}
	lock := func() error { return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
	if err = lock(); err != nil {
		logger.Infow("Waiting for the store, which another process has", "folder", folder)
		failed := wait.PollUntilContextTimeout(ctx, lockInterval, lockTimeout, false, func(context.Context) (bool, error) {
			err = lock()
			return err == nil, nil
		})
		if failed != nil {
			return nil, errors.Join(fmt.Errorf("failed to lock the store in %q, another process has it: %w", folder, err), file.Close())
		}
	}
	return file.Close, nil
}

// mostOfVolume returns nine tenths of the size of the volume of a folder: deletions need room as well.
func mostOfVolume(folder string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0, fmt.Errorf("failed to ask for the size of the volume of %q: %w", folder, err)
	}
	return int64(stat.Blocks) / 10 * 9 * stat.Bsize, nil //nolint:gosec // G115: no volume has 2^63 blocks
}

// inProcess connects a client to the server in this process.
type inProcess struct{ server *server.Server }

// InProcessConn implements nats.InProcessConnProvider.
func (p inProcess) InProcessConn() (net.Conn, error) { return p.server.InProcessConn() }

var _ nats.InProcessConnProvider = inProcess{}

// serverLogger gives the server's log to ours.
type serverLogger struct{ logger *zap.SugaredLogger }

// The methods of server.Logger. Notices are about the server's own start and end.

func (l serverLogger) Noticef(format string, v ...any) { l.logger.Debugf(format, v...) }
func (l serverLogger) Warnf(format string, v ...any)   { l.logger.Warnf(format, v...) }
func (l serverLogger) Fatalf(format string, v ...any)  { l.logger.Errorf(format, v...) }
func (l serverLogger) Errorf(format string, v ...any)  { l.logger.Errorf(format, v...) }
func (l serverLogger) Debugf(format string, v ...any)  { l.logger.Debugf(format, v...) }
func (l serverLogger) Tracef(format string, v ...any)  { l.logger.Debugf(format, v...) }
