import { type Event, type EventDataOf, type EventType, textOf } from '@outlast/sdk'
import { createMarkdown, createPlain, type Renderer } from '../output/markdown/markdown.ts'
import { harmless } from '../output/style.ts'
import type { Screen } from './screen.ts'
import { type Tell, textIn } from './tell.ts'

export type View = ReturnType<typeof createView>

/**
 * Output of answers. `streamed`: as they arrive, on a terminal. `whole`: when they are complete, so
 * that a reader never gets text of a failed attempt. Text before tool calls is a note, not an
 * answer.
 */
export type Answers = 'streamed' | 'whole'

export type ViewOptions = {
  screen: Screen
  tell: Tell
  answers: Answers
  hasColors: boolean
  hasLinks: boolean
  isVerbose: boolean
  /** Prints answers only. */
  isQuiet: boolean
}

type Show<T extends EventType> = (data: EventDataOf<T>) => void

/** Action for each type of event. */
type Shows = { [T in EventType]: Show<T> | 'ignored' }

type Reply = { renderer: Renderer; text: string }

type Viewing = ViewOptions & {
  reply: Reply | undefined
  thinking: string
  /** Whether the line above is blank. */
  isApart: boolean
  answer: string
  hasAnswered: boolean
  /** Text of the latest reply, and the provider's reason of a failure. */
  latest: string
  reason: string
  cancelled: string
}

/** Shows the events of a session as a conversation. */
export function createView(options: ViewOptions) {
  const view: Viewing = {
    ...options,
    reply: undefined,
    thinking: '',
    isApart: true,
    answer: '',
    hasAnswered: false,
    latest: '',
    reason: '',
    cancelled: '',
  }
  const shows = showsOf(view)
  return {
    show(event: Event) {
      const work = shows[event.type] as Show<EventType> | 'ignored' | undefined
      if (typeof work === 'function') work(event.data)
    },
    beside: (text: string) => beside(view, text),
    apart: () => apart(view),
    /** Other output was written above. */
    below() {
      view.isApart = false
    },
  }
}

function beside(view: Viewing, text: string): void {
  if (view.isQuiet) return
  view.screen.aside(text)
  view.isApart = false
}

function apart(view: Viewing): void {
  view.screen.freshLine()
  if (!view.isApart) view.screen.answer('\n')
  view.isApart = true
}

function begin(view: Viewing): Reply {
  apart(view)
  view.screen.mark()
  const columns = view.screen.columns()
  view.isApart = false
  return {
    renderer: view.hasColors ? createMarkdown({ columns, hasLinks: view.hasLinks }) : createPlain(),
    text: '',
  }
}

function grow(view: Viewing, delta: string): void {
  if (view.answers !== 'streamed' || delta === '') return
  view.reply ??= begin(view)
  view.reply.text += delta
  view.screen.answer(view.reply.renderer.write(delta))
}

function drop(view: Viewing): void {
  if (!view.reply) return
  view.reply = undefined
  view.isApart = true
  view.screen.takeBack(view.tell.line('↻', 'the reply was interrupted and restarts', '', 'dim'))
}

function completeReply(view: Viewing, { message }: EventDataOf<'output.message.completed'>): void {
  const text = textOf(message)
  view.latest = text
  if (view.answers === 'whole') {
    const isAnswer = !message.content.some(({ type }) => type === 'tool_call')
    whole(view, text, isAnswer)
    return
  }
  if (view.reply && !text.startsWith(view.reply.text)) drop(view)
  grow(view, text.slice(view.reply?.text.length ?? 0))
  if (!view.reply) return
  view.screen.answer(view.reply.renderer.end())
  view.screen.freshLine()
  view.reply = undefined
}

function whole(view: Viewing, text: string, isAnswer: boolean): void {
  if (text === '') return
  endAnswer(view)
  if (isAnswer) view.answer = text
  else beside(view, view.tell.colored(harmless(text), 'dim'))
}

/** Writes the pending answer. It is held back because a failed turn repeats its error as one. */
function endAnswer(view: Viewing): void {
  if (view.answer === '') return
  view.screen.answer(`${view.hasAnswered ? '\n' : ''}${harmless(view.answer).trimEnd()}\n`)
  view.hasAnswered = true
  view.answer = ''
}

function endCancelled(view: Viewing): void {
  if (view.cancelled === '') return
  view.screen.aside(view.cancelled)
  view.isApart = false
  view.cancelled = ''
}

function think(view: Viewing, delta: string): void {
  view.thinking += delta
  view.screen.passing(view.tell.line('✻', view.thinking.slice(-200).trimStart()))
}

function thought(view: Viewing, text: string): void {
  view.thinking = ''
  if (view.isVerbose) beside(view, view.tell.colored(view.tell.whole(text), 'dim'))
  else if (text.trim() !== '') beside(view, view.tell.line('✻', text.trim(), '', 'dim'))
}

function showInput(view: Viewing, { message }: EventDataOf<'input.message'>): void {
  if (message.role === 'tool_result') return
  const lines = harmless(textIn(message.content)).split('\n')
  view.screen.freshLine()
  if (!view.isApart && !view.isQuiet) beside(view, '')
  beside(
    view,
    lines.map((line, at) => view.tell.colored(`${at ? ' ' : '›'} ${line}`, 'bold')).join('\n'),
  )
}

function showFailure(view: Viewing, { error, error_code }: EventDataOf<'turn.failed'>): void {
  view.answer = ''
  const why = [
    view.latest === error && view.answers === 'streamed' ? '' : error,
    view.reason,
  ].filter(Boolean)
  const code = error_code ? ` (${error_code})` : ''
  const text = harmless(`${code}${why.length > 0 ? `: ${why.join(' ')}` : '.'}`)
  view.screen.aside(view.tell.colored(`✗ The turn failed${text}`, 'red'))
  view.isApart = false
}

const resolutionOf = (view: Viewing, data: EventDataOf<'tool.approval_resolved'>) =>
  view.tell.line('∙', `${data.tool_name} was ${data.decision}`, byOf(data), 'dim')

const endOf = (
  view: Viewing,
  { iterations, usage, duration_ms = 0 }: EventDataOf<'turn.completed'>,
) =>
  view.tell.line(
    '∙',
    `${iterations} model ${iterations === 1 ? 'call' : 'calls'}, ${duration_ms} ms`,
    usage && `${usage.input_tokens} + ${usage.output_tokens} tokens`,
    'dim',
  )

const showsOf = (view: Viewing): Shows => ({
  'input.message': (data) => showInput(view, data),
  'session.started': 'ignored',
  'session.activated': () => endCancelled(view),
  'turn.started': 'ignored',
  'mcp.unavailable': ({ name }) =>
    beside(view, view.tell.line('∙', `the MCP server ${name} is unavailable`, '', 'dim')),
  'capability.unavailable': ({ error }) => beside(view, view.tell.line('∙', error, '', 'dim')),
  'reason.started': () => view.screen.passing('…'),
  'context.compacting': () =>
    beside(
      view,
      view.tell.line('∙', 'summarizing the beginning of the long conversation', '', 'dim'),
    ),
  'context.compacted': 'ignored',
  'output.message.started': ({ attempt = 1 }) => {
    view.thinking = ''
    if (attempt > 1) drop(view)
  },
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': ({ delta }) => think(view, delta),
  'reason.thinking.completed': ({ thinking }) => thought(view, thinking),
  'output.message.delta': ({ delta }) => grow(view, delta),
  'tool.input.delta': ({ name }) => view.screen.passing(`writing the arguments of ${name}`),
  'llm.generation': ({ metadata }) => {
    view.reason = metadata.success ? '' : (metadata.error ?? '')
  },
  'output.message.completed': (data) => completeReply(view, data),
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': (data) => beside(view, resolutionOf(view, data)),
  'tool.call_requested': ({ tool_calls, input }) => {
    if (input) return
    for (const { name, arguments: args } of tool_calls)
      beside(view, view.tell.callStarted(name, args))
    view.screen.passing('waiting for the client that runs this tool')
  },
  'tool.input_resolved': ({ tool_name, status }) =>
    beside(view, view.tell.line('∙', `${tool_name}: ${status.replace('_', ' ')}`, '', 'dim')),
  'tool.started': ({ tool_call }) =>
    beside(view, view.tell.callStarted(tool_call.name, tool_call.arguments)),
  'tool.completed': (data) => beside(view, view.tell.callEnded(data)),
  'tool.progress': (data) => view.screen.passing(progressText(data)),
  'act.completed': 'ignored',
  'files.changed': (data) => beside(view, view.tell.line('∙', changesOf(data), '', 'dim')),
  'budget.warning': ({ message = '' }) => beside(view, view.tell.line('∙', message, '', 'dim')),
  'budget.exhausted': ({ message = '' }) => beside(view, view.tell.line('∙', message, '', 'dim')),
  'budget.paused': ({ message = '' }) => beside(view, view.tell.line('∙', message, '', 'dim')),
  'budget.resumed': 'ignored',
  'turn.completed': (data) => {
    endAnswer(view)
    if (view.isVerbose) beside(view, endOf(view, data))
  },
  'turn.failed': (data) => showFailure(view, data),
  // The reply so far arrives after this event and is shown before it.
  'turn.cancelled': ({ reason = '' }) => {
    view.cancelled = view.tell.line('∙', 'cancelled', reason, 'dim')
  },
  'session.idled': () => {
    endAnswer(view)
    endCancelled(view)
    view.screen.passing()
  },
  'feedback.given': 'ignored',
})

const changesOf = ({ changes }: EventDataOf<'files.changed'>) =>
  changes.map(({ change, path }) => `${change} ${path}`).join(', ')

const byOf = ({ decided_by, reason }: EventDataOf<'tool.approval_resolved'>) =>
  [decided_by && `by ${decided_by.name}`, reason].filter(Boolean).join(': ')

function progressText(data: EventDataOf<'tool.progress'>): string {
  const { tool_name, progress, total, message } = data
  return `${tool_name} ${progress}${total ? ` of ${total}` : ''} ${message ?? ''}`.trim()
}
