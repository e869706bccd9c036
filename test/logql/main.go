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

// Command logql says which lines of logs a query of Loki finds, by Loki's own parser and stages: that of 2.2.1, the last
// release under the Apache License. It reads a Question from standard input and writes the lines, and ends with 1 and the
// reason where the query cannot be read.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/grafana/loki/pkg/logql"
	"github.com/prometheus/prometheus/pkg/labels"
)

// Question is a query and the streams that it is asked of.
type Question struct {
	Query   string
	Streams []Stream
}

// Stream is the lines of one container, with the labels that whoever collects them gives them.
type Stream struct {
	Labels map[string]string
	Lines  []string
}

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func answer(in io.Reader, out io.Writer) error {
	var question Question
	if err := json.NewDecoder(in).Decode(&question); err != nil {
		return fmt.Errorf("failed to read the question: %w", err)
	}
	found, err := question.find()
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	for _, line := range found {
		fmt.Fprintln(buffered, line)
	}
	return buffered.Flush()
}

// find returns the lines as they come out of the query's stages. A line that a stage stumbles over, such as one that is no
// JSON, is none: Loki would mark it with __error__.
func (q *Question) find() ([]string, error) {
	selector, err := logql.ParseLogSelector(q.Query)
	if err != nil {
		return nil, fmt.Errorf("failed to parse %s: %w", q.Query, err)
	}
	pipeline, err := selector.Pipeline()
	if err != nil {
		return nil, fmt.Errorf("failed to prepare %s: %w", q.Query, err)
	}
	var found []string
	for _, stream := range q.Streams {
		if !matches(selector.Matchers(), stream.Labels) {
			continue
		}
		stages := pipeline.ForStream(labels.FromMap(stream.Labels))
		for _, line := range stream.Lines {
			text, result, ok := stages.Process([]byte(line))
			if ok && !result.Labels().Has("__error__") {
				found = append(found, string(text))
			}
		}
	}
	return found, nil
}

func matches(matchers []*labels.Matcher, of map[string]string) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(of[matcher.Name]) {
			return false
		}
	}
	return true
}
