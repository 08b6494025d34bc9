/** Agents as files, and back again. `FUZZ_RUNS=<number>` makes it longer. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import {
  agentFiles,
  capabilities,
  formats,
  refused,
  simulatedModel,
  types,
  whole,
} from '../../../../test/agent-files.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent } from '../../../../test/session.ts'
import { newId } from '../../../ids.ts'

const MiB = 1024 * 1024

let server: Awaited<ReturnType<typeof startServer>>
let files: ReturnType<typeof agentFiles>
beforeAll(async (t) => {
  server = await startServer(t as TestContext, { capabilities })
  files = agentFiles(server.call)
})

test('an export is a file of its type, named after the agent', async () => {
  const agent = await createAgent(server, { ...whole, name: 'Größe / "Test" No. 1' })
  for (const format of ['', ...formats] as const) {
    const file = await files.exportAgent(agent.id, format && `?format=${format}`)
    const type = types[format || 'markdown']
    assert.deepEqual(
      [file.status, file.headers.get('content-type')],
      [200, `${type}; charset=utf-8`],
    )
    const ending = { markdown: 'md', yaml: 'yaml', json: 'json' }[format || 'markdown']
    assert.equal(
      file.headers.get('content-disposition'),
      `attachment; filename="groe-test-no-1.${ending}"; filename*=UTF-8''gr%C3%B6%C3%9Fe-test-no-1.${ending}`,
    )
  }
  const { body } = await files.exportAgent(agent.id)
  assert.equal(
    body,
    `---
name: "Größe / \\"Test\\" No. 1"
description: "Counts."
default_model_id: "${simulatedModel}"
tags:
  - "a"
  - "b: c"
capabilities:
  - "noop"
  - ref: "current_time"
    config:
      timezone: "Europe/Kyiv"
  - ref: "free"
    config: {}
tools:
  - type: "client_side"
    name: "open_door"
    description: "Opens: a door."
    parameters:
      type: "object"
      properties:
        door:
          type: "string"
    policy: "requires_approval"
    timeout_seconds: 60
---

You are Ada.

You count.
`,
  )
})

test('an archived agent is exported, one that is not there is 404, another format 400', async () => {
  const agent = await createAgent(server, whole)
  await server.call('DELETE', `/v1/agents/${agent.id}`)
  assert.equal((await files.exportAgent(agent.id)).status, 200)
  assert.equal((await files.exportAgent(newId('agent'))).body.code, 'not_found')
  refused(await files.exportAgent('agent_1'), 'invalid_id', { about: 'id' })
  refused(await files.exportAgent(agent.id, '?format=xml'), 'invalid_request', {
    path: 'format',
    about: 'format',
  })
})

test('limits, files and the name to show survive an export and an import', async () => {
  const fields = {
    display_name: 'Ada, the "first"',
    initial_files: [
      { path: '/a.md', content: '# A\n\n- b: c\n', is_readonly: true },
      { path: '/bin', content: 'AAEC', encoding: 'base64' },
    ],
    max_iterations: 7,
    parallel_tool_calls: false,
    network_access: { allowed: ['*.example.com', 'example.org/docs'], blocked: ['a.example.com'] },
  }
  await files.expectRoundTrip(await createAgent(server, { ...whole, ...fields }))
  await files.expectRoundTrip(await createAgent(server, { parallel_tool_calls: true }))
})

test('characters that YAML refuses are escaped, in every part of a file', async () => {
  const some = [0x01, 0x1b, 0x7f, 0x80, 0x85, 0x9b, 0x9f, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff]
  for (const odd of some.map((code) => String.fromCharCode(code))) {
    const text = `a${odd}b`
    const config = { [text]: text, lines: `one\n${text}`, list: [{ [odd]: odd }] }
    const fields = {
      description: text,
      tags: [text],
      system_prompt: text,
      capabilities: [{ ref: 'free', config }],
    }
    await files.expectRoundTrip(await createAgent(server, fields))
    const rows = Array.from({ length: 2_000 }, () => text)
    const large = { ...fields, capabilities: [{ ref: 'free', config: { rows } }] }
    await files.expectRoundTrip(await createAgent(server, large))
  }
})

test('secrets of a config are in no file', async () => {
  const config = { key: 'sesame', url: 'https://example.com' }
  const agent = await createAgent(server, { capabilities: [{ ref: 'guarded', config }] })
  for (const format of formats) {
    const { body } = await files.exportAgent(agent.id, `?format=${format}`)
    const text = format === 'json' ? JSON.stringify(body) : body
    assert.doesNotMatch(text, /sesame|key/)
    const { capabilities } = await files.imported(text)
    assert.deepEqual(capabilities, [{ ref: 'guarded', config: { url: config.url } }])
  }
})

test('every name makes a file name that is safe', async () => {
  const names: [name: string, file: string][] = [
    ['My Agent', 'filename="my-agent.md"'],
    ['../../etc/passwd', 'filename="etc-passwd.md"'],
    ['"; filename="evil.exe', 'filename="filename-evil-exe.md"'],
    ['C:\\x/y', 'filename="c-x-y.md"'],
    ['***', 'filename="agent.md"'],
    ['Ада', `filename="agent.md"; filename*=UTF-8''%D0%B0%D0%B4%D0%B0.md`],
    ['😀', 'filename="agent.md"'],
    ['x'.repeat(200), `filename="${'x'.repeat(80)}.md"`],
  ]
  for (const [name, expected] of names) {
    const { id } = await createAgent(server, { name, system_prompt: 'x' })
    const got = (await files.exportAgent(id)).headers.get('content-disposition')
    assert.equal(got, `attachment; ${expected}`)
  }
})

test('a prompt of a megabyte goes through every form', async () => {
  const prompts = [
    'You are Ada, and you count. '
      .repeat(40_000)
      .slice(0, MiB - 1)
      .concat('.'),
    'You are Ada.\n'
      .repeat(MiB)
      .slice(0, MiB - 1)
      .concat('.'),
    '\n'.repeat(MiB),
    'é'.repeat(MiB - 100_000),
  ]
  for (const system_prompt of prompts) {
    const agent = await files.imported(JSON.stringify({ name: 'Long', system_prompt }))
    await files.expectRoundTrip(agent)
  }
})

const odd = fc.constantFrom(
  ...['\n', '\r\n', '\r', ' ', '\t', '---', '---\n', '\n---\n', '...', ': ', ' #', '- ', '"', "'"],
  ...['{', '}', '[', '|', '>', '&a', '*a', '!!js', '%', '@', '`', '~', 'null', 'yes', '1e3', '0x1'],
  ...['\\', '\\n', '\u0085', '\u00a0', '\u2028', '\u2029', '\ufeff', '\u0001', '\u001b', '\u007f'],
  ...['<<', 'é', '😀', 'e\u0301', '\u200d', 'name:', 'system_prompt:', 'a', 'Ada', '\ufffe'],
)
const oddText = fc
  .array(fc.oneof({ weight: 3, arbitrary: odd }, fc.string({ unit: 'binary', maxLength: 8 })), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => parts.join('').replaceAll('\0', '') || 'x')
const oddValue = fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' })
const oddConfig = fc.dictionary(oddText, fc.oneof(oddText, oddValue), { maxKeys: 4 })

const oddAgent = fc.record(
  {
    // With a capital letter: a slug would replace the agent instead of creating another.
    name: oddText.map((text) => `X${[...text.replace(/\p{Cc}/gu, '')].slice(0, 60).join('')}`),
    system_prompt: oddText,
    description: oddText,
    default_model_id: fc.constant(simulatedModel),
    tags: fc.array(
      oddText.map((text) => [...text].slice(0, 30).join('')),
      { maxLength: 4 },
    ),
    capabilities: fc
      .tuple(fc.option(oddConfig), fc.option(oddConfig))
      .map(([one, two]) => [
        { ref: 'free', ...(one && { config: one }) },
        { ref: 'noop' },
        { ref: 'free_too', ...(two && { config: two }) },
      ]),
  },
  { requiredKeys: ['name', 'system_prompt'] },
)

test('import(export(x)) is x, for every agent and in every form', async () => {
  const usable = ({ capabilities = [] }: { capabilities?: object[] }) =>
    !/\\u0000|"__proto__"/.test(JSON.stringify(capabilities))
  const property = fc.asyncProperty(oddAgent.filter(usable), async (fields) => {
    await files.expectRoundTrip(await createAgent(server, fields))
  })
  await fc.assert(property, { numRuns: Number(process.env.FUZZ_RUNS ?? 60) })
})

test('configs of many values come back equal too', async () => {
  const rows = Array.from({ length: 12_000 }, (_, index) => ({ index, text: `${index}: "x"\n` }))
  const config = { rows, deep: JSON.parse(`${'['.repeat(80)}${']'.repeat(80)}`) }
  await files.expectRoundTrip(
    await createAgent(server, { ...whole, capabilities: [{ ref: 'free', config }] }),
  )
  const some = { rows: rows.slice(0, 480) }
  await files.expectRoundTrip(
    await createAgent(server, { ...whole, capabilities: [{ ref: 'free', config: some }] }),
  )
})
