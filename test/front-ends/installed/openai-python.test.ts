/** The example with OpenAI's client for Python, which is installed once. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openAILibrary, pythonWith } from '../../../scripts/python.ts'
import { agentOf, startProduct } from '../guarded.ts'

const file = path.join(import.meta.dirname, '../../../examples/front-ends/openai-python/chat.py')

test('each start of the chat in Python continues the conversation', async (t) => {
  const product = await startProduct(t)
  const agent = await agentOf(product, { text: 'First.' }, { text: 'Second.' })
  const python = pythonWith('openai', openAILibrary)
  const env = { PATH: process.env.PATH!, ...product.env(agent) }
  for (const reply of ['First.', 'Second.']) {
    const run = promisify(execFile)(python, [file], { env })
    run.child.stdin!.end('Hello!\n\n')
    assert.equal((await run).stdout, `> ${reply}\n> `)
  }
  const { data } = await product.outlast.sessions.list({ agent_id: agent.id })
  assert.deepEqual(
    data.map(({ key }) => key),
    ['my-chat'],
  )
  const { body } = await product.call('GET', `/v1/sessions/${data[0]!.id}/events`)
  const inputs = body.data.filter(({ type }: { type: string }) => type === 'input.message')
  assert.equal(inputs.length, 2)
})
