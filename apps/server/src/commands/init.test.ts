import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand, temporaryFolder } from '../../../../test/process.ts'
import { inFolder } from '../../test/processes/dev.ts'
import { templateNames } from './init.ts'
import { projectName } from './project-name.ts'

const resolver = fileURLToPath(new URL('../../test/processes/resolve-outlast.ts', import.meta.url))

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => path.relative(folder, path.join(parentPath, name)))
    .sort()

for (const template of templateNames) {
  test(`init creates the project ${template}, which check accepts`, async (t) => {
    const { folder } = await temporaryFolder(t)
    const made = await runCommand(inFolder(folder, ['init', 'mine', '--template', template]))
    assert.equal(made.code, 0, made.output)
    assert.match(
      made.output,
      /^Created \d+ files in .*mine\.\n\nNext:\n {2}cd mine\n {2}npm install/,
    )
    const project = path.join(folder, 'mine')
    const files = filesIn(project)
    for (const file of ['.gitignore', 'README.md', 'outlast.config.ts', 'tsconfig.json']) {
      assert.ok(files.includes(file), file)
    }
    for (const part of [/^tools\/\w+\.ts$/, /^agents\/\w+\.md$/, /\.test\.ts$/]) {
      assert.ok(
        files.some((file) => part.test(file)),
        `${part}`,
      )
    }
    const manifest = JSON.parse(readFileSync(path.join(project, 'package.json'), 'utf8'))
    assert.equal(manifest.name, 'mine')
    assert.equal(manifest.type, 'module')
    const version = await runCommand(inFolder(folder, ['--version']))
    assert.equal(manifest.dependencies.outlast, `^${version.output.trim()}`)
    const { code, output } = await runCommand(inFolder(project, ['check']))
    assert.equal(code, 0, output)
    assert.match(output, /^tool +\w+ /m)
    assert.match(output, /^agent +/m)
    assert.doesNotMatch(output, /warning/)
  })
}

for (const template of templateNames) {
  test(`the tests of the project ${template} pass`, async (t) => {
    const { folder } = await temporaryFolder(t)
    await runCommand(inFolder(folder, ['init', '--template', template]))
    const { scripts } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
    // With a pattern, versions of Node that do not read TypeScript fail instead of finding none.
    const [, pattern] = /^node --test "(.+)"$/.exec(scripts.test)!
    const flags = ['--disable-warning=ExperimentalWarning', '--import', resolver, '--test']
    const { OUTLAST_TEST_DATABASE_URL = '' } = process.env
    const env = { PATH: process.env.PATH!, OUTLAST_TEST_DATABASE_URL }
    const { code, output } = await runCommand({
      program: process.execPath,
      args: [...flags, pattern!],
      env,
      cwd: folder,
    })
    assert.equal(code, 0, output)
    assert.doesNotMatch(output, /^. tests 0$/m)
  })
}

test('init uses the working directory, and keeps files that it does not write', async (t) => {
  const { folder } = await temporaryFolder(t)
  writeFileSync(path.join(folder, 'notes.txt'), 'mine')
  const { code, output } = await runCommand(inFolder(folder, ['init', '.']))
  assert.equal(code, 0, output)
  assert.doesNotMatch(output, /cd /)
  assert.equal(readFileSync(path.join(folder, 'notes.txt'), 'utf8'), 'mine')
  assert.ok(existsSync(path.join(folder, 'outlast.config.ts')))
})

test('init names the files in its way and writes nothing', async (t) => {
  const { folder } = await temporaryFolder(t)
  writeFileSync(path.join(folder, 'package.json'), '{}')
  writeFileSync(path.join(folder, 'tools'), 'a file where a folder has to be')
  const { code, output } = await runCommand(inFolder(folder, ['init']))
  assert.equal(code, 2)
  assert.match(output, /^outlast: .* already has package\.json, tools\. Nothing was changed\.\n$/)
  assert.deepEqual(filesIn(folder), ['package.json', 'tools'])
  assert.equal(readFileSync(path.join(folder, 'package.json'), 'utf8'), '{}')
})

test('init refuses unknown templates and a folder that cannot be created', async (t) => {
  const { folder } = await temporaryFolder(t)
  for (const [args, sentence, exit] of [
    [
      ['--template', 'blog'],
      /^outlast: There is no template blog\. Use one of chat, support, research\.\n$/,
      2,
    ],
    [['--template', '../common'], /^outlast: There is no template/, 2],
    [['one', 'two'], /^outlast: Unexpected argument 'two'\. Run/, 2],
    [['/proc/1/mine'], /^outlast: [^\n]*\/proc\/1\/mine[^\n]*\n$/, 1],
  ] as const) {
    const { code, output } = await runCommand(inFolder(folder, ['init', ...args]))
    assert.equal(code, exit, output)
    assert.match(output, sentence)
  }
  assert.deepEqual(filesIn(folder), [])
})

test('every folder gives a valid package name', () => {
  for (const [folder, name] of [
    ['my-agents', 'my-agents'],
    ['My Agents (2)', 'my-agents-2'],
    ['.hidden', 'hidden'],
    ['Ünïcode', 'unicode'],
    ['日本', 'my-agents'],
    ['node_modules', 'my-agents'],
    ['outlast', 'my-agents'],
    ['---', 'my-agents'],
    ['a'.repeat(300), 'a'.repeat(214)],
  ]) {
    assert.equal(projectName(`/projects/${folder}`), name)
  }
})
