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

// Runs functions that were written for Knative's func, as they are:
// handle(context, data), with the CloudEvent in place of data where there is one.

/** FuncContext is what such a function knows of its request. */
class FuncContext {
  #context;

  constructor(context, data) {
    this.#context = context;
    this.body = data;
    this.cloudevent = eventOf(context, data);
    const { logger } = context;
    this.log = {
      trace: (...args) => logger.debug(...args),
      debug: (...args) => logger.debug(...args),
      info: (...args) => logger.info(...args),
      warn: (...args) => logger.warn(...args),
      error: (...args) => logger.error(...args),
      fatal: (...args) => logger.error(...args),
    };
    this.httpVersion = '1.1';
    this.httpVersionMajor = 1;
    this.httpVersionMinor = 1;
  }

  get headers() {
    return this.#context.headers;
  }

  get method() {
    return this.#context.method;
  }

  get query() {
    return this.#context.query;
  }

  get contentType() {
    return this.#context.contentType;
  }

  get rawBody() {
    return typeof this.body === 'object' && !Buffer.isBuffer(this.body) ? JSON.stringify(this.body) : this.body;
  }

  /** Returns a builder of an event that answers. */
  cloudEventResponse(data) {
    return new EventBuilder(data);
  }
}

class EventBuilder {
  #event;

  constructor(data) {
    this.#event = {
      specversion: '1.0', type: 'dev.knative.function.response', source: `/${process.env.FUNCTION_NAME || 'function'}`, data,
    };
  }

  id(id) {
    return this.#set('id', id);
  }

  source(source) {
    return this.#set('source', source);
  }

  type(type) {
    return this.#set('type', type);
  }

  version(version) {
    return this.#set('specversion', version);
  }

  response() {
    return this.#event;
  }

  #set(name, value) {
    this.#event[name] = value;
    return this;
  }
}

function eventOf(context, data) {
  if (context.type === undefined) {
    return undefined;
  }
  return {
    specversion: '1.0', id: context.id, type: context.type, source: context.source, subject: context.subject,
    time: context.time, dataschema: context.dataSchema, datacontenttype: context.contentType, ...context.extensions, data,
  };
}

// What the first parameter is called tells the functions of func from others.
const FIRST_PARAMETER = /^(?:async\b\s*)?(?:([\w$]+)\s*=>|[^(]*\(\s*([\w$]*))/;
const CALLS_CONTEXT = /^_?(context|ctx)$/i;
const CALLS_DATA = /^_?(data|event|body|input|payload|message|request|req)$/i;

/** Reports whether a function that is exported by that name is one of func. */
function isFunc(name, handle) {
  const [, alone, first = alone ?? ''] = FIRST_PARAMETER.exec(Function.prototype.toString.call(handle)) ?? [];
  return name === 'handle' ? !CALLS_DATA.test(first) : CALLS_CONTEXT.test(first);
}

/** Returns a handler of ours that calls such a function. */
function adapt(handle) {
  return async (data, context) => {
    const asked = new FuncContext(context, data);
    try {
      return await handle(asked, asked.cloudevent ?? data);
    } catch (error) {
      // There, the status of an error is its code.
      if (Number.isInteger(error?.code) && error.statusCode === undefined) {
        error.statusCode = error.code;
      }
      throw error;
    }
  };
}

module.exports = { adapt, isFunc };
