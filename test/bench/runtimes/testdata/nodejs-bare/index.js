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
require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => {
    const { x = 0 } = body === '' ? {} : JSON.parse(body);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ x: x + 1 }));
  });
}).listen(process.env.PORT, '127.0.0.1');
