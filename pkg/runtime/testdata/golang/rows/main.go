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

// Package main is a function whose caller says what it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing/iotest"
	"time"
)

type order struct {
	Do string `json:"do"`
	X  int    `json:"x"`
}

type notFound struct{ error }

func (notFound) StatusCode() int { return 404 }

type reply struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       any               `json:"body"`
}

// Handler does what it is told.
func Handler(ctx context.Context, in order) (any, error) {
	switch in.Do {
	case "", "nothing":
		return nil, nil
	case "text":
		return "text", nil
	case "object":
		return map[string]int{"x": in.X + 1}, nil
	case "number":
		return 42, nil
	case "empty":
		return "", nil
	case "array":
		return []int{1, 2}, nil
	case "zero":
		return 0, nil
	case "false":
		return false, nil
	case "bytes":
		return []byte("\xff"), nil
	case "bad status":
		return reply{99, nil, nil}, nil
	case "unencodable":
		return func() {}, nil
	case "stream":
		return io.MultiReader(strings.NewReader("one "), strings.NewReader("two")), nil
	case "broken stream":
		return io.MultiReader(strings.NewReader("one"), iotest.ErrReader(errors.New("half way"))), nil
	case "memory":
		return strings.Repeat("z", in.X<<20), nil
	case "sleep":
		time.Sleep(time.Duration(in.X) * time.Second)
		return "slept", nil
	case "status":
		return reply{201, map[string]string{"X-Order": "7"}, "made"}, nil
	case "event":
		return map[string]any{"specversion": "1.0", "type": "made", "id": "8", "source": "/orders", "data": in.X}, nil
	case "about":
		return fmt.Sprint(ctx.Value("method"), " ", ctx.Value("path"), " ", orNone(ctx.Value("type")), " ", orNone(ctx.Value("traceId"))), nil
	case "log":
		fmt.Println("printed")
		log.Print("logged")
		slog.InfoContext(ctx, "structured", "x", in.X)
		return nil, nil
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "exit":
		os.Exit(3)
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "panic":
		panic("broken")
	case "not found":
		return nil, notFound{errors.New("no such order")}
	}
	return nil, errors.New("cannot " + in.Do)
}

func orNone(v any) any {
	if v == nil || v == "" {
		return "none"
	}
	return v
}
