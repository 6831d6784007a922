// Writes tailwind.json: which class names Tailwind CSS v3 and v4 turn into CSS, and their palettes.
//
//   npm install --no-save --prefix /tmp/tw tailwindcss3@npm:tailwindcss@3 tailwindcss4@npm:tailwindcss@4
//   node scorers/tailwind/generate_table.mjs /tmp/tw > scorers/tailwind/table.json
//
// Each compiler is asked about each of its roots (`p`, `-mt`, `bg`) which shapes of value it accepts there and which
// modifiers may follow; names that no rule explains are stored as they are. `shape/modifier` in a signature: a shape
// without a modifier takes none; `any` stands for every shape of arbitrary value that is not named beside it.
// `__unstable__loadDesignSystem` is the entry that Tailwind's own editor plugin uses; a new minor version may rename it.

import { createRequire } from 'node:module'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'

const home = path.resolve(process.argv[2] ?? '.')
const require = createRequire(path.join(home, 'index.js'))
const base = path.join(home, 'node_modules/tailwindcss4')
const { __unstable__loadDesignSystem: loadDesignSystem } = require('tailwindcss4')
const { createContext } = require('tailwindcss3/lib/lib/setupContextUtils.js')
const { generateRules } = require('tailwindcss3/lib/lib/generateRules.js')
const { default: escapeClassName } = require('tailwindcss3/lib/util/escapeClassName.js')
const resolveConfig = require('tailwindcss3/resolveConfig.js')
console.warn = () => {} // v3 comments on needless type hints among the probes

const loadV4 = (theme = '') =>
  loadDesignSystem(`@import "tailwindcss"; @theme { ${theme} }`, {
    base,
    loadStylesheet: async () => ({ path: base, base, content: readFileSync(path.join(base, 'index.css'), 'utf8') }),
  })
const v4 = await loadV4()
const loadV3 = (extend = {}) => createContext(resolveConfig({ content: [], theme: { extend } }))
const v3 = loadV3()
const accepts = {
  v4: (name) => v4.candidatesToCss([name])[0] !== null,
  // For `-flex`, v3 writes a rule that selects `.flex`.
  v3: (name) => generateRules(new Set([name]), v3).some(([, rule]) => `${rule}`.includes(`.${escapeClassName(name)}`)),
}

// ---------------------------------------------------------------------------------------------- utilities

const SPACING = '0 0.5 1 1.5 2 2.5 3 3.5 4 5 6 7 8 9 10 11 12 14 16 20 24 28 32 36 40 44 48 52 56 60 64 72 80 96'
const NAMED = {
  int: ['0', '137'],
  positive: ['1', '137'],
  quarter: ['0', '137', '3.25'],
  spacing: SPACING.split(' '),
  percent: ['37%', '437%'],
  fraction: ['5/7', '8/11'],
  ratio: ['8.5/11'],
  color: ['red-500', 'lime-300', 'current'],
}
const ARBITRARY = {
  empty: ['[]', '[_]'],
  word: ['[foo]', '[a_b]'],
  variable: ['[var(--a)]'],
  color: ['[#123456]'],
  length: ['[3px]'],
  number: ['[.37]'],
  percent: ['[37%]'],
  angle: ['[3deg]'],
  image: ['[url(a.png)]', '[linear-gradient(red,blue)]'],
  'color:': ['[color:var(--a)]'],
  'length:': ['[length:var(--a)]'],
  'number:': ['[number:var(--a)]'],
  'percentage:': ['[percentage:var(--a)]'],
  'image:': ['[image:var(--a)]', '[url:var(--a)]'],
  'position:': ['[position:foo]'],
  'family-name:': ['[family-name:foo]', '[generic-name:foo]'],
  'shadow:': ['[shadow:var(--a)]'],
}
const implied = { int: ['positive'], quarter: ['int', 'positive', 'spacing'] }
const LEADING = ['none', 'tight', 'snug', 'normal', 'relaxed', 'loose']

function modifier(accepted, name) {
  if (accepted(`${name}/foo`)) return '/name'
  if (accepted(`${name}/tight`)) return '/leading'
  if (accepted(`${name}/35`)) return '/opacity'
  return accepted(`${name}/[.5]`) ? '/arbitrary' : ''
}

function signature(accepted, root) {
  const takes = (values) => values.every((value) => accepted(`${root}-${value}`))
  const named = Object.keys(NAMED).filter((shape) => takes(NAMED[shape]))
  const shown = named.filter((shape) => !named.some((other) => implied[other]?.includes(shape)))
  const parts = shown.map((shape) => {
    if (shape === 'fraction' || shape === 'ratio') return shape
    const follows = modifier(accepted, `${root}-${NAMED[shape][1]}`)
    return shape + (named.includes('fraction') && follows === '/opacity' ? '' : follows) // `w-5/35` is a fraction
  })
  const shapes = Object.keys(ARBITRARY).filter((shape) => takes(ARBITRARY[shape]))
  const modified = Object.fromEntries(shapes.map((s) => [s, modifier(accepted, `${root}-${ARBITRARY[s].at(-1)}`)]))
  if (Object.keys(ARBITRARY).every((shape) => shape === 'empty' || shapes.includes(shape))) {
    const unlike = shapes.filter((shape) => shape === 'empty' || modified[shape] !== modified.variable)
    parts.push(`[any]${modified.variable}`, ...unlike.map((shape) => `[${shape}]${modified[shape]}`))
  } else parts.push(...shapes.map((shape) => `[${shape}]${modified[shape]}`))
  return parts.join(' ')
}

const inverted = (entries) => {
  const groups = {}
  for (const [name, key] of entries) (groups[key] ??= []).push(name)
  return Object.fromEntries(Object.entries(groups).map(([key, names]) => [key, names.join(' ')]))
}

const roots = { v4: v4.utilities.keys('functional'), v3: [] }
for (const key of v3.candidateRuleMap.keys()) {
  if (typeof key === 'string') roots.v3.push(key, `-${key}`) // v3's own reset has a String object for a key
}
const signatures = { v3: {}, v4: {} }
for (const version of ['v3', 'v4']) {
  for (const root of [...roots[version]].sort()) {
    const found = signature(accepts[version], root)
    if (found) signatures[version][root] = found
  }
}

// ---------------------------------------------------------------------------------------------- palette and words

const palette = {}
for (const [key, { value }] of v4.theme.entries()) {
  const match = /^--color-(.+)$/.exec(key)
  const numbers = /^oklch\(([\d.]+)% ([\d.]+) ([\d.]+|none)\)$/.exec(value)
  if (match && numbers) palette[match[1]] = numbers.slice(1).map((text) => (text === 'none' ? '0' : text)).join(' ')
}
// v3 wrote the same colors as hex, most of them a little less vivid.
const paletteOfV3 = {}
const colorsOfV3 = resolveConfig({ content: [] }).theme.colors
for (const name of Object.keys(palette)) {
  const [family, shade] = name.split('-')
  if (colorsOfV3[family]?.[shade]) paletteOfV3[name] = colorsOfV3[family][shade]
}
const KEYWORDS = ['black', 'white', 'transparent', 'current', 'inherit']
const colors = {}
for (const version of ['v3', 'v4']) {
  colors[version] = [...Object.keys(palette), ...KEYWORDS].filter((name) => accepts[version](`bg-${name}`))
}

const FORMS = {
  int: /^(0|[1-9]\d*)$/,
  positive: /^[1-9]\d*$/,
  quarter: /^(0|[1-9]\d*)(\.(25|5|75))?$/,
  percent: /^(0|[1-9]\d*)%$/,
  fraction: /^(0|[1-9]\d*)\/(0|[1-9]\d*)$/,
  ratio: /^(0|[1-9]\d*)(\.(25|5|75))?\/(0|[1-9]\d*)(\.(25|5|75))?$/,
}
const follows = (version, name) => {
  for (let at = name.lastIndexOf('-'); at > 0; at = name.lastIndexOf('-', at - 1)) {
    const value = name.slice(at + 1)
    const shapes = (signatures[version][name.slice(0, at)] ?? '').split(' ').map((part) => part.split('/')[0])
    if (shapes.some((shape) => FORMS[shape]?.test(value))) return true
    if (shapes.includes('spacing') && NAMED.spacing.includes(value)) return true
    if (shapes.includes('color') && colors[version].includes(value)) return true
  }
  return false
}

// Tailwind's own lists name what its editor plugin suggests; every ending of a known name is tried after every root too.
const known = {
  v4: [...v4.getClassList().map(([name]) => name), ...v4.utilities.keys('static')],
  v3: v3.getClassList().filter((entry) => typeof entry === 'string'),
}
const endings = new Set([...v4.theme.entries()].map(([key]) => key.slice(2)).filter((key) => !key.startsWith('color-')))
for (const name of [...known.v4, ...known.v3, ...endings].filter((name) => !follows('v4', name))) {
  for (let at = name.indexOf('-', 1); at > 0; at = name.indexOf('-', at + 1)) endings.add(name.slice(at + 1))
}
for (let percent = 50; percent <= 200; percent++) endings.add(`${percent}%`)
const words = {}
for (const version of ['v3', 'v4']) {
  const tried = new Set(known[version])
  for (const root of roots[version]) {
    tried.add(root)
    for (const ending of endings) tried.add(`${root}-${ending}`)
  }
  words[version] = [...tried].filter((name) => !follows(version, name) && accepts[version](name)).sort()
}

const dialect = (version) => ({
  colors: colors[version].filter((name) => !(name in palette)).join(' '),
  families: [...new Set(colors[version].map((name) => name.split('-')[0]))].filter((f) => `${f}-500` in palette).join(' '),
  roots: inverted(Object.entries(signatures[version])),
  words: inverted(words[version].map((name) => [name, modifier(accepts[version], name)])),
  leading: [...LEADING, ...Array.from({ length: 11 }, (_, i) => `${i}`)]
    .filter((name) => accepts[version](`text-sm/${name}`))
    .join(' '),
})

// ---------------------------------------------------------------------------------------------- variants

const COMPOUND = ['not', 'group', 'peer', 'in', 'has']
const VARIANT_PROBES = {
  word: '-foo',
  int: '-7',
  '[any]': '-[foo:bar]',
  '[attribute]': '-[foo]',
  '(any)': '-(--a)',
  modifier: '-[3px]/foo',
}
function variantsOfV4() {
  const accepted = (name) => accepts.v4(`${name}:flex`)
  const inside = (name) => COMPOUND.filter((compound) => accepted(`${compound}-${name}`)).join(' ')
  const names = [...v4.variants.keys()]
  const functional = names.filter((name) => v4.variants.kind(name) === 'functional')
  const listed = [...v4.getVariants()].filter(({ isArbitrary }) => isArbitrary).flatMap(({ name, values }) =>
    values.map((value) => (name === '@' ? `@${value}` : `${name}-${value}`)),
  )
  const alone = listed.filter((name) => !COMPOUND.some((compound) => name.startsWith(`${compound}-`)))
  const fixed = [...names.filter((name) => v4.variants.kind(name) === 'static'), ...alone].filter(accepted)
  return {
    fixed: inverted([...new Set(fixed)].map((name) => [name, inside(name)])),
    named: fixed.filter((name) => accepted(`${name}/foo`)).join(' '),
    functional: inverted(
      functional.map((name) => {
        const start = name === '@' ? 1 : 0 // `@[3px]` has no dash
        const probes = Object.keys(VARIANT_PROBES).filter((shape) => accepted(name + VARIANT_PROBES[shape].slice(start)))
        const shapes = probes.includes('[any]') ? probes.filter((shape) => shape !== '[attribute]') : probes
        return [name, `${shapes.join(' ')} | ${inside(`${name}${'-[3]'.slice(start)}`)}`]
      }),
    ),
    compound: inverted(COMPOUND.map((name) => [name, inside(`${name}-first`)])),
    // The compounds that take a name of their own (`group-hover/item`), and a relative selector (`has-[>img]`).
    named_compound: COMPOUND.filter((name) => accepted(`${name}-hover/foo`)).join(' '),
    // `hover` is a selector and a condition: what negates it goes into no other variant.
    mixed: fixed
      .filter((name) => accepted(`not-${name}`) && accepted(`group-${name}`) && !accepted(`group-not-${name}`))
      .join(' '),
    // What selects other elements does not go inside of most pseudo-elements: `marker:*:flex`.
    pseudo: fixed.filter((name) => !accepted(`${name}:*`)).join(' '),
    children: fixed.filter((name) => !accepted(`first-letter:${name}`)).join(' '),
    relative: COMPOUND.filter((name) => accepted(`${name}-[>foo]`)).join(' '),
    at_rules: COMPOUND.filter((name) => accepted(`${name}-[@media_print]`)).join(' '),
  }
}
function variantsOfV3() {
  const accepted = (name) => accepts.v3(`${name}:flex`)
  const listed = v3.getVariants().flatMap(({ name, values }) => [name, ...values.map((value) => `${name}-${value}`)])
  return {
    fixed: listed.filter(accepted).join(' '),
    arbitrary: v3
      .getVariants()
      .map(({ name }) => name)
      .filter((name) => accepted(`${name}-[3px]`) || accepted(`${name}-[a]`))
      .join(' '),
  }
}

// ---------------------------------------------------------------------------------------------- the page's own theme

// Which roots a name gets from a key of `theme` in a v3 config (`fontFamily`: `font`) or from a namespace of `@theme`
// in v4 (`--font-*`): a name that no theme has is added, and every root is asked for it.
const PROBE = 'qqprobe'
function themeKeysOfV3() {
  const found = {}
  for (const key of Object.keys(resolveConfig({ content: [] }).theme)) {
    for (const value of ['1px', '#123456', ['1px', '1px']]) {
      try {
        const names = loadV3({ [key]: { [PROBE]: value } }).getClassList().filter((name) => String(name).endsWith(`-${PROBE}`))
        if (names.length > 0) found[key] ??= names.map((name) => name.slice(0, -PROBE.length - 1)).sort().join(' ')
      } catch {} // a key that takes no such value
    }
  }
  delete found.colors
  return inverted(Object.entries(found))
}
async function namespacesOfV4() {
  const named = new Set()
  for (const file of readdirSync(path.join(base, 'dist')).filter((file) => /\.m?js$/.test(file))) {
    for (const [, name] of readFileSync(path.join(base, 'dist', file), 'utf8').matchAll(/["'`](--[a-z][a-z-]*[a-z])["'`]/g)) named.add(name)
  }
  const found = {}
  for (const namespace of [...named].sort().filter((name) => name !== '--color' && !name.startsWith('--tw'))) {
    const system = await loadV4(`${namespace}-${PROBE}: 1px;`)
    const names = roots.v4.map((root) => `${root}-${PROBE}`)
    const answers = system.candidatesToCss(names)
    const taken = roots.v4.filter((_, index) => answers[index] !== null)
    if (taken.length > 0) found[namespace.slice(2)] = taken.sort().join(' ')
  }
  return inverted(Object.entries(found))
}

const version = (name) => require(`${name}/package.json`).version
process.stdout.write(
  JSON.stringify(
    {
      source: 'npm tailwindcss, MIT, Copyright (c) Tailwind Labs, Inc.',
      versions: `${version('tailwindcss3')} ${version('tailwindcss4')}`,
      palette,
      palette_v3: paletteOfV3,
      spacing: SPACING,
      v4: { ...dialect('v4'), variants: variantsOfV4(), theme: await namespacesOfV4() },
      v3: { ...dialect('v3'), variants: variantsOfV3(), theme: themeKeysOfV3() },
    },
    null,
    1,
  ) + '\n',
)
