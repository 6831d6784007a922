// What one file of JavaScript or TypeScript holds, read from TypeScript's syntax tree in one walk; runs in the embedded
// engine, after typescript_parser.js, early_errors.js, scripts.js and colors.js. `readSource(code, kind)`, with a key of `KINDS`,
// answers with JSON:
//
//   errors      [code, offset, sentence] of the parser; for tags that do not match also [opening offset, opened, closed]
//   early       [rule, offset, name, earlier offset or -1] of early_errors.js; null for code that does not parse
//   lint        [rule, offset, name]: what parses, though React refuses it or warns; null for code that does not parse
//   deep        offset from which on the code nests too deeply for the stack, or null; nothing beyond it was read
//   unread      'too_complex' for code that keeps the parser looking ahead for too long, 'parser_failed' for code on which
//               the compiler itself fails; nothing else is said of it
//   refused     true for a page's script that V8 does not compile, and of which `early` does not say why
//   tags        names of the elements, in the order of their opening tags
//   classes     words of the literals that stand where class names do
//   loose       the other literals in which some word has a dash or a colon
//   attributes  [name, text] and properties [name, text]: colors, as far as they are known, of an attribute, of a key
//   literals    colors that the code uses in some other way; colors.js says what counts
//   variables   [name, text]: colors that a palette in code defines
//   constants   [path, text, used]: colors in constants of the file itself, and whether one of its color places has it
//   sheets      CSS in `<style>`, in `__html` and in the templates of styled components
//   inline      CSS that a script sets as an element's style
//   markup      HTML in literals, with `HOLE` for what a script puts into it
//   imports     the modules that are imported
//
// Offsets count UTF-16 units. Nothing here recurses: nesting is limited by the parser alone.

'use strict'

globalThis.readSource = (() => {
  const { createSourceFile, forEachChild, SyntaxKind: K } = typescript
  const { takesColor, TEXTS, PALETTES } = makeColors
  const LATEST = 99
  // TypeScript's number for the language, and what early_errors.js reads the code as.
  const KINDS = {
    tsx: [4, 'file'], js: [1, 'file'], ts: [3, 'file'], script: [1, 'script'], module: [1, 'module'],
  }
  // Tokens that the parser may read for each character, looking ahead and coming back, and for a text of any length.
  // Real files take it up to .35 for each; 16 KB of `async ` take 3.7 million.
  const TOKENS_PER_CHARACTER = 5
  const MIN_TOKENS = 4_000_000
  globalThis.allowTokens = (length) => typescript.allow(MIN_TOKENS + TOKENS_PER_CHARACTER * length)

  // clsx and its kin take class names as keys of objects, too: `clsx({ flex: on })`.
  const KEYED_CALLS = new Set(['cn', 'clsx', 'cx', 'classNames', 'classnames', 'twMerge', 'twJoin'])
  // jQuery's setters of class names.
  const CLASS_SETTERS = ['addClass', 'removeClass', 'toggleClass']
  const CLASS_CALLS = new Set([...KEYED_CALLS, 'cva', 'tv', 'tw', ...CLASS_SETTERS])
  // What sets an attribute or a property by its name; what finds or names things.
  const SETTERS = new Set(['setAttribute', 'attr', 'css', 'setProperty'])
  const LOOKUPS = new Set(
    ('$ jQuery querySelector querySelectorAll getElementById getElementsByClassName getElementsByTagName closest ' +
      'matches contains hasClass addEventListener removeEventListener createElement createElementNS getContext getItem ' +
      'setItem removeItem fetch log warn error on off emit getAttribute removeAttribute hasAttribute').split(' '),
  )
  // Properties whose text is shown, or names something.
  const PLAIN_TEXT = new Set('id name type value title alt src href textContent innerText placeholder'.split(' '))
  const MARKUP = /<[a-z][a-z0-9-]*[\s>\/]/i
  const HOLE = '\ue000'
  // Style sheets that scripts write: `style.textContent = '…'`, `sheet.insertRule('…')`.
  const SHEET_TEXTS = new Set(['textContent', 'innerHTML', 'innerText'])
  const SHEET_CALLS = new Set(['insertRule', 'replaceSync', 'createTextNode'])
  const RULE = /(?:^|[\s}])[.#@*:\w][^{}<>=;()$]{0,200}\{\s*[\w-]+\s*:[^{}]*\}/
  const CSS_TAGS = new Set(['css', 'styled', 'keyframes', 'createGlobalStyle', 'injectGlobal'])
  const CLASS_NAME = /class(?:es|names?)?$/i
  const COMMENTS = /^(?:\s|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*\*\/)*/
  const MAX_ERRORS = 100
  // JSX tags that do not match: the code of TypeScript's message.
  const WRONG_CLOSING = new Set([17002, 17015])
  const NEVER_CLOSED = new Set([17008, 17014])

  const COMPARISONS = new Set([
    K.EqualsEqualsToken, K.EqualsEqualsEqualsToken, K.ExclamationEqualsToken, K.ExclamationEqualsEqualsToken,
    K.LessThanToken, K.GreaterThanToken, K.LessThanEqualsToken, K.GreaterThanEqualsToken, K.InKeyword,
  ])
  const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '))
  const RENAMED = new Set(
    ('for tabindex readonly maxlength minlength colspan rowspan autofocus autoplay autocomplete charset crossorigin ' +
      'srcset srcdoc contenteditable enctype frameborder allowfullscreen novalidate datetime usemap inputmode ' +
      'playsinline viewbox preserveaspectratio').split(' '),
  )
  const DASHED = /^(?!data-|aria-)[a-z]+-|^(?:xlink|xml|xmlns):/

  const COMPARED = { kind: 'other', text: true }
  // Around what stands in an element.
  const WITHIN = { kind: 'loose', within: true }
  // True while a page's script is read. There, ids and texts are more likely than class names kept in constants; of a
  // component, every literal is read, as Tailwind's scanner does.
  let ofPage = false

  function readSource(code, kind) {
    ofPage = kind === 'script' || kind === 'module'
    let length = code.length
    for (;;) {
      try {
        const found = ofPage ? readScript : read
        return JSON.stringify({ ...found(code.slice(0, length), kind), deep: length < code.length ? length : null })
      } catch (error) {
        if (error instanceof typescript.Exhausted) return '{"unread": "too_complex"}'
        // An assertion of the compiler's own: it fails on some texts, such as `@a export await b`.
        if (!(error instanceof RangeError)) return '{"unread": "parser_failed"}'
        length = Math.floor(length / 2)
      }
    }
  }

  // A page's script: V8 says whether it compiles, as it does in a browser.
  function readScript(code, kind) {
    const readable = kind === 'script' ? withoutHtmlComments(code) : code
    const file = parse(readable, kind)
    const parses = file.parseDiagnostics.length === 0
    const compiles = scripts.compiles(file, code, kind)
    let early = parses ? earlyErrors(file, KINDS[kind][1]) : null
    // V8 is right about a script; of a module it does not see what is imported and exported.
    if (compiles && kind === 'script') early = (early ?? []).filter(([rule]) => scripts.UNSEEN.has(rule))
    const found = walk(file, readable, 0)
    const errors = compiles && !parses && kind === 'module' ? [[0, ...found.errors[0].slice(1, 3)]] : []
    return { ...found, errors, early, refused: !compiles && !early?.length }
  }

  // Of a script that began as a comment for browsers without scripts; TypeScript knows no such comments.
  function withoutHtmlComments(code) {
    return code.includes('<!--') || code.includes('-->')
      ? code.replace(/^[ \t]*(?:<!--|-->).*$/gm, (line) => ' '.repeat(line.length))
      : code
  }

  function read(code, kind) {
    const file = parse(code, kind)
    if (file.parseDiagnostics.length === 0) return { ...walk(file, code, 0), early: earlyErrors(file, KINDS[kind][1]) }
    if (kind === 'ts') return walk(file, code, 0)
    // A model asked for a component may answer with adjacent elements and no component around them.
    const start = COMMENTS.exec(code)[0].length
    if (code[start] === '<' || code[start] === '{') {
      const wrapped = `${code.slice(0, start)}<>${code.slice(start)}\n</>`
      const fragment = parse(wrapped, kind)
      if (fragment.parseDiagnostics.length === 0) {
        const early = earlyErrors(fragment, 'file').map(([rule, at, name, first]) => [rule, at - 2, name, first - 2])
        return { ...walk(fragment, wrapped, 2), early }
      }
    }
    return walk(file, code, 0)
  }

  function parse(code, kind) {
    allowTokens(code.length)
    return createSourceFile('code.tsx', code, LATEST, false, KINDS[kind][0])
  }

  function walk(file, code, shift) {
    // React's rules are for code that parses.
    const lintable = file.parseDiagnostics.length === 0
    const colors = makeColors()
    const found = {
      lint: lintable ? [] : null, early: null, tags: [], classes: [], loose: [], attributes: [], properties: [], literals: [],
      variables: [], constants: [], sheets: [], inline: [], markup: [], imports: [], colors,
    }
    const closings = new Map()
    const openings = new Map()
    // What stands around a node: `names` where class names stand, `loose` where they may, `other` where they do not;
    // `owner` is the attribute or the key of a color place (colors.js), `text` marks what is a text or an address.
    const waiting = [[file, { kind: 'loose' }]]
    while (waiting.length > 0) {
      const [node, around] = waiting.pop()
      // Only of tags that do not match somebody asks for the other one.
      if (!lintable) {
        if (node.kind === K.JsxElement) pair(node.openingElement.tagName, node.closingElement.tagName)
        if (node.kind === K.JsxFragment) pair(node.openingFragment, node.closingFragment)
      }
      const inside = visit(node, around, found, code, shift)
      if (inside.length > 0) for (const entry of inside.reverse()) waiting.push(entry)
    }
    colors.finish(found)
    return { errors: distinct(file.parseDiagnostics).map(describe), ...found, colors: undefined }

    function pair(opening, closing) {
      closings.set(closing.pos, opening)
      openings.set(opening.pos, opening)
    }

    function describe({ code: number, start, length, messageText }) {
      const error = [number, start, messageText]
      const wrong = WRONG_CLOSING.has(number)
      if (!wrong && !NEVER_CLOSED.has(number)) return error
      const near = wrong ? closings : openings
      // A message begins at the name, a node before the blanks in front of it.
      let at = start
      while (at > 0 && !near.has(at) && /[\s<\/]/.test(code[at - 1])) at -= 1
      const opening = near.get(at)
      if (opening === undefined) return error
      const name = opening.kind === K.JsxOpeningFragment ? '' : nameOf(opening, code)
      const closed = wrong ? code.slice(start, start + length).replace(/^<\/|>$/g, '').trim() : ''
      return [...error, code.lastIndexOf('<', name === '' ? opening.end - 1 : opening.pos), name, closed]
    }
  }

  // The parser may go over a place twice, and say the same again.
  function distinct(diagnostics) {
    const found = new Map()
    for (const entry of diagnostics) {
      found.set(`${entry.start}:${entry.code}`, entry)
      if (found.size === MAX_ERRORS) break
    }
    return [...found.values()]
  }

  // The children that are to be visited, each with what is around it; what the node itself says goes into `found`.
  function visit(node, place, found, code, shift) {
    const { colors } = found
    const around = place.owner === undefined ? place : colors.use(node, place)
    switch (node.kind) {
      case K.ImportDeclaration:
        colors.importing(node)
      // falls through
      case K.ExportDeclaration:
        if (node.moduleSpecifier) found.imports.push(textOf(node.moduleSpecifier))
        return []
      case K.ExportAssignment:
        return isConfig(node.expression) ? [] : children(node, around)
      case K.InterfaceDeclaration:
      case K.TypeAliasDeclaration:
        return []
      case K.StringLiteral:
      case K.NoSubstitutionTemplateLiteral:
        colors.string(node, around, found)
        literal(node.text, around, found)
        return []
      case K.TemplateExpression:
        return template(node, around, found)
      case K.TaggedTemplateExpression:
        return tagged(node, around, found)
      case K.JsxOpeningElement:
      case K.JsxSelfClosingElement:
        found.tags.push(nameOf(node.tagName, code))
        if (found.lint) lint(node, found.lint, code, shift)
        colors.ground(node, found.tags.at(-1), !around.within)
        return children(node, WITHIN)
      case K.JsxElement:
        if (nameOf(node.openingElement.tagName, code) === 'style') {
          for (const child of node.children) if (child.expression) colors.sheets.push(child.expression)
          return [[node.openingElement, WITHIN]]
        }
        return children(node, WITHIN).map((entry) => (entry[0] === node.openingElement ? [entry[0], around] : entry))
      case K.JsxFragment:
        return children(node, around.within ? WITHIN : { kind: 'loose' })
      case K.JsxAttribute:
        return node.initializer ? [[node.initializer, attribute(nameOf(node.name, code))]] : []
      case K.PropertyAssignment:
        return property(node, around, found, code)
      case K.ShorthandPropertyAssignment:
        colors.shorthand(node)
        if (around.keyed) literal(textOf(node.name), around, found)
        return []
      case K.CallExpression:
      case K.NewExpression:
        colors.iterate(node)
        return call(node, around, found)
      case K.Block:
      case K.ArrowFunction:
      case K.FunctionExpression:
      case K.FunctionDeclaration:
      case K.MethodDeclaration:
        colors.enter(node)
        return children(node, around)
      case K.ForOfStatement:
        colors.loop(node)
        return children(node, around)
      case K.BinaryExpression:
        return binary(node, around, found)
      case K.ConditionalExpression:
        return [[node.condition, without(around)], [node.whenTrue, around], [node.whenFalse, around]]
      case K.ElementAccessExpression:
        return [[node.expression, around], [node.argumentExpression, COMPARED]]
      case K.CaseClause:
        return children(node, around).map(([child]) => [child, child === node.expression ? COMPARED : around])
      case K.ExpressionStatement:
        return node.expression.kind === K.StringLiteral ? [] : children(node, around)
      case K.VariableDeclaration:
        if (node.initializer) colors.declare(node)
      // falls through
      case K.Parameter:
      case K.BindingElement:
      case K.PropertyDeclaration: {
        const named = CLASS_NAME.test(textOf(node.name))
        const inside = named ? { kind: 'names' } : around
        return children(node, around).map(([child]) => [child, child === node.initializer ? inside : around])
      }
      default:
        return node.kind >= K.FirstTypeNode && node.kind <= K.LastTypeNode ? [] : children(node, around)
    }
  }

  function children(node, around) {
    const found = []
    forEachChild(node, (child) => {
      if (!isSilent(child.kind, around)) found.push([child, around])
    })
    return found
  }

  // Most nodes are tokens and names outside of color places, which say nothing.
  function isSilent(kind, around) {
    if (kind === K.Identifier) return around.owner === undefined
    return kind < K.Identifier && kind !== K.StringLiteral && kind !== K.NoSubstitutionTemplateLiteral
  }

  // Beside a class name, but not one itself: a condition, an argument of some other function.
  function without(around) {
    if (around.kind === 'names') return { kind: 'loose' }
    return around.owner === undefined ? around : { kind: around.kind }
  }

  function attribute(name) {
    const kind = CLASS_NAME.test(name) ? 'names' : name === 'style' ? 'other' : 'loose'
    return placeOf('attributes', name, kind)
  }

  // What stands in an attribute or under a key: a color, a text that is none, or anything.
  function placeOf(list, name, kind) {
    if (takesColor(list, name)) return { kind, owner: name, list }
    return TEXTS.has(name) ? { kind, text: true } : { kind }
  }

  function property(node, around, found, code) {
    const name = textOf(node.name)
    const inside = []
    if (node.name.kind === K.ComputedPropertyName) inside.push([node.name, { kind: around.keyed ? 'names' : 'loose' }])
    else if (around.keyed) literal(name, around, found)
    else if (around.kind === 'loose') literal(name, { kind: 'loose' }, found)
    const kind = CLASS_NAME.test(name) ? 'names' : around.keyed ? 'loose' : around.kind
    inside.push([node.initializer, placeOf('properties', name, kind)])
    if (name === '___html') found.colors.markups.push(node.initializer)
    else if (PALETTES.has(name)) found.colors.palettes.push(node.initializer)
    else if (node.initializer.properties) found.colors.serie(name, node.initializer)
    return inside
  }

  function call(node, around, found) {
    const callee = node.expression
    const args = node.arguments ?? []
    if (callee.kind === K.ImportKeyword || textOf(callee) === 'require') {
      if (isText(args[0])) found.imports.push(args[0].text)
      return []
    }
    const name = textOf(callee.name ?? callee)
    if (SHEET_CALLS.has(name) && args.length > 0 && isSheet(args[0])) {
      found.colors.sheets.push(args[0])
      return [[callee, around]]
    }
    const setter = SETTERS.has(name) && isText(args[0]) ? setting(args[0].text) : null
    if (setter !== null) return [[callee, around], ...args.slice(1).map((argument) => [argument, setter])]
    if (ofPage && LOOKUPS.has(name)) {
      const looked = (argument) => (isText(argument) ? { kind: 'other' } : without(around))
      return [[callee, around], ...args.map((argument) => [argument, looked(argument)])]
    }
    const list = textOf(callee.expression?.name) === 'classList'
    const inside = CLASS_CALLS.has(name) || list ? { kind: 'names', keyed: KEYED_CALLS.has(name) } : without(around)
    // `tv({ … })(…)`, `['a', 'b'].join(' ')`: what is called may hold class names itself.
    return [[callee, around], ...args.map((argument) => [argument, inside])]
  }

  // What `setAttribute(name, …)` and its kin set.
  function setting(name) {
    if (name === 'class') return { kind: 'names' }
    if (name === 'style') return { kind: 'other', list: 'inline' }
    return placeOf(name.includes('-') ? 'properties' : 'attributes', name, 'other')
  }

  // What is assigned to a property: class names, an element's style or one of its colors, text that is neither.
  function assigned(left, around) {
    const name = textOf(left.name ?? left)
    if (CLASS_NAME.test(name)) return { kind: 'names' }
    if (left.kind === K.PropertyAccessExpression) {
      if (name === 'style' || name === 'cssText') return { kind: 'other', list: 'inline' }
      if (textOf(left.expression.name) === 'style') return placeOf('properties', name, 'other')
      if (PLAIN_TEXT.has(name)) return { kind: ofPage ? 'other' : around.kind, text: true }
    }
    return takesColor('properties', name) ? placeOf('properties', name, around.kind) : around
  }

  // Whether a text is a style sheet; what stands in `<style>` inside of HTML is read with that.
  function isSheet(node) {
    const parts = node.kind === K.TemplateExpression ? [node.head, ...node.templateSpans.map((span) => span.literal)] : [node]
    const text = parts.map(textOf).join(' ')
    return text.includes('{') && !MARKUP.test(text) && RULE.test(text)
  }

  // A config of Tailwind says what class names mean; it uses none.
  const isConfigured = (left, right) =>
    (textOf(left.name) === 'config' && textOf(left.expression) === 'tailwind') ||
    (textOf(left.name) === 'exports' && textOf(left.expression) === 'module' && isConfig(right))

  function isConfig(node) {
    let at = node
    while ([K.SatisfiesExpression, K.AsExpression, K.ParenthesizedExpression].includes(at.kind)) at = at.expression
    if (at.kind === K.CallExpression && at.arguments.length === 1) [at] = at.arguments
    if (at.kind !== K.ObjectLiteralExpression) return false
    return at.properties.some(({ name }) => /^(?:theme|content|presets)$/.test(textOf(name)))
  }

  // `'<p class="' + name + '">'`: HTML in pieces, read as one text with holes.
  function sum(node, around, found) {
    const parts = []
    let left = node
    while (left.kind === K.BinaryExpression && left.operatorToken.kind === K.PlusToken) {
      parts.push(left.right)
      left = left.left
    }
    parts.push(left)
    parts.reverse()
    if (!parts.some((part) => isText(part) && MARKUP.test(part.text))) return parts.map((part) => [part, around])
    found.markup.push(parts.map((part) => (isText(part) ? part.text : HOLE)).join(''))
    return parts.filter((part) => !isText(part)).map((part) => [part, around])
  }

  function binary(node, around, found) {
    const operator = node.operatorToken.kind
    if (COMPARISONS.has(operator)) return [[node.left, COMPARED], [node.right, COMPARED]]
    if (operator === K.AmpersandAmpersandToken) return [[node.left, without(around)], [node.right, around]]
    if (operator === K.PlusToken) return sum(node, around, found)
    if (operator === K.EqualsToken || operator === K.PlusEqualsToken) {
      if (SHEET_TEXTS.has(textOf(node.left.name)) && isSheet(node.right)) {
        found.colors.sheets.push(node.right)
        return [[node.left, around]]
      }
      return isConfigured(node.left, node.right) ? [] : [[node.left, around], [node.right, assigned(node.left, around)]]
    }
    return [[node.left, around], [node.right, around]]
  }

  // A word that touches `${…}` is a part of one.
  function template(node, around, found) {
    const inside = []
    const pieces = [node.head, ...node.templateSpans.map((span) => span.literal)]
    if (pieces.some(({ text }) => MARKUP.test(text))) found.markup.push(pieces.map(({ text }) => text).join(HOLE))
    else if (around.list === 'inline') found.inline.push(pieces.map(({ text }) => text).join(' '))
    else {
      pieces.forEach(({ text }, index) => {
        const start = index > 0 ? wordEnd(text) : 0
        literal(text.slice(start, index < pieces.length - 1 ? wordStart(text) : text.length), around, found)
      })
    }
    for (const span of node.templateSpans) inside.push([span.expression, around])
    return inside
  }

  // Where the word that a text begins with ends, and where the word begins that it ends with.
  const wordEnd = (text) => Math.max(0, /\s|$/.exec(text).index)
  function wordStart(text) {
    let at = text.length
    while (at > 0 && !/\s/.test(text[at - 1])) at -= 1
    return at
  }

  function tagged(node, around, found) {
    let tag = node.tag
    while (tag.expression) tag = tag.expression
    if (CSS_TAGS.has(textOf(tag))) {
      found.colors.sheets.push(node.template)
      return []
    }
    return [[node.tag, around], [node.template, CLASS_CALLS.has(textOf(tag)) ? { kind: 'names' } : around]]
  }

  function literal(text, around, found) {
    if (MARKUP.test(text)) {
      found.markup.push(text)
      return
    }
    if (around.list === 'inline') found.inline.push(text)
    if (around.kind === 'other') return
    const words = text.split(/\s+/).filter((word) => word !== '')
    if (around.kind === 'names') for (const word of words) found.classes.push(word)
    else if (/[-:]/.test(text)) found.loose.push(words)
  }

  const isText = (node) => node?.kind === K.StringLiteral || node?.kind === K.NoSubstitutionTemplateLiteral

  // Of an identifier or a literal; empty for anything else.
  const textOf = (node) => node?.escapedText ?? node?.text ?? ''

  const nameOf = (node, code) => code.slice(node.pos, node.end).trim()

  function lint(node, issues, code, shift) {
    const tag = nameOf(node.tagName, code)
    // React passes attributes on to components and to custom elements as they are.
    const plainElement = /^[a-z][a-z0-9]*$/.test(tag)
    const seen = new Set()
    for (const entry of node.attributes.properties) {
      if (entry.kind !== K.JsxAttribute) continue
      const name = nameOf(entry.name, code)
      const rule = seen.has(name) ? 'duplicate_prop' : attributeRule(name, entry.initializer, plainElement)
      seen.add(name)
      if (rule) issues.push([rule, code.indexOf(name, entry.name.pos) - shift, name])
    }
    if (node.kind === K.JsxOpeningElement && VOID.has(tag)) {
      if (code.slice(node.end, node.end + 2) !== '</') issues.push(['void_children', node.tagName.pos - 1 - shift, tag])
    }
  }

  function attributeRule(name, value, plainElement) {
    const text = value?.kind === K.JsxExpression ? value.expression : value
    if (value?.kind === K.JsxExpression && !text) return 'empty_expression'
    if (!plainElement) return null
    const string = text?.kind === K.StringLiteral || text?.kind === K.NoSubstitutionTemplateLiteral
    if (name === 'class') return 'class_attribute'
    if (name === 'style' && string) return 'style_string'
    if (/^on[a-z]+$/.test(name)) return 'event_name'
    if (/^on[A-Z]/.test(name) && string) return 'event_string'
    return RENAMED.has(name) || DASHED.test(name) ? 'attribute_name' : null
  }

  globalThis.compileScript = (code, kind) => scripts.compile(kind === 'module' ? parse(code, kind) : null, code, kind)
  globalThis.refusedHandlers = scripts.refusedHandlers

  return readSource
})()
