/**
 * A response as the strictest published client parses it: a missing field or another type fails.
 */
import assert from 'node:assert/strict'

// biome-ignore lint/suspicious/noExplicitAny: these look into answers of every shape
type Json = any

const isText = (value: unknown) => typeof value === 'string'
const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0

function texts(thing: Json, names: string[]) {
  for (const name of names) assert.ok(isText(thing[name]), `${name} of ${JSON.stringify(thing)}`)
}

/** Absent, null or a string. */
function textsIfAny(thing: Json, names: string[]) {
  for (const name of names) assert.ok(thing[name] == null || isText(thing[name]), name)
}

function readTags({ tags = [] }: Json) {
  assert.ok(Array.isArray(tags) && tags.every(isText), JSON.stringify(tags))
}

function readUses({ capabilities = [] }: Json) {
  for (const use of capabilities) texts(use, ['ref'])
}

export function readList(list: Json, read: (item: Json) => void): Json[] {
  for (const name of ['total', 'offset', 'limit']) assert.ok(isCount(list[name]), name)
  assert.ok(Array.isArray(list.data))
  for (const item of list.data) read(item)
  return list.data
}

export function readAgent(agent: Json): void {
  texts(agent, ['id', 'harness_id', 'name', 'system_prompt', 'created_at', 'updated_at'])
  textsIfAny(agent, ['description', 'default_model_id'])
  assert.ok(['active', 'archived'].includes(agent.status))
  readTags(agent)
  readUses(agent)
}

export function readSession(session: Json): void {
  texts(session, ['id', 'organization_id', 'agent_id', 'harness_id', 'created_at', 'updated_at'])
  textsIfAny(session, ['title', 'model_id'])
  assert.ok(['started', 'active', 'idle'].includes(session.status))
  readTags(session)
  readUses(session)
  if (session.usage !== null) readUsage(session.usage)
}

/** Cache counts may be absent, but not null. */
export function readUsage(usage: Json): void {
  assert.ok(isCount(usage.input_tokens) && isCount(usage.output_tokens))
  for (const name of ['cache_read_tokens', 'cache_creation_tokens']) {
    if (name in usage) assert.ok(isCount(usage[name]), name)
  }
}

export function readMessage(message: Json): void {
  texts(message, ['id', 'session_id', 'created_at'])
  textsIfAny(message, ['thinking'])
  assert.ok(isCount(message.sequence))
  assert.ok(['user', 'agent', 'tool_result'].includes(message.role))
  readTags(message)
  for (const part of message.content) readPart(part)
}

/** The string fields that a part of each kind must have, and its optional ones. */
const kinds: Record<string, [needed: string[], optional: string[]]> = {
  text: [['text'], []],
  image: [[], ['url', 'base64']],
  image_file: [['image_id'], []],
  tool_call: [['id', 'name'], []],
  tool_result: [['tool_call_id'], ['error']],
}

function readPart(part: Json) {
  const kind = kinds[part.type]
  assert.ok(kind, `a part of the kind ${part.type}`)
  texts(part, kind[0])
  textsIfAny(part, kind[1])
  if (part.type === 'tool_call') assert.equal(typeof part.arguments, 'object')
}

export function readEvent(event: Json): void {
  texts(event, ['id', 'type', 'ts', 'session_id'])
  assert.ok(typeof event.data === 'object' && event.data !== null)
  assert.ok(typeof event.context === 'object' && event.context !== null)
  textsIfAny(event.context, ['turn_id', 'input_message_id'])
  for (const usage of usagesIn(event.data)) readUsage(usage)
}

function usagesIn(value: Json): Json[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'usage' && inner !== null ? [inner] : usagesIn(inner),
  )
}

export function readCapability(capability: Json): void {
  texts(capability, ['id', 'name', 'description', 'status'])
  textsIfAny(capability, ['icon', 'category'])
  const { dependencies = [], is_mcp: isMcp = false } = capability
  assert.ok(dependencies.every(isText) && typeof isMcp === 'boolean')
}
