/**
 * The Chromium of the tests: the one on PATH, else Debian's, unpacked below node_modules with the
 * libraries that this machine does not have. Nothing is installed, so nobody has to be root.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const kept = path.join(root, 'node_modules/.cache/outlast-chromium')
const unpacked = path.join(kept, 'usr/lib/chromium/chromium')
const programs = ['chromium', 'chromium-browser', 'google-chrome']

/** What tests are told of it, as their environment. */
export function chromiumSettings(): Record<string, string> {
  const found = onPath()
  if (found) return { OUTLAST_TEST_CHROMIUM: found }
  if (!existsSync(unpacked)) unpack()
  return {
    OUTLAST_TEST_CHROMIUM: unpacked,
    OUTLAST_TEST_CHROMIUM_LIBRARIES: globSync('{usr/,}lib/*-linux-gnu{,/pulseaudio}', { cwd: kept })
      .map((folder) => path.join(kept, folder))
      .join(path.delimiter),
    // Where the fonts came along, what tells of them did too.
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

/** Contract: the folder is there whole or not at all, however many do this at once. */
function unpack(): void {
  console.error('There is no Chromium on PATH: Debian’s is fetched, once.')
  const folder = `${kept}-${process.pid}`
  const packages = path.join(folder, 'packages')
  const [lists, cache] = ['lists', 'cache'].map((name) => path.join(folder, name))
  for (const one of [packages, `${lists}/partial`, `${cache}/archives/partial`]) {
    mkdirSync(one, { recursive: true })
  }
  try {
    // Lists of our own: those of the machine may be none, or old, and only root renews them.
    const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${cache}`]
    run('apt-get', [...own, 'update'])
    run('apt-get', [...own, 'download', ...missing(own)], packages)
    for (const file of readdirSync(packages)) run('dpkg-deb', ['-x', file, '..'], packages)
    for (const one of [packages, lists!, cache!]) rmSync(one, { recursive: true })
    renameSync(folder, kept)
  } catch (error) {
    // Another run was here first.
    if (!existsSync(unpacked)) throw error
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The packages to install. The C library is everywhere, and works with its own loader alone. */
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
  const other = "or let Debian's be fetched once, for which a network is needed"
  throw new Error(`${wanted}, ${other}. ${program} said: ${error?.message ?? stderr}`)
}
