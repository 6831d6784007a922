// The inputs of acorn-jsx's test suite: the path of its tarball a line in, a list of texts out.

import { execFileSync } from 'node:child_process'
import readline from 'node:readline'

for await (const line of readline.createInterface({ input: process.stdin })) {
  const suite = execFileSync('tar', ['-xzOf', JSON.parse(line), 'package/test/tests-jsx.js'], { encoding: 'utf8' })
  const inputs = []
  new Function('test', suite)((text) => inputs.push(text))
  process.stdout.write(JSON.stringify(inputs) + '\n')
}
