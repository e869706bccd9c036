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
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

const sshTimeout = 30 * time.Second

// sshConfig says who logs in, and which keys the server may have. Without the latter nobody logs in.
func (f *fetcher) sshConfig(remote source.GitRemote) (*ssh.ClientConfig, error) {
	auth, err := f.sshAuth()
	if err != nil {
		return nil, err
	}
	hosts, err := f.knownHosts()
	if err != nil {
		return nil, err
	}
	algorithms := hosts.HostKeyAlgorithms(remote.Address())
	if len(algorithms) == 0 {
		return nil, source.Failf(source.ReasonHostKeyMismatch, "key %q of the source's Secret has no key of the server %s: add it", keyKnownHosts, remote.Address())
	}
	check := hosts.HostKeyCallback()
	return &ssh.ClientConfig{
		User: cmp.Or(remote.User, f.credentials.get(keyUsername), "git"),
		Auth: auth,
		HostKeyCallback: func(name string, addr net.Addr, key ssh.PublicKey) error {
			err := check(name, addr, key)
			if err == nil {
				return nil
			}
			return source.Failf(source.ReasonHostKeyMismatch,
				"the server %s shows the key %s, which is not the one of key %q of the source's Secret: somebody may be in between; if the server has a new key, add it: %w",
				name, ssh.FingerprintSHA256(key), keyKnownHosts, err)
		},
		// The kinds of key that are known, so that a server with several shows one of those.
		HostKeyAlgorithms: algorithms,
		Timeout:           sshTimeout,
	}, nil
}

func (f *fetcher) sshAuth() ([]ssh.AuthMethod, error) {
	if text := f.credentials.values[keySSHKey]; strings.TrimSpace(text) != "" {
		// Without the line feed at its end it is not read.
		key, err := ssh.ParsePrivateKey([]byte(strings.TrimSpace(text) + "\n"))
		if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
			return nil, source.Failf(source.ReasonSecretInvalid, "key %q of the source's Secret has a passphrase, which nobody is there to enter: store it without", keySSHKey)
		}
		if err != nil {
			return nil, source.Failf(source.ReasonSecretInvalid, "key %q of the source's Secret is not a private key", keySSHKey)
		}
		return []ssh.AuthMethod{ssh.PublicKeys(key)}, nil
	}
	if password := f.credentials.get(keyPassword); password != "" {
		return []ssh.AuthMethod{ssh.Password(password)}, nil
	}
	return nil, source.Failf(source.ReasonSecretInvalid,
		"source.git.secretRef: ssh needs a Secret with the keys %s and %s; it has: %s", keySSHKey, keyKnownHosts, cmp.Or(f.credentials.keys(), "none"))
}

// knownHosts reads the keys of servers. The library reads files only.
func (f *fetcher) knownHosts() (_ *knownhosts.HostKeyDB, err error) {
	text := f.credentials.values[keyKnownHosts]
	if strings.TrimSpace(text) == "" {
		return nil, &source.Error{Reason: source.ReasonSecretInvalid, Err: errNoKnownHosts}
	}
	hosts, err := knownhosts.NewDB(f.credentials.path(keyKnownHosts))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("failed to read credentials: %w", err)
	}
	if err != nil {
		return nil, source.Failf(source.ReasonSecretInvalid, "key %q of the source's Secret is not in the form of a known_hosts file: write what ssh-keyscan does", keyKnownHosts)
	}
	return hosts, nil
}

// openSSH starts git-upload-pack on the server.
func (f *fetcher) openSSH(ctx context.Context, remote source.GitRemote, config *ssh.ClientConfig) (transport.UploadPackSession, error) {
	conn, err := f.guard.DialContext(ctx, "tcp", remote.Address())
	if err != nil {
		return nil, err
	}
	// A server that says nothing must not hold the build for ever.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(sshTimeout)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c, channels, requests, err := ssh.NewClientConn(conn, remote.Address(), config)
	if err != nil {
		conn.Close()
		if strings.Contains(err.Error(), "unable to authenticate") {
			return nil, fmt.Errorf("%w: %w", transport.ErrAuthorizationFailed, err)
		}
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	s, err := f.startSSH(ctx, client, "git-upload-pack "+quoted(remote.Path))
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return s, nil
}

func (f *fetcher) startSSH(ctx context.Context, client *ssh.Client, command string) (*stream, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	stdin, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := session.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := session.Start(command); err != nil {
		return nil, err
	}
	complaints := make(chan string, 1)
	go func() {
		complaints <- drain(stderr)
		// The server waits for whom it complains to.
		io.Copy(io.Discard, stderr)
	}()
	return f.stream(ctx, stdin, stdout, func() string { return <-complaints }, client.Close), nil
}
