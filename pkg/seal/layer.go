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

package seal

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

const (
	// form is the version of the canonical form. It changes with whatever changes a byte of a sealed layer, which is the
	// compressor's output, too: TestForm holds it. Layers that were remembered in another form are not used.
	form = "1"
	// level of compression: higher ones take longer than the network would for what they save.
	level = 3
)

// canonicalize copies a layer's tar archive, entry by entry and in the same order, which Kaniko sorts by path. All times
// become source.Modified, names of owners go (their numbers stay), and so does all of a header that its file does not
// have. What is canonical already stays as it is, byte by byte.
func canonicalize(w io.Writer, r io.Reader) error {
	in, out := tar.NewReader(r), tar.NewWriter(w)
	for {
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("failed to read the layer: %w", err)
		}
		header, err := canonicalHeader(entry)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(header); err != nil {
			return fmt.Errorf("failed to write entry %q: %w", entry.Name, err)
		}
		if _, err := io.Copy(out, in); err != nil { //nolint:gosec // G110: it is a layer that Kaniko has just made.
			return fmt.Errorf("failed to copy %q: %w", entry.Name, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("failed to write the layer: %w", err)
	}
	// What comes after the archive is nothing, but counts for the checksum of what it was read from.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("failed to read the layer: %w", err)
	}
	return nil
}

// canonicalHeader refuses what Kaniko does not write, rather than to lose something of it.
func canonicalHeader(entry *tar.Header) (*tar.Header, error) {
	header := &tar.Header{
		Typeflag:   entry.Typeflag,
		Name:       entry.Name,
		Mode:       entry.Mode,
		Uid:        entry.Uid,
		Gid:        entry.Gid,
		ModTime:    source.Modified,
		PAXRecords: extendedAttributes(entry.PAXRecords),
		// Of the formats that are there this one has room for everything, and takes it only where there is need.
		Format: tar.FormatPAX,
	}
	for record := range entry.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return nil, fmt.Errorf("entry %q of the layer is a file with holes, which may be of any size", entry.Name)
		}
	}
	switch entry.Typeflag {
	case tar.TypeReg:
		header.Size = entry.Size
	case tar.TypeLink, tar.TypeSymlink:
		header.Linkname = entry.Linkname
	case tar.TypeChar, tar.TypeBlock:
		header.Devmajor, header.Devminor = entry.Devmajor, entry.Devminor
	case tar.TypeDir, tar.TypeFifo:
	default:
		return nil, fmt.Errorf("entry %q of the layer is of type %q, which is not known", entry.Name, entry.Typeflag)
	}
	return header, nil
}

// extendedAttributes are those records of a header that say something of the file and have no field of their own, such
// as its capabilities.
func extendedAttributes(records map[string]string) map[string]string {
	kept := maps.Clone(records)
	maps.DeleteFunc(kept, func(key, _ string) bool { return !strings.HasPrefix(key, "SCHILY.xattr.") })
	return kept
}

// compress writes what it reads as gzip, without a time or a name in its header.
func compress(w io.Writer, r io.Reader) error {
	z, err := gzip.NewWriterLevel(w, level)
	if err != nil {
		return fmt.Errorf("failed to compress the layer: %w", err)
	}
	if _, err := io.Copy(z, r); err != nil {
		return fmt.Errorf("failed to compress the layer: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("failed to compress the layer: %w", err)
	}
	return nil
}
