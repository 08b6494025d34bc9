import assert from 'node:assert/strict'
import { symlinkSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { writeProject } from '../../test/processes/project-files.ts'
import { loadProject } from './load.ts'
import { ProjectError, type ProjectProblem, shownProblem } from './problems.ts'

const tool = (about = '') => `
import { defineTool, Type } from 'outlast'
export default defineTool({
  description: 'Counts the words of a text.',
  replay: 'safe',
  input: Type.Object({ text: Type.String() }),
  run: ({ text }) => text.split(' ').length,
  ${about}
})`

const capabilityFile = (fields: string) => ({
  'capabilities/bad.ts': `
    import { defineCapability, Type } from 'outlast'
    export default defineCapability({ ${fields} })`,
})

const config = (fields = '') => `
import { defineConfig } from 'outlast'
export default defineConfig({ ${fields} })`

async function problemsOf(t: TestContext, files: Record<string, string>) {
  const folder = writeProject(t, files)
  const error = await loadProject({ folder }).then(
    () => assert.fail('the project was loaded'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ProjectError, String(error))
  return error.problems
}

async function problemOf(t: TestContext, files: Record<string, string>): Promise<ProjectProblem> {
  const [problem, ...others] = await problemsOf(t, files)
  assert.deepEqual(others, [])
  return problem!
}

test('loads tools, capabilities, agents and the config of a folder', async (t) => {
  const folder = writeProject(t, {
    'outlast.config.ts': config('settings: { PORT: 9200 }, hooks: { event: { audit() {} } }'),
    'tools/countWords.ts': tool(),
    'tools/_shared.ts': 'throw new Error("not loaded")',
    'tools/count-words.test.ts': 'throw new Error("not loaded")',
    'tools/lib/helper.ts': 'throw new Error("not loaded")',
    'capabilities/dice.ts': `
      import { defineCapability, defineTool, Type } from 'outlast'
      import { sides } from '../lib/sides.ts'
      const roll = defineTool({ name: 'roll', description: 'Rolls.', replay: 'safe', run: () => sides })
      export default defineCapability({
        config: Type.Object({ sides: Type.Optional(Type.Integer()) }),
        prompt: ({ sides = 6 }) => \`A die has \${sides} sides.\`,
        tools: [roll],
        mounts: [{ path: '/rules.md', content: 'The higher total wins.', isReadonly: true }],
      })`,
    'lib/sides.ts': 'export const sides: number = 6',
    'agents/support-desk.md': '---\ncapabilities:\n  - ref: dice\n---\nYou help.',
    'agents/clerk.yaml': 'name: Clerk\nsystem_prompt: You file.\n',
    'agents/guide.ts': `
      import { defineAgent } from 'outlast'
      export default defineAgent({ name: 'Guide', system_prompt: 'You guide.' })`,
  })
  const project = await loadProject({ folder })
  assert.deepEqual(
    project.capabilities.map(({ id, name, file }) => [id, name, file]),
    [
      ['dice', 'Dice', 'capabilities/dice.ts'],
      ['tools', 'Tools', 'tools'],
    ],
  )
  const [dice, tools] = project.capabilities
  assert.equal(dice!.prompt({ sides: 20 }), 'A die has 20 sides.')
  assert.equal(dice!.sessionRules.sides, 'agent')
  assert.deepEqual(
    tools!.tools({}).map(({ name, replay }) => [name, replay]),
    [['count_words', 'safe']],
  )
  assert.deepEqual(
    project.agents?.map(({ file, agent }) => [file, agent.name, agent.system_prompt]),
    [
      ['agents/clerk.yaml', 'Clerk', 'You file.'],
      ['agents/guide.ts', 'Guide', 'You guide.'],
      ['agents/support-desk.md', 'support_desk', 'You help.'],
    ],
  )
  assert.deepEqual(project.settings, { PORT: 9200 })
  assert.equal(typeof (project.hooks.event as Record<string, unknown>).audit, 'function')
})

test('a folder without project files has no project', async (t) => {
  const folder = writeProject(t, {})
  const { capabilities, agents, files } = await loadProject({ folder })
  assert.deepEqual([capabilities, agents, files], [[], undefined, []])
})

test('without a config, code that does not import the package is left alone', async (t) => {
  const folder = writeProject(t, {
    'tools/deploy.ts': 'process.exit(1)',
    'tools/count_words.ts': tool(),
  })
  const { files } = await loadProject({ folder })
  assert.deepEqual(files, ['tools/count_words.ts'])
})

test('reads the folder of a named config, and other folders that it names', async (t) => {
  const folder = writeProject(t, {
    'deploy/my.config.ts': config("folders: { tools: 'src/functions' }"),
    'deploy/src/functions/count_words.ts': tool(),
    'tools/other.ts': tool(),
  })
  const { capabilities, root } = await loadProject({ folder, config: 'deploy/my.config.ts' })
  assert.equal(root, path.join(folder, 'deploy'))
  assert.deepEqual(
    capabilities[0]!.tools({}).map(({ name }) => name),
    ['count_words'],
  )
})

test('names the file, the line and the compiler settings for syntax that Node does not run', async (t) => {
  const { file, line, message } = await problemOf(t, {
    'tools/color.ts': `${tool()}\nenum Color { Red }\n`,
  })
  assert.deepEqual([file, line], ['tools/color.ts', 10])
  assert.match(message, /enum is not supported by Node.*erasableSyntaxOnly/)
})

test('explains files that cannot be imported', async (t) => {
  const problems = await problemsOf(t, {
    'outlast.config.ts': config(),
    'tools/broken.ts': 'export const a: number = 1\nconst b = {\nexport default b\n',
    'tools/package.ts': "import '../lib/uses-package.ts'",
    'lib/uses-package.ts': "\nimport pg from 'not-a-package'",
    'tools/ending.ts': "import { a } from '../lib/values'",
    'lib/values.ts': 'export const a = 1\nexport type B = string\n',
    'tools/type.ts': "import { B } from '../lib/values.ts'\nexport const b: B = ''",
    'tools/throws.ts': '\n\nthrow new Error("DATABASE is not set")',
  })
  const shown = problems.map(({ file, line, message }) => `${file}:${line} ${message}`)
  const wanted = [
    /^tools\/broken\.ts:3 is not valid TypeScript: /,
    /^tools\/ending\.ts:1 imports lib\/values, which does not exist\. .*values\.ts\./,
    /^lib\/uses-package\.ts:2 imports the package not-a-package, which is not installed\. Run: npm install not-a-package$/,
    /^tools\/throws\.ts:3 failed while it was imported: DATABASE is not set$/,
    /^tools\/type\.ts:1 imports B from \.\.\/lib\/values\.ts, .*import type/,
  ]
  assert.equal(shown.length, wanted.length, shown.join('\n'))
  for (const [index, pattern] of wanted.entries()) assert.match(shown[index]!, pattern)
})

test('refuses TypeScript below node_modules in plain words', async (t) => {
  const folder = writeProject(t, {
    'outlast.config.ts': "import 'shared'\nexport default {}",
    'node_modules/shared/package.json': '{"name":"shared","type":"module","exports":"./index.ts"}',
    'node_modules/shared/index.ts': 'export const a: number = 1',
  })
  await assert.rejects(
    loadProject({ folder }),
    /TypeScript below node_modules, which Node does not/,
  )
})

test('loads a schema whose values have a key `pattern`, and properties with names of keywords', async (t) => {
  const input = `input: { type: 'object', properties: {
    files: {
      type: 'object', default: { pattern: '*.ts' }, examples: [{ pattern: '*.ts' }],
      enum: [{ pattern: '*.ts' }, { patternProperties: { '*': 1 } }],
    },
    only: { const: { pattern: '*.ts' } },
    pattern: { type: 'string', pattern: '^a$' },
  } } as never,`
  const { capabilities } = await loadProject({
    folder: writeProject(t, { 'tools/a.ts': tool(input) }),
  })
  assert.equal(capabilities.length, 1)
})

const wrong: Record<string, [Record<string, string>, RegExp]> = {
  'a default export of the wrong kind': [
    { 'capabilities/wrong.ts': tool() },
    /is defined by defineTool\(\): use defineCapability\(\)/,
  ],
  'a plain object': [
    { 'outlast.config.ts': config(), 'tools/plain.ts': 'export default { description: "x" }' },
    /is defined as a plain object: use defineTool\(\)/,
  ],
  'a file without a default export': [
    { 'outlast.config.ts': config(), 'tools/none.ts': 'export const a = 1' },
    /has no default export/,
  ],
  'a tool without replay': [
    { 'tools/a.ts': tool('replay: undefined as never,') },
    /The tool a needs `replay`: one of safe, unsafe, until_changed\./,
  ],
  'a tool with an unknown field': [
    { 'tools/a.ts': tool('execute() {},') },
    /The tool a has `execute`, which has no meaning/,
  ],
  'arguments that are no object': [
    { 'tools/a.ts': tool('input: Type.String() as never,') },
    /The tool a has an input that must describe an object/,
  ],
  'a pattern that is invalid with the flag u': [
    { 'tools/a.ts': tool("input: Type.Object({ b: Type.String({ pattern: '^a\\\\-b$' }) }),") },
    /The tool a has an input that cannot be used: .*\^a\\-b\$.*Invalid escape/,
  ],
  'a pattern of a property with the name of a keyword': [
    {
      'tools/a.ts': tool(
        "input: Type.Object({ default: Type.Array(Type.String({ pattern: '*.ts' })) }),",
      ),
    },
    /The tool a has an input that cannot be used: .*Nothing to repeat/,
  ],
  'a schema that is no JSON': [
    { 'tools/a.ts': tool('input: Type.Object({ b: Type.Number({ default: 5n as never }) }),') },
    /The tool a has an input that cannot be used: .*BigInt/,
  ],
  'a tool name that models refuse': [
    { 'tools/a.ts': tool("name: 'two words',") },
    /two words.*letters, digits/,
  ],
  'a limit that is no number': [
    { 'tools/a.ts': tool('limits: { timeoutMs: Number.NaN },') },
    /The tool a has NaN as its limit timeoutMs: use a positive number/,
  ],
  'a session rule that does not exist': [
    capabilityFile("config: Type.Object({}), sessionRules: { n: 'smalest' } as never"),
    /The capability bad has the session rule smalest for n, which does not exist/,
  ],
  'a file without text or bytes': [
    capabilityFile(
      "mounts: [{ path: '/rates.json', content: { EUR: 1 } as never, isReadonly: true }]",
    ),
    /The capability bad has the file \/rates\.json without text or bytes as its content/,
  ],
  'a file with NUL in its path': [
    capabilityFile("mounts: [{ path: '/a\\0b', content: '', isReadonly: true }]"),
    /The capability bad has a file with a path that no session can have: .*NUL/,
  ],
  'a capability that throws a text': [
    capabilityFile("prompt() { throw 'just words' }"),
    /bad\.ts.* just words/,
  ],
  'two tools of one name': [
    { 'tools/a.ts': tool("name: 'b',"), 'tools/b.ts': tool() },
    /has the tool b, which tools\/a\.ts has too/,
  ],
  'the id of a built-in capability': [
    {
      'capabilities/web_fetch.ts':
        "import { defineCapability } from 'outlast'\nexport default defineCapability({})",
    },
    /has the id web_fetch, which is built in/,
  ],
  'a capability whose prompt throws': [
    {
      'capabilities/bad.ts':
        "import { defineCapability } from 'outlast'\nexport default defineCapability({ prompt() { throw new Error('no prompt') } })",
    },
    /no prompt/,
  ],
  'a circle of dependencies': [
    {
      'capabilities/a.ts':
        "import { defineCapability } from 'outlast'\nexport default defineCapability({ dependencies: ['b'] })",
      'capabilities/b.ts':
        "import { defineCapability } from 'outlast'\nexport default defineCapability({ dependencies: ['a'] })",
    },
    /form a circle: a needs b needs a/,
  ],
  'an unknown field of the config': [
    { 'outlast.config.ts': config('capabilitys: []') },
    /`capabilitys` is no field of the config/,
  ],
  'an unknown field of the hooks': [
    { 'outlast.config.ts': config('hooks: { events() {} }') },
    /`hooks\.events` has no meaning: use event, call/,
  ],
  'routes that are no function': [
    { 'outlast.config.ts': config('routes: {}') },
    /`routes` must be a function/,
  ],
  'a folder that does not exist': [
    { 'outlast.config.ts': config("folders: { tools: 'toolz' }") },
    /toolz is named in `folders`, and is no folder/,
  ],
  'an unknown field of the limits': [
    { 'tools/a.ts': tool('limits: { timeout: 5 } as never,') },
    /`limits` of the tool a has `timeout`, which has no meaning: use timeoutMs, outputBytesMax/,
  ],
  'a module of a CommonJS package': [
    { 'package.json': '{ "type": "commonjs" }', 'tools/a.ts': tool() },
    /tools\/a\.ts:\d+ is read as CommonJS\. Set "type": "module" in package\.json/,
  ],
  'an import of the compiled file': [
    { 'lib/a.ts': '', 'tools/b.ts': `import '../lib/a.js'\n${tool()}` },
    /lib\/a\.js, which does not exist\. Write a\.ts\./,
  ],
  'broken YAML, with its line': [
    { 'agents/a.md': '---\nname: [A\n---\nHi' },
    /^agents\/a\.md:\d Flow sequence/,
  ],
  'an unknown setting': [
    { 'outlast.config.ts': config('settings: { PROT: 1 }') },
    /`settings\.PROT` is no setting/,
  ],
  'two configs': [
    { 'outlast.config.ts': config(), 'outlast.config.js': config() },
    /exists beside outlast\.config\.ts/,
  ],
  'an agent with a wrong field': [
    { 'agents/a.md': '---\nname: A\ntags: 5\n---\nHi' },
    /tags must be/,
  ],
  'two agents of one name': [
    { 'agents/a.md': '---\nname: A\n---\nHi', 'agents/b.md': '---\nname: A\n---\nHi' },
    /has the agent A, which agents\/a\.md has too/,
  ],
}

for (const [what, [files, pattern]] of Object.entries(wrong)) {
  test(`refuses ${what}`, async (t) => {
    assert.match(shownProblem(await problemOf(t, files)), pattern)
  })
}

test('accepts definitions of another copy of the package and refuses those of a newer API', async (t) => {
  const defined = (api: number) => `
    const about = { description: 'A tool.', replay: 'safe', run: () => 1 }
    const mark = { value: { kind: 'tool', api: ${api} }, enumerable: false }
    export default Object.defineProperty(about, Symbol.for('outlast.authoring'), mark)`
  const copy = writeProject(t, { 'outlast.config.ts': config(), 'tools/copy.ts': defined(1) })
  const { capabilities } = await loadProject({ folder: copy })
  assert.equal(capabilities[0]!.tools({})[0]!.name, 'copy')
  const newer = { 'outlast.config.ts': config(), 'tools/newer.ts': defined(2) }
  const { message } = await problemOf(t, newer)
  assert.match(message, /version 2 of the authoring API, and this server supports version 1/)
})

test('refuses a project whose files change while they are read, and loads it then', async (t) => {
  const folder = writeProject(t, {
    'tools/a.ts': `import { writeFileSync } from 'node:fs'
      writeFileSync(new URL('../agents/z.md', import.meta.url), '---\\nname: Z\\n---\\nYou wait.')
      ${tool()}`,
    'agents/z.md': '---\nname: Z\n---\nYou help.',
  })
  // Its size stays the same, and the clock of a file system has steps of some ms.
  utimesSync(path.join(folder, 'agents/z.md'), 0, 0)
  await assert.rejects(loadProject({ folder }), /changed while it was read\. Load it again/)
  const { agents } = await loadProject({ folder })
  assert.equal(agents![0]!.agent.system_prompt, 'You wait.')
})

test('follows a symbolic link to a file and leaves out folders', async (t) => {
  const folder = writeProject(t, { 'shared/count.ts': tool(), 'tools/dir.ts/a.md': '' })
  symlinkSync(path.join(folder, 'shared/count.ts'), path.join(folder, 'tools/linked.ts'))
  const { capabilities } = await loadProject({ folder })
  assert.deepEqual(
    capabilities[0]!.tools({}).map(({ name }) => name),
    ['linked'],
  )
})
