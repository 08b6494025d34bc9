/**
 * The Chromium of the tests: the one on PATH, else Debian's, unpacked below node_modules with the
 * libraries that this machine lacks. Nothing is installed, so root rights are not needed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const kept = path.join(root, 'node_modules/.cache/outlast-chromium')
const unpacked = path.join(kept, 'usr/lib/chromium/chromium')
const programs = ['chromium', 'chromium-browser', 'google-chrome']

/** Environment variables for tests that use it. */
export function chromiumSettings(): Record<string, string> {
  const found = onPath()
  if (found) return { OUTLAST_TEST_CHROMIUM: found }
  if (!existsSync(unpacked)) unpack()
  return {
    OUTLAST_TEST_CHROMIUM: unpacked,
    OUTLAST_TEST_CHROMIUM_LIBRARIES: globSync('{usr/,}lib/*-linux-gnu{,/pulseaudio}', { cwd: kept })
      .map((folder) => path.join(kept, folder))
      .join(path.delimiter),
    // If fonts were unpacked, so was their configuration.
    OUTLAST_TEST_CHROMIUM_FONTS: globSync(path.join(kept, 'etc/fonts/fonts.conf')).length
      ? kept
      : '',
  }
}

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const places = programs.flatMap((program) => folders.map((one) => path.join(one, program)))
  return places.flatMap((place) => globSync(place))[0]
}

/** Contract: the folder is complete or absent, even with concurrent runs. */
function unpack(): void {
  console.error('There is no Chromium on PATH: downloading Debian’s once.')
  const folder = `${kept}-${process.pid}`
  const packages = path.join(folder, 'packages')
  const [lists, cache] = ['lists', 'cache'].map((name) => path.join(folder, name))
  for (const one of [packages, `${lists}/partial`, `${cache}/archives/partial`]) {
    mkdirSync(one, { recursive: true })
  }
  try {
    // Own package lists: those of the machine may be missing or old, and only root can update them.
    const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`]
    run('apt-get', [...own, 'update'])
    run('apt-get', [...own, 'download', ...missing(own)], packages)
    for (const file of readdirSync(packages)) run('dpkg-deb', ['-x', file, '..'], packages)
    for (const one of [packages, lists!, cache!]) rmSync(one, { recursive: true })
    renameSync(folder, kept)
  } catch (error) {
    // Another run was first.
    if (!existsSync(unpacked)) throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * The packages to install. Every machine has the C library, which works with its own loader only.
 */
function missing(own: string[]): string[] {
  const plan = run('apt-get', [
    ...own,
    '--simulate',
    '--no-install-recommends',
    'install',
    'chromium',
  ])
  return [...plan.matchAll(/^Inst (\S+)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'libc6')
}

function run(program: string, args: string[], cwd = root): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
  })
  if (status === 0) return stdout
  const wanted = 'Tests of the console need Chromium: put one on PATH'
  const other = "or connect to the network, so that Debian's can be downloaded once"
  throw new Error(`${wanted}, ${other}. ${program} said: ${error?.message ?? stderr}`)
}
