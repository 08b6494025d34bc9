import type {
  Event,
  EventType,
  Message,
  NewMessage,
  QuestionAnswers,
  QuestionAnswersAccepted,
  RetriedTurn,
} from '@outlast/contract'
import { OutlastError } from '../http/error.ts'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { type StreamOptions, streamEvents } from '../http/stream.ts'
import type { ClientTool } from './client-tool.ts'
import type { Following } from './follow.ts'
import { jsonSchemaOf, type OutputOf, type OutputSchema } from './output.ts'
import { createTurn, type Turn, type TurnOptions } from './turn.ts'

type MessageFields =
  | 'on_busy'
  | 'if_sequence'
  | 'if_key'
  | 'controls'
  | 'instructions'
  | 'context'
  | 'metadata'
  | 'tags'
  | 'external_actor'

/**
 * Settings of a message and its turn. `output` is a schema of the answer. `turnTools` are tools of
 * this turn only, which run in this program. With these, `instructions` or `context`, the message
 * has a turn of its own.
 */
export type SendOptions<Schema extends OutputSchema = OutputSchema> = TurnOptions &
  Pick<NewMessage, MessageFields> &
  Pick<CallOptions, 'idempotencyKey'> & {
    output?: Schema | undefined
    turnTools?: readonly ClientTool[]
  }

/** A session for sending messages and following turns. */
export type SessionHandle = ReturnType<typeof sessionOf>

export type Content = NewMessage['message']['content']

export const partsOf = (content: string | Content): Content =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : content

export function sessionOf(http: Http, id: string) {
  async function post(content: string | Content, options: SendOptions): Promise<Following> {
    const { on_busy, if_sequence, if_key, instructions, context } = options
    const { metadata, tags, external_actor } = options
    const { signal, idempotencyKey, output, turnTools } = options
    const output_schema = output && jsonSchemaOf(output)
    const controls = output_schema ? { ...options.controls, output_schema } : options.controls
    const tools = turnTools?.map(({ definition }) => definition)
    const message = { role: 'user' as const, content: partsOf(content) }
    const settings = { on_busy, if_sequence, if_key, controls, instructions, context, tools }
    const body: NewMessage = { message, ...settings, metadata, tags, external_actor }
    const about = { ...(signal && { signal }), ...(idempotencyKey && { idempotencyKey }) }
    const at = path`/v1/sessions/${id}/messages`
    const stored = await http.call<Message>('POST', at, { body }, about)
    return { of: { messageId: stored.id }, sequence: stored.sequence - 1 }
  }

  return {
    id,
    /**
     * Sends a message and returns the turn that answers it. Await the turn for the answer, or
     * iterate it for the events. While a turn runs, the message joins it, unless `on_busy` selects
     * another effect. With `output`, the answer has a value of that type.
     */
    send: <const Schema extends OutputSchema = never>(
      content: string | Content,
      options: SendOptions<Schema> = {},
    ): Turn<[Schema] extends [never] ? unknown : OutputOf<Schema>> => {
      const { tools = [], turnTools = [], output } = options
      const handlers = { ...options, tools: [...turnTools, ...tools] }
      const turn = { begin: post(content, options), options: handlers, output }
      return createTurn(http, id, turn) as Turn<never>
    },
    /**
     * Resumes the latest turn, running or over, after a restart of this program. Calls that still
     * wait are run; calls with an outcome are not run again.
     * Contract: the turn fails with the code `no_turn` if the session has had none.
     */
    resume: (options: TurnOptions = {}): Turn =>
      createTurn(http, id, { begin: latestTurn(http, id, options), options }),
    /**
     * Answers or declines the questions of a tool. Without `tool_call_id`, those of the only call
     * that asks. A `secret` is stored in the session, and no event contains it.
     * Contract: `question_not_waiting` if another client was faster, or the questions expired.
     */
    answer: (body: QuestionAnswers, options?: CallOptions) =>
      http.call<QuestionAnswersAccepted>(
        'POST',
        path`/v1/sessions/${id}/question-answers`,
        { body },
        options,
      ),
    /**
     * Retries the latest turn, which failed, and returns the new turn.
     * Contract: the turn fails with the code `turn_not_failed` if that turn did not fail.
     */
    retry: (options: TurnOptions = {}): Turn =>
      createTurn(http, id, { begin: retryTurn(http, id, options), options }),
    /** Streams all events, stored ones first: see `streamEvents`. */
    events: (options?: StreamOptions) => streamEvents(http, id, options),
  }
}

async function retryTurn(
  http: Http,
  sessionId: string,
  { signal }: TurnOptions,
): Promise<Following> {
  const at = path`/v1/sessions/${sessionId}/retry`
  const { sequence } = await http.call<RetriedTurn>('POST', at, {}, signal && { signal })
  return { of: 'next', sequence }
}

/** Types of events that determine the latest turn. */
const landmarks: EventType[] = [
  'input.message',
  'session.activated',
  'session.idled',
  'turn.completed',
  'turn.failed',
]
/** Number of latest events to search first. Each further search covers 16 times as many. */
const firstSpan = 256

/** Finds the latest turn, which may not have begun. It searches from the end of the log. */
async function latestTurn(
  http: Http,
  sessionId: string,
  { signal }: TurnOptions,
): Promise<Following> {
  const list = (query: { after_sequence: number; types?: string[]; limit?: number }) =>
    http.call<{ data: Event[]; total: number }>(
      'GET',
      path`/v1/sessions/${sessionId}/events`,
      { query },
      signal && { signal },
    )
  const { total } = await list({ after_sequence: 0, limit: 1 })
  for (let span = firstSpan; ; span *= 16) {
    const after_sequence = Math.max(0, total - span)
    const { data } = await list({ after_sequence, types: landmarks })
    const isWhole = after_sequence === 0
    const found = latestOf(data, isWhole)
    if (found) return found
    if (!isWhole) continue
    throw new OutlastError('no_turn', 'The session has had no turn. Send a message first.')
  }
}

const isSent = ({ type, data }: Event) => type === 'input.message' && !('imported' in data)

/** Contract: pure. Undefined if the turn began before these events, or does not exist. */
function latestOf(events: readonly Event[], isWhole: boolean): Following | undefined {
  const at = events.findLastIndex(({ type }) => type === 'session.activated')
  const begun = events[at]
  if (begun?.type !== 'session.activated') {
    const input = isWhole ? events.find(isSent) : undefined
    return input && { of: 'next', sequence: input.sequence! }
  }
  const after = events.slice(at + 1)
  const end = after.findLast(({ type }) => type !== 'input.message')
  const isIdle = end?.type === 'session.idled'
  const isNext = isIdle ? after.at(-1) !== end : end !== undefined
  if (isNext) return { of: 'next', sequence: end!.sequence! }
  return { of: 'known', sequence: begun.sequence! - 1, turnId: begun.data.turn_id }
}
