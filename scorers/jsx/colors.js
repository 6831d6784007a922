// Which colors the code of one file uses, where they do not stand at their place: constants, objects, arrays, what a
// callback gets of them, templates. Runs in the embedded engine, before reader.js, whose walk hands it the nodes.
// Nothing of the code is executed: names are followed to where they are declared, over at most MAX_HOPS steps.
//
// A color place is an attribute (`fill`) or a key (`color`, `background`) that takes a color. What counts:
//   - a literal in a color place counts where it stands, once;
//   - an expression there (`BRAND`, `C.primary`, `dark ? a : b`) counts once for each literal that it stands for; one
//     with an index or a key that only running would tell (`COLORS[i]`) for each that it may be. A literal that stands
//     in a color place itself was counted there (`{ color: '#f00' }`), and is not counted again;
//   - a literal that is a color by its whole form (hex of six digits, `rgb(…)`, a gradient) and that no color place
//     leads to counts once where it stands: code passes colors on in more ways than anyone can follow (props, state,
//     canvas, the options of charts). Names (`red`, `tan`) and short hex that may be words (`#add`) do not.

'use strict'

globalThis.makeColors = (() => {
  const { forEachChild, SyntaxKind: K } = typescript
  const MAX_HOPS = 12
  const MAX_STEPS = 2000
  const MAX_ALL_STEPS = 2_000_000
  const MAX_VALUES = 64
  const MAX_TEXT = 2000
  const MAX_SHEET = 600_000
  const MAX_NODES = 5000

  const ATTRIBUTES = new Set('fill stroke bg c colorScheme colorPalette background bgcolor'.split(' '))
  const PROPERTY = new RegExp(
    '^(?:.*color|background(?:-?image)?|bg|fill|stroke|border(?:-?(?:top|right|bottom|left|block|inline|[xytrbl])' +
      '(?:-?(?:start|end))?)?|border-?image(?:-?source)?|outline|(?:box|text)-?shadow|(?:backdrop-?)?filter' +
      '|text-?decoration|column-?rule|mask(?:-?image)?|text-?emphasis|(?:fill|stroke)-?style)$',
    'i',
  )
  const COLOR_NAMED = /color$/i
  // What stands in these is text or an address, whatever it looks like.
  const TEXTS = new Set(
    ('href to url path link src id key title label text description alt placeholder htmlFor xlinkHref content name ' +
      'aria-label mask clipPath').split(' '),
  )
  const WHOLE = new RegExp(
    '^(?:#(?:[\\da-f]{8}|[\\da-f]{6}|([\\da-f])\\1\\1|(?=[a-f]*\\d)[\\da-f]{3})' +
      '|(?:rgb|hsl)a?\\([^()]*\\)|(?:hwb|lab|lch|oklab|oklch)\\([^()]*\\)' +
      '|(?:repeating-)?(?:linear|radial|conic)-gradient\\(.*\\))$',
    'is',
  )
  const SAME_LIST = new Set(['filter', 'slice', 'sort', 'reverse', 'concat', 'flat', 'toSorted', 'toReversed', 'with'])
  const ONE_OF_LIST = new Set(['find', 'at', 'pop', 'shift', 'get', 'findLast'])
  const CALLBACKS = new Set(['map', 'forEach', 'flatMap', 'filter', 'find', 'some', 'every'])
  const HOLDERS = new Set(['useState', 'useRef', 'useMemo', 'useCallback', 'createContext', 'memo', 'freeze', 'signal', 'ref'])
  const PALETTES = new Set(['palette', 'colors'])
  const THEMED = /^(?:theme|palette|colors?|tokens)$/i
  const SCREEN = /(?:^|\s)(?:(?:min-)?h-(?:screen|dvh|svh|lvh|\[100[dsl]?vh\])|inset-0)(?:\s|$)/
  const MAIN = new Set(['main', 'DEFAULT', 'default'])

  // Of an identifier or a literal; empty for anything else.
  const textOf = (node) => node?.escapedText ?? node?.text ?? ''
  const isText = (node) => node.kind === K.StringLiteral || node.kind === K.NoSubstitutionTemplateLiteral

  const places = new Map()

  // Whether an attribute or a key takes a color; `--x` is a definition that stands beside them.
  function takesColor(list, name) {
    const known = `${list} ${name}`
    let taken = places.get(known)
    if (taken === undefined) {
      if (list === 'attributes') taken = ATTRIBUTES.has(name) || COLOR_NAMED.test(name)
      else taken = name.startsWith('--') || PROPERTY.test(name)
      if (places.size < MAX_NODES) places.set(known, taken)
    }
    return taken
  }

  class Colors {
    constructor() {
      this.declared = new Map() // name → { at, end, … }, in text order: where it is declared, and what it stands for
      this.bound = new Set() // parameters that are declared already
      this.scopes = [] // ends of the blocks around
      this.uses = []
      this.names = [] // entries of the answer that may be names of a palette
      this.sheets = []
      this.markups = []
      this.palettes = []
      this.placed = new Set() // literals in a color place
      this.free = [] // other literals that are colors
      this.used = new Set()
      this.members = new Map()
      this.returned = new Map()
      this.palette = new Map()
      this.grounds = []
      this.steps = 0
      this.all = 0
      this.longest = MAX_TEXT
    }

    // None of this is part of the answer.
    toJSON() {
      return undefined
    }

    // -------------------------------------------------------------------------------- what the walk hands over

    // A node in a color place; answers with what is around its children, which are no longer in that place.
    use(node, around) {
      switch (node.kind) {
        case K.Identifier:
        case K.PropertyAccessExpression:
        case K.ElementAccessExpression:
        case K.CallExpression:
        case K.TemplateExpression:
          break
        case K.BinaryExpression:
          if (node.operatorToken.kind === K.PlusToken) break
          return around
        default:
          return around
      }
      this.uses.push([around.list, around.owner, node])
      return { kind: around.kind }
    }

    string(node, around, found) {
      const { text } = node
      if (text.length > MAX_TEXT) return
      if (around.owner !== undefined) {
        this.placed.add(node)
        const entry = [around.owner, text]
        if (/^[a-z]\w*(?:\.\w+)*$/i.test(text)) this.names.push(entry)
        found[around.list].push(entry)
      } else if (around.kind !== 'other' && !around.text && text.length > 3 && WHOLE.test(text)) this.free.push(node)
    }

    shorthand(node) {
      const name = textOf(node.name)
      if (takesColor('properties', name)) this.uses.push(['properties', name, node.name])
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

    // An element that may be the page's background.
    ground(node, tag, outermost) {
      if (this.grounds.length >= MAX_VALUES || !/^(?:[a-z]|motion\.)/.test(tag)) return
      let classes = ''
      let style
      for (const entry of node.attributes.properties) {
        const name = textOf(entry.name)
        if (name === 'className' || name === 'class') classes = plainWords(entry.initializer)
        else if (name === 'style') style = entry.initializer?.expression
      }
      const screen = SCREEN.test(classes)
      if (!outermost && !screen && tag !== 'body') return
      this.grounds.push([tag.replace('motion.', ''), classes, style, outermost])
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

    // Whether all of a text was counted where it stands.
    counted({ nodes }) {
      return nodes.every((node) => this.placed.has(node))
    }

    // -------------------------------------------------------------------------------- what it comes to

    finish(found) {
      for (const palette of this.palettes) this.flatten(palette, found)
      for (const entry of this.names) entry[1] = this.paletteText(entry[1]) ?? entry[1]
      for (const [list, owner, node] of this.uses) {
        if (found[list].length > MAX_NODES * 4) break
        const values = this.values(node)
        for (const value of values) {
          if (!this.counted(value)) found[list].push([owner, value.text])
          for (const literal of value.nodes) this.used.add(literal)
        }
        const elsewhere = values.length > 0 ? '' : this.themed(node)
        if (elsewhere) found[list].push([owner, elsewhere])
      }
      found.sheets = this.sheets.map((node) => this.text(node))
      found.markup = this.markups.flatMap((node) => this.values(node, MAX_SHEET).map(({ text }) => text))
      found.grounds = this.grounds.map(([tag, classes, style, outermost]) => [tag, classes, this.css(style), outermost])
      for (const node of this.free) if (!this.used.has(node)) found.literals.push(node.text)
    }

    // The backgrounds of a style object as CSS.
    css(style) {
      if (style === undefined) return ''
      const found = []
      this.begin(MAX_TEXT)
      for (const whole of this.meanings(style, 0)) {
        if (whole.kind !== K.ObjectLiteralExpression) continue
        for (const [name, entry] of this.membersOf(whole).own) {
          if (!name.startsWith('background')) continue
          const texts = this.texts(entry.initializer ?? entry.name, 1).map(({ text }) => text)
          if (texts.length > 0) found.push(`background: ${texts.join(' ')}`)
        }
      }
      return found.join('; ')
    }

    text(node) {
      const values = this.values(node, MAX_SHEET)
      for (const value of values) for (const literal of value.nodes) this.used.add(literal)
      return values.map(({ text }) => text).join('\n')
    }

    // `palette: { primary: { main: '#1976d2' } }` defines what `color="primary.main"` means.
    flatten(palette, found) {
      const waiting = [[palette, '']]
      for (let seen = 0; waiting.length > 0 && seen < MAX_STEPS; seen += 1) {
        const [node, path] = waiting.pop()
        for (const entry of (node.properties ?? []).slice(0, MAX_STEPS)) {
          const name = `${path}${textOf(entry.name)}`
          const { initializer } = entry
          if (initializer?.properties) waiting.push([initializer, `${name}-`])
          else if (initializer) this.define(name, path, this.values(initializer)[0], found)
        }
      }
    }

    define(name, path, value, found) {
      if (value === undefined || this.palette.size > MAX_STEPS) return
      const names = MAIN.has(name.slice(path.length)) ? [name, path.slice(0, -1)] : [name]
      for (const each of names) {
        if (this.palette.has(each)) continue
        this.palette.set(each, value)
        found.variables.push([`--color-${each}`, value.text])
      }
    }

    // What `theme.colors.brand` is in a palette of this file, else the variable that would hold it.
    themed(node) {
      const path = themePath(node)
      return path && (this.paletteText(path) ?? `var(--color-${path})`)
    }

    paletteText(name) {
      const value = this.palette.get(name.replace(/\./g, '-'))
      if (value === undefined) return undefined
      for (const literal of value.nodes) this.used.add(literal)
      return value.text
    }
  }

  const isFunction = (node) => node.kind === K.ArrowFunction || node.kind === K.FunctionExpression || node.kind === K.FunctionDeclaration

  const pieces = (template) => [
    template.head.text,
    ...template.templateSpans.flatMap((span) => [span.expression, span.literal.text]),
  ]

  // The words of an attribute, as far as they stand in it.
  function plainWords(node) {
    const found = []
    const waiting = node ? [node] : []
    for (let seen = 0; waiting.length > 0 && seen < MAX_VALUES; seen += 1) {
      const part = waiting.pop()
      if (isText(part)) found.push(part.text)
      else if (part.kind === K.TemplateExpression) found.push(pieces(part).filter((p) => typeof p === 'string').join(' '))
      else if (part.kind === K.JsxExpression && part.expression) waiting.push(part.expression)
      else if (part.kind === K.CallExpression) waiting.push(...part.arguments)
      else if (part.kind === K.BinaryExpression && part.operatorToken.kind === K.PlusToken) waiting.push(part.left, part.right)
    }
    return found.join(' ').slice(0, MAX_TEXT)
  }

  // `primary-main` of `theme.palette.primary.main`; empty for what leads to no theme.
  function themePath(node) {
    if (isFunction(node) && node.body && node.body.kind !== K.Block) return themePath(node.body)
    if (node.kind === K.CallExpression) return node.arguments[0] ? themePath(node.arguments[0]) : ''
    const path = []
    for (let hops = 0; node && hops < MAX_HOPS; hops += 1) {
      if (node.kind === K.PropertyAccessExpression) path.unshift(textOf(node.name))
      else if (node.kind === K.ElementAccessExpression) path.unshift(textOf(node.argumentExpression))
      else break
      node = node.expression
    }
    if (node?.kind !== K.Identifier || path.length === 0) return ''
    const names = [textOf(node), ...path]
    const last = names.findLastIndex((name) => THEMED.test(name))
    const rest = names.slice(last + 1).filter((name) => /^[\w-]+$/.test(name))
    return last >= 0 && rest.length > 0 ? rest.join('-') : ''
  }

  const makeColors = () => new Colors()
  Object.assign(makeColors, { takesColor, TEXTS, PALETTES })
  return makeColors
})()
