import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { progress } from '../core/figures.ts'

/** The parts of a peer: exact versions from npm, and files of ours. */
export type Recipe = {
  name: string
  packages: Record<string, string>
  files: Record<string, string>
  /** Programs of the packages to run once, after the installation. */
  build?: string[][]
}

const commandMsMax = 480_000

/**
 * Returns a folder with an installed peer. The first use creates it in the system's temporary
 * folder, under a name that derives from the recipe.
 */
export async function install(recipe: Recipe): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)
  const home = path.join(os.tmpdir(), 'outlast-peers')
  const folder = path.join(home, `${recipe.name}-${hash}`)
  if (existsSync(folder)) return folder
  progress(`installing ${recipe.name}: ${Object.entries(recipe.packages).join(', ')}`)
  const unfinished = `${folder}.${process.pid}`
  try {
    await fill(unfinished, recipe)
    await rename(unfinished, folder)
    // A build may have stored its own path, so it runs where it will be used.
    for (const [program, ...args] of recipe.build ?? []) {
      await runIn(folder, { program: bin(program!), args, env: peerEnvironment() })
    }
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  return folder
}

async function fill(folder: string, { name, packages, files }: Recipe) {
  await mkdir(folder, { recursive: true })
  const manifest = { name: `peer-${name}`, private: true, type: 'module', dependencies: packages }
  const all = { ...files, 'package.json': JSON.stringify(manifest, null, 2) }
  for (const [file, text] of Object.entries(all)) {
    await mkdir(path.join(folder, path.dirname(file)), { recursive: true })
    await writeFile(path.join(folder, file), text)
  }
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund']
  await runIn(folder, { program: 'npm', args, env: npmEnvironment() })
}

/** Returns the path of an installed package's program, relative to the folder of the peer. */
export const bin = (program: string) => path.join('node_modules', '.bin', program)

type Command = { program: string; args: string[]; env: NodeJS.ProcessEnv }

/** Runs a program to its end; throws with its output unless it succeeded. */
function runIn(cwd: string, { program, args, env }: Command): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, timeout: commandMsMax })
    let said = ''
    for (const output of [child.stdout, child.stderr]) {
      output.on('data', (chunk: Buffer) => {
        said += chunk.toString()
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}:\n${said}`))
    })
  })
}

/**
 * Returns the caller's environment, for proxies and certificates, without our npm's script
 * variables.
 */
function npmEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_')),
  )
}

const quiet = {
  DO_NOT_TRACK: '1',
  EVE_TELEMETRY_DISABLED: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  LANGGRAPH_CLI_NO_ANALYTICS: '1',
  LANGSMITH_TRACING: 'false',
}

/**
 * Returns a minimal environment for peers: the path of programs, and no variables of npm, Outlast
 * or any vendor. A peer runs on the current Node, without telemetry.
 */
export function peerEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const { PATH = '', HOME = os.homedir() } = process.env
  const ours = path.dirname(process.execPath)
  return { PATH: `${ours}${path.delimiter}${PATH}`, HOME, ...quiet, ...more }
}
