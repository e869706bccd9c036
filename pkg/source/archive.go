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

package source

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

const (
	// maxLinkLength is how long the text of a link may be: as long as a path for a kernel.
	maxLinkLength = 4096
	// overhead is how much more than its files an archive may unpack to: headers, and what is left out.
	overhead = 4
	// gzipStart is how what gzip packed begins.
	gzipStart = "\x1f\x8b"
	// whiteout is how the name begins of an entry that deletes the file of another layer.
	whiteout = ".wh."
)

// IsArchive is true for the name of an archive that AddArchive reads.
func IsArchive(name string) bool {
	return archiveReaderOf(name) != nil
}

// unpack adds what is in an archive to files.
type unpack func(ctx context.Context, u *unpacker, r io.Reader) error

func archiveReaderOf(name string) unpack {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".zip"):
		return unZip
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return unTarGzip
	case strings.HasSuffix(name, ".tar"):
		return unTar
	default:
		return nil
	}
}

// AddArchive adds all files of an archive. Its name says of which form it is: .zip, .tar.gz, .tgz or .tar.
func (f *Files) AddArchive(ctx context.Context, name string, r io.Reader) error {
	unpack := archiveReaderOf(name)
	if unpack == nil {
		return failf(ReasonInvalidArchive, "%q is not a .zip, .tar.gz, .tgz or .tar", path.Base(name))
	}
	source := &noisyReader{r: r}
	return source.cause(unpack(ctx, f.unpacker(path.Base(name)), source))
}

// AddLayer adds the files of a layer of an image or artifact: of a tar archive, by gzip or as it is, those below folder, ""
// for all. It reports whether there were any. The name is for messages. A layer that changes another one is refused.
func (f *Files) AddLayer(ctx context.Context, name, folder string, r io.Reader) (found bool, err error) {
	source := &noisyReader{r: r}
	buffered := bufio.NewReader(source)
	unpack := unTar
	if start, _ := buffered.Peek(len(gzipStart)); string(start) == gzipStart { //nolint:errcheck // What is shorter is no archive.
		unpack = unTarGzip
	}
	u := f.unpacker(name)
	u.layer, u.folder = true, folder
	err = source.cause(unpack(ctx, u, buffered))
	return u.found, err
}

func (f *Files) unpacker(name string) *unpacker {
	return &unpacker{Files: f, name: name, left: overhead * f.t.limits.Files}
}

// noisyReader remembers why it could not read on.
type noisyReader struct {
	r   io.Reader
	err error
}

func (n *noisyReader) Read(p []byte) (int, error) {
	read, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return read, err
}

// cause is the error of who read on, where the reader failed: what was read so far looks broken, and is not.
func (n *noisyReader) cause(err error) error {
	if n.err != nil {
		return n.err
	}
	return err
}

// unpacker is at work on one archive.
type unpacker struct {
	*Files
	name string
	// left is how many entries may still come.
	left int
	// layer is true where an entry may say that a file of another archive is deleted.
	layer bool
	// folder is the one of the archive that counts. Empty: all. Found is true where something was below it.
	folder string
	found  bool
}

func (u *unpacker) invalid(format string, args ...any) error {
	return failf(ReasonInvalidArchive, "archive %q: %w", u.name, fmt.Errorf(format, args...))
}

// step counts an entry: those that make no file cost time, too.
func (u *unpacker) step(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("failed to unpack %q: %w", u.name, err)
	}
	if u.left--; u.left < 0 {
		return failf(ReasonSourceTooLarge, "archive %q has more than %d entries", u.name, overhead*u.t.limits.Files)
	}
	return nil
}

// entry adds a file or a link of an archive, and says which one it was that was refused.
func (u *unpacker) entry(name string, add func(name string) error) error {
	clean, ok := u.below(name)
	if !ok {
		return nil
	}
	u.found = true
	err := add(clean)
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == ReasonInvalidPath {
		return failf(ReasonInvalidArchive, "archive %q: %w", u.name, e.Err)
	}
	return err
}

// below returns the name of an entry within the folder that counts.
func (u *unpacker) below(name string) (string, bool) {
	name = strings.TrimPrefix(name, "./")
	if u.folder == "" {
		return name, true
	}
	return strings.CutPrefix(name, u.folder+"/")
}

// content makes failures to read an entry those of the archive: the tree cannot tell them from a full disk.
func (u *unpacker) content(name string, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if err != nil && !errors.Is(err, io.EOF) {
			if ReasonOf(err) == ReasonInternal {
				err = u.invalid("%q is broken: %w", name, err)
			}
		}
		return n, err
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// unZip reads the archive into memory first: its table of contents is at the end.
func unZip(ctx context.Context, u *unpacker, r io.Reader) error {
	limit := u.t.limits.Bytes
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return fmt.Errorf("failed to read archive %q: %w", u.name, err)
	}
	if int64(len(data)) > limit {
		return failf(ReasonSourceTooLarge, "archive %q has more than %d bytes", u.name, limit)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return u.invalid("%w", err)
	}
	for _, file := range z.File {
		if err := u.step(ctx); err != nil {
			return err
		}
		if strings.HasSuffix(file.Name, "/") {
			continue
		}
		if err := u.zipEntry(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) zipEntry(ctx context.Context, file *zip.File) error {
	mode := file.Mode()
	switch {
	case mode.IsDir() || ofVersionControl(file.Name):
		return nil
	case file.Flags&1 != 0:
		return u.invalid("%q is encrypted: make the archive without a password", file.Name)
	case !mode.IsRegular() && mode.Type() != fs.ModeSymlink:
		return u.invalid("%q is neither a file nor a link, but of mode %s: leave it out", file.Name, mode)
	}
	r, err := file.Open()
	if err != nil {
		return u.invalid("%q: %w", file.Name, err)
	}
	defer r.Close()
	content := u.content(file.Name, r)
	return u.entry(file.Name, func(name string) error {
		if mode.Type() != fs.ModeSymlink {
			return u.Add(ctx, name, content, mode&0o111 != 0)
		}
		target, err := io.ReadAll(io.LimitReader(content, maxLinkLength+1))
		if err != nil {
			return err
		}
		return u.link(name, string(target))
	})
}

func unTarGzip(ctx context.Context, u *unpacker, r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return u.invalid("%w", err)
	}
	return unTar(ctx, u, z)
}

func unTar(ctx context.Context, u *unpacker, r io.Reader) error {
	// What is left out is unpacked, too: a bomb may hide there.
	limit := overhead*u.t.limits.Bytes + int64(u.left)*1024
	bounded := &io.LimitedReader{R: r, N: limit}
	t := tar.NewReader(bounded)
	for {
		header, err := t.Next()
		switch {
		case bounded.N <= 0:
			return failf(ReasonSourceTooLarge, "archive %q unpacks to more than %d bytes", u.name, limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return u.invalid("%w", err)
		}
		if err := u.step(ctx); err != nil {
			return err
		}
		if err := u.tarEntry(ctx, header, t); err != nil {
			return err
		}
	}
}

func (u *unpacker) tarEntry(ctx context.Context, header *tar.Header, content io.Reader) error {
	if ofVersionControl(header.Name) {
		return nil
	}
	return u.entry(header.Name, func(name string) error {
		if u.layer && strings.HasPrefix(path.Base(name), whiteout) {
			return u.invalid("%q deletes a file of another layer: push the files as one layer", name)
		}
		switch header.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
			return u.Add(ctx, name, u.content(name, content), header.Mode&0o111 != 0)
		case tar.TypeDir, tar.TypeXGlobalHeader:
			return nil
		case tar.TypeSymlink:
			return u.link(name, header.Linkname)
		case tar.TypeLink:
			target, ok := u.below(header.Linkname)
			if !ok || path.IsAbs(target) {
				return u.outside(name, header.Linkname)
			}
			// Of a hard link the target is told from the top of the archive.
			return u.link(name, strings.Repeat("../", strings.Count(name, "/"))+target)
		default:
			return u.invalid("%q is neither a file, a folder nor a link: leave devices and pipes out", name)
		}
	})
}

// link refuses at once what leads out without a doubt. Files looks at the others when all are there.
func (u *unpacker) link(name, target string) error {
	if target == "" || len(target) > maxLinkLength {
		return u.invalid("the link %q does not say where to", name)
	}
	if path.IsAbs(target) || strings.HasPrefix(path.Join(path.Dir(name), target)+"/", "../") {
		return u.outside(name, target)
	}
	return u.AddLink(name, target)
}

func (u *unpacker) outside(name, target string) error {
	return u.invalid("the link %q to %q leads out of the archive: put what it leads to into the archive", name, target)
}
