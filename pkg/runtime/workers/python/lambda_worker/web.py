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
"""Applications of the web: ASGI, WSGI, and functions for knative func and functions-framework, which are such.

Each becomes a handler that takes the body as it came and a context, and returns what other handlers return.
"""

import asyncio
import os
import sys
from urllib.parse import quote, urlencode

from .values import InvalidReply, loads

_STRUCTURED = "application/cloudevents+json"
_EVENT_ATTRIBUTES = ("specversion", "id", "type", "source", "subject", "time", "dataschema")


def names_of(function):
    """Returns the names of the arguments that a call must give, or none where that cannot be told."""
    import inspect
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters
                 if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def is_asgi(function):
    names = names_of(function)
    return len(names) == 3 and names[1:] == ("receive", "send")


def is_wsgi(function):
    names = names_of(function)
    return len(names) == 2 and names[1] == "start_response"


def framework_app(module, function_name):
    """Returns the application that functions-framework makes of a module."""
    import functions_framework
    return functions_framework.create_app(target=function_name, source=module.__file__)


class Wsgi:
    """Calls a WSGI application."""

    def __init__(self, app):
        self._app = app

    def __call__(self, body, context):
        import io
        headers = _headers(context)
        host, _, port = headers.get("host", "localhost").rpartition(":")
        environ = {
            "REQUEST_METHOD": context.method, "SCRIPT_NAME": "",
            "PATH_INFO": context.path.encode().decode("latin-1"), "QUERY_STRING": _query(context),
            "SERVER_NAME": host or port, "SERVER_PORT": port if host and port.isdigit() else "80",
            "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": headers.get("content-type", ""),
            "wsgi.version": (1, 0), "wsgi.url_scheme": headers.get("x-forwarded-proto", "http"), "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }
        for name, value in headers.items():
            if name not in ("content-length", "content-type"):
                environ["HTTP_" + name.upper().replace("-", "_")] = value
        head, written = [], []

        def start_response(status, headers, exc_info=None):
            if exc_info and written:
                raise exc_info[1]
            head[:] = [int(status.split()[0]), headers]
            return written.append

        chunks = self._app(environ, start_response)
        if isinstance(chunks, (list, tuple)):
            return _reply(head[0], head[1], b"".join(written + list(chunks)))
        pieces = _pieces(chunks, written)
        first = next(pieces, b"")  # the application must have said its status by then
        return _reply(head[0], head[1], _chain(first, pieces))


def _pieces(chunks, written):
    try:
        for chunk in chunks:
            if written:
                yield b"".join(written)
                written.clear()
            if chunk:
                yield chunk
        if written:
            yield b"".join(written)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def _chain(first, rest):
    try:
        yield first
        yield from rest
    finally:
        rest.close()


class Asgi:
    """Calls an ASGI application, and starts and stops it."""

    def __init__(self, app, start=None, stop=None):
        self._app = app
        self._start, self._stop = start, stop
        self._lifespan = None
        self._sockets = None
        self._state = {}
        self._tasks = set()  # the loop holds them only weakly

    async def start(self):
        """Has the application start; it fails where that does. Returns the port of its WebSockets."""
        if self._start is not None:
            await _awaited(self._start(dict(os.environ)))
        if self._stop is None and self._start is None:
            self._lifespan = _Lifespan(self._app, self._state)
            await self._lifespan.start()
        from . import websocket
        self._sockets = websocket.Server(self._app, self._state)
        return await self._sockets.start()

    async def stop(self):
        await self._sockets.stop()
        if self._stop is not None:
            await _awaited(self._stop())
        if self._lifespan is not None:
            await self._lifespan.stop()

    async def __call__(self, body, context):
        headers = _headers(context)
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": context.method,
            "scheme": headers.get("x-forwarded-proto", "http"), "path": context.path, "raw_path": quote(context.path).encode(),
            "query_string": _query(context).encode(), "root_path": "", "client": None, "server": None,
            "headers": [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers.items()],
            "state": self._state.copy(),
        }
        event = _event(body, context)
        if event is not None:
            scope["event"] = event
        call = _Call(body)
        call.task = asyncio.ensure_future(self._app(scope, call.receive, call.send))
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)
        call.task.add_done_callback(lambda task: call.wake())
        try:
            return await call.reply()
        except BaseException:
            call.task.cancel()
            raise


class _Call:
    """One request of an ASGI application."""

    def __init__(self, body):
        self.task = None
        self._body = body
        self._head = None
        self._event = None
        self._pieces = []
        self._ended = False
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()

    def wake(self):
        self._changed.set()

    async def receive(self):
        if self._body is None:
            await asyncio.get_running_loop().create_future()  # until the task is cancelled
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message, status=200):
        """Takes a message of ASGI, or an event as functions for knative func send it."""
        if not isinstance(message, dict):
            self._event, self._ended = message, True
        elif message["type"] == "http.response.start":
            self._head = message["status"], [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self._pieces.append(bytes(message.get("body", b"")))
            self._ended = not message.get("more_body", False)
            self._taken.clear()
        self._changed.set()
        if isinstance(message, dict) and message.get("more_body"):
            await self._taken.wait()

    structured = binary = send

    async def _next(self):
        """Waits for something to send, or the end."""
        while not self._pieces and not self._ended:
            if self.task.done():
                self.task.result()  # what it raised
                raise InvalidReply("the application ended without a whole answer")
            self._changed.clear()
            await self._changed.wait()

    async def reply(self):
        await self._next()
        if self._event is not None:
            return self._event
        if self._head is None:
            raise InvalidReply("the application sent a body before http.response.start")
        status, headers = self._head
        if self._ended:
            return _reply(status, headers, self._take())
        return _reply(status, headers, self._stream())

    def _take(self):
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._taken.set()
        return body

    async def _stream(self):
        try:
            while not self._ended or self._pieces:
                await self._next()
                yield self._take()
        finally:
            self.task.cancel()


class _Lifespan:
    """The part of ASGI that starts and stops an application. One that does not know it raises, and has none."""

    def __init__(self, app, state):
        self._received = asyncio.Queue()
        self._sent = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        self._task = asyncio.ensure_future(app(scope, self._received.get, self._sent.put))

    async def start(self):
        await self._say("startup")

    async def stop(self):
        await self._say("shutdown")

    async def _say(self, what):
        if self._task.done():
            return
        self._received.put_nowait({"type": "lifespan." + what})
        answer = asyncio.ensure_future(self._sent.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            self._task.exception()  # it is seen, so that nobody warns of it
            return
        if answer.result()["type"] == "lifespan.%s.failed" % what:
            raise RuntimeError("the application failed at its %s: %s" % (what, answer.result().get("message", "")))


async def _awaited(value):
    return await value if hasattr(value, "__await__") else value


def _headers(context):
    """Returns the headers of a request. An event comes in binary mode, whatever its mode was."""
    headers = dict(context.headers)
    if context.type is None:
        return headers
    for name, value in _attributes(context).items():
        headers["ce-" + name] = _escape(str(value))
    headers.pop("content-type", None)
    if context.attribute("datacontenttype"):
        headers["content-type"] = context.attribute("datacontenttype")
    return headers


def _attributes(context):
    attributes = {name: context.attribute(name) for name in _EVENT_ATTRIBUTES if context.attribute(name)}
    attributes.update(context.extensions)
    return attributes


def _escape(text):
    return quote(text, safe="!#$&'()*+,/:;<=>?@[\\]^`{|}~-._")


def _event(body, context):
    """Returns the event as package cloudevents has it, where the function has loaded that."""
    module = sys.modules.get("cloudevents.core.v1.event")
    if module is None or context.type is None:
        return None
    from datetime import datetime
    attributes = _attributes(context)
    if "time" in attributes:
        attributes["time"] = datetime.fromisoformat(attributes["time"].replace("Z", "+00:00"))
    data = body
    if context.attribute("datacontenttype"):
        attributes["datacontenttype"] = context.attribute("datacontenttype")
        if context.attribute("datacontenttype").partition(";")[0].endswith("json") and body:
            data = loads(body.decode())
    return module.CloudEvent(attributes, data)


def _query(context):
    return urlencode(context.query, doseq=True)


def _reply(status, headers, body):
    """Returns what a handler does for a status, headers and a body of an application."""
    by_name, event = {}, {}
    for name, value in headers:
        name = name.lower()
        if name.startswith("ce-"):
            event[name[3:]] = value
        else:
            by_name.setdefault(name, []).append(value)
    content_type = by_name.get("content-type", [""])[0]
    if status < 300 and isinstance(body, bytes):
        if content_type.startswith(_STRUCTURED):
            return loads(body.decode())
        if "specversion" in event:
            return dict(event, data=body, **({"datacontenttype": content_type} if content_type else {}))
    return {"statusCode": status, "headers": by_name, "body": body}
