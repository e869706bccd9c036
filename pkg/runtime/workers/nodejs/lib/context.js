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

// What a handler may want to know besides its data.

/** Context describes a request. It is parsed when it is first asked. */
class Context {
  #call;
  #raw;
  #parsed;

  constructor(call, raw) {
    this.#call = call;
    this.#raw = raw;
  }

  get #meta() {
    return (this.#parsed ??= JSON.parse(this.#raw));
  }

  get #event() {
    return this.#meta.event ?? {};
  }

  /** The id of the event, or of the invocation where there is no event. */
  get id() {
    return this.#event.id ?? this.#meta.invocation;
  }

  /** The type of the event; undefined for a plain request, as all its kind. */
  get type() {
    return this.#event.type;
  }

  get source() {
    return this.#event.source;
  }

  get subject() {
    return this.#event.subject;
  }

  /** When the event happened, as RFC 3339 text. */
  get time() {
    return this.#event.time;
  }

  get dataSchema() {
    return this.#event.dataschema;
  }

  /** The extension attributes of the event. */
  get extensions() {
    return this.#event.extensions ?? {};
  }

  /** The media type of the data. */
  get contentType() {
    return this.#event.datacontenttype ?? this.headers['content-type'];
  }

  /** The media type that the event says its data has; undefined for a plain request. */
  get dataContentType() {
    return this.#event.datacontenttype;
  }

  /** The headers of the request by their names in lower case. */
  get headers() {
    return this.#meta.headers;
  }

  get method() {
    return this.#meta.method;
  }

  get path() {
    return this.#meta.path;
  }

  /** The query by name: a text, or an array where the name comes again. */
  get query() {
    const entries = Object.entries(this.#meta.query ?? {});
    return Object.fromEntries(entries.map(([name, values]) => [name, values.length === 1 ? values[0] : values]));
  }

  get invocationId() {
    return this.#meta.invocation;
  }

  get correlationId() {
    return this.#meta.correlation;
  }

  /** The W3C trace id of the request, or undefined. */
  get traceId() {
    return this.#meta.traceId;
  }

  /** The W3C id of the span that the handler runs in, or undefined. */
  get spanId() {
    return this.#meta.spanId;
  }

  /** The Date after which the caller does not wait any more. */
  get deadline() {
    return new Date(this.#meta.deadline);
  }

  /** The milliseconds until the deadline, never less than 0. */
  remaining() {
    return Math.max(0, this.#meta.deadline - Date.now());
  }

  /** An AbortSignal that fires when nobody waits for the reply any more. */
  get signal() {
    return this.#call.signal;
  }

  /** A logger whose lines carry the ids of this invocation. */
  get logger() {
    return this.#call.logger;
  }
}

module.exports = { Context };
