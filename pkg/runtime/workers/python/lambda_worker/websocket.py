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
"""Serves the WebSockets of an ASGI application.

The supervisor hands on connections that are upgraded as they are, to a port of
the loopback. The protocol is that of RFC 6455, without extensions.
"""

import asyncio
import base64
import hashlib
import struct
import traceback
from urllib.parse import unquote

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_HEAD, _MAX_MESSAGE = 1 << 20, 16 << 20
_QUEUED = 16
_CLOSE_GRACE = 5
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_GOING_AWAY, _PROTOCOL_ERROR, _NO_STATUS, _ABNORMAL = 1001, 1002, 1005, 1006
_INVALID_TEXT, _TOO_LARGE, _INTERNAL_ERROR = 1007, 1009, 1011


class _Closed(Exception):
    """The connection is to be closed with a code."""

    def __init__(self, code, reason=""):
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Server:
    """Accepts the connections that the supervisor hands on."""

    def __init__(self, app, state):
        self._app = app
        self._state = state
        self._server = None
        self._open = set()

    async def start(self):
        """Returns the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_MAX_HEAD)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self):
        """Closes what is open, as one that goes away."""
        self._server.close()
        if self._open:
            for socket in self._open:
                socket.leave()
            await asyncio.wait([socket.task for socket in self._open], timeout=_CLOSE_GRACE)

    async def _serve(self, reader, writer):
        socket = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").split("\r\n")[:-2]
            headers = [(name.strip().lower(), value.strip()) for name, _, value in (f.partition(":") for f in fields)]
            key = dict(headers).get("sec-websocket-key")
            if key is None or dict(headers).get("upgrade", "").lower() != "websocket":
                writer.write(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            socket = _Socket(reader, writer, key, asyncio.current_task())
            self._open.add(socket)
            await socket.run(self._app, self._scope(line, headers))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # nobody is there to be told
        finally:
            self._open.discard(socket)
            writer.close()

    def _scope(self, line, headers):
        target = line.split(" ")[1]
        path, _, query = target.partition("?")
        protocols = ",".join(value for name, value in headers if name == "sec-websocket-protocol")
        by_name = dict(headers)
        return {
            "type": "websocket", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "scheme": "wss" if by_name.get("x-forwarded-proto") == "https" else "ws", "path": unquote(path), "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"), "root_path": "", "client": None, "server": None,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            "subprotocols": [p.strip() for p in protocols.split(",") if p.strip()], "state": self._state.copy(),
        }


class _Socket:
    """One connection."""

    def __init__(self, reader, writer, key, task):
        self.task = task
        self._reader = reader
        self._writer = writer
        self._key = key
        self._accepted = False
        self._closed = False  # a close frame, or a refusal, is sent
        self._messages = asyncio.Queue(_QUEUED)
        self._messages.put_nowait({"type": "websocket.connect"})
        self._reading = None

    async def run(self, app, scope):
        """Runs the application until it returns."""
        try:
            await app(scope, self.receive, self.send)
            if not self._accepted and not self._closed:
                self._refuse(500)
        except Exception:
            traceback.print_exc()
            if not self._accepted and not self._closed:
                self._refuse(500)
            self._close(_INTERNAL_ERROR)
        self._close(1000)
        try:
            await self._writer.drain()
            if self._reading is not None:  # the other side closes, too
                await asyncio.wait([self._reading], timeout=_CLOSE_GRACE)
                self._reading.cancel()
        except ConnectionError:
            pass

    def leave(self):
        """Has the application know that the server goes away."""
        self._close(_GOING_AWAY)
        if self._reading is None:
            self.task.cancel()

    async def receive(self):
        return await self._messages.get()

    async def send(self, message):
        kind = message["type"]
        if kind == "websocket.accept" and not self._accepted:
            self._accept(message)
        elif kind == "websocket.close" and not self._accepted:
            self._refuse(403)
        elif kind == "websocket.close":
            self._close(message.get("code", 1000), message.get("reason") or "")
        elif kind == "websocket.send" and self._accepted:
            if self._closed:
                raise ConnectionError("the WebSocket is closed")
            if message.get("text") is not None:
                self._frame(_TEXT, message["text"].encode())
            else:
                self._frame(_BINARY, message["bytes"])
        else:
            raise RuntimeError("%s is not a message that can be sent now" % kind)
        await self._writer.drain()

    def _accept(self, message):
        accept = base64.b64encode(hashlib.sha1(self._key.encode() + _MAGIC).digest())
        head = [b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept]
        if message.get("subprotocol"):
            head.append(b"Sec-WebSocket-Protocol: " + message["subprotocol"].encode("latin-1"))
        head += [name + b": " + value for name, value in message.get("headers", ())]
        self._writer.write(b"\r\n".join(head) + b"\r\n\r\n")
        self._accepted = True
        self._reading = asyncio.ensure_future(self._read())

    def _refuse(self, status):
        self._closed = True
        self._writer.write(b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" %
                           (status, b"Forbidden" if status == 403 else b"Internal Server Error"))
        if self._messages.empty():
            self._messages.put_nowait({"type": "websocket.disconnect", "code": _ABNORMAL})

    def _close(self, code, reason=""):
        if self._closed or not self._accepted:
            return
        self._frame(_CLOSE, struct.pack(">H", code) + reason.encode()[:123])
        self._closed = True

    def _frame(self, opcode, payload):
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
        self._writer.write(head)
        self._writer.write(payload)

    async def _read(self):
        """Reads messages for the application until the other side has closed."""
        code, reason = _ABNORMAL, ""
        try:
            while True:
                opcode, payload = await self._message()
                if opcode == _CLOSE:
                    code, reason = _NO_STATUS, ""
                    if len(payload) >= 2:
                        code, reason = struct.unpack(">H", payload[:2])[0], payload[2:].decode()
                    self._close(code if code != _NO_STATUS else 1000)
                    break
                if opcode == _TEXT:
                    await self._messages.put({"type": "websocket.receive", "text": payload.decode()})
                else:
                    await self._messages.put({"type": "websocket.receive", "bytes": payload})
        except _Closed as e:
            code, reason = e.code, e.reason
            self._close(code, reason)
        except UnicodeDecodeError:
            code = _INVALID_TEXT
            self._close(code)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._closed = True  # there is nobody to be told
        await self._messages.put({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def _message(self):
        """Returns a whole message, or a close frame."""
        first, parts, size = None, [], 0
        while True:
            final, opcode, payload = await self._read_frame(_MAX_MESSAGE - size)
            if opcode == _CLOSE:
                return opcode, payload
            if opcode == _PING:
                if not self._closed:
                    self._frame(_PONG, payload)
                continue
            if opcode == _PONG:
                continue
            if (opcode == _CONTINUATION) == (first is None) or opcode not in (_CONTINUATION, _TEXT, _BINARY):
                raise _Closed(_PROTOCOL_ERROR, "a frame out of order")
            first = first or opcode
            parts.append(payload)
            size += len(payload)
            if final:
                return first, b"".join(parts)

    async def _read_frame(self, most):
        flags, size = await self._reader.readexactly(2)
        opcode, masked, size = flags & 0x0f, size & 0x80, size & 0x7f
        if flags & 0x70 or not masked or (opcode >= _CLOSE and (size > 125 or not flags & 0x80)):
            raise _Closed(_PROTOCOL_ERROR, "a malformed frame")
        if size == 126:
            size, = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            size, = struct.unpack(">Q", await self._reader.readexactly(8))
        if size > most:
            raise _Closed(_TOO_LARGE)
        mask = await self._reader.readexactly(4)
        payload = await self._reader.readexactly(size)
        # As one large number: byte by byte would take a hundred times as long.
        key = (mask * (size // 4 + 1))[:size]
        unmasked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
        return flags & 0x80, opcode, unmasked.to_bytes(size, "big")
