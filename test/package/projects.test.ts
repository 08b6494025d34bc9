/**
 * Projects that installed the packed package with each package manager, and their test runners.
 * Installs from the npm registry.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { folder, npmFlags, packTarball, root, run } from './installs.ts'

const tarball = packTarball()

const managers = path.join(folder, 'managers')
mkdirSync(managers)
writeFileSync(path.join(managers, 'package.json'), '{}')
const programs = ['pnpm@10.34.9', '@yarnpkg/cli-dist@4.18.1', '@oven/bun-linux-x64@1.4.5']
run(managers, 'npm', ['install', ...npmFlags, ...programs])
const programOf = (name: string) => path.join(managers, 'node_modules', name)
const bun = programOf('@oven/bun-linux-x64/bin/bun')

const libraries = [
  'zod@4.6.7',
  'valibot@1.5.0',
  '@valibot/to-json-schema@1.8.0',
  'arktype@2.2.9',
  'typebox@1.4.3',
]
const tools = ['typescript@7.0.2', 'vitest@5.1.1']
const wanted = [...libraries, ...tools]

/** Installs the package and libraries in a folder. */
const installs: Record<string, (cwd: string) => void> = {
  npm: (cwd) => run(cwd, 'npm', ['install', ...npmFlags, tarball, ...wanted]),
  pnpm: (cwd) =>
    run(cwd, process.execPath, [programOf('pnpm/bin/pnpm.cjs'), 'add', tarball, ...wanted]),
  yarn(cwd) {
    writeFileSync(path.join(cwd, '.yarnrc.yml'), 'nodeLinker: node-modules\n')
    writeFileSync(path.join(cwd, 'yarn.lock'), '')
    const yarn = programOf('@yarnpkg/cli-dist/bin/yarn.js')
    run(cwd, process.execPath, [yarn, 'add', `outlast@file:${tarball}`, ...wanted])
  },
  bun: (cwd) => run(cwd, bun, ['add', tarball, ...wanted]),
}

function projectBy(manager: string): string {
  const cwd = path.join(folder, `by ${manager}`)
  cpSync(path.join(root, 'test/project/fixture'), cwd, { recursive: true })
  installs[manager]!(cwd)
  return cwd
}

for (const manager of Object.keys(installs)) {
  test(`a project installed by ${manager} compiles, is checked, and passes its tests`, () => {
    const cwd = projectBy(manager)
    const tsc = ['node_modules/typescript/bin/tsc', '-p', '.']
    run(cwd, process.execPath, tsc)
    run(cwd, process.execPath, [...tsc, '--module', 'esnext', '--moduleResolution', 'bundler'])
    const outlast = 'node_modules/outlast/dist/outlast/apps/server/outlast.js'
    assert.match(run(cwd, process.execPath, [outlast, 'check']), /with_arktype/)
    assert.match(run(cwd, process.execPath, ['--test', 'test/*.test.ts']), /pass 4/)
  })
}

test('the same tests pass in vitest and in bun test', () => {
  const cwd = projectBy('npm')
  const scenario = (from: string) => `
    import { test } from '${from}'
    import { runOne, useAllTools } from './scenario.ts'
    test('tools of every schema library run in a turn', useAllTools, 60_000)
    test('a tool runs without a server', runOne)`
  writeFileSync(path.join(cwd, 'test/libraries.vitest.spec.ts'), scenario('vitest'))
  run(cwd, process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'libraries.vitest'])
  rmSync(path.join(cwd, 'test/libraries.vitest.spec.ts'))
  writeFileSync(path.join(cwd, 'test/libraries.bun.spec.ts'), scenario('bun:test'))
  run(cwd, bun, ['test', 'libraries.bun.spec'])
})
