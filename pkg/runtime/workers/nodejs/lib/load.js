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

// Finds the user's handler.

const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');

const EXTENSIONS = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];
const DEFAULT_MODULE = 'index';

/** NoHandler is the error of a module that exports nothing to call. */
class NoHandler extends Error {
  name = 'Error';
}

/**
 * Resolves to the name and the function of module.function, or of a function of
 * the main module.
 */
async function find(name, functionDir) {
  const dot = name.lastIndexOf('.');
  const module = dot < 0 ? DEFAULT_MODULE : name.slice(0, dot);
  const file = locate(module, functionDir);
  const exports = await load(file, functionDir);
  return (await findServer(module, name.slice(dot + 1), exports, file)) ?? pick(module, name.slice(dot + 1), exports);
}

/** Returns the file of a module; dots in its name are folders. */
function locate(module, functionDir) {
  const base = path.join(functionDir, ...module.split('.'));
  const files = EXTENSIONS.map((extension) => base + extension);
  if (module === DEFAULT_MODULE) {
    const main = manifestOf(functionDir).main;
    if (typeof main === 'string') {
      files.push(path.resolve(functionDir, main), path.resolve(functionDir, main + '.js'));
    }
  } else {
    files.push(...EXTENSIONS.map((extension) => path.join(base, 'index' + extension)));
  }
  const file = files.find((candidate) => fs.statSync(candidate, { throwIfNoEntry: false })?.isFile());
  if (file === undefined) {
    const expected = EXTENSIONS.map((extension) => path.relative(functionDir, base) + extension);
    throw new Error(`there is no file ${expected.slice(0, -1).join(', ')} or ${expected.at(-1)}`);
  }
  return file;
}

async function load(file, functionDir) {
  if (/\.[cm]?ts$/.test(file) && !process.features.typescript) {
    throw new Error(`Node.js ${process.versions.node} does not run TypeScript: take 22.18 or newer, or compile ` +
      path.relative(functionDir, file));
  }
  if (isModule(file, functionDir)) {
    return importModule(file);
  }
  try {
    return require(file);
  } catch (error) {
    // A module by its syntax, with an await outside of functions.
    if (error?.code === 'ERR_REQUIRE_ASYNC_MODULE') {
      return importModule(file);
    }
    throw error;
  }
}

async function importModule(file) {
  try {
    return await import(pathToFileURL(file));
  } catch (error) {
    if (error instanceof SyntaxError && !/^\s+at .*\.[cm]?[jt]s:/m.test(error.stack.replaceAll(/.*node:.*/g, ''))) {
      // Where it is, Node.js prints and does not tell. Nothing of the code runs before all of it is read.
      const { stderr } = require('child_process').spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 5000 });
      if (stderr.startsWith('file://')) {
        error.stack = stderr.replace(/\nNode\.js v[^\n]*\n*$/, '').trimEnd();
      }
    }
    throw error;
  }
}

/** Reports whether a file is an ECMAScript module by its name or its package.json. */
function isModule(file, functionDir) {
  if (/\.[cm][jt]s$/.test(file)) {
    return /\.m[jt]s$/.test(file);
  }
  for (let dir = path.dirname(file); dir.startsWith(functionDir); dir = path.dirname(dir)) {
    if (fs.existsSync(path.join(dir, 'package.json'))) {
      return manifestOf(dir).type === 'module';
    }
  }
  return false;
}

function manifestOf(dir) {
  try {
    return JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')) ?? {};
  } catch {
    return {}; // Node.js says what is wrong with it when it needs it
  }
}

/** Returns the handler of a module that has a server or an application of the web in its place. */
async function findServer(module, name, exports, file) {
  const candidates = [exports?.[name], exports?.default?.[name], exports?.app, exports, exports?.default];
  const listens = candidates.find((candidate) => typeof candidate?.listen === 'function');
  if (listens === undefined && !Object.keys(require.cache).some((loaded) => loaded.includes('functions-framework'))) {
    return undefined;
  }
  const { adapt, frameworkServer, serverOf } = require('./web');
  const server = frameworkServer(file, name) ?? (await serverOf(listens));
  return server && { name: `${module}.${name}`, ...adapt(server) };
}

/** Returns the function that a module exports as its handler. */
function pick(module, name, exports) {
  const holders = [exports, exports?.default].filter((e) => e !== null && ['object', 'function'].includes(typeof e));
  const names = [...new Set([name, 'handler', 'main', 'parse'])];
  for (const candidate of [...names, 'handle']) {
    const holder = holders.find((h) => typeof h[candidate] === 'function');
    if (holder !== undefined) {
      return found(module, candidate, holder[candidate], holder);
    }
  }
  const bare = holders.find((holder) => typeof holder === 'function');
  if (bare !== undefined) {
    return found(module, 'default', bare);
  }
  const tried = names.map((candidate) => `'${candidate}'`);
  throw new NoHandler(`module '${module}' exports no function ${tried.slice(0, -1).join(', ')} or ${tried.at(-1)}, and is none`);
}

/** Returns what main needs of a handler; init and shutdown are those of functions for func. */
function found(module, name, handler, holder) {
  const bound = handler.bind(holder);
  if (name === 'handle' || name === 'default') {
    const { adapt, isFunc } = require('./func');
    if (isFunc(name, handler)) {
      const { init, shutdown } = holder ?? {};
      return { name: `${module}.${name}`, function: adapt(bound), init: init?.bind(holder), shutdown: shutdown?.bind(holder) };
    }
  }
  return { name: `${module}.${name}`, function: bound };
}

module.exports = { NoHandler, find };
