import type { Approval, Event, OutlastError, QuestionSet, Session, ToolCall } from '@outlast/sdk'
import type { Context } from '../core/command.ts'
import { historyChanged, reportConnection } from '../core/connection.ts'
import { exitCodes, sentencesOf } from '../core/failure.ts'
import { serverFlagsOf } from '../core/flags.ts'
import { imagePartOf, uploadImage } from '../input/image-file.ts'
import { canAsk } from '../input/prompt.ts'
import { oneLine } from '../output/width.ts'
import { decide } from './approval.ts'
import { createConsents } from './consents.ts'
import { editorOf } from './editor.ts'
import { askQuestions } from './questions.ts'
import { createReader, type Reader } from './reader.ts'
import { createScreen, type Screen } from './screen.ts'
import { controlsOf, hasLinks, messageOf, newSession, noApprover, type Start } from './start.ts'
import { agentOf, nameOf } from './target.ts'
import { createTell, type Tell } from './tell.ts'
import { discardTyped } from './typed-ahead.ts'
import { createView } from './view.ts'

/** Sends one message. Prints the answer to stdout and all other text to stderr. */
export async function oneShot(context: Context, start: Start, text: string): Promise<number> {
  const { outlast, signal, out } = context
  const controls = await controlsOf({ outlast, signal }, start)
  const session = await sessionFor(context, start)
  const images = []
  for (const file of start.images) images.push(imagePartOf(await uploadImage(context, file)))
  const message = messageOf(text, { controls, images })
  const stored = await outlast.messages.create(session.id, message, { signal })
  const code = await watch(context, start, {
    session,
    after: stored.sequence - 1,
    ownId: stored.id,
  })
  if (start.session === undefined && out.mode === 'text') {
    out.note(
      `Continue with \`outlast chat --session ${session.id}${serverFlagsOf(context.given)}\`.`,
    )
  }
  return code
}

async function sessionFor({ outlast, signal, out }: Context, start: Start): Promise<Session> {
  if (start.session !== undefined) return outlast.sessions.get(start.session, { signal })
  const agent = await agentOf({ outlast, signal }, start.agent)
  if (start.agent === undefined && out.mode === 'text') out.note(`${nameOf(agent)} answers.`)
  return newSession(outlast, agent.id, start, signal)
}

type SentMessage = { session: Session; after: number; ownId: string }

function viewOf({ io, out }: Context, { isVerbose }: Start) {
  const screen = createScreen(io, io.stderr, out.colors.out || out.colors.err)
  const tell = createTell({ columns: screen.columns, hasColors: out.colors.err, isVerbose })
  const view = createView({
    screen,
    tell,
    answers: io.stdout.isTTY && out.mode === 'text' ? 'streamed' : 'whole',
    hasColors: out.colors.out,
    hasLinks: hasLinks(io),
    isVerbose,
    isQuiet: out.mode === 'quiet',
  })
  return { screen, tell, view }
}

async function watch(
  context: Context,
  start: Start,
  { session, after, ownId }: SentMessage,
): Promise<number> {
  const { outlast, out, signal } = context
  const { screen, tell, view } = viewOf(context, start)
  const over = new AbortController()
  const isOwn = (event: Event) => event.type === 'input.message' && event.data.message.id === ownId
  const show = async (event: Event) => {
    if (out.mode === 'json') await out.json(event, true)
    else if (!isOwn(event)) view.show(event)
  }
  let code: number | undefined
  let ended: Event | undefined

  function leave(with_: number): void {
    code = with_
    over.abort()
  }
  function interrupt(): void {
    if (code !== undefined) {
      leave(exitCodes.interrupted)
      return
    }
    code = exitCodes.interrupted
    screen.passing()
    out.note('Cancelling. Press Ctrl-C again to exit at once; the turn may then continue.')
    outlast.sessions.cancelTurn(session.id).catch((error: OutlastError) => {
      for (const sentence of sentencesOf(error, context.url)) out.note(sentence)
      over.abort()
    })
  }
  const asker = askerOf(context, { start, interrupt, screen, tell, leave, sessionId: session.id })
  const consents = createConsents(
    { outlast, sessionId: session.id },
    {
      approve: asker.approve,
      answer: asker.answer,
      say: (error) => out.note(sentencesOf(error, context.url).join('\n')),
    },
  )
  const onConnection = reportConnection({
    notify: (text) => out.mode !== 'quiet' && screen.aside(tell.prose(text, 'dim')),
    change: (isOpen) => out.mode === 'text' && screen.passing(isOpen ? undefined : 'reconnecting…'),
  })
  signal.addEventListener('abort', interrupt)
  if (signal.aborted) interrupt()
  try {
    const events = outlast.session(session.id).events({
      after_sequence: after,
      signal: over.signal,
      onConnection,
      onHistoryChanged(resume) {
        if (resume.sequence > after) return out.note(historyChanged(resume))
        // The message is lost, so there will be no answer.
        out.failure(historyChanged(resume))
        leave(exitCodes.failed)
      },
    })
    for await (const event of events) {
      await show(event)
      consents.take(event)
      if (event.type === 'tool.call_requested' && !event.data.input) out.note(waitsForClient(event))
      if (event.type.startsWith('turn.')) ended = event
      if (event.type === 'session.idled') break
    }
  } catch (error) {
    if (!over.signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', interrupt)
    consents.end()
    asker.close()
    screen.passing()
    screen.freshLine()
  }
  return code ?? (ended?.type === 'turn.completed' ? exitCodes.ok : exitCodes.failed)
}

function waitsForClient({ data }: Extract<Event, { type: 'tool.call_requested' }>): string {
  const names = data.tool_calls.map(({ name }) => name).join(', ')
  return oneLine(
    `${names}: runs in a client program. The turn waits for its result. Ctrl-C cancels the turn.`,
  )
}

type Asker = {
  start: Start
  interrupt: () => void
  screen: Screen
  tell: Tell
  leave: (code: number) => void
  sessionId: string
}

/** Decides on tool calls: by the flag, or by the user at a terminal. */
function askerOf(context: Context, { start, interrupt, screen, tell, leave, sessionId }: Asker) {
  const { io, out, given } = context
  const serverFlags = serverFlagsOf(given)
  const isAskable = canAsk(io) && out.mode === 'text'
  let reader: Reader | undefined

  function open(): Reader {
    const opened = createReader(
      { stdin: io.stdin, output: io.stderr },
      {
        onEntry: () => {},
        onInterrupt: interrupt,
        onEnd: interrupt,
        onTyping: (isTyping) => (isTyping ? screen.hold() : screen.release()),
      },
    )
    discardTyped(io.stdin)
    return opened
  }

  async function answer({ questions }: QuestionSet, signal: AbortSignal) {
    if (!isAskable) {
      out.failure(
        'The agent asks questions, and there is no terminal to answer on. The turn waits.',
      )
      out.failure(`Answer: \`outlast sessions answer ${sessionId}${serverFlags}\`.`)
      leave(exitCodes.failed)
      return undefined
    }
    reader ??= open()
    const line = reader
    const ask = (prompt: string, initial?: string) => line.ask(prompt, signal, initial)
    return askQuestions(questions, { tell, ask, say: screen.aside })
  }

  async function approve(call: ToolCall, signal: AbortSignal): Promise<Approval | undefined> {
    if (start.consent === 'all') return { decision: 'approve' }
    if (start.consent === 'none') return { decision: 'deny', reason: noApprover }
    if (!isAskable) {
      const target = `${sessionId} ${oneLine(call.id)}${serverFlags}`
      out.failure(
        oneLine(`${call.name} needs approval, and there is no terminal to ask on. The turn waits.`),
      )
      out.failure(
        `Approve: \`outlast sessions approve ${target}\`. Deny: \`outlast sessions deny ${target}\`.`,
      )
      out.failure(
        `Or run \`outlast chat --session ${sessionId}${serverFlags}\` in a terminal. With a message, --approve all or none decides in advance.`,
      )
      leave(exitCodes.failed)
      return undefined
    }
    reader ??= open()
    const line = reader
    return decide(call, {
      tell,
      ask: (prompt, initial) => line.ask(prompt, signal, initial),
      say: screen.aside,
      edit: editorOf(io, line),
    })
  }
  return { approve, answer, close: () => reader?.close() }
}
