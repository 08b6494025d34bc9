import type { Approval, Event, EventType, ToolCall } from '@outlast/contract'
import { linked, whenAborted } from './abort.ts'
import type { ClientTool } from './client-tool.ts'
import { OutlastError } from './error.ts'
import { type Http, path } from './http.ts'
import { outcomeOf, tooLong } from './outcome.ts'

/** Who answers calls that wait for this program. */
export type CallHandlers = {
  signal?: AbortSignal
  /** Tools that run here. Others that the agent may call are left to other clients. */
  tools?: readonly ClientTool[]
  /** Decides on calls that need approval; undefined leaves a call to somebody else. */
  onApproval?: (
    call: ToolCall & { expires_at: string },
    context: { signal: AbortSignal },
  ) => Approval | undefined | Promise<Approval | undefined>
}

type Work = (signal: AbortSignal) => Promise<unknown>

/** What a tool took an hour for must not be lost to a server that restarts: minutes of trying. */
const retriesMax = 30

/** Calls claimed by a turn of a program: of two turns that follow one only one runs its tools. */
const claims = new WeakMap<Http, Map<string, AbortController>>()

function claimsOf(http: Http) {
  const claimed = claims.get(http) ?? new Map<string, AbortController>()
  claims.set(http, claimed)
  return claimed
}

/** What an event is to the calls of its turn. */
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
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'request',
  'tool.approval_resolved': 'outcome',
  'tool.call_requested': 'request',
  'tool.started': 'ignored',
  'tool.completed': 'outcome',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'turn.completed': 'outcome',
  'turn.failed': 'outcome',
  'turn.cancelled': 'outcome',
  'session.idled': 'ignored',
} satisfies Record<EventType, 'request' | 'outcome' | 'ignored'>

/** What tells that a call waits no longer. */
const outcomeTypes = (Object.keys(roles) as EventType[]).filter((type) => roles[type] === 'outcome')

/**
 * Calls of one turn that wait for this program: each is run, or decided on, once.
 * Contract: before anything runs the log is asked whether the call still waits, because events may
 * be old: the program was away, or takes a turn up again. `onError` is told what went wrong besides
 * the tools, which can only be told to the model.
 */
export function createCalls(
  http: Http,
  sessionId: string,
  { signal, tools = [], onApproval, onError }: CallHandlers & { onError: (error: unknown) => void },
) {
  const session = { http, sessionId }
  const claimed = claimsOf(http)
  /** What was begun here. */
  const begun = new Set<string>()
  /** What has its outcome. */
  const settled = new Set<string>()
  const running = new Map<string, AbortController>()
  let isOver = false
  let looking: Promise<void> | undefined

  /** One look at the log tells of all calls that were asked for before it. */
  function look(after_sequence: number, signal: AbortSignal): Promise<void> {
    const read = async () => {
      const query = { after_sequence, types: outcomeTypes }
      const at = path`/v1/sessions/${sessionId}/events`
      const { data } = await http.call<{ data: Event[] }>('GET', at, { query }, { signal })
      for (const event of data) settle(event)
    }
    looking ??= read().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function begin(key: string, sequence: number, work: Work) {
    if (begun.has(key) || settled.has(key) || isOver) return
    begun.add(key)
    const claim = `${sessionId} ${key}`
    if (claimed.has(claim)) return
    const { controller, unlink } = linked(signal)
    claimed.set(claim, controller)
    running.set(key, controller)
    // A tool that does not hear that it is over must not keep others from the call.
    const release = () => {
      running.delete(key)
      if (claimed.get(claim) === controller) claimed.delete(claim)
    }
    whenAborted(controller.signal, release)
    try {
      await look(sequence, controller.signal)
      if (!settled.has(key) && !controller.signal.aborted) await work(controller.signal)
    } catch (error) {
      if (!controller.signal.aborted && !isAnswered(error)) onError(error)
    } finally {
      unlink()
      release()
    }
  }

  function settle(event: Event) {
    if (event.type === 'tool.approval_resolved') drop(approvalOf(event.data.tool_call_id))
    else if (event.type === 'tool.completed') {
      drop(approvalOf(event.data.tool_call_id))
      drop(resultOf(event.data.tool_call_id))
    } else if (event.context.turn_id === turnId) end()
  }

  function drop(key: string) {
    settled.add(key)
    running.get(key)?.abort()
  }

  let turnId: string | undefined

  function end() {
    isOver = true
    for (const controller of running.values()) controller.abort()
  }

  return {
    /** Begins what an event of the turn asks for, and gives up what it answers. */
    take(event: Event) {
      turnId = event.context.turn_id ?? turnId
      const sequence = event.sequence ?? 0
      if (event.type === 'tool.call_requested') {
        for (const call of event.data.tool_calls) {
          const tool = tools.find(({ definition }) => definition.name === call.name)
          if (tool)
            begin(resultOf(call.id), sequence, (signal) => answer(session, { call, tool }, signal))
        }
      } else if (event.type === 'tool.approval_requested' && onApproval) {
        const call = { ...event.data.tool_call, expires_at: event.data.expires_at }
        begin(approvalOf(call.id), sequence, (signal) =>
          decide(session, { call, onApproval }, signal),
        )
      } else if (roles[event.type] === 'outcome') settle(event)
    },
    /** The turn is over: what still runs runs for nobody. */
    end,
  }
}

type Session = { http: Http; sessionId: string }
type AskedCall = ToolCall & { expires_at: string }

async function answer(
  { http, sessionId }: Session,
  { call, tool }: { call: ToolCall; tool: ClientTool },
  signal: AbortSignal,
) {
  const outcome = await outcomeOf(tool, call, { toolCallId: call.id, sessionId, signal })
  if (signal.aborted) return
  const post = (said: object) =>
    http.call(
      'POST',
      path`/v1/sessions/${sessionId}/tool-results`,
      { body: { tool_results: [{ tool_call_id: call.id, ...said }] } },
      { signal, retriesMax },
    )
  await post(outcome).catch((error) => {
    if (!('result' in outcome) || !isRefused(error)) throw error
    return post({ error: error.status === 413 ? tooLong : `Not taken: ${error.message}` })
  })
}

async function decide(
  { http, sessionId }: Session,
  { call, onApproval }: { call: AskedCall; onApproval: NonNullable<CallHandlers['onApproval']> },
  signal: AbortSignal,
) {
  const body = await onApproval(call, { signal })
  if (!body || signal.aborted) return
  const at = path`/v1/sessions/${sessionId}/approvals/${call.id}`
  await http.call('POST', at, { body }, { signal, retriesMax })
}

const resultOf = (callId: string) => `result ${callId}`
const approvalOf = (callId: string) => `approval ${callId}`

/** The server does not want this very result, whatever is done. */
const isRefused = (error: unknown) =>
  error instanceof OutlastError && [400, 413, 422].includes(error.status)

/** Somebody else was faster, or nobody waits any more. */
const isAnswered = (error: unknown) =>
  error instanceof OutlastError &&
  (error.code === 'tool_call_not_waiting' || error.code === 'approval_not_pending')
