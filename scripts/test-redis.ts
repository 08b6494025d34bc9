/**
 * Runs the tests that need a Redis: the one on PATH, else Debian's, unpacked into a temporary
 * folder.
 * Contract: installs nothing and leaves no files.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const folder = mkdtempSync(path.join(tmpdir(), 'outlast-redis-'))
try {
  const found = onPath('redis-server')
  const redis = found ? { program: found, libraries: '' } : unpacked(folder)
  const tests = globSync('test/redis/*.test.ts', { cwd: root }).sort()
  const args = [path.join(root, 'scripts/test.ts'), ...process.argv.slice(2), ...tests]
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      OUTLAST_TEST_REDIS_SERVER: redis.program,
      OUTLAST_TEST_REDIS_LIBRARIES: redis.libraries,
    },
  })
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function onPath(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return folders.flatMap((one) => globSync(path.join(one, program)))[0]
}

/** Debian's packages of Redis and of the libraries that this machine lacks. */
function unpacked(into: string) {
  const plan = run('apt-get', ['--simulate', '--no-install-recommends', 'install', 'redis-server'])
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!)
  run('apt-get', ['download', ...names], into)
  for (const file of readdirSync(into).filter((name) => name.endsWith('.deb'))) {
    run('dpkg', ['-x', file, '.'], into)
  }
  const libraries = globSync('usr/lib/*-linux-gnu*', { cwd: into }).map((one) =>
    path.join(into, one),
  )
  return { program: path.join(into, 'usr/bin/redis-server'), libraries: libraries.join(':') }
}

function run(program: string, args: string[], cwd = root): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status === 0) return stdout
  throw new Error(
    `No redis-server on PATH, and Debian's could not be downloaded: ${program} ${args[0]}: ${error?.message ?? stderr}`,
  )
}
