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

package receiver

import (
	"net/http"

	"golang.org/x/sync/semaphore"
)

const (
	// roomSize is what all requests together may hold, in bytes: a command that the API server does not answer holds what it
	// is for as long as config-receiver's timeout. It fits the memory that the Deployment has, a few copies of each event
	// included.
	roomSize = 64 << 20
	// heldBase is what a request holds besides its body.
	heldBase = 256 << 10
)

// room is how much may be worked on at once.
type room struct {
	left *semaphore.Weighted
	max  int64
}

func newRoom() *room { return &room{semaphore.NewWeighted(roomSize), roomSize} }

// enter takes the room of a request whose body has largest bytes at most, unless there is none, and returns what gives it
// back. Others are told at once: a sender that waits here would hold as much.
func (o *room) enter(r *http.Request, largest int64) (leave func(), err error) {
	size := r.ContentLength
	if size < 0 || size > largest {
		size = largest // what is more is refused while it is read
	}
	weight := min(heldBase+size, o.max)
	if !o.left.TryAcquire(weight) {
		return nil, refuse(http.StatusServiceUnavailable, codeUnavailable, "", "too many commands wait for the API server; send it again")
	}
	return func() { o.left.Release(weight) }, nil
}
