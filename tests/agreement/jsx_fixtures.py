"""Small texts at the edges of the JSX grammar (https://facebook.github.io/jsx/), fine and broken mixed: the references
say which is which. With them go the inputs of acorn-jsx's own test suite, from npm (MIT)."""

from __future__ import annotations

from pathlib import Path

from tests.agreement.jsx_corpus import tarball
from tests.agreement.tools import npm, run_node

ACORN = "acorn-jsx@1.0.1"

# Names, attributes, children and text, as the specification lists them; one text a line, `⏎` for a line end in it.
SPECIFIED = r"""
<a></a>
<a.b.c></a.b.c>
<a:b></a:b>
<a:b.c></a:b.c>
<a.b:c></a.b:c>
<a-b-c />
<this.a />
<this></this>
<_ /> + <$ />
<ä></ä>
<😀 />
<1 />
< a />
<a ></a >
<a></ a>
<a⏎/>
<a / >
<a/ b>
<></>
<></a>
<a></>
< ></ >
<><></></>
<>text⏎</>
<a b />
<a b c />
<a b="c" />
<a b='c' />
<a b="c⏎d" />
<a b=c />
<a b= />
<a b="" />
<a b="\" />
<a b="\n&amp;&#x41;&nope;" />
<a b={c} />
<a b={} />
<a b={/* c */} />
<a b={c, d} />
<a b={...c} />
<a b=<c /> />
<a b=<></> />
<a b={<c />} />
<a b=`c` />
<a b-c d-e="f" />
<a b:c="d" />
<a b:c:d="e" />
<a b.c="d" />
<a -b />
<a 1b />
<a {...b} />
<a {... b} {...c} d />
<a {b} />
<a {...} />
<a {.../* c */b} />
<a b b />
<a "b" />
<a b"c" />
<a b="c"d="e" />
<a>{b}</a>
<a>{}</a>
<a>{/* b */}</a>
<a>{// b⏎}</a>
<a>{// b}</a>
<a>{...b}</a>
<a>{b c}</a>
<a>{b;}</a>
<a>{b</a>
<a>b}</a>
<a>></a>
<a>b > c</a>
<a>b < c</a>
<a>&</a>
<a>&amp;&#123;&#xZZ;&</a>
<a>'</a>
<a>"`\</a>
<a>// b</a>
<a>/* b */</a>
<a><!-- b --></a>
<a><!DOCTYPE html></a>
<a><?xml?></a>
<a>#!@$%^*()</a>
<a><b></a></b>
<a><b></a>
<a></a></a>
<a>
<a
<
</a>
<a b
<a b=
<a b="
<a b={
<a>{
<a>{b}
<br>
<a><br></a>
<a/><b/>
<a/>, <b/>
<a/> < <b/>
<a/> > 1
<a/>.b
<a/>()
<a>b</a> c
x = <a/>
x = <a></b>
x = <a/><b/>
(<a/>)
(<a/><b/>)
[<a/>, <b/>]
x ? <a/> : <b/>
x && <a/>
x < a > b
x <a/> y
f(<a/>)
`${<a/>}`
return <a/>
() => <a/>
<T,>(x: T) => x
<T>(x: T) => x
<T extends U>(x: T) => x
<T extends>(x) => x</T>
<T = any,>(x) => x
<const T,>(x: T) => x
async <T,>(x: T) => x
<a<string> b="c" />
<a<string>>b</a>
<a<b>></a>
<string>x
x as <a/>
x = <a>{y as string}</a>
<a {...b as any} />
<a b={c!} />
<a b={<T,>(x: T) => x} />
class A<T> { b = <c/> }
<a>{(b) => { return <c>{b}</c> }}</a>
<a>{b ? <c></d> : <e/>}</a>
<a b={"c}"} />
<a b={`c}${"}"}`} />
<a>{"</a>"}</a>
<a b="</a>" />
<a b=">" />
<a b={x > 1 ? "a" : 'b'} />
<a.b></a.c>
<a:b></a:c>
<A></a>
<a key="b" {...c} key="d" />
{/* a */}
<!-- a -->
<style>{`a { b: c }`}</style>
<style>a { b: c }</style>
<script>if (a < b) {}</script>
<a b={{ c: 1 }} d={[1]} />
<a b={{ c: 1 } />
<a @click="b" />
<a :b="c" />
<a #b />
<a *b="c" />
<a [b]="c" />
<a (b)="c" />
<a v-if="b" />
<a x-on:click="b" />
<a b?="c" />
<a b;c />
<a>{% b %}</a>
<a>{{ b }}</a>
<a>{{ b: 1 }}</a>
<a>{{{ b }}}</a>
<%= a %>
""".strip()


def fixtures() -> dict[str, str]:
    """The texts, by name."""
    texts = [line.replace("⏎", "\n") for line in SPECIFIED.splitlines()]
    script = Path(__file__).with_name("acorn_jsx_inputs.mjs")
    (inputs,) = run_node(script, npm({}), [str(tarball(ACORN))])
    return {f"specified {text!r}": text for text in texts} | {f"acorn-jsx {text!r}": text for text in inputs}
