import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { startServer } from '../apps/server/test/server.ts'
import { root } from './build.ts'
import { buildPackage, packages } from './build-packages.ts'
import { buildSdk } from './build-sdk.ts'
import { contractTypes } from './contract-types.ts'

/** Below the root, where types of Node are found. */
mkdirSync(path.join(root, 'dist'), { recursive: true })
const folder = mkdtempSync(path.join(root, 'dist/sdk-test-'))
const sdk = path.join(folder, 'node_modules/@outlast/sdk')
before(() => buildSdk(sdk))
after(() => rmSync(folder, { recursive: true }))

/** The compiler's output for files in the folder, with the settings of a strict consumer. */
function complaintsOf(name: string, text: string, options: object) {
  writeFileSync(path.join(folder, `${name}.ts`), text)
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    types: [],
    ...options,
  }
  const config = path.join(folder, `${name}.json`)
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [`${name}.ts`] }))
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', config], {
    encoding: 'utf8',
  })
  return status === 0 ? '' : `${status} ${stdout}${stderr}`
}

test('the written types equal those of the schemas', async () => {
  const { names } = await contractTypes()
  assert.ok(names.length > 120)
  const generic = { Page: '<string>', EventDataOf: "<'turn.failed'>" } as Record<string, string>
  const pairs = names.map((name) => `${name}${generic[name] ?? ''}`)
  const lines = [
    `import type * as Made from '@outlast/sdk/contract'`,
    `import type * as Said from '@outlast/contract'`,
    'type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false',
    ...pairs.map((one, at) => `export const same${at}: Equal<Made.${one}, Said.${one}> = true`),
    'type All<D> = D',
    'type MadeData = { [K in Made.EventType]: All<Made.EventDataOf<K>> }',
    'type SaidData = { [K in Said.EventType]: All<Said.EventDataOf<K>> }',
    'export const sameData: Equal<MadeData, SaidData> = true',
  ]
  const paths = { '@outlast/sdk/contract': [path.join(sdk, 'contract.d.ts')] }
  const options = { paths, allowImportingTsExtensions: true, skipLibCheck: true, types: ['node'] }
  const loose = { exactOptionalPropertyTypes: false, target: 'es2024' }
  assert.equal(complaintsOf('equal', lines.join('\n'), { ...options, ...loose }), '')
})

test('every wire type of the client can be imported from it', async () => {
  const { names } = await contractTypes()
  const imported = `export type { ${names.join(', ')} } from '@outlast/sdk'`
  const dom = ['es2022', 'dom', 'dom.iterable']
  assert.equal(complaintsOf('names', imported, { lib: dom }), '')
})

const consumer = `
import { clientTool, createOutlast, isOutlastError, type Agent, type Event } from '@outlast/sdk'

const outlast = createOutlast({ url: 'http://localhost:9000', apiKey: async () => 'key' })

export async function talk(signal: AbortSignal): Promise<string> {
  const agent: Agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const openDoor = clientTool({
    name: 'open_door',
    description: 'Opens a door.',
    parameters: {
      type: 'object',
      properties: { door: { type: 'string' }, wide: { type: 'boolean' } },
      required: ['door'],
    },
    run: ({ door, wide = false }) => ({ opened: door.toUpperCase(), wide }),
  })
  const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
  const turn = session.send('Hello', { signal, tools: [openDoor] })
  for await (const event of turn) {
    if (event.type === 'output.message.delta') console.log(event.data.delta)
    if (event.type === 'turn.failed') console.log(event.data.error_code?.length)
  }
  const stored: Event[] = []
  for await (const event of outlast.events.list(session.id, { types: ['turn.completed'] })) stored.push(event)
  for await (const change of outlast.changes.stream({ signal })) {
    if (change.type === 'session.changed') console.log(change.data.status)
    if (change.type === 'changed' && change.data.noun === 'agent') break
  }
  const page = await outlast.agents.list({ limit: 3 }).catch(() => undefined)
  console.log(page?.data[0]?.name.length, page?.total)
  return (await turn).text
}

export const isMissing = (error: unknown) => isOutlastError(error, 'not_found') && error.status === 404

// @ts-expect-error: an agent needs a prompt
export const wrong = () => outlast.agents.create({ name: 'Ada' })
`

test('a strict consumer compiles against its types, in a page and in Node', () => {
  assert.equal(complaintsOf('page', consumer, { lib: ['es2022', 'dom', 'dom.iterable'] }), '')
  const bundled = { module: 'esnext', moduleResolution: 'bundler' }
  const dom = ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable']
  assert.equal(complaintsOf('bundled', consumer, { lib: dom, ...bundled }), '')
  assert.equal(complaintsOf('node', consumer, { lib: ['es2022'], types: ['node'] }), '')
})

const late =
  /Promise\.(withResolvers|try)|AbortSignal\.any|\busing\b [a-z]\w* =|Array\.fromAsync|Map\.groupBy|\.(union|intersection|difference)\(|\b(process|Buffer|require|__dirname|setImmediate)\b[.(]/
const codeOf = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

test('it names no other package, no global of Node, and no API newer than Node 20', () => {
  const files = globSync('**/*.{js,d.ts}', { cwd: sdk })
  assert.ok(files.length > 100)
  for (const file of files) {
    const text = readFileSync(path.join(sdk, file), 'utf8')
    const code = codeOf(text)
    assert.doesNotMatch(code, late, file)
    const named = [...code.matchAll(/(?:from |import\(|import )['"]([^'"]+)['"]/g)]
    for (const [, name] of named) {
      assert.match(name!, /^\.{1,2}\/[\w/.-]+\.js$/, `${file} imports ${name}`)
      const target = path.join(sdk, path.dirname(file), name!)
      assert.ok(target.startsWith(sdk + path.sep) && existsSync(target), `${file} imports ${name}`)
    }
  }
})

const program = `
import { createOutlast, isOutlastError } from '@outlast/sdk'
const outlast = createOutlast({ url: process.argv[2] })
const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
const turn = session.send('Hello')
const types = []
for await (const event of turn) types.push(event.type)
const answer = await turn
const missing = await outlast.agents.get('agent_' + '0'.repeat(32)).catch((error) => error)
console.log(JSON.stringify({
  types, text: answer.text, missing: isOutlastError(missing, 'not_found'), node: process.version,
}))
`

/** The oldest installed Node, at least 20: the machine's own if it has one. */
function oldestNode(): string {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  const ours = folders.filter((one) => !one.includes('node_modules'))
  const found = ours.map((one) => path.join(one, 'node')).filter((one) => existsSync(one))
  const isGood = (one: string) =>
    Number(/^v(\d+)/.exec(spawnSync(one, ['--version'], { encoding: 'utf8' }).stdout)?.[1]) >= 20
  return found.find(isGood) ?? process.execPath
}

test('the built client runs a turn on the oldest installed Node', async (t) => {
  const server = await startServer(t)
  writeFileSync(path.join(folder, 'program.mjs'), program)
  const child = spawn(oldestNode(), [path.join(folder, 'program.mjs'), server.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  const { types, text, missing } = JSON.parse(output)
  assert.deepEqual([types[0], types.at(-1), missing], ['input.message', 'session.idled', true])
  assert.match(text, /simulated/i)
})

test('packages for front ends are built on it, with the folds that they import, for Node 20', () => {
  const place = path.dirname(sdk)
  for (const name of packages) buildPackage(name, place)
  const files = globSync(`{${packages.join()}}/**/*.{js,ts}`, { cwd: place })
  assert.ok(files.some((file) => file.includes('folds')))
  for (const file of files) {
    const text = readFileSync(path.join(place, file), 'utf8')
    assert.doesNotMatch(text, /@outlast\/contract|'\.\.\/(?!folds\/)/, file)
    assert.doesNotMatch(codeOf(text), late, file)
  }
})
