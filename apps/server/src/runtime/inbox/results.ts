import type { ClientToolResult } from '@outlast/contract'
import { checkToolResult, deciderOf } from '../../access/grants.ts'
import type { Principal } from '../../access/principal.ts'
import { ApiError } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import type { Publisher } from '../../store/log/publish.ts'
import { lengthOfResults } from '../../store/log/result-lengths.ts'
import type { Draft } from '../journal/attempt.ts'
import { makeDraft } from '../journal/journal.ts'
import {
  limitResult,
  type ResultRoom,
  resultRoom,
  resultsBytesMax,
} from '../journal/result-room.ts'
import { fileLimits, type Node } from '../node.ts'
import { type ToolOutcome, withEdit } from '../tools/call.ts'
import { boundedError, boundedOutput } from '../tools/output.ts'
import type { TurnRef } from './cancel.ts'
import {
  type Answered,
  findOpenTurn,
  type OpenTurn,
  outsideCallsAt,
  resolveWait,
  type WaitingCall,
} from './waiting.ts'

/** Results of client tools, and the caller that submits them. */
type Submitted = {
  results: readonly ClientToolResult[]
  by: Pick<Principal, 'kind' | 'id' | 'name' | 'grants' | 'endUser'>
}

/**
 * Stores the results of client tools, all or nothing.
 * Contract: throws 404; `tool_call_not_waiting`, which names the first call without an open
 * request; and `not_granted` when a session token does not cover a tool.
 */
export async function submitResults(
  node: Node,
  db: Db,
  ref: Omit<TurnRef, 'turnId'>,
  { results, by }: Submitted,
): Promise<Answered> {
  // Check all calls before storing files, so that unexpected results cannot fill the session's
  // storage.
  const bounded = new Map<string, ToolOutcome>()
  const turn = await findOpenTurn(db, ref)
  for (const { tool_call_id } of results) {
    checkToolResult(by, findRequestedCall(turn, tool_call_id).open.call.name)
  }
  const { config } = node
  const room = await roomOf(db, ref.sessionId, turn)
  const held: (() => void)[] = []
  const later: Publisher = { stored: (...event) => void held.push(() => node.bus.stored(...event)) }
  // The transaction of a request may still be rolled back.
  const bus = 'transaction' in db ? node.bus : later
  for (const result of results) {
    bounded.set(result.tool_call_id, await outcomeOf({ bus, config, room }, db, ref, result))
  }
  const answered = await resolveWait(node, db, ref, (turn) =>
    results.map(({ tool_call_id }) =>
      draftOf(turn, { callId: tool_call_id, outcomes: bounded, by }),
    ),
  )
  const publish = () => {
    for (const publishFiles of held) publishFiles()
    answered!.publish()
  }
  return { ...answered!, publish }
}

type Answering = Pick<Submitted, 'by'> & {
  callId: string
  outcomes: ReadonlyMap<string, ToolOutcome>
}

function draftOf(current: OpenTurn | undefined, { callId, outcomes, by }: Answering): Draft {
  const { turn, open } = findRequestedCall(current, callId)
  const { name } = open.call
  checkToolResult(by, name)
  const answered_by = deciderOf(by)
  const outcome = { ...outcomes.get(callId)!, tool_name: name, answered_by }
  return makeDraft('tool.completed', turn.contextOf(open), withEdit(open, outcome))
}

/** Finds the open call for the client. Contract: throws `tool_call_not_waiting`. */
function findRequestedCall(turn: OpenTurn | undefined, callId: string): WaitingCall {
  const found = outsideCallsAt(turn, 'requested').find(({ open }) => open.call.id === callId)
  if (!found) throw new ApiError('tool_call_not_waiting', callId)
  return found
}

/** The room for results in the turn that waits for them. */
async function roomOf(db: Db, sessionId: string, turn: OpenTurn | undefined): Promise<ResultRoom> {
  const bytesMax = resultsBytesMax
  return resultRoom(turn ? await lengthOfResults(db, sessionId, { ...turn, bytesMax }) : 0)
}

/**
 * Bounds a result for the model. A longer one is stored whole in the session's files.
 * Contract: throws errors of the database, which end the transaction of the request.
 */
async function outcomeOf(
  { bus, config, room }: Pick<Node, 'config'> & { bus: Publisher; room: ResultRoom },
  db: Db,
  { orgId, sessionId }: Omit<TurnRef, 'turnId'>,
  { tool_call_id, result, error }: ClientToolResult,
): Promise<ToolOutcome> {
  const about = { tool_call_id, tool_name: '' }
  const bytesMax = config.TOOL_OUTPUT_KB * 1024
  if (typeof error === 'string') {
    const given = error.toWellFormed()
    const text = boundedError(given, limitResult(room, given, bytesMax))
    return { ...about, success: false, status: 'error', error: text }
  }
  const target = { orgId, sessionId, limits: fileLimits(config) }
  const json = typeof result === 'string' ? result : (JSON.stringify(result) ?? 'null')
  const keeping = { db, bus, target, callId: tool_call_id, canRepeat: true }
  const limit = limitResult(room, json, bytesMax)
  const text = await boundedOutput(json.toWellFormed(), limit, keeping)
  return { ...about, success: true, status: 'success', result: [{ type: 'text', text }] }
}
