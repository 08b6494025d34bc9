import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { runCommand } from '../../../../test/process.ts'
import { answerFile, inFolder, projectFolder } from '../../test/processes/dev.ts'

async function check(t: TestContext, files: Record<string, string>, ...args: string[]) {
  const { folder } = await projectFolder(t, files)
  return runCommand(inFolder(folder, ['check', ...args]))
}

/** A tool with an input schema. */
const toolWith = (input: string) => `
  import { defineTool, Type } from 'outlast'

  export default defineTool({
    description: 'Answers.',
    replay: 'safe',
    input: ${input},
    run: () => 1,
  })
`

test('check prints the contents of a project without a database', async (t) => {
  const { code, output } = await check(t, {
    'tools/answer.ts': answerFile('one'),
    'agents/helper.md': '---\nname: Helper\ncapabilities: [tools, current_time]\n---\nYou help.\n',
    'outlast.config.ts': `
      import { defineConfig } from 'outlast'
      export default defineConfig({
        settings: { PORT: 9001, SECRETS_ENCRYPTION_KEY: 'kek-v1:secret' },
        hooks: { event: { audit: () => {} }, call: () => undefined },
        auth: { verify: () => null },
        routes: () => {},
      })
    `,
  })
  assert.match(output, /^outlast\.config\.ts SECRETS_ENCRYPTION_KEY must/m)
  assert.equal(code, 1)
  for (const line of [
    /^capability +tools +tools$/m,
    /^tool +answer +safe, auto +tools\/answer\.ts$/m,
    /^agent +Helper +tools, current_time +agents\/helper\.md$/m,
    /^hook +event audit$/m,
    /^hook +call$/m,
    /^auth /m,
    /^routes /m,
    /^setting +PORT$/m,
  ]) {
    assert.match(output, line)
  }
  assert.doesNotMatch(output, /kek-v1:secret/)
})

test('check ends although a module of the project keeps a timer', async (t) => {
  const { code, output } = await check(t, {
    'tools/answer.ts': `setInterval(() => {}, 60_000)\n${answerFile('one')}`,
  })
  assert.match(output, /^tool +answer /m)
  assert.equal(code, 0)
})

test('check prints every problem with its file and line, without colors, and exits with 1', async (t) => {
  const { code, output } = await check(t, {
    'tools/broken.ts': `\nconst = 1\n`,
    'tools/plain.ts': 'export default {}',
    'tools/enumeration.ts': 'enum Color { Red }\nexport default Color\n',
    'outlast.config.ts': `
      import { defineConfig } from 'outlast'
      export default defineConfig({})
    `,
  })
  assert.equal(code, 1)
  assert.match(output, /^tools\/broken\.ts:2 /m)
  assert.match(output, /^tools\/plain\.ts /m)
  assert.match(output, /^tools\/enumeration\.ts.* erasableSyntaxOnly/m)
  assert.doesNotMatch(output, /\u001b|\n {4}at /)
})

test('check finds agents with unknown capabilities, invalid configs and tools of one name', async (t) => {
  const { code, output } = await check(t, {
    'tools/answer.ts': answerFile('one'),
    'capabilities/other.ts': `
      import { defineCapability } from 'outlast'
      import answer from '../tools/answer.ts'
      export default defineCapability({ tools: [{ ...answer, name: 'answer' }] })
    `,
    'agents/unknown.md': '---\nname: Unknown\ncapabilities: [tool]\n---\nYou help.\n',
    'agents/config.md':
      '---\nname: Config\ncapabilities: [{ ref: current_time, config: { timezone: 7 } }]\n---\nYou help.\n',
    'agents/twice.md': '---\nname: Twice\ncapabilities: [tools, virtual_bash]\n---\nYou help.\n',
  })
  assert.equal(code, 1)
  assert.match(output, /^capabilities\/other\.ts .*defineTool/m)
  const fixed = await check(t, {
    'agents/unknown.md': '---\nname: Unknown\ncapabilities: [tool]\n---\nYou help.\n',
    'agents/config.md':
      '---\nname: Config\ncapabilities: [{ ref: current_time, config: { timezone: 7 } }]\n---\nYou help.\n',
    'agents/twice.md': '---\nname: Twice\ncapabilities: [tools, virtual_bash]\n---\nYou help.\n',
    'tools/bash.ts': answerFile('one'),
  })
  assert.equal(fixed.code, 1)
  assert.match(
    fixed.output,
    /^agents\/unknown\.md capabilities\/0\/ref: Capability tool does not exist/m,
  )
  assert.match(fixed.output, /^agents\/config\.md capabilities\/0\/config\/timezone /m)
  assert.match(fixed.output, /^agents\/twice\.md .*both have a tool bash/m)
  assert.match(fixed.output, /^warning: tools\/bash\.ts virtual_bash has a tool bash too/m)
})

test('check warns about schemas that some vendor refuses, and refuses those that all refuse', async (t) => {
  const warned = await check(t, {
    'tools/choice.ts': toolWith(
      `{ type: 'object', properties: { 'a b': { type: 'string' } }, anyOf: [{ required: ['a b'] }] }`,
    ),
  })
  assert.equal(warned.code, 0, warned.output)
  assert.match(
    warned.output,
    /^warning: tools\/choice\.ts .* anyOf at the top level, which OpenAI and Anthropic refuse/m,
  )
  assert.match(
    warned.output,
    /^warning: tools\/choice\.ts .* the property "a b"; Anthropic accepts/m,
  )
  const refused = await check(t, { 'tools/text.ts': toolWith('Type.String()') })
  assert.equal(refused.code, 1)
  assert.match(refused.output, /^tools\/text\.ts .*must describe an object/m)
})

test('check --json prints one JSON document', async (t) => {
  const good = await check(t, { 'tools/answer.ts': answerFile('one') }, '--json')
  assert.equal(good.code, 0)
  const { ok, contents } = JSON.parse(good.output)
  assert.equal(ok, true)
  assert.deepEqual(contents.capabilities[0].tools, [
    { name: 'answer', file: 'tools/answer.ts', replay: 'safe', policy: 'auto' },
  ])
  const bad = await check(t, { 'tools/answer.ts': '\nconst = 1 // outlast' }, '--json')
  assert.equal(bad.code, 0)
  const config = { 'outlast.config.ts': '\nthrow new Error("no")\n' }
  const thrown = await check(t, config, '--json')
  assert.equal(thrown.code, 1)
  assert.deepEqual(JSON.parse(thrown.output).problems[0].line, 2)
})

test('check accepts a folder without a project, and reads the config of --config', async (t) => {
  const empty = await check(t, {})
  assert.equal(empty.code, 0)
  assert.match(empty.output, /has no files of a project/)
  const named = await check(
    t,
    { 'sub/outlast.config.ts': 'export default 1' },
    '--config',
    'sub/outlast.config.ts',
  )
  assert.equal(named.code, 1)
  assert.match(named.output, /^outlast\.config\.ts The default export/m)
  const missing = await check(t, {}, '--config', 'none.ts')
  assert.equal(missing.code, 1)
  assert.match(missing.output, /^\S.*none\.ts does not exist\.$/m)
})

test('--import runs a module first, and the installation of the project is preferred', async (t) => {
  const own = 'process.stdout.write("another copy\\n")'
  const program = 'node_modules/outlast/dist/outlast/apps/server/outlast.js'
  const preferred = await check(t, { [program]: own })
  assert.match(preferred.output, /^outlast: using the installation in .*node_modules\/outlast\.$/m)
  assert.match(preferred.output, /^another copy$/m)
  const files = {
    'first.mjs': 'globalThis.first = 1',
    'tools/a.ts': `if (!globalThis.first) throw 1\n${answerFile('one')}`,
  }
  const imported = await check(t, files, '--import', './first.mjs')
  assert.equal(imported.code, 0, imported.output)
  const without = await check(t, files)
  assert.equal(without.code, 1)
})

test('check warns about keys of agent files that have no effect', async (t) => {
  const { code, output } = await check(t, {
    'agents/helper.md': '---\nname: Helper\ncapabilties: [noop]\nmodel: gpt-5\n---\nYou help.\n',
    'agents/other.yaml': 'name: Other\nsystem_prompt: You help.\nzebra: 1\n',
  })
  assert.equal(code, 0, output)
  for (const line of [
    /^warning: agents\/helper\.md:3 capabilties is not a key .* Did you mean capabilities\?$/m,
    /^warning: agents\/helper\.md:4 model is not a key .* Did you mean default_model_id\?$/m,
    /^warning: agents\/other\.yaml:3 zebra is not a key of an agent and has no effect\.$/m,
  ]) {
    assert.match(output, line)
  }
})
