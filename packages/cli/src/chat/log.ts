import type { Context } from '../core/command.ts'
import { columnsOf } from '../core/io.ts'
import { createMarkdown } from '../output/markdown/markdown.ts'
import { harmless, look, paint } from '../output/style.ts'
import { oneLine, widthOf, withoutSequences } from '../output/width.ts'
import type { LogEntry } from './log-entry.ts'
import { hasLinks } from './start.ts'
import { createTell, type Tell } from './tell.ts'

/** Columns of a line without a terminal. Messages keep their own lines. */
const columnsWithoutTerminal = 100

type Options = { agent: string; isVerbose: boolean }

/**
 * Formats the entries of a transcript as lines without control sequences of the server. A terminal
 * gets rendered Markdown, other readers its source.
 */
export function createTranscriptPrinter(
  { io, out }: Pick<Context, 'io' | 'out'>,
  { agent, isVerbose }: Options,
) {
  const hasColors = out.colors.out
  const isTerminal = io.stdout.isTTY === true
  const columns = () => (isTerminal ? columnsOf(io.stdout) : columnsWithoutTerminal)
  const tell = createTell({ columns, hasColors, isVerbose })
  const painted = (text: string, ...looks: Parameters<typeof look>) =>
    hasColors ? paint({ text, style: look(...looks) }) : text
  let latest = ''
  let isFirst = true

  function headed(speaker: string, { at }: LogEntry): string[] {
    const time = `${oneLine(String(at ?? ''))
      .slice(0, 19)
      .replace('T', ' ')}Z`
    const head = `${painted(oneLine(speaker), 'bold')}  ${painted(time, 'dim')}`
    return isFirst ? [head] : ['', head]
  }

  function rendered(text: string): string[] {
    if (!isTerminal) return harmless(text).trimEnd().split('\n')
    const markdown = createMarkdown({ columns: columns(), hasLinks: hasColors && hasLinks(io) })
    const lines = `${markdown.write(text)}${markdown.end()}`.trimEnd()
    return (hasColors ? lines : withoutSequences(lines)).split('\n')
  }

  const wrapped = (text: string, ...looks: Parameters<typeof look>) =>
    tell.prose(oneLine(text), ...looks).split('\n')

  /** Lines of a typed message. Only lines that are wider than the terminal are wrapped. */
  const typed = (text: string) =>
    harmless(text)
      .trimEnd()
      .split('\n')
      .flatMap((line) =>
        isTerminal && widthOf(line) > columns() ? tell.prose(line).split('\n') : [line],
      )

  function contentOf(entry: LogEntry): string[] {
    switch (entry.kind) {
      case 'user':
        return [...headed('User', entry), ...typed(entry.text)]
      case 'agent': {
        const thinking =
          isVerbose && entry.thinking ? [tell.colored(tell.whole(entry.thinking), 'dim')] : []
        if (entry.text === '' && thinking.length === 0) return []
        latest = entry.text
        return [...headed(agent, entry), ...thinking, ...(entry.text ? rendered(entry.text) : [])]
      }
      case 'tool_call':
        return [tell.callStarted(entry.name, entry.arguments)]
      case 'tool_result':
        return [tell.callEnded(entry)]
      case 'approval_requested':
      case 'approval_resolved':
      case 'questions_asked':
      case 'questions_resolved':
        return waitLines(tell, entry)
      case 'error': {
        const code = entry.code ? ` (${entry.code})` : ''
        const cause = entry.text === latest ? '.' : `: ${entry.text}`
        return wrapped(`✗ The turn failed${code}${cause}`, 'red')
      }
      case 'cancelled':
        return [tell.line('∙', 'The turn was cancelled', entry.reason, 'dim')]
      case 'notice':
        return [tell.line('∙', entry.text, '', 'dim')]
    }
  }

  return {
    linesOf(entry: LogEntry): string[] {
      const lines = contentOf(entry)
      if (lines.length > 0) isFirst = false
      return lines
    },
  }
}

type WaitEntry = Extract<
  LogEntry,
  {
    kind: 'approval_requested' | 'approval_resolved' | 'questions_asked' | 'questions_resolved'
  }
>

/** Formats a wait for a person, or its end. */
function waitLines(tell: Tell, entry: WaitEntry): string[] {
  switch (entry.kind) {
    case 'approval_requested':
      return [tell.line('?', `${entry.name} needs approval`, JSON.stringify(entry.arguments))]
    case 'approval_resolved': {
      const by = [entry.by && `by ${entry.by}`, entry.reason].filter(Boolean).join(': ')
      return [tell.line('∙', `${entry.name} was ${entry.decision}`, by, 'dim')]
    }
    case 'questions_asked':
      return entry.questions.map(({ question }) => tell.line('?', entry.name, question))
    case 'questions_resolved': {
      const words = `${entry.name}: ${entry.status.replace('_', ' ')}`
      return [tell.line('∙', words, JSON.stringify(entry.answers), 'dim')]
    }
  }
}
