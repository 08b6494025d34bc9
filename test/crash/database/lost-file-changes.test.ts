/** Changes of files whose commit is made, although the tool sees an error or its time limit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../../apps/server/src/capabilities/capability.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { insistent, startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { type Fault, startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { scopeOf, untilIdle } from '../scenario.ts'

const notes = defineCapability({
  id: 'notes',
  name: 'Notes',
  description: 'Adds lines to a file.',
  category: 'Testing',
  icon: 'file',
  status: 'available',
  tools: () => [
    defineTool({
      name: 'note',
      description: 'Adds a line.',
      replay: 'until_changed',
      input: Type.Object({}),
      async run(_input, { files }) {
        await files.edit('/notes', (old) => `${old ?? ''}line\n`)
        return 'noted'
      },
    }),
  ],
})

/** The response to the commit is lost. */
const lost: Fault = { when: 'after' }

/** The commit is under way until other statements want the session. */
function lateCommit() {
  const { promise: sent, resolve: send } = Promise.withResolvers<void>()
  return { fault: { when: 'late', sent, made() {}, answered: sent } as Fault, send }
}

const changed = 'The call was interrupted after it had changed files. Its result is lost.'

/** Calls the tool once, with a fault of its commit; returns the log and the file. */
async function noteOnce(t: Parameters<typeof scopeOf>[0], fault: Fault, awaited = () => {}) {
  const scope = scopeOf(t)
  let stage: 'before' | 'changing' | 'over' = 'before'
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (stage === 'over' && /^(lock-files|append-events)/.test(label)) awaited()
      if (stage === 'before' && label === 'append-file-events') stage = 'changing'
      if (stage !== 'changing' || label !== 'commit') return undefined
      stage = 'over'
      return fault
    },
  })
  scope.after(proxy.close)
  const env: Record<string, string> = fault.when === 'late' ? { TOOL_TIMEOUT_MS: '3000' } : {}
  const plain = await startServer(scope, { env, databaseUrl: proxy.url, capabilities: [notes] })
  const server = { ...plain, call: insistent(plain.call) }
  const agent = await createAgent(server, { capabilities: [{ ref: 'notes' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  await post(server, id, scripted({ tool_calls: [{ name: 'note', arguments: {} }] }, { text: 'x' }))
  await untilIdle(scope, server, id)
  const events = await eventsOf(server, id)
  auditLog(events)
  const file = await server.call('GET', `/v1/sessions/${id}/fs/notes`)
  assert.equal(file.body.content, 'line\n')
  return dataOf(events, 'tool.completed')
}

test('a change whose commit was made is reported after its response was lost', async (t) => {
  const { status, error } = await noteOnce(t, lost)
  assert.deepEqual([status, error], ['error', changed])
})

test('a change whose commit is late is reported with the time limit of the call', async (t) => {
  const { fault, send } = lateCommit()
  const { status, error } = await noteOnce(t, fault, send)
  assert.deepEqual(
    [status, error],
    ['timeout', `The tool did not finish within 3000 ms. ${changed}`],
  )
})
