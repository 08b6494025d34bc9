import { mkdirSync } from 'node:fs'
import path from 'node:path'

/**
 * Makes a folder, and those above it.
 * Contract: throws what the system says. Not by Node's `recursive`, which never ends where nobody
 * can make a folder, as in /proc.
 */
export function makeFolder(folder: string, mode = 0o777): void {
  try {
    mkdirSync(folder, { mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    const above = path.dirname(folder)
    if (code !== 'ENOENT' || above === folder) throw error
    makeFolder(above, mode)
    mkdirSync(folder, { mode })
  }
}
