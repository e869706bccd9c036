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
"""Serves an asynchronous handler, on one event loop."""

import asyncio

from .output import current_stream
from .protocol import DATA, INITIAL_WINDOW, SHUTDOWN
from .values import encode, is_stream
from .worker import Head


class Loop:
    """Runs every request as a task."""

    limit = 0

    def __init__(self, worker):
        self._worker = worker
        self._closing = None

    def serve(self):
        """Returns when the supervisor wants it and all requests are done."""
        asyncio.run(self._serve())

    async def _serve(self):
        loop = asyncio.get_running_loop()
        self._closing = loop.create_future()
        app = self._worker.handler.function
        port = await app.start() if self._worker.handler.raw else 0
        self._worker.ready(self.limit, port)
        loop.add_reader(self._worker.channel, self._readable, loop)
        try:
            await self._closing
        finally:
            loop.remove_reader(self._worker.channel)
        tasks = [call.task for call in self._worker.streams.values()]
        if tasks:
            await asyncio.wait(tasks)
        if self._worker.handler.raw:
            await app.stop()

    def _readable(self, loop):
        channel = self._worker.channel
        open_ = channel.fill()
        while True:
            frame = channel.poll()
            if frame is None:
                break
            if frame[0] == SHUTDOWN:
                open_ = False
                break
            request = self._worker.take(frame)
            if request is not None:
                self._worker.streams[request.stream] = Call(self._worker, request, loop)
        if not open_ and not self._closing.done():
            self._closing.set_result(None)


class Call:
    """One request."""

    def __init__(self, worker, request, loop):
        self._worker = worker
        self._credit = INITIAL_WINDOW
        self._granted = None
        self._begun = False
        self.task = loop.create_task(self._run(request))
        self.task.add_done_callback(lambda _: self._end(request.stream))

    def cancel(self):
        self.task.cancel()

    def grant(self, n):
        self._credit += n
        if self._granted is not None:
            self._granted.set()

    async def _run(self, request):
        worker, stream = self._worker, request.stream
        self._begun = True
        current_stream.set(stream)
        try:
            result = worker.call(request)
            if hasattr(result, "__await__"):
                result = await result
            kind, meta, body = encode(result)
            if not worker.reply(stream, kind, meta, body):
                await self._stream(stream, kind, meta, body)
        except BaseException as e:  # cancellation included: the stream must end
            worker.fail(stream, e)

    def _end(self, stream):
        if not self._begun:  # a task that is cancelled before it begins runs nothing of its code
            self._worker.fail(stream, asyncio.CancelledError())
        del self._worker.streams[stream]

    async def _stream(self, stream, kind, meta, body):
        head = Head(self._worker, stream, kind, meta)
        try:
            if not is_stream(body):
                head.send()
                await self._send(stream, body)
            elif hasattr(body, "__anext__"):
                async for item in body:
                    for data in head.encode(item):
                        await self._send(stream, data)
            else:
                for item in body:
                    for data in head.encode(item):
                        await self._send(stream, data)
            head.send()
        finally:
            if hasattr(body, "aclose"):
                await body.aclose()
        self._worker.end(stream)

    async def _send(self, stream, data):
        while data:
            while not self._credit:
                self._granted = asyncio.Event()
                await self._granted.wait()
            n = min(len(data), self._credit, INITIAL_WINDOW // 2)
            self._credit -= n
            self._worker.channel.send(DATA, stream, body=data[:n])
            data = data[n:]


def run(awaitable):
    """Waits for what a synchronous function returned."""
    async def wait():
        return await awaitable
    return asyncio.run(wait())


def iterate(items):
    """Iterates over an asynchronous iterator from a thread without a loop."""
    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                yield loop.run_until_complete(items.__anext__())
            except StopAsyncIteration:
                return
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
