import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createOutlast, type Event } from '@outlast/sdk'
import pg from 'pg'
import { runCommand, startCommand } from '../../../../../test/process.ts'
import { createTestDatabase } from '../../../test/database.ts'
import {
  answerFile,
  type DevServer,
  inFolder,
  projectFolder,
  startDev,
} from '../../../test/processes/dev.ts'
import { writeFiles } from '../../../test/processes/project-files.ts'
import { createAgent, createSession, eventsOf, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

const callAnswer = scripted({ tool_calls: [{ name: 'answer', arguments: {} }] }, { text: 'Done.' })

/** A tool that returns `value` once the file `go` exists. */
const waitingTool = (folder: string, value: string) => `
  import { existsSync, writeFileSync } from 'node:fs'
  import { setTimeout as sleep } from 'node:timers/promises'
  import { defineTool } from 'outlast'

  export default defineTool({
    description: 'Waits.',
    replay: 'safe',
    async run(_input, { signal }) {
      writeFileSync(${JSON.stringify(`${folder}/running`)}, '${value}')
      while (!existsSync(${JSON.stringify(`${folder}/go`)})) await sleep(20, undefined, { signal })
      return { answer: '${value}' }
    },
  })
`

/** The folder exists: a new one would reload the project before its first tool does. */
const noTools = { 'tools/notes.txt': 'No tool yet.' }

async function openSession(server: DevServer) {
  const agent = await createAgent(server, { capabilities: [{ ref: 'tools' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  return createOutlast({ url: server.url }).session(id)
}

type Handle = Awaited<ReturnType<typeof openSession>>

/** Follows a session in the background. */
function followed(t: TestContext, session: Handle) {
  const ending = new AbortController()
  t.after(() => ending.abort())
  const events: Event[] = []
  const reading = (async () => {
    for await (const event of session.events({ signal: ending.signal })) {
      if (event.sequence !== undefined) events.push(event)
    }
  })().catch(() => {})
  return {
    events,
    until: (type: Event['type'], times = 1) =>
      eventually(async () => events.filter((event) => event.type === type).length >= times),
    async close() {
      ending.abort()
      await reading
    },
  }
}

const answersOf = (events: readonly Event[]) =>
  events.flatMap((event) =>
    event.type === 'tool.completed' ? [JSON.stringify(event.data.result)] : [],
  )

async function answer(session: Handle) {
  const events: Event[] = []
  for await (const event of session.send(callAnswer)) events.push(event)
  return answersOf(events).join()
}

const answers = (session: Handle, value: string) =>
  eventually(async () => (await answer(session)).includes(value))

test('a tool that is edited while it runs completes, no event is lost, and the next turn uses the new code', async (t) => {
  const limits = { SHUTDOWN_GRACE_MS: '600000', TOOL_TIMEOUT_MS: '600000' }
  const server = await startDev(t, noTools, limits)
  server.write('tools/answer.ts', waitingTool(server.folder, 'one'))
  await server.shows('Reloaded')
  const session = await openSession(server)
  const stream = followed(t, session)
  const turn = session.send(callAnswer)
  await eventually(async () => existsSync(`${server.folder}/running`))
  server.write('tools/answer.ts', waitingTool(server.folder, 'two'))
  await server.shows('Reloaded', 2)
  server.write('go', '')
  assert.equal((await turn).text, 'Done.')
  await stream.until('session.idled')
  assert.match(answersOf(stream.events).join(), /one/)
  assert.match(await answer(session), /two/)
  await stream.until('session.idled', 2)
  await stream.close()
  const stored = await eventsOf(server, session.id, '?limit=1000')
  assert.deepEqual(
    stream.events.map(({ sequence }) => sequence),
    stored.map(({ sequence }) => sequence),
  )
  assert.ok(stream.events.every(({ sequence }, index) => sequence === index + 1))
})

test('a turn whose tool does not end in time is taken over by the new code', async (t) => {
  const server = await startDev(t, noTools, { SHUTDOWN_GRACE_MS: '0' })
  server.write('tools/answer.ts', waitingTool(server.folder, 'one'))
  await server.shows('Reloaded')
  const session = await openSession(server)
  const stream = followed(t, session)
  const turn = session.send(callAnswer)
  await stream.until('tool.started')
  server.write('tools/answer.ts', answerFile('two'))
  assert.equal((await turn).text, 'Done.')
  await stream.until('session.idled')
  assert.match(answersOf(stream.events).join(), /two/)
})

test('a syntax error leaves the earlier code serving, is shown, and goes away with its fix', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  const session = await openSession(server)
  // A connection can break while the process is replaced: the client sends the request again.
  const { workers } = createOutlast({ url: server.url })
  const healthOf = () => workers.getHealth()
  server.write('tools/answer.ts', `${answerFile('two')}\nconst = 3\n`)
  const problem = 'tools/answer.ts:10 is not valid'
  await server.shows(problem)
  await server.shows('The earlier version continues to serve.')
  await eventually(async () => (await healthOf()).problems.join().includes(problem))
  assert.equal((await healthOf()).status, 'degraded')
  assert.equal((await server.call('GET', '/health')).body.development, true)
  assert.match(await answer(session), /one/)
  server.write('tools/answer.ts', answerFile('three'))
  await server.shows('Reloaded in ')
  await eventually(async () => (await healthOf()).status === 'ok')
  // The replaced process can take one more turn before it leaves.
  await answers(session, 'three')
})

test('a project that does not load at first is served once it is fixed', async (t) => {
  const { folder, write } = await projectFolder(t, { 'tools/answer.ts': 'export default 1' })
  const database = await createTestDatabase(t)
  const starting = startCommand(
    inFolder(folder, ['dev', '--port', '0', '--database-url', database]),
  )
  setTimeout(() => write('tools/answer.ts', answerFile('one')), 1_000)
  const server = await starting
  t.after(() => server.crash())
  assert.equal((await server.call('GET', '/health')).status, 200)
})

test('twenty quick saves end with the last code, and with one server', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('zero') })
  const session = await openSession(server)
  for (let n = 1; n <= 20; n++) {
    // In two steps, as some editors do: the file is empty for a moment.
    writeFiles(server.folder, { 'tools/answer.ts': answerFile(`save ${n}.`) })
    await new Promise((resolve) => setTimeout(resolve, n * 5))
  }
  await answers(session, 'save 20.')
  // A connection can break while the process is replaced: the client sends the request again.
  const { workers } = createOutlast({ url: server.url })
  await eventually(async () => (await workers.getHealth()).workers?.alive === 1)
})

test('a deleted tool is gone, and new files in a new folder are there', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  // A connection can break while the process is replaced: the client sends the request again.
  const { capabilities } = createOutlast({ url: server.url })
  const idsOf = async () => (await capabilities.list()).data.map(({ id }) => id)
  assert.ok((await idsOf()).includes('tools'))
  server.remove('tools/answer.ts')
  await eventually(async () => !(await idsOf()).includes('tools'))
  server.write(
    'capabilities/greeting.ts',
    `
      import { defineCapability } from 'outlast'
      export default defineCapability({ prompt: 'Greet.' })
    `,
  )
  await eventually(async () => (await idsOf()).includes('greeting'))
})

test('a changed module that a tool imports takes effect, and tests and data do not reload', async (t) => {
  const server = await startDev(t, {
    'lib/value.ts': `export const value = 'one'\n`,
    'tools/answer.ts': `
      import { defineTool } from 'outlast'
      import { value } from '../lib/value.ts'

      export default defineTool({ description: 'Answers.', replay: 'safe', run: () => ({ value }) })
    `,
  })
  const session = await openSession(server)
  assert.match(await answer(session), /one/)
  server.write('tools/answer.test.ts', 'syntax error')
  server.write('node_modules/some/index.js', 'syntax error')
  server.write('notes.json', '{}')
  server.write('lib/value.ts', `export const value = 'two'\n`)
  await server.shows('Reloaded')
  await answers(session, 'two')
  assert.match(server.output(), /Reloaded in [\d.]+ s: lib\/value\.ts\n/)
})

test('a tool that kills the process does not end the command', async (t) => {
  const server = await startDev(t, {
    'tools/answer.ts': answerFile('one').replace(
      '({ answer: ',
      "(process.kill(process.pid, 'SIGKILL'), { answer: ",
    ),
  })
  const session = await openSession(server)
  const stream = followed(t, session)
  session.send(callAnswer).catch(() => {})
  await server.shows('The server ended unexpectedly (signal SIGKILL).')
  server.write('tools/answer.ts', answerFile('two'))
  await stream.until('session.idled')
  await answers(session, 'two')
})

test('code that never ends while it is imported is replaced by the next save', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  const session = await openSession(server)
  server.write('tools/answer.ts', "import 'outlast'\nwhile (true) {}\n")
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.match(await answer(session), /one/)
  server.write('tools/answer.ts', answerFile('two'))
  await answers(session, 'two')
})

test('messages of the project to a process manager have no effect', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  const tells =
    'process.send?.("ready")\nprocess.send?.(null)\nprocess.send?.({ type: "online" })\n'
  server.write('tools/answer.ts', tells + answerFile('two'))
  await server.shows('Reloaded')
  await answers(await openSession(server), 'two')
})

test('code that ends the process while it is imported is a problem', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  server.write('tools/answer.ts', "import 'outlast'\nprocess.exit(0)\n")
  await server.shows('The process ended while it loaded the project: exit code 0.')
  server.write('tools/answer.ts', answerFile('two'))
  await server.shows('Reloaded')
})

test('an agent with an unknown capability is a problem that names its file', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  server.write('agents/helper.md', '---\nname: Helper\ncapabilities: [tool]\n---\nYou help.\n')
  await server.shows('agents/helper.md capabilities/0/ref: Capability tool does not exist')
  server.write('agents/helper.md', '---\nname: Helper\ncapabilities: [tools]\n---\nYou help.\n')
  await server.shows('Reloaded')
})

const isGone = (url: string) =>
  fetch(`${url}/health`).then(
    () => false,
    () => true,
  )

test('Ctrl-C ends all processes, and a killed supervisor leaves none behind', async (t) => {
  const first = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  assert.equal(await first.stop('SIGINT'), 0)
  assert.ok(await isGone(first.url))
  const second = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  await second.crash()
  await eventually(() => isGone(second.url))
})

test('a port in use ends the command with one sentence', async (t) => {
  const { folder } = await projectFolder(t, {})
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  const database = await createTestDatabase(t)
  const args = ['dev', '--port', String(port), '--database-url', database]
  // Without warnings: on a loaded machine a node can report that it could not renew its lease.
  const { code, output } = await runCommand(inFolder(folder, args, { LOG_LEVEL: 'error' }))
  assert.equal(code, 1)
  assert.equal(
    output,
    `outlast: PORT ${port} on 127.0.0.1 is in use by another program. Set PORT to a free port.\n`,
  )
})

/** Takes the first port that the command's own process releases, as another program could. */
const takesReleasedPort = `
  import cluster from 'node:cluster'
  import { createServer, Server } from 'node:net'
  import { isMainThread } from 'node:worker_threads'

  const { close } = Server.prototype
  if (cluster.isPrimary && isMainThread) Server.prototype.close = function (...args) {
    const { port } = this.address()
    Server.prototype.close = close
    close.apply(this, args)
    createServer().listen(port, '127.0.0.1', () => console.log('taken: ' + port + '.'))
    return this
  }
`

test('the start warns about keys without an effect, those of agent files again when they are saved', async (t) => {
  const helper = (key: string) => `---\nname: Helper\n${key}: gpt-5\n---\nYou help.\n`
  const files = { 'agents/helper.md': helper('model') }
  const server = await startDev(t, files, { OPENAI_API_KEY: 'sk-x' })
  await server.shows('OPENAI_API_KEY has no effect; set DEFAULT_OPENAI_API_KEY')
  await server.shows('warning: agents/helper.md:3 model is not a key of an agent')
  server.write('agents/helper.md', helper('llm'))
  await server.shows('warning: agents/helper.md:3 llm is not a key of an agent')
  assert.equal(server.output().split('OPENAI_API_KEY has no effect').length, 2)
})

test('another program that takes the free port does not end the command', async (t) => {
  const env = {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(takesReleasedPort)}`,
  }
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') }, env)
  const taken = /taken: (\d+)\./.exec(server.output())?.[1]
  assert.ok(taken)
  assert.notEqual(new URL(server.url).port, taken)
  server.write('tools/answer.ts', answerFile('two'))
  await server.shows('Reloaded')
  await answers(await openSession(server), 'two')
})

test('the embedded database stays while the server is replaced', async (t) => {
  const { folder, write } = await projectFolder(t, { 'tools/answer.ts': answerFile('one') })
  const command = inFolder(folder, ['dev', '--port', '0'], { DATA_DIR: `${folder}/data` })
  const server = await startCommand(command)
  t.after(() => server.crash())
  const agent = await createAgent(server)
  write('tools/answer.ts', answerFile('two'))
  await eventually(async () => server.output().includes('Reloaded'))
  // A kept connection may end with the replaced server.
  await eventually(() =>
    server.call('GET', `/v1/agents/${agent.id}`).then(
      ({ status }) => status === 200,
      () => false,
    ),
  )
  assert.equal(await server.stop('SIGINT'), 0)
  assert.ok(!existsSync(`${folder}/data/server.pid`))
  assert.doesNotMatch(server.output(), /postgres:\/\/|kek-/)
})

test('a start that the database held up is repeated without a change of the project', async (t) => {
  const server = await startDev(t, { ...noTools, 'tools/answer.ts': answerFile('one') })
  const client = new pg.Client({ connectionString: server.databaseUrl })
  await client.connect()
  try {
    await client.query('begin; lock table agents')
    server.write('tools/answer.ts', answerFile('two'))
    await server.shows('The earlier version continues to serve.')
    assert.doesNotMatch(server.output(), /Reloaded/)
  } finally {
    await client.end()
  }
  await server.shows('Reloaded in')
  assert.match(server.output(), /Reloaded in [\d.]+ s: tools\/answer\.ts/)
})

/** Creates folders in each other whose path is longer than the system allows. */
const makeDeep = `
  for (let depth = 0; depth < 20; depth += 1) {
    fs.mkdirSync('d'.repeat(250))
    process.chdir('d'.repeat(250))
  }`

test('a folder that cannot be watched is reported, and changes of others are noticed', async (t) => {
  const server = await startDev(t, { ...noTools, 'tools/answer.ts': answerFile('one') })
  const made = mkdtempSync(`${path.dirname(server.folder)}/outlast-deep-`)
  const place = `${server.folder}/notes`
  t.after(() => execFileSync('rm', ['-rf', made]))
  execFileSync(process.execPath, ['-e', makeDeep], { cwd: made })
  renameSync(made, place)
  try {
    await server.shows('or other folders are not noticed: ENAMETOOLONG')
    server.write('tools/answer.ts', answerFile('two'))
    await server.shows('Reloaded')
  } finally {
    renameSync(place, made)
  }
})
