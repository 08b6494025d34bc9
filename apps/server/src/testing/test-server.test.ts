import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { hangingTool } from '../../test/processes/hanging-tool.ts'
import { runsOf, writeProject } from '../../test/processes/project-files.ts'
import { eventually } from '../../test/waiting.ts'
import {
  scriptedModel,
  startTestServer,
  type TestServerOptions,
  type UntilOptions,
} from './index.ts'

const timeoutMs = 60_000

/** Starts a server that is stopped after the test. */
async function start(t: TestContext, options: TestServerOptions = {}) {
  const server = await startTestServer(options)
  t.after(server.stop)
  return server
}

const clerk = {
  name: 'Clerk',
  system_prompt: 'You charge cards.',
  capabilities: [{ ref: 'tools' }],
}
const host = { name: 'Host', system_prompt: 'You greet people.' }
const charge = { calls: [{ name: 'charge', arguments: { amount: 5 } }] }

/** Starts a server whose tool hangs, and waits until the tool runs. */
async function startHanging(t: TestContext, replay: string) {
  const project = writeProject(t, { 'tools/charge.ts': hangingTool(replay) })
  const model = scriptedModel([charge, { text: 'Done.' }])
  const server = await start(t, { project, model, agents: [clerk] })
  const session = await server.session()
  const turn = session.send('Charge 5.')
  await server.until(session, 'tool.started', { timeoutMs })
  await eventually(async () => runsOf(project).length === 1)
  return { project, model, server, session, turn }
}

test('a tool of the project is called by a scripted model', async (t) => {
  const project = writeProject(t, {
    'tools/double.ts': `
  import { defineTool, Type } from 'outlast'
  export default defineTool({
    description: 'Doubles a number.',
    replay: 'safe',
    input: Type.Object({ number: Type.Number() }),
    run: ({ number }) => ({ doubled: number * 2 }),
  })`,
  })
  const model = scriptedModel([
    { calls: [{ name: 'double', arguments: { number: 21 } }] },
    ({ messages }) => ({ text: `It is ${messages.at(-1)?.text}.` }),
  ])
  const server = await start(t, { project, model, agents: [clerk] })
  const session = await server.session('Clerk')
  const { text } = await session.send('Double 21.')
  assert.equal(text, 'It is {"doubled":42}.')
  const [first, second] = model.requests
  assert.match(first!.system, /You charge cards/)
  assert.deepEqual(
    first!.tools.map(({ name }) => name),
    ['double'],
  )
  assert.deepEqual(
    second!.messages.map(({ role }) => role),
    ['user', 'assistant', 'tool'],
  )
  assert.equal(second!.messages[1]!.calls[0]!.name, 'double')
})

test('output of a project on file descriptor 1, also of its programs, is no state of the server', async (t) => {
  const project = writeProject(t, {
    'tools/shout.ts': `
  import { execSync } from 'node:child_process'
  import { writeSync } from 'node:fs'
  import { defineTool, Type } from 'outlast'
  writeSync(1, '{"error":"not the state"}\\n')
  execSync('echo loaded', { stdio: 'inherit' })
  export default defineTool({
    description: 'Shouts.',
    replay: 'safe',
    input: Type.Object({}),
    run() {
      execSync('echo hello', { stdio: 'inherit' })
      return 'shouted'
    },
  })`,
  })
  const model = scriptedModel([{ calls: [{ name: 'shout', arguments: {} }] }, { text: 'Done.' }])
  const server = await start(t, { project, model, agents: [clerk] })
  const session = await server.session('Clerk')
  assert.equal((await session.send('Shout.')).text, 'Done.')
  assert.match(model.requests[1]!.messages.at(-1)!.text, /shouted/)
})

test('a safe tool runs again after a crash, with the same idempotency key', async (t) => {
  const { project, server, session, turn } = await startHanging(t, 'safe')
  // No other program is assigned its port while it is down.
  assert.ok(Number(new URL(server.url).port) < 30_000)
  await server.kill()
  await server.restart()
  assert.equal((await turn).text, 'Done.')
  const [first, second, ...more] = runsOf(project)
  assert.equal(first, second)
  assert.deepEqual(more, [])
  const { data } = await server.until(session, 'tool.completed', { timeoutMs })
  assert.equal(data.success, true)
})

test('an unsafe tool does not run again after a crash, and the model reads why', async (t) => {
  const { project, model, server, session, turn } = await startHanging(t, 'unsafe')
  await server.restart()
  assert.equal((await turn).text, 'Done.')
  assert.equal(runsOf(project).length, 1)
  const { data } = await server.until(session, 'tool.completed', { timeoutMs })
  assert.equal(data.success, false)
  assert.match(model.requests.at(-1)!.messages.at(-1)!.text, /interrupted/)
})

test('a request that the server repeats after a crash gets the same step', async (t) => {
  let arrived = () => {}
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const model = scriptedModel([
    async () => {
      arrived()
      return { delayMs: model.requests.length === 1 ? timeoutMs : 0, text: 'First.' }
    },
    { text: 'Second.' },
  ])
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  const turn = session.send('Hello')
  await waiting
  await server.kill()
  await server.restart()
  assert.equal((await turn).text, 'First.')
  assert.equal((await session.send('Again')).text, 'Second.')
  assert.equal(model.requests.length, 3)
})

test('a stream that was open before a crash continues after it', async (t) => {
  const model = scriptedModel([{ text: 'One.' }, { text: 'Two.' }])
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  await session.send('One?')
  const sequences: number[] = []
  const reading = (async () => {
    let completed = 0
    for await (const { type, sequence } of session.events({ exclude: ['output.message.delta'] })) {
      sequences.push(sequence!)
      if (type === 'turn.completed' && ++completed === 2) return
    }
  })()
  await eventually(async () => sequences.length > 0)
  await server.kill()
  await server.restart()
  await session.send('Two?')
  await reading
  assert.deepEqual(
    sequences,
    sequences.map((_, index) => index + 1),
  )
})

test('a server keeps its address and data, and two servers share nothing', async (t) => {
  const [one, other] = await Promise.all([start(t), start(t, { agents: [host] })])
  assert.notEqual(one.url, other.url)
  await assert.rejects(one.session('Host'), /no agent with the name or id "Host"/)
  await assert.rejects(one.session(), /Name an agent/)
  const { id } = await other.session('Host')
  await other.restart()
  assert.equal((await other.client.sessions.get(id)).id, id)
})

test('a stopped server is gone, and stopping it twice does nothing', async () => {
  const server = await startTestServer()
  await server.stop()
  await server.stop()
  await assert.rejects(fetch(`${server.url}/health`))
  {
    await using used = await startTestServer()
    assert.equal((await fetch(`${used.url}/health`)).status, 200)
    server.url = used.url
  }
  await assert.rejects(fetch(`${server.url}/health`))
})

test('a project that cannot be loaded rejects with the file and the line', async (t) => {
  const project = writeProject(t, {
    'tools/broken.ts': `import { defineTool } from 'outlast'\nthrow new Error('no such key')\n`,
  })
  await assert.rejects(startTestServer({ project }), /tools\/broken\.ts:2 .*no such key/)
  const exits = writeProject(t, {
    'tools/exits.ts': `import { defineTool } from 'outlast'\nprocess.exit(7)\n`,
  })
  await assert.rejects(startTestServer({ project: exits }), /ended with code 7/)
  await assert.rejects(startTestServer({ project: '/no/such/folder' }), /\/no\/such\/folder/)
  await assert.rejects(startTestServer({ settings: { WORKER_SLOTS: -1 } }), /WORKER_SLOTS/)
})

test('settings of the test win over those of the project and its environment', async (t) => {
  const project = writeProject(t, {
    'outlast.config.ts': `
  import { defineConfig, defineTool } from 'outlast'
  export default defineConfig({
    settings: { TOOL_OUTPUT_KB: 7, TOOL_REPEATS_MAX: 5 },
    tools: [defineTool({
      name: 'environment',
      description: 'Shows variables.',
      replay: 'safe',
      run: () => ({ mine: process.env.MY_VARIABLE, key: process.env.DEFAULT_OPENAI_API_KEY ?? null }),
    })],
  })`,
  })
  process.env.MY_VARIABLE = 'kept'
  process.env.DEFAULT_OPENAI_API_KEY = 'sk-secret'
  t.after(() => {
    delete process.env.MY_VARIABLE
    delete process.env.DEFAULT_OPENAI_API_KEY
  })
  const model = scriptedModel([
    { calls: [{ name: 'environment' }] },
    ({ messages }) => ({ text: messages.at(-1)!.text }),
  ])
  const server = await start(t, { project, model, agents: [clerk] })
  const session = await server.session()
  const { text } = await session.send('Show them.')
  assert.deepEqual(JSON.parse(text), { mine: 'kept', key: null })
})

test('a project that authenticates its users is tested with AUTH_MODE=admin', async (t) => {
  const project = writeProject(t, {
    'outlast.config.ts': `
      import { defineConfig } from 'outlast'
      export default defineConfig({
        auth: {
          verify: ({ headers }) => {
            const user = headers.get('x-product-user')
            return user === null ? null : { user, role: 'member' }
          },
        },
      })`,
  })
  const settings = { AUTH_MODE: 'admin' }
  const server = await start(t, { project, settings, model: scriptedModel([]), agents: [host] })
  assert.equal((await server.client.sessions.get((await server.session()).id)).status, 'started')
  const agents = (headers: Record<string, string>) =>
    fetch(`${server.url}/v1/agents`, { headers }).then(({ status }) => status)
  assert.equal(await agents({ 'x-product-user': 'ada' }), 200)
  assert.equal(await agents({}), 401)
})

test('a server that ends without the test is the reason of until', async (t) => {
  const project = writeProject(t, {
    'tools/end.ts': `
      import { defineTool } from 'outlast'
      export default defineTool({
        description: 'Ends the server.',
        replay: 'unsafe',
        run: () => process.kill(process.pid, 'SIGKILL'),
      })`,
  })
  const model = scriptedModel([{ calls: [{ name: 'end' }] }, { text: 'Back.' }])
  const server = await start(t, { project, model, agents: [clerk] })
  const session = await server.session()
  const turn = session.send('End.')
  await assert.rejects(
    server.until(session, 'tool.completed', { timeoutMs: 600_000 }),
    /The server ended with SIGKILL\. Events so far: /,
  )
  await server.restart()
  assert.equal((await turn).text, 'Back.')
})

/** Waits with longer and longer limits, until one suffices for the events in the message. */
async function rejectsInTime(wait: (limit: UntilOptions) => Promise<unknown>, message: RegExp) {
  for (const shortMs of [1_000, 10_000]) {
    const error = await wait({ timeoutMs: shortMs }).then(
      () => assert.fail('it did not reject'),
      (error: Error) => error,
    )
    if (message.test(error.message)) return
  }
  await assert.rejects(wait({ timeoutMs }), message)
}

test('until rejects with the types of the events, and at once without a step', async (t) => {
  const model = scriptedModel([{ text: 'Hello.' }], { name: 'greeting' })
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  await session.send('Hello')
  await rejectsInTime(
    (limit) => server.until(session, 'tool.completed', limit),
    /There was no tool\.completed within \d+000 ms\. Events so far: .*input\.message, .*turn\.completed/,
  )
  const completed = await server.until(session, ({ type }) => type === 'turn.completed', {
    timeoutMs,
  })
  await rejectsInTime(
    (limit) => server.until(session, 'turn.completed', { ...limit, after: completed }),
    /Events so far: session\.idled/,
  )
  await assert.rejects(async () => session.send('Again'), /model call failed/)
  await assert.rejects(
    server.until(session, 'tool.completed', { timeoutMs: 600_000 }),
    /scripted model \(greeting\) has no step for request 2: its script has 1/,
  )
})

test('a model without a step names the place of its script', async (t) => {
  const model = scriptedModel([])
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  const print = t.mock.method(process.stderr, 'write', () => true)
  await assert.rejects(async () => session.send('Hello'))
  print.mock.restore()
  const printed = print.mock.calls.map(({ arguments: [text] }) => String(text)).join('')
  assert.match(printed, /scripted model \(.*test-server\.test\.ts:\d+\) has no step for request 1/)
  await assert.rejects(
    server.until(session, 'turn.completed'),
    /scripted model \(.*test-server\.test\.ts:\d+\) has no step/,
  )
})

test('scripted errors are retried by the server, unless they cannot pass', async (t) => {
  const model = scriptedModel([
    { error: 'rate_limited' },
    { error: 500 },
    { error: 'disconnected' },
    { text: 'At last.' },
    { error: 'overloaded', retryable: false },
    { error: 'bad_key', message: 'Incorrect API key: sk-1' },
  ])
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  assert.equal((await session.send('Hello')).text, 'At last.')
  assert.equal(model.requests.length, 4)
  await assert.rejects(async () => session.send('Again'), { code: 'llm_overloaded' })
  assert.equal(model.requests.length, 5)
  await assert.rejects(async () => session.send('And again'), { code: 'llm_bad_key' })
  assert.equal(model.requests.length, 6)
})

test('a step that throws fails the turn, and until shows its error', async (t) => {
  const model = scriptedModel(() => assert.fail('the prompt has no date'), { name: 'dates' })
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  await assert.rejects(async () => session.send('Hello'))
  await assert.rejects(
    server.until(session, 'tool.started'),
    /A step of the scripted model \(dates\) failed: the prompt has no date/,
  )
})

test('a step that returns nothing fails the turn with a reason', async (t) => {
  const model = scriptedModel((() => {}) as never, { name: 'empty' })
  const server = await start(t, { model, agents: [host] })
  const session = await server.session()
  await assert.rejects(async () => session.send('Hello'))
  await assert.rejects(
    server.until(session, 'tool.started'),
    /A step of the scripted model \(empty\) failed: it returned nothing/,
  )
})
