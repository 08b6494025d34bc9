/** Begins responses: each is a message, or the answer to a wait. */
import type { ContentPart, Message, NewMessage, SeedMessage, Session } from '@outlast/contract'
import type { ResponseFacts } from '@outlast/contract/folds/openai'
import { checkControls } from '../../../access/grants.ts'
import { ApiError } from '../../../errors.ts'
import { getAgent } from '../../../store/models/agents.ts'
import { getSequence } from '../../../store/sessions/messages.ts'
import { againIfChanged } from '../../adapters/again-if-changed.ts'
import { createOrFindSession } from '../../adapters/new-session.ts'
import { waitsNow } from '../../adapters/waiting-calls.ts'
import { answer } from './answers.ts'
import { type Begin, inTry, withKey } from './begin.ts'
import { conversationSession, seedsOfSession } from './conversations.ts'
import { invalidParam } from './errors.ts'
import { agentOf, type StoredRequest, type TurnSettings } from './params.ts'
import { parseResponseId, type ResponsePlace, sessionOf } from './place.ts'
import {
  type Client,
  type EarlierState,
  factsOf,
  locate,
  readEarlier,
  readResponse,
} from './reading.ts'
import { repeatedMessage, repeatedSession } from './repeat.ts'
import type { AskedResponse } from './request.ts'

export type BegunResponse = { place: ResponsePlace; facts: ResponseFacts }

/** A response that the session has already. */
export const located = async ({ calls }: Begin, place: ResponsePlace): Promise<BegunResponse> => ({
  place,
  facts: await locate(calls, place),
})

/** Contract: throws 400 with `param`, and the errors of the operations that it calls. */
export async function beginAsked(begin: Begin, asked: AskedResponse): Promise<BegunResponse> {
  const { input, previous } = asked
  const find = async () =>
    previous === undefined ? undefined : earlierResponse(begin.calls, previous)
  const earlier = await find()
  if (input.answers.length > 0) return answerAndSteer(begin, asked, earlier)
  if (input.content.length === 0) throw invalidParam('input', 'must have a message of the user')
  if (earlier) {
    return againIfChanged(async (tries) =>
      continueFrom(begin, asked, tries === 1 ? earlier : (await find())!),
    )
  }
  const { conversation } = asked
  const repeated = await repeatedSession(begin.calls, begin.repeat)
  const known = repeated && (await repeatedIn(begin, repeated.id))
  if (known) return located(begin, known)
  const open = async (from: Begin) =>
    conversation === undefined
      ? beginSession(from, { ...asked, history: input.history, model: modelIn(asked) })
      : openConversation(from, asked, conversation)
  const session = await open(begin)
  const { model = session.agent_id } = asked
  return sendOnce(begin, session, { ...asked, model, named: { key: conversation, open } })
}

/**
 * Submits answers, and the message beside them, whose answer their response includes. If that is
 * over first, returns the response of the message. Nothing is stored if its settings are refused.
 */
export async function answerAndSteer(
  begin: Begin,
  { input: { answers, content }, settings, stored: { format: _, ...stored } }: Answering,
  earlier: Earlier | undefined,
): Promise<BegunResponse> {
  const steering = { ...joiningSettings(settings), on_busy: 'steer' as const }
  if (content.length > 0) checkControls(begin.calls.request.principal, steering.controls)
  const place = await answer(begin, answers, earlier?.place)
  const begun = await located(begin, place)
  if (content.length === 0) return begun
  const { sessionId, start } = place
  const known = await repeatedIn(begin, sessionId, start)
  const { hash } = begin.repeat
  const openai = { ...stored, hash, model: begun.facts.request.model, joins: begun.facts.id }
  const message =
    known?.message ??
    (await post(begin, sessionId, { content, ...steering, metadata: { openai } })).sequence
  const isLate = await isOverBefore(begin, begun, message)
  return isLate ? located(begin, { sessionId, message, start: message }) : begun
}

type Answering = Pick<AskedResponse, 'input' | 'settings' | 'stored'>

/**
 * True if a response is over before a message. A wait for an approval does not count: the message
 * does not end it.
 */
async function isOverBefore({ calls }: Begin, { facts, place }: BegunResponse, message: number) {
  const { end, waits } = await readResponse(calls, facts, place, message)
  return end.status !== 'in_progress' && !waits.some(({ type }) => type === 'approval')
}

/** The settings of a message that may join a turn; the others belong to the turn's own message. */
function joiningSettings({ controls }: TurnSettings): Pick<TurnSettings, 'controls'> {
  if (!controls) return {}
  const { output_schema: _, ...joining } = controls
  return { controls: joining }
}

export const repeatedIn = ({ calls, repeat }: Begin, sessionId: string, after = 0) =>
  repeatedMessage(calls, repeat, { sessionId, after })

type SentOnce = Omit<Sent, 'on_busy'> & {
  /** The name by which the session was found; `open` finds it again if the name has moved. */
  named?: { key: string | undefined; open: (begin: Begin) => Promise<Session> }
}

/** Posts the message of a response, unless the first request did. */
export async function sendOnce(
  begin: Begin,
  session: Session,
  { named, ...sent }: SentOnce,
): Promise<BegunResponse> {
  const known = await repeatedIn(begin, session.id)
  if (known) return located(begin, known)
  return againIfChanged(async (tries) => {
    const to = tries === 1 || !named ? session : await named.open(inTry(begin, tries))
    const busy = await onBusyIn(begin.calls, to)
    const if_key = to.key !== null && to.key === named?.key ? to.key : undefined
    return sendInput(begin, to.id, { ...sent, ...busy, if_key })
  })
}

function modelIn({ model }: AskedResponse): string {
  if (model === undefined) throw invalidParam('model', 'is required')
  return model
}

/** The session of a conversation: an existing one, or one with its id as key. */
async function openConversation(begin: Begin, asked: AskedResponse, id: string): Promise<Session> {
  const known = sessionOf(id)
  if (known === undefined) {
    const { history } = asked.input
    return beginSession(begin, { ...asked, history, model: modelIn(asked), key: id })
  }
  const session = await conversationSession(begin.calls, id, asked.user)
  if (asked.model === undefined) return session
  const isBegun = session.id !== known || session.status !== 'started'
  if (isBegun) {
    if (await isAgentOf(begin, asked.model, session)) return session
    throw invalidParam('model', `must be ${session.agent_id}, the agent of the conversation`)
  }
  const history = await seedsOfSession(begin.calls, session)
  return beginSession(begin, { ...asked, history, model: asked.model, key: id })
}

/** True if a model names the agent of a session, which may be archived. */
async function isAgentOf({ calls }: Begin, model: string, { agent_id }: Session) {
  const named = agentOf(model)
  if ('agent_id' in named) return named.agent_id === agent_id
  const { db, principal } = calls.request
  return (await getAgent(db, principal.orgId, agent_id)).name === named.agent_name
}

/**
 * A message ends a wait for the client or a person, and otherwise has a turn of its own.
 * `if_sequence`: the last event before the wait was read.
 */
export async function onBusyIn(client: Client, { id, status }: Session) {
  if (status !== 'active') return { on_busy: 'queue' as const }
  const { db, principal } = client.request
  const if_sequence = await getSequence(db, principal.orgId, id)
  const { waiting } = await waitsNow(client, client.read, id)
  return waiting.size > 0
    ? { on_busy: 'interrupt' as const, if_sequence }
    : { on_busy: 'queue' as const }
}

type Opened = {
  model: string
  history: SeedMessage[]
  user?: string | undefined
  key?: string | undefined
  /** A label of the session. Contract: absent for tokens, which cannot set labels. */
  label?: string | undefined
}

export const beginSession = async (begin: Begin, opened: Opened): Promise<Session> =>
  (await openKeyedSession(begin, opened)).session

/** `isNew`: false if a session with the key exists. */
export async function openKeyedSession(
  begin: Begin,
  { model, history, user, key, label }: Opened,
): Promise<{ session: Session; isNew: boolean }> {
  const tags = [begin.repeat.tag, label].filter((tag) => tag !== undefined)
  const body = {
    ...(tags.length > 0 && { tags }),
    ...agentOf(model),
    ...(history.length > 0 && { messages: history }),
    ...(user !== undefined && { user }),
    ...(key !== undefined && { key }),
  }
  return createOrFindSession(begin.calls, body, withKey(begin, 'session'))
}

type Sent = {
  model: string
  input: { content: ContentPart[] }
  settings: TurnSettings
  stored: Omit<StoredRequest, 'model'>
  previous?: string | undefined
  on_busy: NonNullable<NewMessage['on_busy']>
  if_sequence?: number
  if_key?: string | undefined
}

/** Posts the message of a response. */
async function sendInput(begin: Begin, sessionId: string, sent: Sent): Promise<BegunResponse> {
  const { model, input, settings, stored, previous, on_busy, if_sequence, if_key } = sent
  const openai: StoredRequest = {
    ...stored,
    hash: begin.repeat.hash,
    model,
    ...(previous !== undefined && { previous_response_id: previous }),
  }
  const message = {
    content: input.content,
    ...settings,
    metadata: { openai },
    on_busy,
    if_sequence,
    if_key,
  }
  const posted = await post(begin, sessionId, message)
  const { sequence } = posted
  const place = { sessionId, message: sequence, start: sequence }
  const facts = factsOf(place, posted)
  // The stored answer to a repeated request has only the ids of a large message.
  return facts ? { place, facts } : located(begin, place)
}

/** Undefined if another message came first, such as one of another tab. */
export async function sendAlone(begin: Begin, sessionId: string, sent: Sent) {
  try {
    return await sendInput(begin, sessionId, sent)
  } catch (error) {
    const isLate = error instanceof ApiError && lateCodes.includes(error.code)
    if (isLate) return undefined
    throw error
  }
}

const lateCodes: readonly string[] = ['session_busy', 'changed_meanwhile']

type Posted = Omit<NewMessage, 'message'> & { content: ContentPart[] }

function post(begin: Begin, sessionId: string, { content, ...settings }: Posted): Promise<Message> {
  const path = `/v1/sessions/${sessionId}/messages`
  const body = { message: { content }, ...settings }
  const { if_sequence: at } = settings
  const headers = withKey(begin, at == null ? 'message' : `message:${at}`)
  return begin.calls.run<Message>('POST', path, body, headers)
}

type Earlier = EarlierState & { place: ResponsePlace }

async function earlierResponse(calls: Client, id: string): Promise<Earlier> {
  const place = parseResponseId(id)
  return { place, ...(await readEarlier(calls, place)) }
}

/** Continues the session after its latest response; an older one is continued in a fork. */
async function continueFrom(begin: Begin, asked: AskedResponse, earlier: Earlier) {
  const { place, state, isContinued, end } = earlier
  const { id, request } = state.facts
  const { model } = request
  const { sessionId } = place
  if (asked.model !== undefined && asked.model !== model) {
    const session = await begin.calls.run<Session>('GET', `/v1/sessions/${sessionId}`)
    if (!(await isAgentOf(begin, asked.model, session))) {
      throw invalidParam('model', `must be ${model}, as in the earlier response`)
    }
  }
  const sent = { ...asked, model, previous: id }
  const known = await repeatedIn(begin, sessionId, Math.max(state.sequence, place.start))
  if (known) return located(begin, known)
  const repeated = await repeatedSession(begin.calls, begin.repeat)
  if (repeated) return sendOnce(begin, repeated, sent)
  if (!isContinued) {
    if (state.waits.length > 0) return interrupt(begin, place, sent)
    if (state.phase !== 'over') return sendInput(begin, sessionId, { ...sent, on_busy: 'queue' })
    const next = await sendAlone(begin, sessionId, { ...sent, on_busy: 'reject' })
    if (next) return next
  }
  if (state.phase !== 'over') throw invalidParam('previous_response_id', 'is still in progress')
  const fork = await forkAt(begin, sessionId, end)
  return sendInput(begin, fork.id, { ...sent, on_busy: 'queue' })
}

/**
 * Ends the wait of a response with a message, if it still waits.
 * Contract: throws `changed_meanwhile` if it does not.
 */
async function interrupt(begin: Begin, place: ResponsePlace, sent: Omit<Sent, 'on_busy'>) {
  const { sessionId } = place
  const { db, principal } = begin.calls.request
  const if_sequence = await getSequence(db, principal.orgId, sessionId)
  const { state } = await readEarlier(begin.calls, place)
  if (state.waits.length === 0) throw new ApiError('changed_meanwhile')
  return sendInput(begin, sessionId, { ...sent, on_busy: 'interrupt', if_sequence })
}

/** The label by which a repeated request finds the fork takes the place of those of the source. */
async function forkAt(begin: Begin, sessionId: string, at_sequence: number) {
  const { calls, repeat } = begin
  const path = `/v1/sessions/${sessionId}`
  const { tag } = repeat
  const { tags } = tag === undefined ? {} : await calls.run<Session>('GET', path)
  const kept = tags?.filter((one) => !one.startsWith('openai:'))
  const body = { at_sequence, ...(kept && tag !== undefined && { tags: [...kept, tag] }) }
  return calls.run<Session>('POST', `${path}/fork`, body, withKey(begin, 'fork'))
}
