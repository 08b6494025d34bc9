#!/usr/bin/env node
/**
 * The program `outlast` of the package. Plain JavaScript for any Node from 20, because the caller's
 * Node reads it. When that Node is too old for the server, the command runs again on a newer one:
 * the Node of the repository, or one that is installed from npm once.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findNewerNode, nodeMajorMin } from './src/newer-node.js'

const nodeMajor = Number(process.versions.node.split('.')[0])
const withParent = '--stop-with-parent'
/** Set for the process that runs on another Node, which must not look for one again. */
const onNewerNode = 'OUTLAST_ON_NEWER_NODE'
const parentPollMs = 500
const here = path.dirname(fileURLToPath(import.meta.url))
/** True in the repository, where types have to be stripped; false in the package. */
const isSource = existsSync(path.join(here, 'src', 'main.ts'))

/** Flags of `serve` with their settings: the server reads only its environment. */
const settings = {
  port: 'PORT',
  host: 'HOST',
  'data-dir': 'DATA_DIR',
  'database-url': 'DATABASE_URL',
}

const asText = { type: 'string' }
const asFlag = { type: 'boolean' }

const commands = {
  serve: {
    start: () => import('./start.js'),
    flags: {
      port: asText,
      host: asText,
      'data-dir': asText,
      'database-url': asText,
      'stop-with-parent': asFlag,
    },
    help: `outlast serve: start the server and its embedded PostgreSQL, or use another one

  --port PORT         port to listen on (PORT, 9000); 0 takes any free port
  --host ADDRESS      address to listen on (HOST, 127.0.0.1)
  --data-dir FOLDER   folder of the embedded PostgreSQL (DATA_DIR, ./data)
  --database-url URL  another PostgreSQL to use instead (DATABASE_URL, which
                      does not show the password in the list of processes)

Each flag sets the environment variable in parentheses. All other settings are
environment variables only, such as AUTH_MODE: see docs/settings.md.
`,
  },
  'rotate-keys': {
    start: () => import('../../scripts/rotate-keys.ts'),
    flags: { 'drop-previous': asFlag },
    help: `outlast rotate-keys: seal all secrets with the current master key

  --drop-previous  delete the previous keys, once no secret is sealed with them

Works on DATA_DIR or DATABASE_URL: see docs/keys.md.
`,
  },
}

/** The commands that this program adds to those of the client, for their help. */
const about = {
  serve: 'start the server on this machine',
  'rotate-keys': 'seal all secrets with the current master key',
}

function fail(sentence) {
  process.stderr.write(`outlast: ${sentence}\n`)
  process.exit(2)
}

const readManifest = () =>
  JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'))

/** Installs no Node for a process that already runs on another one. */
function newerNode() {
  const found = findNewerNode({ mayInstall: !process.env[onNewerNode] })
  if (found !== undefined) return found
  fail(
    `Outlast needs Node ${nodeMajorMin} or newer; this is ${process.version}. Install it from https://nodejs.org.`,
  )
}

/**
 * Runs the same command on another Node and exits with its code.
 * Contract: the child has a process group of its own, so that Ctrl-C in a terminal reaches it once,
 * through this process.
 */
function runOn(node, args) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...args], {
    stdio: 'inherit',
    env: { ...process.env, [onNewerNode]: 'true' },
    detached: process.platform !== 'win32',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal))
  }
  // npm may end without a signal to us.
  const parent = process.ppid
  if (process.env.npm_command) {
    setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), parentPollMs).unref()
  }
  child.once('error', (error) => fail(`${node} cannot be started: ${error.message}`))
  child.once('exit', (code, signal) => process.exit(code ?? 128 + os.constants.signals[signal]))
}

/** Hides Node's warnings about experimental features, which users of this program cannot act on. */
function withoutExperiments() {
  const print = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') for (const tell of print) tell(warning)
  })
}

/**
 * Parses the flags of a command. Ends the process when they are invalid, or after printing the
 * help.
 */
function flagsOf(name, args) {
  const { flags, help } = commands[name]
  try {
    const options = { ...flags, help: { ...asFlag, short: 'h' } }
    const { values } = parseArgs({ args, options })
    if (!values.help) return values
  } catch (error) {
    fail(`${error.message.split('. To specify')[0]}. Run \`outlast ${name} --help\` for the flags.`)
  }
  process.stdout.write(help)
  process.exit(0)
}

async function run(name, given) {
  const values = flagsOf(name, given)
  for (const [flag, setting] of Object.entries(settings)) {
    if (values[flag] !== undefined) process.env[setting] = values[flag]
  }
  const args = Object.keys(values).filter((flag) => !Object.hasOwn(settings, flag))
  const words = args.map((flag) => `--${flag}`)
  const isServer = name === 'serve'
  // npm runs a shell between itself and this process, and a signal to npm may end only the shell.
  if (isServer && (process.env.npm_command || nodeMajor < nodeMajorMin)) words.push(withParent)
  if (nodeMajor < nodeMajorMin) return runOn(newerNode(), [name, ...words])
  process.argv.splice(2, Infinity, ...words)
  withoutExperiments()
  await commands[name].start()
}

/** Runs a command of the client, which runs on any Node once its types are stripped. */
async function runClient(args) {
  if (isSource && nodeMajor < nodeMajorMin) return runOn(newerNode(), args)
  if (isSource) {
    withoutExperiments()
    module.enableCompileCache?.(path.join(here, '../../node_modules/.cache/outlast'))
  }
  const { main } = await import('@outlast/cli')
  await main(args, about)
}

const args = process.argv.slice(2)
const [name, second] = args
const isOurs = (word) => word !== undefined && Object.hasOwn(commands, word)
if (name === '--version') {
  process.stdout.write(`${readManifest().version}\n`)
} else if (isOurs(name)) {
  await run(name, args.slice(1))
} else if (name === 'help' && isOurs(second)) {
  process.stdout.write(commands[second].help)
} else {
  await runClient(args)
}
