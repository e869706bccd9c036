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
"""Serves a synchronous handler."""

import threading
import time

from .output import current_stream
from .protocol import DATA, INITIAL_WINDOW, SHUTDOWN
from .values import encode, is_stream
from .worker import Head

# A synchronous handler needs some bound where the function has none.
DEFAULT_LIMIT = 256

# How long a handler may hold up the reading before another thread takes over;
# how long it is then taken for one that blocks, at first and at most; and for
# how many ticks the watch goes on when nothing happens.
_TICK = 0.001
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 64.0
_IDLE_TICKS = 100


class Threads:
    """Runs a handler in as many threads as there are requests, up to a limit.

    The thread that reads a request runs it, too, so that a request never
    crosses threads. While a handler blocks, another thread goes on reading.
    For a handler that returns at once that would cost more than the handler,
    because threads fight for the interpreter's lock: there the same thread goes
    on, and a watch looks for handlers that block after all.
    """

    def __init__(self, worker, limit):
        self.limit = limit or DEFAULT_LIMIT
        self._worker = worker
        self._turn = threading.Lock()  # held by the thread that reads
        self._counts = threading.Lock()
        self._waiting = 0
        self._started = []
        self._closed = False
        self._blocking = False
        self._right = []  # to go on reading: whoever takes the item has it
        self._alarm = threading.Event()  # wakes the watch
        self._asleep = False

    def serve(self):
        """Returns when the supervisor wants it and all requests are done."""
        self._worker.ready(self.limit)
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        self._run()
        for thread in self._started:
            thread.join()

    def _run(self):
        while True:
            with self._counts:
                self._waiting += 1
            self._turn.acquire()
            with self._counts:
                self._waiting -= 1
            if self._closed or not self._read():
                self._closed = True
                self._turn.release()
                return

    def _read(self):
        """Runs requests until another thread reads; False at the end."""
        while True:
            request = self._next()
            if request is None:
                return False
            if self._blocking:
                self._hand_over()
                self._execute(request)
                return True
            right = self._right = [None]
            if self._asleep:
                self._alarm.set()
            self._execute(request)
            if not _take(right):
                return True

    def _watch(self):
        """Has another thread read when a handler holds the reading up."""
        pause, resumed = _FIRST_PAUSE, 0.0
        while True:
            self._wait_for_blocking()
            self._blocking = True
            self._hand_over()
            # One that blocks again as soon as it is trusted always blocks.
            again = time.monotonic() - resumed < pause
            pause = min(2 * pause, _LAST_PAUSE) if again else _FIRST_PAUSE
            time.sleep(pause)
            self._blocking = False
            resumed = time.monotonic()

    def _wait_for_blocking(self):
        """Returns with the right of a handler that runs for longer than a tick."""
        seen, ticks = None, 0
        while True:
            time.sleep(_TICK)
            right = self._right
            if right is not seen:
                seen, ticks = right, 0
            elif _take(right):
                return
            elif ticks < _IDLE_TICKS:
                ticks += 1
            else:
                ticks = 0
                self._alarm.clear()
                self._asleep = True
                if self._right is seen:  # else a request has come just now
                    self._alarm.wait()
                self._asleep = False

    def _next(self):
        while True:
            frame = self._worker.channel.receive()
            if frame is None or frame[0] == SHUTDOWN:
                return None
            request = self._worker.take(frame)
            if request is not None:
                return request

    def _hand_over(self):
        self._turn.release()
        with self._counts:
            # One more than the limit: with all handlers running, somebody must
            # still read what a streamed reply waits for.
            if self._waiting or len(self._started) >= self.limit:
                return
            thread = threading.Thread(target=self._run, name="handler-%d" % (len(self._started) + 1), daemon=True)
            self._started.append(thread)
        thread.start()

    def _execute(self, request):
        worker, stream = self._worker, request.stream
        current_stream.set(stream)
        try:
            result = worker.call(request)
            if hasattr(result, "__await__"):
                from . import loop
                result = loop.run(result)
            kind, meta, body = encode(result)
            if not worker.reply(stream, kind, meta, body):
                self._stream(stream, kind, meta, body)
        except BaseException as e:  # a handler's SystemExit must not end the worker
            worker.fail(stream, e)
        finally:
            current_stream.set(0)

    def _stream(self, stream, kind, meta, body):
        credit = self._worker.streams[stream] = Credit()
        head = Head(self._worker, stream, kind, meta)
        try:
            for data in _pieces(head, body):
                if not self._send(stream, credit, data):
                    break
            head.send()
        finally:
            del self._worker.streams[stream]
            if hasattr(body, "close"):
                body.close()
        self._worker.end(stream)

    def _send(self, stream, credit, data):
        while data:
            granted = credit.take(len(data))
            if not granted:
                return False
            self._worker.channel.send(DATA, stream, body=data[:granted])
            data = data[granted:]
        return True


def _pieces(head, body):
    if not is_stream(body):
        head.send()
        for start in range(0, len(body), INITIAL_WINDOW // 2):
            yield body[start:start + INITIAL_WINDOW // 2]
        return
    if hasattr(body, "__anext__"):
        from . import loop
        body = loop.iterate(body)
    for item in body:
        yield from head.encode(item)


def _take(right):
    """Takes the only item of a list, which one thread at most can do."""
    try:
        right.pop()
    except IndexError:
        return False
    return True


class Credit:
    """How many bytes of a streamed reply the supervisor still takes."""

    def __init__(self):
        self._bytes = INITIAL_WINDOW
        self._cancelled = False
        self._changed = threading.Condition()

    def grant(self, n):
        with self._changed:
            self._bytes += n
            self._changed.notify()

    def cancel(self):
        with self._changed:
            self._cancelled = True
            self._changed.notify()

    def take(self, wanted):
        """Waits for credit. Returns how many bytes may be sent, or 0 when
        nobody wants them any more."""
        with self._changed:
            while not self._bytes and not self._cancelled:
                self._changed.wait()
            if self._cancelled:
                return 0
            granted = min(wanted, self._bytes)
            self._bytes -= granted
            return granted
