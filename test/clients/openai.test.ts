import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'

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
