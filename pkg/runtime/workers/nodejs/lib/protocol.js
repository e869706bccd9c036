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

// The connection to the supervisor. What the frames are is written down in
// docs/worker-protocol.md.

const fs = require('fs');
const net = require('net');

const VERSION = 1;
const HEADER_SIZE = 16;
const MAX_PAYLOAD = 2 << 20;
const INITIAL_WINDOW = 256 << 10;

const HELLO = 1;
const READY = 2;
const LOAD_ERROR = 3;
const REQUEST = 4;
const RESPONSE = 5;
const DATA = 6;
const FAIL = 7;
const CANCEL = 8;
const WINDOW = 9;
const LOG = 10;
const SHUTDOWN = 11;

// The kinds of a body.
const NONE = 0;
const JSON_ = 1;
const TEXT = 2;
const BYTES = 3;
const AUTO = 4;

// The kinds of printed text in a log frame.
const STDOUT = 1;
const STDERR = 2;

// The flag of a side's last frame on a stream.
const END = 1;

const READ_SIZE = 256 << 10;
const WRITE_SIZE = 64 << 10;

// How long answers may wait for those to the requests that came with theirs.
const LINGER_MS = 1;

const EMPTY = Buffer.alloc(0);
const soon = Promise.resolve();

/**
 * Channel sends and receives frames.
 *
 * Frames that are sent in one turn of the event loop leave with one system call.
 */
class Channel {
  #fd;
  #socket;
  #rest = EMPTY; // the begin of a frame whose end is still to come
  #out = Buffer.allocUnsafe(WRITE_SIZE);
  #used = 0;
  #scheduled = false;
  #blocked = false; // the socket is full; what it takes next is on its way
  #idle = []; // who waits until all is sent
  #flush = () => this.flush();

  constructor(fd) {
    this.#fd = fd;
  }

  /** Starts to receive. frame and end are called as frames, and the end, come. */
  open(frame, end) {
    this.#socket = new net.Socket({
      fd: this.#fd,
      readable: true,
      writable: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_SIZE),
        callback: (size, buffer) => {
          this.#received(buffer.subarray(0, size), frame);
          return true;
        },
      },
    });
    this.#socket.on('end', end);
    this.#socket.on('error', end);
  }

  /** The number of bytes that the supervisor has not taken yet. */
  get backlog() {
    return this.#used + this.#socket.writableLength;
  }

  /**
   * Sends a frame. meta is a text, body a text or bytes; they are copied.
   */
  send(type, stream, kind, flags, meta, body) {
    const text = typeof body === 'string';
    // No character takes more than three bytes of UTF-8 for each unit of its text.
    this.#reserve(HEADER_SIZE + 3 * meta.length + (text ? 3 * body.length : body.length));
    const out = this.#out;
    const start = this.#used;
    const middle = start + HEADER_SIZE + (meta === '' ? 0 : out.write(meta, start + HEADER_SIZE));
    let end = middle;
    if (text) {
      end += out.write(body, middle);
    } else {
      out.set(body, middle);
      end += body.length;
    }
    out.writeUInt32BE(end - start - HEADER_SIZE, start);
    out[start + 4] = type;
    out[start + 5] = kind;
    out.writeUInt16BE(flags, start + 6);
    out.writeUInt32BE(stream, start + 8);
    out.writeUInt32BE(middle - start - HEADER_SIZE, start + 12);
    this.#used = end;
    if (!this.#scheduled) {
      this.#scheduled = true;
      soon.then(this.#flush);
    }
  }

  /** Grants the supervisor more body bytes of a request. */
  grant(stream, size) {
    const body = Buffer.allocUnsafe(4);
    body.writeUInt32BE(size);
    this.send(WINDOW, stream, NONE, 0, '', body);
  }

  /** Writes what was sent, as much as the socket takes. */
  flush() {
    this.#scheduled = false;
    if (this.#blocked) {
      return;
    }
    const out = this.#out;
    const used = this.#used;
    this.#used = 0;
    let sent = 0;
    while (sent < used) {
      const n = this.#write(out, sent, used);
      if (n === 0) {
        this.#wait(out, sent, used);
        return;
      }
      sent += n;
    }
    if (out.length > 4 * INITIAL_WINDOW) {
      this.#out = Buffer.allocUnsafe(WRITE_SIZE); // a burst must not hold its memory for ever
    }
    for (const done of this.#idle.splice(0)) {
      done();
    }
  }

  /** Resolves when the supervisor has taken all that was sent. */
  flushed() {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.flush();
    });
  }

  // A plain system call costs a fraction of a write to a socket of Node.js,
  // which is for when the supervisor is slow.
  #write(out, start, end) {
    try {
      return fs.writeSync(this.#fd, out, start, end - start);
    } catch (error) {
      if (error.code === 'EAGAIN') {
        return 0;
      }
      process.exit(1); // nobody is there any more
    }
  }

  #wait(out, start, end) {
    this.#blocked = true;
    this.#out = Buffer.allocUnsafe(WRITE_SIZE);
    this.#socket.write(out.subarray(start, end), () => {
      this.#blocked = false;
      this.flush();
    });
  }

  #reserve(size) {
    if (this.#out.length - this.#used >= size) {
      return;
    }
    if (this.#used > 0) {
      this.flush();
    }
    if (this.#out.length - this.#used < size) {
      const out = Buffer.allocUnsafe(Math.max(2 * this.#out.length, this.#used + size));
      this.#out.copy(out, 0, 0, this.#used);
      this.#out = out;
    }
  }

  #received(data, frame) {
    if (this.#rest.length > 0) {
      data = Buffer.concat([this.#rest, data]);
      this.#rest = EMPTY;
    }
    const began = performance.now();
    let start = 0;
    while (data.length - start >= HEADER_SIZE) {
      const size = data.readUInt32BE(start);
      const meta = data.readUInt32BE(start + 12);
      if (size > MAX_PAYLOAD || meta > size) {
        throw new RangeError(`malformed frame: payload of ${size} bytes with ${meta} bytes of meta`);
      }
      const end = start + HEADER_SIZE + size;
      if (end > data.length) {
        break;
      }
      const middle = start + HEADER_SIZE + meta;
      frame(data[start + 4], data[start + 5], data.readUInt16BE(start + 6), data.readUInt32BE(start + 8),
        data.subarray(start + HEADER_SIZE, middle), data.subarray(middle, end));
      start = end;
      if (this.#used > 0 && performance.now() - began > LINGER_MS) {
        this.flush();
      }
    }
    if (start < data.length) {
      this.#rest = Buffer.from(data.subarray(start)); // data is used again
    }
  }
}

module.exports = {
  VERSION, INITIAL_WINDOW, MAX_PAYLOAD,
  HELLO, READY, LOAD_ERROR, REQUEST, RESPONSE, DATA, FAIL, CANCEL, WINDOW, LOG, SHUTDOWN,
  NONE, JSON: JSON_, TEXT, BYTES, AUTO, STDOUT, STDERR, END,
  EMPTY, Channel,
};
