"""Small modules around every early error, and their legal neighbors; which is which the references say."""

SNIPPETS = tuple(
    r"""
let a = 1; let a = 2
const a = 1; var a = 2
var a = 1; var a = 2
var a = 1; let a = 2
let a; function a() {}
function a() {} function a() {}
var a; function a() {}
class A {} class A {}
class A {} const A = 1
class A {} function A() {}
import a from 'x'; const a = 1
import { a } from 'x'; function a() {}
import { a } from 'x'; class a {}
import a from 'x'; import a from 'y'
import { a, a } from 'x'
import { a as b, c as b } from 'x'
import * as a from 'x'; import { a } from 'y'
import a from 'x'; var a
import a from 'x'; interface a {}
import type a from 'x'; const a = 1
import { type a } from 'x'; const a = 1
import a from 'x'; type a = string
import a from 'x'; enum a {}
import a from 'x'; namespace a { export const b = 1 }
import a from 'x'; function f(a) {}
function f(a, a) {}
function f(a, [a]) {}
(a, a) => 1
(a, { a }) => 1
function f(a) { let a }
function f(a) { var a }
function f(a) { const a = 1 }
function f(a) { function a() {} }
function f(a) { { let a } }
function f(a) { class a {} }
const f = (a) => { let a }
const f = (a) => { { let a } }
const f = ({ a }) => { const a = 1 }
class C { m(a) { let a } }
class C { m(a, a) {} }
class C { constructor(private a: string, a: string) {} }
try {} catch (e) { let e }
try {} catch (e) { var e }
try {} catch ([e]) { var e }
try {} catch ({ e }) { var e }
try {} catch (e) { { let e } }
try {} catch (e) { function e() {} }
try {} catch ([e, e]) {}
try {} catch (e) { for (var e of []) {} }
try {} catch { let e }
for (let i = 0, i = 1;;) {}
for (let i of []) { let i }
for (let i of []) { var i }
for (const i in {}) { var i }
for (let i = 0;;) { { var i } }
for (let [i, i] of []) {}
for (var i, i;;) {}
switch (1) { case 1: let a; case 2: let a }
switch (1) { case 1: { let a } case 2: { let a } }
switch (1) { case 1: let a; default: var a }
{ let a; { var a } }
{ var a; let a }
{ function a() {} function a() {} }
{ function a() {} let a }
{ function a() {} var a }
{ { var a } let a }
let a; { var a }
let a; { function a() {} }
let a; if (1) { for (;;) { var a } }
let a; function f() { var a }
const { a, a } = {}
const { a: b, c: b } = {}
const [a, a] = []
let { a = 1, ...a } = {}
let let_ = 1; let x = let_
let let = 1
const a
let a
for (const a;;) {}
for (const a of []) {}
for (const a in {}) {}
for (const a = 1;;) break
declare const a: number
declare const a: number; declare const a: string
declare function f(): void; declare function f(): void
declare module 'x' { const a: number; export default a }
declare global { interface Window { a: number } }
export declare const a: number
const { a }
let [a]
const a: number
export const a
function f(): void; function f(a?: string): void {}
export function f(): void; export function f(a?: string): void {}
export default function f(): void; export default function f(a?: string): void {}
function f(): void
interface A {} interface A {}
interface A {} class A {}
interface A {} const A = 1
interface A {} function A() {}
type A = 1; const A = 1
type A = 1; type A = 2
type A = 1; interface A {}
type A = 1; class A {}
type A = 1; function A() {}
enum A {} enum A {}
enum A {} const A = 1
enum A {} class A {}
enum A {} function A() {}
const enum A { x } const enum A { y }
namespace A { export const a = 1 } namespace A { export const b = 1 }
namespace A { export const a = 1 } class A {}
class A {} namespace A { export const a = 1 }
function A() {} namespace A { export const a = 1 }
enum A {} namespace A { export const a = 1 }
const A = 1; namespace A { export const a = 1 }
const A = 1; namespace A { export type a = 1 }
let A = 1; namespace A { let a; let a }
namespace A { let a } namespace A { let a }
export { a }
const a = 1; export { a }
const a = 1; export { a as b }
const a = 1; export { a, a }
const a = 1, b = 1; export { a as c, b as c }
export const a = 1; export { a }
export const a = 1; const b = 1; export { b as a }
export { a } from 'x'
export { a } from 'x'; export { a } from 'y'
export * from 'x'; export * from 'y'
export * as a from 'x'; export const a = 1
export default 1; export default 2
export default function f() {} export default 1
export default function f() {} export { f as default }
export default class A {} export default class B {}
export default interface A {} export default function A() {}
interface A {} export { A }
type A = 1; export { A }
import type { A } from 'x'; export { A }
import { A } from 'x'; export { A }
export type { A }
export { type A }
export { window }
export { undefined }
export { a as default }
function f() {} export { f, f as default }
var a; export { a }; export { a as a }
enum A {} export { A }
namespace A { export const a = 1 } export { A }
declare const a: number; export { a }
{ let a } export { a }
{ var a } export { a }
{ function a() {} } export { a }
export function f() {} export function f() {}
export const a = 1; export const a = 2
export class A {} export interface A {}
export namespace A { export const a = 1 } export class A {}
return 1
if (1) { return }
{ return }
function f() { return 1 }
() => { return 1 }
class C { static { return } }
class C { m() { return 1 } get a() { return 1 } }
namespace A { return 1 }
await 1
function f() { await 1 }
() => await 1
() => { await 1 }
async () => { await 1 }
async () => { () => { await 1 } }
async () => { [1].forEach((x) => await x) }
async function f() { function g() { await 1 } }
function f() { for await (const a of b) {} }
for await (const a of b) {}
async function f(a = await 1) {}
async (a = await 1) => {}
class C { a = await 1 }
class C { static { await 1 } }
class C { async m() { await 1 } m2() { await 1 } }
class C extends (await x) {}
const await = 1
function await() {}
function f(await) {}
function f() { yield 1 }
function* g() { yield 1 }
function* g() { function f() { yield 1 } }
function* g() { () => { yield 1 } }
function* g() { () => yield }
const yield = 1
function* g(a = yield 1) {}
break
continue
if (1) break
for (;;) { break }
for (;;) { continue }
for (;;) { () => { break } }
for (;;) { function f() { continue } }
switch (1) { case 1: break }
switch (1) { case 1: continue }
[1].forEach((x) => { if (x) continue })
[1].forEach((x) => { if (x) break })
[1].map((x) => { return x })
a: break a
a: { break a }
a: { continue a }
a: for (;;) { continue a }
a: for (;;) { break b }
a: for (;;) { continue b }
a: a: for (;;) {}
a: { a: for (;;) {} }
a: {} a: {}
a: { () => { break a } }
a: { () => { a: for (;;) break a } }
a: b: for (;;) { continue a }
a: switch (1) { case 1: continue a }
while (1) { switch (1) { case 1: continue } }
do break; while (1)
class C { static { break } }
for (;;) { class C { static { break } } }
super.a
super()
function f() { super.a }
function f() { super() }
class C { m() { super.a() } }
class C { m() { super() } }
class C { constructor() { super() } }
class C extends B { constructor() { super() } }
class C extends B { constructor() { () => super() } }
class C extends B { constructor() { function f() { super() } } }
class C extends B { m() { super() } }
class C extends B { a = super.b }
class C extends B { a = super() }
class C extends B { static { super.a } }
class C extends B { static { super() } }
class C extends B { constructor() { const f = () => { super.m(); }; super() } }
const o = { m() { super.a } }
const o = { m() { super() } }
const o = { m: function () { super.a } }
const o = { m: () => super.a }
class C extends B { m() { function f() { super.a } } }
class C extends B { [super.a]() {} }
class C extends B { m(a = super.b) {} }
new.target
function f() { new.target }
() => new.target
function f() { () => new.target }
class C { a = new.target }
class C { static { new.target } }
const o = { m() { new.target } }
1 = 2
a() = 1
a + b = 1
a++ = 1
this = 1
() => 1 = 2
a?.b = 1
a?.b++
delete a?.b
(a, b) = 1
(a) = 1
[(a)] = 1
[(a, b)] = 1
[a()] = 1
({ a: 1 } = 1)
({ a: b() } = 1)
({ a } = 1)
({ a: (b) } = {})
({ a: ({ b }) } = {})
[([b])] = []
1++
++a()
a()++
--this
(a.b)++
a! = 1
a!.b = 1
(a as any) = 1
(a as any).b = 1
(<any>a) = 1
(a satisfies any) = 1
({ a: b! } = 1)
[a as any] = 1
for (a() of []) {}
for (1 of []) {}
for (a.b of []) {}
for ([a] of []) {}
for (a() in {}) {}
for (let a = 1 of []) {}
for (var a = 1 in {}) {}
for (let a = 1 in {}) {}
for (let a, b of []) {}
for (let of []) {}
const a = 1; a = 2
const a = 1; a++
const a = 1; function f() { a = 2 }
const a = 1; [a] = []
const a = 1; ({ a } = {})
const a = 1; for (a of []) {}
for (const a of []) { a = 1 }
import a from 'x'; a = 1
import * as a from 'x'; a = 1
import * as a from 'x'; a.b = 1
class A { m() { A = 1 } }
const f = function g() { g = 1 }
class C { #x; m() { this.#x } }
class C { m() { this.#x } }
this.#x
a.#x
class C { m() { #x in this } }
class C { #x; m() { #x in this } }
class C { #x; #x }
class C { #x; #x() {} }
class C { get #x() { return 1 } set #x(v) {} }
class C { get #x() { return 1 } get #x() { return 1 } }
class C { static get #x() { return 1 } set #x(v) {} }
class C { #x; m() { delete this.#x } }
class C { #x; m() { delete this.#x.y } }
class C { #x; m() { delete (this.#x) } }
class C { #x; m() { class D { n() { this.#x } } } }
class C { m() { class D { #x; } this.#x } }
class C { #constructor }
class C { #x; m(o) { o?.#x } }
class C extends B { #x; m() { super.#x } }
class C extends D.#x { #x }
const o = { #x: 1 }
class C { constructor() {} constructor() {} }
class C { constructor(); constructor(a?: string) {} }
class C { 'constructor'() {} constructor() {} }
class C { ['constructor']() {} constructor() {} }
class C { static constructor() {} constructor() {} }
class C { get constructor() { return 1 } }
class C { *constructor() {} }
class C { async constructor() {} }
class C { constructor = 1 }
class C { static prototype() {} }
class C { static prototype = 1 }
class C { prototype = 1 }
class C { static a; static a }
class C { a() {} a() {} }
class C { get a() {} set a(v) {} }
class C { get a(b) {} }
class C { set a() {} }
class C { set a(b, c) {} }
({ __proto__: 1, __proto__: 2 })
({ __proto__: 1, '__proto__': 2 })
({ __proto__: 1, ['__proto__']: 2 })
({ __proto__: 1, __proto__ })
({ __proto__: 1, __proto__() {} })
({ __proto__: a, __proto__: b } = {})
({ a: 1, a: 2 })
({ get a() {}, get a() {} })
{ import a from 'x' }
if (1) { import a from 'x' }
function f() { import a from 'x' }
function f() { export const a = 1 }
{ export const a = 1 }
{ export { a } }
function f() { import('x') }
import.meta
function f() { import.meta }
import()
import('a', 'b', 'c')
import(...a)
new import('a')
with (a) {}
010
08
"\01"
"\08"
"\0"
`\01`
delete a
delete a.b
delete (a)
delete this
delete 1
delete a()
eval = 1
arguments = 1
let eval = 1
let arguments
function eval() {}
function arguments() {}
function f(eval) {}
function f(arguments) {}
(eval) => 1
eval++
arguments++
try {} catch (eval) {}
try {} catch (arguments) {}
const { eval } = {}
import eval from 'x'
import { eval } from 'x'
import { eval as b } from 'x'
class eval {}
class let {}
let interface = 1
let private = 1
let static = 1
let implements
let package
let public
function f(static) {}
function yield() {}
const yield = 1
let enum = 1
let of = 1; let as = 1; let from = 1; let get = 1; let async = 1; let type = 1
const undefined = 1
let undefined
const NaN = 1
const async = 1
function f() { 'use strict'; 010 }
function f(a = 1) { 'use strict' }
function f(...a) { 'use strict' }
({ a }) => { 'use strict' }
function f(a) { 'use strict' }
class C { m(a = 1) { 'use strict' } }
if (1) function f() {}
if (1) class C {}
if (1) let a
if (1) const a = 1
for (;;) let a
for (;;) function f() {}
while (1) class C {}
a: function f() {}
a: let b
a: class C {}
a: const b = 1
if (1) a: function f() {}
do function f() {} while (1)
if (1) async function f() {}
a: async function f() {}
a: function* f() {}
class C { m() { arguments } }
class C { a = arguments }
class C { a = () => arguments }
class C { a = function () { arguments } }
class C { static { arguments } }
new a?.b()
new a?.()
a?.b`c`
a ?? b || c
(a ?? b) || c
a || b ?? c
-a ** b
(-a) ** b
async () => { -(await a) ** b }
async () => { await a ** b }
throw
let a = { b = 1 }
({ b = 1 })
({ b = 1 } = {})
({ b = 1 }) => b
({ a, b = 1, ...c }) => b
f({ b = 1 })
async ({ b = 1 })
async ({ b = 1 }) => b
[...a, b] = c
[...a, ] = c
[...a = 1] = c
({ ...a, b } = c)
({ ...{ a } } = c)
({ ...[a] } = c)
const { ...{ a } } = c
const { ...a, b } = c
const [...a, b] = c
function f(...a, b) {}
function f(...a = []) {}
(...a, b) => 1
(...a,) => 1
function f(...a,) {}
/(/
/a/gg
/a/z
/[/
/a{2,1}/
/(?<a>.)(?<a>.)/
/(?<a>.)|(?<a>.)/
/\k<b>(?<a>.)/
/\p{Foo}/u
/\u{110000}/u
/a/uv
/(?<=a)/
let a = 1n; let b = 01n
1_000
1__000
1_
0b12
3in []
3a
"\u{110000}"
"\xg"
`\xg`
tag`\xg`
let a\u{62} = 1
v\u0061r a = 1
abstract class A { abstract m(): void }
abstract class A { abstract m(): void { } }
class A { abstract m(): void }
class A { declare a: string }
class A { readonly a = 1; override b = 2; c!: string; d?: number }
class A { constructor(readonly a = 1) {} }
class A { m(): void; m(a?: string): void {} }
class A { m(): void }
function f(this: Foo, a: string) {}
function f(this: Foo, this: Foo) {}
const f = (this) => 1
function f(a?: string, b: string) {}
function f(a?: string = '') {}
let a!: string
let a!: string = ''
const a!: string = ''
let a?: string
@dec class A {}
@dec export class A {}
export @dec class A {}
@dec function f() {}
class A { @dec m() {} @dec a = 1 }
class A { @dec constructor() {} }
class A { m(@dec a) {} }
using a = b
{ using a = b }
{ using a }
{ using a = b; let a }
async () => { await using a = b }
{ await using a = b }
() => { await using a = b }
for (using a of b) {}
using { a } = b
<div a="1" a="2" />
<div {...a} {...b} />
<a.b.c />
<a:b />
<a:b.c />
<this />
<this.a />
<></>
<div key />
<div>{...a}</div>
<div a=<b /> />
<div a={} />
<div a={/* c */} />
<div>{}</div>
<A<string> />
const f = <T,>(a: T) => a
const f = <T extends {}>(a: T) => a
let a: typeof import('x')
export = 1
import a = require('x')
import a = b.c
import a = require('x'); const a = 1
export as namespace a
export import a = require('x')
const a = 1; export = a; export { a }
import 'x'
import {} from 'x'
import a, { b } from 'x'
import a, * as b from 'x'
import { default as a } from 'x'
import { default } from 'x'
import { 'a b' as c } from 'x'
import { 'a b' } from 'x'
export { a as 'a b' }
export { 'a b' } from 'x'
export { 'a b' }
export { default } from 'x'
export { default }
export { if }
export { if } from 'x'
import { if } from 'x'
import a from 'x' with { type: 'json' }
import a from 'x' with { type: 'json', type: 'json' }
import defer * as a from 'x'
enum A { a, a }
enum A { a = 1, b }
enum A { [a] }
enum A { 1 }
type A = { a: string; a: number }
interface A { a: string; a: number }
let a = b as const
let x = y satisfies Z
type A<T, T> = 1
function f<T, T>() {}
function f<T>(T) {}
class C<T> { T }
const x = function a() { let a }
const x = function a(a) {}
const x = class A { m() { let A } }
function f() { let f }
function f() { var f }
function f() { let arguments }
function f(a = b) { let b }
function f(a = () => { var b }) { let b }
function f(a) { { var a } }
function f(a) { { function a() {} } }
function f({ a }, b) { let c; var c }
function f() { let a; if (1) { var a } }
function f() { try { var a } catch { let a } }
function f() { for (let a of b) { } var a }
const [a, b] = useState(); const [c, b] = useState()
const [open, setOpen] = useState(); const { open } = useMenu()
export default function App() { const x = 1; const x = 2; return <p>{x}</p> }
export default App; function App() {}
export default App
export default () => {}; const a = 1
const App = () => 1; export default App; export { App }
const App = () => 1; export default App; export default App
function App() {} export default App; export const App = 1
function Card() {} function Card() {}
const Card = () => 1; function Card() {}
import { Card } from './ui'; const Card = () => 1
import { Card } from './ui'; export function Card() {}
import React from 'react'; import React, { useState } from 'react'
import { useState } from 'react'; import { useState, useEffect } from 'react'
import { useState } from 'react'; import { useState as u } from 'react'
import { Props } from './a'; interface Props {}
import { Props } from './a'; type Props = {}
const useState = React.useState; import { useState } from 'react'
""".strip().split("\n")
)
