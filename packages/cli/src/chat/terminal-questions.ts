import type { Context } from '../core/command.ts'
import { columnsOf } from '../core/io.ts'
import { ask } from '../input/prompt.ts'
import type { Questioning } from './questions.ts'
import { createTell } from './tell.ts'
import { discardTyped } from './typed-ahead.ts'

/** Additional methods of stdin on a terminal. */
type RawStdin = Context['io']['stdin'] & { setRawMode?: (isRaw: boolean) => void }

/**
 * Creates what asks at the terminal about one entry. Text that was typed before its first question
 * does not answer it.
 */
export function questioningAt({ io, out }: Context) {
  const hasColors = out.colors.err
  const stdin: RawStdin = io.stdin
  let isFirst = true
  function read(prompt: string, isSecret: boolean): Promise<string> {
    if (isFirst) {
      // A terminal in line mode holds a begun line back.
      stdin.setRawMode?.(true)
      discardTyped(stdin)
    }
    isFirst = false
    return ask(io, prompt, { isSecret })
  }
  return {
    tell: createTell({ columns: () => columnsOf(io.stderr), hasColors, isVerbose: false }),
    ask: (prompt) => read(prompt, false),
    askSecret: (prompt) => read(prompt, true),
    say: (text) => void io.stderr.write(`${text}\n`),
  } satisfies Questioning
}
