import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { runSql } from '../../../../test/database.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, eventsOf } from '../../../../test/session.ts'
import { addVendorModel, startVendor } from '../../../../test/vendor.ts'
import { eventually } from '../../../../test/waiting.ts'

/** `until`: SQL, true for the events when the message is stored, if that takes at most 4 s. */
const delayMessage = (until: string) => `
create function delay_message() returns trigger language plpgsql as $$
begin
  for n in 1..40 loop
    exit when (select ${until} from events where session_id = split_part(new.path, '/', 4));
    perform pg_sleep(0.1);
  end loop;
  return new;
end $$;
create trigger delay_message before insert on idempotency_keys
for each row when (new.key like '%:message') execute function delay_message()`

type Delay = { until: string; isInCall?: boolean }

/** Lets a model call a tool, then sends its result and a message. The model counts its replies. */
async function answerAndGoOn(t: TestContext, { until, isInCall = false }: Delay) {
  const server = await startServer(t)
  const events = async () => {
    const [session] = (await server.call('GET', '/v1/sessions')).body.data
    return eventsOf(server, session.id)
  }
  const vendor = await startVendor(t, async ({ number }) => {
    if (number === 1) return { calls: [{ name: 'look', arguments: {} }] }
    if (isInCall) await eventually(async () => countOf(await events(), 'input.message') === 2)
    return { text: `Reply ${number}.` }
  })
  await addVendorModel(server, vendor)
  await createAgent(server, { name: 'ada' })
  await runSql(server.databaseUrl, delayMessage(until))
  const openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
  const tools = [{ type: 'function' as const, function: { name: 'look', parameters: {} } }]
  const send = (messages: ChatCompletionMessageParam[], headers = {}) =>
    openai.chat.completions.create({ model: 'agent:ada', messages, tools }, { headers })
  const asks = { role: 'user' as const, content: 'The weather?' }
  const first = (await send([asks])).choices[0]!.message
  const [made] = first.tool_calls!
  const result = { role: 'tool' as const, tool_call_id: made!.id, content: '"Heavy rain."' }
  const goesOn = { role: 'user' as const, content: 'What now?' }
  const sendAnswer = () => send([asks, first, result, goesOn], { 'idempotency-key': 'one' })
  const answer = await sendAnswer()
  return { answer, repeated: await sendAnswer(), events: await events(), vendor }
}

const countOf = (events: { type: string }[], wanted: string) =>
  events.filter(({ type }) => type === wanted).length

const delays: Record<string, Delay> = {
  'at once': { until: 'count(*) > 0' },
  'during the last model call of the turn': {
    until: `count(*) filter (where type = 'reason.started') = 2`,
    isInCall: true,
  },
  'after the turn ended': { until: `bool_or(type = 'turn.completed')` },
}
for (const [moment, delay] of Object.entries(delays)) {
  test(`submits results, and answers the message after them, which is stored ${moment}`, async (t) => {
    const { answer, repeated, events, vendor } = await answerAndGoOn(t, delay)
    const { requests } = vendor
    assert.ok(answer.choices[0]!.message.content!.endsWith(`Reply ${requests.length}.`))
    assert.match(JSON.stringify(requests.at(-1)!.body), /Heavy rain.*What now/)
    assert.equal(repeated.id, answer.id)
    assert.deepEqual(repeated.choices, answer.choices)
    const counts = ['turn.cancelled', 'input.message'].map((type) => countOf(events, type))
    assert.deepEqual(counts, [0, 2])
    const outcome = events.find(({ type }) => type === 'tool.completed')
    assert.match(JSON.stringify(outcome!.data), /"success":true.*Heavy rain/)
  })
}
