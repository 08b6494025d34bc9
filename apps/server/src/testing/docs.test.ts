/** The tests of docs/testing.md pass in a project of their own. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { writeProject } from '../../test/processes/project-files.ts'

const page = new URL('../../../../docs/testing.md', import.meta.url)
const hook = new URL('../project/package-hook.ts', import.meta.url).href

const blocks = [...readFileSync(page, 'utf8').matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```/gms)]

test('the examples of docs/testing.md pass', (t) => {
  const files = Object.fromEntries(blocks.map(([, file, code]) => [file!, code!]))
  // Plain Node finds the package in node_modules, which this project does not have.
  const register = `import { resolvePackage } from ${JSON.stringify(hook)}\nresolvePackage()\n`
  const project = writeProject(t, { ...files, 'register.mjs': register })
  const names = Object.keys(files).filter((name) => name.endsWith('.test.ts'))
  assert.ok(names.length >= 3)
  const flags = ['--disable-warning=ExperimentalWarning', '--import=./register.mjs', '--test']
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { status, stdout } = spawnSync(process.execPath, [...flags, ...names], {
    cwd: path.resolve(project),
    encoding: 'utf8',
    env,
  })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /a card is charged once when the server crashes meanwhile/)
})
