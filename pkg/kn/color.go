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

package kn

import (
	"hash/fnv"
	"io"

	"github.com/fatih/color"
)

// paint gives text a color, or leaves it as it is.
type paint func(text string) string

// paintFor returns a color for what is written to out, where that takes colors.
func (s *session) paintFor(out io.Writer, attributes ...color.Attribute) paint {
	c := color.New(attributes...)
	if s.colored(out) {
		c.EnableColor()
	} else {
		c.DisableColor()
	}
	return func(text string) string { return c.Sprint(text) }
}

// apart are the colors by which the instances are told apart that write one log.
var apart = []color.Attribute{color.FgCyan, color.FgGreen, color.FgMagenta, color.FgBlue, color.FgYellow, color.FgHiCyan}

// paintOf returns the color of one of several.
func (s *session) paintOf(out io.Writer, name string) paint {
	sum := fnv.New32a()
	sum.Write([]byte(name)) //nolint:errcheck // A hash takes all.
	return s.paintFor(out, apart[int(sum.Sum32())%len(apart)])
}
