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
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answers serves with these bytes, one piece a request, over a connection that stays.
func answers(t *testing.T, pieces ...string) *client {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { _ = here.Close() })
	go func() {
		defer there.Close()
		reader := bufio.NewReader(there)
		for _, piece := range pieces {
			req, err := http.ReadRequest(reader)
			if err != nil {
				t.Error("the request is none:", err)
				return
			}
			if _, err := reader.Discard(int(req.ContentLength)); err != nil {
				t.Error(err)
			}
			if _, err := there.Write([]byte(piece)); err != nil {
				return
			}
		}
	}()
	return &client{conn: here, reader: bufio.NewReader(here), wire: objectRequest(kindEvent).bytes()}
}

func TestRoundTrip(t *testing.T) {
	for name, tc := range map[string]struct {
		piece, body string
		status      int
		closing     bool
		err         string
	}{
		"length":  {"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"x\":42}", `{"x":42}`, 200, false, ""},
		"chunks":  {"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", 201, false, ""},
		"nothing": {"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", "", 204, true, ""},
		"half":    {"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{", "", 200, false, "EOF"},
		"other":   {"SSH\r\n", "", 0, false, "no HTTP"},
		"status":  {"HTTP/1.1 abc OK\r\n\r\n", "", 0, false, "invalid syntax"},
		"size":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "", 200, false, "invalid syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			c := answers(t, tc.piece)
			status, body, err := c.roundTrip(time.Minute)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("roundTrip() = %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || status != tc.status || string(body) != tc.body || c.closing != tc.closing {
				t.Errorf("roundTrip() = %d %q %v, closing %v", status, body, err, c.closing)
			}
		})
	}
}

func TestStatistics(t *testing.T) {
	l := &load{}
	for i := range 1000 {
		l.merge([]time.Duration{time.Duration(1000 - i)})
	}
	if l.percentile(990) != 991 || l.percentile(500) != 501 || (&load{}).percentile(500) != 0 {
		t.Errorf("percentiles = %v, %v", l.percentile(990), l.percentile(500))
	}
	if median([]float64{3, 1, 2}) != 2 || median([]int64{4, 2}) != 3 {
		t.Error("a median is wrong")
	}
	if rssOf(os.Getpid()) == 0 || groupRSS(os.Getpid()) < rssOf(os.Getpid())/2 {
		t.Error("this process has no memory")
	}
	before := processorTime(os.Getpid())
	for began := time.Now(); processorTime(os.Getpid()) == before && time.Since(began) < time.Minute; {
	}
	if processorTime(os.Getpid()) == before {
		t.Error("this process has had no processor")
	}
}

// Each row is a request that can be read, and is refused by what is no answer at all.
func TestContractRows(t *testing.T) {
	for _, row := range contractRows() {
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(row.request.bytes()))))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if req.Method != row.request.method || req.URL.Path != row.request.path {
			t.Errorf("%s: %v", row.name, req)
		}
		if row.right(&response{status: 599, header: http.Header{"Access-Control-Allow-Origin": {"*"}}, body: "<html> 42"}) {
			t.Errorf("%s: anything is right", row.name)
		}
	}
}

// What runs on a cluster is what runs here, under the same names.
func TestProxied(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "python-framework")
	for name, text := range map[string]string{
		"supervisor": "s", "python-framework/main.py": "m",
		"python-framework/site-packages/a.py": "here", "python-framework/site-packages-3.13/a.py": "there",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("main.py", filepath.Join(dir, "link.py")); err != nil {
		t.Fatal(err)
	}
	packed := map[string]string{}
	archive := tar.NewReader(pack(root, dir))
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		packed[strings.TrimPrefix("/"+header.Name, root+"/")] = header.Linkname + string(text)
	}
	want := map[string]string{
		"supervisor": "s", "python-framework/main.py": "m", "python-framework/link.py": "main.py", "python-framework/site-packages/a.py": "there",
	}
	if !maps.Equal(packed, want) {
		t.Errorf("packed %v, want %v", packed, want)
	}

	for _, s := range subjects(root) {
		s.dir = filepath.Join(root, s.folder)
		container := s.service(kindEvent, "image").Spec.Template.Spec.Containers[0]
		if program := container.Command[0]; strings.Contains(program, "/") && !strings.HasPrefix(program, root+"/") {
			t.Errorf("%s starts %s, which is not in its image", s.name, program)
		}
		for _, env := range container.Env {
			if env.Name == "PORT" || env.Name == "PATH" {
				t.Errorf("%s sets %s", s.name, env.Name)
			}
		}
	}
	if err := (&bench{}).proxied(t.Context()); err == nil {
		t.Error("no cluster is needed")
	}
}
