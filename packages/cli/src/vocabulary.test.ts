import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { read, find as sourceFiles } from '../../../test/checks/sources.ts'
import { runHere } from '../test/here.ts'
import { nouns } from './commands/index.ts'
import { commonAliases, verbNamed } from './core/verbs.ts'
import { widthOf } from './output/width.ts'
import { find } from './run/find.ts'

let server: Awaited<ReturnType<typeof startServer>>
let url: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  url = server.url
})

const cli = (...args: string[]) => runHere(args, { env: { OUTLAST_URL: url } })

const idOf = async (...args: string[]) => (await cli(...args, '--quiet')).stdout.trim()

/** Commands of other packages. */
const others = ['serve', 'rotate-keys', 'help', 'COMMAND']

/** Commands that a text names, as in `outlast agents list`. */
const namedIn = (text: string) =>
  [...text.matchAll(/\boutlast ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)/g)].map(([, words]) =>
    words!.split(' '),
  )

async function checkNamed(text: string, place: string): Promise<void> {
  for (const words of namedIn(text)) {
    if (others.includes(words[0]!) || !Object.hasOwn(nouns, words[0]!)) continue
    await assert.doesNotReject(find(words), `${place}: outlast ${words.join(' ')}`)
  }
}

test('the summaries of nouns name only verbs that exist', async () => {
  for (const [name, { summary, load }] of Object.entries(nouns)) {
    const noun = await load()
    const verbs = summary.split(': ')[1]?.split(', ') ?? []
    for (const verb of verbs) assert.ok(Object.hasOwn(noun, verb), `${name} ${verb}`)
  }
})

test('every command that a help text names exists', async () => {
  const pages = [await runHere(['--help'])]
  for (const [name, { load }] of Object.entries(nouns)) {
    pages.push(await runHere(['help', name]))
    for (const verb of Object.keys(await load())) {
      pages.push(await runHere([name, verb, '--help'].filter((word) => word !== '')))
    }
  }
  for (const { code, stdout } of pages) {
    assert.equal(code, 0)
    await checkNamed(stdout, 'help')
  }
})

test('every command that a message or the manual names exists', async () => {
  for (const file of sourceFiles('packages/cli/src/**/*.ts')) {
    if (file.endsWith('.test.ts')) continue
    const mentions = [...read(file).matchAll(/`(outlast [^`$]*)/g)].map(([, text]) => text)
    await checkNamed(mentions.join('\n'), file)
  }
  const manual = fileURLToPath(new URL('../../../docs/cli.md', import.meta.url))
  const commands = readFileSync(manual, 'utf8').match(/^(?:\$ )?outlast .*$|`outlast [^`]*/gm)
  await checkNamed((commands ?? []).join('\n'), 'docs/cli.md')
})

test('the common verbs have the same aliases for every noun', async () => {
  for (const [name, { load }] of Object.entries(nouns)) {
    const noun = await load()
    for (const [verb, aliases] of Object.entries(commonAliases)) {
      if (!Object.hasOwn(noun, verb)) continue
      for (const alias of aliases) {
        assert.equal(verbNamed(noun, alias), verb)
        const { stdout } = await runHere(['help', name, alias])
        assert.deepEqual(stdout, (await runHere(['help', name, verb])).stdout)
      }
    }
  }
  for (const verb of ['ls', 'cat', 'rm', 'mv', 'create', 'update', 'show', 'list', 'get']) {
    assert.equal((await runHere(['help', 'files', verb])).code, 0)
  }
  assert.equal((await runHere(['help', 'messages', 'create'])).code, 0)
  assert.equal((await runHere(['help', 'events', 'list'])).code, 0)
})

test('the help fits 80 and 40 columns', async () => {
  const pages: string[][] = [['--help'], ...Object.keys(nouns).map((name) => ['help', name])]
  for (const columns of [80, 40]) {
    for (const page of pages) {
      const { stdout } = await runHere(page, { columns })
      for (const line of stdout.split('\n')) {
        const isUsage = /^ *(outlast|--|-\w,)/.test(line)
        assert.ok(widthOf(line) <= columns || isUsage, line)
      }
    }
  }
})

test('accepts names and unique parts of ids in arguments and flags', async () => {
  const agent = await idOf('agents', 'create', '--name', 'Support Desk', '--system-prompt', 'Help.')
  assert.equal(await idOf('agents', 'get', 'support desk'), agent)
  assert.equal(await idOf('agents', 'show', agent.slice(0, 30)), agent)
  assert.equal(await idOf('agents', 'view', agent.slice(6, 30)), agent)
  const session = await idOf('sessions', 'create', '-a', 'Support Desk')
  assert.equal(await idOf('sessions', 'list', '--agent', 'Support Desk'), session)
  assert.equal(await idOf('sessions', 'get', session.slice(8, 30)), session)
  assert.equal((await cli('messages', 'send', session.slice(0, 30), 'Hello', '-w')).code, 0)
  assert.equal((await cli('files', 'list', session.slice(0, 30))).code, 0)
  const [simulated] = JSON.parse((await cli('providers', 'list', '--json')).stdout)
  assert.equal(await idOf('providers', 'get', simulated.name), simulated.id)
  const [model] = JSON.parse((await cli('models', 'list', '--json')).stdout)
  assert.equal(await idOf('models', 'get', model.display_name), model.id)
  const rarely = ['--cron', '0 9 29 2 *', '--agent', 'Support Desk', '--message', 'Hello']
  const schedule = await idOf('schedules', 'create', 'leap day', ...rarely)
  assert.equal(await idOf('schedules', 'get', 'leap day'), schedule)
  const mcp = await idOf('mcp', 'create', 'tracker', 'https://tracker.example.com/mcp')
  assert.equal(await idOf('mcp', 'get', 'tracker'), mcp)
  const asked = { env: { OUTLAST_URL: url }, columns: 80, answers: [['[y/N]', 'n\r']] as const }
  const { stderr } = await runHere(['mcp', 'rm', 'tracker'], asked)
  assert.match(stderr, new RegExp(`Delete MCP server tracker \\(${mcp}\\)\\?`))
})

test('lists the candidates of an ambiguous name or id, and exits with 2', async () => {
  const create = ['agents', 'create', '--system-prompt', 'Help.', '--name']
  const ids = [await idOf(...create, 'Twin'), await idOf(...create, 'Twin')]
  const named = await cli('agents', 'get', 'Twin')
  assert.deepEqual([named.code, named.stdout], [2, ''])
  assert.match(named.stderr, /^outlast: 2 agents match "Twin"\./)
  for (const id of ids) assert.ok(named.stderr.includes(`  ${id}  Twin\n`))
  assert.equal((await cli('agents', 'delete', ids[0]!, '-y')).code, 0)
  assert.equal(await idOf('agents', 'get', 'Twin'), ids[1], 'the active one')
  const short = await cli('agents', 'get', 'agent_0')
  assert.match(short.stderr, /\d agents match "agent_0"\.[\s\S]*\n {2}agent_\w+ {2}Assistant\n/)
})

test('exits with 5 for an unknown name, and lists the existing ones', async () => {
  const agent = await cli('sessions', 'create', '--agent', 'Asistant')
  assert.deepEqual([agent.code, agent.stdout], [5, ''])
  assert.match(agent.stderr, /No agent has the name or id "Asistant"\. Did you mean "Assistant"\?/)
  assert.match(agent.stderr, /There are: .*Researcher/)
  const chat = await cli('chat', '--agent', 'missing agent', 'Hello')
  assert.equal(chat.code, 5)
  const session = await cli('sessions', 'log', 'f'.repeat(12))
  assert.equal(session.code, 5)
  assert.match(session.stderr, /No session has the id "f+"\. `outlast sessions list --search TEXT`/)
  for (const args of [
    ['sessions', 'list', '--agent', '%'],
    ['messages', 'list', '../agents'],
    ['schedules', 'get', 'x'],
    ['keys', 'rm', 'x', '-y'],
    ['workflows', 'get', 'turn_x'],
    ['profiles', 'use', 'x'],
  ]) {
    const { code, stderr } = await cli(...args)
    assert.equal(code, 5, `${args.join(' ')}: ${stderr}`)
    assert.doesNotMatch(stderr, /pattern|\[0-9a-f\]/)
  }
})

test('describes an invalid id without a pattern', async () => {
  const session = await idOf('sessions', 'create', '--agent', 'Assistant')
  const { stderr } = await cli('sessions', 'fork', session, '--event', 'x')
  assert.match(stderr, /must be an event id such as event_/)
  assert.doesNotMatch(stderr, /\^event_|pattern/)
})
