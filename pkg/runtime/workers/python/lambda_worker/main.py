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
"""Starts the worker."""

import os
import sys

from . import load
from .output import Output
from .protocol import HELLO, LOAD_ERROR, STDERR, STDOUT, VERSION, Channel
from .threads import Threads
from .values import dumps
from .worker import Worker

_FD = 3

def main():
    """Loads the handler and serves until the supervisor has had enough."""
    os.set_inheritable(_FD, False)
    channel = Channel(_FD)
    channel.send(HELLO, meta=dumps({
        "protocol": VERSION, "language": "python", "version": "%d.%d.%d" % sys.version_info[:3],
    }).encode())
    outputs = (Output(channel, STDOUT, sys.stdout), Output(channel, STDERR, sys.stderr))
    sys.stdout, sys.stderr = outputs
    worker = Worker(channel, outputs)
    try:
        _load(worker).serve()
    except BaseException as e:  # SystemExit of the user's module, too
        if worker.is_ready:
            raise
        if isinstance(e, LookupError) and not isinstance(e, (KeyError, IndexError)):
            from . import server
            server.stay_where_it_listens()
        from . import errors
        function_dir = os.environ["LAMBDA_FUNCTION_DIR"]
        channel.send(LOAD_ERROR, meta=dumps(errors.describe_load(e, function_dir)).encode("utf-8", "replace"))
        sys.exit(1)


def _load(worker):
    load.set_path(os.environ["LAMBDA_FUNCTION_DIR"], os.environ["LAMBDA_DEPS_DIR"])
    handler = worker.handler = load.find(os.environ.get("HANDLER"))
    if "logging" in sys.modules:
        from . import log
        log.install(worker.channel)
    if handler.asynchronous:
        from .loop import Loop
        return Loop(worker)
    return Threads(worker, int(os.environ.get("LAMBDA_CONCURRENCY") or 0))
