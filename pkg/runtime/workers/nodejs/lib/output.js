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

// Sends what the function prints and logs to the supervisor, with the
// invocation that it comes from.

const fs = require('fs');
const { AsyncLocalStorage } = require('async_hooks');
const { Writable } = require('stream');

const { EMPTY, LOG, MAX_PAYLOAD, NONE, STDERR, STDOUT } = require('./protocol');

// The call that the running code works for.
const currentCall = new AsyncLocalStorage();

const MAX_PENDING = 64 << 10;
const MAX_BACKLOG = 8 << 20;
const LEVELS = { DEBUG: 10, INFO: 20, WARN: 30, WARNING: 30, ERROR: 40 };

function currentStream() {
  const call = currentCall.getStore();
  return call === undefined || call.ended ? 0 : call.stream;
}

/** Output replaces process.stdout or process.stderr. */
class Output extends Writable {
  #channel;
  #kind;
  #pending = new Map(); // lines without an end, by stream

  constructor(channel, kind) {
    super({ decodeStrings: false });
    this.#channel = channel;
    this.#kind = kind;
    this.fd = kind;
  }

  _write(chunk, _encoding, callback) {
    this.#print(currentStream(), chunk.toString());
    callback();
  }

  // Like the streams it replaces, it cannot be closed.
  _destroy(_error, callback) {
    callback();
  }

  #print(stream, text) {
    const pending = this.#pending.get(stream);
    if (pending !== undefined) {
      this.#pending.delete(stream);
      text = pending + text;
    }
    let end = text.lastIndexOf('\n');
    if (end < 0 && text.length > MAX_PENDING) {
      end = text.length;
    }
    if (end + 1 < text.length) {
      this.#pending.set(stream, text.slice(end + 1));
    }
    if (end >= 0) {
      this.#send(stream, text.slice(0, end));
    }
  }

  /** Sends what a stream printed without a line feed at its end. */
  finish(stream) {
    const pending = this.#pending.get(stream);
    if (pending !== undefined) {
      this.#pending.delete(stream);
      this.#send(stream, pending);
    }
  }

  #send(stream, text) {
    if (this.#channel.backlog > MAX_BACKLOG) {
      // Code that prints without end gives the socket no turn. This waits, and
      // the supervisor logs it without the invocation.
      fs.writeSync(this.#kind, text + '\n');
      return;
    }
    if (3 * text.length <= MAX_PAYLOAD) {
      this.#channel.send(LOG, stream, this.#kind, 0, '', text);
      return;
    }
    const bytes = Buffer.from(text);
    for (let start = 0; start < bytes.length; start += MAX_PAYLOAD) {
      this.#channel.send(LOG, stream, this.#kind, 0, '', bytes.subarray(start, start + MAX_PAYLOAD));
    }
  }
}

/** Outputs are stdout and stderr of the process, from when they are made. */
class Outputs {
  #made = [];

  constructor(channel) {
    for (const [name, kind] of [['stdout', STDOUT], ['stderr', STDERR]]) {
      let output;
      Object.defineProperty(process, name, {
        configurable: true,
        enumerable: true,
        get: () => {
          if (output === undefined) {
            output = new Output(channel, kind);
            this.#made.push(output);
          }
          return output;
        },
      });
    }
  }

  finish(stream) {
    for (const output of this.#made) {
      output.finish(stream);
    }
  }
}

/**
 * Logger is the logger of one call. Its methods take what those of console
 * take; a plain object among the arguments is fields of the line, and the stack
 * of an error goes with it.
 */
class Logger {
  #channel;
  #call;

  constructor(channel, call) {
    this.#channel = channel;
    this.#call = call;
  }

  debug(...args) {
    this.#log('DEBUG', args);
  }

  info(...args) {
    this.#log('INFO', args);
  }

  log(...args) {
    this.#log('INFO', args);
  }

  warn(...args) {
    this.#log('WARN', args);
  }

  error(...args) {
    this.#log('ERROR', args);
  }

  #log(level, args) {
    if (LEVELS[level] < leastLevel()) {
      return;
    }
    const meta = { level, logger: process.env.FUNCTION_NAME || 'function' };
    const texts = [];
    let fields;
    for (const arg of args) {
      if (arg instanceof Error) {
        fields = { ...fields, stack: arg.stack };
        texts.push(`${arg.name}: ${arg.message}`);
      } else if (isPlainObject(arg)) {
        fields = { ...fields, ...arg };
      } else {
        texts.push(arg);
      }
    }
    if (fields !== undefined) {
      meta.fields = fields;
    }
    this.#send(meta, require('util').format(...texts));
  }

  #send(meta, text) {
    let encoded;
    try {
      encoded = JSON.stringify(meta);
    } catch (error) {
      const { inspect } = require('util');
      meta.fields = { fields: inspect(meta.fields) };
      encoded = JSON.stringify(meta);
    }
    const stream = this.#call.ended ? 0 : this.#call.stream;
    if (3 * (encoded.length + text.length) <= MAX_PAYLOAD) {
      this.#channel.send(LOG, stream, NONE, 0, encoded, text);
      return;
    }
    const head = Buffer.from(encoded);
    const body = head.length < MAX_PAYLOAD ? Buffer.from(text).subarray(0, MAX_PAYLOAD - head.length) : EMPTY;
    const short = head.length < MAX_PAYLOAD ? encoded : JSON.stringify({ level: meta.level });
    this.#channel.send(LOG, stream, NONE, 0, short, body);
  }
}

function leastLevel() {
  return LEVELS[(process.env.LAMBDA_LOG_LEVEL || 'INFO').toUpperCase()] ?? LEVELS.INFO;
}

function isPlainObject(value) {
  if (typeof value !== 'object' || value === null) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

module.exports = { Logger, Outputs, currentCall };
