import type { ContentPart, EventDataOf } from '@outlast/sdk'
import { createWrap } from '../output/markdown/wrap.ts'
import { type Look, look, paint, plain } from '../output/style.ts'
import { duration } from '../output/time.ts'
import { cut, exactJson, oneLine } from '../output/width.ts'

const widthWithoutTerminal = 500

export type Tell = ReturnType<typeof createTell>

/** Sentences about what happens beside the answers, a line each. */
export function createTell({
  columns,
  hasColors,
  isVerbose,
}: {
  columns: () => number
  hasColors: boolean
  isVerbose: boolean
}) {
  const colored = (text: string, ...looks: Look[]) =>
    hasColors ? paint({ text, style: look(...looks) }) : text
  const width = () => Math.min(columns(), widthWithoutTerminal)

  /** One line: a mark, words that count, and as much of the rest as there is room for. */
  function line(mark: string, words: string, rest = '', ...looks: Look[]): string {
    const text = oneLine(`${mark} ${words}${rest === '' ? '' : ` ${rest}`}`)
    return colored(cut(text, width()), ...looks)
  }

  const whole = (value: unknown) =>
    indented(typeof value === 'string' ? value : exactJson(value, 2))

  /** Sentences, wrapped at words. */
  function prose(text: string, ...looks: Look[]): string {
    const wrap = createWrap(columns())
    wrap.begin([])
    wrap.text({ text, style: hasColors ? look(...looks) : plain })
    wrap.endLine()
    return wrap.flush().trimEnd()
  }

  return {
    colored,
    line,
    prose,
    whole,
    callStarted: (name: string, args: unknown) =>
      isVerbose ? `${line('→', name)}\n${whole(args)}` : line('→', name, shortOf(args), 'dim'),
    callEnded(data: EventDataOf<'tool.completed'>): string {
      const { tool_name, success, status, error, result, duration_ms } = data
      const time = duration(duration_ms)
      const said = success ? textIn(result ?? []) : `${status}: ${error ?? 'failed'}`
      const head = time ? `${tool_name} ${time}` : tool_name
      const mark = success ? '✓' : '✗'
      const looks: Look[] = success ? ['dim'] : ['red']
      if (isVerbose) return `${line(mark, head, '', ...looks)}\n${whole(said)}`
      return line(mark, head, said, ...looks)
    },
  }
}

const shortOf = (value: unknown) => {
  const text = JSON.stringify(value) ?? ''
  return text === '{}' ? '' : text
}

/** What a result says, its texts joined; of other parts what they are. */
export const textIn = (parts: readonly ContentPart[]) =>
  parts.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join(' ')

/** Lines below another one. */
const indented = (text: string) =>
  text
    .split('\n')
    .map((one) => `  ${one.replace(/\t/g, '    ').replace(/\p{Cc}/gu, '')}`)
    .join('\n')
