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

package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// installLogger makes packages log and log/slog speak to the supervisor, unless
// the function has set them up already.
func installLogger(out *protocol.Writer) {
	if log.Writer() != os.Stderr || fmt.Sprintf("%T", slog.Default().Handler()) != "*slog.defaultHandler" {
		return
	}
	slog.SetDefault(slog.New(newLogHandler(out)))
}

// logHandler sends records as frames. The encoding of their attributes is that
// of slog's own JSON.
type logHandler struct {
	out    *protocol.Writer
	fields slog.Handler
	shared *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func newLogHandler(out *protocol.Writer) *logHandler {
	var level slog.Level
	_ = level.UnmarshalText([]byte(os.Getenv("LAMBDA_LOG_LEVEL"))) // without one it is INFO
	shared := &logBuffer{}
	fields := slog.NewJSONHandler(&shared.Buffer, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutHead})
	return &logHandler{out, fields, shared}
}

// withoutHead leaves level and message out of the fields: the frame has them.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	_, isLevel := a.Value.Any().(slog.Level)
	if a.Key == slog.LevelKey && isLevel || a.Key == slog.MessageKey && a.Value.String() == "" {
		return slog.Attr{}
	}
	return a
}

// Enabled makes logHandler a slog.Handler.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.fields.Enabled(ctx, level)
}

// Handle makes logHandler a slog.Handler.
func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	var stream uint32
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		stream = c.stream
	}
	bare := slog.NewRecord(time.Time{}, record.Level, "", 0)
	record.Attrs(func(a slog.Attr) bool {
		bare.AddAttrs(a)
		return true
	})
	meta := struct {
		Level  string          `json:"level"`
		Fields json.RawMessage `json:"fields,omitempty"`
	}{Level: record.Level.String()}
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	h.shared.Reset()
	if err := h.fields.Handle(ctx, bare); err != nil {
		return err
	}
	if fields := bytes.TrimSpace(h.shared.Bytes()); len(fields) > len("{}") {
		meta.Fields = fields
	}
	encoded, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	text := shorten(record.Message, protocol.MaxPayload/2)
	return h.out.Write(&protocol.Frame{Type: protocol.Log, Stream: stream, Meta: encoded, Body: []byte(text)})
}

// WithAttrs makes logHandler a slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.out, h.fields.WithAttrs(attrs), h.shared}
}

// WithGroup makes logHandler a slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.out, h.fields.WithGroup(name), h.shared}
}

// withCall is a handler whose records are those of a call, with whatever
// context they are logged.
type withCall struct {
	slog.Handler
	call *Call
}

// Handle makes withCall a slog.Handler.
func (h withCall) Handle(ctx context.Context, record slog.Record) error {
	return h.Handler.Handle(context.WithValue(ctx, callKey{}, h.call), record)
}

// WithAttrs makes withCall a slog.Handler.
func (h withCall) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withCall{h.Handler.WithAttrs(attrs), h.call}
}

// WithGroup makes withCall a slog.Handler.
func (h withCall) WithGroup(name string) slog.Handler {
	return withCall{h.Handler.WithGroup(name), h.call}
}
