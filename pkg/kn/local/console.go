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

package local

import (
	"fmt"
	"io"
	"sync"
)

// console is what the user sees: what is said here, and the log of the supervisor.
type console struct {
	mu  sync.Mutex
	out io.Writer
}

// Write makes console an io.Writer.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

func (c *console) say(format string, args ...any) {
	fmt.Fprintf(c, "kn lambda: "+format+"\n", args...)
}

func (c *console) fail(err error) {
	c.say("error: %v", err)
}
