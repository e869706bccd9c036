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
"""Connects the logging module with the supervisor."""

import logging
import os

from .output import current_stream
from .protocol import LOG, MAX_PAYLOAD
from .values import dumps

_channel = None
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class SupervisorHandler(logging.Handler):
    """Sends records as frames, with their level, stack and extra fields."""

    def emit(self, record):
        try:
            meta = {"level": record.levelname, "logger": record.name}
            fields = {k: v for k, v in vars(record).items() if k not in _STANDARD}
            if record.exc_info:
                fields["stack"] = (self.formatter or logging.Formatter()).formatException(record.exc_info)
            if fields:
                meta["fields"] = {k: _plain(v) for k, v in fields.items()}
            body = record.getMessage().encode("utf-8", "backslashreplace")
            meta = dumps(meta).encode("utf-8", "backslashreplace")
            _channel.send(LOG, current_stream.get(), meta=meta, body=body[:MAX_PAYLOAD - len(meta)])
        except Exception:
            self.handleError(record)


def install(channel):
    """Makes the root logger speak to the supervisor, unless the user's code has
    set it up already."""
    global _channel
    if _channel is not None:
        return
    _channel = channel
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(SupervisorHandler())
        root.setLevel(os.environ.get("LAMBDA_LOG_LEVEL", "INFO").upper())


def logger(channel, name):
    """Returns the function's logger."""
    install(channel)
    return logging.getLogger(name)


def _plain(value):
    try:
        dumps(value)
        return value
    except (TypeError, ValueError):
        return repr(value)
