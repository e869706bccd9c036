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

// A function whose caller says what it does.

'use strict';

const { setTimeout: sleep } = require('timers/promises');

const functions = {
  nothing: () => undefined,
  text: () => 'text',
  empty: () => '',
  object: (x) => ({ x: x + 1 }),
  array: () => [1, 2],
  number: () => 42,
  zero: () => 0,
  false: () => false,
  bytes: () => Buffer.from([255]),
  status: () => ({ statusCode: 201, headers: { 'X-Order': '7' }, body: 'made' }),
  'bad status': () => ({ statusCode: 99 }),
  event: (x) => ({ specversion: '1.0', type: 'made', id: '8', source: '/orders', data: x }),
  stream: async function* () {
    yield 'one ';
    await sleep(1);
    yield 'two';
  },
  'broken stream': async function* () {
    yield 'one';
    throw new Error('half way');
  },
  about: (_, context) => [context.method, context.path, context.type ?? 'none', context.traceId ?? 'none'].join(' '),
  wait: () => sleep(3600000, undefined, { ref: false }),
  sleep: (x) => sleep(x * 1000, 'slept'),
  memory: (x) => 'z'.repeat(x << 20),
  exit: () => process.exit(3),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  panic: () => {
    throw new TypeError('broken');
  },
  'not found': () => {
    throw Object.assign(new Error('no such order'), { statusCode: 404 });
  },
  unencodable: () => 1n,
};

exports.handler = (data, context) => {
  const { do: what = 'nothing', x = 0 } = data ?? {};
  if (!(what in functions)) {
    throw new Error(`cannot ${what}`);
  }
  return functions[what](x, context);
};
