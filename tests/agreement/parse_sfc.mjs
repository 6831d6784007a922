// Whether the frameworks' own compilers parse components: [framework, code] a line in, null or why not a line out.
//
// An answer that begins with `meaning: ` is an error of meaning that ended the parsing: what is left was not looked at.
// Only what is syntax counts. Vue: the codes of its parser (0 to 27), an expression or a script that does not parse, a
// malformed `v-for`; what it transforms afterwards is meaning. Svelte: all that `parse` says of it with blank
// style sheets, but for rules of meaning (below). Astro: what the Rust compiler (Astro 7) says.

import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const require = createRequire(path.join(process.argv[2], 'index.js'))
const vue = require('@vue/compiler-sfc')
const babel = require('@babel/parser')
const load = (name) => import(pathToFileURL(path.join(process.argv[2], name)))
const svelte = await load('svelte/src/compiler/index.js')
const astro = await load('@astrojs/compiler-rs/dist/index.mjs')

const EXPRESSION = 46
const MALFORMED_FOR = 32
const LAST_OF_PARSER = 27
const MEANING = new Set([
  'svelte_meta_invalid_placement', 'svelte_meta_duplicate', 'svelte_meta_invalid_tag', 'svelte_component_missing_this',
  'svelte_component_invalid_this', 'svelte_element_missing_this', 'debug_tag_invalid_arguments',
  'render_tag_invalid_expression', 'const_tag_invalid_expression', 'script_reserved_attribute',
  'script_invalid_context', 'script_invalid_attribute_value', 'svelte_options_invalid_attribute',
  'svelte_options_invalid_attribute_value', 'svelte_options_unknown_attribute', 'svelte_options_invalid_tagname',
  'svelte_options_reserved_tagname', 'svelte_options_invalid_customelement', 'declaration_tag_invalid_type',
  'title_illegal_attribute', 'unexpected_reserved_word',
])

function vueVerdict(code) {
  const { descriptor, errors } = vue.parse(code, { filename: 'a.vue', ignoreEmpty: false, sourceMap: false })
  for (const error of errors) {
    if (error.code === undefined) continue // a block given twice and its like
    if (error.code <= LAST_OF_PARSER || error.code === EXPRESSION) return `${error.code}: ${error.message}`
  }
  for (const script of [descriptor.script, descriptor.scriptSetup]) {
    if (!script || script.src || !['', 'js', 'ts', 'jsx', 'tsx'].includes(script.lang ?? '')) continue
    const lang = script.lang ?? ''
    const plugins = [...(lang.startsWith('ts') ? ['typescript', 'decorators-legacy'] : []), ...(lang.endsWith('x') ? ['jsx'] : [])]
    const found = babel.parse(script.content, { sourceType: 'module', plugins, errorRecovery: true, allowAwaitOutsideFunction: true, allowReturnOutsideFunction: true, attachComment: false })
    const [error] = found.errors.filter((e) => e.code !== 'BABEL_PARSER_SYNTAX_ERROR' || !EARLY.has(e.reasonCode))
    if (error) return `script: ${error.message}`
  }
  const { template } = descriptor
  if (template && (!template.lang || template.lang === 'html')) {
    const done = vue.compileTemplate({ source: template.content, ast: template.ast, filename: 'a.vue', id: 'a', compilerOptions: { expressionPlugins: ['typescript'] } })
    const error = done.errors.find((e) => e.code === MALFORMED_FOR)
    if (error) return `${error.code}: ${error.message}`
  }
  return null
}

// What Babel says of code that parses, and TypeScript's parser leaves to later passes.
const EARLY = new Set([
  'VarRedeclaration', 'DuplicateExport', 'ModuleExportUndefined', 'DeclarationMissingInitializer', 'IllegalReturn',
  'InvalidLhs', 'InvalidLhsBinding', 'IllegalBreakContinue', 'LabelRedeclaration', 'StrictDelete', 'StrictWith',
  'UnexpectedReservedWord', 'UnexpectedKeyword', 'DuplicateProto', 'DuplicateConstructor', 'BadSetterArity', 'BadGetterArity',
  'AwaitBindingIdentifier', 'YieldBindingIdentifier', 'AwaitNotInAsyncContext', 'StrictEvalArguments', 'StrictNumericEscape', 'StrictOctalLiteral',
])

const STYLE = /(<style(?:\s[^>]*)?>)([^]*?)(<\/style\s*>)/g
const blank = (_, start, css, end) => start + css.replace(/[^\n]/g, ' ') + end

function svelteVerdict(code) {
  try {
    svelte.parse(code.replace(STYLE, blank), { modern: true })
    return null
  } catch (error) {
    if (error.code === undefined) throw error
    if (MEANING.has(error.code)) return `meaning: ${error.code}`
    return `${error.code}: ${error.message.split('\n')[0]}`
  }
}

async function astroVerdict(code) {
  const { diagnostics } = await astro.transform(code, {})
  return diagnostics?.length ? diagnostics[0].text : null
}

const VERDICTS = { vue: vueVerdict, svelte: svelteVerdict, astro: astroVerdict }

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [framework, code] = JSON.parse(line)
  let reason
  try {
    reason = await VERDICTS[framework](code)
  } catch (error) {
    reason = String(error.message).split('\n')[0]
  }
  process.stdout.write(JSON.stringify(reason) + '\n')
}
