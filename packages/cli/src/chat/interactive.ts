import type {
  Agent,
  Controls,
  Event,
  InputContentPart,
  OnBusy,
  QuestionSet,
  Session,
  ToolCall,
} from '@outlast/sdk'
import type { Context } from '../core/command.ts'
import { exitCodes, sentencesOf } from '../core/failure.ts'
import { serverFlagsOf } from '../core/flags.ts'
import { findResource, kinds } from '../core/resources.ts'
import { imagePartOf, uploadImage } from '../input/image-file.ts'
import { oneLine } from '../output/width.ts'
import { decide } from './approval.ts'
import { editorOf } from './editor.ts'
import { createPlace, type SessionFollower, type Surface } from './place.ts'
import { askQuestions } from './questions.ts'
import { createReader, type Reader } from './reader.ts'
import { createScreen, type Screen } from './screen.ts'
import { perform, type Steering } from './slash.ts'
import {
  controlsOf,
  hasLinks,
  latestMessages,
  messageOf,
  newSession,
  noApprover,
  type Start,
} from './start.ts'
import { agentOf, nameOf } from './target.ts'
import { createTell, type Tell, textIn } from './tell.ts'
import { createView, type View } from './view.ts'

/** State of a conversation. */
type Chat = {
  context: Context
  start: Start
  screen: Screen
  tell: Tell
  view: View
  reader: Reader
  surface: Surface
  controls: Controls | undefined
  agent: Agent | undefined
  /** Undefined before the first message of a new session. */
  place: SessionFollower | undefined
  /** Uploaded images for the next message. */
  images: InputContentPart[]
  /** Ctrl-C was pressed once on an empty line. */
  isWarned: boolean
  isOver: boolean
  /** Settles once the agent and the session are known, and all entries so far are handled. */
  ready: Promise<void>
  finish: (code: number) => void
}

/** Runs a conversation at a terminal until the user exits. */
export async function converse(context: Context, start: Start): Promise<number> {
  const { outlast, signal } = context
  const controls = await controlsOf(context, start)
  const session = start.session && (await outlast.sessions.get(start.session, { signal }))
  const wanted = session ? session.agent_id : start.agent
  const agent = wanted === undefined ? undefined : await agentOf(context, wanted)
  const history = session ? await typedBefore(context, session.id) : []
  return new Promise<number>((finish) => {
    const chat = openChat(context, start, { controls, agent, history, finish })
    signal.addEventListener('abort', () => leave(chat, exitCodes.interrupted), { once: true })
    chat.ready = begin(chat, session || undefined)
    chat.ready.catch((error) => {
      sayError(chat, error)
      leave(chat, exitCodes.failed)
    })
  })
}

async function typedBefore({ outlast }: Context, sessionId: string): Promise<string[]> {
  const messages = await latestMessages(outlast, sessionId)
  const own = messages.filter(({ role }) => role === 'user')
  return own.map(({ content }) => textIn(content)).reverse()
}

type Opening = Pick<Chat, 'controls' | 'agent' | 'finish'> & { history: string[] }

function openChat(context: Context, start: Start, { history, ...opening }: Opening): Chat {
  const { io, out } = context
  const hasColors = out.colors.out
  const { isVerbose } = start
  const screen = createScreen(io, io.stdout, hasColors)
  const tell = createTell({ columns: screen.columns, hasColors, isVerbose })
  const look = { hasColors, hasLinks: hasLinks(io), isVerbose, isQuiet: false }
  const view = createView({ screen, tell, answers: 'streamed', ...look })
  const reader = createReader(
    { stdin: io.stdin, output: io.stdout },
    {
      onEntry: (text) => enter(chat, text),
      onInterrupt: () => interrupt(chat),
      onEnd: () => leave(chat, exitCodes.ok),
      onTyping: (isTyping) => (isTyping ? screen.hold() : screen.release()),
    },
    history,
  )
  const surface: Surface = {
    show: (event) => show(chat, event),
    passing(text) {
      reader.hide()
      screen.passing(text)
    },
    say: (text) => say(chat, text),
    fail(error, isOver) {
      if (isOver) chat.place = undefined
      sayError(chat, error)
    },
    approve: (call, signal) => consent(chat, call, signal),
    answer: (asked, signal) => answerQuestions(chat, asked, signal),
  }
  const parts = { context, start, screen, tell, view, reader, surface }
  const chat: Chat = {
    ...{ ...parts, ...opening },
    ...{ place: undefined, images: [], isWarned: false, isOver: false, ready: Promise.resolve() },
  }
  return chat
}

async function begin(chat: Chat, session: Session | undefined): Promise<void> {
  const { context, reader, start } = chat
  for (const file of start.images) await attach(chat, file)
  chat.agent ??= await agentOf(context, undefined, (agents) => choice(chat, agents))
  reader.hide()
  chat.view.beside(
    chat.tell.line('∙', nameOf(chat.agent), '/help for commands, Ctrl-D to exit', 'dim'),
  )
  if (session) await resume(chat, session)
  else prompt(chat)
}

async function choice(chat: Chat, agents: readonly Agent[]): Promise<Agent> {
  for (const [at, agent] of agents.entries()) chat.view.beside(`${at + 1} ${nameOf(agent)}`)
  for (;;) {
    const answer = (await chat.reader.ask('agent (1) › ', chat.context.signal)).trim()
    const found = agents[Number(answer === '' ? 1 : answer) - 1]
    if (found) return found
  }
}

function prompt({ place, view, reader, screen }: Chat): void {
  if (!reader.isAsking() && place?.isRunning()) return
  screen.passing()
  if (!reader.isAsking()) view.apart()
  reader.show()
}

function show(chat: Chat, event: Event | undefined): void {
  chat.reader.hide()
  if (event) chat.view.show(event)
  prompt(chat)
}

/** Prints notes between the messages of the agent. */
function say(chat: Chat, ...lines: string[]): void {
  chat.reader.hide()
  for (const line of lines) chat.view.beside(chat.tell.prose(line, 'dim'))
  prompt(chat)
}

/** Prints lines whose columns are aligned. */
function printAligned(chat: Chat, lines: readonly string[]): void {
  chat.reader.hide()
  for (const line of lines) chat.view.beside(chat.tell.colored(line, 'dim'))
  prompt(chat)
}

function sayError(chat: Chat, error: unknown): void {
  chat.reader.hide()
  for (const text of sentencesOf(error, chat.context.url)) {
    chat.view.beside(chat.tell.prose(oneLine(text), 'red'))
  }
  prompt(chat)
}

/** Continues a session from its latest exchange. */
async function resume(chat: Chat, session: Session): Promise<void> {
  const messages = await latestMessages(chat.context.outlast, session.id)
  const last = messages.filter(({ role }) => role === 'user').at(-1) ?? messages[0]
  follow(chat, session, last ? last.sequence - 1 : 0)
  prompt(chat)
}

function follow(chat: Chat, session: Session, after_sequence: number): SessionFollower {
  chat.place?.close()
  const { outlast } = chat.context
  chat.place = createPlace({ outlast, session, after_sequence }, chat.surface)
  return chat.place
}

async function consent(chat: Chat, call: ToolCall, signal: AbortSignal) {
  const { start, reader, view, tell, context } = chat
  if (start.consent === 'all') return { decision: 'approve' as const }
  if (start.consent === 'none') return { decision: 'deny' as const, reason: noApprover }
  const decision = await decide(call, {
    tell,
    ask: (text, initial) => reader.ask(text, signal, initial),
    say(text) {
      reader.hide()
      view.beside(text)
    },
    edit: editorOf(context.io, reader),
  })
  if (!decision) say(chat, 'Left for later. /approve asks again.')
  return decision
}

async function answerQuestions(chat: Chat, { questions }: QuestionSet, signal: AbortSignal) {
  const { reader, view, tell } = chat
  const answers = await askQuestions(questions, {
    tell,
    ask: (text, initial) => reader.ask(text, signal, initial),
    say(text) {
      reader.hide()
      view.beside(text)
    },
  })
  if (!answers) say(chat, 'Left for later. /approve asks again.')
  return answers
}

async function send(chat: Chat, text: string, on_busy?: OnBusy): Promise<void> {
  const { outlast, signal } = chat.context
  if (!chat.place) {
    const session = await newSession(outlast, chat.agent!.id, chat.start, signal)
    follow(chat, session, 0)
  }
  const { controls, images } = chat
  await chat.place!.send(messageOf(text, { controls, on_busy, images }), signal)
  chat.images = []
}

/** Contract: entries are handled in order, so that several before a session exists create one. */
function enter(chat: Chat, entry: string): void {
  chat.isWarned = false
  chat.reader.hide()
  chat.view.below()
  const next = () => handle(chat, entry.trim())
  // A failure to begin is reported, and ends the conversation.
  chat.ready = chat.ready.then(next, next)
}

async function handle(chat: Chat, text: string): Promise<void> {
  if (chat.isOver) return
  try {
    if (text.startsWith('/')) await perform(steeringOf(chat), text)
    else if (text !== '') await send(chat, text)
  } catch (error) {
    sayError(chat, error)
  }
  prompt(chat)
}

/** Uploads an image for the next message. */
async function attach(chat: Chat, file: string): Promise<void> {
  const image = await uploadImage(chat.context, file)
  chat.images.push(imagePartOf(image))
  say(chat, `${oneLine(image.filename)} is sent with your next message.`)
}

function cancel(chat: Chat): void {
  if (chat.place?.isRunning()) chat.place.cancel()
  else say(chat, 'No turn is running.')
}

function interrupt(chat: Chat): void {
  const { place } = chat
  if (place?.isRunning() && !place.isCancelling()) cancel(chat)
  else if (place?.isRunning() || chat.isWarned) leave(chat, exitCodes.interrupted)
  else {
    chat.isWarned = true
    say(chat, 'Press Ctrl-C again to exit. /help lists commands.')
  }
}

function leave(chat: Chat, code: number): void {
  const { reader, screen, place, finish, context } = chat
  if (chat.isOver) return
  chat.isOver = true
  reader.close()
  screen.release()
  screen.passing()
  screen.freshLine()
  if (place?.isRunning()) screen.aside('The turn continues in the background.')
  const session = place && `${oneLine(place.id)}${serverFlagsOf(context.given)}`
  if (session) screen.aside(`Continue with \`outlast chat --session ${session}\`.`)
  place?.close()
  finish(code)
}

function steeringOf(chat: Chat): Steering {
  const { context } = chat
  const { outlast, signal } = context
  return {
    outlast,
    signal,
    say: (...lines) => say(chat, ...lines),
    sessionId: () => chat.place?.id,
    async renew(name) {
      if (name !== undefined) chat.agent = await agentOf(context, name)
      chat.place?.close()
      chat.place = undefined
      say(chat, `Your next message starts a new session with ${nameOf(chat.agent!)}.`)
    },
    async goTo(text) {
      const { id } = await findResource(kinds.SESSION!, text, context)
      const session = await outlast.sessions.get(id, { signal })
      chat.agent = await outlast.agents.get(session.agent_id, { signal })
      await resume(chat, session)
    },
    isAgent: (id) => chat.agent?.id === id,
    modelId: () => chat.controls?.model_id ?? chat.agent?.default_model_id ?? undefined,
    list: (lines) => printAligned(chat, lines),
    columns: () => chat.screen.columns(),
    async setModel(name) {
      const { model_id: _, ...rest } = chat.controls ?? {}
      const chosen = name && (await controlsOf(context, { model: name, effort: undefined }))
      chat.controls = { ...rest, ...(chosen || {}) }
      say(chat, name ? `Model: ${oneLine(name)}.` : 'Model: the default.')
    },
    setEffort(effort) {
      const { reasoning: _, ...rest } = chat.controls ?? {}
      chat.controls = { ...rest, ...(effort !== undefined && { reasoning: { effort } }) }
      say(chat, effort === undefined ? 'Effort: the default.' : `Effort: ${oneLine(effort)}.`)
    },
    attach: (file) => attach(chat, file),
    queue: (text) => send(chat, text, 'queue'),
    cancel: () => cancel(chat),
    askAgain: () => chat.place?.askAgain() ?? 0,
    leave: () => leave(chat, exitCodes.ok),
  }
}
