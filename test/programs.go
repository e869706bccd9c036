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

package test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path"
	"path/filepath"
	"syscall"
)

// Program is a process beside the cluster.
type Program struct {
	run    *exec.Cmd
	output bytes.Buffer
}

// BuildProgram builds a command into a folder, in the version that the module in another folder has of it, and returns where
// it is.
func BuildProgram(ctx context.Context, module, command, folder string) (string, error) {
	program := filepath.Join(folder, path.Base(command))
	build := exec.CommandContext(ctx, "go", "build", "-o", program, command)
	build.Dir = module
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("failed to build %s: %w\n%s", command, err, output)
	}
	return program, nil
}

// StartProgram starts a program. It does not outlive the process that started it.
func StartProgram(program string, arguments ...string) (*Program, error) {
	p := &Program{run: exec.Command(program, arguments...)}
	p.run.Stdout, p.run.Stderr = &p.output, &p.output
	p.run.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.run.Start(); err != nil {
		return nil, fmt.Errorf("failed to start %s: %w", program, err)
	}
	return p, nil
}

// Stop kills the program, and returns what it has printed.
func (p *Program) Stop() string {
	_ = p.run.Process.Kill() // it may have ended
	_ = p.run.Wait()         // how it ended says nothing: it is killed
	return p.output.String()
}

// FreeAddress returns a host and port on this machine where nobody listens.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("failed to find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
