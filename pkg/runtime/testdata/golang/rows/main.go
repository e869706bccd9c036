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
	"log"
	"log/slog"
	"os"
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
	case "bytes":
		return []byte("\xff"), nil
	case "status":
		return reply{201, map[string]string{"X-Order": "7"}, "made"}, nil
	case "event":
		return map[string]any{"specversion": "1.0", "type": "made", "id": "8", "source": "/orders", "data": in.X}, nil
	case "about":
		return fmt.Sprintf("%v %v %v %v", ctx.Value("method"), ctx.Value("path"), ctx.Value("type"), ctx.Value("traceId")), nil
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
	case "panic":
		panic("broken")
	case "not found":
		return nil, notFound{errors.New("no such order")}
	}
	return nil, errors.New("cannot " + in.Do)
}
