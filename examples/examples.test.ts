import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { beforeAll } from '../apps/server/test/hooks.ts'
import { startServer } from '../apps/server/test/server.ts'
import { runCommand } from '../test/process.ts'

const folder = path.dirname(fileURLToPath(import.meta.url))

let url: string
beforeAll(async (t) => {
  ;({ url } = await startServer(t as TestContext))
})

/** Runs a program as a reader would, and returns its exit code and output lines. */
async function run(name: string, ...args: string[]) {
  const { code, output } = await runCommand({
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', path.join(folder, `${name}.ts`), ...args],
    env: { PATH: process.env.PATH!, OUTLAST_URL: url },
  })
  return { code, output, lines: output.trimEnd().split('\n') }
}

/** Complete output of each program. */
const outputs: Record<string, RegExp> = {
  hello: /^.*simulated.*\n$/,
  'stream-text': /^.*simulated.*\n\d+ tokens\n$/,
  'client-tool': /^In Kyiv it is 21 °C and sunny.*\n$/,
  approval:
    /^May it add \{"a":19,"b":23\}\?\n19 \+ 23 = 42\..*\nMay it multiply \{"a":19,"b":23\}\?\n.*That is too much\..*\n$/,
  'clean-up': /^7 sessions\n(deleted Trial [1-7]\n){7}$/,
  // Twice at 9:00 on Monday in Kyiv.
  schedule:
    /^next at \d{4}-.*Z\n(the schedule says: Write the weekly report\.\n){1,2}.*simulated.*\n$/,
  fork: /^4 \+ 5 = 9\..*\n6 \+ 7 = 13\..*\n8 messages\n8 messages\n$/,
}

test('runs every example', () => {
  const programs = globSync('*.ts', { cwd: folder, exclude: ['*.test.ts'] })
  const names = programs.map((file) => file.replace('.ts', ''))
  assert.deepEqual(names.sort(), [...Object.keys(outputs), 'resume', 'support-agent'].sort())
})

for (const [name, printed] of Object.entries(outputs)) {
  test(`${name} prints the expected output`, async () => {
    const { code, output } = await run(name)
    assert.equal(code, 0, output)
    assert.match(output, printed)
  })
}

test('resume crashes in the middle of a turn and completes it in a second run', async () => {
  const first = await run('resume')
  assert.equal(first.code, 1, first.output)
  assert.match(first.lines[0]!, /^session_[0-9a-f]{32}$/)
  const second = await run('resume', first.lines[0]!)
  assert.equal(second.code, 0, second.output)
  assert.match(second.output, /^In Kyiv it is 21 °C and sunny.*\n$/)
})
