// The class names that Tailwind CSS v4 finds in a file and writes CSS for: a code a line in, {"all", "literal"} out.
// A theme defines the names that shadcn/ui, daisyUI and HeroUI document. `literal` are those found in strings, templates and JSX attributes alone: not in code, in comments, in text.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'

const require = createRequire(path.join(process.argv[2], 'index.js'))
const ts = require('typescript')
const { Scanner } = require('@tailwindcss/oxide')
const { __unstable__loadDesignSystem: loadDesignSystem } = require('tailwindcss')

const ROLES = ['default', 'primary', 'secondary', 'success', 'warning', 'danger', 'accent', 'info', 'error']
const SHADES = [50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 950]
const NAMES = [
  ...['background', 'foreground', 'border', 'input', 'ring', 'divider', 'overlay', 'focus', 'base-content', 'neutral'],
  ...['card', 'popover', 'primary', 'secondary', 'muted', 'accent', 'destructive', 'default', 'danger', 'success'].flatMap(
    (name) => [name, `${name}-foreground`],
  ),
  ...['primary', 'secondary', 'accent', 'neutral', 'info', 'success', 'warning', 'error'].map((name) => `${name}-content`),
  ...['info', 'warning', 'error', 'warning-foreground', 'base-100', 'base-200', 'base-300'],
  ...['', '-background', '-foreground', '-primary', '-primary-foreground', '-accent', '-accent-foreground', '-border', '-ring'].map(
    (part) => `sidebar${part}`,
  ),
  ...[1, 2, 3, 4, 5].map((number) => `chart-${number}`),
  ...[1, 2, 3, 4].map((number) => `content${number}`),
  ...ROLES.flatMap((role) => SHADES.map((shade) => `${role}-${shade}`)),
]
const theme = NAMES.map((name) => `--color-${name}: red;`).join(' ')

const base = path.join(process.argv[2], 'tailwindcss')
const design = await loadDesignSystem(`@import "tailwindcss"; @theme { ${theme} }`, {
  base,
  loadStylesheet: async () => ({ path: base, base, content: readFileSync(path.join(base, 'index.css'), 'utf8') }),
})

const known = new Map()
function compiles(name) {
  if (!known.has(name)) known.set(name, design.candidatesToCss([name])[0] !== null)
  return known.get(name)
}

// Imports, types and directives left out.
function literals(code) {
  const texts = []
  const visit = (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      texts.push(code.slice(node.pos, node.end).trim())
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('a.tsx', code, ts.ScriptTarget.Latest, false, ts.ScriptKind.TSX))
  return texts.join('\n')
}

function utilities(content) {
  const found = new Scanner({}).getCandidatesWithPositions({ content, extension: 'tsx' })
  return [...new Set(found.map(({ candidate }) => candidate).filter(compiles))]
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const code = JSON.parse(line)
  process.stdout.write(JSON.stringify({ all: utilities(code), literal: utilities(literals(code)) }) + '\n')
}
