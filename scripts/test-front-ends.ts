/**
 * Tests front ends whose libraries are too large to be dependencies, the examples with Next.js, and
 * the one in Python, which needs python3: CopilotKit's runtime has 720 MB. They are installed into
 * dist/front-ends once.
 * Contract: exits with the status of the tests, of a build that failed, or of npm.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPackage } from './build-packages.ts'
import { buildSdk } from './build-sdk.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const folder = path.join(root, 'dist/front-ends')

const wanted = {
  '@copilotkit/runtime': '1.75.0',
  '@copilotkit/react-core': '1.74.0',
  '@ag-ui/client': '0.0.59',
  '@ai-sdk/react': '4.0.177',
  '@types/node': '24.19.2',
  '@types/react': '19.3.0',
  ai: '7.0.173',
  next: '16.4.6',
  react: '19.3.1',
  'react-dom': '19.3.1',
  rxjs: '7.8.1',
  typescript: '5.9.3',
  zod: '4.6.7',
}

function run(command: string, args: string[], env: NodeJS.ProcessEnv = process.env): number {
  return spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status ?? 1
}

function versionOf(name: string): string | undefined {
  try {
    const file = path.join(folder, 'node_modules', name, 'package.json')
    return JSON.parse(readFileSync(file, 'utf8')).version
  } catch {
    return undefined
  }
}

function install(): number {
  if (Object.entries(wanted).every(([name, version]) => versionOf(name) === version)) return 0
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  const packages = Object.entries(wanted).map(([name, version]) => `${name}@${version}`)
  return run('npm', ['install', '--silent', '--no-audit', '--prefix', folder, ...packages])
}

/** Builds the examples with Next.js, which also checks their types. */
async function build(): Promise<number> {
  const packages = path.join(folder, 'node_modules/@outlast')
  await buildSdk(path.join(packages, 'sdk'))
  buildPackage('ai-sdk', packages)
  const next = path.join(folder, 'node_modules/next/dist/bin/next')
  for (const name of ['nextjs', 'copilotkit']) {
    const target = path.join(folder, 'examples', name)
    rmSync(target, { recursive: true, force: true })
    cpSync(path.join(root, 'examples/front-ends', name), target, { recursive: true })
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }
    const status = run(process.execPath, [next, 'build', target], env)
    if (status !== 0) return status
  }
  return 0
}

function test(): number {
  const script = path.join(root, 'scripts/test.ts')
  const files = ['copilotkit', 'next', 'openai-python'].map((name) =>
    path.join(root, `test/front-ends/installed/${name}.test.ts`),
  )
  const env = { ...process.env, OUTLAST_FRONT_ENDS: folder, COPILOTKIT_TELEMETRY_DISABLED: 'true' }
  return run(process.execPath, [script, ...files], env)
}

process.exitCode = install() || (await build()) || test()
