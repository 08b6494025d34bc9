import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Io } from '../core/io.ts'
import type { Reader } from './reader.ts'

/** The edited text, or the reason why there is none. */
export type Edited = { text: string } | { problem: string }

/** Edits a text in the editor of VISUAL or EDITOR. Undefined without one. */
export function editorOf({ env }: Io, reader: Reader) {
  const editor = env.VISUAL || env.EDITOR
  if (!editor || process.platform === 'win32') return undefined
  return (text: string): Edited => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'outlast-'))
    const file = path.join(folder, 'arguments.json')
    try {
      writeFileSync(file, text, { mode: 0o600 })
      return edited({ editor, file, text }, reader)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

type Editing = { editor: string; file: string; text: string }

/** Contract: returns a text only if the editor exited with 0 and changed the file. */
function edited({ editor, file, text }: Editing, reader: Reader): Edited {
  // A shell runs the command, which may have flags, as in `code --wait`.
  const args = ['-c', `${editor} "$1"`, 'sh', file]
  const ended = reader.aside(() => spawnSync('/bin/sh', args, { stdio: 'inherit' }))
  const { status, signal, error } = ended
  if (error) return { problem: `The editor cannot start: ${error.message}.` }
  if (signal) return { problem: `The editor was ended by ${signal}.` }
  if (status !== 0) return { problem: `The editor failed with exit code ${status}.` }
  const after = textOf(file)
  if (after === undefined) return { problem: 'The edited file cannot be read.' }
  if (after !== text) return { text: after }
  return {
    problem:
      'The editor changed nothing. An editor with its own window needs a flag to wait, as in `code --wait`.',
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
