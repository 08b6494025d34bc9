/**
 * Runs on every runtime with the installed package: `drive` has a conversation with a tool of its
 * own and returns the results. Plain JavaScript, because a page and an old Node run it unchanged.
 */
import { clientTool, createOutlast, isOutlastError, textOf } from '@outlast/sdk'

/** Whether a call fails with this code, and its message. */
async function failureOf(call) {
  try {
    await call()
    return 'no failure'
  } catch (error) {
    return isOutlastError(error) ? error.code : String(error)
  }
}

/** A request without a response. */
const untilAborted = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const getWeather = clientTool({
  name: 'get_weather',
  description: 'The weather of a place.',
  parameters: {
    type: 'object',
    properties: { location: { type: 'string' } },
    required: ['location'],
  },
  run: ({ location }) => ({ location, conditions: 'sunny', temperature: 21 }),
})

/** One conversation in an existing session whose agent has the tool. */
export async function drive({ url, apiKey, sessionId }) {
  const outlast = createOutlast({ url, apiKey })
  const session = outlast.session(sessionId)
  const turn = session.send('What is the weather in Kyiv?', { tools: [getWeather] })
  const types = []
  let text = ''
  for await (const event of turn) {
    types.push(event.type)
    if (event.type === 'output.message.completed') text = textOf(event.data.message)
  }
  const answer = await turn
  let count = 0
  for await (const _ of outlast.messages.list(sessionId, { limit: 2 })) count += 1
  const stopped = AbortSignal.abort()
  return {
    first: types[0],
    last: types.at(-1),
    hasTool: types.includes('tool.call_requested'),
    isSame: answer.text === text,
    text,
    count,
    missing: await failureOf(() => outlast.messages.list(`session_${'0'.repeat(32)}`)),
    refused: await failureOf(() =>
      createOutlast({ url, apiKey: 'evr_wrong' }).messages.list(sessionId),
    ),
    down: await failureOf(() =>
      createOutlast({ url: 'http://127.0.0.1:1', retriesMax: 0 }).health.get(),
    ),
    late: await failureOf(() =>
      createOutlast({ url, fetch: untilAborted, timeoutMs: 1, retriesMax: 0 }).health.get(),
    ),
    isStopped: await outlast.messages.list(sessionId, {}, { signal: stopped }).then(
      () => false,
      (error) => error === stopped.reason,
    ),
  }
}
