// What engines and bundlers say of code that TypeScript's parser accepts: {"code"} a line in, {"typescript", "esbuild",
// "plain", "stripped", "babel"} out, each null or why not. `plain` is esbuild without types, for code that has none;
// `stripped` what it says of the JavaScript that it makes itself, where every import stays what it is.

import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'

const require = createRequire(path.join(process.argv[2], 'index.js'))
const ts = require('typescript')
const babel = require('@babel/parser')
const esbuild = require('esbuild')

const PLUGINS = ['jsx', 'typescript', 'decorators', 'decoratorAutoAccessors', 'explicitResourceManagement']

function typescript(code) {
  const [first] = ts.createSourceFile('a.tsx', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX).parseDiagnostics
  return first === undefined ? null : String(first.messageText)
}

async function bundled(code, loader) {
  try {
    await esbuild.transform(code, { loader, jsx: 'preserve', target: 'esnext', logLevel: 'silent' })
    return null
  } catch (error) {
    return error.errors[0]?.text ?? String(error)
  }
}

async function stripped(code) {
  const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } }
  try {
    const made = await esbuild.transform(code, { loader: 'tsx', jsx: 'preserve', target: 'esnext', logLevel: 'silent', tsconfigRaw })
    return bundled(made.code, 'jsx')
  } catch {
    return null
  }
}

function parsed(code) {
  const isModule = ts.isExternalModule(ts.createSourceFile('a.tsx', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX))
  try {
    babel.parse(code, { sourceType: isModule ? 'module' : 'script', allowAwaitOutsideFunction: true, plugins: PLUGINS })
    return null
  } catch (error) {
    return String(error.message)
  }
}

const lines = []
for await (const line of readline.createInterface({ input: process.stdin })) lines.push(JSON.parse(line))
for (const code of lines) {
  const answer = { typescript: typescript(code), esbuild: await bundled(code, 'tsx'), babel: parsed(code) }
  const others = { plain: await bundled(code, 'jsx'), stripped: await stripped(code) }
  process.stdout.write(JSON.stringify({ ...answer, ...others }) + '\n')
}
esbuild.stop()
