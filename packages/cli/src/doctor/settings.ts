import { accessSync, constants, existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { credentialsFile } from '../core/profiles.ts'
import { type Finding, ok, warning } from './finding.ts'
import type { Visit } from './visit.ts'

const check = 'settings'
const othersMask = 0o077

/** Checks that this machine can save keys, and that they are private. */
export function checkSettings({ io }: Visit): Finding {
  const file = credentialsFile(io)
  const folder = existingAbove(file)
  if (!isWritable(folder)) {
    return warning(
      check,
      `${path.dirname(file)} is not writable, so no login can be saved.`,
      'Set OUTLAST_CONFIG_DIR to a folder of your own, or OUTLAST_URL and OUTLAST_API_KEY.',
    )
  }
  if (!existsSync(file)) return ok(check, `No profile is saved yet (${file}).`)
  const mode = statSync(file).mode & 0o777
  if (process.platform !== 'win32' && (mode & othersMask) !== 0) {
    return warning(
      check,
      `Other users of this machine can read your keys in ${file} (mode ${mode.toString(8)}).`,
      `chmod 600 ${file}`,
    )
  }
  return ok(check, `${file} is private.`)
}

/** Finds the nearest existing folder above a file. */
function existingAbove(file: string): string {
  const folder = path.dirname(file)
  return existsSync(folder) || folder === file ? folder : existingAbove(folder)
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return statSync(folder).isDirectory()
  } catch {
    return false
  }
}
