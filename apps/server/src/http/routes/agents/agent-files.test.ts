/** Imports of valid and broken agent files. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import type { Agent } from '@outlast/contract'
import {
  agentFiles,
  capabilities,
  essence,
  refused,
  simulatedModel,
  types,
  whole,
} from '../../../../test/agent-files.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { type HttpAnswer, startServer } from '../../../../test/server.ts'
import { newId } from '../../../ids.ts'

const MiB = 1024 * 1024

let server: Awaited<ReturnType<typeof startServer>>
let files: ReturnType<typeof agentFiles>
beforeAll(async (t) => {
  server = await startServer(t as TestContext, { capabilities })
  files = agentFiles(server.call)
})

const fields = `name: Ada
description: Counts.
default_model_id: ${simulatedModel}
tags: [a, "b: c"]
capabilities:
  - noop
  - ref: current_time
    config:
      timezone: Europe/Kyiv
  - { ref: free, config: {} }
tools:
  - type: client_side
    name: open_door
    description: "Opens: a door."
    parameters: { type: object, properties: { door: { type: string } } }
    policy: requires_approval
    timeout_seconds: 60
`

test('Markdown with front matter, YAML and JSON create the same agent with any Content-Type', async () => {
  const texts = [
    `---\n${fields}---\n\nYou are Ada.\n\nYou count.\n`,
    `\n\n---\n${fields}system_prompt: not this\n---\nYou are Ada.\n\nYou count.`,
    `\ufeff---\n${fields}---\nYou are Ada.\n\nYou count.`.replaceAll('\n', '\r\n'),
    `---  \n${fields}system_prompt: |-\n  You are Ada.\n\n  You count.\n---\t`,
    `${fields}system_prompt: |-\n  You are Ada.\n\n  You count.\n`,
    `# An agent\n\n${fields}system_prompt: "You are Ada.\\n\\nYou count."`,
    JSON.stringify(whole),
    `\n ${JSON.stringify(whole, null, 2)}\n`,
    `---\n${JSON.stringify(whole)}\n---\n`,
  ]
  const sent = [...Object.values(types), 'text/plain', 'text/yaml', 'application/octet-stream']
  for (const file of texts) {
    for (const type of sent) {
      const agent = await files.imported(file, { 'content-type': type })
      assert.deepEqual(essence(agent), { ...whole, status: 'active', source: 'api' }, file)
    }
  }
})

test('a file may come without a Content-Type', async () => {
  const body = new TextEncoder().encode('You are Ada.')
  const response = await fetch(`${server.url}/v1/agents/import`, { method: 'POST', body })
  assert.equal(response.status, 201)
  assert.equal(((await response.json()) as Agent).system_prompt, 'You are Ada.')
})

test('an example that does not exist is not found, also with a file beside it', async () => {
  for (const body of [undefined, 'You are Ada.']) {
    const answer = await server.call('POST', '/v1/agents/import?from-example=support', body)
    assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'])
  }
})

test('other text is a prompt as it is, and the agent is named after the time', async () => {
  const prompts = [
    'You are Ada.',
    'Role: pirate\nTone: rude',
    '# Ada\n\n---\n\nYou count.',
    '--- You are Ada ---',
    '-----\nYou are Ada.',
    '{{ user }} is your friend.',
    'Note: be kind: always: "',
    '[x] done',
    '"quoted" and: more',
    '%YAML 1.1',
  ]
  for (const prompt of prompts) {
    const agent = await files.imported(`\r\n  ${prompt}\n\n`)
    assert.equal(agent.system_prompt, prompt)
    assert.match(agent.name, /^agent-20\d{6}-\d{6}-[0-9a-f]{8}$/)
  }
  const unix = await files.imported('You are Ada.\r\nYou count.')
  assert.equal(unix.system_prompt, 'You are Ada.\nYou count.')
})

test('keys of other programs are passed over, and a display name serves where there is no name', async () => {
  const foreign =
    'status: archived\nusage: { input_tokens: 7 }\ncreated_at: 2020-01-01\nharness: { path: /a }\n'
  const agent = await files.imported(`---\ndisplay_name: Ada L.\n${foreign}---\nHi`)
  const { name, status, usage, created_at } = agent
  assert.deepEqual([name, status, usage], ['Ada L.', 'active', undefined])
  assert.ok(created_at > '2026')
  assert.equal(
    (await files.imported('name: ada\ndisplay_name: Ada L.\nsystem_prompt: Hi')).name,
    'ada',
  )
  const nulls = await files.imported('---\nname:\ndescription: ~\ntags: null\n---\nHi')
  assert.match(nulls.name, /^agent-/)
  assert.deepEqual([nulls.description, nulls.tags], [undefined, []])
})

test('an id in a file makes the agent, and the second time replaces it whole', async () => {
  const id = newId('agent')
  const first = await files.importFile(`---\nid: ${id}\n${fields}---\nHi`)
  assert.deepEqual([first.status, first.body.id], [201, id])
  const second = await files.importFile(`---\nid: ${id}\nname: Bob\n---\nHello`)
  assert.deepEqual([second.status, second.body.id], [200, id])
  assert.deepEqual(essence(second.body), {
    name: 'Bob',
    system_prompt: 'Hello',
    tags: [],
    capabilities: [],
    status: 'active',
    source: 'api',
  })
})

const deep = (open: string, close: string) => open.repeat(1_000) + close.repeat(1_000)

describe('a file that is clearly meant as one and broken is refused with the place', () => {
  const cases: [what: string, file: string, line: number, column?: number][] = [
    ['front matter without an end', '---\nname: Ada\n\nYou are Ada.', 1, 1],
    ['the same after empty lines', '\n\n---\nname: Ada', 3, 1],
    ['front matter that is a list', '---\n- name\n---\nHi', 2],
    ['front matter that is text', '---\nAda\n---\nHi', 2],
    ['a colon too many', '---\nname: Ada\ndescription: a: b\n---\nHi', 3, 14],
    ['a quote without an end', '---\nname: "Ada\ntags: []\n---\nHi', 4],
    ['a key twice', '---\nname: Ada\ntags: []\nname: Bob\n---\nHi', 4, 1],
    ['a tab', '---\ntags:\n\t- a\n---\nHi', 3],
    ['a tag', '---\nname: !!js/function "x"\n---\nHi', 2, 7],
    ['binary', '---\nname: !!binary aGk=\n---\nHi', 2],
    ['an alias', '---\nname: &a Ada\ndescription: *a\n---\nHi', 3, 14],
    ['a merge key', '---\nx: &x { name: Ada }\n<<: *x\n---\nHi', 3, 5],
    ['an alias of nothing', '---\nname: *a\n---\nHi', 2],
    ['a mapping as a key', '---\n? { a: b }\n: c\n---\nHi', 2],
    [
      'no JSON number',
      '---\ncapabilities:\n  - { ref: free, config: { a: .inf } }\n---\nHi',
      3,
      31,
    ],
    ['YAML 1.1', '---\n%YAML 1.1\n--- { name: Ada }\n---\nHi', 2],
    ['a directive', '---\n%YAML 1.1\n---\nHi', 3],
    ['two documents', 'name: Ada\nsystem_prompt: Hi\n---\nname: Bob\n', 3],
    ['broken YAML', 'name: Ada\nsystem_prompt: "Hi\n', 3],
    ['YAML that begins with another key', 'version: 1\nname: Ada\nsystem_prompt: a: b', 3],
    ['our key in another spelling', '---\nname: Ada\nsystemPrompt: Hi\n---\n', 3, 1],
    ['a tag that should be tags', '---\nname: Ada\nTag: [a]\n---\nHi', 3, 1],
    ['too deep lists', `---\ntags: ${deep('[', ']')}\n---\nHi`, 2],
    ['too deep mappings', `---\ntags: ${deep('{a: ', '}')}\n---\nHi`, 2],
    ['mappings just too deep', `---\nx: ${'{a: '.repeat(110)}${'}'.repeat(110)}\n---\nHi`, 2],
    ['a key twice further in', '---\nx: { a: 1, b: { a: 1, a: 2 } }\n---\nHi', 2, 23],
    ['too deep dashes', `---\ntags:\n${'- '.repeat(2_000)}a\n---\nHi`, 3],
    ['JSON without an end', '{\n  "name": "Ada",\n  "system_prompt": "Hi"\n', 3],
    ['JSON with a comma too many', '\n{\n  "name": "Ada",\n}', 4, 1],
    ['JSON and more', '{"name": "Ada"}\nYou are Ada.', 2, 1],
    ['JSON with a line break', '{"system_prompt": "a\nb"}', 1],
  ]
  for (const [what, file, line, column] of cases) {
    test(what, async () => {
      const answer = await files.importFile(file)
      refused(answer, 'invalid_agent_file', { path: 'body', about: what })
      const [detail] = answer.body.details
      assert.equal(detail.line, line, JSON.stringify(answer.body))
      if (column !== undefined) assert.equal(detail.column, column, JSON.stringify(answer.body))
      const said = `line ${detail.line}, column ${detail.column}: ${detail.message}`
      assert.equal(answer.body.error, `The file is not a valid agent: ${said}`)
    })
  }
})

test('values that do not fit are refused as when an agent is created, with their path', async () => {
  const cases: [fields: string, code: string, path: string][] = [
    ['name: 7', 'invalid_request', 'name'],
    ['name: ""', 'invalid_request', 'name'],
    [`name: ${'x'.repeat(256)}`, 'invalid_request', 'name'],
    ['name: "a\\0b"', 'invalid_request', 'name'],
    ['id: agent_1', 'invalid_request', 'id'],
    ['description: [a]', 'invalid_request', 'description'],
    ['tags: work', 'invalid_request', 'tags'],
    ['tags: [a, 1]', 'invalid_request', 'tags/1'],
    ['capabilities: noop', 'invalid_request', 'capabilities'],
    ['capabilities: [1]', 'invalid_request', 'capabilities/0'],
    ['capabilities: [noop, { config: {} }]', 'invalid_request', 'capabilities/1'],
    ['capabilities: [flying]', 'capability_unknown', 'capabilities/0/ref'],
    ['capabilities: [noop, noop]', 'invalid_request', 'capabilities/1/ref'],
    [
      'capabilities: [{ ref: current_time, config: { timezone: Mars/Base } }]',
      'invalid_request',
      'capabilities/0/config/timezone',
    ],
    [
      'capabilities: [{ ref: free, config: { __proto__: { a: 1 } } }]',
      'invalid_request',
      'capabilities/0/config/__proto__',
    ],
    ['capabilities: [{ ref: free, config: 7 }]', 'invalid_request', 'capabilities/0/config'],
    [`default_model_id: ${newId('model')}`, 'model_unavailable', 'default_model_id'],
    ['default_model_id: gpt', 'invalid_request', 'default_model_id'],
  ]
  for (const [line, code, path] of cases) {
    refused(await files.importFile(`---\n${line}\n---\nHi`), code, { path, about: line })
  }
  const json = '{"system_prompt":"x","capabilities":[{"ref":"free","config":{"__proto__":1}}]}'
  refused(await files.importFile(json), 'invalid_request', {
    path: 'capabilities/0/config/__proto__',
    about: json,
  })
  const polluted = await files.imported('{"__proto__":{"name":"Eve"},"system_prompt":"x"}')
  assert.match(polluted.name, /^agent-/)
  refused(await files.importFile('You\0'), 'invalid_request', {
    path: 'system_prompt',
    about: 'NUL',
  })
  refused(await files.importFile('x'.repeat(MiB + 1)), 'invalid_request', {
    path: 'system_prompt',
    about: 'too long',
  })
  const misspelt = await files.importFile('{"Name":"Ada","system_prompt":"x"}')
  refused(misspelt, 'invalid_agent_file', { path: 'Name', about: 'misspelt' })
  assert.match(misspelt.body.error, /it is called name\.$/)
})

test('refuses a file without a prompt with the sentence that clients match', async () => {
  const texts = [
    '',
    ' \n',
    '{}',
    '---\n---\n',
    '---\nname: Ada\n---\n \n',
    'name: Ada',
    'tags: [a]',
  ]
  for (const file of [...texts, 'name: Ada\nsystem_prompt: ""', '{"system_prompt":null}']) {
    const { status, body } = await files.importFile(file)
    assert.equal(status, 400, file)
    const { error, code, details } = body
    const sentence = 'System prompt is required (provide in front matter or as markdown body)'
    assert.deepEqual([error, code], [sentence, 'system_prompt_required'])
    assert.deepEqual(details, [{ path: 'system_prompt', message: 'is required' }])
  }
  const none = await fetch(`${server.url}/v1/agents/import`, { method: 'POST' })
  assert.equal(none.status, 400)
})

test('bytes that are no text are refused, and a file over 3 MiB', async () => {
  const send = async (body: Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${server.url}/v1/agents/import`, { method: 'POST', body })
    return { status: response.status, body: await response.json(), headers: response.headers }
  }
  refused(await send(Uint8Array.of(0xff, 0xfe, 0x61, 0)), 'invalid_request', {
    path: 'body',
    about: 'UTF-16',
  })
  const big = await send(new Uint8Array(3 * MiB + 1).fill(0x61))
  assert.deepEqual([big.status, (big.body as HttpAnswer['body']).code], [413, 'body_too_large'])
  const fits = `---\nx: |\n${'  padding padding padding padding padding padding\n'.repeat(40_000)}---\n`
  const agent = await files.imported(fits + 'é'.repeat(MiB / 2))
  assert.equal(agent.system_prompt.length, MiB / 2)
})

test('other routes take JSON alone, as before', async () => {
  const headers = { 'content-type': 'text/plain' }
  const answer = await server.call('POST', '/v1/agents', '{"name":"a"}', headers)
  assert.deepEqual([answer.status, answer.body.code], [415, 'unsupported_media_type'])
})

// The longest takes 0.2 s; quadratic work takes minutes, which is more than a test may.
test('answers hostile files of 3 MiB of any content', async () => {
  const fill = (text: string) => text.repeat((3 * MiB) / text.length - 20)
  const pieces = [
    '- a\n',
    'a,',
    '[',
    '{a: ',
    '- ',
    '? a\n',
    '#\n',
    '- *a\n',
    '&a ',
    '\t',
    "' ",
    '>',
  ]
  const texts = [
    ...pieces,
    '{"a":',
    '{a',
    '\n',
    ' ',
    '"',
    '---\n',
    '\n---',
    ': ',
    '!',
    '\r',
    'k: 1\n',
  ]
    .map(fill)
    .flatMap((text) => [text, `---\ntags: ${text}\n---\nHi`, `name: a\ntags:\n${text}`])
  const keys = Array.from({ length: 200_000 }, (_, index) => `key${index}: 1\n`).join('')
  for (const file of [...texts, `---\n${keys}---\nHi`, `name: x\n${keys}`]) {
    const { status, body } = await files.importFile(file)
    assert.ok([201, 400, 413].includes(status), `${file.slice(0, 20)}: ${status}`)
    assert.ok(JSON.stringify(body).length < 3_000 || status === 201, 'the answer is short')
  }
})

test('an import runs once for an Idempotency-Key and is in the audit log', async () => {
  const headers = { 'idempotency-key': 'import-1' }
  const first = await files.importFile('You are once.', headers)
  const again = await files.importFile('You are once.', headers)
  assert.deepEqual([again.status, again.body], [201, first.body])
  assert.equal(again.headers.get('idempotency-replayed'), 'true')
  const other = await files.importFile('You are another.', headers)
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency_key_reused'])
  const { body } = await server.call('GET', '/v1/audit-log?action=import_agent&limit=100')
  const found = body.data.filter(({ target }: { target: string }) => target === first.body.id)
  assert.equal(found.length, 1)
})

test('the examples of docs/agents.md can be imported', async () => {
  const page = readFileSync(new URL('../../../../../../docs/agents.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/^```(markdown|yaml|json)\n(.*?)^```$/gms)]
  assert.deepEqual(
    examples.map(([, format]) => format),
    ['markdown', 'yaml', 'json'],
  )
  const agents = await Promise.all(examples.map(([, , file]) => files.imported(file!)))
  for (const agent of agents) assert.deepEqual(essence(agent), essence(agents[0]!))
  assert.equal(agents[0]!.capabilities.length, 2)
})
