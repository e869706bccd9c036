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
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

type order struct {
	Do string `json:"do"`
	X  int    `json:"x"`
}

type notFound struct{ error }

func (notFound) StatusCode() int { return 404 }

func answer(in order) (any, error) {
	switch in.Do {
	case "", "nothing":
		return nil, nil
	case "empty":
		return "", nil
	case "zero":
		return 0, nil
	case "number":
		return 42, nil
	case "text":
		return "text", nil
	case "object":
		return map[string]int{"x": in.X + 1}, nil
	case "bytes":
		return []byte{255, 1}, nil
	case "not found":
		return nil, notFound{errors.New("none")}
	case "refused":
		return nil, syscall.ECONNREFUSED
	case "wait":
		select {}
	case "sleep":
		time.Sleep(time.Duration(in.X) * time.Second)
		return "slept", nil
	case "kill":
		return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stream":
		return io.LimitReader(zeros{}, int64(in.X)<<20), nil
	}
	panic("cannot")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
