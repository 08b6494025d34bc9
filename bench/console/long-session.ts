import { call, createAgent, openClient } from '../core/client.ts'
import { queryRows } from '../core/database.ts'

const answer = `Order 17 **was sent on Tuesday**, and arrives within three days.

- The parcel is in *Lyon* now, see [the page of the carrier](https://example.com/17).
- The invoice has \`17.50\` on it.

| Part | Count |
|---|---|
| Lamp | 2 |
| Bulb | 4 |

\`\`\`ts
const total = parts.reduce((sum, { price, count }) => sum + price * count, 0)
\`\`\`
`

/** Each turn: two parallel tools, another one, and an answer with every kind of Markdown. */
const script = [
  {
    thinking: 'Both can be asked at once.',
    tool_calls: [
      { name: 'get_current_time', arguments: { timezone: 'Europe/Paris' } },
      { name: 'add', arguments: { a: 17, b: 0.5 } },
    ],
  },
  { text: 'One more thing.', tool_calls: [{ name: 'multiply', arguments: { a: 4, b: 2 } }] },
  { text: answer },
]

/** Creates a session with at least `events` events: turns with tools and Markdown. */
export async function longSession(server: Where, title: string, events: number): Promise<string> {
  const agent = await createAgent(server.url, {
    system_prompt: `llmsim-script: ${JSON.stringify(script)}`,
    capabilities: [{ ref: 'current_time' }, { ref: 'test_math' }],
  })
  const client = await openClient(server.url, agent)
  await client.turn('Where is order 17, and what did it cost?')
  client.close()
  await call(server.url, 'PATCH', `/v1/sessions/${client.sessionId}`, { title })
  await lengthen(server.databaseUrl, client.sessionId, events)
  return client.sessionId
}

type Where = { url: string; databaseUrl: string }

/**
 * Repeats the turn with new ids and times until there are enough events. Copies refer to the events
 * of their own turn, so that the prompt of a model call has all messages before it.
 */
async function lengthen(url: string, sessionId: string, events: number) {
  const renamed = (column: string) =>
    `regexp_replace(${column}::text, '"((?:turn|message|exec)_[0-9a-zA-Z_]{20,}|call_[0-9]+_[0-9]+)"', '"\\1' || lpad(n::text, 6, '0') || '"', 'g')::json`
  const moved = ['from', 'to', 'input_sequence'].reduce(
    (data, field) =>
      `jsonb_set(${data}, '{${field}}', coalesce(to_jsonb((data->>'${field}')::int + n * (last - 1)), 'null'), false)`,
    `${renamed('data')}::jsonb`,
  )
  const data = `case when type in ('llm.generation', 'session.activated')
    then ${moved}::json else ${renamed('data')} end`
  await queryRows(
    url,
    `with e as (select *, max(sequence) over () as last, max(ts) over () - min(ts) over () as took
      from events where session_id = $1 and sequence > 1)
    insert into events (session_id, sequence, type, ts, context, data)
    select session_id, sequence + n * (last - 1), type, ts + n * (took + interval '1 second'), ${renamed('context')}, ${data}
    from e, generate_series(1, $2::int / (last - 1)) n`,
    [sessionId, events],
  )
  await queryRows(
    url,
    `update sessions set sequence = (select max(sequence) from events where session_id = $1) where id = $1`,
    [sessionId],
  )
}
