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

// Turns what was thrown into what the supervisor needs to know of it.

const fs = require('fs');
const path = require('path');
const { fileURLToPath } = require('url');

const { InvalidData, InvalidReply } = require('./values');

const WORKER_DIR = path.dirname(__dirname) + path.sep;

/** Returns the meta of a Fail frame for an error of the handler. */
function describe(error) {
  if (error instanceof InvalidData) {
    return { code: 'InvalidData', message: oneLine(error.message), status: 400 };
  }
  if (error instanceof InvalidReply) {
    return { code: 'InvalidReply', message: oneLine(error.message) };
  }
  const meta = { message: summary(error), stack: stack(error) };
  const status = [error?.statusCode, error?.status].find((s) => Number.isInteger(s) && s >= 400 && s <= 599);
  if (status !== undefined) {
    meta.status = status;
  }
  return meta;
}

/** Returns the one line and the stack of an error while loading. */
function describeLoad(error, functionDir) {
  let message = summary(error).replaceAll(functionDir + path.sep, '');
  const place = placeOf(error, functionDir);
  if (place !== undefined) {
    const file = place.file.startsWith(functionDir + path.sep) ? path.relative(functionDir, place.file) : place.file;
    message += ` (${file}, line ${place.line})`;
  }
  return { message, stack: stack(error) };
}

function summary(error) {
  let text;
  let name;
  try {
    text = typeof error === 'object' && error !== null ? String(error.message ?? '') : String(error);
    name = error instanceof Error || typeof error?.name === 'string' ? String(error.name) : '';
  } catch {
    text = 'its text cannot be had'; // a getter of the user's may throw anything
    name = '';
  }
  if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
    text = text.split(/\n| imported from /, 1)[0]; // what follows is the stack again
  }
  return [name, oneLine(text)].filter(Boolean).join(': ') || 'an error without a text';
}

function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}

/** Returns the file and the line that an error comes from, where they can be had. */
function placeOf(error, functionDir) {
  const text = typeof error?.stack === 'string' ? error.stack : '';
  const lines = text.split('\n');
  // The stack of a syntax error begins with its place.
  const first = /^(.+):(\d+)$/.exec(lines[0]);
  if (error instanceof SyntaxError && first) {
    return { file: plainPath(first[1]), line: Number(first[2]) };
  }
  for (const line of lines) {
    const frame = /^\s+at (?:.*\()?([^()]+):(\d+):\d+\)?$/.exec(line);
    if (frame && isUsers(line)) {
      return { file: plainPath(frame[1]), line: Number(frame[2]) };
    }
  }
  return importOf(error, functionDir);
}

/** Returns where a module is imported that there is not: no stack says it. */
function importOf(error, functionDir) {
  const found = /^Cannot find (?:package|module) '(.+?)' imported from (.+)$/.exec(error?.message);
  if (!found) {
    return undefined;
  }
  const file = plainPath(found[2]);
  const names = [found[1], path.relative(functionDir, found[1]), path.basename(found[1])];
  try {
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    const at = lines.findIndex((line) => names.some((name) => line.includes(`${name}'`) || line.includes(`${name}"`)));
    return at < 0 ? undefined : { file, line: at + 1 };
  } catch {
    return undefined;
  }
}

function plainPath(file) {
  return file.startsWith('file://') ? fileURLToPath(file) : file;
}

function isUsers(line) {
  return !line.includes('node:') && !line.includes(WORKER_DIR);
}

/** Returns the stack, and those of the causes, without the worker's own frames. */
function stack(error) {
  const parts = [];
  for (let e = error; e instanceof Error && parts.length < 10; e = e.cause) {
    const lines = String(e.stack).split('\n').filter((line) => !/^\s+at /.test(line) || isUsers(line));
    parts.push(lines.join('\n'));
  }
  return parts.join('\nCaused by: ');
}

module.exports = { describe, describeLoad };
