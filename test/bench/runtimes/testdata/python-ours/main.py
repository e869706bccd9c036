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
"""A function whose caller says what it does."""

import os
import signal
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


def handler(data):
    if data and data.get("do") == "event":
        return {"specversion": "1.0", "id": "8", "type": "made", "source": "/me", "data": {"x": 1}}
    return answer(data)
