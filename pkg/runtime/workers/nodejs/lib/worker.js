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

// Takes frames and calls the handler.

const { Call } = require('./call');
const { Context } = require('./context');
const { currentCall } = require('./output');
const { BYTES, CANCEL, DATA, EMPTY, END, NONE, REQUEST, SHUTDOWN, WINDOW } = require('./protocol');
const { decode } = require('./values');

/** Worker runs every request as it comes; the handlers share the event loop. */
class Worker {
  #handler;
  #raw; // whether it takes the body as it came
  #shutdown;
  #outputs;
  #calls = new Map();
  #partial = new Map(); // requests whose bodies are not complete
  #closing = false;

  constructor(channel, outputs) {
    this.channel = channel;
    this.#outputs = outputs;
  }

  set handler({ function: handler, raw, shutdown }) {
    this.#handler = handler;
    this.#raw = raw;
    this.#shutdown = shutdown;
  }

  /** Handles a frame. Its bytes are used again after that. */
  frame(type, kind, flags, stream, meta, body) {
    switch (type) {
      case REQUEST:
        if (flags & END) {
          this.#run(stream, kind, meta.toString(), body);
        } else {
          this.#partial.set(stream, { kind, meta: meta.toString(), chunks: [Buffer.from(body)] });
        }
        break;
      case DATA:
        this.#append(stream, flags, body);
        break;
      case CANCEL:
        if (this.#partial.delete(stream)) {
          this.channel.send(DATA, stream, NONE, END, '', EMPTY);
        } else {
          this.#calls.get(stream)?.cancel();
        }
        break;
      case WINDOW:
        this.#calls.get(stream)?.grant(body.readUInt32BE(0));
        break;
      case SHUTDOWN:
        this.#closing = true;
        this.#closeIfDone();
    }
  }

  #append(stream, flags, body) {
    const request = this.#partial.get(stream);
    if (request === undefined) {
      return; // it was cancelled
    }
    request.chunks.push(Buffer.from(body));
    if (flags & END) {
      this.#partial.delete(stream);
      this.#run(stream, request.kind, request.meta, Buffer.concat(request.chunks));
    } else {
      this.channel.grant(stream, body.length);
    }
  }

  #run(stream, kind, meta, body) {
    const call = new Call(this, stream);
    this.#calls.set(stream, call);
    let result;
    try {
      result = currentCall.run(call, this.#handler, decode(this.#raw && kind !== NONE ? BYTES : kind, body), new Context(call, meta));
    } catch (error) {
      call.fail(error);
      return;
    }
    if (typeof result?.then === 'function') {
      // As a promise: what then() of a foreign class does is not known.
      Promise.resolve(result).then((value) => call.reply(value), (error) => call.fail(error));
    } else {
      call.reply(result);
    }
  }

  /** Forgets a call, which is about to end. */
  finish(call) {
    this.#outputs.finish(call.stream);
    this.#calls.delete(call.stream);
    if (this.#closing) {
      this.#closeIfDone();
    }
  }

  #closeIfDone() {
    if (this.#calls.size === 0 && this.#partial.size === 0) {
      // The last reply is sent after its call is forgotten.
      setImmediate(() => this.#close());
    }
  }

  async #close() {
    try {
      await this.#shutdown?.();
    } catch (error) {
      console.error(error);
    }
    await this.channel.flushed();
    process.exit(0);
  }
}

module.exports = { Worker };
