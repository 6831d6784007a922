// Whether TypeScript and Babel accept code: {"code"} a line in, {"typescript", "babel"} out, each null or why not.

import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'

const require = createRequire(path.join(process.argv[2], 'index.js'))
const ts = require('typescript')
const babel = require('@babel/parser')

// Adjacent elements without a component around them are accepted if they parse as a fragment.
const asFragment = (code) => (/^\s*[<{]/.test(code) ? `<>${code}\n</>` : null)

function typescript(code) {
  const [first] = ts.createSourceFile('a.tsx', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX).parseDiagnostics
  return first === undefined ? null : `TS${first.code} at ${first.start}: ${first.messageText}`
}

function babelVerdict(code) {
  try {
    babel.parse(code, { sourceType: 'module', plugins: ['jsx', 'typescript', 'decorators', 'decoratorAutoAccessors'] })
    return null
  } catch (error) {
    return String(error.message)
  }
}

function judge(check, code) {
  const reason = check(code)
  const wrapped = reason === null ? null : asFragment(code)
  return wrapped !== null && check(wrapped) === null ? null : reason
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const code = JSON.parse(line)
  process.stdout.write(JSON.stringify({ typescript: judge(typescript, code), babel: judge(babelVerdict, code) }) + '\n')
}
