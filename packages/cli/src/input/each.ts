import type { Context } from '../core/command.ts'
import { exitCodeOf, exitCodes, sentencesOf } from '../core/failure.ts'
import { oneLine } from '../output/width.ts'

/** Exit codes of errors after which no other resource follows. */
const endings: readonly number[] = [exitCodes.unreachable, exitCodes.interrupted]

/**
 * Acts on each of the resources of a command line. An error of the only one ends the command; of
 * several, it is printed with the id, and the others follow, also without a reader of the output.
 * Returns the exit code of the first error.
 */
export async function actOnEach(
  { io, signal, url }: Context,
  ids: readonly string[],
  act: (id: string) => Promise<unknown>,
): Promise<number> {
  const all = new Set(ids)
  io.mustFinish = true
  io.hasManyResults = all.size > 1
  let code: number = exitCodes.ok
  for (const id of all) {
    try {
      await act(id)
    } catch (error) {
      const isOver = signal.aborted || endings.includes(exitCodeOf(error))
      if (all.size === 1 || isOver) throw error
      io.stderr.write(`outlast: ${oneLine(id)}: ${sentencesOf(error, url).join('\n')}\n`)
      code ||= exitCodeOf(error)
    }
  }
  return code
}
