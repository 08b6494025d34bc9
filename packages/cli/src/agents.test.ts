import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  fileAgentsOf,
  startWithAgents,
  supportFile,
} from '../../../apps/server/test/file-agents.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { printedBy, runHere } from '../test/here.ts'
import { outlast } from '../test/program.ts'

let server: Awaited<ReturnType<typeof startServer>>
let folder: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-agents-'))
  t.after(() => rmSync(folder, { recursive: true }))
})

const cli = (args: string[], input = '') =>
  runHere(args, { env: { OUTLAST_URL: server.url }, input })

const made = async (args: string[], input = '') =>
  JSON.parse(await printedBy(cli([...args, '--json'], input)))

const agentsThere = async () => (await server.call('GET', '/v1/agents')).body.total

function fileOf(name: string, text: string): string {
  writeFileSync(path.join(folder, name), text)
  return path.join(folder, name)
}

const files = {
  'a.md': '---\nname: Clock\ntags: [demo]\ncapabilities: [noop]\n---\n\nYou tell the time.\n',
  'a.yaml': 'name: Clock\ntags: [demo]\ncapabilities: [noop]\nsystem_prompt: You tell the time.\n',
  'a.json':
    '{"name": "Clock", "tags": ["demo"], "capabilities": [{"ref": "noop"}], "system_prompt": "You tell the time."}',
}

test('sets limits by flags, copies an agent by its name, and counts its sessions', async () => {
  const flags = ['--name', 'door-man', '--system-prompt', 'Be brief.', '--display-name', 'Doorman']
  const limits = ['--max-iterations', '7', '--one-tool-call', '--allow-host', '*.example.com']
  const agent = await made([
    'agents',
    'create',
    ...flags,
    ...limits,
    '--block-host',
    'a.example.com',
  ])
  const { display_name, max_iterations, parallel_tool_calls, network_access } = agent
  assert.deepEqual([display_name, max_iterations, parallel_tool_calls], ['Doorman', 7, false])
  const hosts = { allowed: ['*.example.com'], blocked: ['a.example.com'] }
  assert.deepEqual(network_access, hosts)
  const shown = await cli(['agents', 'get', 'door-man'])
  assert.match(shown.stdout, /Display name +Doorman\n[\s\S]*Allowed hosts +\*\.example\.com\n/)
  const copy = await made(['agents', 'copy', 'door-man'])
  assert.deepEqual([copy.name, copy.network_access], ['door-man-copy', hosts])
  const found = await made(['agents', 'list', '--search', 'DOORMAN'])
  assert.deepEqual(found.map(({ id }: { id: string }) => id).sort(), [agent.id, copy.id].sort())
  const stats = await made(['agents', 'stats', 'door-man'])
  assert.deepEqual([stats.session_count, stats.execution_count], [0, 0])
  const preview = ['agents', 'preview', 'door-man', '--max-iterations', '3']
  assert.equal((await cli(preview)).code, 0)
  const odd = await cli(['agents', 'update', 'door-man', '--max-iterations', '0'])
  assert.match(odd.stderr, /whole number from 1/)
  for (const { id } of [agent, copy])
    assert.equal((await cli(['agents', 'delete', id, '--yes'])).code, 0)
})

test('creates an agent from flags, updates, archives and restores it', async () => {
  const flags = ['--name', 'Ada', '--system-prompt', 'Be brief.', '-t', 'a', '-t', 'b']
  const config = ['-c', 'noop', '-c', 'current_time={"timezone": "Europe/Kyiv"}']
  const agent = await made(['agents', 'create', ...flags, ...config])
  assert.deepEqual(agent.tags, ['a', 'b'])
  assert.deepEqual(agent.capabilities, [
    { ref: 'noop' },
    { ref: 'current_time', config: { timezone: 'Europe/Kyiv' } },
  ])
  const changed = await made(['agents', 'update', agent.id, '--description', 'Short.', '-t', ''])
  assert.deepEqual([changed.description, changed.tags, changed.name], ['Short.', [], 'Ada'])
  const shown = await cli(['agents', 'get', agent.id])
  assert.match(shown.stdout, /Name +Ada\n[\s\S]*System prompt:\n\nBe brief\.\n$/)

  const asked = await cli(['agents', 'delete', agent.id])
  assert.deepEqual([asked.code, asked.stdout], [2, ''])
  const env = { OUTLAST_URL: server.url }
  const remove = ['agents', 'delete', agent.id]
  const no = await runHere(remove, { env, columns: 80, answers: [['[y/N]', 'n\r']] })
  assert.equal(no.code, 1)
  assert.equal((await made(['agents', 'get', agent.id])).status, 'active')
  const yes = await runHere(remove, { env, columns: 80, answers: [['[y/N]', 'y\r']] })
  assert.match(yes.stdout, new RegExp(`Archived agent ${agent.id}`))
  const archived = await made(['agents', 'list', '--archived'])
  assert.ok(archived.some(({ id }: { id: string }) => id === agent.id))
  const kept = await made(['agents', 'update', agent.id, '--retention-days', '0'])
  assert.equal(kept.retention_days, 0)
  const inherits = await made(['agents', 'update', agent.id, '--retention-days', 'inherit'])
  assert.equal(inherits.retention_days, undefined)
  const back = await made(['agents', 'update', agent.id, '--status', 'active'])
  assert.equal(back.status, 'active')
  const purge = ['agents', 'purge', agent.id, '--yes']
  assert.match((await cli(purge)).stderr, /is active or has sessions/)
  await made([...remove, '--yes'])
  assert.match((await cli(purge)).stdout, /Deleted agent/)
  assert.match((await cli(['agents', 'get', agent.id])).stderr, /not found/)
})

test('a name finds an active agent before an archived one that is written in the same way', async () => {
  const create = (name: string) =>
    made(['agents', 'create', '--name', name, '--system-prompt', 'You help.'])
  const before = await create('renamed')
  await made(['agents', 'delete', before.id, '--yes'])
  assert.equal((await made(['agents', 'get', 'renamed'])).id, before.id)
  const { id } = await create('Renamed')
  assert.equal((await made(['agents', 'get', 'renamed'])).id, id)
})

test('shows the file of an agent, and that only the file changes it', async (t) => {
  const { call, url } = await startWithAgents(t, [supportFile])
  const { id } = (await fileAgentsOf(call)).get('Support')!
  const run = (args: string[]) => runHere(args, { env: { OUTLAST_URL: url } })
  const list = (await run(['agents', 'list'])).stdout
  assert.match(list, new RegExp(`^${id} +Support +active +agents/support\\.md `, 'm'))
  assert.match(list, / Assistant +active +api /)
  const shown = await run(['agents', 'get', 'Support'])
  assert.match(shown.stdout, /^Source +agents\/support\.md$/m)
  const json = await run(['agents', 'get', id, '--json'])
  const { source, source_file } = JSON.parse(json.stdout)
  assert.deepEqual([source, source_file], ['file', 'agents/support.md'])
  const file = fileOf('own.md', `---\nid: ${id}\nname: Mine\n---\nHello.\n`)
  const changes = [
    ['agents', 'update', id, '--name', 'Mine'],
    ['agents', 'update', id, '--status', 'archived'],
    ['agents', 'delete', id, '--yes'],
    ['agents', 'purge', id, '--yes'],
    ['agents', 'import', file],
  ]
  for (const args of changes) {
    const { code, stdout, stderr } = await run(args)
    assert.deepEqual([code, stdout], [1, ''], args.join(' '))
    assert.match(stderr, /defined by the file agents\/support\.md of the project\./)
  }
  const exported = await run(['agents', 'export', id])
  assert.doesNotMatch(exported.stdout, /source/)
})

test('creates the same agent from every file format, and flags override it', async () => {
  for (const [name, text] of Object.entries(files)) {
    const file = fileOf(name, text)
    const plain = await made(['agents', 'create', '-f', file])
    assert.deepEqual(
      [plain.name, plain.tags, plain.system_prompt],
      ['Clock', ['demo'], 'You tell the time.'],
    )
    const other = await made(['agents', 'create', '-f', '-', '--name', 'Other', '-t', 'x'], text)
    assert.deepEqual(
      [other.name, other.tags, other.system_prompt],
      ['Other', ['x'], 'You tell the time.'],
    )
    assert.deepEqual(other.capabilities, [{ ref: 'noop' }])
  }
})

test('creates no agent for a mistake in a file or flags', async () => {
  const before = await agentsThere()
  const wrong: [string[], string, RegExp][] = [
    [['-f', '/nowhere/a.md'], '', /\/nowhere\/a\.md cannot be read: it does not exist/],
    [['-f', folder], '', /it is a directory/],
    [['-f', '-'], '---\nname: Clock\n', /line 1/],
    [['-f', '-', '--capability', 'nothing'], files['a.md'], /nothing/],
    [['-f', '-', '--model', 'model_1'], files['a.yaml'], /model/],
    [['--name', 'x'], '', /--system-prompt/],
    [['--name', 'x', '--system-prompt', 'y', '-c', 'noop={'], '', /must be JSON/],
  ]
  for (const [args, input, sentence] of wrong) {
    const { code, stdout, stderr } = await cli(['agents', 'create', ...args], input)
    assert.ok([1, 2, 5].includes(code!), `${args} ended with ${code}`)
    assert.equal(stdout, '')
    assert.match(stderr, sentence)
  }
  assert.equal(await agentsThere(), before)
})

test('imports an exported agent', async () => {
  const agent = await made(['agents', 'create', '-f', fileOf('b.md', files['a.md'])])
  for (const format of ['markdown', 'yaml', 'json']) {
    const file = path.join(folder, `out.${format}`)
    const args = ['agents', 'export', agent.id, '--format', format]
    assert.equal((await cli([...args, '-o', file])).code, 0)
    assert.equal((await cli(args)).stdout, readFileSync(file, 'utf8'))
    const again = await made(['agents', 'import', file])
    assert.deepEqual([again.name, again.system_prompt], ['Clock', 'You tell the time.'])
  }
})

test('previews the prompt, tools and model of an agent that need not exist', async () => {
  const preview = await cli(['agents', 'preview', '--system-prompt', 'Be kind.', '-c', 'test_math'])
  assert.match(preview.stdout, /multiply +auto +test_math/)
  assert.match(preview.stdout, /Be kind\./)
  const agent = await made(['agents', 'create', '-f', fileOf('c.md', files['a.md'])])
  const both = await made(['agents', 'preview', agent.id, '-c', 'current_time'])
  assert.match(both.system_prompt, /You tell the time/)
  assert.deepEqual(
    both.tools.map(({ name }: { name: string }) => name),
    ['get_current_time'],
  )
})

test('reads a file from a pipe, and prints only the id with --quiet', async () => {
  const env = { OUTLAST_URL: server.url }
  const args = ['agents', 'create', '-f', '-', '--quiet']
  const { code, stdout, stderr } = await outlast(args, { env, input: files['a.md'] })
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^agent_[0-9a-f]{32}\n$/)
})

test('exports JSON with --json, unless a format is given', async () => {
  const { id } = await made(['agents', 'create', '-f', fileOf('j.md', files['a.md'])])
  const { name, system_prompt } = await made(['agents', 'export', id])
  assert.deepEqual([name, system_prompt], ['Clock', 'You tell the time.'])
  const yaml = await printedBy(cli(['agents', 'export', id, '--json', '--format', 'yaml']))
  assert.match(yaml, /^name: "Clock"$/m)
})
