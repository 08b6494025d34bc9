/** The package as users get it: packed, installed from the tarball, started, called. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  replyOf,
  scripted,
} from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { runCommand, type ServerProcess, startCommand } from '../process.ts'
import { registrySettings } from './registry.ts'

const root = path.resolve(fileURLToPath(new URL('../../', import.meta.url)))

/** The Node of npm, which is the caller's and not the one in the package. */
const { npm_node_execpath: theirNode = process.execPath } = process.env
const theirPath = [path.dirname(theirNode), '/usr/local/bin', '/usr/bin', '/bin'].join(
  path.delimiter,
)

const folder = mkdtempSync(path.join(tmpdir(), 'outlast package '))
after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

function run(program: string, args: string[], options: object = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    ...options,
  })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? stderr + stdout}`)
  return stdout
}

run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root })
const tarball = path.join(folder, 'outlast-0.1.0.tgz')

type Place = { cwd: string; env: Record<string, string>; uid?: number; gid?: number }

/** An empty folder with a space in its path that belongs to the installing user. */
function placeOf(name: string, account: { uid?: number; gid?: number }): Place {
  const cwd = path.join(folder, name)
  mkdirSync(cwd)
  if (account.uid !== undefined) {
    chownSync(folder, account.uid, account.gid!)
    chownSync(cwd, account.uid, account.gid!)
  }
  const env = {
    ...registrySettings,
    PATH: theirPath,
    HOME: cwd,
    DATA_DIR: path.join(cwd, 'data'),
    LANG: 'C',
    PRIVATE_HOSTS_ALLOWED: '127.0.0.1',
  }
  return { cwd, env, ...account }
}

const install = (place: Place, ...flags: string[]) =>
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...flags, tarball], place)

async function isGone(server: ServerProcess) {
  return fetch(`${server.url}/health`).then(
    () => false,
    () => true,
  )
}

/** Uses every file that runs separately: shells, converter threads, search threads. */
async function useTools(t: test.TestContext, server: ServerProcess) {
  const capabilities = ['virtual_bash', 'web_fetch', 'session_file_system'].map((ref) => ({ ref }))
  const agent = await createAgent(server, { capabilities })
  const session = await createSession(server, { agent_id: agent.id })
  // The server's own port is never opened.
  const site = createServer((_request, response) => response.end('<p>A page.</p>'))
  t.after(() => site.close())
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  const page = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`
  const script = scripted(
    {
      tool_calls: [
        { name: 'bash', arguments: { command: 'echo needle > /a.txt; cat /a.txt' } },
        { name: 'web_fetch', arguments: { url: page, as_markdown: true } },
      ],
    },
    { text: 'Done.' },
  )
  await converse(t, server, session.id, script)
  const events = await eventsOf(server, session.id)
  const results = events.flatMap(({ type, data }) => (type === 'tool.completed' ? [data] : []))
  assert.deepEqual(
    results.map((one) => (one as { success: boolean }).success),
    [true, true],
    JSON.stringify(results),
  )
  assert.equal(replyOf(events), 'Done.')
  const found = await server.call('POST', `/v1/sessions/${session.id}/fs/_/grep`, {
    pattern: 'needle',
  })
  assert.equal(found.body.total, 1, JSON.stringify(found.body))
}

const nobody = { uid: 65534, gid: 65534 }
const isRoot = process.getuid?.() === 0
const accounts = { 'the user of the tests': {}, ...(isRoot && { 'an ordinary user': nobody }) }

test('the package holds no tests, sources or other unintended files', () => {
  const files = run('tar', ['-tzf', tarball]).trim().split('\n')
  const odd = files.filter(
    (file) =>
      !/^package\/(package\.json|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|THIRD_PARTY_NOTICES\.txt|dist\/outlast\/sbom\.cdx\.json|docs\/([\w-]+\/)?[\w.-]+\.(md|yaml)|docs\/images\/[\w-]+\.(png|gif)|examples\/([\w-]+\.ts|README\.md|front-ends\/[\w.[\]/-]+\.(tsx?|html|py)))$/.test(
        file,
      ) &&
      !/^package\/dist\/(sdk|types)\//.test(file) &&
      !/^package\/dist\/outlast\/(apps\/(server|console\/dist)|packages\/(contract|sdk|cli)|scripts)\//.test(
        file,
      ),
  )
  assert.deepEqual(odd, [])
  for (const file of ['THIRD_PARTY_NOTICES.txt', 'dist/outlast/sbom.cdx.json']) {
    assert.ok(files.includes(`package/${file}`), file)
  }
  assert.deepEqual(
    files.filter(
      (file) =>
        !file.startsWith('package/dist/outlast/apps/server/templates/') &&
        /(?<!\.d|examples\/[\w.[\]/-]+)\.ts$|\.test\.|\/test\/|\.env|\.key|\/data\//.test(file),
    ),
    [],
  )
})

test('the package installs in at most 300 MB and has the client as outlast/sdk, with types', async (t) => {
  const place = placeOf('client', {})
  install(place)
  const used = run('du', ['-sm', 'node_modules'], place)
  assert.ok(Number.parseInt(used, 10) <= 300, used)
  const server = await startCommand({ ...place, program: 'npx', args: ['outlast', 'serve'] })
  t.after(() => server.stop())
  const program = `import { createOutlast } from 'outlast/sdk'
const outlast = createOutlast({ url: ${JSON.stringify(server.url)} })
const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are helpful.' })
const { id } = await outlast.sessions.create({ agent_id: agent.id })
console.log((await outlast.session(id).send('Hello!')).text)
`
  writeFileSync(path.join(place.cwd, 'hello.mjs'), program)
  assert.match(run(theirNode, ['hello.mjs'], place), /Hello!/)
  const types = path.join(place.cwd, 'node_modules/outlast/dist/sdk/index.d.ts')
  assert.ok(existsSync(types))
})

for (const [role, account] of Object.entries(accounts)) {
  test(`${role} installs it without install scripts, starts it by npx and stops it with npx`, async (t) => {
    const place = placeOf(role, account)
    install(place, '--ignore-scripts')
    const server = await startCommand({ ...place, program: 'npx', args: ['outlast', 'serve'] })
    t.after(() => server.stop())
    await useTools(t, server)
    await server.stop()
    await eventually(() => isGone(server))
    await eventually(async () => !existsSync(path.join(place.cwd, 'data/server.pid')))

    const again = { ...place, program: 'npx', args: ['outlast', 'rotate-keys'] }
    const { code, output } = await runCommand(again)
    assert.equal(code, 0, output)
    assert.match(output, /kek-v2 is the master key/)
  })
}

const isOldNode = Number.parseInt(run(theirNode, ['-p', 'process.versions.node']), 10) < 24

test('uses no Node that is too old, and no cache folder relative to the working directory', async () => {
  const place = placeOf('old node', {})
  install(place, '--ignore-scripts')
  const name = `node-${process.platform}-${process.arch}`
  const brought = path.join(place.cwd, 'node_modules', name)
  mkdirSync(brought)
  writeFileSync(path.join(brought, 'package.json'), JSON.stringify({ name, version: '20.0.0' }))
  const env = { ...place.env, HOME: '', XDG_CACHE_HOME: '.cache' }
  const program = path.join(place.cwd, 'node_modules/.bin/outlast')
  const { code, output } = await runCommand({ ...place, env, program, args: ['rotate-keys'] })
  if (isOldNode) {
    assert.equal(code, 2, output)
    assert.match(output, /^outlast: Outlast needs Node 24 or newer/)
  }
  assert.ok(!existsSync(path.join(place.cwd, '.cache')))
})

test('the program runs by its path on the Node of the caller, and forwards signals', async (t) => {
  const place = placeOf('by path', {})
  install(place)
  const program = path.join(place.cwd, 'node_modules/.bin/outlast')
  const first = await startCommand({ ...place, program, args: ['serve'] })
  t.after(() => first.stop())
  assert.equal(await first.stop('SIGINT'), 0, first.output())
  assert.ok(await isGone(first))
  assert.doesNotMatch(first.output(), /Warning/)

  const second = await startCommand({ ...place, program, args: ['serve'] })
  t.after(() => second.stop())
  await second.crash()
  await eventually(() => isGone(second))
  const unknown = await runCommand({ ...place, program, args: ['serv'] })
  assert.equal(unknown.code, 2)
  assert.match(unknown.output, /Unknown command `serv`\. Did you mean `serve`\?/)
})

/** PATH has Node alone: no shell, npm or Node 24. */
const onOldPath = (place: Place) => ({ ...place, env: { ...place.env, PATH: theirPath } })

test('the first five minutes: install, read the help, serve, chat, run the doctor', async (t) => {
  const place = onOldPath(placeOf('first minutes', {}))
  install(place)
  const outlast = (...args: string[]) =>
    runCommand({ ...place, program: 'npx', args: ['outlast', ...args] })
  const version = await outlast('--version')
  assert.deepEqual([version.code, version.output], [0, '0.1.0\n'])
  const help = await outlast('--help')
  assert.equal(help.code, 0)
  for (const noun of ['serve', 'chat', 'doctor', 'sessions']) {
    assert.match(help.output, new RegExp(`^  ${noun} `, 'm'))
  }
  const completion = await outlast('completion', 'bash')
  assert.equal(completion.code, 0)
  assert.match(completion.output, /complete /)

  const serve = ['outlast', 'serve', '--port', '0', '--data-dir', 'kept']
  const server = await startCommand({ ...place, program: 'npx', args: serve })
  t.after(() => server.stop())
  assert.match(server.output(), /^ {2}data .*first minutes\/kept$/m)
  assert.match(server.output(), /^ {2}next .*npx outlast chat --url http/m)
  const at = ['--url', server.url]
  const agents = await outlast('agents', 'list', ...at)
  assert.equal(agents.code, 0)
  assert.match(agents.output, /agent_01933b5a/)
  const chat = await outlast('chat', 'hello', ...at)
  assert.equal(chat.code, 0, chat.output)
  assert.notEqual(chat.output.trim(), '')
  const doctor = await outlast('doctor', ...at)
  assert.equal(doctor.code, 0, doctor.output)
  assert.match(doctor.output, /^ok +disk/m)
  assert.match(doctor.output, /^ok +stream/m)
  assert.match(doctor.output, /No problems, 1 warning\.\n$/)
})

test('the client of the package runs on the Node of the caller, in any folder, without a warning', async () => {
  const place = placeOf('any folder', {})
  install(place)
  const program = path.join(place.cwd, 'node_modules/.bin/outlast')
  const env = { PATH: theirPath }
  const { code, output } = await runCommand({
    program,
    args: ['sessions', 'list', '--url', 'http://127.0.0.1:1'],
    env,
    cwd: '/',
  })
  assert.equal(code, 3)
  assert.doesNotMatch(output, /Warning|\n {4}at /)
})
