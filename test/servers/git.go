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
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	gitserver "github.com/go-git/go-git/v5/plumbing/transport/server"
	"github.com/go-git/go-git/v5/storage/memory"
)

const uploadPack = "git-upload-pack"

// repositories are served over HTTP and ssh, to be fetched from.
type repositories struct {
	// mutex is held to the end of an answer too: the storage is not made for both at once.
	mutex  sync.Mutex
	byPath map[string]*git.Repository
}

var (
	_ container        = (*repositories)(nil)
	_ http.Handler     = (*repositories)(nil)
	_ gitserver.Loader = (*repositories)(nil)
)

func newRepositories() *repositories {
	return &repositories{byPath: map[string]*git.Repository{}}
}

// put makes a commit of the files on branch main.
func (r *repositories) put(path string, files map[string][]byte) (string, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	repository, ok := r.byPath[path]
	if !ok {
		var err error
		repository, err = git.InitWithOptions(memory.NewStorage(), memfs.New(), git.InitOptions{DefaultBranch: plumbing.Main})
		if err != nil {
			return "", fmt.Errorf("failed to make repository %q: %w", path, err)
		}
	}
	commit, err := commitAll(repository, files)
	if err != nil {
		return "", fmt.Errorf("failed to commit to repository %q: %w", path, err)
	}
	r.byPath[path] = repository
	return commit.String(), nil
}

func commitAll(repository *git.Repository, files map[string][]byte) (plumbing.Hash, error) {
	tree, err := repository.Worktree()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	present, err := tree.Filesystem.ReadDir("/")
	if err != nil {
		return plumbing.ZeroHash, err
	}
	for _, entry := range present {
		if err := util.RemoveAll(tree.Filesystem, entry.Name()); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	for name, content := range files {
		if err := util.WriteFile(tree.Filesystem, name, content, 0o644); err != nil {
			return plumbing.ZeroHash, err
		}
	}
	if err := tree.AddWithOptions(&git.AddOptions{All: true}); err != nil {
		return plumbing.ZeroHash, err
	}
	// The same files are the same commit, whenever they are committed first.
	author := &object.Signature{Name: "test", Email: "test@example.com", When: time.Unix(0, 0).UTC()}
	return tree.Commit("Change the content", &git.CommitOptions{Author: author, AllowEmptyCommits: true})
}

// Load implements gitserver.Loader.
func (r *repositories) Load(endpoint *transport.Endpoint) (storer.Storer, error) {
	repository, ok := r.byPath[strings.Trim(endpoint.Path, "/")]
	if !ok {
		return nil, transport.ErrRepositoryNotFound
	}
	return repository.Storer, nil
}

func (r *repositories) session(path string) (transport.UploadPackSession, error) {
	endpoint := &transport.Endpoint{Protocol: "file", Path: path}
	return gitserver.NewServer(r).NewUploadPackSession(endpoint, nil)
}

// ServeHTTP implements http.Handler by git's smart protocol.
func (r *repositories) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	w.Header().Set("Cache-Control", "no-cache")
	var serve func(transport.UploadPackSession) error
	path, advertised := strings.CutSuffix(req.URL.Path, "/info/refs")
	if advertised && req.Method == http.MethodGet && req.URL.Query().Get("service") == uploadPack {
		w.Header().Set("Content-Type", "application/x-"+uploadPack+"-advertisement")
		serve = func(s transport.UploadPackSession) error {
			return advertise(req.Context(), s, w, []byte("# service="+uploadPack), pktline.Flush)
		}
	} else if named, ok := strings.CutSuffix(req.URL.Path, "/"+uploadPack); ok && req.Method == http.MethodPost {
		path = named
		w.Header().Set("Content-Type", "application/x-"+uploadPack+"-result")
		serve = func(s transport.UploadPackSession) error { return answerHTTP(req, s, w) }
	} else {
		http.Error(w, "only fetches are served", http.StatusForbidden)
		return
	}
	session, err := r.session(path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if err := serve(session); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// advertise tells what there is to fetch.
func advertise(ctx context.Context, session transport.UploadPackSession, w io.Writer, prefix ...[]byte) error {
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return fmt.Errorf("failed to list references: %w", err)
	}
	refs.Prefix = prefix
	return refs.Encode(w)
}

func answerHTTP(req *http.Request, session transport.UploadPackSession, w io.Writer) error {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("failed to unpack request: %w", err)
		}
		body = unpacked
	}
	return answer(req.Context(), session, body, w)
}

// answer sends the objects that are asked for. Each fetch is the client's first: what it has is not asked.
func answer(ctx context.Context, session transport.UploadPackSession, r io.Reader, w io.Writer) error {
	request := packp.NewUploadPackRequest()
	if err := request.Decode(r); err != nil {
		return fmt.Errorf("failed to read request: %w", err)
	}
	response, err := session.UploadPack(ctx, request)
	if err != nil {
		return fmt.Errorf("failed to find objects: %w", err)
	}
	return response.Encode(w)
}
