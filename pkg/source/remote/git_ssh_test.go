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
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// key is a pair of keys, as they are in files.
type key struct {
	private, public string
	signer          ssh.Signer
}

func newKey(t testing.TB) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal("failed to make key:", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal("failed to encode key:", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal("failed to use key:", err)
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return key{string(pem.EncodeToMemory(block)), public, signer}
}

// serveSSH serves repositories to who has the key or the password.
func (r *repo) serveSSH(t testing.TB, host key, user key, password string) (address string) {
	t.Helper()
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if string(offered.Marshal()) == string(user.signer.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
		PasswordCallback: func(c ssh.ConnMetadata, offered []byte) (*ssh.Permissions, error) {
			if c.User() == "me" && string(offered) == password {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		},
	}
	config.AddHostKey(host.signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal("failed to listen:", err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.handleSSH(t, conn, config)
		}
	}()
	return listener.Addr().String()
}

func (r *repo) handleSSH(t testing.TB, conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for req := range requests {
			if req.Type != "exec" {
				req.Reply(false, nil)
				continue
			}
			req.Reply(true, nil)
			var command struct{ Text string }
			ssh.Unmarshal(req.Payload, &command)
			status := r.runSSH(t, channel, command.Text)
			channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
			channel.Close()
		}
	}
}

func (r *repo) runSSH(t testing.TB, channel ssh.Channel, command string) uint32 {
	path, ok := strings.CutPrefix(command, "git-upload-pack '")
	if !ok || !strings.HasSuffix(path, "'") {
		fmt.Fprintln(channel.Stderr(), "unknown command")
		return 1
	}
	if strings.Contains(path, "private") {
		fmt.Fprintln(channel.Stderr(), "remote: \nERROR: Permission denied to you.")
		return 1
	}
	cmd := exec.CommandContext(t.Context(), "git-upload-pack", filepath.Join(r.root, strings.TrimSuffix(path, "'")))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 1
	}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	if err := cmd.Start(); err != nil {
		return 1
	}
	go func() {
		io.Copy(stdin, channel)
		stdin.Close()
	}()
	if err := cmd.Wait(); err != nil {
		return 128
	}
	return 0
}

func TestGitSSH(t *testing.T) {
	r := newRepo(t)
	host, user := newKey(t), newKey(t)
	address := r.serveSSH(t, host, user, "hunter2")
	known := fmt.Sprintf("[127.0.0.1]:%s %s\n", strings.TrimPrefix(address, "127.0.0.1:"), host.public)
	for name, test := range map[string]struct {
		url    string
		secret map[string]string
		ref    string
	}{
		"key":              {"ssh://git@" + address + "/org/repo.git", map[string]string{keySSHKey: user.private, keyKnownHosts: known}, "v1"},
		"key without end":  {"ssh://" + address + "/org/repo.git", map[string]string{keySSHKey: strings.TrimSpace(user.private), keyKnownHosts: known}, "main"},
		"password":         {"ssh://" + address + "/org/repo.git", map[string]string{"username": "me", "password": "hunter2", keyKnownHosts: known}, "main"},
		"by short commit":  {"ssh://git@" + address + "/org/repo.git", map[string]string{keySSHKey: user.private, keyKnownHosts: known}, r.commits[1][:9]},
		"several keys":     {"ssh://git@" + address + "/org/repo.git", map[string]string{keySSHKey: user.private, keyKnownHosts: "# hosts\nother.example.com " + newKey(t).public + "\n" + known}, "main"},
		"several of hosts": {"ssh://git@" + address + "/org/repo.git", map[string]string{keySSHKey: user.private, keyKnownHosts: known + strings.Replace(known, host.public, newKey(t).public, 1)}, "main"},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, test.secret), gitSource(test.url, test.ref, "fn")).
				want(t, r.commits[1], map[string]string{"app.py": "app\n", "lib.py": "lib\n"})
		})
	}
}

func TestGitSSHFails(t *testing.T) {
	r := newRepo(t)
	host, user := newKey(t), newKey(t)
	address := r.serveSSH(t, host, user, "hunter2")
	url := "ssh://git@" + address
	known := fmt.Sprintf("[127.0.0.1]:%s %s\n", strings.TrimPrefix(address, "127.0.0.1:"), host.public)
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(ed25519.NewKeyFromSeed(make([]byte, 32)), "", []byte("hunter2"))
	if err != nil {
		t.Fatal("failed to encode key:", err)
	}
	for name, test := range map[string]struct {
		url    string
		secret map[string]string
		reason source.Reason
		want   string
	}{
		"no Secret":      {url + "/org/repo.git", nil, source.ReasonSecretInvalid, "ssh-privatekey and known_hosts; it has: none"},
		"no key":         {url + "/org/repo.git", map[string]string{keyKnownHosts: known}, source.ReasonSecretInvalid, "it has: known_hosts"},
		"no known hosts": {url + "/org/repo.git", map[string]string{keySSHKey: user.private}, source.ReasonSecretInvalid, "no key known_hosts"},
		"bad hosts":      {url + "/org/repo.git", map[string]string{keySSHKey: user.private, keyKnownHosts: "hunter2"}, source.ReasonSecretInvalid, "known_hosts"},
		"bad key":        {url + "/org/repo.git", map[string]string{keySSHKey: "hunter2", keyKnownHosts: known}, source.ReasonSecretInvalid, "is not a private key"},
		"locked key":     {url + "/org/repo.git", map[string]string{keySSHKey: string(pem.EncodeToMemory(locked)), keyKnownHosts: known}, source.ReasonSecretInvalid, "passphrase"},
		"unknown host":   {url + "/org/repo.git", map[string]string{keySSHKey: user.private, keyKnownHosts: "example.com " + host.public}, source.ReasonHostKeyMismatch, address},
		"other host key": {
			url + "/org/repo.git",
			map[string]string{keySSHKey: user.private, keyKnownHosts: strings.Replace(known, host.public, newKey(t).public, 1)},
			source.ReasonHostKeyMismatch, ssh.FingerprintSHA256(host.signer.PublicKey()),
		},
		"unknown user":   {url + "/org/repo.git", map[string]string{keySSHKey: newKey(t).private, keyKnownHosts: known}, source.ReasonSourceForbidden, "source.git.secretRef"},
		"wrong password": {url + "/org/repo.git", map[string]string{"password": "hunter2", keyKnownHosts: known}, source.ReasonSourceForbidden, "source.git.secretRef"},
		"no repository":  {url + "/org/none.git", map[string]string{keySSHKey: user.private, keyKnownHosts: known}, source.ReasonSourceNotFound, "/org/none.git"},
		"private":        {url + "/org/private.git", map[string]string{keySSHKey: user.private, keyKnownHosts: known}, source.ReasonSourceForbidden, "/org/private.git"},
		"empty":          {url + "/empty.git", map[string]string{keySSHKey: user.private, keyKnownHosts: known}, source.ReasonRefNotFound, "no commits yet"},
	} {
		t.Run(name, func(t *testing.T) {
			fetch(t, testOptions(t, test.secret), gitSource(test.url, "main", "")).wantFailure(t, test.reason, test.want)
		})
	}
	t.Run("no branch", func(t *testing.T) {
		fetch(t, testOptions(t, map[string]string{keySSHKey: user.private, keyKnownHosts: known}), gitSource(url+"/org/repo.git", "none", "")).
			wantFailure(t, source.ReasonRefNotFound, `"none"`)
	})
}
