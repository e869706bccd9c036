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
"""Modules that are no handler but a server, which listens at $LAMBDA_APP_PORT."""

import os
import socket
import threading
import time

_STARTING = 10


def stay_where_it_listens():
    """Returns where no server listens. One that blocks its module does not come here at all."""
    deadline = time.monotonic() + _STARTING
    while not _listens():
        if threading.active_count() == 1 or time.monotonic() > deadline:
            return  # nothing runs that could begin to listen
        time.sleep(0.01)
    while True:
        time.sleep(3600)  # the supervisor ends the process


def _listens():
    try:
        socket.create_connection(("127.0.0.1", int(os.environ["LAMBDA_APP_PORT"])), timeout=1).close()
    except OSError:
        return False
    return True
