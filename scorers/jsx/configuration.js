// The object that code hands to Tailwind, read from TypeScript's syntax tree as data; runs in the embedded engine, after
// typescript_parser.js. `readConfiguration(code)` answers with JSON: null where there is none, or a value:
//
//   "text"                  a string
//   [value, …]              a list
//   {"members": [[name, value], …]}
//   {"palette": [name, …]}  a part of Tailwind's own colors: of `colors.red[500]`, ["red", "500"]
//   {"code": "f(1)"}        whatever only running it would tell, without blanks and comments
//
// An object is looked for where code assigns to `tailwind.config`, `module.exports` and `exports.default`, and where it
// exports a default. Read through are types, parentheses and calls (`defineConfig({…})`: their first argument that is an
// object). Names stand for what the file declares them as, spreads for what they spread; one that cannot be read is a
// member called `...` and its code.

'use strict'

globalThis.readConfiguration = (() => {
  const { createSourceFile, forEachChild, skipTrivia, SyntaxKind: K } = typescript
  const { textOf, isText } = Names
  const LATEST = 99
  const TSX = 4
  const TS = 3
  // Objects that hold one another, each of them twice, are without end.
  const MAX_DEPTH = 24
  const MAX_STEPS = 200_000
  const MAX_CODE = 2000
  const MAX_CANDIDATES = 5
  const WRAPPERS = new Set([
    K.ParenthesizedExpression, K.AsExpression, K.SatisfiesExpression, K.NonNullExpression, K.TypeAssertionExpression,
  ])
  const TAILWIND = /^tailwindcss(?:\/|$)/
  const PALETTE = /^tailwindcss\/(?:lib\/public\/)?colors(?:\.js)?$/
  const DEFAULTS = /^tailwindcss\/(?:lib\/public\/)?(?:defaultTheme|default-theme)(?:\.js)?$/
  const BLANKS = /\s+|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\//g

  function readConfiguration(code) {
    try {
      return JSON.stringify(new Configuration(parsed(code)).read())
    } catch {
      // Code that nests too deeply, that keeps the parser looking ahead, or on which the compiler itself fails.
      return 'null'
    }
  }

  // Only without JSX may `<Config>{…}` stand before the object.
  function parsed(code) {
    allowTokens(2 * code.length)
    const file = createSourceFile('code.tsx', code, LATEST, false, TSX)
    if (file.parseDiagnostics.length === 0) return file
    const other = createSourceFile('code.ts', code, LATEST, false, TS)
    return other.parseDiagnostics.length < file.parseDiagnostics.length ? other : file
  }

  const unwrapped = (node) => {
    let at = node
    while (WRAPPERS.has(at.kind)) at = at.expression
    return at
  }

  class Configuration {
    constructor(file) {
      this.file = file
      this.declared = new Map() // name → a node, or a member of a module: { module, path }
      this.candidates = []
      this.known = new Map() // name → what it stands for
      this.left = MAX_STEPS
      this.walk()
    }

    read() {
      for (const candidate of this.candidates) {
        const value = this.outermost(candidate, 0)
        this.left = MAX_STEPS
        if (value.members) return this.plain(value, 0)
      }
      return null
    }

    // As JSON: a value that stands in many places is written in each of them.
    plain(value, depth) {
      this.left -= 1
      if (depth > MAX_DEPTH || this.left < 0) return { code: '' }
      if (Array.isArray(value)) return value.map((part) => this.plain(part, depth + 1))
      if (!value.members) return value
      return { members: [...value.members].map(([name, part]) => [name, this.plain(part, depth + 1)]) }
    }

    // ------------------------------------------------------------------------------ what is declared and assigned

    walk() {
      const waiting = [this.file]
      while (waiting.length > 0) {
        const node = waiting.pop()
        this.visit(node)
        const inside = []
        forEachChild(node, (child) => void inside.push(child))
        while (inside.length > 0) waiting.push(inside.pop())
      }
      // A name that a function declares as well is, at its top level, the file's.
      for (const statement of this.file.statements) {
        for (const declaration of statement.declarationList?.declarations ?? []) this.declare(declaration)
      }
    }

    visit(node) {
      if (node.kind === K.ExportAssignment) this.propose(node.expression)
      else if (node.kind === K.VariableDeclaration) this.declare(node)
      else if (node.kind === K.ImportDeclaration) this.import(node)
      else if (node.kind === K.BinaryExpression && node.operatorToken.kind === K.EqualsToken && isTarget(node.left)) {
        this.propose(node.right)
      } else if (node.kind === K.ExportSpecifier && textOf(node.name) === 'default' && node.propertyName) {
        this.propose(node.propertyName)
      }
    }

    propose(node) {
      if (this.candidates.length < MAX_CANDIDATES) this.candidates.push(node)
    }

    declare({ name, initializer }) {
      if (!initializer) return
      const module = requiredBy(unwrapped(initializer))
      if (name.kind === K.Identifier) this.declared.set(textOf(name), module ? { module, path: [] } : initializer)
      for (const { name: own, propertyName } of module ? name.elements ?? [] : []) {
        this.declared.set(textOf(own), { module, path: [textOf(propertyName ?? own)] })
      }
    }

    import({ importClause, moduleSpecifier }) {
      const module = textOf(moduleSpecifier)
      const { name, namedBindings } = importClause ?? {}
      if (name) this.declared.set(textOf(name), { module, path: [] })
      if (namedBindings?.name) this.declared.set(textOf(namedBindings.name), { module, path: [] })
      for (const { name: own, propertyName } of namedBindings?.elements ?? []) {
        this.declared.set(textOf(own), { module, path: [textOf(propertyName ?? own)] })
      }
    }

    // ------------------------------------------------------------------------------------------------ their values

    // A whole configuration, or what a constant holds: calls only pass it on (`withMT({…})`).
    outermost(node, depth) {
      const at = unwrapped(node)
      if (at.kind !== K.CallExpression || depth > MAX_DEPTH || requiredBy(at)) return this.value(at, depth)
      for (const argument of at.arguments) {
        const value = this.outermost(argument, depth + 1)
        if (value.members) return value
      }
      return this.code(at)
    }

    value(node, depth) {
      const at = unwrapped(node)
      this.left -= 1
      if (isText(at)) return at.text
      if (depth > MAX_DEPTH || this.left < 0) return this.code(at)
      switch (at.kind) {
        case K.ObjectLiteralExpression:
          return this.object(at, depth)
        case K.ArrayLiteralExpression:
          return at.elements.map((element) => this.value(element, depth + 1))
        case K.Identifier:
        case K.PropertyAccessExpression:
        case K.ElementAccessExpression:
        case K.CallExpression:
          return this.named(at, depth)
        default:
          return this.code(at)
      }
    }

    object(node, depth) {
      const members = new Map()
      for (const member of node.properties) {
        if (member.kind === K.SpreadAssignment) this.spread(member, members, depth)
        else if (member.kind === K.PropertyAssignment || member.kind === K.ShorthandPropertyAssignment) {
          members.set(this.nameOf(member.name, depth), this.value(member.initializer ?? member.name, depth + 1))
        }
      }
      return { members }
    }

    spread({ expression }, members, depth) {
      const value = this.outermost(expression, depth + 1)
      if (value.members) {
        this.left -= value.members.size
        if (this.left > 0) for (const [name, part] of value.members) members.set(name, part)
      } else if (!value.palette && !this.isTailwinds(expression)) {
        const code = this.code(expression)
        members.set(`...${code.code}`, code)
      }
    }

    // What Tailwind brings is known without reading it: `...defaultTheme.screens`.
    isTailwinds(node) {
      const [root] = chainOf(node)
      return TAILWIND.test(requiredBy(root) || (this.declared.get(textOf(root))?.module ?? ''))
    }

    nameOf(name, depth) {
      if (name.kind !== K.ComputedPropertyName) return textOf(name)
      const value = this.value(name.expression, depth + 1)
      return typeof value === 'string' ? value : `...[${this.code(name.expression).code}]`
    }

    // `a`, `a.b`, `a['b']`, `require('m').b`: what the file or Tailwind says of it.
    named(node, depth) {
      const [root, path] = chainOf(node)
      const module = requiredBy(root)
      if (module) return brought(module, path) ?? this.code(node)
      if (root.kind !== K.Identifier) return this.code(node)
      const name = textOf(root)
      const held = this.declared.get(name)
      if (held === undefined) return undeclared([name, ...path]) ?? this.code(node)
      if (held.module !== undefined) return brought(held.module, [...held.path, ...path]) ?? this.code(node)
      return memberOf(this.constant(name, held, depth), path) ?? this.code(node)
    }

    constant(name, node, depth) {
      if (!this.known.has(name)) {
        // `const a = { b: a }`.
        this.known.set(name, this.code(node))
        this.known.set(name, this.outermost(node, depth + 1))
      }
      return this.known.get(name)
    }

    // The text of code without blanks and comments, which stand only between the nodes that have no others in them.
    code(node) {
      const { text } = this.file
      const pieces = []
      const waiting = [node]
      let end = skipTrivia(text, node.pos)
      for (let length = 0; waiting.length > 0 && length < MAX_CODE; length += pieces.at(-1)?.length ?? 0) {
        const at = waiting.pop()
        const inside = []
        forEachChild(at, (child) => void inside.push(child))
        if (inside.length > 0) while (inside.length > 0) waiting.push(inside.pop())
        else {
          const start = Math.max(end, skipTrivia(text, at.pos))
          pieces.push(text.slice(end, start).replace(BLANKS, ''), text.slice(start, at.end))
          end = Math.max(start, at.end)
        }
      }
      if (waiting.length === 0) pieces.push(text.slice(end, node.end).replace(BLANKS, ''))
      return { code: pieces.join('').slice(0, MAX_CODE) }
    }
  }

  // `tailwind.config`, also of `window`; `module.exports`; `exports.default`.
  function isTarget(left) {
    const [root, path] = chainOf(left)
    const names = [textOf(root), ...path].slice(-2).join('.')
    return names === 'tailwind.config' || names === 'module.exports' || names === 'exports.default'
  }

  // The module of `require('m')`; an empty text for anything else.
  function requiredBy(node) {
    const required = node.kind === K.CallExpression && textOf(node.expression) === 'require' && node.arguments.length === 1
    return required && isText(node.arguments[0]) ? node.arguments[0].text : ''
  }

  // What a chain of members begins with, and their names: none where one of them is computed.
  function chainOf(node) {
    const path = []
    let at = unwrapped(node)
    for (;;) {
      if (at.kind === K.PropertyAccessExpression) path.push(textOf(at.name))
      else if (at.kind === K.ElementAccessExpression && (isText(at.argumentExpression) || at.argumentExpression.kind === K.NumericLiteral)) {
        path.push(at.argumentExpression.text)
      } else return [at, path.reverse()]
      at = unwrapped(at.expression)
    }
  }

  function memberOf(value, path) {
    let at = value
    for (let index = 0; index < path.length; index += 1) {
      if (at?.palette) return { palette: [...at.palette, ...path.slice(index)] }
      at = at?.members?.get(path[index])
    }
    return at
  }

  // A part of the palette, where the member of a module is one.
  function brought(module, path) {
    const names = path[0] === 'default' ? path.slice(1) : path
    if (PALETTE.test(module)) return { palette: names }
    return DEFAULTS.test(module) && names[0] === 'colors' ? { palette: names.slice(1) } : undefined
  }

  // Of a name that the file does not declare: `colors.red`, `tailwind.colors.red`, `theme.colors.red`.
  function undeclared(names) {
    const at = names.lastIndexOf('colors')
    return at < 0 ? undefined : { palette: names.slice(at + 1) }
  }

  return readConfiguration
})()
