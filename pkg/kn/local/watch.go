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

package local

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long no file must change before the code is loaded again: an editor, and even more a git checkout,
// writes several.
const settle = 100 * time.Millisecond

// unwatched are folders whose files do not belong to the code that is written here.
var unwatched = []string{"node_modules", "__pycache__", "venv", "vendor"}

// watch sends after changes below the folders, until ctx is done.
func watch(ctx context.Context, folders []string) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("failed to watch files: %w", err)
	}
	for _, folder := range folders {
		if err := addAll(w, folder); err != nil {
			_ = w.Close() // the reason is err
			return nil, fmt.Errorf("failed to watch %q: %w", folder, err)
		}
	}
	changes := make(chan struct{}, 1)
	go func() {
		defer w.Close()
		follow(ctx, w, changes)
	}()
	return changes, nil
}

func follow(ctx context.Context, w *fsnotify.Watcher, changes chan<- struct{}) {
	var settled <-chan time.Time
	for {
		select {
		case e := <-w.Events:
			if e.Op == fsnotify.Chmod || isIgnored(e.Name) {
				continue
			}
			if info, err := os.Stat(e.Name); err == nil && info.IsDir() {
				_ = addAll(w, e.Name) // where it is gone again, its own folder says so
			}
			settled = time.After(settle)
		case <-w.Errors: // events were lost, whichever
			settled = time.After(settle)
		case <-settled:
			settled = nil
			select {
			case changes <- struct{}{}:
			default: // one that nobody has taken yet is enough
			}
		case <-ctx.Done():
			return
		}
	}
}

// addAll watches a folder and all below it.
func addAll(w *fsnotify.Watcher, folder string) error {
	return filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && name != folder:
			return nil // it has gone meanwhile
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case name != folder && isIgnored(name):
			return fs.SkipDir
		default:
			return w.Add(name)
		}
	})
}

// isIgnored is true for what is hidden, made by tools, or an editor's own, and for logs: what the function prints may be
// written to a file beside its code, and must not have it loaded again.
func isIgnored(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, ".") || slices.Contains(unwatched, base) ||
		slices.ContainsFunc([]string{"~", ".pyc", ".log"}, func(end string) bool { return strings.HasSuffix(base, end) })
}
