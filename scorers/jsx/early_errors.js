// The early errors of ECMAScript in a file that TypeScript's parser accepts; runs in the embedded engine, after
// typescript_parser.js and early_names.js. `earlyErrors(file, goal)` answers with [rule, offset, name, offset of what
// came first or -1], in text order.
//
// `goal` says what the code is read as: 'module', 'script', or 'file', which is a module where it imports or exports.
// Types are not there for this pass: what TypeScript erases (interfaces, overloads, `declare`, `import type`) declares
// nothing, and what it merges (enums, namespaces with functions and classes) is no second declaration.
//
// What decides is that esbuild, Babel and V8 all refuse it. So these stay open: assignments to constants and imports
// (refused only when they run), an imported name in capitals that is declared again in a file with types (esbuild takes
// the import for a type), escapes and flags in regular expressions, attributes of decorators. Nothing here recurses.

'use strict'

globalThis.earlyErrors = (() => {
  const { forEachChild, SyntaxKind: K } = typescript
  const { has, textOf, scope, isTypeOnly, declared, METHODS, OPTIONAL_CHAIN } = earlyNames
  const MAX_ERRORS = 100
  const BLOCK_SCOPED = 7
  const CONSTANT = 2
  const USING = 4

  const LOOPS = new Set([K.ForStatement, K.ForInStatement, K.ForOfStatement, K.WhileStatement, K.DoStatement])
  const FUNCTIONS = new Set([
    K.FunctionDeclaration, K.FunctionExpression, K.ArrowFunction, K.MethodDeclaration, K.Constructor, K.GetAccessor,
    K.SetAccessor,
  ])
  // A context with some of its fields changed. Field by field, because engines spread a copy of a copy slowly.
  function like(context, changes) {
    const {
      scope, top, strict, returns, awaits, yields, breaks, continues, labels, superProperty, superCall, newTarget,
      arguments: named, parameters, privates, derived, namespace,
    } = context
    const copy = {
      scope, top, strict, returns, awaits, yields, breaks, continues, labels, superProperty, superCall, newTarget,
      arguments: named, parameters, privates, derived, namespace,
    }
    return Object.assign(copy, changes)
  }

  function isStrict(statements) {
    for (const { kind, expression } of statements ?? []) {
      if (kind !== K.ExpressionStatement || expression.kind !== K.StringLiteral) return false
      if (expression.text === 'use strict') return true
    }
    return false
  }

  function earlyErrors(file, goal) {
    const errors = new Map()
    const isModule = goal === 'module' || (goal === 'file' && file.externalModuleIndicator !== undefined)
    const names = earlyNames(goal, isModule, report)
    const { top, types, patterns, declare, declareAll, binding, bound, rest, target } = names
    // Two stacks in step: what waits, and the context it waits with.
    const waiting = []
    const contexts = []
    const found = []
    const collect = (child) => void found.push(child)

    const start = {
      scope: top, top: true, strict: isModule || isStrict(file.statements),
      // What is allowed here, and the labels and private names that are known.
      returns: false, awaits: goal !== 'script', yields: false, breaks: false, continues: false, labels: null,
      superProperty: false, superCall: false, newTarget: false, arguments: true, parameters: false, privates: null,
      derived: false, namespace: false,
    }
    put(file.statements, start)
    while (waiting.length > 0 && errors.size < MAX_ERRORS) {
      visit(waiting.pop(), contexts.pop())
    }
    names.exportsOf(file.statements)
    return [...errors.values()].sort((a, b) => a[1] - b[1])

    function report(rule, node, name = '', earlier = null) {
      const offset = beginning(node)
      const key = `${offset}:${rule}`
      if (!errors.has(key)) errors.set(key, [rule, offset, name, earlier === null ? -1 : beginning(earlier)])
    }

    // A node begins before the blanks and comments in front of it.
    function beginning(node) {
      return typescript.skipTrivia(file.text, node.pos)
    }

    // Visits nodes next, in their order.
    function put(nodes, context) {
      for (let index = nodes.length - 1; index >= 0; index -= 1) {
        if (nodes[index] !== undefined) later(nodes[index], context)
      }
    }

    // Most nodes are tokens and names, of which nothing is to be said.
    function later(node, context) {
      const { kind } = node
      if (kind < K.Identifier ? kind !== K.RegularExpressionLiteral : kind <= K.LastToken && isPlain(kind, context)) return
      waiting.push(node)
      contexts.push(context)
    }

    function visit(node, around) {
      const { kind } = node
      if (kind >= K.FirstTypeNode && kind <= K.LastTypeNode) return
      if (around.top) {
        if (isTypeOnly(node)) types.add(textOf(node.name))
      } else if (isModuleItem(node) && !around.namespace) report('module_item', node)
      if (has(node, K.DeclareKeyword)) {
        if (around.top) for (const name of declared(node)) types.add(textOf(name))
        return
      }
      const context = around.top || around.namespace ? like(around, { top: false, namespace: false }) : around
      if (FUNCTIONS.has(kind)) return functionLike(node, context)
      if (LOOPS.has(kind)) return loop(node, context)
      switch (kind) {
        case K.VariableStatement:
          put(node.modifiers ?? [], context)
          return variables(node.declarationList, context, true)
        case K.VariableDeclarationList:
          return variables(node, context, true)
        case K.ClassDeclaration:
        case K.ClassExpression:
          return classLike(node, context)
        case K.EnumDeclaration:
          declare(node.name, 'enum', context)
          return put(node.members.map(({ initializer }) => initializer), context)
        case K.ModuleDeclaration:
          return namespace(node, context)
        case K.ImportDeclaration:
          return names.imports(node, context, around)
        case K.ImportEqualsDeclaration:
        case K.ExportDeclaration:
        case K.InterfaceDeclaration:
        case K.TypeAliasDeclaration:
        case K.TypeParameter:
          return
        case K.Block:
        case K.CaseBlock:
          return block(node, context)
        case K.CatchClause:
          return caught(node, context)
        case K.SwitchStatement:
          return put([node.expression, node.caseBlock], like(context, { breaks: true }))
        case K.IfStatement:
          for (const branch of [node.thenStatement, node.elseStatement]) if (branch) single(branch, context, false)
          return inside(node, context)
        case K.WithStatement:
          if (context.strict) report('with', node)
          return inside(node, context)
        case K.LabeledStatement:
          return labeled(node, context)
        case K.BreakStatement:
        case K.ContinueStatement:
          return jump(node, context)
        case K.ReturnStatement:
          if (!context.returns) report('return', node)
          return inside(node, context)
        case K.AwaitExpression:
          if (!context.awaits || context.parameters) report('await', node)
          return inside(node, context)
        case K.YieldExpression:
          if (!context.yields || context.parameters) report('yield', node)
          return inside(node, context)
        case K.BinaryExpression:
          return binary(node, context)
        case K.PrefixUnaryExpression:
        case K.PostfixUnaryExpression:
          return unary(node, context)
        case K.ObjectLiteralExpression:
          return object(node, context)
        case K.PropertyAssignment:
          return put([node.name.kind === K.ComputedPropertyName ? node.name : undefined, node.initializer], context)
        case K.PropertyAccessExpression:
        case K.ElementAccessExpression:
          return access(node, context)
        case K.CallExpression:
          return call(node, context)
        case K.TaggedTemplateExpression:
          if (node.tag.flags & OPTIONAL_CHAIN) report('optional_template', node)
          return inside(node, context)
        case K.DeleteExpression:
          return remove(node, context)
        case K.MetaProperty:
          if (node.keywordToken === K.NewKeyword && !context.newTarget) report('new_target', node)
          if (node.keywordToken === K.ImportKeyword && goal === 'script') report('import_meta', node)
          return
        case K.PrivateIdentifier:
          return privateName(node, context)
        case K.Identifier:
          if (!context.arguments && textOf(node) === 'arguments') report('arguments', node)
          return
        case K.RegularExpressionLiteral:
          return regularExpression(node)
        case K.JsxAttribute:
          return jsxAttribute(node, context)
        default:
          return inside(node, context)
      }
    }

    function inside(node, context) {
      forEachChild(node, collect)
      while (found.length > 0) later(found.pop(), context)
    }

    // Declarations.

    function variables(list, context, counted) {
      const lexical = (list.flags & BLOCK_SCOPED) !== 0
      for (const declaration of list.declarations) {
        declareAll(declaration.name, lexical ? 'lexical' : 'var', context)
        if (lexical && textOf(declaration.name) === 'let') report('reserved_word', declaration.name, 'let')
        if (counted && (list.flags & (CONSTANT | USING)) !== 0 && declaration.initializer === undefined) {
          report('const_without_value', declaration.name, textOf(declaration.name))
        }
        put([declaration.name, declaration.initializer], context)
      }
    }

    // Functions and classes.

    function functionLike(node, context) {
      const { kind, body } = node
      if (kind === K.FunctionDeclaration && body !== undefined && node.name) declare(node.name, 'function', context)
      put([...(node.modifiers ?? []), node.name?.kind === K.ComputedPropertyName ? node.name : undefined], context)
      if (body === undefined) return
      const arrow = kind === K.ArrowFunction
      const method = METHODS.has(kind)
      const own = isStrict(body.statements)
      const within = like(context, {
        scope: scope('function', null), strict: context.strict || own,
        returns: true, awaits: has(node, K.AsyncKeyword), yields: node.asteriskToken !== undefined,
        breaks: false, continues: false, labels: null, parameters: false, derived: false,
      })
      if (!arrow) {
        within.superProperty = method
        within.superCall = kind === K.Constructor && context.derived
        within.newTarget = true
        within.arguments = true
      }
      if (kind === K.FunctionExpression && node.name) binding(node.name, within)
      parameters(node, within, arrow || method, own)
      if (body.kind === K.Block) put(body.statements, within)
      else put([body], within)
      if (node.parameters.length > 0) put(node.parameters, like(within, { parameters: true }))
    }

    function parameters(node, context, never, strict) {
      const list = node.parameters
      const simple = list.every(
        ({ name, initializer, dotDotDotToken }) => name.kind === K.Identifier && !initializer && !dotDotDotToken,
      )
      if (strict && !simple) report('use_strict', node)
      rest(list, (parameter) => parameter.dotDotDotToken !== undefined)
      for (const parameter of list) {
        for (const name of bound(parameter.name)) {
          if (textOf(name) === 'this') continue
          const known = context.scope.names.get(name.escapedText)
          if (known === undefined) declare(name, 'parameter', context)
          else if (never || context.strict || !simple) report('duplicate_parameter', name, textOf(name), known.name)
        }
      }
      const counted = list.filter(({ name }) => textOf(name) !== 'this').length
      if (node.kind === K.GetAccessor && counted !== 0) report('accessor', node.name, textOf(node.name))
      if (node.kind === K.SetAccessor && counted !== 1) report('accessor', node.name, textOf(node.name))
    }

    function classLike(node, context) {
      const strict = like(context, { strict: true })
      if (node.kind === K.ClassDeclaration && node.name) declare(node.name, 'class', strict)
      else if (node.name) binding(node.name, strict)
      const heritage = (node.heritageClauses ?? []).filter(({ token }) => token === K.ExtendsKeyword)
      const privates = { names: names.privateNames(node.members), outer: context.privates }
      const member = like(strict, { privates })
      const derived = heritage.length > 0
      names.constructors(node.members)
      const members = []
      for (const entry of node.members) {
        if (FUNCTIONS.has(entry.kind)) members.push([entry, like(member, { derived })])
        else if (entry.kind === K.PropertyDeclaration) members.push(...property(entry, member))
        else if (entry.kind === K.ClassStaticBlockDeclaration) members.push([entry.body, initial(member)])
      }
      for (const [entry, within] of members.reverse()) later(entry, within)
      put([...(node.modifiers ?? []), ...heritage], strict)
    }

    function property(node, context) {
      if (has(node, K.DeclareKeyword)) return []
      const name = textOf(node.name)
      if (name === 'prototype' && has(node, K.StaticKeyword)) report('class_member', node.name, name)
      const found = (node.modifiers ?? []).map((modifier) => [modifier, context])
      if (node.name.kind === K.ComputedPropertyName) found.push([node.name, context])
      if (node.initializer) found.push([node.initializer, like(initial(context), { awaits: context.awaits })])
      return found
    }

    // Where the value of a field is computed, and in a static block.
    function initial(context) {
      return like(context, {
        scope: scope('function', null), returns: false, awaits: false, yields: false, breaks: false,
        continues: false, labels: null, superProperty: true, superCall: false, newTarget: true, arguments: false,
        parameters: false, derived: false,
      })
    }

    // Statements.

    function block(node, context) {
      const own = scope(context.strict ? 'strict' : 'block', context.scope)
      put(node.statements ?? node.clauses, like(context, { scope: own }))
    }

    // The name that is caught stands in the block's own scope: `catch (e) { let e }`.
    function caught({ variableDeclaration, block: { statements } }, context) {
      const within = like(context, { scope: scope(context.strict ? 'strict' : 'block', context.scope) })
      put(statements, within)
      if (variableDeclaration === undefined) return
      const { name } = variableDeclaration
      declareAll(name, name.kind === K.Identifier ? 'catch' : 'pattern', within)
      put([name], within)
    }

    function namespace({ body }, context) {
      if (body === undefined) return
      const within = like(initial(context), { awaits: context.awaits, namespace: true })
      put(body.statements ?? [body], like(within, { superProperty: false, newTarget: false, arguments: true }))
    }

    function loop(node, context) {
      const own = like(context, { scope: scope('block', context.scope) })
      const within = like(own, { breaks: true, continues: true })
      const { initializer, statement } = node
      single(statement, context, true)
      put([statement], within)
      put([node.condition, node.incrementor, node.kind === K.ForStatement ? undefined : node.expression], own)
      if (node.awaitModifier && !context.awaits) report('await', node.awaitModifier)
      if (initializer === undefined) return
      const each = node.kind !== K.ForStatement
      if (initializer.kind === K.VariableDeclarationList) {
        if (each) eachVariable(node, initializer)
        variables(initializer, own, !each)
      } else {
        if (each) target(initializer, own, true)
        put([initializer], own)
      }
    }

    function eachVariable(node, { declarations, flags }) {
      const old = node.kind === K.ForInStatement && (flags & BLOCK_SCOPED) === 0
      if (declarations.length > 1) report('loop_variable', declarations[1])
      else if (declarations[0]?.initializer && !old) report('loop_variable', declarations[0])
    }

    // What stands for itself where one statement may: a declaration would have no block to belong to.
    function single(node, context, inLoop) {
      const { kind } = node
      const lexical = kind === K.VariableStatement && (node.declarationList.flags & BLOCK_SCOPED) !== 0
      const special = inLoop || context.strict || node.asteriskToken || has(node, K.AsyncKeyword)
      if (kind === K.ClassDeclaration || lexical || (kind === K.FunctionDeclaration && special)) report('statement', node)
    }

    function labeled(node, context) {
      const name = textOf(node.label)
      if (label(name, context)) report('duplicate_label', node.label, name)
      let { statement } = node
      while (statement.kind === K.LabeledStatement) ({ statement } = statement)
      single(node.statement, context, false)
      put([node.statement], like(context, { labels: { name, loops: LOOPS.has(statement.kind), outer: context.labels } }))
    }

    function label(name, context) {
      let at = context.labels
      while (at !== null && at.name !== name) at = at.outer
      return at
    }

    function jump(node, context) {
      const ends = node.kind === K.BreakStatement
      if (node.label === undefined) {
        if (!(ends ? context.breaks : context.continues)) report(ends ? 'break' : 'continue', node)
        return
      }
      const known = label(textOf(node.label), context)
      if (known === null || (!ends && !known.loops)) report('label', node.label, textOf(node.label))
    }

    // Expressions.

    function binary(node, context) {
      const operator = node.operatorToken.kind
      const assigns = operator >= K.FirstAssignment && operator <= K.LastAssignment
      if (assigns) target(node.left, context, operator === K.EqualsToken)
      else if (mixes(operator, node.left) || mixes(operator, node.right)) report('mixed_operators', node.operatorToken)
      put([node.left, node.right], context)
    }

    function mixes(operator, side) {
      if (side.kind !== K.BinaryExpression) return false
      const other = side.operatorToken.kind
      const nullish = K.QuestionQuestionToken
      const logical = (kind) => kind === K.BarBarToken || kind === K.AmpersandAmpersandToken
      return (operator === nullish && logical(other)) || (other === nullish && logical(operator))
    }

    function unary(node, context) {
      if (node.operator === K.PlusPlusToken || node.operator === K.MinusMinusToken) target(node.operand, context, false)
      put([node.operand], context)
    }

    function object(node, context) {
      let prototypes = 0
      for (const entry of node.properties) {
        if (entry.kind === K.ShorthandPropertyAssignment && entry.objectAssignmentInitializer && !patterns.has(node)) {
          report('shorthand_value', entry, textOf(entry.name))
        }
        const named = entry.kind === K.PropertyAssignment && entry.name.kind !== K.ComputedPropertyName
        if (named && textOf(entry.name) === '__proto__' && !patterns.has(node)) {
          prototypes += 1
          if (prototypes > 1) report('duplicate_proto', entry.name)
        }
      }
      put(node.properties, context)
    }

    function access(node, context) {
      if (node.expression.kind === K.SuperKeyword) {
        if (!context.superProperty) report('super', node.expression)
      } else put([node.expression], context)
      if (node.argumentExpression) put([node.argumentExpression], context)
      if (node.name?.kind === K.PrivateIdentifier) put([node.name], context)
    }

    function call(node, context) {
      const callee = node.expression
      const args = node.arguments ?? []
      if (callee.kind === K.SuperKeyword) {
        if (!context.superCall) report('super_call', callee)
      } else if (callee.kind === K.ImportKeyword) {
        const spread = args.some(({ kind }) => kind === K.SpreadElement)
        if (args.length < 1 || args.length > 2 || spread) report('import_call', node)
      } else {
        // `await (…)` is a call for the parser where nothing can be awaited.
        if (isModule && callee.kind === K.Identifier && textOf(callee) === 'await') report('await', callee)
        put([callee], context)
      }
      put(args, context)
    }

    function jsxAttribute(node, context) {
      const { initializer } = node
      if (initializer?.kind === K.JsxExpression && !initializer.expression) report('empty_attribute', node)
      put([initializer], context)
    }

    function remove(node, context) {
      let at = node.expression
      while (at.kind === K.ParenthesizedExpression) at = at.expression
      if (at.kind === K.Identifier && context.strict) report('delete_name', node, textOf(at))
      if (at.name?.kind === K.PrivateIdentifier) report('delete_private', node, textOf(at.name))
      put([node.expression], context)
    }

    function privateName(node, context) {
      let at = context.privates
      while (at !== null && !at.names.has(textOf(node))) at = at.outer
      if (at === null) report('private_name', node, textOf(node))
    }

    function regularExpression(node) {
      const flags = node.text.slice(node.text.lastIndexOf('/') + 1)
      if (/[^dgimsuvy]|(.).*\1/.test(flags)) report('regular_expression', node, flags)
    }

  }

  const isPlain = (kind, context) => (kind === K.Identifier ? context.arguments : kind !== K.PrivateIdentifier)
  const isModuleItem = (node) =>
    node.kind === K.ImportDeclaration || node.kind === K.ExportDeclaration || node.kind === K.ExportAssignment ||
    (node.modifiers !== undefined && node.kind !== K.Parameter && has(node, K.ExportKeyword))

  return earlyErrors
})()
