import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Io } from '../io.ts'
import type { Reader } from './reader.ts'

/** Changes a text in the editor that VISUAL or EDITOR names; undefined where neither does. */
export function editorOf({ env }: Io, reader: Reader) {
  const editor = env.VISUAL || env.EDITOR
  if (!editor || process.platform === 'win32') return undefined
  return async (text: string): Promise<string> => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-'))
    const file = path.join(folder, 'arguments.json')
    try {
      writeFileSync(file, text, { mode: 0o600 })
      // The variable may hold flags as well, as in `code --wait`: a shell reads it.
      const args = ['-c', `${editor} "$1"`, 'sh', file]
      reader.aside(() => spawnSync('/bin/sh', args, { stdio: 'inherit' }))
      return readFileSync(file, 'utf8')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
