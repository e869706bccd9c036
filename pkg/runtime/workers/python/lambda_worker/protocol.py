# Copyright 2026 The Knative Lambda Authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The frames of docs/worker-protocol.md."""

import os
import struct
import threading

VERSION = 1
HEADER = struct.Struct(">IBBHII")
GRANT = struct.Struct(">I")
MAX_PAYLOAD = 2 << 20
INITIAL_WINDOW = 256 << 10

# The types of a frame.
HELLO, READY, LOAD_ERROR, REQUEST, RESPONSE, DATA, FAIL, CANCEL, WINDOW, LOG, SHUTDOWN = range(1, 12)
# The kinds of a body.
NONE, JSON, TEXT, BYTES, AUTO = range(5)
# The kinds of printed text in a log frame.
STDOUT, STDERR = 1, 2
# The flag of a side's last frame on a stream.
END = 1

_READ_SIZE = 1 << 18


class Channel:
    """The connection to the supervisor.

    Any thread may send. One at a time may receive. It works on the bare file
    descriptor because importing socket doubles the time to start.
    """

    def __init__(self, fd):
        self._fd = fd
        self._lock = threading.Lock()
        self._buffer = b""
        self._start = 0

    def fileno(self):
        return self._fd

    def send(self, type_, stream=0, kind=NONE, flags=0, meta=b"", body=b""):
        """Sends a frame, with one system call where the socket takes it."""
        frame = b"".join((HEADER.pack(len(meta) + len(body), type_, kind, flags, stream, len(meta)), meta, body))
        with self._lock:
            sent = os.write(self._fd, frame)
            while sent < len(frame):
                sent += os.write(self._fd, frame[sent:])

    def poll(self):
        """Returns the next frame that is already here, or None."""
        start = self._start
        if len(self._buffer) - start < HEADER.size:
            return None
        size, type_, kind, flags, stream, meta = HEADER.unpack_from(self._buffer, start)
        if size > MAX_PAYLOAD or meta > size:
            raise ValueError("malformed frame: payload of %d bytes with %d bytes of meta" % (size, meta))
        start += HEADER.size
        middle, end = start + meta, start + size
        if end > len(self._buffer):
            return None
        self._start = end
        return type_, kind, flags, stream, self._buffer[start:middle], self._buffer[middle:end]

    def fill(self):
        """Reads once and waits where nothing is here; False at the end."""
        chunk = os.read(self._fd, _READ_SIZE)
        self._buffer = self._buffer[self._start:] + chunk
        self._start = 0
        return bool(chunk)

    def receive(self):
        """Returns the next frame, or None when the supervisor is gone."""
        while True:
            frame = self.poll()
            if frame is not None:
                return frame
            if not self.fill():
                return None
