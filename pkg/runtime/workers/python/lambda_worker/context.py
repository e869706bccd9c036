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
"""What a handler may want to know besides its data."""

import os
import time

from .values import loads


class Context:
    """Describes a request. It is parsed when it is first asked."""

    def __init__(self, channel, meta):
        self._channel = channel
        self._raw = meta
        self._parsed = None

    @property
    def _meta(self):
        if self._parsed is None:
            self._parsed = loads(self._raw.decode())
        return self._parsed

    def attribute(self, name):
        """An attribute of the event by its name in CloudEvents, or None."""
        return self._meta.get("event", {}).get(name)

    @property
    def id(self):
        """The id of the event, or of the invocation where there is no event."""
        return self.attribute("id") or self._meta["invocation"]

    @property
    def type(self):
        """The type of the event; None for a plain request, as all its kind."""
        return self.attribute("type")

    @property
    def source(self):
        return self.attribute("source")

    @property
    def subject(self):
        return self.attribute("subject")

    @property
    def time(self):
        """When the event happened, as RFC 3339 text."""
        return self.attribute("time")

    @property
    def data_schema(self):
        return self.attribute("dataschema")

    @property
    def extensions(self):
        """The extension attributes of the event."""
        return self.attribute("extensions") or {}

    @property
    def content_type(self):
        """The media type of the data."""
        return self.attribute("datacontenttype") or self.headers.get("content-type")

    @property
    def headers(self):
        """The headers of the request by their names in lower case."""
        return self._meta["headers"]

    @property
    def method(self):
        return self._meta["method"]

    @property
    def path(self):
        return self._meta["path"]

    @property
    def query(self):
        """The query by name: a text, or a list where the name comes again."""
        return {name: values[0] if len(values) == 1 else values
                for name, values in self._meta.get("query", {}).items()}

    @property
    def invocation_id(self):
        return self._meta["invocation"]

    @property
    def correlation_id(self):
        return self._meta["correlation"]

    @property
    def trace_id(self):
        """The W3C trace id of the request, or None."""
        return self._meta.get("traceId")

    @property
    def span_id(self):
        """The W3C id of the span that the handler runs in, or None."""
        return self._meta.get("spanId")

    @property
    def deadline(self):
        """When the caller stops waiting, in seconds since the epoch."""
        return self._meta["deadline"] / 1000

    def remaining(self):
        """The seconds until the deadline, never less than 0."""
        return max(0.0, self.deadline - time.time())

    @property
    def logger(self):
        """A logging.Logger whose lines carry the ids of this invocation."""
        from . import log
        return log.logger(self._channel, os.environ.get("FUNCTION_NAME") or "function")
