// Copyright 2026 The Knative Lambda Authors
//
// Licensed under the Apache License, Version 2.0 (the "License");
// you may not use this file except in compliance with the License.
// You may obtain a copy of the License at
//
//     http://www.apache.org/licenses/LICENSE-2.0
//
// Unless required by applicable law or agreed to in writing, software
// distributed under the License is distributed on an "AS IS" BASIS,
// WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
// See the License for the specific language governing permissions and
// limitations under the License.

// A server of its own: what it does is its path.

'use strict';

const http = require('http');

const server = http.createServer(async (request, response) => {
  const [path, query] = request.url.split('?');
  if (path === '/upload') {
    let total = 0;
    for await (const chunk of request) {
      total += chunk.length;
    }
    response.end(String(total));
    return;
  }
  request.resume();
  const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  switch (path) {
    case '/about': {
      const { host, traceparent, 'x-correlation-id': correlation } = request.headers;
      response.writeHead(201).end([request.method, request.url, host, correlation, traceparent ?? 'None'].join(' '));
      break;
    }
    case '/stream':
      for (let i = 0; i < Number(query); i++) {
        if (!response.write(Buffer.alloc(64 << 10, 'z'))) {
          await new Promise((resolve) => { response.once('drain', resolve); });
        }
        if (i === 0) {
          await sleep(50);
        }
      }
      response.end();
      break;
    case '/half':
      response.writeHead(200, { 'content-length': 100 }).write('half', () => request.socket.destroy());
      break;
    case '/wait':
      break;
    case '/sleep':
      await sleep(200);
      response.end('slept');
      break;
    case '/kill':
      process.kill(process.pid, 'SIGKILL');
      break;
    default:
      response.writeHead(404).end('none');
  }
});

// Whatever the connection becomes, what comes goes back.
server.on('upgrade', (request, socket) => {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n`);
  socket.pipe(socket);
});

process.on('SIGTERM', () => {
  console.log('told to go');
  process.exit(0);
});

setTimeout(() => server.listen(process.env.LAMBDA_APP_PORT, '127.0.0.1'), 20);
// What listens later is found, as long as something listens by then.
require('net').createServer().listen(0, '127.0.0.1');
