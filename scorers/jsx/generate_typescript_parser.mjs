// Writes typescript_parser.js: the parser of the TypeScript compiler alone, for an engine without node.
//
//   npm install --no-save --prefix /tmp/ts typescript@5.9.3 esbuild@0.28
//   node scorers/jsx/generate_typescript_parser.mjs /tmp/ts > scorers/jsx/typescript_parser.js
//
// The compiler comes as one file with a comment before each of its modules, in the order of their dependencies. All up
// to the parser are kept, less those that speak to an operating system; of the messages, those that the kept modules
// use. The result defines `typescript.createSourceFile`, `forEachChild`, `skipTrivia`, `SyntaxKind` and one thing that the
// compiler does not have: `typescript.allow(count)`, after which the scanner reads `count` tokens and then throws
// `typescript.Exhausted`. Some texts take the parser quadratic time, because it looks ahead and comes back; a count of
// tokens bounds that alike on every machine, however busy it is, as no clock does.
// That it says the same as the whole compiler is what `python -m tests.agreement jsx` checks.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import path from 'node:path'

const require = createRequire(path.join(path.resolve(process.argv[2] ?? '.'), 'index.js'))
const ts = require('typescript')
const { build } = require('esbuild')

const LAST = 'src/compiler/parser.ts'
const MESSAGES = 'src/compiler/diagnosticInformationMap.generated.ts'
const LEFT_OUT = ['src/typescript/typescript.ts', 'src/compiler/sys.ts', 'src/compiler/tracing.ts', 'src/compiler/semver.ts']

const modules = readFileSync(require.resolve('typescript'), 'utf8')
  .split(/^\/\/ (?=src\/)/m)
  .slice(1)
  .map((text) => ({ name: text.slice(0, text.indexOf('\n')), text: text.slice(text.indexOf('\n')) }))
const last = modules.findIndex(({ name }) => name === LAST)
if (last < 0) throw new Error(`typescript ${ts.version} has no ${LAST}`)
const kept = modules.slice(0, last + 1).filter(({ name }) => !LEFT_OUT.includes(name))

const used = new Set()
for (const { name, text } of kept) {
  if (name !== MESSAGES) for (const [, message] of text.matchAll(/\bDiagnostics\.(\w+)/g)) used.add(message)
}
const messages = Object.fromEntries([...used].sort().filter((n) => ts.Diagnostics[n]).map((n) => [n, ts.Diagnostics[n]]))

const SCAN = 'function scan() {\n    fullStartPos = pos;'
const scanner = kept.find(({ name }) => name === 'src/compiler/scanner.ts')
if (scanner.text.split(SCAN).length !== 2) throw new Error(`typescript ${ts.version} has another scanner`)
scanner.text = scanner.text.replace(SCAN, SCAN.replace('{', '{\n    if ((allowedTokens -= 1) < 0) throw new Exhausted();'))

const { outputFiles } = await build({
  stdin: {
    contents: [
      'var sys, tracing, tracingEnabled, __export = () => {}, allowedTokens = Infinity;',
      'class Exhausted extends Error {}',
      'const allow = (count) => { const left = allowedTokens; allowedTokens = count; return left; };',
      ...kept.map(({ name, text }) => (name === MESSAGES ? `var Diagnostics = ${JSON.stringify(messages)};` : text)),
      'globalThis.typescript = { createSourceFile, forEachChild, skipTrivia, SyntaxKind, allow, Exhausted };',
    ].join('\n'),
  },
  bundle: true,
  minify: true,
  charset: 'ascii',
  format: 'iife',
  platform: 'neutral',
  legalComments: 'none',
  write: false,
})
process.stdout.write(`/*! The parser of TypeScript ${ts.version}, cut out and minified by generate_typescript_parser.mjs.
Copyright (c) Microsoft Corporation. Licensed under the Apache License, Version 2.0. */
${outputFiles[0].text}`)
