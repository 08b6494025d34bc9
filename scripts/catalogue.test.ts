import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Catalogue } from '../apps/server/src/providers/catalogue/form.ts'

const model = (id: string, fields: object = {}) => ({
  id,
  name: id.toUpperCase(),
  description: 'Not for us.',
  attachment: true,
  reasoning: false,
  temperature: true,
  tool_call: true,
  open_weights: false,
  limit: { context: 1000, output: 100 },
  modalities: { input: ['text'], output: ['text'] },
  cost: { input: 1, output: 2, output_audio: 3 },
  ...fields,
})

const vendor = (id: string, ...models: { id: string }[]) => ({
  [id]: { id, name: id, models: Object.fromEntries(models.map((one) => [one.id, one])) },
})

const listing = (...openai: { id: string }[]) => ({
  ...vendor('openai', ...openai),
  ...vendor('anthropic', model('claude-a')),
  ...vendor('google', model('gemini-a')),
  ...vendor('somebody', model('else')),
})

/** A server that responds with its latest text, and a folder for the file made from it. */
async function startSource(t: TestContext) {
  let answer: { status: number; body: string } = { status: 200, body: '' }
  const server = createServer((_request, response) => {
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const folder = await mkdtemp(path.join(os.tmpdir(), 'outlast-catalogue-'))
  t.after(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  const file = path.join(folder, 'models.json')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api.json`
  return {
    url,
    file,
    read: async (): Promise<Catalogue> => JSON.parse(await readFile(file, 'utf8')),
    refresh(body: unknown, { status = 200, args = [] as string[] } = {}) {
      answer = { status, body: typeof body === 'string' ? body : JSON.stringify(body) }
      return run('--from', url, '--to', file, ...args)
    },
  }
}

function run(...args: string[]) {
  const script = path.join(import.meta.dirname, 'catalogue.ts')
  const options = ['--disable-warning=ExperimentalWarning', script, ...args]
  return new Promise<{ code: number; out: string; error: string }>((resolve) => {
    execFile(process.execPath, options, (failure, out, error) => {
      resolve({ code: failure ? Number(failure.code) : 0, out, error })
    })
  })
}

test('imports the used fields of a source and prints new models', async (t) => {
  const { refresh, read, url } = await startSource(t)
  const embedding = model('embedding', { cost: { input: 1, output: 0 } })
  const picture = model('picture', { modalities: { input: ['text'], output: ['image'] } })
  const tiers = [{ input: 3, output: 4, tier: { type: 'context', size: 272_000 } }]
  const dear = model('gpt-b', {
    cost: { input: 1, output: 2, tiers, context_over_200k: { input: 3, output: 4 } },
    reasoning_options: [{ type: 'effort', values: ['low'] }, { type: 'toggle' }],
  })
  const { code, out } = await refresh(listing(model('gpt-a'), dear, embedding, picture))
  assert.equal(code, 0)
  assert.match(out, /openai: 2 models\n {2}added gpt-a\n {2}added gpt-b\n/)
  const { date, source, providers } = await read()
  assert.ok(Date.now() - Date.parse(date) < 3 * 24 * 3600 * 1000)
  assert.equal(source, url)
  assert.deepEqual(Object.keys(providers), ['openai', 'anthropic', 'google'])
  const { description: _, ...used } = model('gpt-a', { cost: { input: 1, output: 2 } })
  assert.deepEqual(providers.openai.models['gpt-a'], used)
  assert.deepEqual(providers.openai.models['gpt-b']?.cost, { input: 1, output: 2, tiers })
  const options = [{ type: 'effort', values: ['low'] }]
  assert.deepEqual(providers.openai.models['gpt-b']?.reasoning_options, options)
})

test('a refresh prints changes and keeps models that are no longer listed until --prune', async (t) => {
  const { refresh, read } = await startSource(t)
  await refresh(listing(model('gpt-a'), model('gpt-b')))
  const same = await refresh(listing(model('gpt-a'), model('gpt-b')))
  assert.equal(same.out, 'openai: 2 models\nanthropic: 1 models\ngoogle: 1 models\n')
  const cheaper = model('gpt-b', { cost: { input: 0.5, output: 2 } })
  const changed = await refresh(listing(cheaper))
  assert.match(changed.out, /changed gpt-b: cost\n {2}no longer listed, kept gpt-a\n/)
  assert.deepEqual(Object.keys((await read()).providers.openai.models), ['gpt-a', 'gpt-b'])
  const pruned = await refresh(listing(cheaper), { args: ['--prune'] })
  assert.match(pruned.out, /removed gpt-a/)
  assert.deepEqual(Object.keys((await read()).providers.openai.models), ['gpt-b'])
})

test('an invalid source changes nothing, and the error names the cause', async (t) => {
  const { refresh, file, url } = await startSource(t)
  await refresh(listing(model('gpt-a')))
  const before = await readFile(file, 'utf8')
  const broken: [unknown, RegExp, number?][] = [
    ['<html>', /not valid JSON/],
    ['', /JSON/],
    ['null', /no models of openai/],
    [{}, /no models of openai/],
    [{ ...listing(model('gpt-a')), google: { models: {} } }, /no usable models of google/],
    [{ ...listing(), openai: { models: [] } }, /no usable models of openai/],
    [listing(model('gpt-a', { cost: { input: '1', output: 2 } })), /openai\/gpt-a \/cost\/input/],
    [listing(model('gpt-a', { cost: { input: -1, output: 2 } })), /openai\/gpt-a \/cost\/input/],
    [listing(model('gpt-a', { limit: { context: 1e12, output: 1 } })), /\/limit\/context/],
    [listing(model('gpt-a', { tool_call: undefined })), /openai\/gpt-a/],
    [listing(model('gpt-a')), /the response was 503/, 503],
  ]
  for (const [body, why, status = 200] of broken) {
    const { code, error, out } = await refresh(body, { status })
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.match(error, why)
    assert.ok(error.startsWith(`The catalogue is unchanged: ${url} cannot be used: `), error)
    assert.equal(error.trim().split('\n').length, 1, error)
    assert.equal(await readFile(file, 'utf8'), before)
  }
})

test('a file can be the source; a missing one changes nothing', async (t) => {
  const { file, read } = await startSource(t)
  const source = path.join(path.dirname(file), 'api.json')
  const missing = await run('--from', source, '--to', file)
  assert.deepEqual([missing.code, missing.out], [1, ''])
  await writeFile(source, JSON.stringify(listing(model('gpt-a'))))
  assert.equal((await run('--from', source, '--to', file)).code, 0)
  assert.equal((await read()).source, 'api.json')
  const away = await run('--from', 'http://127.0.0.1:1/', '--to', file)
  assert.equal(away.code, 1)
})
