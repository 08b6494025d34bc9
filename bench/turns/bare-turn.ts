/**
 * Runs a text turn without any other work: Fastify and `pg` run the same statements as our turns,
 * write the same rows as a recorded turn, and notify followers in this process. No validation, no
 * fold, no model, no positions. Takes DATABASE_URL (a database of its own), PORT, and TURN: the
 * rows of a recorded turn as JSON.
 */
import { EventEmitter } from 'node:events'
import Fastify from 'fastify'
import { readConfig } from '../../apps/server/src/config.ts'
import { newId } from '../../apps/server/src/ids.ts'
import { migrateQueue } from '../../apps/server/src/runtime/queue.ts'
import { createPool, openDatabase } from '../../apps/server/src/store/database.ts'
import type { NewEvent } from '../../apps/server/src/store/log/log-sql.ts'
import { seed } from '../../apps/server/src/store/models/seeds.ts'
import { acceptMessage } from '../../apps/server/src/store/sessions/messages.ts'
import { createSession } from '../../apps/server/src/store/sessions/sessions.ts'
import { migrate } from '../../apps/server/src/store/start/migrate.ts'
import { appendToTurn } from '../../apps/server/src/store/turns/turn-appends.ts'
import type { TurnRun } from '../../apps/server/src/store/turns/turns.ts'
import type { RecordedTurn } from './recorded-turn.ts'

const { DATABASE_URL, PORT, TURN } = process.env
const url = DATABASE_URL!
const recorded = JSON.parse(TURN!) as RecordedTurn
const orgId = 'org_00000000000000000000000000000001'
const nodeId = 'bare'
const onError = () => {}

const db = openDatabase({ url, max: 8, onError })
const queuePool = createPool({ url, max: 4, onError })
await migrate(url, async () => {
  await migrateQueue(queuePool)
  await seed(db, readConfig({}))
})
const bus = new EventEmitter().setMaxListeners(0)

async function turn(run: TurnRun) {
  const { sequence } = await tell(run, recorded.begin, { events: recorded.begin })
  await tell(run, [...recorded.answer, ...recorded.end], {
    events: recorded.answer,
    ending: { events: recorded.end, sequence, next: undefined },
    outcome: true,
    outputPreview: recorded.outputPreview,
    usage: { input_tokens: 20, output_tokens: 40 },
    context: { sequence, prompt: recorded.prompt },
  })
}

async function tell(run: TurnRun, events: NewEvent[], what: Parameters<typeof appendToTurn>[2]) {
  const appended = await appendToTurn(db, run, what)
  if (!appended) throw new Error('A turn of the bare server was lost.')
  bus.emit(run.sessionId, events)
  return appended
}

type Params = { id: string }
type Message = { message: { content: { text: string }[] } }
const app = Fastify()
app.get('/health/ready', async () => ({ status: 'ok' }))

app.post<{ Body: { agent_id: string } }>('/v1/sessions', async ({ body }, reply) => {
  reply.code(201)
  const { session } = await createSession(db, orgId, body)
  return session
})

app.post<{ Params: Params; Body: Message }>(
  '/v1/sessions/:id/messages',
  async ({ params, body }, reply) => {
    const { context, type } = recorded.input
    const id = newId('message')
    const data = JSON.stringify({
      message: { id, role: 'user', content: body.message.content, created_at: new Date() },
    })
    const preview = body.message.content[0]!.text
    const ids = { turnId: newId('turn'), messageId: id, nodeId, modelId: null }
    const input = {
      ...ids,
      data,
      busyData: null,
      tags: null,
      preview,
      onlyIdle: false,
      turnsMax: null,
      keyedTypes: [],
    }
    const ref = { orgId, sessionId: params.id }
    const accepted = await acceptMessage(db, ref, input)
    if (accepted.refused !== null) throw new Error(accepted.refused)
    bus.emit(params.id, [{ type, context, data }])
    void turn({ ...ref, turnId: ids.turnId, attempt: accepted.turn_attempt })
    return reply.code(201).send({ id, sequence: accepted.sequence })
  },
)

app.get<{ Params: Params }>('/v1/sessions/:id/sse', ({ params, raw }, reply) => {
  reply.hijack()
  raw.socket.setNoDelay(true)
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
  reply.raw.write('event: connected\ndata: {}\n\n')
  const send = (events: NewEvent[]) => {
    for (const { type, context, data } of events) {
      reply.raw.write(`event: ${type}\ndata: {"context":${context},"data":${data}}\n\n`)
    }
  }
  bus.on(params.id, send)
  reply.raw.on('close', () => bus.off(params.id, send))
})

await app.listen({ host: '127.0.0.1', port: Number(PORT) })
process.on('SIGTERM', () => process.exit(0))
