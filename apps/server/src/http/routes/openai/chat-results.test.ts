import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { runSql } from '../../../../test/database.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, eventsOf, post } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

/** `until`: SQL, true for the events when the message is stored, if that takes at most 30 s. */
const delayMessage = (until: string) => `
create function delay_message() returns trigger language plpgsql as $$
begin
  for n in 1..300 loop
    exit when (select ${until} from events where session_id = split_part(new.path, '/', 4));
    perform pg_sleep(0.1);
  end loop;
  return new;
end $$;
create trigger delay_message before insert on idempotency_keys
for each row when (new.key like '%:message') execute function delay_message()`

/** `again`: the call of replies before the message. `isAfterOther`: another client posts before. */
type Delay = {
  until: string
  isInCall?: boolean
  isAfterOther?: boolean
  again?: { name: string; arguments: object }
}

const look = { name: 'look', arguments: {} }
const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'x' } }

const model = 'agent:ada'
const question = 'The weather?'
const output = '"Heavy rain."'
const goesOn = { role: 'user' as const, content: 'What now?' }

/** Sends a question, and returns a function that sends the output of its call and a message. */
type Begin = (openai: OpenAI) => Promise<() => Promise<Answer>>
type Answer = { id: string; text: string; calls: number }

async function beginChat(openai: OpenAI) {
  const tools = [{ type: 'function' as const, function: { name: 'look', parameters: {} } }]
  const send = async (messages: ChatCompletionMessageParam[], headers = {}) => {
    const { id, choices } = await openai.chat.completions.create(
      { model, messages, tools },
      { headers },
    )
    return { id, message: choices[0]!.message }
  }
  const asks = { role: 'user' as const, content: question }
  const { message: first } = await send([asks])
  const result = { role: 'tool' as const, tool_call_id: first.tool_calls![0]!.id, content: output }
  return async () => {
    const { id, message } = await send([asks, first, result, goesOn], { 'idempotency-key': 'one' })
    return { id, text: message.content ?? '', calls: message.tool_calls?.length ?? 0 }
  }
}

async function beginResponse(openai: OpenAI) {
  const tool = { type: 'function' as const, name: 'look', parameters: {}, strict: false }
  const first = await openai.responses.create({ model, input: question, tools: [tool] })
  const { call_id } = first.output.find(({ type }) => type === 'function_call') as {
    call_id: string
  }
  const result = { type: 'function_call_output' as const, call_id, output }
  const request = { model, previous_response_id: first.id, input: [result, goesOn] }
  return async () => {
    const headers = { 'idempotency-key': 'one' }
    const response = await openai.responses.create(request, { headers })
    const calls = response.output.filter(({ type }) => type === 'function_call').length
    return { id: response.id, text: response.output_text, calls }
  }
}

const apis: Record<string, Begin> = { 'Chat Completions': beginChat, Responses: beginResponse }

/** Lets a model call a tool, then sends its output and a message. The model counts its replies. */
async function answerAndGoOn(
  t: TestContext,
  begin: Begin,
  { until, isInCall = false, isAfterOther = false, again }: Delay,
) {
  const server = await startServer(t)
  const idOf = async () => (await server.call('GET', '/v1/sessions')).body.data[0].id
  const events = async () => eventsOf(server, await idOf())
  const vendor = await startVendor(t, async ({ number, body: { messages } }) => {
    const call = number === 1 ? look : again
    const isAnswering = JSON.stringify(messages).includes(goesOn.content)
    if (call && !isAnswering) return { calls: [{ ...call, id: `call_${number}` }] }
    if (number === 2 && isAfterOther) await post(server, await idOf(), 'Hello?')
    const count = isAfterOther ? 3 : 2
    if (isInCall) await eventually(async () => countOf(await events(), 'input.message') === count)
    return { text: `Reply ${number}.` }
  })
  await addVendorModel(server, vendor)
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  await createAgent(server, { name: 'ada', capabilities: [files] })
  await runSql(server.databaseUrl, delayMessage(until))
  const openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
  const sendAnswer = await begin(openai)
  const answer = await sendAnswer()
  return { answer, repeated: await sendAnswer(), events: await events(), vendor, openai }
}

const countOf = (events: { type: string }[], wanted: string) =>
  events.filter(({ type }) => type === wanted).length

const delays: Record<string, Delay> = {
  'at once': { until: 'count(*) > 0' },
  'during the last model call of the turn': {
    until: `count(*) filter (where type = 'reason.started') = 2`,
    isInCall: true,
  },
  'during that call, after a message of another client': {
    until: `count(*) filter (where type = 'input.message') = 2`,
    isInCall: true,
    isAfterOther: true,
  },
  'after the turn ended': { until: `bool_or(type = 'turn.completed')` },
  'after the turn waited again': {
    until: `count(*) filter (where type = 'tool.call_requested') = 2`,
    again: look,
  },
}
for (const [moment, delay] of Object.entries(delays)) {
  for (const [api, begin] of Object.entries(apis)) {
    test(`${api}: outputs get the answer to the message after them, which is stored ${moment}`, async (t) => {
      const { answer, repeated, events, vendor } = await answerAndGoOn(t, begin, delay)
      const { requests } = vendor
      assert.ok(answer.text.endsWith(`Reply ${requests.length}.`), answer.text)
      assert.equal(answer.calls, 0)
      assert.match(JSON.stringify(requests.at(-1)!.body), /Heavy rain.*What now/)
      assert.deepEqual(repeated, answer)
      const counts = ['turn.cancelled', 'input.message'].map((type) => countOf(events, type))
      assert.deepEqual(counts, [0, delay.isAfterOther ? 3 : 2])
      const outcome = events.find(({ type }) => type === 'tool.completed')
      assert.match(JSON.stringify(outcome!.data), /"success":true.*Heavy rain/)
    })
  }
}

test('Responses: a message that is stored after the turn waited for an approval does not end it', async (t) => {
  const until = `bool_or(type = 'tool.approval_requested')`
  const waiting = await answerAndGoOn(t, beginResponse, { until, again: write })
  const { answer, repeated, openai, vendor } = waiting
  assert.deepEqual(repeated, answer)
  const { output } = await openai.responses.retrieve(answer.id)
  const [request] = output as { type: string; id: string }[]
  assert.equal(request!.type, 'mcp_approval_request')
  const decided = await openai.responses.create({
    model,
    previous_response_id: answer.id,
    input: [{ type: 'mcp_approval_response', approval_request_id: request!.id, approve: true }],
  })
  assert.equal(decided.output_text, 'Reply 3.')
  assert.match(JSON.stringify(vendor.requests.at(-1)!.body), /Heavy rain.*What now/)
})
