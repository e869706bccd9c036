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

// Starts the worker.

const fs = require('fs');

const { Outputs, currentCall } = require('./output');
const { Channel, EMPTY, HELLO, LOAD_ERROR, NONE, READY, VERSION } = require('./protocol');
const { Worker } = require('./worker');
const load = require('./load');
const { NoHandler } = load;

const FD = 3;

/** Loads the handler and serves until the supervisor has had enough. */
function main() {
  const channel = new Channel(FD);
  const worker = new Worker(channel, new Outputs(channel));
  channel.open((...frame) => worker.frame(...frame), () => process.exit(0));
  channel.send(HELLO, 0, NONE, 0, JSON.stringify({
    protocol: VERSION, language: 'nodejs', version: process.versions.node,
  }), EMPTY);
  process.on('exit', () => channel.flush()); // the last words of who ends the process
  start(worker);
}

async function start(worker) {
  let functionDir = process.env.LAMBDA_FUNCTION_DIR;
  const fail = (error) => {
    const { describeLoad } = require('./errors');
    worker.channel.send(LOAD_ERROR, 0, NONE, 0, JSON.stringify(describeLoad(error, functionDir)), EMPTY);
    process.off('exit', exited);
    worker.channel.flushed().then(() => process.exit(1));
  };
  const exited = (code) => {
    fail(new Error(`the code ended the process with status ${code}`));
  };
  process.on('exit', exited);
  process.on('uncaughtException', fail);
  try {
    functionDir = fs.realpathSync(functionDir); // as stacks name it
    const handler = await load.find(process.env.HANDLER || 'index.handler', functionDir);
    await handler.init?.();
    worker.handler = handler;
    process.off('exit', exited);
    process.off('uncaughtException', fail);
    surviveErrors();
    worker.channel.send(READY, 0, NONE, 0, JSON.stringify({ handler: handler.name, concurrency: 0, port: handler.port?.() }), EMPTY);
  } catch (error) {
    if (error instanceof NoHandler && process.getActiveResourcesInfo?.().includes('TCPServerWrap')) {
      process.off('exit', exited);
      process.off('uncaughtException', fail);
      return; // it is a server: the supervisor finds it at $LAMBDA_APP_PORT
    }
    fail(error);
  }
}

/**
 * Makes an error that nobody catches the failure of the request that it comes
 * from, and not of all the others too. One that comes from none ends the worker.
 */
function surviveErrors() {
  process.on('uncaughtException', (error) => {
    const call = currentCall.getStore();
    if (call === undefined) {
      const { describe } = require('./errors');
      const { message, stack } = describe(error);
      fs.writeSync(2, `${stack || message}\n`);
      process.exit(1);
    }
    if (call.ended) {
      call.logger.error('after the reply:', error);
    } else {
      call.fail(error);
    }
  });
}

module.exports = { main };
