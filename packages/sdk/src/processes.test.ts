import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startModel } from '../../../apps/server/test/remotes/written-model.ts'
import { reservePort } from '../../../test/ports.ts'
import { startProcess } from '../../../test/process.ts'
import { startProxy } from '../test/proxy.ts'
import { slow, startClient, words } from '../test/session.ts'
import { addEvent, createOutlast, type Event, emptyTranscript, itemsOf } from './index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

/** Runs a program in its own process, and returns the lines that it prints. */
function run(t: TestContext, file: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`../test/${file}`, import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  return { child, lines: createInterface({ input: child.stdout }), exited: exitOf(child) }
}

/** The exit code, once all output has been read. */
const exitOf = async (child: ChildProcess) => (await once(child, 'close'))[0] as number | null

async function portOf(t: TestContext) {
  const listener = createServer(() => {})
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => listener.close())
  return `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
}

test('releases abandoned streams and turns, so that the program ends', async (t) => {
  const session = await client.start()
  await session.send('hello')
  const silent = await portOf(t)
  const { lines, exited } = run(
    t,
    'abort-child.ts',
    ...[client.server.url, silent, 'http://127.0.0.1:1', session.id],
  )
  const said: string[] = []
  lines.on('line', (line) => said.push(line))
  assert.equal(await exited, 0, said.join('\n'))
  assert.equal(said.at(-1), 'left: ')
  assert.ok(said.length > 8)
})

test('reads every event once after a stopped client continues', async (t) => {
  const session = await client.start()
  const proxy = await startProxy(t, client.server.url)
  const { child, lines, exited } = run(t, 'follow-child.ts', proxy.url, session.id)
  await once(lines, 'line')
  const turn = session.send(slow)
  const events: Event[] = []
  lines.on('line', (line) => {
    events.push(JSON.parse(line))
    if (events.at(-1)!.type === 'output.message.delta') child.kill('SIGSTOP')
  })
  while (!events.some(({ type }) => type === 'output.message.delta')) await once(lines, 'line')
  await turn
  proxy.cutAll()
  lines.removeAllListeners('line')
  lines.on('line', (line) => events.push(JSON.parse(line)))
  child.kill('SIGCONT')
  assert.equal(await exited, 0)
  const { data } = await client.outlast.events.list(session.id)
  assert.deepEqual(
    events.filter(({ sequence }) => sequence),
    data.slice(1),
  )
})

test('answers a turn across a restart of the server, with one message in the transcript', async (t) => {
  const env = {
    DATABASE_URL: await createTestDatabase(t),
    PRIVATE_HOSTS_ALLOWED: '127.0.0.1',
    PORT: await reservePort(),
  }
  const model = await startModel(t)
  const first = await startProcess(env)
  const outlast = createOutlast({ url: first.url })
  const session = outlast.session(await model.session(first))
  const errors: unknown[] = []
  let transcript = emptyTranscript
  const following = (async () => {
    const onConnection = ({ error }: { error?: unknown }) => error && errors.push(error)
    for await (const event of session.events({ onConnection })) {
      transcript = addEvent(transcript, event)
      if (event.type === 'session.idled') break
    }
  })()
  const turn = session.send('Go on')
  const call = await model.call()
  call.say('word0 ')
  for await (const { type } of turn) if (type === 'output.message.delta') break
  const awaited = turn.then((answer) => answer)
  await first.crash()
  const second = await startProcess(env)
  t.after(() => second.stop('SIGKILL'))
  const again = await model.call(2)
  again.say(words)
  again.end()
  assert.equal((await awaited).text, words)
  await following
  assert.ok(errors.length > 0)
  const messages = itemsOf(transcript).filter((item) => item.kind === 'agent_message')
  assert.deepEqual(
    messages.map(({ text, attempt }) => [text, attempt]),
    [[words, 2]],
  )
  const { data } = await outlast.events.list(session.id)
  assert.deepEqual(data.reduce(addEvent, emptyTranscript), transcript)
})
