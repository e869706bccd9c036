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
"""The Python worker: loads a user's handler and runs it for the supervisor."""
"""A function whose caller says what it does."""

import asyncio
import os
import signal
import threading
import time


class NotFound(Exception):
    status_code = 404


def _stream():
    yield "one "
    time.sleep(0.001)
    yield "two"


def _broken():
    yield "one"
    raise ValueError("half way")


def handler(data, context):
    """Does what it is told."""
    do = (data or {}).get("do", "nothing")
    x = (data or {}).get("x", 0)
    if do == "about":
        return " ".join((context.method, context.path, context.type or "none", context.trace_id or "none"))
    if do == "wait":
        threading.Event().wait(context.remaining() + 0.2)
    elif do == "sleep":
        time.sleep(x)
        return "slept"
    elif do == "memory":
        return "z" * (x << 20)
    elif do == "exit":
        os._exit(3)
    elif do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif do == "panic":
        raise ValueError("broken")
    elif do == "not found":
        raise NotFound("no such order")
    elif do == "unencodable":
        return object()
    elif do in _REPLIES:
        reply = _REPLIES[do]
        return reply(x) if callable(reply) else reply
    else:
        raise ValueError("cannot " + do)


async def later(data, context):
    """Does the same on the event loop."""
    do = (data or {}).get("do")
    if do == "wait":
        await asyncio.sleep(3600)
    if do == "sleep":
        await asyncio.sleep(data["x"])
        return "slept"
    return handler(data, context)


_REPLIES = {
    "nothing": None,
    "text": "text",
    "empty": "",
    "object": lambda x: {"x": x + 1},
    "array": [1, 2],
    "number": 42,
    "zero": 0,
    "false": False,
    "bytes": b"\xff",
    "status": {"statusCode": 201, "headers": {"X-Order": "7"}, "body": "made"},
    "bad status": {"statusCode": 99},
    "event": lambda x: {"specversion": "1.0", "type": "made", "id": "8", "source": "/orders", "data": x},
    "stream": lambda x: _stream(),
    "broken stream": lambda x: _broken(),
}
