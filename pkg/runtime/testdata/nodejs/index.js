// The function of nodejs_test.go: the path of a request names what it does.

'use strict';

const { setTimeout: sleep } = require('timers/promises');
const { Readable } = require('stream');

const functions = {
  echo: (data) => data,
  typeof: (data) => (Buffer.isBuffer(data) ? 'buffer' : typeof data),
  defaults: (data = 'no data') => data,

  undefined: () => undefined,
  null: () => null,
  zero: () => 0,
  number: () => 42,
  false: () => false,
  empty: () => '',
  text: () => 'grüezi',
  array: () => [1, 2],
  buffer: () => Buffer.from([0, 255, 1]),
  typed: () => new Uint8Array([65, 66]),
  promise: async () => ({ later: await sleep(1, true) }),
  thenable: () => ({ then: (resolve) => resolve('thenned') }),
  response: () => ({ statusCode: 201, headers: { 'x-one': 1, 'set-cookie': ['a=1', 'b=2'] }, body: { made: true } }),
  base64: () => ({ statusCode: 200, headers: { 'content-type': 'image/png' }, isBase64Encoded: true, body: 'AAH/' }),
  fetched: () => new Response('made', { status: 202, headers: { 'x-one': '1' } }),
  event: () => ({ specversion: '1.0', type: 'my.type', source: '/me', id: '7', shard: 5, data: { x: 1 } }),
  binaryEvent: () => ({ specversion: '1.0', type: 'my.type', source: '/me', id: '7', data_base64: 'AAH/' }),

  generator: function* () {
    yield { n: 1 };
    yield { n: 2 };
  },
  asyncGenerator: async function* () {
    console.log('between items');
    yield 'one ';
    await sleep(1);
    yield 'two';
  },
  readable: () => Readable.from([Buffer.from('one '), Buffer.from('two')]),
  webStream: () => new Blob(['from a blob']).stream(),
  large: () => 'é'.repeat(1 << 20),
  long: async function* () {
    const megabyte = Buffer.alloc(1 << 20, 'z');
    for (let i = 0; i < 20; i++) {
      yield megabyte;
    }
  },

  throw: () => {
    throw new TypeError('boom');
  },
  reject: async () => {
    throw new Error('later boom', { cause: new Error('the cause') });
  },
  throwText: () => {
    throw 'just a text';
  },
  throwUndefined: () => {
    throw undefined;
  },
  statusCode: () => {
    throw Object.assign(new Error('no such thing'), { statusCode: 404 });
  },
  status: () => {
    throw Object.assign(new Error('slow down'), { status: 429 });
  },
  code: () => {
    throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  },
  badStatus: () => {
    throw Object.assign(new Error('odd'), { statusCode: 42 });
  },
  timer: () => new Promise(() => setTimeout(() => { throw new Error('in a timer'); }, 1)),
  unhandled: () => new Promise(() => { Promise.reject(new Error('nobody waits')); }),
  emptyStreamFails: async function* () {
    throw new Error('before the first');
  },
  bigint: () => 1n,
  function: () => () => 1,
  circular: () => {
    const a = {};
    a.a = a;
    return a;
  },
  returnsStatus: () => ({ statusCode: 99 }),

  context: (_, context) => ({
    id: context.id,
    type: context.type,
    source: context.source,
    subject: context.subject,
    time: context.time,
    dataSchema: context.dataSchema,
    extensions: context.extensions,
    contentType: context.contentType,
    method: context.method,
    path: context.path,
    query: context.query,
    header: context.headers['x-one'],
    correlationId: context.correlationId,
    traceId: context.traceId,
    spanId: context.spanId,
    sameId: context.id === context.invocationId,
    deadline: context.deadline instanceof Date && context.remaining() > 0,
  }),
  log: async (_, context) => {
    console.log('first\nsecond');
    await sleep(1);
    console.error('to stderr');
    context.logger.info('logged %d', 1, { order: 7 });
    context.logger.debug('not shown');
    context.logger.error('it failed:', new RangeError('too far'));
    process.stdout.write('without an end');
  },
  circularLog: (_, context) => {
    const a = {};
    a.a = a;
    context.logger.warn('round', a);
  },

  exit: () => process.exit(3),
  spin: () => {
    for (;;);
  },
  aborted: (_, context) => new Promise((_resolve, reject) => {
    console.log('waiting');
    context.signal.addEventListener('abort', () => {
      console.log('aborted');
      reject(new Error('aborted'));
    });
  }),
  endless: async function* (_, context) {
    try {
      for (;;) {
        yield 'more ';
        await sleep(1);
      }
    } finally {
      context.logger.info('closed');
    }
  },
};

exports.handler = (data, context) => functions[context.path.slice(1)](data, context);
