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

package runtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

const (
	streamStdout = "stdout"
	streamStderr = "stderr"

	levelInfo  = "INFO"
	levelWarn  = "WARN"
	levelError = "ERROR"
)

// line is one line of the log.
type line struct {
	Time          string         `json:"time"`
	Level         string         `json:"level"`
	Message       string         `json:"message"`
	Function      string         `json:"function,omitempty"`
	Namespace     string         `json:"namespace,omitempty"`
	InvocationID  string         `json:"invocationId,omitempty"`
	CorrelationID string         `json:"correlationId,omitempty"`
	TraceID       string         `json:"trace_id,omitempty"`
	SpanID        string         `json:"span_id,omitempty"`
	EventID       string         `json:"ce_id,omitempty"`
	EventType     string         `json:"ce_type,omitempty"`
	EventSource   string         `json:"ce_source,omitempty"`
	Stream        string         `json:"stream,omitempty"`
	Logger        string         `json:"logger,omitempty"`
	Stack         string         `json:"stack,omitempty"`
	Fields        map[string]any `json:"fields,omitempty"`
}

// logger writes JSON lines, those of the supervisor and those of the function.
type logger struct {
	function  string
	namespace string
	text      bool
	noTrace   bool
	noEvent   bool

	mu  sync.Mutex
	out io.Writer
	buf bytes.Buffer
	enc *json.Encoder
}

func newLogger(o *Options) *logger {
	l := &logger{function: o.Name, namespace: o.Namespace, text: o.LogText, noTrace: o.LogNoTrace, noEvent: o.LogNoEvent, out: o.Output}
	l.enc = json.NewEncoder(&l.buf)
	l.enc.SetEscapeHTML(false)
	return l
}

func (l *logger) write(n line, origin *callInfo) {
	now := time.Now()
	n.Time = now.UTC().Format(time.RFC3339Nano)
	n.Function, n.Namespace = l.function, l.namespace
	if origin != nil {
		n.InvocationID, n.CorrelationID = origin.invocation, origin.correlation
		if !l.noTrace {
			n.TraceID, n.SpanID = origin.traceID, origin.spanID
		}
		if e := origin.event; e != nil && !l.noEvent {
			n.EventID, n.EventType, n.EventSource = e.ID, e.Type, e.Source
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
	if l.text {
		n.appendText(&l.buf, now)
	} else if err := l.enc.Encode(&n); err != nil {
		return // strings and what came out of JSON always go back in
	}
	_, _ = l.out.Write(l.buf.Bytes()) // there is nowhere to say that the log is gone
}

// appendText writes the line for people: time, level, message, fields, and a
// stack below.
func (n *line) appendText(b *bytes.Buffer, now time.Time) {
	fmt.Fprintf(b, "%s %-5s %s", now.Format("15:04:05.000"), n.Level, n.Message)
	for _, name := range slices.Sorted(maps.Keys(n.Fields)) {
		fmt.Fprintf(b, " %s=%v", name, n.Fields[name])
	}
	b.WriteByte('\n')
	if n.Stack != "" {
		b.WriteString("  " + strings.ReplaceAll(strings.TrimRight(n.Stack, "\n"), "\n", "\n  ") + "\n")
	}
}

// ReadableLine returns a JSON line of a function's log as Options.LogText has it written, at the time of this machine and
// without its end. ok is false for what is no such line.
func ReadableLine(text []byte) (readable string, ok bool) {
	var n line
	if !bytes.HasPrefix(text, []byte("{")) || json.Unmarshal(text, &n) != nil || n.Level == "" {
		return "", false
	}
	written, err := time.Parse(time.RFC3339Nano, n.Time)
	if err != nil {
		return "", false
	}
	var b bytes.Buffer
	n.appendText(&b, written.Local())
	return strings.TrimSuffix(b.String(), "\n"), true
}

func (l *logger) info(message string, origin *callInfo) {
	l.write(line{Level: levelInfo, Message: message}, origin)
}
func (l *logger) warn(message string)  { l.write(line{Level: levelWarn, Message: message}, nil) }
func (l *logger) error(message string) { l.write(line{Level: levelError, Message: message}, nil) }

// stack logs an error of the user's code.
func (l *logger) stack(message, stack string, origin *callInfo) {
	l.write(line{Level: levelError, Message: message, Stack: stack}, origin)
}

// printed logs a line that the function wrote to stdout or stderr.
func (l *logger) printed(stream string, text []byte, origin *callInfo) {
	l.write(line{Level: levelInfo, Message: string(text), Stream: stream}, origin)
}

// Write takes a line of the HTTP server's own log.
func (l *logger) Write(b []byte) (int, error) {
	l.warn(string(bytes.TrimSpace(b)))
	return len(b), nil
}

// asLog is the logger for packages that want one of package log.
func (l *logger) asLog() *log.Logger { return log.New(l, "", 0) }

// frame logs what the worker sent.
func (l *logger) frame(f *protocol.Frame, origin *callInfo) {
	if len(f.Meta) == 0 {
		stream := streamStdout
		if f.Kind == protocol.LogStderr {
			stream = streamStderr
		}
		for text := range bytes.SplitSeq(f.Body, []byte("\n")) {
			l.printed(stream, text, origin)
		}
		return
	}
	n := line{Level: levelInfo, Message: string(f.Body)}
	var meta protocol.LogMeta
	if err := json.Unmarshal(f.Meta, &meta); err == nil {
		n.Level, n.Logger, n.Fields = meta.Level, meta.Logger, meta.Fields
		if stack, ok := meta.Fields["stack"].(string); ok {
			n.Stack = stack
			delete(n.Fields, "stack")
		}
	}
	l.write(n, origin)
}
