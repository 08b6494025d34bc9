import type {
  Approval,
  Event,
  EventType,
  QuestionAnswers,
  QuestionSet,
  ToolCall,
} from '@outlast/contract'
import { linked, whenAborted } from '../http/abort.ts'
import { isOutlastError } from '../http/error.ts'
import { type Http, path } from '../http/http.ts'
import { isTemporary, pause, retryAfterMsMax } from '../http/retry.ts'
import { sharedRun } from '../http/shared-run.ts'
import type { ClientTool } from './client-tool.ts'
import { outcomeOf, tooLong } from './outcome.ts'

/** Handlers of calls that wait for this program. */
export type CallHandlers = {
  signal?: AbortSignal
  /** Tools that run in this program. Other clients run the others. */
  tools?: readonly ClientTool[]
  /** Decides on calls that need approval. Undefined leaves the decision to another client. */
  onApproval?: (
    call: ToolCall & { expires_at: string },
    context: { signal: AbortSignal },
  ) => Approval | undefined | Promise<Approval | undefined>
  /** Answers or declines the questions of a tool. Undefined leaves them to another client. */
  onQuestions?: (
    asked: QuestionSet & { tool_call_id: string },
    context: { signal: AbortSignal },
  ) => QuestionAnswers | undefined | Promise<QuestionAnswers | undefined>
}

/** Handles a call. Returns false if the handler leaves it to another client. */
type Work = (signal: AbortSignal) => Promise<boolean>

type EventPage = { data: Event[] }

/** Minutes of retries, so that a restart of the server does not lose the result of a long call. */
const retriesMax = 30

/** The turn of this program that handles a call. Resolves to false if it leaves the call. */
type Claim = Promise<boolean>

/** Claims of calls. If two turns of a program follow the same turn, one of them runs its tools. */
const claims = new WeakMap<Http, Map<string, Claim>>()

function claimsOf(http: Http) {
  const claimed = claims.get(http) ?? new Map<string, Claim>()
  claims.set(http, claimed)
  return claimed
}

/**
 * Claims a call as soon as no other turn of this program handles it. Returns what ends the claim;
 * undefined if the call is answered.
 */
async function claimCall(claimed: Map<string, Claim>, id: string) {
  for (let other = claimed.get(id); other; other = claimed.get(id))
    if (await other) return undefined
  let resolve: (isAnswered: boolean) => void
  const claim: Claim = new Promise((resolved) => {
    resolve = resolved
  })
  claimed.set(id, claim)
  return (isAnswered: boolean) => {
    if (claimed.get(id) === claim) claimed.delete(id)
    resolve(isAnswered)
  }
}

const answeredWork = Promise.resolve(true)

/** Role of each event type for the calls of a turn. */
const roles = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'request',
  'tool.approval_resolved': 'outcome',
  'tool.call_requested': 'request',
  'tool.input_resolved': 'outcome',
  'tool.started': 'ignored',
  'tool.completed': 'outcome',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': 'outcome',
  'turn.failed': 'outcome',
  'turn.cancelled': 'outcome',
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
} satisfies Record<EventType, 'request' | 'outcome' | 'ignored'>

/** Types of events that end the wait of a call. */
const outcomeTypes = (Object.keys(roles) as EventType[]).filter((type) => roles[type] === 'outcome')

/**
 * Runs or decides each call of a turn that waits for this program, once.
 * Contract: before a call runs, the log is checked for its outcome, because events are old after a
 * pause or a `resume`. `onError` receives failures other than those of tools, which the model
 * receives.
 */
export function createCalls(
  http: Http,
  sessionId: string,
  {
    signal,
    tools = [],
    toolNamed = (name) => tools.find(({ definition }) => definition.name === name),
    onApproval,
    onQuestions,
    onError,
  }: CallHandlers & Partial<ToolLookup> & { onError: (error: unknown) => void },
) {
  const session = { http, sessionId }
  const worksOf = (event: Event) => worksIn(session, event, { toolNamed, onApproval, onQuestions })
  const claimed = claimsOf(http)
  /** Results of the works that were started here, by the key of their call. */
  const begun = new Map<string, Promise<boolean>>()
  /** Keys of calls that have their outcome. */
  const settled = new Set<string>()
  const running = new Map<string, AbortController>()
  /** Aborted at the end of the turn. */
  const over = new AbortController()

  /**
   * Reads the outcomes of all calls that were requested so far, in one request.
   * Contract: the end of one call does not end the request, because others wait for it.
   */
  const look = sharedRun(async (after_sequence: number) => {
    const { signal: whole, unlink } = linked(signal, over.signal)
    const query = { after_sequence, types: outcomeTypes }
    const at = path`/v1/sessions/${sessionId}/events`
    const reading = http.call<EventPage>('GET', at, { query }, { signal: whole, retriesMax })
    const { data } = await reading.finally(unlink)
    for (const event of data) settle(event)
  })

  /** Contract: a call whose tool is gone, or whose check failed, can be taken again. */
  async function handle(key: string, event: Event): Promise<boolean> {
    const leave = await claimCall(claimed, `${sessionId} ${key}`)
    if (!leave) return true
    const { controller, unlink } = linked(signal, over.signal)
    let work: Work | undefined
    let isAnswered = false
    // A tool that ignores its signal must not keep others from the call.
    const release = () => {
      running.delete(key)
      leave(isAnswered)
    }
    whenAborted(controller.signal, release)
    try {
      await look(event.sequence ?? 0)
      if (settled.has(key) || controller.signal.aborted) return true
      work = worksOf(event).find(([, other]) => other === key)?.[2]
      if (work) running.set(key, controller)
      isAnswered = !!(await work?.(controller.signal))
      return isAnswered
    } catch (error) {
      if (!controller.signal.aborted && !isAnsweredElsewhere(error)) onError(error)
      return true
    } finally {
      if (!work) begun.delete(key)
      unlink()
      release()
    }
  }

  function settle(event: Event) {
    if (event.type === 'tool.approval_resolved') drop(approvalOf(event.data.tool_call_id))
    else if (event.type === 'tool.input_resolved') dropQuestions(event.data.tool_call_id)
    else if (event.type === 'tool.completed') {
      drop(approvalOf(event.data.tool_call_id))
      drop(resultOf(event.data.tool_call_id))
      dropQuestions(event.data.tool_call_id)
    } else if (event.context.turn_id === turnId) over.abort()
  }

  function drop(key: string) {
    settled.add(key)
    running.get(key)?.abort()
  }

  /** A call may ask several sets of questions, one after the other. */
  function dropQuestions(callId: string) {
    for (const key of begun.keys()) if (key.startsWith(`questions ${callId} `)) drop(key)
  }

  let turnId: string | undefined

  return {
    /** Returns the calls of an event that was taken, by id. False: left to another client. */
    handled(event: Event): Map<string, Promise<boolean>> {
      return new Map(worksOf(event).map(([id, key]) => [id, begun.get(key) ?? answeredWork]))
    },
    /** Starts the calls that an event requests, and stops those that it ends. */
    take(event: Event) {
      turnId = event.context.turn_id ?? turnId
      for (const [, key] of worksOf(event)) {
        if (begun.has(key) || settled.has(key) || over.signal.aborted) continue
        begun.set(key, handle(key, event))
      }
      if (roles[event.type] === 'outcome') settle(event)
    },
    /** Stops running calls, because the turn is over. */
    end: () => over.abort(),
    /** Tests whether a call runs. */
    isBusy: () => running.size > 0,
  }
}

/** Finds a tool that runs here. A later event of the same call looks again. */
export type ToolLookup = { toolNamed: (name: string) => ClientTool | undefined }

type CallWork = [callId: string, key: string, work: Work]

type Handlers = ToolLookup & {
  [Name in 'onApproval' | 'onQuestions']: CallHandlers[Name]
}

/** The work that an event requests of this program, by call and key. */
function worksIn(
  session: Session,
  event: Event,
  { toolNamed, onApproval, onQuestions }: Handlers,
): CallWork[] {
  if (event.type === 'tool.approval_requested') {
    if (!onApproval) return []
    const call = { ...event.data.tool_call, expires_at: event.data.expires_at }
    const work: Work = async (signal) =>
      submit(session, path`approvals/${call.id}`, await onApproval(call, { signal }), signal)
    return [[call.id, approvalOf(call.id), work]]
  }
  if (event.type !== 'tool.call_requested') return []
  const { tool_calls, input } = event.data
  return tool_calls.flatMap((call): CallWork[] => {
    if (input) {
      if (!onQuestions) return []
      const named = { tool_call_id: call.id, asked_at: input.asked_at }
      const work: Work = async (signal) => {
        const answers = await onQuestions({ ...input, ...named }, { signal })
        return submit(session, 'question-answers', answers && { ...answers, ...named }, signal)
      }
      return [[call.id, questionsOf(call.id, event.sequence ?? 0), work]]
    }
    const tool = toolNamed(call.name)
    if (!tool) return []
    return [[call.id, resultOf(call.id), (signal) => answer(session, { call, tool }, signal)]]
  })
}

type Session = { http: Http; sessionId: string }

/** Sends the response to a call. Undefined leaves the call to another client. */
async function submit(
  { http, sessionId }: Session,
  place: string,
  body: object | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (!body || signal.aborted) return signal.aborted
  const at = `${path`/v1/sessions/${sessionId}`}/${place}`
  for (;;) {
    try {
      await http.call('POST', at, { body }, { signal, retriesMax })
      return true
    } catch (error) {
      // The server asked for a longer pause than other requests wait for.
      const isAsked = isOutlastError(error) && (error.retryAfterMs ?? 0) > retryAfterMsMax
      if (!isAsked || !isTemporary(error)) throw error
      await pause(retryAfterMsMax, signal)
    }
  }
}

async function answer(
  session: Session,
  { call, tool }: { call: ToolCall; tool: ClientTool },
  signal: AbortSignal,
): Promise<boolean> {
  const { sessionId } = session
  const outcome = await outcomeOf(tool, call, { toolCallId: call.id, sessionId, signal })
  const post = (outcome: object) => {
    const body = { tool_results: [{ tool_call_id: call.id, ...outcome }] }
    return submit(session, 'tool-results', body, signal)
  }
  return post(outcome).catch((error) => {
    if (!('result' in outcome) || !isRefused(error)) throw error
    return post({ error: error.status === 413 ? tooLong : `Not taken: ${error.message}` })
  })
}

const questionsOf = (callId: string, sequence: number) => `questions ${callId} ${sequence}`
const resultOf = (callId: string) => `result ${callId}`
const approvalOf = (callId: string) => `approval ${callId}`

/** Tests whether the server refused the result, so that a retry fails as well. */
const isRefused = (error: unknown) =>
  isOutlastError(error) && [400, 413, 422].includes(error.status)

/** Tests whether the call was answered elsewhere, or waits no longer. */
const isAnsweredElsewhere = (error: unknown) =>
  isOutlastError(error, 'tool_call_not_waiting', 'approval_not_pending', 'question_not_waiting')
