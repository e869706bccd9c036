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
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// opener returns what connects to a repository.
func (f *fetcher) opener(remote source.GitRemote) (func(ctx context.Context) (transport.UploadPackSession, error), error) {
	switch remote.Scheme {
	case "https", "http":
		return f.openHTTP(remote)
	case "ssh":
		config, err := f.sshConfig(remote)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (transport.UploadPackSession, error) {
			return f.openSSH(ctx, remote, config)
		}, nil
	default:
		return func(ctx context.Context) (transport.UploadPackSession, error) {
			return f.openGit(ctx, remote)
		}, nil
	}
}

func (f *fetcher) openHTTP(remote source.GitRemote) (func(ctx context.Context) (transport.UploadPackSession, error), error) {
	user, password, err := f.credentials.login(remote)
	if err != nil {
		return nil, err
	}
	roundTripper, err := f.transport()
	if err != nil {
		return nil, err
	}
	var auth transport.AuthMethod
	if user != "" || password != "" {
		auth = &githttp.BasicAuth{Username: user, Password: password}
	}
	// The client itself follows no redirect from https to http, none but of the first request, and keeps the credentials
	// from other servers.
	client := githttp.NewClient(&http.Client{Transport: roundTripper, CheckRedirect: plainWithinCluster})
	return func(context.Context) (transport.UploadPackSession, error) {
		// Each session has its own: it changes with redirects.
		endpoint := &transport.Endpoint{Protocol: remote.Scheme, Host: remote.Host, Port: remote.Port, Path: remote.Path}
		return client.NewUploadPackSession(endpoint, auth)
	}, nil
}

// plainWithinCluster holds redirects to what holds for the URL itself.
func plainWithinCluster(req *http.Request, _ []*http.Request) error {
	if req.URL.Scheme == "http" && !source.InCluster(req.URL.Hostname()) {
		return source.Failf(source.ReasonSourceRefused, "the server sends the build to %q by http, which is for servers of the cluster only: use https in source.git.url",
			req.URL.Hostname())
	}
	return nil
}

// openGit speaks git's own protocol, which knows neither users nor encryption.
func (f *fetcher) openGit(ctx context.Context, remote source.GitRemote) (transport.UploadPackSession, error) {
	if f.credentials.given() {
		return nil, source.Failf(source.ReasonSecretInvalid, "source.git.secretRef: the git protocol knows no credentials: use https or ssh in source.git.url")
	}
	conn, err := f.guard.DialContext(ctx, "tcp", remote.Address())
	if err != nil {
		return nil, err
	}
	s := f.stream(ctx, conn, conn, nil, conn.Close)
	request := fmt.Sprintf("%s %s\x00host=%s\x00", transport.UploadPackServiceName, remote.Path, remote.Host)
	if err := pktline.NewEncoder(conn).EncodeString(request); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// stream is a session with a git-upload-pack at the other end of a pair of pipes.
type stream struct {
	stdin  io.Writer
	stdout io.Reader
	// stderr is what the other end has to complain about. It may be nil.
	stderr func() string
	close  func() error
	refs   *packp.AdvRefs
	asked  bool
}

func (f *fetcher) stream(ctx context.Context, stdin io.Writer, stdout io.Reader, stderr func() string, closer func() error) *stream {
	once := sync.OnceValue(closer)
	// Neither reads nor writes know of contexts. They end when the connection does.
	stop := context.AfterFunc(ctx, func() { once() })
	return &stream{
		stdin:  stdin,
		stdout: &limitedReader{r: stdout, left: f.maxBytes, max: f.maxBytes},
		stderr: stderr,
		close: func() error {
			stop()
			return once()
		},
	}
}

var (
	notThere   = regexp.MustCompile(`(?i)not found|does not appear to be a git repository|does not exist|could not be found|no such repository`)
	notAllowed = regexp.MustCompile(`(?i)access denied|permission denied|forbidden|not exported|unauthorized`)
)

// AdvertisedReferences implements transport.Session.
func (s *stream) AdvertisedReferences() (*packp.AdvRefs, error) {
	return s.AdvertisedReferencesContext(context.Background())
}

// AdvertisedReferencesContext implements transport.Session.
func (s *stream) AdvertisedReferencesContext(context.Context) (*packp.AdvRefs, error) {
	if s.refs != nil {
		return s.refs, nil
	}
	refs := packp.NewAdvRefs()
	err := refs.Decode(s.stdout)
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs), err == nil && refs.IsEmpty():
		return nil, transport.ErrEmptyRemoteRepository
	case err != nil:
		return nil, s.complaint(err)
	}
	transport.FilterUnsupportedCapabilities(refs.Capabilities)
	s.refs = refs
	return refs, nil
}

// complaint finds out what the other end meant.
func (s *stream) complaint(err error) error {
	if source.ReasonOf(err) != source.ReasonInternal {
		return err
	}
	said := err.Error()
	if line, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		said = line.Text
	} else if unexpected, ok := errors.AsType[*packp.ErrUnexpectedData](err); ok {
		said = string(unexpected.Data)
	} else if s.stderr != nil {
		if text := s.stderr(); text != "" {
			said = text
		}
	}
	said = lastLine(said)
	switch {
	case notThere.MatchString(said):
		return fmt.Errorf("%w: %s", transport.ErrRepositoryNotFound, said)
	case notAllowed.MatchString(said):
		return fmt.Errorf("%w: %s", transport.ErrAuthorizationFailed, said)
	default:
		return fmt.Errorf("the server says: %s", said)
	}
}

// UploadPack implements transport.UploadPackSession.
func (s *stream) UploadPack(_ context.Context, req *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	s.asked = true
	if err := req.Validate(); err != nil {
		return nil, err
	}
	if err := req.UploadRequest.Encode(s.stdin); err != nil {
		return nil, err
	}
	if err := pktline.NewEncoder(s.stdin).EncodeString("done\n"); err != nil {
		return nil, err
	}
	resp := packp.NewUploadPackResponse(req)
	if err := resp.Decode(io.NopCloser(s.stdout)); err != nil {
		return nil, s.complaint(err)
	}
	return resp, nil
}

// Close implements io.Closer. Who asked for nothing says so: else the other end complains.
func (s *stream) Close() error {
	if s.refs != nil && !s.asked {
		if err := pktline.NewEncoder(s.stdin).Flush(); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
			return errors.Join(err, s.close())
		}
	}
	return s.close()
}

var _ transport.UploadPackSession = (*stream)(nil)

// quoted returns text as one word for the shell that a server of ssh may start.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
