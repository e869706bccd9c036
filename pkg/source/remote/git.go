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

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

const (
	// maxNamedRefs is how many of a repository's branches and tags a failure names.
	maxNamedRefs = 20
	// hashLength is that of a commit in full, in hex digits.
	hashLength = 40
)

// commitPattern is a commit, or so much of one that it is hardly another.
var commitPattern = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// repository is one on a server.
type repository struct {
	remote source.GitRemote
	// open makes a connection. Each is for one request.
	open     func(ctx context.Context) (transport.UploadPackSession, error)
	maxBytes int64
}

func (f *fetcher) git(ctx context.Context, g *source.Git, files *source.Files) (string, error) {
	remote, err := g.Remote()
	if err != nil {
		return "", err
	}
	r := &repository{remote: remote, maxBytes: f.maxBytes}
	if r.open, err = f.opener(remote); err != nil {
		return "", err
	}
	commit, err := r.commit(ctx, g.Ref)
	if err != nil {
		return "", r.explain(err)
	}
	root, err := commit.Tree()
	if err != nil {
		return "", fmt.Errorf("failed to read the files of commit %s: %w", commit.Hash, err)
	}
	w := &treeWriter{files: files, left: 4 * files.Limits().Files}
	return commit.Hash.String(), w.write(ctx, root, g.Path)
}

// connection is one that told what the repository has.
type connection struct {
	transport.UploadPackSession
	refs *packp.AdvRefs
}

func (r *repository) connect(ctx context.Context) (*connection, error) {
	session, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		session.Close()
		return nil, err
	}
	return &connection{session, refs}, nil
}

// commit fetches the commit that ref means, with all its files and nothing of its history where the server can do so.
func (r *repository) commit(ctx context.Context, ref string) (*object.Commit, error) {
	c, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if hash, ok := find(c.refs, ref); ok {
		return r.tip(ctx, c, hash)
	}
	if !commitPattern.MatchString(ref) {
		return nil, r.noRef(c.refs, ref)
	}
	if len(ref) == hashLength && c.refs.Capabilities.Supports(capability.AllowReachableSHA1InWant) {
		commit, err := r.tip(ctx, c, plumbing.NewHash(ref))
		if err != nil && strings.Contains(err.Error(), "not our ref") {
			return nil, r.noRef(c.refs, ref)
		}
		return commit, err
	}
	return r.search(ctx, c, ref)
}

// find returns what a branch, a tag, or a commit that one of them is at, has for a hash.
func find(refs *packp.AdvRefs, ref string) (plumbing.Hash, bool) {
	if ref == "HEAD" && refs.Head != nil {
		return *refs.Head, true
	}
	for _, name := range []string{"refs/heads/" + ref, "refs/tags/" + ref, ref} {
		if hash, ok := refs.References[name]; ok {
			return hash, true
		}
	}
	if len(ref) == hashLength {
		for _, hash := range refs.References {
			if hash.String() == ref {
				return hash, true
			}
		}
	}
	return plumbing.ZeroHash, false
}

// tip fetches one commit, or what a tag is of.
func (r *repository) tip(ctx context.Context, c *connection, hash plumbing.Hash) (*object.Commit, error) {
	store, err := r.objects(ctx, c, 1, hash)
	if err != nil {
		return nil, err
	}
	return peel(store, hash)
}

// search fetches the whole history and looks for a commit there: a server tells of those only that have a name.
func (r *repository) search(ctx context.Context, c *connection, ref string) (*object.Commit, error) {
	var wants []plumbing.Hash
	for name, hash := range c.refs.References {
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			wants = append(wants, hash)
		}
	}
	if len(wants) == 0 {
		return nil, r.noRef(c.refs, ref)
	}
	store, err := r.objects(ctx, c, 0, wants...)
	if err != nil {
		return nil, err
	}
	var found []plumbing.Hash
	for hash := range store.Commits {
		if strings.HasPrefix(hash.String(), ref) {
			found = append(found, hash)
		}
	}
	switch len(found) {
	case 0:
		return nil, r.noRef(c.refs, ref)
	case 1:
		return peel(store, found[0])
	default:
		return nil, source.Failf(source.ReasonRefNotFound, "source.git.ref: %q is the beginning of %d commits of %s: write more of it", ref, len(found), r.remote)
	}
}

// objects fetches commits and all they need, as many generations of them as depth says, 0 for all.
func (r *repository) objects(ctx context.Context, c *connection, depth int, wants ...plumbing.Hash) (*memory.Storage, error) {
	slices.SortFunc(wants, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	req := packp.NewUploadPackRequestFromCapabilities(c.refs.Capabilities)
	req.Wants = slices.Compact(wants)
	if depth > 0 && c.refs.Capabilities.Supports(capability.Shallow) {
		req.Depth = packp.DepthCommits(depth)
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return nil, fmt.Errorf("failed to ask for commits: %w", err)
		}
	}
	if c.refs.Capabilities.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return nil, fmt.Errorf("failed to ask for commits: %w", err)
		}
	}
	resp, err := c.UploadPack(ctx, req)
	if err != nil {
		return nil, err
	}
	defer resp.Close()
	return readPack(req.Capabilities, resp, r.maxBytes)
}

// peel returns the commit that hash is, or that a tag is of.
func peel(store storer.EncodedObjectStorer, hash plumbing.Hash) (*object.Commit, error) {
	for range 10 {
		tag, err := object.GetTag(store, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("failed to read tag %s: %w", hash, err)
		}
		hash = tag.Target
	}
	commit, err := object.GetCommit(store, hash)
	if err != nil {
		return nil, source.Failf(source.ReasonRefNotFound, "source.git.ref: %s is not a commit: %w", hash, err)
	}
	return commit, nil
}

// noRef names what there is instead.
func (r *repository) noRef(refs *packp.AdvRefs, ref string) error {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(refs.References)) {
		for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
			if short, ok := strings.CutPrefix(name, prefix); ok {
				names = append(names, short)
			}
		}
	}
	more := ""
	if len(names) > maxNamedRefs {
		more = fmt.Sprintf(" and %d more", len(names)-maxNamedRefs)
		names = names[:maxNamedRefs]
	}
	return source.Failf(source.ReasonRefNotFound, "source.git.ref: %s has no branch, tag or commit %q; it has: %s%s",
		r.remote, ref, strings.Join(names, ", "), more)
}

// explain gives the failures of the protocol their reasons.
func (r *repository) explain(err error) error {
	if e, ok := errors.AsType[*plumbing.UnexpectedError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*plumbing.PermanentError](err); ok {
		err = e.Err
	}
	const login = "check source.git.url, and source.git.secretRef: its Secret has username and password, token, github-token or gitlab-token, or for ssh ssh-privatekey and known_hosts"
	switch {
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return source.Failf(source.ReasonSourceNotFound, "there is no repository %s, or not for everybody: %s", r.remote, login)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return source.Failf(source.ReasonSourceForbidden, "the server does not let the build read %s: %s", r.remote, login)
	case err != nil && strings.Contains(err.Error(), "http redirect: "):
		return source.Failf(source.ReasonSourceRefused, "the server sends the build elsewhere, and not in a safe way: %w: write the address that it means in source.git.url", err)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return source.Failf(source.ReasonRefNotFound, "source.git.ref: %s has no commits yet", r.remote)
	case err == nil || source.ReasonOf(err) != source.ReasonInternal:
		return err
	}
	return fmt.Errorf("failed to fetch %s: %w", r.remote, err)
}

// parent returns the folder that a path is in, and its name there.
func parent(file string) (folder, name string) {
	folder, name = path.Split(file)
	return strings.TrimSuffix(folder, "/"), name
}

// lastLine is what a program says in the end.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// drain reads what is there, so much of it that it fits into a failure.
func drain(r io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(r, 4096)) //nolint:errcheck // What came before the failure is what counts.
	return string(text)
}
