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
	"io"
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
	Stream        string         `json:"stream,omitempty"`
	Logger        string         `json:"logger,omitempty"`
	Stack         string         `json:"stack,omitempty"`
	Fields        map[string]any `json:"fields,omitempty"`
}

// logger writes JSON lines, those of the supervisor and those of the function.
type logger struct {
	function  string
	namespace string

	mu  sync.Mutex
	out io.Writer
	buf bytes.Buffer
	enc *json.Encoder
}

func newLogger(o *Options) *logger {
	l := &logger{function: o.Name, namespace: o.Namespace, out: o.Output}
	l.enc = json.NewEncoder(&l.buf)
	l.enc.SetEscapeHTML(false)
	return l
}

func (l *logger) write(n line, origin *callInfo) {
	n.Time = time.Now().UTC().Format(time.RFC3339Nano)
	n.Function, n.Namespace = l.function, l.namespace
	if origin != nil {
		n.InvocationID, n.CorrelationID = origin.invocation, origin.correlation
		n.TraceID, n.SpanID = origin.traceID, origin.spanID
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
	if err := l.enc.Encode(&n); err != nil {
		return // strings and what came out of JSON always go back in
	}
	_, _ = l.out.Write(l.buf.Bytes()) // there is nowhere to say that the log is gone
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
