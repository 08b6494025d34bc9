import { mkdirSync } from 'node:fs'
import path from 'node:path'

/**
 * Creates a folder and its parents.
 * Contract: throws the system's error. Node's `recursive` is not used: it never ends in places that
 * refuse new folders, such as /proc.
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
