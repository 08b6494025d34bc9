import assert from 'node:assert/strict'
import type { Agent } from '@outlast/contract'
import { type TObject, Type } from 'typebox'
import { defineCapability } from '../src/capabilities/capability.ts'
import { builtins } from '../src/capabilities/index.ts'
import type { Call, HttpAnswer } from './server.ts'

export const simulatedModel = 'model_01933b5a000070008000000000000401'
export const types = {
  markdown: 'text/markdown',
  yaml: 'application/yaml',
  json: 'application/json',
}
export const formats = Object.keys(types) as (keyof typeof types)[]

/** Accepts any config, unlike built-in capabilities. */
const anything = (id: string) =>
  defineCapability({
    id,
    name: id,
    description: 'Takes any config.',
    category: 'Testing',
    icon: 'box',
    status: 'available',
    config: Type.Unsafe<Record<string, unknown>>({ type: 'object' }) as unknown as TObject,
    sessionRules: {},
  })

/** Its config has a secret. */
const guarded = defineCapability({
  id: 'guarded',
  name: 'Guarded',
  description: 'Takes a key.',
  category: 'Testing',
  icon: 'key',
  status: 'available',
  config: Type.Object({
    key: Type.Optional(Type.String({ writeOnly: true })),
    url: Type.Optional(Type.String()),
  }),
  sessionRules: { key: 'session', url: 'session' },
})

/**
 * The built-in capabilities; `free` and `free_too` with any config; `guarded` with a secret `key`.
 */
export const capabilities = [...builtins, anything('free'), anything('free_too'), guarded]

/** An agent with all possible fields. */
export const whole = {
  name: 'Ada',
  description: 'Counts.',
  default_model_id: simulatedModel,
  tags: ['a', 'b: c'],
  capabilities: [
    { ref: 'noop' },
    { ref: 'current_time', config: { timezone: 'Europe/Kyiv' } },
    { ref: 'free', config: {} },
  ],
  tools: [
    {
      type: 'client_side',
      name: 'open_door',
      description: 'Opens: a door.',
      parameters: { type: 'object', properties: { door: { type: 'string' } } },
      policy: 'requires_approval',
      timeout_seconds: 60,
    },
  ],
  system_prompt: 'You are Ada.\n\nYou count.',
}

/** Not allowed in YAML 1.2 (production 1, c-printable), or a line break in YAML 1.1. */
const notYaml =
  /[^\t\n\r\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u

/** Returns the fields of an agent that do not depend on its id and times. */
export function essence(agent: Agent) {
  const { id: _, harness_id: __, created_at: ___, updated_at: ____, ...rest } = agent
  return rest
}

export function refused(
  { status, body }: Pick<HttpAnswer, 'status' | 'body'>,
  code: string,
  { path, about }: { path?: string; about: string },
) {
  assert.deepEqual([status, body.code], [400, code], `${about}: ${JSON.stringify(body)}`)
  if (path !== undefined) assert.equal(body.details[0].path, path, about)
}

/** Imports agent files into a server and exports them. */
export function agentFiles(call: Call) {
  const importFile = (file: string, headers: Record<string, string> = {}) =>
    call('POST', '/v1/agents/import', file, { 'content-type': 'text/plain', ...headers })

  const exportAgent = (id: string, query = '') => call('GET', `/v1/agents/${id}/export${query}`)

  async function imported(file: string, headers?: Record<string, string>): Promise<Agent> {
    const { status, body } = await importFile(file, headers)
    assert.equal(status, 201, JSON.stringify(body))
    return body
  }

  /** Asserts that an agent is the same after an export and an import. */
  async function expectRoundTrip(agent: Agent) {
    for (const format of formats) {
      const file = await exportAgent(agent.id, `?format=${format}`)
      assert.equal(file.status, 200)
      const text = format === 'json' ? JSON.stringify(file.body) : file.body
      if (format !== 'json') assert.doesNotMatch(text, notYaml, format)
      assert.deepEqual(essence(await imported(text)), essence(agent), `${format}: ${text}`)
    }
  }

  return { importFile, exportAgent, imported, expectRoundTrip }
}
