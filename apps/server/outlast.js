#!/usr/bin/env node
/**
 * The program `outlast` of the package. Plain JavaScript for any Node from 20, since it is the Node of the person who calls
 * it that reads this: one that is too old for the product starts the Node that was installed with it.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const nodeMajorMin = 24
const withParent = '--stop-with-parent'

const commands = {
  serve: { start: () => import('./start.js'), flags: [withParent] },
  'rotate-keys': {
    start: () => import('../../scripts/rotate-keys.ts'),
    flags: ['--drop-previous'],
  },
}

/** What this program adds to the commands of the client, for their help. */
const about = {
  serve: 'start the server; settings come from the environment',
  'rotate-keys': 'wrap what is sealed under the current master key [--drop-previous]',
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

async function run(name, args) {
  const command = commands[name]
  const unknown = args.find((arg) => !command.flags.includes(arg))
  if (unknown) fail(`${name} does not take ${unknown}: ${about[name]}.`)
  const isServer = name === 'serve'
  if (Number(process.versions.node.split('.')[0]) < nodeMajorMin) {
    return runOn(broughtNode(), [name, ...args, ...(isServer ? [withParent] : [])])
  }
  // npm puts a shell between itself and us, and a signal to npm may end only that.
  if (isServer && process.env.npm_command) args.push(withParent)
  process.argv.splice(2, Infinity, ...args)
  withoutExperiments()
  await command.start()
}

const [name, ...args] = process.argv.slice(2)
if (name === '--version') {
  const manifest = readFileSync(new URL('./package.json', import.meta.url), 'utf8')
  process.stdout.write(`${JSON.parse(manifest).version}\n`)
} else if (name !== undefined && Object.hasOwn(commands, name)) {
  await run(name, args)
} else {
  const { main } = await import('@outlast/cli')
  await main(process.argv.slice(2), about)
}
