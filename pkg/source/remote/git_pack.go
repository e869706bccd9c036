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

package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// readPack reads the objects that a server sends.
func readPack(capabilities *capability.List, r io.Reader, maxBytes int64) (*memory.Storage, error) {
	switch {
	case capabilities.Supports(capability.Sideband64k):
		r = sideband.NewDemuxer(sideband.Sideband64k, r)
	case capabilities.Supports(capability.Sideband):
		r = sideband.NewDemuxer(sideband.Sideband, r)
	}
	pack, err := io.ReadAll(&limitedReader{r: r, left: maxBytes, max: maxBytes})
	if err != nil {
		return nil, fmt.Errorf("failed to read the objects that the server sends: %w", err)
	}
	return unpack(pack, maxBytes)
}

func unpack(pack []byte, maxBytes int64) (*memory.Storage, error) {
	if err := measure(pack, maxBytes); err != nil {
		return nil, err
	}
	store := memory.NewStorage()
	if err := packfile.UpdateObjectStorage(store, bytes.NewReader(pack)); err != nil {
		return nil, fmt.Errorf("failed to unpack the objects that the server sent: %w", err)
	}
	return store, nil
}

// measure goes through a pack before anything of it is kept, for a few bytes of it can unpack to any number.
func measure(pack []byte, maxBytes int64) error {
	scanner := packfile.NewScanner(bytes.NewReader(pack))
	_, count, err := scanner.Header()
	if err != nil {
		return fmt.Errorf("failed to read the objects that the server sent: %w", err)
	}
	m := &meter{left: maxBytes}
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return fmt.Errorf("failed to read the objects that the server sent: %w", err)
		}
		m.begin = m.begin[:0]
		_, _, err = scanner.NextObject(m)
		if err == nil && header.Type.IsDelta() {
			err = m.addTarget()
		}
		if errors.Is(err, errTooLarge) {
			return source.Failf(source.ReasonSourceTooLarge, "the repository unpacks to more than %d bytes at that commit", maxBytes)
		}
		if err != nil {
			return fmt.Errorf("failed to read the objects that the server sent: %w", err)
		}
	}
	return nil
}

var errTooLarge = errors.New("too large")

// meter counts what objects unpack to.
type meter struct {
	left int64
	// begin is how the object begins.
	begin []byte
}

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, errTooLarge
	}
	if missing := 2*binary.MaxVarintLen64 - len(m.begin); missing > 0 {
		m.begin = append(m.begin, p[:min(missing, len(p))]...)
	}
	return len(p), nil
}

// addTarget counts the object that a delta makes of another. A delta begins with the sizes of both.
func (m *meter) addTarget() error {
	r := bytes.NewReader(m.begin)
	if _, err := binary.ReadUvarint(r); err != nil {
		return err
	}
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	if size > uint64(m.left) { //nolint:gosec // What is left is not negative here.
		return errTooLarge
	}
	m.left -= int64(size) //nolint:gosec // It is less than what is left.
	return nil
}
