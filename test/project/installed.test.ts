/** The built package as a project uses it. `npm run test:package` installs the packed one. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { type Block, blocksOf } from '../checks/code-in-docs.ts'
import { stepsOf } from '../tutorial.ts'
import { compile, type Installed, installPackage, root, runNode } from './installed.ts'

let installed: Installed
before(async () => {
  installed = await installPackage()
})
after(() => installed.remove())

const outlast = () =>
  path.join(installed.folder, 'node_modules/outlast/dist/outlast/apps/server/outlast.js')
const fixture = path.join(root, 'test/project/fixture')

/** The fixture without the libraries that the repository does not have. */
function libraries(): string {
  const folder = path.join(installed.folder, 'libraries')
  cpSync(fixture, folder, { recursive: true })
  for (const file of [
    'tools/with_valibot.ts',
    'tools/with_arktype.ts',
    'test/more_outputs.test.ts',
  ]) {
    rmSync(path.join(folder, file))
  }
  return folder
}

function writeBlocks(folder: string, blocks: readonly Block[]) {
  for (const { file, code } of blocks) {
    mkdirSync(path.dirname(path.join(folder, file!)), { recursive: true })
    writeFileSync(path.join(folder, file!), code)
  }
}

test('a project with schema libraries compiles, is loaded, and runs its tests', (t) => {
  const folder = libraries()
  t.after(() => rmSync(folder, { recursive: true }))
  assert.equal(compile(folder), '')
  assert.equal(compile(folder, '--module', 'esnext', '--moduleResolution', 'bundler'), '')
  const checked = runNode(folder, [outlast(), 'check'])
  assert.equal(checked.status, 0, checked.output)
  assert.match(checked.output, /with_zod/)
  const tested = runNode(folder, ['--test', 'test/*.test.ts'])
  assert.equal(tested.status, 0, tested.output)
  assert.match(tested.output, /pass 3/)
})

test('the examples of docs/writing-a-capability.md compile and pass their test', (t) => {
  const folder = path.join(installed.folder, 'written')
  t.after(() => rmSync(folder, { recursive: true }))
  const blocks = blocksOf('docs/writing-a-capability.md')
  assert.equal(blocks.length, 3)
  cpSync(path.join(fixture, 'tsconfig.json'), path.join(folder, 'tsconfig.json'))
  cpSync(path.join(fixture, 'package.json'), path.join(folder, 'package.json'))
  writeBlocks(folder, blocks)
  assert.equal(compile(folder), '')
  const tested = runNode(folder, ['--test', 'test/*.test.ts'])
  assert.equal(tested.status, 0, tested.output)
})

test('docs/first-agent.md works as printed', (t) => {
  const folder = path.join(installed.folder, 'my-agents')
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const blocks = blocksOf('docs/first-agent.md')
  assert.equal(blocks.length, 2)
  let cwd = installed.folder
  for (const { command, printed } of stepsOf(path.join(root, 'docs/first-agent.md'))) {
    // The package is beside the folder already.
    if (command === 'npm install') continue
    if (command.startsWith('cd ')) {
      cwd = path.join(cwd, command.slice(3))
      continue
    }
    if (command.startsWith('node --test')) writeBlocks(cwd, blocks)
    const [, program, ...args] = command.replace('npx outlast', 'node OUTLAST').split(' ')
    const ran = runNode(cwd, [program === 'OUTLAST' ? outlast() : program!, ...args])
    assert.equal(ran.status, 0, `${command}: ${ran.output}`)
    if (printed.length > 0) assert.equal(ran.output.trim(), printed.join('\n').trim())
  }
  assert.equal(compile(folder), '')
})

for (const template of ['chat', 'support', 'research']) {
  test(`the template ${template} compiles, is checked, and passes its tests`, (t) => {
    const folder = path.join(installed.folder, template)
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const made = runNode(installed.folder, [outlast(), 'init', template, '--template', template])
    assert.equal(made.status, 0, made.output)
    assert.equal(compile(folder), '')
    const checked = runNode(folder, [outlast(), 'check'])
    assert.equal(checked.status, 0, checked.output)
    const tested = runNode(folder, ['--test', '**/*.test.ts'])
    assert.equal(tested.status, 0, tested.output)
  })
}
