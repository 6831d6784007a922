// Whether a page's scripts compile, asked of V8 itself, which compiles them and runs nothing: a function made of text
// is compiled when it is made, and these are never called. Runs in the embedded engine, after typescript_parser.js.
//
// `scripts.compiles(file, code, kind)` is true where the code compiles as a 'script' or a 'module'; `file` is its tree.
// `compileScript(code, kind)` throws V8's SyntaxError, whose message has the place when nobody catches it, one line
// further down for a module. `refusedHandlers(codes)` answers with JSON: [index, message] of each event handler's
// attribute that does not compile.

'use strict'

globalThis.scripts = (() => {
  const { forEachChild, SyntaxKind: K } = typescript
  const AsyncFunction = (async () => {}).constructor
  // What a script may not do, and a function's body may: V8 cannot see it here.
  const UNSEEN = new Set(['return', 'new_target'])
  const BLANK = /[^\n]/g

  function compile(file, code, kind) {
    if (kind === 'module') new AsyncFunction(`"use strict";\n${asBody(file, code)}`)
    else new Function(code)
  }

  function compiles(file, code, kind) {
    try {
      compile(file, code, kind)
      return true
    } catch (error) {
      if (error instanceof SyntaxError) return false
      throw error
    }
  }

  // A module as the body of a function: imports and exports are blanked, and every other character keeps its place.
  function asBody(file, code) {
    const pieces = []
    let end = 0
    const blank = (start, stop, by = '') => {
      pieces.push(code.slice(end, start), by, code.slice(start + by.length, stop).replace(BLANK, ' '))
      end = stop
    }
    for (const [start, stop, by] of moduleSyntax(file)) if (start >= end) blank(start, stop, by)
    return pieces.join('') + code.slice(end)
  }

  function moduleSyntax(file) {
    const found = []
    const top = new Set(file.statements)
    const waiting = [file]
    while (waiting.length > 0) {
      const node = waiting.pop()
      const start = typescript.skipTrivia(file.text, node.pos)
      if (node.kind === K.ImportDeclaration || node.kind === K.ExportDeclaration) {
        if (top.has(node) && !isTyped(node)) found.push([start, node.end, ''])
        continue
      }
      // `void 0,` before a value keeps a function or a class without a name an expression.
      if (node.kind === K.ExportAssignment && top.has(node) && !node.isExportEquals) {
        found.push([start, typescript.skipTrivia(file.text, node.expression.pos), 'void 0,'])
      }
      const exported = node.modifiers?.find(({ kind }) => kind === K.ExportKeyword)
      if (exported) {
        const byDefault = node.modifiers.find(({ kind }) => kind === K.DefaultKeyword)
        const before = typescript.skipTrivia(file.text, exported.pos)
        found.push([before, (byDefault ?? exported).end, byDefault && !node.name ? 'void 0,' : ''])
      }
      const meta = node.kind === K.MetaProperty && node.keywordToken === K.ImportKeyword
      if (meta) found.push([start, node.end, 'new.target'])
      forEachChild(node, (child) => void waiting.push(child))
    }
    return found.sort((a, b) => a[0] - b[0])
  }

  // What only TypeScript imports and exports stays where it is, for V8 to refuse it.
  function isTyped({ isTypeOnly, importClause, exportClause }) {
    const elements = importClause?.namedBindings?.elements ?? exportClause?.elements ?? []
    return isTypeOnly || importClause?.isTypeOnly || elements.some((element) => element.isTypeOnly)
  }

  function refusedHandlers(codes) {
    const refused = []
    codes.forEach((code, index) => {
      try {
        new Function('event', code)
      } catch (error) {
        refused.push([index, String(error.message)])
      }
    })
    return JSON.stringify(refused)
  }

  return { compile, compiles, refusedHandlers, UNSEEN }
})()
