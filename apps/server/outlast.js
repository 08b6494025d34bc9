#!/usr/bin/env node
/**
 * The program `outlast` of the package. Plain JavaScript for any Node from 20, since it is the Node
 * of the person who calls it that reads this: one that is too old for the product starts the Node
 * that was installed with it.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const nodeMajorMin = 24
const nodeMajor = Number(process.versions.node.split('.')[0])
const withParent = '--stop-with-parent'
const here = path.dirname(fileURLToPath(import.meta.url))
/** In the repository, where types have to be stripped, and not in the package. */
const isSource = existsSync(path.join(here, 'src', 'main.ts'))

/** Flags of `serve`, each with its setting: the server reads only its environment. */
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
    help: `outlast serve: start the server, with a PostgreSQL of its own unless it is told of one

  --port PORT         where it listens (PORT, 9000); 0 takes any free port
  --host ADDRESS      on which address (HOST, 127.0.0.1)
  --data-dir FOLDER   where its PostgreSQL keeps everything (DATA_DIR, ./data)
  --database-url URL  another PostgreSQL instead (DATABASE_URL, which does not
                      show a password to whoever lists processes)

A flag stands for the variable beside it. All other settings are variables too,
such as AUTH_MODE: see docs/settings.md.
`,
  },
  'rotate-keys': {
    start: () => import('../../scripts/rotate-keys.ts'),
    flags: { 'drop-previous': asFlag },
    help: `outlast rotate-keys: wrap what is sealed under the current master key

  --drop-previous  forget the keys before it, once nothing is sealed with them

It works on DATA_DIR or DATABASE_URL: see docs/keys.md.
`,
  },
}

/** What this program adds to the commands of the client, for their help. */
const about = {
  serve: 'start the server, on this machine',
  'rotate-keys': 'wrap what is sealed under the current master key',
}

function fail(sentence) {
  process.stderr.write(`outlast: ${sentence}\n`)
  process.exit(2)
}

/** The Node that came as a package of this platform. */
function broughtNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return path.join(path.dirname(manifest), 'bin', platform === 'win' ? 'node.exe' : 'node')
  } catch {
    fail(
      `Node ${nodeMajorMin} or newer is needed (this is ${process.version}), and no package ${name} is installed: install Node ${nodeMajorMin} from nodejs.org.`,
    )
  }
}

/**
 * Runs the same command on another Node and ends as it ends.
 * Contract: it gets a group of its own, so that Ctrl-C in a terminal reaches it once, from here.
 */
function runOn(node, args) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...args], {
    stdio: 'inherit',
    detached: process.platform !== 'win32',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal))
  }
  child.once('error', (error) => fail(`${node} cannot be started: ${error.message}`))
  child.once('exit', (code, signal) => process.exit(code ?? 128 + os.constants.signals[signal]))
}

/** What Node says of features of its own that are new is no news to whoever runs us. */
function withoutExperiments() {
  const print = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') for (const tell of print) tell(warning)
  })
}

/** The flags of a command. Ends the process when they are invalid, or when help is asked for. */
function flagsOf(name, args) {
  const { flags, help } = commands[name]
  try {
    const options = { ...flags, help: { ...asFlag, short: 'h' } }
    const { values } = parseArgs({ args, options })
    if (!values.help) return values
  } catch (error) {
    fail(
      `${error.message.split('. To specify')[0]}. \`outlast ${name} --help\` says what there is.`,
    )
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
  // npm puts a shell between itself and us, and a signal to npm may end only that.
  if (isServer && (process.env.npm_command || nodeMajor < nodeMajorMin)) words.push(withParent)
  if (nodeMajor < nodeMajorMin) return runOn(broughtNode(), [name, ...words])
  process.argv.splice(2, Infinity, ...words)
  withoutExperiments()
  await commands[name].start()
}

/** A command of the client, which any Node runs once its types are stripped. */
async function runClient(args) {
  if (isSource && nodeMajor < nodeMajorMin) return runOn(broughtNode(), args)
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
  const manifest = readFileSync(new URL('./package.json', import.meta.url), 'utf8')
  process.stdout.write(`${JSON.parse(manifest).version}\n`)
} else if (isOurs(name)) {
  await run(name, args.slice(1))
} else if (name === 'help' && isOurs(second)) {
  process.stdout.write(commands[second].help)
} else {
  await runClient(args)
}
