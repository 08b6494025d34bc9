import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { flat, loggedIn } from '../front-ends/openai-log.ts'
import { startProcess } from '../process.ts'

/** A program that drives a server with OpenAI's library. */
const [program, ...args] = JSON.parse(process.env.OUTLAST_TEST_CLIENTS ?? '[]') as string[]

test("OpenAI's library for Python has responses, conversations, chats, models and errors", async (t) => {
  assert.ok(program, 'a program is prepared')
  const server = await startServer(t)
  await createAgent(server, { name: 'ada' })
  const { stdout } = await promisify(execFile)(program, [...args, `${server.url}/openai/v1`])
  assert.deepEqual(JSON.parse(stdout), {
    answers: ['One.', 'Two.', true, true],
    tools: ['get_weather', { city: 'Rome' }, 'Rain.'],
    background: ['in_progress', 'cancelled'],
    conversations: [{ topic: 'sums' }, ['user', 'assistant', 'user', 'assistant']],
    structured: { total: 7 },
    chat: ['One.', 'Two.', true],
    errors: [
      ['NotFoundError', 'not_found', null],
      ['BadRequestError', 'invalid_request', 'model'],
      ['BadRequestError', 'invalid_request', 'n'],
    ],
    models: true,
  })
})

const programFile = (name: string) => path.join(import.meta.dirname, `${name}.py`)

test("OpenAI's library for Python has the messages of the log after every kind of turn", async (t) => {
  const server = await startServer(t)
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  const capabilities = [{ ref: 'test_math' }, { ref: 'ask_user' }, files]
  await createAgent(server, { name: 'ada', capabilities })
  const url = `${server.url}/openai/v1`
  const { stdout } = await promisify(execFile)(program!, [programFile('log_openai'), url])
  const talks: Record<string, { session: string; items: object[] }> = JSON.parse(stdout)
  assert.equal(Object.keys(talks).length, 7)
  for (const [name, { session, items }] of Object.entries(talks)) {
    assert.deepEqual(flat(items), await loggedIn(server.call, session), name)
  }
})

test("OpenAI's library for Python resumes on another node after kill -9 of its own", async (t) => {
  const chosen = await startModel(t)
  const databaseUrl = await createTestDatabase(t)
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const one = await startProcess({ ...env, DATABASE_URL: databaseUrl })
  t.after(() => one.crash())
  await chosen.session(one)
  const two = await startServer(t, { databaseUrl, env })
  const urls = [one, two].map(({ url }) => `${url}/openai/v1`)
  const child = execFile(program!, [programFile('resume_openai'), ...urls])
  child.stderr!.pipe(process.stderr)
  const lines = createInterface(child.stdout!)
  const first = await chosen.call()
  first.say('Lost words.')
  await once(lines, 'line')
  await one.crash()
  const again = await chosen.call(2)
  again.say('Found words.')
  again.end()
  let last = ''
  for await (const line of lines) last = line
  assert.deepEqual(JSON.parse(last), { texts: 'Found words.', output: 'Found words.' })
})
