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
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/logs"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
	// exitSignal is added to the number of the signal that ended Kaniko, as shells do.
	exitSignal = 128
)

// Options say what Run seals. Where nothing else is said an option is required.
type Options struct {
	// ContextDir is the folder of the build context, which package source wrote.
	ContextDir string
	// Staged is where Kaniko pushes to, by tag: its --destination. The tag is deleted in the end, where the registry lets.
	Staged string
	// StagedDigestFile is where Kaniko writes the digest of what it pushed: its --digest-file.
	StagedDigestFile string
	// Image is where the sealed image is pushed to, by tag: another one of the same repository.
	Image string
	// DigestFile gets the digest of the sealed image, sha256:<hex>.
	DigestFile string
	// CacheRepository is where layers of dependencies, and other large ones, are kept for the next build. Empty: they are
	// not kept.
	CacheRepository string
	// ScratchDir is a folder for layers while they are written, /kaniko by default: Kaniko leaves itself alone when it
	// clears its container's file system. It has to have room for two layers uncompressed.
	ScratchDir string
	// Insecure are hosts of registries, with their ports, that may speak plain http. None by default.
	Insecure []string
	// Mirror is the registry, with a path if need be, that has the images of Docker Hub. Empty: Docker Hub has.
	Mirror string
	// Certificates are files, in PEM, with whom to trust for a registry beside whom the system does, by the registry's
	// host with its port. None by default; a file may be empty.
	Certificates map[string]string
	// Kaniko is the command that builds, with its arguments.
	Kaniko []string
}

// parse reads the arguments of Run.
func parse(args []string, stderr io.Writer) (*Options, error) {
	o := &Options{Certificates: map[string]string{}}
	f := flag.NewFlagSet("seal", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.ContextDir, "context-dir", "", "`folder` of the build context (required)")
	f.StringVar(&o.Staged, "staged", "", "`image` that Kaniko pushes (required)")
	f.StringVar(&o.StagedDigestFile, "staged-digest-file", "", "`file` with the digest that Kaniko pushed (required)")
	f.StringVar(&o.Image, "image", "", "`image` to push (required)")
	f.StringVar(&o.DigestFile, "digest-file", "", "`file` for the digest of the image (required)")
	f.StringVar(&o.CacheRepository, "cache-repo", "", "`repository` to keep layers for the next build in")
	f.StringVar(&o.ScratchDir, "scratch", "/kaniko", "`folder` for layers while they are written")
	f.Func("insecure-registry", "`host` that may speak plain http, repeatedly for several", func(host string) error {
		o.Insecure = append(o.Insecure, host)
		return nil
	})
	f.StringVar(&o.Mirror, "registry-mirror", "", "`registry` that has the images of Docker Hub")
	f.Func("registry-certificate", "`host=file` with whom to trust for a registry, repeatedly for several", func(value string) error {
		host, file, ok := strings.Cut(value, "=")
		if !ok || host == "" || file == "" {
			return errors.New("is not host=file")
		}
		o.Certificates[host] = file
		return nil
	})
	f.Usage = func() {
		fmt.Fprintln(stderr, "usage: seal [flags] command [arguments]")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.Kaniko = f.Args()
	if len(o.Kaniko) == 0 {
		return nil, errors.New("the command that builds is missing")
	}
	required := map[string]string{
		"context-dir": o.ContextDir, "staged": o.Staged, "staged-digest-file": o.StagedDigestFile, "image": o.Image, "digest-file": o.DigestFile,
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		if required[name] == "" {
			return nil, fmt.Errorf("--%s is required", name)
		}
	}
	return o, nil
}

// Run runs Kaniko, whose command follows the flags in args, seals the image that it pushed, and pushes that. It returns
// the exit code: Kaniko's where that fails, 1 where sealing does, and 2 where the flags are wrong. Where sealing fails
// the last line on stderr is in Kaniko's form: "error pushing image: " and the cause. When ctx ends, Kaniko is asked to
// terminate.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stderr, err)
		}
		return exitUsage
	}
	logs.Warn.SetOutput(stderr)
	s, err := newSealer(o, func(format string, args ...any) {
		fmt.Fprintf(stderr, "note: "+format+"\n", args...)
	})
	if err != nil {
		fmt.Fprintln(stderr, "error pushing image:", oneLine(err))
		return exitFailed
	}
	more, err := s.prepare(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "error building image:", oneLine(err))
		return exitFailed
	}
	if code := build(ctx, slices.Concat(o.Kaniko, more), stdout, stderr); code != exitOK {
		return code
	}
	digest, err := s.finish(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "error pushing image:", oneLine(err))
		return exitFailed
	}
	fmt.Fprintf(stdout, "Sealed %s@%s\n", o.Image, digest)
	return exitOK
}

// build runs Kaniko and returns its exit code.
func build(ctx context.Context, command []string, stdout, stderr io.Writer) int {
	kaniko := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // The TaskRun says what to run.
	kaniko.Stdout, kaniko.Stderr = stdout, stderr
	kaniko.Cancel = func() error { return kaniko.Process.Signal(syscall.SIGTERM) }
	err := kaniko.Run()
	if err == nil && ctx.Err() == nil {
		return exitOK
	}
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		fmt.Fprintln(stderr, "error building image: failed to run Kaniko:", err)
		return exitFailed
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return ended.ExitCode()
}

// finish seals what Kaniko pushed, and writes and returns the digest.
func (s *sealer) finish(ctx context.Context) (string, error) {
	staged, err := os.ReadFile(s.options.StagedDigestFile)
	if err != nil {
		return "", fmt.Errorf("failed to read the digest of the staged image: %w", err)
	}
	digest, err := s.seal(ctx, strings.TrimSpace(string(staged)))
	if err != nil {
		return "", err
	}
	// Without a line feed: it would be part of the result.
	if err := os.WriteFile(s.options.DigestFile, []byte(digest), 0o644); err != nil { //nolint:gosec // Tekton reads it, as another user.
		return "", fmt.Errorf("failed to write the digest: %w", err)
	}
	return digest, nil
}
