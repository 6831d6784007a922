"""What generated JSX files are put together from. `NAME`, `BODY`, `VIEW`, `PROPS` stand for parts that are written anew
each time; `WORDS` for class names. The typed pieces are TypeScript, the others plain JavaScript."""

from __future__ import annotations

COLORS = ("blue", "slate", "rose", "emerald", "amber", "violet", "neutral", "sky")
TAGS = ("div", "section", "main", "article", "ul", "nav", "header", "footer", "span", "motion.div", "Card", "UI.Panel")
UTILITIES = (
    "flex", "grid", "p-4", "px-6", "mt-2", "-mx-1", "w-1/2", "min-h-screen", "rounded-xl", "border",
    "hover:shadow-lg", "md:grid-cols-3", "table", "hidden", "dark:bg-slate-900", "text-[13px]", "bg-[#0af]",
    "focus:ring-2", "group-hover:underline", "space-y-4", "container", "items-center", "justify-between", "!mt-0",
    "size-4", "truncate", "data-[state=open]:rotate-180", "before:content-['x']", "grid-cols-[1fr_auto]",
    "bg-black/50",
)  # fmt: skip
OTHER_CLASSES = ("card", "btn-primary", "js-toggle", "fa-solid", "hero__title", "active", "navbar")
TEXTS = (
    "Hello there",
    "Food & Drink",
    "R&amp;D &nbsp; more",
    "100% off today",
    "It's “quoted”",
    "a, b; c: d",
    "&copy; 2024",
    "Price: $5",
    "naïve café 😀",
    "yes / no",
    "1 + 1 = 2",
    "#hash @at",
    "don't `quote` me",
    "// no comment here",
)
CLASS_ATTRIBUTES = (
    'className="WORDS"',
    'className="WORDS"',
    'className="WORDS"',
    "className={`WORDS`}",
    "className={`WORDS ${active ? `WORDS` : ''}`}",
    "className={cn(`WORDS`, active && `WORDS`, className)}",
    "className={clsx({ [`WORDS`]: active, flex: !active }, [`WORDS`])}",
    "className={size === 'lg' ? `WORDS` : `WORDS`}",
)
ATTRIBUTES = (
    "{...props}",
    "key={item.id}",
    "disabled",
    'id="main-title"',
    "onClick={() => setCount((c) => c + 1)}",
    "style={{ color: '#fff', marginTop: 4 }}",
    "aria-label='close & go'",
    "data-state={open ? 'open' : 'closed'}",
    "ref={(node) => void (box.current = node)}",
    "render={<b>x</b>}",
    "count={1_000}",
    "title={`a ${b > c ? '<' : `}`}`}",
    "xlink:href='#a'",
    "onChange={async (e) => { await save(e.target.value); }}",
)
CHILDREN = (
    "{/* a comment with <b> and } and ` */}",
    "<svg viewBox='0 0 24 24' fill='none'><path d='M5 13l4 4L19 7' strokeWidth={2} /></svg>",
    "{`a ${`b ${c}`} d`}",
    '{\'}\'}{">"} {"<div>"}',
    "<style jsx>{`a { color: red; }`}</style>",
    "<input type='text' value={value} />",
    "<>a<></>b</>",
)
HOOKS = (
    "const [open, setOpen] = useState(null)",
    "useEffect(() => { const t = setTimeout(() => setOpen(false), 1e3); return () => clearTimeout(t) }, [])",
    "const total = useMemo(() => items.reduce((a, b) => a + b.price * b.count, 0), [items])",
    "const { data = [], error, ...rest } = useQuery({ queryKey: ['a', id], queryFn: () => get(`/api/${id}`) })",
    "const label = error?.message ?? /^[a-z]+\\/(\\d)$/gi.exec(path)?.[1] ?? 'none'",
    "const box = useRef(null)",
    "if (!items.length) return null",
    "for (const item of items) { if (item.count >= 2 && item.count << 1 > 4) continue; sum(item) }",
    "switch (size) { case 'lg': console.log('p-8'); break; default: }",
    "const save = async () => { try { await load() } catch { setOpen(true) } finally { done() } }",
    "const go = useCallback(function* () { yield* steps }, [])",
)
TYPED_HOOKS = (
    "const [count, setCount] = useState<number | null>(null)",
    "const node = useRef<HTMLDivElement>(null!)",
    "const entries = Object.entries(map) as [string, Item[]][]",
)
COMPONENTS = (
    "export default function NAME(PROPS) {\n  BODY\n  return (\n    VIEW\n  );\n}",
    "export async function NAME(PROPS) {\n  BODY\n  return VIEW\n}",
    "export const NAME = (PROPS) => {\n  BODY\n  return (\n    VIEW\n  )\n}",
    "const NAME = (PROPS) => VIEW;\nexport default NAME",
    "const NAME = forwardRef((props, ref) => {\n  BODY\n  return VIEW\n})\nNAME.displayName = 'NAME'",
    "export const NAME = memo(function NAME(PROPS) {\n  BODY\n  return VIEW\n})",
    "class NAME extends React.Component {\n  state = { open: false };\n  static #count = 0;\n"
    "  toggle = () => this.setState({ open: !this.state.open });\n"
    "  render() {\n    const { title } = this.props;\n    return (\n      VIEW\n    );\n  }\n}",
)
TYPED_COMPONENTS = (
    "export const NAME: React.FC<NAMEProps> = (PROPS) => {\n  BODY\n  return VIEW\n}",
    "const NAME = forwardRef<HTMLDivElement, NAMEProps>((props, ref): JSX.Element => {\n  BODY\n  return VIEW\n})",
    "class NAME extends React.Component<NAMEProps, { open: boolean }> {\n  private count?: number\n"
    "  render(): React.ReactNode {\n    return VIEW\n  }\n}",
    "export function NAME<T extends Item = Item>(props: NAMEProps & { items: T[] }) {\n  BODY\n  return VIEW\n}",
)
TYPES = (
    "interface NAMEProps extends React.HTMLAttributes<HTMLDivElement> {\n  title?: string;\n  items: Item[]\n}",
    "type NAMEProps<T = unknown> = { title: string; size?: 'sm' | 'lg' } & Omit<T, 'id'>",
    "export type NAMEProps = Record<`${Lowercase<string>}-${number}`, Array<Map<string, Set<number>>>>",
    "enum NAMESize { Small = 'sm', Large = 1 << 2 }\ntype NAMEProps = any",
    "declare module 'x' { interface A { b(): void } }\ntype NAMEProps = ReturnType<typeof use>['data'][number]",
    "type NAMEProps = A extends infer U ? (U extends string ? [U, ...B] : never) : { [K in keyof A]?: A[K] }",
)
HELPERS = (
    "const sum = (a, b) => a + b",
    "const variants = cva(`WORDS`, { variants: { size: { sm: 'p-2', lg: `WORDS` }, outline: { true: 'p-1' } } })",
    "const styles = { root: `WORDS`, 'item-active': 'font-bold', table: 'outline' }",
    "const Box = styled.div`\n  color: ${(p) => (p.dark ? '#fff' : 'red')};\n  padding: 4px;\n`",
    "const links = [{ id: 1, name: 'One', href: '/a-b', icon: <Icon /> }, { id: 2, name: 'Two' }]",
    "export const metadata = { title: 'Page', description: `It's a \\`page\\`` }",
    "async function* pages() { for await (const page of source) yield* page.items }",
    "const re = /[/\\]>]+<\\/div>/u, half = total / 2 / count",
    "label: for (let i = 0, n = 9; i < n; i++) { if (i % 2) continue label }",
)
TYPED_HELPERS = (
    "const pick = <T,>(list: T[], at: number): T | undefined => list[at]",
    "const first = <T extends { id: string }>(list: T[]) => list[0]!",
    "const theme = { primary: '#0af', dark: { bg: 'black' } } as const satisfies Theme",
    "function isItem(value: unknown): value is Item { return typeof value === 'object' && value !== null }",
    "function over(a: string): void\nfunction over(a: number): void\nfunction over(a: any) {}",
    "abstract class Store<T> { constructor(public readonly items: T[] = []) {} abstract get size(): number }",
    "let value = (input as unknown as Record<string, number>)['a']! satisfies number",
    "export const load = async <T,>(url: string): Promise<T> => (await fetch(url)).json() as Promise<T>",
    "@decorated({ a: 1 })\nclass Model { @field accessor name = 'x'; declare id: string }",
    "namespace Api { export const path = '/v1' }\nimport type { A, B } from './types'",
)
