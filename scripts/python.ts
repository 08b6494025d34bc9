/** Python packages for tests, in virtual environments in dist/. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const environments = path.join(root, 'dist/published-clients/python')

/** A missing tool that the user can install. */
export class MissingTool extends Error {}

/** OpenAI's library, in the version that is tested. */
export const openAILibrary = 'openai==3.57.0'

/** Runs a program; returns its trimmed output. Contract: a failure throws MissingTool. */
export function runTool(program: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status === 0) return stdout.trim()
  const shown = [path.basename(program), ...args].join(' ')
  if (error && 'code' in error && error.code === 'ENOENT') {
    throw new MissingTool(`${program} is not on PATH; install it to test with it.`)
  }
  throw new MissingTool(`${shown} failed: ${error?.message ?? stderr.trim()}`)
}

/** The pip of a virtual environment. */
export function pipOf(environment: string): string {
  const folder = path.join(environments, environment)
  const pip = path.join(folder, 'bin/pip')
  if (!existsSync(pip)) runTool('python3', ['-m', 'venv', folder])
  return pip
}

/**
 * Installs packages into a virtual environment; returns its Python.
 * Contract: an environment that has them already needs no registry.
 */
export function pythonWith(environment: string, ...packages: string[]): string {
  const pip = pipOf(environment)
  runTool(pip, ['install', '--quiet', '--disable-pip-version-check', ...packages])
  return path.join(path.dirname(pip), 'python')
}
