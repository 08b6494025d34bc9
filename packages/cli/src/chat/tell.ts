import type { ContentPart, EventDataOf } from '@outlast/sdk'
import { createWrap } from '../output/markdown/wrap.ts'
import { harmless, type Look, look, paint, plain } from '../output/style.ts'
import { duration } from '../output/time.ts'
import { cut, exactJson, oneLine } from '../output/width.ts'

const widthWithoutTerminal = 500

export type Tell = ReturnType<typeof createTell>

/** Formats notes beside the answers. */
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

  /** Formats a line: a mark, words, and as much of the rest as fits. */
  function line(mark: string, words: string, rest = '', ...looks: Look[]): string {
    const text = oneLine(`${mark} ${words}${rest === '' ? '' : ` ${rest}`}`)
    return colored(cut(text, width()), ...looks)
  }

  const whole = (value: unknown) =>
    indented(typeof value === 'string' ? harmless(value) : exactJson(value, 2))

  /** Wraps a text at words. */
  function prose(text: string, ...looks: Look[]): string {
    const wrap = createWrap(columns())
    wrap.begin([])
    wrap.text({ text: harmless(text), style: hasColors ? look(...looks) : plain })
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
      const outcome = success ? textIn(result ?? []) : `${status}: ${error ?? 'failed'}`
      const head = time ? `${tool_name} ${time}` : tool_name
      const mark = success ? '✓' : '✗'
      const looks: Look[] = success ? ['dim'] : ['red']
      if (isVerbose) return `${line(mark, head, '', ...looks)}\n${whole(outcome)}`
      return line(mark, head, outcome, ...looks)
    },
  }
}

const shortOf = (value: unknown) => {
  const text = JSON.stringify(value) ?? ''
  return text === '{}' ? '' : text
}

/** Joins the texts of a result. Other parts are replaced by their type. */
export const textIn = (parts: readonly ContentPart[]) => parts.map(textOfPart).join(' ')

function textOfPart(part: ContentPart): string {
  if (part.type === 'text') return part.text
  return part.type === 'image_file' ? `[image: ${part.filename ?? ''}]` : `[${part.type}]`
}

/** Indents lines. */
const indented = (text: string) =>
  text
    .split('\n')
    .map((one) => `  ${one.replace(/\t/g, '    ')}`)
    .join('\n')
