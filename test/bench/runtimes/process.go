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
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// maxStart is how long a runtime may take to start.
const maxStart = time.Minute

// ourTimeout is how many seconds our runtime lets a request take; mode contract sets it lower.
var ourTimeout = 600

// with returns a command with further variables.
func with(cmd *exec.Cmd, dir string, env ...string) *exec.Cmd {
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	return cmd
}

func portEnv(port int) string { return "PORT=" + strconv.Itoa(port) }

func program(name string, args ...string) func(string, string, int) *exec.Cmd {
	return func(dir, _ string, port int) *exec.Cmd {
		return with(exec.Command(name, args...), dir, portEnv(port))
	}
}

func startOurs(root, language, handler string) func(string, string, int) *exec.Cmd {
	return func(dir, _ string, port int) *exec.Cmd {
		return with(exec.Command(filepath.Join(root, "supervisor")), dir, portEnv(port),
			"LAMBDA_LANGUAGE="+language, "HANDLER="+handler, "FUNCTION_NAME=fn", "FUNCTION_NAMESPACE=ns", "TIMEOUT_SECONDS="+strconv.Itoa(ourTimeout),
			"LAMBDA_WORKER_DIR="+filepath.Join(dir, "worker"), "LAMBDA_FUNCTION_DIR="+dir, "LAMBDA_DEPS_DIR="+filepath.Join(dir, "deps"),
			"LAMBDA_TERMINATION_LOG="+filepath.Join(dir, "termination-log"), "NODE_ENV=production")
	}
}

func startFuncNode(dir, _ string, port int) *exec.Cmd {
	return with(exec.Command("node", "node_modules/faas-js-runtime/bin/cli.js", "./index.js"), dir, "FUNC_PORT="+strconv.Itoa(port), portEnv(port), "NODE_ENV=production")
}

func startFrameworkNode(dir, kind string, port int) *exec.Cmd {
	signature := map[string]string{kindHTTP: "http", kindEvent: "cloudevent"}[kind]
	return with(exec.Command("node", "node_modules/@google-cloud/functions-framework/build/src/main.js", "--target="+kind, "--signature-type="+signature),
		dir, portEnv(port), "NODE_ENV=production")
}

func startFuncGo(dir, _ string, port int) *exec.Cmd {
	return with(exec.Command("./function"), dir, "LISTEN_ADDRESS=127.0.0.1:"+strconv.Itoa(port))
}

func startFrameworkGo(dir, kind string, port int) *exec.Cmd {
	return with(exec.Command("./function"), dir, portEnv(port), "FUNCTION_TARGET="+kind)
}

func sitePath(dir string) string { return "PYTHONPATH=" + filepath.Join(dir, sitePackages) }

func startFuncPython(dir, kind string, port int) *exec.Cmd {
	return with(exec.Command("python3", "main.py", kind), dir, portEnv(port), "LISTEN_ADDRESS=127.0.0.1:"+strconv.Itoa(port), sitePath(dir))
}

func startFrameworkPython(dir, kind string, port int) *exec.Cmd {
	signature := map[string]string{kindHTTP: "http", kindEvent: "cloudevent"}[kind]
	return with(exec.Command("python3", "-m", "functions_framework", "--source=main.py", "--target="+kind, "--signature-type="+signature, "--host=127.0.0.1", "--port="+strconv.Itoa(port)), dir, sitePath(dir))
}

// process is a runtime that runs.
type process struct {
	subject *subject
	kind    string
	addr    string
	host    string // by which a proxy at addr knows it, "" where there is none
	cmd     *exec.Cmd
	exited  chan struct{}
	output  lockedBuffer
	took    time.Duration // from its start to the first answer
}

// lockedBuffer keeps the end of what a process says.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Len() > 64<<10 {
		b.Reset()
	}
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// run starts a runtime and waits until it answers.
func (s *subject) run(ctx context.Context, kind string) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &process{subject: s, kind: kind, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), exited: make(chan struct{})}
	p.cmd = s.start(s.dir, kind, port)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("failed to start %s: %w", s.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended says nothing: it is killed
		close(p.exited)
	}()
	for {
		if r, err := send(ctx, p.addr, objectRequest(kind)); err == nil && r.status == 200 {
			p.took = time.Since(began)
			return p, nil
		}
		select {
		case <-p.exited:
			return nil, fmt.Errorf("%s ended at its start:\n%s", s.name, p.output.String())
		case <-ctx.Done():
			p.end()
			return nil, ctx.Err()
		case <-time.After(time.Millisecond):
		}
		if time.Since(began) > maxStart {
			p.end()
			return nil, fmt.Errorf("%s does not answer %s:\n%s", s.name, kind, p.output.String())
		}
	}
}

// end kills the process and all that it has started.
func (p *process) end() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // it may have ended
	<-p.exited
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("failed to find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
