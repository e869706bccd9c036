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
const replies = {
  nothing: () => undefined,
  empty: () => '',
  zero: () => 0,
  number: () => 42,
  text: () => 'text',
  object: (x) => ({ x: x + 1 }),
  bytes: () => Buffer.from([255, 1]),
  fail: () => { throw new Error('cannot'); },
  'not found': () => { throw Object.assign(new Error('none'), { statusCode: 404 }); },
  refused: () => { throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }); },
  wait: () => new Promise(() => {}),
  sleep: (x) => new Promise((resolve) => { setTimeout(resolve, x * 1000, 'slept'); }),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  stream: async function* (x) {
    const megabyte = Buffer.alloc(1 << 20, 'z');
    for (let i = 0; i < x; i++) {
      yield megabyte;
    }
  },
};
const answer = ({ do: what = 'nothing', x = 0 } = {}) => replies[what](x);
exports.handler = (data) => (data?.do === 'event' ? { specversion: '1.0', id: '8', type: 'made', source: '/me', data: { x: 1 } } : answer(data ?? {}));
