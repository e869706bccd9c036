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
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// disk puts what JetStream wrote of a stream on the disk, once for all who wait for it.
//
// JetStream can do so itself, but then after each message, or, for messages that are published as one, after it has made
// and removed a folder for them: eight syncs where one is enough. It hands what it writes to the kernel before it answers
// (pkg/deadletter/crash_test.go kills it to see). So it is told not to sync, and what it changed in the stream's folder
// is synced from here, whatever the files are called.
type disk struct {
	root, folder string

	mu   sync.Mutex
	next *round

	// flushing is held by the round that is on its way; it guards what follows.
	flushing sync.Mutex
	known    map[string]fileState
	failed   error
}

// round is one sync, and those who wait for it.
type round struct {
	once sync.Once
	err  error
}

// fileState tells whether a file was changed.
type fileState struct {
	inode      uint64
	size       int64
	sec, nanos int64
}

// newDisk finds the folder of a stream below root.
func newDisk(root, stream string) (*disk, error) {
	d := &disk{root: root, next: &round{}, known: map[string]fileState{}}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// JetStream renames and removes files meanwhile.
			return nil
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == stream:
			d.folder = path
			return filepath.SkipAll
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("failed to look for the folder of stream %q: %w", stream, err)
	}
	if d.folder == "" {
		return nil, fmt.Errorf("failed to find the folder of stream %q in %q", stream, root)
	}
	// The way to it has to be there after a crash as well.
	for path := filepath.Dir(d.folder); ; path = filepath.Dir(path) {
		if err := syncFile(path); err != nil {
			return nil, err
		}
		if path == filepath.Clean(root) || path == filepath.Dir(path) {
			return d, nil
		}
	}
}

// sync returns when all that was written before it was called is on the disk. Those who call it while the disk is busy
// share the next sync.
func (d *disk) sync() error {
	d.mu.Lock()
	r := d.next
	d.mu.Unlock()
	r.once.Do(func() {
		d.flushing.Lock()
		defer d.flushing.Unlock()
		// Who comes from here on may have written something that this round does not see.
		d.mu.Lock()
		d.next = &round{}
		d.mu.Unlock()
		r.err = d.flush()
	})
	return r.err
}

// flush syncs what has changed. After an error nothing is known of what the kernel has thrown away: it stays.
func (d *disk) flush() error {
	if d.failed != nil {
		return d.failed
	}
	synced := make(map[string]fileState, len(d.known))
	d.failed = filepath.WalkDir(d.folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return d.flushOne(path, entry, synced)
	})
	d.known = synced
	return d.failed
}

func (d *disk) flushOne(path string, entry fs.DirEntry, synced map[string]fileState) error {
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("failed to look at %q: no inode", path)
	}
	state := fileState{stat.Ino, stat.Size, stat.Mtim.Sec, stat.Mtim.Nsec}
	if d.known[path] != state {
		if err := syncFile(path); err != nil {
			return err
		}
	}
	synced[path] = state
	return nil
}

// syncFile syncs a file or a folder. One that is gone needs none.
func syncFile(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to open %q: %w", path, err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		return fmt.Errorf("failed to sync %q: %w", path, err)
	}
	return nil
}
