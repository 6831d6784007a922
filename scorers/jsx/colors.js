// Which colors the code of one file uses, where they do not stand at their place: constants, objects, arrays, what a
// callback gets of them, templates. Runs in the embedded engine, before reader.js, whose walk hands it the nodes.
// What names stand for, names.js says.
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
  const { SyntaxKind: K } = typescript
  const { MAX_HOPS, MAX_STEPS, MAX_TEXT, MAX_VALUES, SAME_LIST, isFunction, isText, pieces, textOf } = Names
  const MAX_SHEET = 600_000
  const MAX_NODES = 5000

  const ATTRIBUTES = new Set('fill stroke bg c colorScheme colorPalette background bgcolor bgGradient gradientFrom gradientVia gradientTo'.split(' '))
  const PROPERTY = new RegExp(
    '^(?:.*color|background(?:-?image)?|bg|fill|stroke|border(?:-?(?:top|right|bottom|left|block|inline|[xytrbl])' +
      '(?:-?(?:start|end))?)?|border-?image(?:-?source)?|outline|(?:box|text)-?shadow|(?:backdrop-?)?filter' +
      '|text-?decoration|column-?rule|mask(?:-?image)?|text-?emphasis|(?:fill|stroke)-?style)$',
    'i',
  )
  // Chakra's and Radix's: the name of a family, which is not CSS's color of that name (its `purple` is a pink).
  const FAMILIES = new Set(['colorScheme', 'colorPalette', 'accentColor'])
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
  const WORD = /^[a-z]{3,20}$/i
  const PALETTES = new Set(['palette', 'colors'])
  const THEMED = /^(?:theme|palette|colors?|tokens)$/i
  // As in contents.py.
  const SCREEN = /(?:^|\s)(?:(?:min-)?h-(?:screen|dvh|svh|lvh|\[100[dsl]?vh\])|inset-0|size-screen)(?:\s|$)/
  const DARK_SWITCH = /^data-(?:[\w-]+-)?(?:theme|mode|scheme)$/
  // How providers of themes are told what a page comes up with: `<ThemeProvider defaultTheme="dark">`.
  const PROVIDED = new Set(['defaultTheme', 'forcedTheme', 'defaultColorScheme', 'forceColorScheme', 'defaultMode'])
  const MAIN = new Set(['main', 'DEFAULT', 'default'])

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

  class Colors extends Names {
    constructor() {
      super()
      this.uses = []
      this.names = [] // entries of the answer that may be names of a palette
      this.sheets = []
      this.markups = []
      this.palettes = []
      this.series = []
      this.placed = new Set() // literals in a color place
      this.free = [] // other literals that are colors
      this.used = new Set()
      this.palette = new Map()
      this.grounds = []
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
        const family = around.list === 'attributes' && FAMILIES.has(around.owner) && /^[a-z]+$/i.test(text)
        const entry = [around.owner, family ? `${text}.500` : text]
        if (/^[a-z]\w*(?:\.\w+)*$/i.test(text)) this.names.push(entry)
        found[around.list].push(entry)
      } else if (!around.text && text.length > 3 && WHOLE.test(text)) this.free.push(node)
    }

    shorthand(node) {
      const name = textOf(node.name)
      if (takesColor('properties', name)) this.uses.push(['properties', name, node.name])
    }

    // `{ desktop: { label: 'Desktop', color: '…' } }`: shadcn's charts name this color `var(--color-desktop)`.
    serie(name, node) {
      const parts = node.properties ?? []
      if (parts.length > 6 || !/^[\w-]+$/.test(name)) return
      const color = parts.find((part) => textOf(part.name) === 'color')?.initializer
      if (color && parts.some((part) => textOf(part.name) === 'label')) this.series.push([name, color])
    }

    // An element that may be the page's background.
    ground(node, tag, outermost) {
      if (this.grounds.length >= MAX_VALUES) return
      const drawn = /^(?:[a-z]|motion\.)/.test(tag)
      if (!drawn && !/Provider$/.test(tag)) return
      let classes = ''
      let style
      let id = ''
      let dark = false
      for (const entry of node.attributes.properties) {
        const name = textOf(entry.name)
        if (name === 'className' || name === 'class') classes = plainWords(entry.initializer)
        else if (name === 'style') style = entry.initializer?.expression ?? entry.initializer
        else if (name === 'id') id = plainWords(entry.initializer)
        else if (drawn ? DARK_SWITCH.test(name) : PROVIDED.has(name)) dark = plainWords(entry.initializer) === 'dark'
      }
      if (dark) classes += ' dark'
      if (!drawn) {
        if (dark) this.grounds.push(['html', 'dark', undefined, false, ''])
        return
      }
      const screen = SCREEN.test(classes)
      if (!outermost && !screen && tag !== 'body') return
      this.grounds.push([tag.replace('motion.', ''), classes, style, outermost, id])
    }

    // Whether all of a text was counted where it stands.
    counted({ nodes }) {
      return nodes.every((node) => this.placed.has(node))
    }

    // -------------------------------------------------------------------------------- what it comes to

    finish(found) {
      for (const palette of this.palettes) this.flatten(palette, found)
      for (const [name, node] of this.series) {
        const [value] = this.values(node)
        if (value && found.variables.length < MAX_STEPS) found.variables.push([`--color-${name}`, value.text])
      }
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
      // HTML in literals is read wherever it stands; what is set as `__html` and is none is CSS.
      for (const node of this.markups) {
        for (const { text } of this.values(node, MAX_SHEET)) if (!text.includes('<')) found.sheets.push(text)
      }
      found.grounds = this.grounds.map(([tag, classes, style, ...rest]) => [tag, classes, this.css(style), ...rest])
      const kept = this.constants(found)
      for (const node of this.free) if (!this.used.has(node) && !kept.has(node)) found.literals.push(node.text)
    }

    // The colors in constants of the file itself, which others may import: `COLORS.primary`, `COLORS.0`. What stands in a
    // color place was counted there, so that others find nothing under its name. A word may be the name of a color.
    constants(found) {
      const colors = new Set(this.free)
      const kept = new Set()
      const waiting = []
      for (const [name, [entry]] of this.declared) {
        if (entry.end === Infinity && entry.init) waiting.push([name, entry.init])
      }
      waiting.reverse()
      for (let seen = 0; waiting.length > 0 && seen < MAX_STEPS; seen += 1) {
        const [path, node] = waiting.pop()
        const inner = node.kind === K.AsExpression || node.kind === K.SatisfiesExpression ? node.expression : node
        if (colors.has(inner)) {
          kept.add(inner)
          found.constants.push([path, inner.text, this.used.has(inner)])
        } else if (this.placed.has(inner)) found.constants.push([path, '', true])
        else if (isText(inner) && WORD.test(inner.text)) found.constants.push([path, inner.text, true])
        const parts = inner.kind === K.ObjectLiteralExpression ? inner.properties : (inner.elements ?? [])
        for (const [index, part] of parts.slice(0, MAX_STEPS).entries()) {
          const value = inner.elements ? part : part.initializer
          if (value) waiting.push([`${path}.${inner.elements ? index : textOf(part.name)}`, value])
        }
      }
      return kept
    }

    // The backgrounds of a style object as CSS.
    css(style) {
      if (style === undefined) return ''
      const found = []
      this.begin(MAX_TEXT)
      for (const whole of this.meanings(style, 0)) {
        if (isText(whole)) found.push(whole.text.slice(0, MAX_TEXT))
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

    // What `theme.colors.brand` is in a palette of this file, else the variable that would hold it; the variable that
    // stands for `COLORS.primary` of another file.
    themed(node) {
      const elsewhere = this.importedPath(node)
      if (elsewhere) return `var(--js-${elsewhere})`
      const own = this.ownTheme(node)
      if (own) return own
      const path = themePath(node)
      return path && (this.paletteText(path) ?? `var(--color-${path})`)
    }

    // `${(p) => p.theme.primary}`, where the file itself has `const theme = { primary: … }`.
    ownTheme(node) {
      const names = pathOf(node)
      const at = names.lastIndexOf('theme')
      if (at < 0) return ''
      let found = this.ofName('theme', node.pos, 1)
      for (const key of names.slice(at + 1)) found = found.flatMap((whole) => this.memberOf(whole, key, 2))
      const literal = found.find(isText)
      if (literal === undefined) return ''
      this.used.add(literal)
      return literal.text
    }

    importedPath(node, hops = 0) {
      const [root, ...path] = pathOf(node)
      if (root === undefined || hops > MAX_HOPS) return ''
      const known = this.declared.has(root) ? this.pathOfItem(root, node.pos, hops) : this.imported.get(root)
      if (known === undefined) return ''
      const whole = known === '' ? path : [known, ...path]
      const end = whole.findIndex((part) => !/^[\w-]+$/.test(part))
      return whole.slice(0, end < 0 ? whole.length : end).join('-')
    }

    // What a callback gets of an imported list: `COLORS.map((color) => …)`, `items.map(({ color }) => …)`.
    pathOfItem(name, at, hops) {
      const { of, key, each } = this.lookup(name, at) ?? {}
      if (of === undefined) return undefined
      const callee = of.kind === K.CallExpression ? of.expression : undefined
      const list = SAME_LIST.has(textOf(callee?.name)) ? callee.expression : of
      const path = this.importedPath(list, hops + 1)
      const part = key ?? each
      if (path === '') return undefined
      return part === undefined ? path : `${path}-${part}`
    }

    paletteText(name) {
      const value = this.palette.get(name.replace(/\./g, '-'))
      if (value === undefined) return undefined
      for (const literal of value.nodes) this.used.add(literal)
      return value.text
    }
  }

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
    const names = pathOf(node)
    const last = names.findLastIndex((name) => THEMED.test(name))
    const rest = names.slice(last + 1).filter((name) => /^[\w-]+$/.test(name))
    return last >= 0 && rest.length > 0 ? rest.join('-') : ''
  }

  // `theme`, `palette`, … of what an expression takes its color from; a key that only running would tell is empty.
  function pathOf(node) {
    if (isFunction(node) && node.body && node.body.kind !== K.Block) return pathOf(node.body)
    if (node.kind === K.CallExpression) return node.arguments[0] ? pathOf(node.arguments[0]) : []
    const path = []
    for (let hops = 0; node && hops < MAX_HOPS; hops += 1) {
      if (node.kind === K.PropertyAccessExpression) path.unshift(textOf(node.name))
      else if (node.kind === K.ElementAccessExpression) {
        const key = node.argumentExpression
        path.unshift(key && (isText(key) || key.kind === K.NumericLiteral) ? key.text : '')
      } else break
      node = node.expression
    }
    return node?.kind === K.Identifier ? [textOf(node), ...path] : []
  }

  const makeColors = () => new Colors()
  Object.assign(makeColors, { takesColor, TEXTS, PALETTES })
  return makeColors
})()
