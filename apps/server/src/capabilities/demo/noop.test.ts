import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { converse, dataOf } from '../../../test/session.ts'
import { sessionWith } from '../../../test/tool-session.ts'

test('the prompt has the note, and no text without one', async (t) => {
  const server = await startServer(t)
  const promptWith = async (config?: object) => {
    const session = await sessionWith(server, 'noop', config)
    const { messages } = dataOf(await converse(t, server, session.id, 'Hello'), 'llm.generation')
    const [part] = messages[0]!.content
    return part?.type === 'text' ? part.text : ''
  }
  assert.equal(await promptWith(), 'You are Ada.')
  assert.match(await promptWith({ note: 'Be brief.' }), /^<capability id="noop">\nBe brief\.\n/)
})
