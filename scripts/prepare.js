/**
 * Runs before every npm script, on any Node from 20. Installs missing or stale packages, and
 * ensures a Node that strips types. Fast when nothing has changed. Afterwards runs the script in
 * the arguments on that Node.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const modules = path.join(root, 'node_modules')
// Beside node_modules, not in it: npm ci empties that.
const lock = path.join(root, '.install-lock')
const nodeMajorMin = 24
const pauseMs = 200
const beatMs = 1000
const lockStaleMs = 10_000
const lockWaitMs = 600_000

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
  } catch {
    return undefined
  }
}

function libc() {
  if (process.platform !== 'linux') return undefined
  const header = process.report.getReport().header
  return header.glibcVersionRuntime ? 'glibc' : 'musl'
}

/** npm's own rule: a list of names, `!` for exclusions; a single name may come without a list. */
function fits(list, value) {
  if (list === undefined || value === undefined) return true
  const names = [list].flat()
  if (names.includes(`!${value}`)) return false
  const wanted = names.filter((name) => !name.startsWith('!'))
  return wanted.length === 0 || wanted.includes(value) || wanted.includes('any')
}

function fitsHere({ os, cpu, libc: wanted }) {
  if (!fits(os, process.platform) || !fits(cpu, process.arch)) return false
  return wanted === undefined || fits(wanted, libc())
}

/** The reason why node_modules does not match the lock file; undefined when it does. */
function whatIsWrong() {
  const wanted = readPackages(path.join(root, 'package-lock.json'))
  if (!wanted) throw new Error('package-lock.json is missing or cannot be read.')
  const installed = readPackages(path.join(modules, '.package-lock.json'))
  if (!installed) return 'nothing is installed yet'
  for (const [place, entry] of Object.entries(wanted)) {
    if (!place.startsWith('node_modules/') && !place.includes('/node_modules/')) continue
    const wrong = whatIsWrongWith(place, entry, installed[place])
    if (wrong) return wrong
  }
  return undefined
}

function whatIsWrongWith(place, wanted, found) {
  const name = place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
  if (wanted.optional && !fitsHere(wanted)) return undefined
  // It may belong to another package that does not fit here.
  if (wanted.optional && !found && !wanted.os && !wanted.cpu) return undefined
  if (!found) return `${name} is missing`
  if (found.version !== wanted.version) return `${name} is not at version ${wanted.version}`
  if (found.integrity !== wanted.integrity) return `${name} differs from the lock file`
  return existsSync(path.join(root, place)) ? undefined : `${name} is missing`
}

function takeLock() {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw new Error(`${root} cannot be written (${error.code}), so nothing can be installed.`)
  }
}

function ageMs(directory) {
  const { mtimeMs } = statSync(directory, { throwIfNoEntry: false }) ?? {}
  return mtimeMs === undefined ? 0 : Date.now() - mtimeMs
}

/** Of several that find a stale lock one moves it away; a moved live lock is put back. */
function removeStaleLock() {
  if (ageMs(lock) < lockStaleMs) return
  const aside = `${lock}-${process.pid}`
  try {
    renameSync(lock, aside)
    if (ageMs(aside) < lockStaleMs) return renameSync(aside, lock)
    rmSync(aside, { recursive: true, force: true })
  } catch {
    // Another process was first.
  }
}

/**
 * Runs `work` while no other process does. The lock's modification time shows that its owner is
 * alive.
 */
async function alone(work) {
  const deadline = Date.now() + lockWaitMs
  for (let waited = false; !takeLock(); waited = true) {
    if (!waited) console.error('Waiting for another npm command that is installing packages.')
    if (Date.now() > deadline)
      throw new Error(`Remove ${lock}: it has not been updated for a long time.`)
    removeStaleLock()
    await sleep(pauseMs)
  }
  const release = () => rmSync(lock, { recursive: true, force: true })
  const beat = setInterval(() => {
    const now = new Date()
    utimesSync(lock, now, now)
  }, beatMs)
  process.once('exit', release)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  try {
    await work()
  } finally {
    clearInterval(beat)
    release()
  }
}

async function install() {
  const wrong = whatIsWrong()
  if (!wrong) return
  console.error(`Installing packages from package-lock.json with npm ci (${wrong}) ...`)
  const code = await npmCi()
  if (code !== 0) throw new Error(`npm ci failed (${code}): packages are not installed.`)
  const still = whatIsWrong()
  if (still) throw new Error(`npm ci succeeded, but ${still}.`)
}

/** Includes development packages: with NODE_ENV=production the next check would miss them. */
const npmArguments = [
  'ci',
  '--ignore-scripts',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  '--include=dev',
  '--include=optional',
]

/** The npm that runs this script, on its own Node: ours is in the folder that npm ci empties. */
function npmCi() {
  const { npm_execpath: npm = '', npm_node_execpath: node = process.execPath } = process.env
  const known = /npm-cli\.c?js$/.test(npm)
  const [program, ...args] = known ? [node, npm, ...npmArguments] : ['npm', ...npmArguments]
  return new Promise((resolve, reject) => {
    const shell = !known && process.platform === 'win32'
    const child = spawn(program, args, { cwd: root, shell, stdio: ['ignore', 2, 2] })
    child.once('error', (error) => reject(new Error(`npm cannot be started: ${error.message}`)))
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
}

/** An installed Node that cannot run here (no glibc) would be first on npm's PATH. */
function checkNode() {
  const windows = process.platform === 'win32'
  const links = windows ? ['node.cmd', 'node.ps1', 'node'] : ['node']
  const brought = path.join(modules, '.bin', links[0])
  if (existsSync(brought)) {
    const program = windows ? `"${brought}"` : brought
    const run = spawnSync(program, ['--version'], { shell: windows, encoding: 'utf8' })
    if (run.status === 0 && majorOf(run.stdout) >= nodeMajorMin) return
    for (const link of links) rmSync(path.join(modules, '.bin', link), { force: true })
  }
  if (majorOf(process.version) >= nodeMajorMin) return
  throw new Error(
    `Outlast needs Node ${nodeMajorMin} or newer; this platform (${process.platform} ${process.arch}) has no Node package in the registry that runs here: install Node ${nodeMajorMin} from nodejs.org.`,
  )
}

const majorOf = (version) => Number(version.trim().replace(/^v/, '').split('.')[0])

/**
 * Runs a script on the product's Node. An npm script cannot do so itself after an installation: its
 * shell caches the path of `node`.
 */
function run(script, { args = [], stdio } = {}) {
  const windows = process.platform === 'win32'
  const brought = path.join(modules, '.bin', windows ? 'node.cmd' : 'node')
  const shell = windows && existsSync(brought)
  const words = ['--disable-warning=ExperimentalWarning', path.join(root, script), ...args]
  const quoted = shell ? [brought, ...words].map((word) => `"${word}"`) : [brought, ...words]
  const [program, ...rest] = existsSync(brought) ? quoted : [process.execPath, ...words]
  return spawnSync(program, rest, { shell, stdio }).status
}

/** Loads the server once, so that the first start finds its code in the compile cache. */
const warm = () => run('apps/server/start.js', { args: ['--version'] })

try {
  const wrong = whatIsWrong()
  if (wrong) await alone(install)
  checkNode()
  if (wrong) warm()
  const [next] = process.argv.slice(2)
  if (next) process.exitCode = run(next, { stdio: 'inherit' }) ?? 1
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
