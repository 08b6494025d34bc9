import { type Event, type EventDataOf, type EventType, textOf } from '@outlast/sdk'
import { createMarkdown, createPlain, type Renderer } from '../output/markdown/markdown.ts'
import { harmless } from '../output/style.ts'
import type { Screen } from './screen.ts'
import { type Tell, textIn } from './tell.ts'

export type View = ReturnType<typeof createView>

/**
 * How answers are shown. `streamed`: as they come, on a terminal. `whole`: when they are there, so
 * that nothing has to be taken back from whatever reads them; what is said before tools are called
 * is no answer and stands beside.
 */
export type Answers = 'streamed' | 'whole'

export type ViewOptions = {
  screen: Screen
  tell: Tell
  answers: Answers
  hasColors: boolean
  hasLinks: boolean
  isVerbose: boolean
  /** Nothing but answers. */
  isQuiet: boolean
}

type Show<T extends EventType> = (data: EventDataOf<T>) => void

/** What is done with each type of event. */
type Shows = { [T in EventType]: Show<T> | 'ignored' }

type Reply = { renderer: Renderer; text: string }

/** Shows the events of a session, one after the other, as a conversation. */
export function createView(options: ViewOptions) {
  const { screen, tell, answers, hasColors, hasLinks, isVerbose, isQuiet } = options
  let reply: Reply | undefined
  let thinking = ''
  /** Whether a blank line stands above. */
  let isApart = true
  let answer = ''
  let hasAnswered = false
  /** The latest thing that was said, and what the vendor of the model said of its failure. */
  let latest = ''
  let reason = ''
  let cancelled = ''

  function beside(text: string): void {
    if (isQuiet) return
    screen.aside(text)
    isApart = false
  }

  function apart(): void {
    screen.freshLine()
    if (!isApart) screen.answer('\n')
    isApart = true
  }

  function begin(): Reply {
    apart()
    screen.mark()
    const columns = screen.columns()
    isApart = false
    return {
      renderer: hasColors ? createMarkdown({ columns, hasLinks }) : createPlain(),
      text: '',
    }
  }

  function grow(delta: string): void {
    if (answers !== 'streamed' || delta === '') return
    reply ??= begin()
    reply.text += delta
    screen.answer(reply.renderer.write(delta))
  }

  function drop(): void {
    if (!reply) return
    reply = undefined
    isApart = true
    screen.takeBack(tell.line('↻', 'the reply broke off, here it is again', '', 'dim'))
  }

  function complete({ message }: EventDataOf<'output.message.completed'>): void {
    const text = textOf(message)
    latest = text
    if (answers === 'whole') {
      const isAnswer = !message.content.some(({ type }) => type === 'tool_call')
      whole(text, isAnswer)
      return
    }
    if (reply && !text.startsWith(reply.text)) drop()
    grow(text.slice(reply?.text.length ?? 0))
    if (!reply) return
    screen.answer(reply.renderer.end())
    screen.freshLine()
    reply = undefined
  }

  function whole(text: string, isAnswer: boolean): void {
    if (text === '') return
    endAnswer()
    if (isAnswer) answer = text
    else beside(tell.colored(harmless(text), 'dim'))
  }

  /** Writes the pending answer. It is held back because a failed turn repeats its error as one. */
  function endAnswer(): void {
    if (answer === '') return
    screen.answer(`${hasAnswered ? '\n' : ''}${harmless(answer).trimEnd()}\n`)
    hasAnswered = true
    answer = ''
  }

  function endCancelled(): void {
    if (cancelled !== '') beside(cancelled)
    cancelled = ''
  }

  function think(delta: string): void {
    thinking += delta
    screen.passing(tell.line('✻', thinking.slice(-200).trimStart()))
  }

  function thought(text: string): void {
    thinking = ''
    if (isVerbose) beside(tell.colored(tell.whole(text), 'dim'))
    else if (text.trim() !== '') beside(tell.line('✻', text.trim(), '', 'dim'))
  }

  function said({ message }: EventDataOf<'input.message'>): void {
    if (message.role === 'tool_result') return
    const lines = harmless(textIn(message.content)).split('\n')
    screen.freshLine()
    if (!isApart && !isQuiet) beside('')
    beside(lines.map((line, at) => tell.colored(`${at ? ' ' : '›'} ${line}`, 'bold')).join('\n'))
  }

  function failed({ error, error_code }: EventDataOf<'turn.failed'>): void {
    answer = ''
    const why = [latest === error && answers === 'streamed' ? '' : error, reason].filter(Boolean)
    const code = error_code ? ` (${error_code})` : ''
    const text = harmless(why.length > 0 ? `: ${why.join(' ')}` : '.')
    screen.aside(tell.colored(`✗ The turn failed${code}${text}`, 'red'))
    isApart = false
  }

  const changesOf = ({ changes }: EventDataOf<'files.changed'>) =>
    changes.map(({ change, path }) => `${change} ${path}`).join(', ')

  const resolutionOf = (data: EventDataOf<'tool.approval_resolved'>) =>
    tell.line('∙', `${data.tool_name} was ${data.decision}`, byOf(data), 'dim')

  const endOf = ({ iterations, usage, duration_ms = 0 }: EventDataOf<'turn.completed'>) =>
    tell.line(
      '∙',
      `${iterations} model ${iterations === 1 ? 'call' : 'calls'}, ${duration_ms} ms`,
      usage && `${usage.input_tokens} + ${usage.output_tokens} tokens`,
      'dim',
    )

  const shows: Shows = {
    'input.message': said,
    'session.started': 'ignored',
    'session.activated': endCancelled,
    'turn.started': 'ignored',
    'mcp.unavailable': ({ name }) =>
      beside(tell.line('∙', `the MCP server ${name} is unavailable`, '', 'dim')),
    'capability.unavailable': ({ error }) => beside(tell.line('∙', error, '', 'dim')),
    'reason.started': () => screen.passing('…'),
    'context.compacting': () =>
      beside(tell.line('∙', 'the conversation is long: its beginning is summed up', '', 'dim')),
    'context.compacted': 'ignored',
    'output.message.started': ({ attempt = 1 }) => {
      thinking = ''
      if (attempt > 1) drop()
    },
    'reason.thinking.started': 'ignored',
    'reason.thinking.delta': ({ delta }) => think(delta),
    'reason.thinking.completed': ({ thinking }) => thought(thinking),
    'output.message.delta': ({ delta }) => grow(delta),
    'llm.generation': ({ metadata }) => {
      reason = metadata.success ? '' : (metadata.error ?? '')
    },
    'output.message.completed': complete,
    'reason.completed': 'ignored',
    'act.started': 'ignored',
    'tool.approval_requested': 'ignored',
    'tool.approval_resolved': (data) => beside(resolutionOf(data)),
    'tool.call_requested': ({ tool_calls }) => {
      for (const { name, arguments: args } of tool_calls) beside(tell.callStarted(name, args))
      screen.passing('waiting for the program that runs this')
    },
    'tool.started': ({ tool_call }) =>
      beside(tell.callStarted(tool_call.name, tool_call.arguments)),
    'tool.completed': (data) => beside(tell.callEnded(data)),
    'tool.progress': (data) => screen.passing(progressOf(data)),
    'act.completed': 'ignored',
    'files.changed': (data) => beside(tell.line('∙', changesOf(data), '', 'dim')),
    'turn.completed': (data) => {
      endAnswer()
      if (isVerbose) beside(endOf(data))
    },
    'turn.failed': failed,
    // What was said so far comes after it, and is shown before it.
    'turn.cancelled': ({ reason = '' }) => {
      cancelled = tell.line('∙', 'cancelled', reason, 'dim')
    },
    'session.idled': () => {
      endAnswer()
      endCancelled()
      screen.passing()
    },
  }

  return {
    show(event: Event) {
      const work = shows[event.type] as Show<EventType> | 'ignored' | undefined
      if (typeof work === 'function') work(event.data)
    },
    beside,
    apart,
    /** Somebody else has written above. */
    below() {
      isApart = false
    },
  }
}

const byOf = ({ decided_by, reason }: EventDataOf<'tool.approval_resolved'>) =>
  [decided_by && `by ${decided_by.name}`, reason].filter(Boolean).join(': ')

function progressOf(data: EventDataOf<'tool.progress'>): string {
  const { tool_name, progress, total, message } = data
  return `${tool_name} ${progress}${total ? ` of ${total}` : ''} ${message ?? ''}`.trim()
}
