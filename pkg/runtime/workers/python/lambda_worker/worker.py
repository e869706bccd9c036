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
"""What serving has in common, whether with threads or with an event loop."""

from .context import Context
from .protocol import CANCEL, DATA, END, FAIL, GRANT, INITIAL_WINDOW, READY, REQUEST, RESPONSE, WINDOW
from .values import decode, dumps, encode_item, is_stream, loads

_CHUNK = 64 << 10


class Request:
    """One request: its data, and the stream that the answer goes to."""

    __slots__ = ("stream", "kind", "meta", "body")

    def __init__(self, stream, kind, meta, body):
        self.stream = stream
        self.kind = kind
        self.meta = meta
        self.body = body


class Worker:
    """Takes frames, calls the handler, and sends replies."""

    def __init__(self, channel, outputs):
        self.channel = channel
        self.handler = None
        self.is_ready = False
        self.streams = {}  # what can be cancelled or granted to
        self._partial = {}
        self._outputs = outputs

    def take(self, frame):
        """Handles a frame. Returns a Request when one is complete."""
        type_, kind, flags, stream, meta, body = frame
        if type_ == REQUEST:
            request = Request(stream, kind, meta, body)
            if flags & END:
                return request
            self._partial[stream] = request, [body]
        elif type_ == DATA and stream in self._partial:
            request, chunks = self._partial[stream]
            chunks.append(body)
            if flags & END:
                del self._partial[stream]
                request.body = b"".join(chunks)
                return request
            self.channel.send(WINDOW, stream, body=GRANT.pack(len(body)))
        elif type_ == CANCEL:
            if self._partial.pop(stream, None):
                self.channel.send(DATA, stream, flags=END)
            elif stream in self.streams:
                self.streams[stream].cancel()
        elif type_ == WINDOW and stream in self.streams:
            self.streams[stream].grant(GRANT.unpack(body)[0])
        return None

    def ready(self, limit, port=0):
        """Says that requests may come, how many at once, and where upgraded connections go."""
        self.is_ready = True
        self.channel.send(READY, meta=dumps({"handler": self.handler.name, "concurrency": limit, "port": port}).encode())

    def call(self, request):
        """Calls the handler and returns what it returns."""
        handler = self.handler
        if handler.arguments == 0:
            return handler.function()
        data = request.body if handler.raw else decode(request.kind, request.body)
        if handler.arguments == 1:
            return handler.function(data)
        return handler.function(data, Context(self.channel, request.meta))

    def reply(self, stream, kind, meta, body):
        """Sends a reply at once. Returns False where it must be streamed."""
        if is_stream(body) or len(body) > INITIAL_WINDOW:
            return False
        self._finish_output(stream)
        self.channel.send(RESPONSE, stream, kind, END, meta, body)
        return True

    def fail(self, stream, error):
        """Says that the handler failed, which ends the stream."""
        from . import errors
        self._finish_output(stream)
        self.channel.send(FAIL, stream, flags=END, meta=dumps(errors.describe(error)).encode("utf-8", "replace"))

    def end(self, stream):
        """Ends a stream that began with a head."""
        self._finish_output(stream)
        self.channel.send(DATA, stream, flags=END)

    def _finish_output(self, stream):
        for output in self._outputs:
            output.finish(stream)


class Head:
    """The head of a streamed reply, sent with its first item, which decides on
    the content type."""

    def __init__(self, worker, stream, kind, meta):
        self._worker = worker
        self._stream = stream
        self._kind = kind
        self._meta = meta
        self._sent = False

    def encode(self, item):
        """Returns an item's bytes, in pieces that fit into a frame."""
        content_type, data = encode_item(item)
        self.send(content_type)
        return [data[i:i + _CHUNK] for i in range(0, len(data), _CHUNK)]

    def send(self, content_type=None):
        if self._sent:
            return
        self._sent = True
        meta = self._meta
        if content_type:
            meta = dumps(dict(loads(meta.decode()) if meta else {}, contentType=content_type)).encode()
        self._worker.channel.send(RESPONSE, self._stream, self._kind, meta=meta)
