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

package seal

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// arguments are those of Run for a build whose Kaniko is a script.
func (o *Options) arguments(t testing.TB, script string) []string {
	t.Helper()
	dir := t.TempDir()
	o.StagedDigestFile, o.DigestFile = filepath.Join(dir, "staged"), filepath.Join(dir, "digest")
	return []string{
		"--staged=" + o.Staged, "--staged-digest-file=" + o.StagedDigestFile, "--image=" + o.Image, "--digest-file=" + o.DigestFile,
		"--cache-repo=" + o.CacheRepository, "--scratch=" + o.ScratchDir, "--context-dir=" + o.ContextDir,
		"/bin/sh", "-c", script, "kaniko", o.StagedDigestFile,
	}
}

func TestRun(t *testing.T) {
	s := newServer(t)
	o := s.options(t, "default/hello", "1")
	staged := s.build(t, o.Staged, baseImage(t), monday, gzip.BestSpeed, entriesAt(monday))
	var stdout, stderr bytes.Buffer
	args := o.arguments(t, `echo "INFO building"; echo "WARN slow" >&2; echo `+staged+` > "$1"`)
	if code := Run(t.Context(), args, &stdout, &stderr); code != exitOK {
		t.Fatalf("Run() = %d, and says %q, %q", code, &stdout, &stderr)
	}
	digest, err := s.image(t, "default/hello:1").Digest()
	if err != nil {
		t.Fatal("Digest() =", err)
	}
	if got, err := os.ReadFile(o.DigestFile); err != nil || string(got) != digest.String() {
		t.Errorf("digest file = %q, %v, want %q", got, err, digest)
	}
	if got, want := stdout.String(), "INFO building\nSealed "+o.Image+"@"+digest.String()+"\n"; got != want {
		t.Errorf("stdout = %q, want %q", got, want)
	}
	if got, want := stderr.String(), "WARN slow\n"; got != want {
		t.Errorf("stderr = %q, want %q", got, want)
	}
}

func TestRunFails(t *testing.T) {
	s := newServer(t)
	staged := s.build(t, s.options(t, "default/hello", "1").Staged, baseImage(t), monday, gzip.BestSpeed, entriesAt(monday))
	for name, test := range map[string]struct {
		script string
		change func(args []string) []string
		code   int
		want   string
	}{
		"kaniko fails":      {script: "echo 'error building image: no' >&2; exit 7", code: 7, want: "error building image: no\n"},
		"kaniko is killed":  {script: "kill -KILL $$", code: 137},
		"no kaniko":         {change: func(a []string) []string { return append(a[:7], "/none") }, code: 1, want: "error building image: failed to run Kaniko: "},
		"no digest":         {script: "exit 0", code: 1, want: "error pushing image: failed to read the digest of the staged image: "},
		"no digest in file": {script: `echo x > "$1"`, code: 1, want: "error pushing image: failed to read the staged image: "},
		"no result": {
			script: "echo " + staged + ` > "$1"`, change: func(a []string) []string {
				return append([]string{"--digest-file=/none/digest"}, append(a[:3:3], a[4:]...)...)
			},
			code: 1, want: "error pushing image: failed to write the digest: ",
		},
		"no command":         {change: func(a []string) []string { return a[:7] }, code: 2, want: "the command that builds is missing"},
		"no image":           {change: func(a []string) []string { return append(a[:2:2], a[3:]...) }, code: 2, want: "--image is required"},
		"wrong flag":         {change: func([]string) []string { return []string{"--none"} }, code: 2, want: "flag provided but not defined: -none"},
		"wrong certificates": {change: func([]string) []string { return []string{"--registry-certificate=/a"} }, code: 2, want: "is not host=file"},
	} {
		t.Run(name, func(t *testing.T) {
			args := s.options(t, "default/hello", "1").arguments(t, test.script)
			if test.change != nil {
				args = test.change(args)
			}
			var stdout, stderr bytes.Buffer
			if code := Run(t.Context(), args, &stdout, &stderr); code != test.code || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("Run() = %d, and says %q, %q, want %d and %q", code, &stdout, &stderr, test.code, test.want)
			}
		})
	}
}

// TestRunPassesSignalsOn ends the context, as a signal does, once Kaniko is at work.
func TestRunPassesSignalsOn(t *testing.T) {
	s := newServer(t)
	o := s.options(t, "default/hello", "1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	code := make(chan int)
	args := o.arguments(t, "trap 'exit 9' TERM; echo ready; mkfifo \"$1\"; exec 3<>\"$1\"; read x <&3 & wait $!")
	go func() { code <- Run(ctx, args, writer, os.Stderr) }()
	if _, err := reader.Read(make([]byte, 6)); err != nil {
		t.Fatal("Read() =", err)
	}
	cancel()
	if got := <-code; got != 9 {
		t.Errorf("Run() = %d, want what Kaniko ended with when it was told to, 9", got)
	}
}
