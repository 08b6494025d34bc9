/**
 * Runs the tests that need a browser: all of them, or the files given as arguments, with the Chromium on PATH, else with
 * Debian's, which it installs.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { findChromium } from './chromium.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const given = process.argv.slice(2)
const named = given.some((arg) => !arg.startsWith('-'))
const tests = named ? [] : globSync('test/browser/*.test.ts', { cwd: root }).sort()
const { status } = spawnSync(
  process.execPath,
  [path.join(root, 'scripts/test.ts'), ...given, ...tests],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, OUTLAST_TEST_CHROMIUM: findChromium() },
  },
)
process.exitCode = status ?? 1
