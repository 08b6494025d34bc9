import { closeSync, constants, openSync, readSync } from 'node:fs'
import type { Io } from '../core/io.ts'

/** Discards unread input of a terminal: it must not answer a question that is shown after it. */
export function discardTyped({ fd, isTTY }: Io['stdin'] & { fd?: number }): void {
  if (fd === undefined || !isTTY || process.platform === 'win32') return
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants
  let terminal: number | undefined
  try {
    terminal = openSync('/dev/tty', O_RDONLY | O_NONBLOCK | O_NOCTTY)
    const bytes = Buffer.alloc(4096)
    while (readSync(terminal, bytes) > 0);
  } catch {
    // No input is left, or there is no terminal.
  } finally {
    if (terminal !== undefined) closeSync(terminal)
  }
}
