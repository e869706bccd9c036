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
"""Finds the user's handler and learns how it wants to be called."""

import os
import sys

_COROUTINE, _ASYNC_GENERATOR, _VARARGS = 0x80, 0x200, 0x04


class App:
    """An application of the web in the place of the user's function."""

    arguments, raw = 2, True

    def __init__(self, name, function, asynchronous):
        self.name = name
        self.function = function
        self.asynchronous = asynchronous


class Handler:
    """The user's function."""

    raw = False  # whether it takes the body as it came

    def __init__(self, name, function):
        self.name = name
        self.function = function
        inner = function
        while hasattr(inner, "__wrapped__"):  # what functools.wraps leaves
            inner = inner.__wrapped__
        self.asynchronous = _flags(inner) & (_COROUTINE | _ASYNC_GENERATOR) != 0
        self.arguments = _arguments(inner)
        if self.arguments > 2:
            raise TypeError("%s() takes %d arguments; a handler takes the data and, if it wants, a context" %
                            (name, self.arguments))


def set_path(function_dir, deps_dir):
    """Makes the user's code and then its dependencies importable.

    The interpreter runs without its site module, which costs as much as all of
    the rest of its start. It is made up for where somebody relies on it.
    """
    version = "python%d.%d" % sys.version_info[:2]
    packages = [path for path in (
        os.path.join(sys.prefix, "lib", version, "site-packages"),
        os.path.join("/usr/local/lib", version, "dist-packages"),
        "/usr/lib/python3/dist-packages",
    ) if path.startswith(sys.prefix) and os.path.isdir(path)]
    virtual = os.path.join(os.path.dirname(os.path.dirname(sys.executable)), "pyvenv.cfg")
    if os.path.exists(virtual) or any(n.endswith(".pth") for path in packages for n in os.listdir(path)):
        import site
        site.main()
    else:
        sys.path.extend(packages)
    sys.path[:0] = [function_dir, deps_dir]


def find(name):
    """Returns the Handler for module.function, or a function of main.py."""
    module_name, _, function_name = (name or "main.handler").rpartition(".")
    module_name = module_name or "main"
    __import__(module_name)
    module = sys.modules[module_name]
    if "functions_framework" in sys.modules:
        from . import web
        return App("%s.%s" % (module_name, function_name), web.Wsgi(web.framework_app(module, function_name)), False)
    names = list(dict.fromkeys((function_name, "handler", "main")))
    for candidate in names + ["app", "application", "new", "handle"]:  # the last by other conventions
        function = getattr(module, candidate, None)
        if callable(function):
            return _handler("%s.%s" % (module_name, candidate), candidate, function)
    raise LookupError("module %r has no function %s" % (module_name, ", ".join(map(repr, names[:-1])) +
                                                        " or %r" % names[-1]))


def _handler(name, candidate, function):
    """Returns the Handler, or the App, that a function is."""
    start = stop = None
    if candidate == "new" and _arguments(function) == 0:  # as knative func has it
        instance = function()
        start, stop = getattr(instance, "start", None), getattr(instance, "stop", None)
        function = instance.handle
    code, bound = _code(function)
    arguments = code.co_varnames[bound:code.co_argcount] if code else ()
    if arguments[1:] == ("receive", "send") or arguments[1:] == ("start_response",) or code is None:
        from . import web
        if web.is_asgi(function):
            return App(name, web.Asgi(function, start, stop), True)
        if web.is_wsgi(function):
            return App(name, web.Wsgi(function), False)
    return Handler(name, function)


def _code(function):
    """Returns the code object that runs, and how many arguments are bound."""
    if not hasattr(function, "__code__") and not isinstance(function, type):
        method = getattr(function, "__call__", None)
        if hasattr(method, "__func__"):
            function = method
    bound = 1 if getattr(function, "__self__", None) is not None else 0
    return getattr(function, "__code__", None), bound


def _flags(function):
    code, _ = _code(getattr(function, "func", function))
    return code.co_flags if code else 0


def _arguments(function):
    """Returns 0, 1 or 2, or more where that many are required."""
    code, bound = _code(function)
    if code is None:
        return _signature_arguments(function)
    count = code.co_argcount - bound
    if code.co_flags & _VARARGS:
        return 2
    required = count - len(getattr(function, "__defaults__", None) or ())
    return required if required > 2 else min(count, 2)


def _signature_arguments(function):
    import inspect
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(p.kind == p.VAR_POSITIONAL for p in parameters):
        return 2
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    return required if required > 2 else min(len(positional), 2)
