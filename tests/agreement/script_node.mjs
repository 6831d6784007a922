// Whether scripts compile: {"code", "module"} a line in, null or why not out. Node's own V8 decides for scripts, Babel
// for modules, which node compiles only in a mode of its own. Nothing is run.

import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'
import vm from 'node:vm'

const require = createRequire(path.join(process.argv[2], 'index.js'))
const babel = require('@babel/parser')

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { code, module } = JSON.parse(line)
  let reason = null
  try {
    if (module) babel.parse(code, { sourceType: 'module' })
    else new vm.Script(code)
  } catch (error) {
    reason = String(error.message)
  }
  process.stdout.write(JSON.stringify(reason) + '\n')
}
