/**
 * Runs the tests that need a PostgreSQL with its own tools (pg_dump, pg_restore): all of them, or
 * the files given as arguments. Uses the newest PostgreSQL of this machine, else installs Debian's.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const given = process.argv.slice(2)
const named = given.some((arg) => !arg.startsWith('-'))
const tests = named ? [] : globSync('test/postgres/*.test.ts', { cwd: root }).sort()
const { status } = spawnSync(
  process.execPath,
  [path.join(root, 'scripts/test.ts'), ...given, ...tests],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, OUTLAST_TEST_POSTGRES_PROGRAMS: found() ?? installed() },
  },
)
process.exitCode = status ?? 1

/**
 * The folder of the programs. Programs on PATH may be dead links, or a client without its server.
 */
function found(): string | undefined {
  const folders = [
    '/usr/lib/postgresql/*/bin',
    '/usr/pgsql-*/bin',
    '/opt/homebrew/opt/postgresql*/bin',
  ]
  const order = new Intl.Collator('en', { numeric: true })
  const whole = globSync(folders.map((one) => path.join(one, 'pg_restore')))
    .map(path.dirname)
    .filter((one) => globSync(path.join(one, '{initdb,pg_ctl,postgres,pg_dump}')).length === 4)
  return whole.sort(order.compare).at(-1)
}

function installed(): string {
  const args = ['install', '-y', '--no-install-recommends', 'postgresql']
  const { status, error, stderr } = spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  const programs = status === 0 ? found() : undefined
  if (programs) return programs
  throw new Error(
    `No PostgreSQL with its tools was found, and Debian's could not be installed: ${error?.message ?? stderr}`,
  )
}
