import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { runHere } from '../test/here.ts'
import { outlast } from '../test/program.ts'
import { nouns } from './commands/index.ts'
import { widthOf } from './output/width.ts'

let url: string
let session: string

beforeAll(async (t) => {
  const server = await startServer(t as TestContext)
  url = server.url
  const { body } = await server.call('GET', '/v1/agents')
  const title = `你好 👩‍👩‍👧 ${'long '.repeat(20)}\u001b[31mred`
  const made = await server.call('POST', '/v1/sessions', { agent_id: body.data[0].id, title })
  session = made.body.id
  for (let count = 0; count < 24; count += 1) {
    await server.call('POST', '/v1/sessions', { agent_id: body.data[0].id, title: `n${count}` })
  }
})

const here = (...args: string[]) => [...args, '--url', url]

test('the help of every command has its arguments and flags, and fits 80 and 20 columns', async () => {
  for (const [name, { load }] of Object.entries(nouns)) {
    for (const [verb, { flags, positionals }] of Object.entries(await load())) {
      const words = [name, verb].filter((word) => word !== '')
      const { code, stdout } = await runHere([...words, '--help'], { columns: 80 })
      assert.equal(code, 0)
      for (const word of [...words, ...positionals]) assert.ok(stdout.includes(word), stdout)
      for (const flag of Object.keys(flags)) assert.ok(stdout.includes(`--${flag}`), stdout)
      const narrow = await runHere(['help', ...words], { columns: 20 })
      for (const line of narrow.stdout.split('\n')) {
        const isWord = !line.trim().includes(' ') || line.includes('--') || line.includes('outlast')
        assert.ok(widthOf(line) <= 20 || isWord, line)
      }
    }
  }
})

test('`help NOUN` equals `NOUN --help`, and a noun alone prints it with exit code 2', async () => {
  const asked = await outlast(['help', 'agents'])
  assert.deepEqual([asked.code, asked.stderr], [0, ''])
  assert.deepEqual(await outlast(['agents', '-h']), asked)
  assert.deepEqual(await outlast(['agents']), { ...asked, code: 2 })
  const verb = await outlast(['help', 'agents', 'create'])
  assert.deepEqual(await outlast(['agents', 'create', '--help']), verb)
})

test('lists the commands of other packages in the help', async () => {
  assert.match((await outlast(['help'])).stdout, /^ {2}serve +\w/m)
  assert.match((await outlast(['help', 'serve'])).stdout, /^outlast serve: /)
  assert.match((await outlast(['--json', 'serve'])).stderr, /`serve` must be the first word/)
})

test('suggests the nearest word for an unknown one', async () => {
  const wrong: [string[], RegExp][] = [
    [['agnets', 'list'], /Did you mean `agents list`\?/],
    [['agents', 'lsit'], /Unknown command `agents lsit`\. Did you mean `agents list`\?/],
    [['list', 'sessions'], /Did you mean `sessions list`\?/],
    [['sessions', 'remove'], /Did you mean `sessions delete`\?/],
    [['agents', 'list', '--limti', '3'], /Did you mean --limit\?/],
    [['agents', 'list', '--limit'], /--limit needs a value/],
    [['agents', 'list', '--limit', '-3'], /--limit needs a value/],
    [['agents', 'list', '--json=1'], /--json takes no value/],
    [['agents', 'list', '--limit', '0'], /--limit must be a whole number of at least 1/],
    [['agents', 'list', 'more'], /Unexpected argument "more"/],
    [['agents', 'get'], /<agent> is missing/],
    [['agents', 'get', ''], /<agent> is missing/],
    [['sessions', 'create'], /--agent is missing/],
    [
      ['sessions', 'list', '--status', 'busy'],
      /--status cannot be \w+\. Use one of started, active, idle, waiting, failed/,
    ],
    [['help', 'nothing'], /Unknown command `nothing`/],
  ]
  for (const [args, sentence] of wrong) {
    const { code, stdout, stderr } = await runHere(here(...args))
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, sentence)
    assert.doesNotMatch(stderr, /\n {4}at /)
  }
})

test('`--version` prints the version', async () => {
  assert.match((await outlast(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

test('accepts global flags before the command', async () => {
  const { code, stdout } = await runHere(['--url', url, '-q', 'sessions', 'list', '-n', '2'])
  assert.deepEqual([code, stdout.trim().split('\n').length], [0, 2])
})

test('fits a table to the terminal with whole ids, and reports further rows', async () => {
  const { stdout, stderr } = await runHere(here('sessions', 'list', '--all'), { columns: 80 })
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, 26)
  for (const line of lines) assert.ok(widthOf(line) <= 80, line)
  assert.match(lines.at(-1)!, new RegExp(`^${session} `))
  assert.equal(stderr, '')
  const first = await runHere(here('sessions', 'list'), { columns: 80 })
  assert.equal(first.stdout.trimEnd().split('\n').length, 21)
  assert.match(first.stderr, /--limit 100 or --all/)
})

test('fits the tables of a new server to 80 columns', async () => {
  for (const noun of ['agents', 'sessions', 'providers', 'models', 'capabilities', 'mcp']) {
    const { stdout } = await runHere(here(noun, 'list'), { columns: 80, env: { NO_COLOR: '1' } })
    const [head, ...rows] = stdout.trimEnd().split('\n')
    assert.match(head!, /^ID +(NAME|TITLE) /)
    for (const row of rows) assert.ok(widthOf(row) <= 80 && /^\w+ /.test(row), row)
  }
})

test('prints a row as a block of lines at 20 columns', async () => {
  const { stdout } = await runHere(here('sessions', 'list', '--limit', '2'), { columns: 20 })
  const blocks = stdout.trimEnd().split('\n\n')
  assert.equal(blocks.length, 2)
  assert.match(blocks[0]!, /^ID:\nsession_[0-9a-f]{32}\nTITLE:\nn23\n/)
})

test('removes control sequences from server texts', async () => {
  const { stdout } = await runHere(here('sessions', 'get', session))
  assert.doesNotMatch(stdout, /\x1b/)
  assert.match(stdout, /你好/)
})

test('prints colors only on terminals, and none with --no-color or NO_COLOR', async () => {
  const color = /\x1b\[/
  const args = here('sessions', 'list')
  assert.match((await runHere(args, { columns: 80 })).stdout, color)
  const plain = [
    await runHere(args),
    await runHere([...args, '--no-color'], { columns: 80 }),
    await runHere(args, { columns: 80, env: { NO_COLOR: '1' } }),
    await runHere(args, { columns: 80, env: { TERM: 'dumb' } }),
  ]
  for (const { stdout } of plain) assert.doesNotMatch(stdout, color)
})

test('prints a long list as one JSON array, and its ids one per line', async () => {
  const json = await outlast(here('sessions', 'list', '--all', '--json'))
  const ids = await outlast(here('sessions', 'list', '--all', '--quiet'))
  const rows: { id: string }[] = JSON.parse(json.stdout)
  assert.equal(rows.length, 25)
  assert.equal(ids.stdout, rows.map(({ id }) => `${id}\n`).join(''))
})
