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

'use strict';

// Runs servers of Node.js's http module, and what makes one: applications of
// Express, Koa and Fastify, and functions for functions-framework.

const http = require('http');
const path = require('path');
const { createRequire } = require('module');

const { currentCall } = require('./output');

const CALL = 'x-lambda-call';
const EVENT_ATTRIBUTES = ['id', 'type', 'source', 'subject', 'time'];
// What is longer, or of no known length, is streamed.
const WHOLE = 256 << 10;

/** Returns the server that an export is or makes, or undefined where it is none. */
async function serverOf(value) {
  if (value instanceof http.Server) {
    return value;
  }
  if (typeof value?.listen !== 'function') {
    return undefined;
  }
  if (typeof value.callback === 'function') { // Koa
    return http.createServer(value.callback());
  }
  if (value.server instanceof http.Server) { // Fastify
    await value.ready?.();
    return value.server;
  }
  return typeof value === 'function' ? http.createServer(value) : undefined; // Express, Connect
}

/** Returns the server of a function that is registered at functions-framework, or undefined where none is. */
function frameworkServer(file, name) {
  const part = path.join('@google-cloud', 'functions-framework');
  if (!Object.keys(require.cache).some((loaded) => loaded.includes(part))) {
    return undefined;
  }
  const { getFunction, getTestServer } = createRequire(file)('@google-cloud/functions-framework/testing');
  const target = [name, process.env.FUNCTION_TARGET].find((candidate) => candidate && getFunction(candidate));
  return target && getTestServer(target);
}

/** Returns a handler that has a server answer, over the loopback: so it gets the requests that it knows. */
function adapt(server) {
  const calls = new Map();
  const agent = new http.Agent({ keepAlive: true });
  const emit = server.emit;
  let last = 0;
  // What the server prints and throws belongs to the call that it comes from.
  server.emit = function (name, ...args) {
    const request = name === 'request' ? args[0] : undefined;
    const call = calls.get(request?.headers[CALL]);
    delete request?.headers[CALL];
    const go = () => emit.call(this, name, ...args);
    return call === undefined ? go() : currentCall.run(call, go);
  };
  const handle = (body, context) => new Promise((resolve, reject) => {
    const id = String(++last);
    calls.set(id, currentCall.getStore());
    const { port } = server.address();
    const request = http.request({
      agent, port, host: '127.0.0.1', method: context.method, path: pathOf(context), signal: context.signal,
      headers: { ...headersOf(context), [CALL]: id, 'content-length': body?.length ?? 0 },
    });
    request.on('close', () => calls.delete(id));
    request.on('error', reject);
    request.on('response', (response) => replyOf(response).then(resolve, reject));
    request.end(body);
  });
  return {
    function: handle, raw: true, port: () => server.address().port,
    init: () => new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    }),
  };
}

function pathOf(context) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(context.query)) {
    [value].flat().forEach((each) => query.append(name, each));
  }
  const text = query.toString();
  return encodeURI(context.path).replace(/[?#]/g, encodeURIComponent) + (text && `?${text}`);
}

/** Returns the headers of a request. An event comes in binary mode, whatever its mode was. */
function headersOf(context) {
  const headers = { ...context.headers };
  for (const name of ['connection', 'transfer-encoding', 'expect', 'upgrade', 'keep-alive']) {
    delete headers[name];
  }
  if (context.type === undefined) {
    return headers;
  }
  const attributes = { specversion: '1.0', dataschema: context.dataSchema, ...context.extensions };
  EVENT_ATTRIBUTES.forEach((name) => { attributes[name] = context[name]; });
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) {
      headers[`ce-${name}`] = String(value).replace(/[^!#$&-~]/gu, encodeURIComponent);
    }
  }
  delete headers['content-type'];
  if (context.dataContentType !== undefined) {
    headers['content-type'] = context.dataContentType;
  }
  return headers;
}

/** Returns what a handler does for a response. */
async function replyOf(response) {
  const headers = {};
  const attributes = {};
  for (const [name, value] of Object.entries(response.headers)) {
    (name.startsWith('ce-') ? attributes : headers)[name.replace(/^ce-/, '')] = value;
  }
  const length = Number(headers['content-length'] ?? NaN);
  const { statusCode } = response;
  if (!(length <= WHOLE) && statusCode !== 204 && statusCode !== 304) {
    return { statusCode, headers, body: response };
  }
  const chunks = [];
  for await (const chunk of response) {
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const contentType = headers['content-type'] ?? '';
  if (statusCode < 300 && contentType.startsWith('application/cloudevents+json')) {
    return JSON.parse(body);
  }
  if (statusCode < 300 && attributes.specversion !== undefined) {
    return { ...attributes, datacontenttype: contentType || undefined, data_base64: body.toString('base64') };
  }
  return { statusCode, headers, body };
}

module.exports = { adapt, frameworkServer, serverOf };
