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
"""From the bytes of a request to a handler's data, and back from its result."""

import json

from .protocol import AUTO, BYTES, JSON, NONE, TEXT

dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
loads = json.JSONDecoder().decode


class InvalidData(Exception):
    """The data is not what its content type says: the caller's mistake."""


class InvalidReply(Exception):
    """The handler returned what cannot be sent."""


def decode(kind, body):
    """Returns what the handler gets as its data."""
    if kind == NONE:
        return None
    if kind == BYTES:
        return body
    try:
        text = body.decode()
    except ValueError:
        if kind == JSON:
            raise InvalidData("the data is not UTF-8 and cannot be JSON") from None
        return body
    if kind == TEXT:
        return text
    try:
        return loads(text)
    except (ValueError, RecursionError) as e:
        if kind == AUTO:
            return text
        raise InvalidData("the data is not valid JSON: %s" % e) from None


def encode(result):
    """Returns kind, meta and body of what a handler returned.

    The body is an iterator where the reply is a stream.
    """
    if isinstance(result, dict):
        if _is_status(result.get("statusCode")):
            return _encode_response(result)
        if "specversion" in result and "type" in result:
            return _encode_event(result)
    elif hasattr(result, "get_attributes") and hasattr(result, "get_data"):
        # The classes of the cloudevents package.
        return _encode_event(dict(result.get_attributes(), data=result.get_data()))
    kind, body = _encode_body(result)
    return kind, b"", body


def encode_item(item):
    """Returns the content type and the bytes of an item of a stream."""
    kind, data = _encode_body(item)
    if kind == TEXT:
        return "text/plain; charset=utf-8", data
    if kind == BYTES:
        return "application/octet-stream", data
    if kind == NONE:
        return "application/x-ndjson", b"null\n"
    return "application/x-ndjson", data + b"\n"


def is_stream(body):
    return hasattr(body, "__next__") or hasattr(body, "__anext__")


def _encode_body(value):
    if value is None:
        return NONE, b""
    if isinstance(value, str):
        return TEXT, _utf8(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return BYTES, bytes(value)
    if is_stream(value):
        return NONE, value
    try:
        return JSON, _utf8(dumps(value))
    except (TypeError, ValueError, RecursionError) as e:
        raise InvalidReply("the handler returned what JSON cannot hold: %s" % e) from None


def _utf8(text):
    try:
        return text.encode()
    except UnicodeEncodeError as e:
        raise InvalidReply("the handler returned what UTF-8 cannot hold: %s" % e) from None


def _is_status(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _encode_response(response):
    """Encodes {"statusCode": ..., "headers": ..., "body": ...}."""
    status = response["statusCode"]
    if not 200 <= status <= 599:
        raise InvalidReply("the handler returned statusCode %d, which is not between 200 and 599" % status)
    meta = {"status": int(status)}
    headers = response.get("headers") or {}
    if not isinstance(headers, dict):
        raise InvalidReply("the handler returned headers of type %s, not dict" % type(headers).__name__)
    if headers:
        meta["headers"] = {str(name): [str(v) for v in value] if isinstance(value, (list, tuple)) else str(value)
                           for name, value in headers.items()}
    body = response.get("body")
    if response.get("isBase64Encoded") and isinstance(body, str):
        body = _base64(body)
    kind, data = _encode_body(body)
    return kind, _utf8(dumps(meta)), data


def _encode_event(event):
    """Encodes a CloudEvent in the form of its JSON format."""
    attributes = {}
    for name, value in event.items():
        if name in ("data", "data_base64") or value is None:
            continue
        if hasattr(value, "isoformat"):
            value = value.isoformat()
        attributes[str(name)] = value if isinstance(value, (bool, int)) else str(value)
    data = event.get("data")
    if event.get("data_base64") is not None:
        data = _base64(event["data_base64"])
    kind, body = _encode_body(data)
    return kind, _utf8(dumps({"event": attributes})), body


def _base64(text):
    import base64
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as e:
        raise InvalidReply("the handler returned a body that is not base64: %s" % e) from None
