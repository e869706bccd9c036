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
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
)

// Variables of a child process of a test, which is a server that can be killed.
const (
	childFolder    = "DEADLETTER_TEST_FOLDER"
	childFunctions = "DEADLETTER_TEST_FUNCTIONS"
	// childFileLimit is how many bytes a file may have, from when it serves.
	childFileLimit = "DEADLETTER_TEST_FILE_LIMIT"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		if err := runChild(folder, os.Getenv(childFunctions)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runChild is a server on addresses that it prints.
func runChild(folder, functions string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	settings := config.DefaultDeadLetters()
	logger := zap.NewNop().Sugar()
	store, err := OpenStore(ctx, StoreOptions{Folder: folder, Settings: settings, Logger: logger})
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	letters, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	apiOnly, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := NewServer(Options{
		Store: store, Access: newCluster().Reviewer(time.Minute), Owner: "deadletter-0", Logger: logger,
		Settings: func() *config.DeadLetters { return settings },
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, functions)
		}},
	})
	if limit, err := strconv.ParseUint(os.Getenv(childFileLimit), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	fmt.Println(letters.Addr())
	if err := server.Run(ctx, letters, apiOnly); err != nil {
		return err
	}
	return store.Close()
}

// child is a server in a process of its own.
type child struct {
	*world
	command *exec.Cmd
}

// startChild starts a server that sends letters to functions, and returns when it serves.
func startChild(t *testing.T, folder, functions string, env ...string) *child {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(append(os.Environ(), childFolder+"="+folder, childFunctions+"="+functions), env...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal("StdoutPipe() =", err)
	}
	if err := command.Start(); err != nil {
		t.Fatal("Start() =", err)
	}
	c := &child{world: &world{T: t, web: &httptest.Server{}}, command: command}
	t.Cleanup(c.kill)
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal("the server does not start:", err)
	}
	c.web.URL = "http://" + strings.TrimSpace(address)
	return c
}

// kill ends it as a machine does that loses power, but for what is in the kernel.
func (c *child) kill() {
	_ = c.command.Process.Kill() // it may be dead
	_ = c.command.Wait()
}

// Letters that were accepted are there after the process was killed, each once.
func TestAcceptedLettersSurviveKill(t *testing.T) {
	folder := t.TempDir()
	var accepted sync.Map
	var ids atomic.Int64
	for range 3 {
		c := startChild(t, folder, "")
		var enough atomic.Int64
		var senders sync.WaitGroup
		killed := make(chan struct{})
		for range 8 {
			senders.Go(func() {
				for {
					select {
					case <-killed:
						return
					default:
					}
					id := strconv.FormatInt(ids.Add(1), 10)
					if post(t.Context(), c.web.URL, id) {
						accepted.Store(id, true)
						enough.Add(1)
					}
				}
			})
		}
		eventually(t, func() bool { return enough.Load() >= 200 })
		c.kill()
		close(killed)
		senders.Wait()
	}
	c := startChild(t, folder, "")
	found := map[string]int{}
	for next := ""; ; {
		var page LetterList
		c.get("/letters?limit=1000"+next, &page)
		for _, id := range eventIDs(page.Letters) {
			found[id]++
		}
		if page.Continue == "" {
			break
		}
		next = "&continue=" + page.Continue
	}
	total := 0
	accepted.Range(func(id, _ any) bool {
		total++
		if found[id.(string)] != 1 {
			t.Errorf("letter %v was accepted, and is there %d times", id, found[id.(string)])
		}
		return true
	})
	t.Logf("%d letters were accepted, %d are there", total, len(found))
}

func post(ctx context.Context, url, id string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/namespaces/shop?function=orders", strings.NewReader(strings.Repeat("x", 1024)))
	if err != nil {
		return false
	}
	for name, value := range eventHeader(id, "Content-Type=text/plain") {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response.StatusCode == http.StatusAccepted
}

// A redrive that is killed half-way goes on by itself. Each letter is delivered; twice only those that were on their way
// when the process died, and never one that was removed.
func TestRedriveSurvivesKill(t *testing.T) {
	const letters, kills = 400, 2
	folder := t.TempDir()
	var mu sync.Mutex
	got := map[string]int{}
	half := make(chan struct{}, letters)
	functions := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got[r.Header.Get("Ce-Id")]++
		mu.Unlock()
		half <- struct{}{}
	}))
	defer functions.Close()
	address := functions.Listener.Addr().String()
	c := startChild(t, folder, address)
	for i := range letters {
		c.deliver(strconv.Itoa(i))
	}
	var j Redrive
	c.post("/redrive", `{"filter": {}, "rate": 1000}`, http.StatusAccepted, &j)
	for range kills {
		for range letters / (kills + 1) {
			<-half
		}
		c.kill()
		c = startChild(t, folder, address)
	}
	done := c.await(j.ID)
	if done.State != StateSucceeded || done.Matched != letters {
		t.Errorf("the redrive is %+v", done)
	}
	// Repeated, it finds nothing.
	var again Redrive
	c.post("/redrive", `{"filter": {}}`, http.StatusAccepted, &again)
	if again.Matched != 0 || len(c.letters("")) != 0 {
		t.Errorf("letters are left: %+v", again)
	}
	twice := 0
	for i := range letters {
		switch n := got[strconv.Itoa(i)]; {
		case n == 0:
			t.Errorf("letter %d was not delivered", i)
		case n > 1:
			twice += n - 1
		}
	}
	if most := kills * redriveConcurrency; twice > most {
		t.Errorf("%d deliveries were repeated, at most %d may be", twice, most)
	}
	t.Logf("%d of %d deliveries were repeated", twice, letters)
}

// A process that is told to end answers what it has, and stores how far its redrive is.
func TestDrain(t *testing.T) {
	folder := t.TempDir()
	functions := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer functions.Close()
	c := startChild(t, folder, functions.Listener.Addr().String())
	for i := range 20 {
		c.deliver(strconv.Itoa(i))
	}
	probe := map[string]string{"User-Agent": "kube-probe/1.35"}
	for _, path := range []string{healthPath, readinessPath} {
		if a := c.do("GET", path, "", probe, nil); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	var j Redrive
	c.post("/redrive", `{"filter": {}, "rate": 0.001}`, http.StatusAccepted, &j)
	eventually(t, func() bool { return len(c.letters("")) == 19 })
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal("Signal() =", err)
	}
	if err := c.command.Wait(); err != nil {
		t.Error("the process ended with", err)
	}
	c = startChild(t, folder, functions.Listener.Addr().String())
	c.get("/redrives/"+j.ID, &j)
	if j.State != StateRunning || j.Delivered != 1 {
		t.Errorf("the redrive is %+v", j)
	}
}

// Where the disk takes no more, nothing is accepted, the process asks to be started anew, and what was accepted is there.
func TestFailingDisk(t *testing.T) {
	folder := t.TempDir()
	c := startChild(t, folder, "", childFileLimit+"=100000")
	accepted := 0
	for post(t.Context(), c.web.URL, strconv.Itoa(accepted)) {
		if accepted++; accepted > 200 {
			t.Fatal("letters are accepted that the disk does not take")
		}
	}
	a := c.do("POST", "/v1/namespaces/shop?function=orders", "", eventHeader("more"), nil)
	if a.status != http.StatusServiceUnavailable && a.status != http.StatusInsufficientStorage {
		t.Errorf("a letter that is too much: %d %s", a.status, a.body)
	}
	for _, path := range []string{healthPath, readinessPath} {
		if a := c.do("GET", path, "", map[string]string{"User-Agent": "kube-probe/1.35"}, nil); a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	c.kill()
	c = startChild(t, folder, "")
	if got := len(c.letters("limit=1000")); accepted == 0 || got < accepted {
		t.Errorf("%d letters were accepted, %d are there", accepted, got)
	}
	c.deliver("after")
}
