/** Requests about a session that is being deleted. */
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { expectStatus } from '../../../../test/access.ts'
import { queryRows } from '../../../../test/database.ts'
import { type HttpAnswer, startServer } from '../../../../test/server.ts'
import { converse, createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/** Waits until a statement with a text waits for a lock. */
const untilBlocked = ({ databaseUrl }: Server, text: string) =>
  eventually(async () => {
    const blocked = `select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and strpos(query, $1) > 0`
    return (await queryRows(databaseUrl, blocked, [text])).length > 0
  })

type Session = { id: string; sequence: number }
type Sent = { blocked: string; send: (session: Session) => Promise<HttpAnswer> }

/** Sends a request while a deletion of its session has the row; the deletion ends then. */
async function whileDeleted(t: TestContext, server: Server, sent: Sent) {
  const { id } = await createSession(server)
  const { sequence = 0 } = (await converse(t, server, id, 'Hello')).at(-1)!
  return whileGoing(server, { id, sequence }, sent)
}

async function whileGoing(server: Server, session: Session, { blocked, send }: Sent) {
  const { id } = session
  const holder = new pg.Client(server.databaseUrl)
  await holder.connect()
  try {
    await holder.query('begin')
    await holder.query('select from events where session_id = $1 for update', [id])
    const deleted = server.call('DELETE', `/v1/sessions/${id}`)
    await untilBlocked(server, 'delete from events')
    const sent = send(session)
    await untilBlocked(server, blocked)
    await holder.query('rollback')
    expectStatus(await deleted, 204)
    return await sent
  } finally {
    await holder.end()
  }
}

test('a message to a session that is being deleted is 404', async (t) => {
  const server = await startServer(t)
  const fields = [
    () => ({}),
    ({ sequence }: Session) => ({ if_sequence: sequence }),
    () => ({ on_busy: 'reject' }),
  ]
  for (const fieldsOf of fields) {
    const send = (session: Session) => post(server, session.id, 'Still?', fieldsOf(session))
    const answer = await whileDeleted(t, server, { blocked: 'update sessions', send })
    expectStatus(answer, 404, 'not_found')
  }
})

test('a pin of a session that is being deleted is 404', async (t) => {
  const server = await startServer(t)
  const send = ({ id }: Session) => server.call('PUT', `/v1/sessions/${id}/pin`)
  const answer = await whileDeleted(t, server, { blocked: 'session_pins', send })
  expectStatus(answer, 404, 'not_found')
})

test('a run of AG-UI that answers a session that is being deleted is 404', async (t) => {
  const server = await startServer(t)
  const tools = [{ type: 'client_side', name: 'pick', description: 'Picks.' }]
  const agent = await createAgent(server, { tools })
  const run = (runId: string, ...messages: object[]) =>
    server.call('POST', `/v1/ag-ui/agents/${agent.id}`, { threadId: 'thread', runId, messages })
  const pick = { name: 'pick', arguments: {}, id: 'picked' }
  const asked = { id: 'm1', role: 'user', content: scripted({ tool_calls: [pick] }) }
  expectStatus(await run('run-1', asked), 200)
  const [session] = expectStatus(await server.call('GET', '/v1/sessions?key=thread'), 200).data
  const result = { id: 't1', role: 'tool', toolCallId: 'picked', content: 'This one.' }
  const send = () => run('run-2', asked, result)
  const answer = await whileGoing(server, session, { blocked: 'ag_ui_runs', send })
  expectStatus(answer, 404, 'not_found')
})
