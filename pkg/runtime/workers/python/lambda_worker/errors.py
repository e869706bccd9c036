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
"""Turns exceptions into what the supervisor needs to know of them."""

import os
import traceback

from .values import InvalidData, InvalidReply

_WORKER_DIR = os.path.dirname(os.path.abspath(__file__))
_IMPORT_MACHINERY = "<frozen importlib"
_LIBRARY = os.path.dirname(os.__file__)


def describe_load(error, function_dir):
    """Returns the one line and the stack of an error while loading."""
    message = _summary(error)
    filename, line = _place(error)
    if filename:
        if filename.startswith(os.path.join(function_dir, "")):
            filename = os.path.relpath(filename, function_dir)
        message += " (%s, line %d)" % (filename, line)
    return {"message": message, "stack": _stack(error)}


def describe(error):
    """Returns the meta of a Fail frame for an error of the handler."""
    if isinstance(error, InvalidData):
        return {"code": "InvalidData", "message": str(error), "status": 400}
    if isinstance(error, InvalidReply):
        return {"code": "InvalidReply", "message": str(error)}
    meta = {"message": _summary(error), "stack": _stack(error)}
    for name in ("status_code", "statusCode"):
        status = getattr(error, name, None)
        if isinstance(status, int) and 400 <= status <= 599:
            meta["status"] = int(status)
            break
    return meta


def _summary(error):
    try:
        if isinstance(error, SyntaxError):
            text = error.msg  # str() of it repeats file and line
        else:
            text = str(error) or str(getattr(error, "detail", ""))
    except Exception:  # the user's __str__ may raise anything
        text = "its text cannot be had"
    text = " ".join(text.split())
    name = type(error).__name__
    return "%s: %s" % (name, text) if text else name


def _place(error):
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0
    frames = [f for f in traceback.extract_tb(error.__traceback__)
              if _is_users(f.filename) and not _is_library(f.filename)]
    return (frames[-1].filename, frames[-1].lineno) if frames else (None, 0)


def _is_users(filename):
    return not filename.startswith(_IMPORT_MACHINERY) and not filename.startswith(_WORKER_DIR)


def _is_library(filename):
    """Reports whether a file comes with the language."""
    return filename.startswith(_LIBRARY) and "-packages" not in filename


def _stack(error):
    """Returns the traceback without the worker's own frames."""
    tb = error.__traceback__
    while tb is not None and not _is_users(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return "".join(traceback.format_exception(type(error), error, tb)).rstrip("\n")
