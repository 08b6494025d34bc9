/**
 * Runs the tests that need a browser: all of them, or the files given as arguments, with the Chromium on PATH, else with
 * Debian's, which it installs.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const programs = ['chromium', 'chromium-browser', 'google-chrome']

const given = process.argv.slice(2)
const named = given.some((arg) => !arg.startsWith('-'))
const tests = named ? [] : globSync('test/browser/*.test.ts', { cwd: root }).sort()
const { status } = spawnSync(
  process.execPath,
  [path.join(root, 'scripts/test.ts'), ...given, ...tests],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, OUTLAST_TEST_CHROMIUM: found() ?? installed() },
  },
)
process.exitCode = status ?? 1

function found(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const places = programs.flatMap((program) => folders.map((one) => path.join(one, program)))
  return places.flatMap((place) => globSync(place))[0]
}

function installed(): string {
  const args = ['install', '-y', '--no-install-recommends', 'chromium']
  const { status, error, stderr } = spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  const program = status === 0 ? found() : undefined
  if (program) return program
  throw new Error(
    `No Chromium on PATH, and Debian's could not be installed: ${error?.message ?? stderr}`,
  )
}
