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
"""The same for functions-framework."""

import os
import signal
import time

import functions_framework


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


@functions_framework.http
def http(request):
    reply = answer(request.get_json(silent=True))
    return ("", 204) if reply is None else str(reply) if isinstance(reply, int) else reply


@functions_framework.cloud_event
def event(event):
    if event.data and event.data.get("do") == "event":
        return None  # it cannot reply
    return answer(event.data)
