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
"""The same for func-python."""

import json
import os
import signal
import sys
import time


class NotFound(Exception):
    status_code = 404


def answer(data):
    data = data or {}
    do, x = data.get("do", "nothing"), data.get("x", 0)
    if do == "object":
        return {"x": x + 1}
    if do == "fail":
        raise ValueError("cannot")
    if do == "not found":
        raise NotFound("none")
    if do == "refused":
        raise ConnectionRefusedError("refused")
    if do == "wait":
        time.sleep(3600)
    if do == "sleep":
        time.sleep(x)
        return "slept"
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "stream":
        return (b"z" * (1 << 20) for _ in range(x))
    return {"nothing": None, "empty": "", "zero": 0, "number": 42, "text": "text", "bytes": b"\xff\x01"}[do]


class Http:
    async def handle(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        reply = answer(json.loads(body) if body else {})
        kind = b"application/json"
        if isinstance(reply, bytes):
            kind = b"application/octet-stream"
        elif reply is not None:
            reply = json.dumps(reply).encode()
        await send({"type": "http.response.start", "status": 204 if reply is None else 200, "headers": [[b"content-type", kind]]})
        await send({"type": "http.response.body", "body": reply or b""})


class Event:
    async def handle(self, scope, receive, send):
        from cloudevents.core.v1.event import CloudEvent
        data = scope["event"].get_data() or {}
        if isinstance(data, (bytes, str)):
            data = json.loads(data)
        reply = {"x": 1} if data.get("do") == "event" else answer(data)
        made = CloudEvent({"specversion": "1.0", "id": "8", "type": "made", "source": "/me", "datacontenttype": "application/json"}, reply)
        await send.binary(made)


def new():
    return Http() if sys.argv[1] == "http" else Event()


if __name__ == "__main__":
    if sys.argv[1] == "http":
        from func_python.http import serve
    else:
        from func_python.cloudevent import serve
    serve(new)
