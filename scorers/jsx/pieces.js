// Whether pieces of code parse, such as the expressions of a template; runs in the embedded engine, after
// reader.js. `checkPieces(pieces)` takes `[shape, code, typed]` for each piece and answers with JSON: for each
// piece null, or the first reason why it does not parse, `[code, offset, sentence]`. The answer is null for pieces that
// keep the parser looking ahead for too long.
//
// A shape says between what the piece is read, and what the whole has to be, so that `a) + (b` is no expression.
// `typed` false refuses what only TypeScript knows. Offsets count UTF-16 units.

'use strict'

globalThis.checkPieces = (() => {
  const { createSourceFile, forEachChild, SyntaxKind: K } = typescript
  const LATEST = 99
  const TS = 3
  const TSX = 4
  // A comment at the end of a piece ends with its line.
  const SHAPES = {
    expression: { before: '(', after: '\n)', kind: K.ParenthesizedExpression, script: TS },
    parameters: { before: '(', after: '\n) => {}', kind: K.ArrowFunction, script: TS },
    generic: { before: '', after: '\n => {}', kind: K.ArrowFunction, script: TS },
    constant: { before: 'const ', after: '\n', kind: K.VariableStatement, script: TS },
    module: { before: '', after: '', kind: null, script: TS },
    jsxModule: { before: '', after: '', kind: null, script: TSX },
  }
  const NOT_ALL = 'an operator is missing: the expression is over before this'
  const CLOSES = "')' expected."
  const TOO_DEEP = [-1, 0, 'the code nests too deeply']
  const TYPED = 'this is TypeScript, and the script is JavaScript'
  const TYPED_STATEMENTS = new Set([
    K.InterfaceDeclaration, K.TypeAliasDeclaration, K.EnumDeclaration, K.ModuleDeclaration, K.AsExpression,
    K.SatisfiesExpression, K.NonNullExpression, K.TypeParameter, K.ImportEqualsDeclaration, K.ExportAssignment,
  ])
  const TYPED_KEYWORDS = new Set([
    K.AnyKeyword, K.UnknownKeyword, K.NeverKeyword, K.StringKeyword, K.NumberKeyword, K.BooleanKeyword, K.SymbolKeyword,
    K.ObjectKeyword, K.BigIntKeyword, K.UndefinedKeyword, K.VoidKeyword, K.PublicKeyword, K.PrivateKeyword,
    K.ProtectedKeyword, K.ReadonlyKeyword, K.AbstractKeyword, K.DeclareKeyword, K.OverrideKeyword,
  ])

  function checkPieces(pieces) {
    const length = pieces.reduce((sum, [, code]) => sum + code.length, 0)
    allowTokens(length)
    try {
      return JSON.stringify(pieces.map(([shape, code, typed]) => check(SHAPES[shape], code, typed)))
    } catch (error) {
      if (error instanceof typescript.Exhausted) return 'null'
      throw error
    }
  }

  function check(shape, code, typed) {
    try {
      const file = createSourceFile('code.tsx', shape.before + code + shape.after, LATEST, false, shape.script)
      return reason(file, shape, code.length, typed)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return TOO_DEEP
    }
  }

  function reason(file, shape, length, typed) {
    const [first] = file.parseDiagnostics
    const place = (at) => Math.min(Math.max(at - shape.before.length, 0), length)
    // The parenthesis is ours.
    const ours = first?.messageText === CLOSES && shape.kind === K.ParenthesizedExpression && place(first.start) < length
    if (ours) return [first.code, place(first.start), NOT_ALL]
    if (first) return [first.code, place(first.start), first.messageText]
    if (shape.kind !== null && !isWhole(file, shape.kind)) return [1128, length, NOT_ALL]
    const foreign = typed ? null : onlyTyped(file)
    return foreign === null ? null : [8010, place(foreign), TYPED]
  }

  function isWhole(file, kind) {
    if (file.statements.length !== 1) return false
    const [statement] = file.statements
    return statement.kind === kind || statement.expression?.kind === kind
  }

  // Where the first thing stands that JavaScript does not know, or null.
  function onlyTyped(file) {
    const waiting = [file]
    while (waiting.length > 0) {
      const node = waiting.pop()
      if (isTyped(node)) return startOf(node, file)
      const inside = []
      forEachChild(node, (child) => void inside.push(child))
      while (inside.length > 0) waiting.push(inside.pop())
    }
    return null
  }

  function isTyped(node) {
    if (TYPED_STATEMENTS.has(node.kind)) return node.kind !== K.ExportAssignment || node.isExportEquals === true
    // `extends Base` is a node of types, too.
    if (node.kind === K.ExpressionWithTypeArguments) return node.typeArguments !== undefined
    if (node.kind >= K.FirstTypeNode && node.kind <= K.LastTypeNode) return true
    if (TYPED_KEYWORDS.has(node.kind)) return true
    if (node.isTypeOnly === true || node.exclamationToken !== undefined) return true
    return node.kind === K.Parameter && node.questionToken !== undefined
  }

  function startOf(node, file) {
    let at = node.pos
    while (at < node.end && /\s/.test(file.text[at])) at += 1
    return at
  }

  return checkPieces
})()
