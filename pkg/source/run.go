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

package source

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes of Run.
const (
	// ExitOK : the build context is there.
	ExitOK = 0
	// ExitFailed : something outside the plan failed, or took too long; a retry may help.
	ExitFailed = 1
	// ExitUsage : the command line is wrong. It is what package flag exits with, too.
	ExitUsage = 2
	// ExitRefused : the plan or its source is not allowed; a retry cannot help.
	ExitRefused = 3
)

// maxFailureLength keeps a failure well within the 4096 bytes that all results of a pod share.
const maxFailureLength = 1024

// Options say what Run reads and writes. A file without a name is not written.
type Options struct {
	// PlanFile is the plan.
	PlanFile string
	// OutputDir is where the build context is written: empty, or not there.
	OutputDir string
	// Limits are the most the build context may have.
	Limits Limits
	// Prepare runs first; nil is nothing. What it refuses costs no fetch.
	Prepare func() error
	// Fetch gets the files of sources that are not in the plan itself.
	Fetch Fetch
	// ImageURL is where the image will be pushed to. It is a result of the build that is known beforehand.
	ImageURL string

	// ImageURLFile gets ImageURL.
	ImageURLFile string
	// RevisionFile gets Result.Revision.
	RevisionFile string
	// ContentHashFile gets Result.ContentHash.
	ContentHashFile string
	// FailureFile gets the Failure, as JSON.
	FailureFile string
	// ProgramFile gets a copy of the running program, for a step in an image that does not have it.
	ProgramFile string
}

// Failure is how Run tells of an error: one line of JSON.
type Failure struct {
	// Reason is the cause in one word.
	Reason Reason `json:"reason"`
	// Message is the cause in full, for people.
	Message string `json:"message"`
}

// AddFlags makes a flag of each option.
func (o *Options) AddFlags(f *flag.FlagSet) {
	f.StringVar(&o.PlanFile, "plan", "", "`file` with the build plan (required)")
	f.StringVar(&o.OutputDir, "output", "", "`folder` for the build context, empty or not there (required)")
	f.IntVar(&o.Limits.Files, "max-files", DefaultLimits.Files, "most files of the build context")
	f.Int64Var(&o.Limits.Bytes, "max-bytes", DefaultLimits.Bytes, "most bytes of the build context")
	f.StringVar(&o.ImageURL, "image-url", "", "where the image will be pushed to")
	f.StringVar(&o.ImageURLFile, "image-url-file", "", "`file` for the value of --image-url")
	f.StringVar(&o.RevisionFile, "revision-file", "", "`file` for the revision of the source")
	f.StringVar(&o.ContentHashFile, "content-hash-file", "", "`file` for the hash of the build context")
	f.StringVar(&o.FailureFile, "failure-file", "", "`file` for reason and message of a failure, as JSON")
	f.StringVar(&o.ProgramFile, "copy-program", "", "`file` for a copy of this program")
}

// Run writes the build context of a plan and the results that are known by then. A failure is written to stderr and
// FailureFile. It returns the exit code.
func Run(ctx context.Context, o Options, stderr io.Writer) int {
	if o.PlanFile == "" || o.OutputDir == "" {
		fmt.Fprintln(stderr, "--plan and --output are required")
		return ExitUsage
	}
	err := run(ctx, o, stderr)
	if err == nil {
		return ExitOK
	}
	reason := ReasonOf(err)
	report(Failure{Reason: reason, Message: shorten(Mask(err.Error()))}, o.FailureFile, stderr)
	if reason.Passes() {
		return ExitFailed
	}
	return ExitRefused
}

func report(failure Failure, file string, stderr io.Writer) {
	line, err := json.Marshal(failure)
	if err == nil {
		err = writeResult(file, string(line))
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	// Last, because that is the line that people look at.
	fmt.Fprintf(stderr, "%s\n", line)
}

func run(ctx context.Context, o Options, stderr io.Writer) error {
	if o.Prepare != nil {
		if err := o.Prepare(); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(o.PlanFile)
	if err != nil {
		return fmt.Errorf("failed to read plan: %w", err)
	}
	plan, err := Decode(data)
	if err != nil {
		return err
	}
	result, err := FetchContext(ctx, plan, o.OutputDir, o.Limits, o.Fetch)
	if err != nil {
		return err
	}
	for _, note := range result.Notes {
		fmt.Fprintln(stderr, "note:", note)
	}
	return errors.Join(
		writeResult(o.ImageURLFile, o.ImageURL),
		writeResult(o.RevisionFile, result.Revision),
		writeResult(o.ContentHashFile, result.ContentHash),
		copyProgram(o.ProgramFile),
	)
}

// writeResult ends the file without a line feed: it would be part of the result.
func writeResult(file, value string) error {
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil { //nolint:gosec // Tekton reads it, as another user.
		return fmt.Errorf("failed to write result: %w", err)
	}
	return nil
}

func copyProgram(file string) (err error) {
	if file == "" {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("failed to copy program: %w", err)
		}
	}()
	name, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.Open(name)
	if err != nil {
		return err
	}
	defer program.Close()
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755) //nolint:gosec // It is run by another user.
	if err != nil {
		return err
	}
	_, err = io.Copy(out, program)
	return errors.Join(err, out.Close())
}

func shorten(message string) string {
	if len(message) <= maxFailureLength {
		return message
	}
	return strings.ToValidUTF8(message[:maxFailureLength], "") + "..."
}
