// The names of a file: what declares one twice in a scope, what exports one that is not declared, and what can be
// assigned to; a part of early_errors.js, before which it runs in the embedded engine.
//
// `earlyNames(goal, isModule, report)` gives what the walk over the tree calls, in the order of the text: `declare` and
// its kin for what binds a name, `target` for what is assigned to, `constructors` and `privateNames` for the members of
// a class, `imports`, and `exportsOf` at the end. `patterns` are the objects that are targets. A scope is
// `{ kind, outer, names }`, its kind that of the code it belongs to: 'module', 'function', or a 'block', which is
// 'strict' in strict code.

'use strict'

globalThis.earlyNames = (() => {
  const { SyntaxKind: K } = typescript
  // `var` is looked up in each block around it: bounds what many of them cost in deep blocks.
  const MAX_LOOKUPS = 1_000_000
  const RESERVED = new Set('implements interface let package private protected public static yield'.split(' '))
  const TRANSPARENT = new Set([
    K.ParenthesizedExpression, K.NonNullExpression, K.AsExpression, K.SatisfiesExpression, K.TypeAssertionExpression,
  ])
  const METHODS = new Set([K.MethodDeclaration, K.Constructor, K.GetAccessor, K.SetAccessor])
  const OPTIONAL_CHAIN = 64
  const LEXICAL = new Set(['lexical', 'class', 'enum', 'import'])

  const has = (node, kind) => node.modifiers !== undefined && node.modifiers.some((modifier) => modifier.kind === kind)
  // TypeScript keeps names that begin with two underscores with a third one.
  function textOf(node) {
    const text = node?.escapedText ?? node?.text ?? ''
    return text.startsWith('___') ? text.slice(1) : text
  }
  const scope = (kind, outer) => ({ kind, outer, names: new Map() })
  // TypeScript erases these, or gives them a meaning beside that of a value.
  const isTypeOnly = ({ kind }) =>
    kind === K.InterfaceDeclaration || kind === K.TypeAliasDeclaration || kind === K.ModuleDeclaration ||
    kind === K.ImportEqualsDeclaration
  const isHead = (node) => node.kind === K.FunctionDeclaration && node.body === undefined

  // The names that a declaration at the top binds.
  function declared(node) {
    if (node.kind !== K.VariableStatement) return node.name ? [node.name] : []
    const found = []
    const inner = node.declarationList.declarations.map(({ name }) => name)
    while (inner.length > 0) {
      const name = inner.pop()
      if (name.kind === K.Identifier) found.push(name)
      else for (const element of name.elements) if (element.name) inner.push(element.name)
    }
    return found
  }

  const defaulted = (node) =>
    node.kind === K.BinaryExpression && node.operatorToken.kind === K.EqualsToken ? node.left : node
  // A getter and a setter of one private name.
  const pairs = (one, other) =>
    one.kind !== other.kind &&
    [one, other].every(({ kind }) => kind === K.GetAccessor || kind === K.SetAccessor) &&
    has(one, K.StaticKeyword) === has(other, K.StaticKeyword)

  function earlyNames(goal, isModule, report) {
    const types = new Set()
    const top = scope(isModule ? 'module' : 'function', null)
    let lookups = 0

    const patterns = new Set()

    return {
      top, types, patterns, declare, declareAll, binding, bound, rest, target, constructors, privateNames, imports,
      exportsOf,
    }

    function declare(name, kind, context) {
      binding(name, context)
      for (let at = context.scope; at !== null && lookups < MAX_LOOKUPS; at = at.outer) {
        lookups += 1
        const known = at.names.get(name.escapedText)
        if (known !== undefined && clash(known.kind, kind, at, name)) {
          report('redeclared', name, textOf(name), known.name)
          return
        }
        if (known === undefined) at.names.set(name.escapedText, { kind, name })
        // A name that passed a block once went on to its function, too.
        if (kind !== 'var' || at.outer === null || known?.kind === 'var') return
      }
    }

    function clash(known, kind, { kind: where }, name) {
      if (known === 'import' && kind === 'import') return true
      if (known === 'import' || kind === 'import') return goal !== 'file' || /^[^A-Z]/.test(textOf(name))
      if (known === 'enum' && kind === 'enum') return false
      if (LEXICAL.has(known) || LEXICAL.has(kind)) return true
      if (known === 'pattern' || (known === 'catch' && kind === 'function')) return true
      if (known === 'function' && kind === 'function') return where === 'module' || where === 'strict'
      return (known === 'function' || kind === 'function') && where !== 'function' && where !== 'module'
    }

    // A name that is bound, by whatever.
    function binding(name, context) {
      const text = textOf(name)
      if (!context.strict) return
      if (text === 'eval' || text === 'arguments') report('strict_name', name, text)
      else if (RESERVED.has(text) || (isModule && text === 'await')) report('reserved_word', name, text)
    }

    function declareAll(pattern, kind, context) {
      const names = bound(pattern)
      for (const name of names) declare(name, kind, context)
    }

    function bound(pattern) {
      if (pattern.kind === K.Identifier) return [pattern]
      const found = []
      const inner = [pattern]
      while (inner.length > 0) {
        const node = inner.pop()
        if (node.kind === K.Identifier) found.push(node)
        else {
          const { elements } = node
          for (const { name } of [...elements].reverse()) if (name) inner.push(name)
          rest(elements, (element) => element.dotDotDotToken !== undefined)
        }
      }
      return found
    }

    function rest(elements, isRest) {
      elements.forEach((element, index) => {
        if (isRest(element) && (index < elements.length - 1 || elements.hasTrailingComma || element.initializer)) {
          report('rest', element)
        }
      })
    }

    function target(node, context, pattern) {
      const inner = [[node, pattern]]
      while (inner.length > 0) {
        let [at, whole] = inner.pop()
        while (TRANSPARENT.has(at.kind)) {
          if (at.kind === K.ParenthesizedExpression) whole = false
          at = at.expression
        }
        if (at.kind === K.Identifier) {
          if (context.strict && /^(?:eval|arguments)$/.test(textOf(at))) report('strict_name', at, textOf(at))
        } else if (at.kind === K.PropertyAccessExpression || at.kind === K.ElementAccessExpression) {
          if (at.flags & OPTIONAL_CHAIN) report('assignment_target', at)
        } else if (whole && at.kind === K.ArrayLiteralExpression) {
          rest(at.elements, ({ kind }) => kind === K.SpreadElement)
          for (const element of at.elements) {
            if (element.kind === K.OmittedExpression) continue
            const value = element.kind === K.SpreadElement ? element.expression : defaulted(element)
            inner.push([value, true])
          }
        } else if (whole && at.kind === K.ObjectLiteralExpression) {
          patterns.add(at)
          rest(at.properties, ({ kind }) => kind === K.SpreadAssignment)
          for (const entry of at.properties) {
            if (entry.kind === K.PropertyAssignment) inner.push([defaulted(entry.initializer), true])
            else if (entry.kind === K.SpreadAssignment) inner.push([entry.expression, true])
            else if (entry.kind !== K.ShorthandPropertyAssignment) report('assignment_target', entry)
          }
        } else report('assignment_target', at)
      }
    }

    function constructors(members) {
      let first = null
      for (const member of members) {
        const still = has(member, K.StaticKeyword)
        const name = textOf(member.name)
        if (still && name === 'prototype' && METHODS.has(member.kind)) report('class_member', member.name, name)
        if (member.kind === K.Constructor && member.body && !still) {
          if (has(member, K.AsyncKeyword)) report('class_member', member, 'constructor')
          else if (first !== null) report('duplicate_constructor', member, '', first)
          first ??= member
        } else if (!still && name === 'constructor' && METHODS.has(member.kind) && member.kind !== K.Constructor) {
          if (member.name.kind !== K.ComputedPropertyName) report('class_member', member.name, name)
        }
      }
    }

    function privateNames(members) {
      const names = new Map()
      for (const member of members) {
        const { name } = member
        if (name?.kind !== K.PrivateIdentifier || (METHODS.has(member.kind) && !member.body)) continue
        const text = textOf(name)
        if (text === '#constructor') report('class_member', name, text)
        const known = names.get(text)
        if (known === undefined) names.set(text, [member])
        else if (known.length > 1 || !pairs(known[0], member)) report('redeclared', name, text, known[0].name)
        else known.push(member)
      }
      return names
    }

    function imports(node, context, around) {
      const clause = node.importClause
      if (!around.top || clause === undefined) return
      const named = clause.namedBindings
      const all = [clause, ...(named?.kind === K.NamespaceImport ? [named] : (named?.elements ?? []))]
      for (const entry of all) {
        if (entry.name === undefined) continue
        if (clause.isTypeOnly || entry.isTypeOnly) types.add(textOf(entry.name))
        else declare(entry.name, 'import', context)
      }
    }

    function exportsOf(statements) {
      const listed = new Map()
      const own = new Map()
      for (const node of statements) {
        if (node.kind === K.ExportDeclaration && !node.isTypeOnly && node.exportClause) exported(node, listed, own)
        else if (node.kind === K.ExportAssignment && !node.isExportEquals) once('default', node, listed, own)
        else if (has(node, K.ExportKeyword) && !has(node, K.DeclareKeyword) && !isTypeOnly(node) && !isHead(node)) {
          if (has(node, K.DefaultKeyword)) once('default', node, listed, own)
          else for (const name of declared(node)) declaredOnce(name, listed, own)
        }
      }
    }

    function exported(node, listed, own) {
      const clause = node.exportClause
      if (clause.kind === K.NamespaceExport) return once(textOf(clause.name), clause.name, listed, own)
      for (const entry of clause.elements) {
        if (entry.isTypeOnly) continue
        once(textOf(entry.name), entry.name, listed, own)
        const local = entry.propertyName ?? entry.name
        const name = textOf(local)
        const known = top.names.has(local.escapedText) || types.has(name)
        if (!node.moduleSpecifier && !known) report('undefined_export', local, name)
      }
    }

    function once(name, node, listed, own) {
      const known = listed.get(name) ?? own.get(name)
      if (known !== undefined) report('duplicate_export', node, name, known)
      else listed.set(name, node)
    }

    // Two declarations of one name are no second export: they are a second declaration.
    function declaredOnce(name, listed, own) {
      const known = listed.get(textOf(name))
      if (known !== undefined) report('duplicate_export', name, textOf(name), known)
      else own.set(textOf(name), name)
    }
  }

  return Object.assign(earlyNames, { has, textOf, scope, isTypeOnly, declared, METHODS, OPTIONAL_CHAIN })
})()
