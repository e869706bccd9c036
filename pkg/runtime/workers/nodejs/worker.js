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

// The Node.js worker: loads a user's handler and runs it for the supervisor.
//
// Standard library only, Node.js 18 or newer. A module that is loaded before
// the handler is ready is paid for by every cold start: what few functions need
// is required where it is needed.

require('./lib/main').main();
