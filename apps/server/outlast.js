#!/usr/bin/env node
/**
 * The program `outlast` of the package. Plain JavaScript for any Node from 20, because the caller's
 * Node reads it. When that Node is too old for the server, the command runs again on a newer one:
 * the Node of the repository, or one that is installed from npm once.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
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

const projectFlags = { config: asText, import: { ...asText, multiple: true } }
const serverFlags = {
  ...projectFlags,
  port: asText,
  host: asText,
  'data-dir': asText,
  'database-url': asText,
  'stop-with-parent': asFlag,
}

const projectHelp = `  --config FILE       config of the project (outlast.config.ts, if it exists)
  --import MODULE     module that Node imports first, such as tsx; repeatable
`
const serverHelp = `${projectHelp}  --port PORT         port to listen on (PORT, 9000); 0 takes any free port
  --host ADDRESS      address to listen on (HOST, 127.0.0.1)
  --data-dir FOLDER   folder of the embedded PostgreSQL (DATA_DIR, ./data)
  --database-url URL  another PostgreSQL to use instead (DATABASE_URL, which
                      does not show the password in the list of processes)

The last four set the environment variable in parentheses. All other settings
are environment variables, or \`settings\` of the config: see docs/settings.md.
`

/**
 * `isServer`: it runs until a signal. `usesProject`: it runs the copy of this package that the
 * project has installed. `onAnyNode`: it needs no newer Node.
 */
const commands = {
  init: {
    onAnyNode: true,
    start: async ({ template = 'chat' }, [folder = '.']) => {
      const { init } = await import('./src/commands/init.ts')
      process.exitCode = init(folder, template, readManifest().version)
    },
    flags: { template: asText },
    positionals: 1,
    help: `outlast init [FOLDER]: create a project with a tool, an agent and a test

  --template NAME  chat (default), support or research

Writes files only: it uses no network, and changes no file that exists.
`,
  },
  dev: {
    isServer: true,
    usesProject: true,
    start: async (values) => {
      const { dev } = await import('./src/commands/dev/dev.ts')
      await dev({ configFile: values.config, stopWithParent: values['stop-with-parent'] })
    },
    flags: serverFlags,
    help: `outlast dev: start the server, and replace it when a file of the project changes

${serverHelp}`,
  },
  check: {
    usesProject: true,
    start: async ({ config, json }) => {
      const { check } = await import('./src/commands/check.ts')
      const code = await check({ configFile: config, json })
      await Promise.all([process.stdout, process.stderr].map(flush))
      // Modules of the project may keep timers and connections open.
      process.exit(code)
    },
    flags: { ...projectFlags, json: asFlag },
    help: `outlast check: load the project, and print its contents and its problems

${projectHelp}  --json              print JSON

Needs no database. Exits with 1 if the project has a problem.
`,
  },
  serve: {
    isServer: true,
    usesProject: true,
    start: () => import('./start.js'),
    flags: serverFlags,
    help: `outlast serve: start the server and its embedded PostgreSQL, or use another one

${serverHelp}`,
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
  init: 'create a project with a tool, an agent and a test',
  dev: 'start the server, and replace it when a file of the project changes',
  check: 'load the project, and print its contents and its problems',
  serve: 'start the server on this machine',
  'rotate-keys': 'seal all secrets with the current master key',
}

function fail(sentence) {
  process.stderr.write(`outlast: ${sentence}\n`)
  process.exit(2)
}

/** Resolves when all output of a stream is written. */
const flush = (stream) => new Promise((resolve) => stream.write('', () => resolve()))

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
 * Runs the same command on another Node, or with flags for Node, and exits with its code.
 * Contract: the child has a process group of its own, so that Ctrl-C in a terminal reaches it once,
 * through this process.
 */
function runOn(node, args, nodeFlags = []) {
  const child = spawn(node, [...nodeFlags, fileURLToPath(import.meta.url), ...args], {
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
  const { flags, positionals: wordsMax = 0, help } = commands[name]
  try {
    const options = { ...flags, help: { ...asFlag, short: 'h' } }
    const parsed = parseArgs({ args, options, allowPositionals: wordsMax > 0 })
    const odd = parsed.positionals[wordsMax]
    if (odd !== undefined) throw new Error(`Unexpected argument '${odd}'`)
    if (!parsed.values.help) return parsed
  } catch (error) {
    fail(`${error.message.split('. To specify')[0]}. Run \`outlast ${name} --help\` for the flags.`)
  }
  process.stdout.write(help)
  process.exit(0)
}

/**
 * The program of the copy of this package that the project has installed; undefined if it is this
 * one, or none is installed.
 */
function installedProgram({ config }) {
  let folder = config === undefined ? process.cwd() : path.dirname(path.resolve(config))
  for (;;) {
    const found = path.join(folder, 'node_modules/outlast')
    const program = path.join(found, 'dist/outlast/apps/server/outlast.js')
    if (existsSync(program)) {
      return realpathSync(program) === fileURLToPath(import.meta.url)
        ? undefined
        : { folder: found, program }
    }
    if (path.dirname(folder) === folder) return undefined
    folder = path.dirname(folder)
  }
}

async function run(name, given) {
  const command = commands[name]
  const { values, positionals } = flagsOf(name, given)
  const installed = command.usesProject ? installedProgram(values) : undefined
  if (installed) {
    process.stderr.write(`outlast: using the installation in ${installed.folder}.\n`)
    await import(pathToFileURL(installed.program).href)
    return
  }
  for (const [flag, setting] of Object.entries(settings)) {
    if (values[flag] !== undefined) process.env[setting] = values[flag]
  }
  const { import: modules = [], ...others } = values
  const args = Object.entries(others).filter(([flag]) => !Object.hasOwn(settings, flag))
  const words = args.flatMap(([flag, value]) =>
    value === true ? [`--${flag}`] : [`--${flag}`, value],
  )
  // npm runs a shell between itself and this process, and a signal to npm may end only the shell.
  const isOld = nodeMajor < nodeMajorMin && (isSource || !command.onAnyNode)
  const isForwarded = isOld || modules.length > 0
  if (command.isServer && (process.env.npm_command || isForwarded)) words.push(withParent)
  if (isForwarded) {
    const node = isOld ? newerNode() : process.execPath
    const imports = modules.map((one) => `--import=${one}`)
    return runOn(node, [name, ...words, ...positionals], imports)
  }
  process.argv.splice(2, Infinity, ...words)
  withoutExperiments()
  await command.start(values, positionals)
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
