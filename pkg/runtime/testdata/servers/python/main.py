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
"""A server of its own: what it does is its path."""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _do(self):
        path = self.path.partition("?")[0]
        if path == "/upload":
            self._reply(200, str(self._length()).encode())
            return
        if self.headers.get("content-length"):
            self.rfile.read(int(self.headers["content-length"]))
        if path == "/about":
            said = (self.command, self.path, self.headers["host"], self.headers.get("x-correlation-id"), self.headers.get("traceparent"))
            self._reply(201, " ".join(map(str, said)).encode())
        elif path == "/stream":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(int(self.path.partition("?")[2])):
                self._chunk(b"z" * (64 << 10))
                if i == 0:
                    time.sleep(0.05)
            self._chunk(b"")
        elif path == "/half":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        elif path == "/wait":
            time.sleep(3600)
        elif path == "/sleep":
            time.sleep(0.2)
            self._reply(200, b"slept")
        elif path == "/kill":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            self._reply(404, b"none")

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _do

    def _reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _length(self):
        if self.headers.get("content-length"):
            return len(self.rfile.read(int(self.headers["content-length"])))
        total = 0
        while True:
            size = int(self.rfile.readline(), 16)
            total += len(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return total

    def _chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *args):
        pass


def _stop(*args):
    print("told to go")
    sys.stdout.flush()
    os._exit(0)


ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer.daemon_threads = True
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, _stop)
server.serve_forever()
