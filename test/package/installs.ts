/** Folders in which the packed package is installed, as users do. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { registrySettings } from './registry.ts'

export const root = path.resolve(fileURLToPath(new URL('../../', import.meta.url)))

/** A folder with a space in its path, which is removed at the end of all files of the process. */
export const folder = mkdtempSync(path.join(tmpdir(), 'outlast projects '))
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

export const environment = {
  ...registrySettings,
  PATH: `${path.dirname(process.execPath)}${path.delimiter}/usr/local/bin:/usr/bin:/bin`,
  HOME: folder,
  LANG: 'C',
  CI: 'true',
  ALL_LIBRARIES: 'true',
}

export const npmFlags = ['--no-audit', '--no-fund', '--loglevel=error']

export function run(
  cwd: string,
  program: string,
  args: string[],
  env: Record<string, string> = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: { ...environment, ...env },
    encoding: 'utf8',
  })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? stdout + stderr}`)
  return stdout + stderr
}

let packed = false

/** Packs the package once. Returns its file. */
export function packTarball(): string {
  if (!packed) run(root, 'npm', ['pack', '--silent', '--pack-destination', folder])
  packed = true
  return path.join(folder, 'outlast-0.1.0.tgz')
}
