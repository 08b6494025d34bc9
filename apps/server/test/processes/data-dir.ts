import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const templateFolder = () => path.join(process.env.OUTLAST_TEST_FOLDER!, 'template')

/**
 * Copies a DATA_DIR with a migrated database, as a stopped server leaves it. Creating one takes
 * seconds.
 */
export async function copyDataDir(to: string): Promise<void> {
  // Node's copy does not keep the owner, an unprivileged user.
  if (process.platform === 'win32') return cp(templateFolder(), to, { recursive: true })
  await run('cp', ['-a', `${templateFolder()}/.`, to])
}
