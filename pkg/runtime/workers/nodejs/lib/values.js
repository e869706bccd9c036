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

// From the bytes of a request to a handler's data, and back from its result.

const { AUTO, BYTES, EMPTY, JSON: JSON_KIND, NONE, TEXT } = require('./protocol');

/** The data is not what its content type says: the caller's mistake. */
class InvalidData extends Error {}

/** The handler returned what cannot be sent. */
class InvalidReply extends Error {}

// What a text may begin with that is JSON.
const BEGINS_JSON = /^[ \t\r\n]*[[{"\-0-9tfn]/;

/**
 * Returns what the handler gets as its data. The bytes are used again after
 * it returns.
 */
function decode(kind, bytes) {
  if (kind === NONE) {
    return undefined;
  }
  if (kind === BYTES) {
    return Buffer.from(bytes);
  }
  const text = decodeText(bytes);
  if (text === null) {
    if (kind === JSON_KIND) {
      throw new InvalidData('the data is not UTF-8 and cannot be JSON');
    }
    return Buffer.from(bytes);
  }
  if (kind === TEXT || (kind === AUTO && !BEGINS_JSON.test(text))) {
    return text;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    if (kind === AUTO) {
      return text;
    }
    throw new InvalidData(`the data is not valid JSON: ${error.message}`);
  }
}

/** Returns the text, or null where the bytes are not UTF-8. */
function decodeText(bytes) {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) {
    return text;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Returns kind, meta and body of what a handler returned. The body is a text or
 * bytes, or an iterator of the items of a stream.
 */
function encode(result) {
  if (typeof result === 'object' && result !== null && !isPlainBody(result)) {
    if (Number.isInteger(result.statusCode)) {
      return encodeResponse(result);
    }
    if (typeof result.specversion === 'string' && typeof result.type === 'string') {
      return encodeEvent(result);
    }
    if (result[Symbol.toStringTag] === 'Response' && typeof result.arrayBuffer === 'function') {
      return encodeFetchResponse(result);
    }
  }
  return encodeBody(result);
}

function isPlainBody(value) {
  return Array.isArray(value) || ArrayBuffer.isView(value) || isIterable(value);
}

function encodeBody(value, meta = '') {
  switch (typeof value) {
    case 'string':
      return { kind: TEXT, meta, body: value };
    case 'undefined':
      return { kind: NONE, meta, body: EMPTY };
    case 'object': {
      if (value === null) {
        return { kind: NONE, meta, body: EMPTY };
      }
      const bytes = bytesOf(value);
      if (bytes !== undefined) {
        return { kind: BYTES, meta, body: bytes };
      }
      if (isIterable(value)) {
        return { kind: NONE, meta, body: value[Symbol.asyncIterator]?.() ?? value };
      }
    }
  }
  return { kind: JSON_KIND, meta, body: stringify(value) };
}

function bytesOf(value) {
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return value instanceof ArrayBuffer ? Buffer.from(value) : undefined;
}

/**
 * Reports whether a value is a stream: a Readable, a ReadableStream, a generator
 * or another iterator. A collection is none: it is one value.
 */
function isIterable(value) {
  return typeof value[Symbol.asyncIterator] === 'function' ||
    (typeof value.next === 'function' && typeof value[Symbol.iterator] === 'function');
}

function isStream(body) {
  return typeof body !== 'string' && typeof body.next === 'function';
}

function stringify(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new InvalidReply(`the handler returned what JSON cannot hold: ${error.message}`);
  }
  if (text === undefined) {
    throw new InvalidReply(`the handler returned a ${typeof value}, which JSON cannot hold`);
  }
  return text;
}

/** Returns the content type and the bytes of an item of a stream. */
function encodeItem(item) {
  if (typeof item === 'string') {
    return ['text/plain; charset=utf-8', Buffer.from(item)];
  }
  const bytes = typeof item === 'object' && item !== null ? bytesOf(item) : undefined;
  if (bytes !== undefined) {
    return ['application/octet-stream', bytes];
  }
  return ['application/x-ndjson', Buffer.from(stringify(item === undefined ? null : item) + '\n')];
}

/** Encodes {statusCode, headers, body}. */
function encodeResponse({ statusCode, headers, body, isBase64Encoded }) {
  const meta = { status: checkStatus('statusCode', statusCode) };
  if (headers !== undefined && headers !== null) {
    if (typeof headers !== 'object') {
      throw new InvalidReply(`the handler returned headers that are a ${typeof headers} and not an object`);
    }
    meta.headers = {};
    for (const [name, value] of headers[Symbol.iterator] ? headers : Object.entries(headers)) {
      if (value !== undefined && value !== null) {
        meta.headers[name] = Array.isArray(value) ? value.map(String) : String(value);
      }
    }
  }
  if (isBase64Encoded && typeof body === 'string') {
    body = Buffer.from(body, 'base64');
  }
  return encodeBody(body, JSON.stringify(meta));
}

function checkStatus(name, status) {
  if (status < 200 || status > 599) {
    throw new InvalidReply(`the handler returned ${name} ${status}, which is not between 200 and 599`);
  }
  return status;
}

/** Encodes a Response of the fetch API. */
function encodeFetchResponse(response) {
  const meta = { status: checkStatus('a Response of status', response.status), headers: {} };
  for (const [name, value] of response.headers) {
    (meta.headers[name] ??= []).push(value);
  }
  if (response.url !== '') {
    delete meta.headers['content-encoding']; // what was fetched is decoded
  }
  return encodeBody(response.body, JSON.stringify(meta));
}

/** Encodes a CloudEvent in the form of its JSON format. */
function encodeEvent(event) {
  const attributes = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === 'data' || name === 'data_base64' || value === undefined || value === null) {
      continue;
    }
    if (value instanceof Date) {
      attributes[name] = value.toISOString();
    } else {
      attributes[name] = typeof value === 'boolean' || Number.isInteger(value) ? value : String(value);
    }
  }
  const { data, data_base64: base64 } = event;
  const binary = typeof base64 === 'string' && !ArrayBuffer.isView(data);
  return encodeBody(binary ? Buffer.from(base64, 'base64') : data, JSON.stringify({ event: attributes }));
}

module.exports = { InvalidData, InvalidReply, decode, encode, encodeItem, isStream };
