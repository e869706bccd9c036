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

// One request to the handler, from its data to the last byte of its reply.

const { Logger, currentCall } = require('./output');
const { DATA, EMPTY, END, FAIL, INITIAL_WINDOW, NONE, RESPONSE } = require('./protocol');
const { encode, encodeItem, isStream } = require('./values');

const CHUNK = 64 << 10;

// How long a handler may take to notice that nobody waits any more. Then its
// stream ends without it: a promise cannot be stopped, and the supervisor would
// take a worker for hung whose streams do not end.
const CANCEL_GRACE_MS = 5000;

/** Call is the worker's end of a stream. */
class Call {
  ended = false;
  #worker;
  #credit = INITIAL_WINDOW;
  #cancelled = false;
  #controller;
  #logger;
  #wake; // lets what waits for credit, or for an item, look again

  constructor(worker, stream) {
    this.#worker = worker;
    this.stream = stream;
  }

  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) {
        this.#controller.abort();
      }
    }
    return this.#controller.signal;
  }

  get logger() {
    return (this.#logger ??= new Logger(this.#worker.channel, this));
  }

  /** The supervisor takes n more bytes. */
  grant(n) {
    this.#credit += n;
    this.#wake?.();
  }

  /** Nobody waits for the reply any more. */
  cancel() {
    this.#cancelled = true;
    setTimeout(() => this.fail(new Error('the handler went on after its request was cancelled')), CANCEL_GRACE_MS).unref();
    currentCall.run(this, () => this.#controller?.abort());
    this.#wake?.();
  }

  /** Replies with what the handler returned. */
  reply(result) {
    if (this.ended) {
      return;
    }
    let encoded;
    try {
      encoded = encode(result);
    } catch (error) {
      this.fail(error);
      return;
    }
    let { kind, meta, body } = encoded;
    if (typeof body === 'string' && 3 * body.length > INITIAL_WINDOW) {
      body = Buffer.from(body);
    }
    if (isStream(body)) {
      currentCall.run(this, () => this.#stream(kind, meta, body));
    } else if (body.length > INITIAL_WINDOW) {
      this.#stream(kind, meta, [body][Symbol.iterator](), true);
    } else {
      this.#end(RESPONSE, kind, meta, body);
    }
  }

  /** Says that the handler failed. */
  fail(error) {
    if (!this.ended) {
      const { describe } = require('./errors');
      this.#end(FAIL, NONE, JSON.stringify(describe(error)), EMPTY);
    }
  }

  #end(type, kind, meta, body) {
    this.#worker.finish(this);
    this.ended = true;
    this.#worker.channel.send(type, this.stream, kind, END, meta, body);
  }

  async #stream(kind, meta, items, whole = false) {
    let open = false;
    try {
      for (;;) {
        const { done, value } = await this.#next(items);
        if (!open && !this.ended) {
          open = true;
          this.#worker.channel.send(RESPONSE, this.stream, kind, 0, done || whole ? meta : withType(meta, value), EMPTY);
        }
        if (done) {
          break;
        }
        await this.#send(encodeItem(value)[1]);
      }
      await items.return?.(); // closes what has more
      if (!this.ended) {
        this.#end(DATA, NONE, '', EMPTY);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Returns the next item, or done when nobody wants it. */
  async #next(items) {
    const cancelled = new Promise((resolve) => {
      this.#wake = () => this.#cancelled && resolve({ done: true });
      this.#wake();
    });
    return Promise.race([items.next(), cancelled]);
  }

  async #send(bytes) {
    for (let start = 0; start < bytes.length && !this.#cancelled && !this.ended;) {
      if (this.#credit === 0) {
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const end = Math.min(bytes.length, start + this.#credit, start + CHUNK);
      this.#worker.channel.send(DATA, this.stream, NONE, 0, '', bytes.subarray(start, end));
      this.#credit -= end - start;
      start = end;
    }
  }
}

/** Adds the content type of a stream, which its first item decides. */
function withType(meta, item) {
  return JSON.stringify({ ...(meta === '' ? {} : JSON.parse(meta)), contentType: encodeItem(item)[0] });
}

module.exports = { Call };
