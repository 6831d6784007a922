// Writes tailwind.json: which class names Tailwind CSS v3 and v4 turn into CSS, and the v4 palette.
//
//   npm install --no-save --prefix /tmp/tw tailwindcss3@npm:tailwindcss@3 tailwindcss4@npm:tailwindcss@4
//   node scorers/data/generate_tailwind.mjs /tmp/tw > scorers/data/tailwind.json
//
// Both compilers are asked, so a name is a utility if either accepts it with its default theme. Values that follow
// a rule (any number, any fraction, any palette color, anything in brackets) are stored as kinds of value for a
// root (`p`, `-mt`, `bg`); every other accepted name is stored as it is. `__unstable__loadDesignSystem` is the
// entry that Tailwind's own editor plugin uses; a new minor version may rename it.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import path from 'node:path'

const home = path.resolve(process.argv[2] ?? '.')
const require = createRequire(path.join(home, 'index.js'))
const base = path.join(home, 'node_modules/tailwindcss4')
const { __unstable__loadDesignSystem: loadDesignSystem } = require('tailwindcss4')
const { createContext } = require('tailwindcss3/lib/lib/setupContextUtils.js')
const { generateRules } = require('tailwindcss3/lib/lib/generateRules.js')
const resolveConfig = require('tailwindcss3/resolveConfig.js')

const v4 = await loadDesignSystem('@import "tailwindcss";', {
  base,
  loadStylesheet: async () => ({ path: base, base, content: readFileSync(path.join(base, 'index.css'), 'utf8') }),
})
console.warn = () => {} // v3 comments on needless type hints among the probes
const v3 = createContext(resolveConfig({ content: [] }))

const inV4 = (name) => v4.candidatesToCss([name])[0] !== null
const inV3 = (name) => generateRules(new Set([name]), v3).length > 0
const accepted = (name) => inV4(name) || inV3(name)

// Probes for each kind of value; a root takes the kind if all of them are accepted.
const PROBES = {
  int: ['137'],
  quarter: ['3.25'],
  fraction: ['5/7'],
  percent: ['37%'],
  color: ['red-500', 'lime-300'],
  bracket: ['[foo]', '[3px]', '[.37]', '[#12345678]', '[url(a.png)]', '[color:var(--a)]', '[var(--a)]'],
  paren: ['(--a)'],
}
const roots = new Set(v4.utilities.keys('functional'))
for (const key of v3.candidateRuleMap.keys()) {
  if (key !== '*') for (const root of [key, `-${key}`]) roots.add(root)
}
const kinds = {}
for (const root of [...roots].sort()) {
  const found = Object.keys(PROBES).filter((kind) => PROBES[kind].every((value) => accepted(`${root}-${value}`)))
  if (found.length > 0) kinds[root] = found
}

const palette = {}
for (const [key, { value }] of v4.theme.entries()) {
  const match = /^--color-(.+)$/.exec(key)
  const numbers = /^oklch\(([\d.]+)% ([\d.]+) ([\d.]+|none)\)$/.exec(value)
  if (match && numbers) palette[match[1]] = numbers.slice(1).map((text) => (text === 'none' ? '0' : text)).join(' ')
}
const named = [...Object.keys(palette), 'black', 'white', 'transparent', 'current', 'inherit']

const follows = (name) => {
  for (let at = name.lastIndexOf('-'); at > 0; at = name.lastIndexOf('-', at - 1)) {
    const found = kinds[name.slice(0, at)]
    const value = name.slice(at + 1)
    if (!found) continue
    if (found.includes('color') && named.includes(value)) return true
    if (found.includes('int') && /^\d+$/.test(value)) return true
    if (found.includes('quarter') && /^\d+(\.(25|5|75))?$/.test(value)) return true
    if (found.includes('fraction') && /^\d+\/\d+$/.test(value)) return true
    if (found.includes('percent') && /^\d+%$/.test(value)) return true
  }
  return false
}
const classes = new Set([
  ...v4.getClassList().map(([name]) => name),
  ...v4.utilities.keys('static'),
  ...v3.getClassList().filter((entry) => typeof entry === 'string'),
])
const words = [...classes].filter((name) => !follows(name) && accepted(name)).sort()

// Names that take a modifier beside the colors, which all do: `text-sm/6`, `shadow-md/50`, `bg-linear-to-r/oklch`.
const modified = words.filter((name) => [`${name}/50`, `${name}/[.3]`, `${name}/6`].some(accepted))

const version = (name) => require(`${name}/package.json`).version
const variants = {}
for (const { name, isArbitrary, values } of [...v4.getVariants(), ...v3.getVariants()]) {
  const before = variants[name] ?? { arbitrary: false, values: [] }
  variants[name] = {
    arbitrary: before.arbitrary || isArbitrary,
    values: [...new Set([...before.values, ...values])].sort(),
  }
}
const compound = ['not', 'group', 'peer', 'in', 'has']
const functional = Object.entries(variants).filter(([, { arbitrary }]) => arbitrary)
const plain = Object.entries(variants).filter(([, { arbitrary }]) => !arbitrary)

const byKinds = {}
for (const [root, found] of Object.entries(kinds)) (byKinds[found.join(' ')] ??= []).push(root)

process.stdout.write(
  JSON.stringify(
    {
      source: 'npm tailwindcss, MIT, Copyright (c) Tailwind Labs, Inc.',
      versions: `${version('tailwindcss3')} ${version('tailwindcss4')}`,
      palette,
      roots: Object.fromEntries(Object.entries(byKinds).map(([key, list]) => [key, list.join(' ')])),
      modified: modified.join(' '),
      variants: plain.map(([name]) => name).join(' '),
      functional_variants: Object.fromEntries(
        functional.map(([name, { values }]) => [name, compound.includes(name) ? '' : values.join(' ')]),
      ),
      compound_variants: compound.join(' '),
      words: words.join(' '),
    },
    null,
    1,
  ) + '\n',
)
