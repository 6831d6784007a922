// What the names in a file stand for: constants, members of objects and lists, what callbacks get of them, what local
// functions answer. Runs in the embedded engine, before colors.js. Nothing of the code is executed: names are followed to
// where they are declared, over at most MAX_HOPS steps.

'use strict'

globalThis.Names = (() => {
  const { forEachChild, SyntaxKind: K } = typescript
  const MAX_HOPS = 12
  const MAX_STEPS = 2000
  const MAX_ALL_STEPS = 2_000_000
  const MAX_VALUES = 64
  const MAX_TEXT = 2000

  const SAME_LIST = new Set(['filter', 'slice', 'sort', 'reverse', 'concat', 'flat', 'toSorted', 'toReversed', 'with'])
  const ONE_OF_LIST = new Set(['find', 'at', 'pop', 'shift', 'get', 'findLast'])
  const CALLBACKS = new Set(['map', 'forEach', 'flatMap', 'filter', 'find', 'some', 'every'])
  const HOLDERS = new Set(
    ['useState', 'useRef', 'useMemo', 'useCallback', 'createContext', 'memo', 'freeze', 'signal', 'ref'],
  )

  // Of an identifier or a literal; empty for anything else.
  const textOf = (node) => node?.escapedText ?? node?.text ?? ''
  const isText = (node) => node.kind === K.StringLiteral || node.kind === K.NoSubstitutionTemplateLiteral
  const isFunction = (node) => node.kind === K.ArrowFunction || node.kind === K.FunctionExpression || node.kind === K.FunctionDeclaration

  const pieces = (template) => [
    template.head.text,
    ...template.templateSpans.flatMap((span) => [span.expression, span.literal.text]),
  ]

  class Names {
    constructor() {
      this.declared = new Map() // name → { at, end, … }, in text order: where it is declared, and what it stands for
      this.imported = new Map() // local name → name in the file that it comes from
      this.bound = new Set() // parameters that are declared already
      this.scopes = [] // ends of the blocks around
      this.members = new Map()
      this.returned = new Map()
      this.steps = 0
      this.all = 0
      this.longest = MAX_TEXT
    }

    // -------------------------------------------------------------------------------- what the walk hands over

    importing(node) {
      const { name, namedBindings } = node.importClause ?? {}
      if (name) this.imported.set(textOf(name), textOf(name))
      if (namedBindings?.name) this.imported.set(textOf(namedBindings.name), '')
      for (const element of namedBindings?.elements ?? []) {
        this.imported.set(textOf(element.name), textOf(element.propertyName ?? element.name))
      }
    }

    // The rest of a block or a function, in which its names are known.
    enter(node) {
      while (this.scopes.length > 0 && this.scopes[this.scopes.length - 1] <= node.pos) this.scopes.pop()
      if (node.name && node.body && node.kind === K.FunctionDeclaration) this.add(textOf(node.name), node.pos, { init: node })
      this.scopes.push(node.end)
      for (const parameter of node.parameters ?? []) if (!this.bound.has(parameter)) this.bind(parameter, undefined)
    }

    declare(node) {
      while (this.scopes.length > 0 && this.scopes[this.scopes.length - 1] <= node.pos) this.scopes.pop()
      this.bind(node, node.initializer)
    }

    // `COLORS.map((color, index) => …)`, `Object.entries(COLORS).map(([name, color]) => …)`
    iterate(node) {
      const { name, expression } = node.expression
      const callback = node.arguments?.[0]
      const parameter = CALLBACKS.has(textOf(name)) ? callback?.parameters?.[0] : undefined
      if (parameter === undefined) return
      this.bound.add(parameter)
      this.bindItem(parameter.name, expression, callback.end)
    }

    // `for (const color of COLORS)`
    loop(node) {
      const declaration = node.initializer?.declarations?.[0]
      if (declaration) this.bindItem(declaration.name, node.expression, node.end)
    }

    // -------------------------------------------------------------------------------- names

    add(name, at, what, end = this.scopes[this.scopes.length - 1] ?? Infinity) {
      const known = this.declared.get(name)
      const entry = { at, end, ...what }
      if (known === undefined) this.declared.set(name, [entry])
      else known.push(entry)
    }

    bind(node, init) {
      const { name } = node
      if (name.kind === K.Identifier) return this.add(textOf(name), node.pos, { init: init ?? node.initializer })
      const list = name.kind === K.ArrayBindingPattern
      for (const [index, element] of (name.elements ?? []).entries()) {
        if (element.name?.kind !== K.Identifier) continue
        const key = list ? `${index}` : textOf(element.propertyName ?? element.name)
        // `const [color, setColor] = useState('#f00')`
        const held = list && init?.kind === K.CallExpression
        const what = held ? { init: index === 0 ? init : undefined } : { of: init, key, init: element.initializer }
        this.add(textOf(element.name), element.pos, what)
      }
    }

    bindItem(name, of, end) {
      if (name.kind === K.Identifier) return this.add(textOf(name), name.pos, { of }, end)
      const list = name.kind === K.ArrayBindingPattern
      for (const [index, element] of (name.elements ?? []).entries()) {
        if (element.name?.kind !== K.Identifier) continue
        // Of an entry, the second is the value.
        const what = list ? (index === 1 ? { of } : {}) : { of, each: textOf(element.propertyName ?? element.name) }
        this.add(textOf(element.name), element.pos, what, end)
      }
    }

    // The declaration that a name means at a place: the nearest before it whose block is still open, else one for the
    // whole file that follows.
    lookup(name, at) {
      const known = this.declared.get(name)
      if (known === undefined) return undefined
      let low = 0
      let high = known.length
      while (low < high) {
        const middle = (low + high) >> 1
        if (known[middle].at <= at) low = middle + 1
        else high = middle
      }
      for (let index = low - 1; index >= 0 && index > low - MAX_VALUES; index -= 1) {
        if (known[index].end > at) return known[index]
      }
      return known.slice(low, low + MAX_VALUES).find((entry) => entry.end === Infinity)
    }

    // -------------------------------------------------------------------------------- what an expression stands for

    // The nodes that an expression may stand for, once names, members and conditions are followed.
    meanings(node, hops) {
      this.steps += 1
      if (node === undefined || hops > MAX_HOPS || this.steps > MAX_STEPS) return []
      switch (node.kind) {
        case K.ParenthesizedExpression:
        case K.AsExpression:
        case K.SatisfiesExpression:
        case K.NonNullExpression:
        case K.TypeAssertionExpression:
        case K.AwaitExpression:
        case K.JsxExpression:
          return this.meanings(node.expression, hops)
        case K.ConditionalExpression:
          return [...this.meanings(node.whenTrue, hops + 1), ...this.meanings(node.whenFalse, hops + 1)]
        case K.BinaryExpression:
          return this.ofOperator(node, hops + 1)
        case K.Identifier:
          return this.ofName(textOf(node), node.pos, hops + 1)
        case K.PropertyAccessExpression:
          return this.member(node.expression, textOf(node.name), hops + 1)
        case K.ElementAccessExpression: {
          const key = node.argumentExpression
          const known = key && (isText(key) || key.kind === K.NumericLiteral)
          return known ? this.member(node.expression, key.text, hops + 1) : this.items(node.expression, hops + 1)
        }
        case K.CallExpression:
        case K.NewExpression:
          return this.ofCall(node, hops + 1)
        default:
          return [node]
      }
    }

    ofOperator(node, hops) {
      switch (node.operatorToken.kind) {
        case K.BarBarToken:
        case K.QuestionQuestionToken:
          return [...this.meanings(node.left, hops), ...this.meanings(node.right, hops)]
        case K.AmpersandAmpersandToken:
        case K.CommaToken:
        case K.EqualsToken:
          return this.meanings(node.right, hops)
        default:
          return [node]
      }
    }

    ofName(name, at, hops) {
      const entry = this.lookup(name, at)
      if (entry === undefined) return []
      const { of, key, each, init } = entry
      if (of === undefined) return this.meanings(init, hops)
      if (key !== undefined) {
        const found = this.member(of, key, hops)
        return found.length > 0 ? found : this.meanings(init, hops)
      }
      const items = this.items(of, hops)
      return each === undefined ? items : items.flatMap((item) => this.memberOf(item, each, hops))
    }

    member(node, key, hops) {
      return this.meanings(node, hops).flatMap((whole) => this.memberOf(whole, key, hops))
    }

    memberOf(whole, key, hops) {
      if (whole.kind === K.ArrayLiteralExpression) return this.meanings(whole.elements[Number(key)], hops)
      if (whole.kind !== K.ObjectLiteralExpression) return []
      const { own, spread } = this.membersOf(whole)
      const found = own.get(key)
      if (found === undefined) return spread.flatMap((expression) => this.member(expression, key, hops + 1))
      return found.initializer ? this.meanings(found.initializer, hops) : this.ofName(key, whole.pos, hops)
    }

    membersOf(whole) {
      let found = this.members.get(whole)
      if (found === undefined) {
        found = { own: new Map(), spread: [] }
        for (const entry of whole.properties) {
          if (entry.kind === K.SpreadAssignment) found.spread.push(entry.expression)
          else found.own.set(textOf(entry.name), entry)
        }
        this.members.set(whole, found)
      }
      return found
    }

    // What a list or an object holds.
    items(node, hops) {
      const found = []
      for (const whole of this.meanings(node, hops)) {
        for (const item of whole.elements ?? whole.properties ?? []) {
          if (found.length > MAX_VALUES || this.steps > MAX_STEPS) return found
          const spread = item.kind === K.SpreadElement || item.kind === K.SpreadAssignment
          if (spread) found.push(...this.items(item.expression, hops + 1))
          else found.push(...this.meanings(whole.elements ? item : (item.initializer ?? item.name), hops))
        }
      }
      return found
    }

    ofCall(node, hops) {
      const callee = node.expression
      const args = node.arguments ?? []
      const name = textOf(callee.name ?? callee)
      if (callee.name) {
        if (textOf(callee.expression) === 'Object') return this.meanings(args[0], hops)
        if (SAME_LIST.has(name)) return this.meanings(callee.expression, hops)
        if (ONE_OF_LIST.has(name)) return this.items(callee.expression, hops)
        if (name === 'map') return this.results(args[0]).flatMap((result) => this.meanings(result, hops))
      }
      if (HOLDERS.has(name)) {
        return this.meanings(args[0], hops).flatMap((held) =>
          isFunction(held) ? this.results(held).flatMap((result) => this.meanings(result, hops)) : [held],
        )
      }
      const own = callee.kind === K.Identifier ? this.ofName(name, node.pos, hops).filter(isFunction) : []
      if (own.length > 0) return own.flatMap((body) => this.results(body)).flatMap((r) => this.meanings(r, hops))
      // `alpha(C.primary, 0.5)`: which color it is made of.
      return args.flatMap((argument) => this.meanings(argument, hops)).filter((meaning) => !meaning.properties)
    }

    // The expressions that a function answers with.
    results(body) {
      if (body === undefined || !isFunction(body) || body.body === undefined) return []
      if (body.body.kind !== K.Block) return [body.body]
      let found = this.returned.get(body)
      if (found === undefined) {
        found = []
        const waiting = [body.body]
        for (let seen = 0; waiting.length > 0 && seen < MAX_STEPS; seen += 1) {
          const node = waiting.pop()
          if (node.kind === K.ReturnStatement) {
            if (node.expression) found.push(node.expression)
          } else if (!isFunction(node)) forEachChild(node, (child) => void waiting.push(child))
        }
        this.returned.set(body, found)
      }
      return found
    }

    // The texts that an expression in a color place stands for, each with the literals that it is made of.
    values(node, longest = MAX_TEXT) {
      this.begin(longest)
      return this.texts(node, 0)
    }

    begin(longest) {
      this.all += this.steps
      this.steps = this.all > MAX_ALL_STEPS ? MAX_STEPS : 0
      this.longest = longest
    }

    texts(node, hops) {
      const found = []
      for (const meaning of this.meanings(node, hops)) {
        if (found.length > MAX_VALUES) break
        if (isText(meaning)) found.push({ text: meaning.text, nodes: [meaning] })
        else if (meaning.kind === K.ArrayLiteralExpression) {
          for (const item of meaning.elements) if (found.length < MAX_VALUES) found.push(...this.texts(item, hops + 1))
        } else if (meaning.kind === K.TemplateExpression) found.push(this.joined(pieces(meaning), meaning, hops))
        else if (meaning.kind === K.BinaryExpression) found.push(this.joined([meaning.left, meaning.right], meaning, hops))
        else if (meaning.kind === K.TaggedTemplateExpression) {
          found.push(...this.texts(meaning.template, hops + 1))
        } else if (isFunction(meaning)) {
          for (const result of this.results(meaning)) found.push(...this.texts(result, hops + 1))
        }
      }
      return found.filter(({ text }) => text.length <= this.longest)
    }

    // A text put together of texts; one that may be several is written as all of them.
    joined(parts, whole, hops) {
      const nodes = [whole]
      const texts = parts.map((part) => {
        if (typeof part === 'string') return part
        const values = this.texts(part, hops + 1).filter((value) => !this.counted(value))
        for (const value of values) nodes.push(...value.nodes)
        return values.length > 0 ? values.map(({ text }) => text).join(' ') : this.themed(part) || ' '
      })
      return { text: texts.join('').slice(0, this.longest), nodes }
    }
  }

  return Object.assign(Names, { MAX_HOPS, MAX_STEPS, MAX_TEXT, MAX_VALUES, SAME_LIST, isFunction, isText, pieces, textOf })
})()
