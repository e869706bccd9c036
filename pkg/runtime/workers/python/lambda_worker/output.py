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
"""What the function prints."""

import io
import threading
from contextvars import ContextVar

from .protocol import LOG, MAX_PAYLOAD

# The stream that the running code works for; 0 outside of any.
current_stream = ContextVar("current_stream", default=0)


class Output(io.TextIOBase):
    """Replaces sys.stdout or sys.stderr: every line goes to the supervisor with
    the invocation that printed it."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, channel, kind, original):
        self._channel = channel
        self._kind = kind
        self._original = original
        self._pending = {}
        self._lock = threading.RLock()

    @property
    def buffer(self):
        return self._original.buffer

    def fileno(self):
        return self._original.fileno()

    def writable(self):
        return True

    def write(self, text):
        stream = current_stream.get()
        with self._lock:
            lines, newline, rest = (self._pending.pop(stream, "") + text).rpartition("\n")
            if rest:
                self._pending[stream] = rest
        if newline:
            self._send(stream, lines)
        return len(text)

    def finish(self, stream):
        """Sends what a stream printed without a newline at its end."""
        if self._pending:
            with self._lock:
                rest = self._pending.pop(stream, "")
            if rest:
                self._send(stream, rest)

    def _send(self, stream, text):
        data = text.encode(self.encoding, self.errors)
        for start in range(0, len(data) or 1, MAX_PAYLOAD):
            self._channel.send(LOG, stream, self._kind, body=data[start:start + MAX_PAYLOAD])
