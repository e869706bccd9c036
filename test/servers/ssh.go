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
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// listenSSH serves repositories to who has the key that is let in.
func (s *settings) listenSSH(ctx context.Context, address string, r *repositories) error {
	listener, err := s.traffic.listen(ctx, address)
	if err != nil {
		return err
	}
	defer listener.Close()
	return s.serveSSH(ctx, listener, r)
}

func (s *settings) serveSSH(ctx context.Context, listener net.Listener, r *repositories) error {
	host, err := ssh.ParsePrivateKey(s.hostKey)
	if err != nil {
		return fmt.Errorf("failed to parse the host's key: %w", err)
	}
	authorized, _, _, _, err := ssh.ParseAuthorizedKey(s.authorized)
	if err != nil {
		return fmt.Errorf("failed to parse the key that is let in: %w", err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(offered.Marshal(), authorized.Marshal()) {
			return nil, errors.New("the key is not known")
		}
		return nil, nil //nolint:nilnil // Nothing is permitted beyond what all are.
	}}
	config.AddHostKey(host)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("failed to accept: %w", err)
		}
		go r.serveSSHConn(ctx, conn, config)
	}
}

func (r *repositories) serveSSHConn(ctx context.Context, conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // the client is told by the protocol
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go r.serveChannel(ctx, channel, requests)
	}
}

// serveChannel runs the one command of a session.
func (r *repositories) serveChannel(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for request := range requests {
		if request.Type != "exec" {
			_ = request.Reply(false, nil)
			continue
		}
		_ = request.Reply(true, nil)
		var command struct{ Text string }
		var status uint32
		err := ssh.Unmarshal(request.Payload, &command)
		if err == nil {
			err = r.command(ctx, command.Text, channel)
		}
		if err != nil {
			fmt.Fprintln(channel.Stderr(), err)
			status = 128
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		return
	}
}

func (r *repositories) command(ctx context.Context, command string, channel ssh.Channel) error {
	path, ok := strings.CutPrefix(command, uploadPack+" ")
	if !ok {
		return errors.New("only fetches are served")
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	session, err := r.session(strings.Trim(path, "'"))
	if err != nil {
		return err
	}
	if err := advertise(ctx, session, channel); err != nil {
		return err
	}
	return answer(ctx, session, channel, channel)
}
