// For each class name (a JSON string a line) whether Tailwind v3 and v4 emit CSS for it: `[true, false]`.
// Called with the `node_modules` that holds tailwindcss3 and tailwindcss4.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import path from 'node:path'

const modules = path.resolve(process.argv[2])
const require = createRequire(path.join(modules, '..', 'index.js'))
const base = path.join(modules, 'tailwindcss4')
const { __unstable__loadDesignSystem: loadDesignSystem } = require('tailwindcss4')
const { createContext } = require('tailwindcss3/lib/lib/setupContextUtils.js')
const { generateRules } = require('tailwindcss3/lib/lib/generateRules.js')
const { default: escapeClassName } = require('tailwindcss3/lib/util/escapeClassName.js')
const resolveConfig = require('tailwindcss3/resolveConfig.js')
console.warn = () => {} // v3 comments on ambiguous names

const v4 = await loadDesignSystem('@import "tailwindcss";', {
  base,
  loadStylesheet: async () => ({ path: base, base, content: readFileSync(path.join(base, 'index.css'), 'utf8') }),
})
const v3 = createContext(resolveConfig({ content: [] }))

// A compiler that throws emits nothing.
const emits = (compile) => {
  try {
    return compile()
  } catch {
    return false
  }
}
const answers = []
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const name = JSON.parse(line)
  // The CSS has to select the class: for `-flex`, v3 writes a rule for `.flex`.
  const selector = `.${escapeClassName(name)}`
  const inV3 = emits(() => generateRules(new Set([name]), v3).some(([, rule]) => `${rule}`.includes(selector)))
  const inV4 = emits(() => v4.candidatesToCss([name])[0] !== null)
  answers.push(JSON.stringify([inV3, inV4]))
}
process.stdout.write(answers.join('\n') + '\n')
