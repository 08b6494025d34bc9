/**
 * Runs the tests: all of them, or the files given as arguments.
 * Contract: the exit code is that of `node --test`; no key and no database of the caller reaches a
 * test.
 */
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { settings } from '../apps/server/src/config/settings.ts'
import { chromiumSettings } from './chromium.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const testSuites = new URL('test-suites.ts', import.meta.url).href
const processesAtOnce = 4
/** Test files that share a process: starting one takes longer than most of its tests. */
const filesPerProcess = 10
/** For the longest test on a loaded machine: a walk of crashes that takes a minute otherwise. */
const testTimeoutMs = 20 * 60_000
/** Several times the size of all test databases together. */
const memoryBytesMin = 2 ** 30
/**
 * Limit for a run that hangs. Results of a process appear after those of the processes before it,
 * on a loaded machine after many minutes.
 */
const silenceMsMax = 30 * 60_000
/**
 * The built server needs no stripping of types in each test process, which saves a fifteenth of the
 * time.
 */
const codeCache = path.join(root, 'node_modules/.cache/outlast')

const [options, named] = split(process.argv.slice(2))
const files = named.length > 0 ? named : allTests()
const isAboutCrashes = files.some((file) => /\btest[/\\]crash\b/.test(file))
const inBrowser = files.some((file) => /\btest[/\\](browser|console|front-ends)\b/.test(file))

/** Cleanups at the end of the run. */
const folder = mkdtempSync(path.join(inMemory() ?? tmpdir(), 'outlast-tests-'))

const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-global-setup=${path.join(root, 'apps/server/test/global-setup.ts')}`,
    `--test-concurrency=${processesAtOnce}`,
    `--test-timeout=${testTimeoutMs}`,
    // Resources left open by a failed test must not keep its process, and with it the run, alive.
    '--test-force-exit',
    '--test-reporter=spec',
    ...options,
    ...writeGroups(files),
  ],
  {
    env: {
      ...cleanEnvironment(),
      ...(inBrowser && chromiumSettings()),
      ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
      ...(isAboutCrashes && { OUTLAST_TEST_PROGRAMS: 'bundled' }),
      OUTLAST_TEST_FOLDER: folder,
    },
    stdio: ['inherit', 'pipe', 'inherit'],
  },
)
// Ctrl-C reaches the whole group: waits for the summary and the cleanup of the process that does
// the work.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const watchdog = setTimeout(() => {
  console.error(`No test ended within ${silenceMsMax / 60_000} minutes. The tests were stopped.`)
  child.kill('SIGTERM')
}, silenceMsMax)
child.stdout.on('data', () => watchdog.refresh()).pipe(process.stdout)
child.on('close', (code) => {
  clearTimeout(watchdog)
  // The database in it is about to end.
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  process.exitCode = code ?? 1
})

/** On a disk, a copy of the template database takes ten times the processor time. */
function inMemory(): string | undefined {
  const place = '/dev/shm'
  if (!existsSync(place)) return undefined
  const { bavail, bsize } = statfsSync(place)
  return bavail * bsize < memoryBytesMin ? undefined : place
}

function split(args: string[]) {
  const isOption = (arg: string) => arg.startsWith('-')
  return [args.filter(isOption), args.filter((arg) => !isOption(arg))] as const
}

function allTests() {
  const found = globSync('{apps,packages,examples,test,bench,chaos,scripts}/**/*.test.ts', {
    cwd: root,
    exclude: (name) =>
      ['node_modules', 'dist', 'templates', 'fixture'].includes(path.basename(name)),
  })
  // Run by other commands, which provide the programs that they need.
  const names = ['checks', 'redis', 'live', 'package', 'sdk-package', 'postgres', 'clients']
  const apart = [
    ...names.map((name) => path.join('test', name, path.sep)),
    path.join('test', 'front-ends', 'installed', path.sep),
  ]
  const wanted = found.filter((file) => !apart.some((folder) => file.startsWith(folder)))
  return wanted.sort().map((file) => path.join(root, file))
}

/** Writes a file per process that imports its test files as suites. Returns paths in order. */
function writeGroups(files: string[]): string[] {
  const count = Math.ceil(files.length / filesPerProcess)
  return Array.from({ length: count }, (_, first) => {
    const group = files.filter((_, index) => index % count === first)
    const suites = group.map((file) => [
      path.relative(root, path.resolve(file)),
      pathToFileURL(path.resolve(file)).href,
    ])
    const place = path.join(folder, `group-${String(first).padStart(3, '0')}.mjs`)
    const declaring = `import { declare } from ${JSON.stringify(testSuites)}\n`
    writeFileSync(place, `${declaring}declare(${JSON.stringify(suites)})\n`)
    return place
  })
}

/** The environment without Outlast settings and API keys. */
function cleanEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !(name in settings) && !/_API_KEY$|^PG[A-Z]+$|^REDIS_URL$|^NODE_OPTIONS$/.test(name),
  )
  return { NODE_COMPILE_CACHE: codeCache, ...Object.fromEntries(kept), NODE_ENV: 'test' }
}
