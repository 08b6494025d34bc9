import { type Static, Type } from 'typebox'
import { storedBytesMax, storedNameMax } from '../store/files/stored-text-rules.ts'
import type { NamedTexts } from '../store/files/tool-access.ts'
import { defineCapability, defineTool, type ToolContext, ToolError } from './capability.ts'

const strict = { additionalProperties: false }

const config = Type.Object(
  {
    secrets: Type.Optional(
      Type.Boolean({
        default: true,
        title: 'Secrets',
        description:
          'Whether to offer tools for secrets besides those for values; by default true.',
      }),
    ),
    model_may_read: Type.Optional(
      Type.Boolean({
        default: true,
        title: 'Model may read secrets',
        description:
          'Whether to offer the tool that returns a secret to the model; by default true. Tools in code read secrets in any case.',
      }),
    ),
    readonly: Type.Optional(
      Type.Boolean({
        default: false,
        title: 'Read-only',
        description: 'Whether to offer only tools that read and list; by default false.',
      }),
    ),
    value_bytes_max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: storedBytesMax,
        default: storedBytesMax,
        title: 'Maximum value size (bytes)',
        description: `Maximum size of a value or secret, 1 to ${storedBytesMax} bytes of UTF-8; by default ${storedBytesMax}.`,
      }),
    ),
  },
  strict,
)
type Config = Static<typeof config>

const name = Type.String({ minLength: 1, maxLength: storedNameMax })
const keyInput = Type.Object({ key: name }, strict)
const keySetInput = Type.Object({ key: name, value: Type.String() }, strict)
const nameInput = Type.Object({ name }, strict)
const nameSetInput = Type.Object({ name, value: Type.String() }, strict)
const noInput = Type.Object({}, strict)

async function find(texts: NamedTexts, name: string) {
  const value = await texts.get(name, { forModel: true })
  return { value: value ?? null, found: value !== undefined }
}

function checkSize(value: string, { value_bytes_max: max = storedBytesMax }: Config): void {
  const size = Buffer.byteLength(value)
  if (size > max) throw new ToolError(`The value has ${size} bytes; the maximum is ${max}.`)
}

const readValues = [
  defineTool({
    name: 'get_value',
    description: 'Reads the value under a key of this session.',
    replay: 'safe',
    input: keyInput,
    run: async ({ key }, { storage }) => ({ key, ...(await find(storage.values, key)) }),
  }),
  defineTool({
    name: 'list_keys',
    description: 'Lists the keys of the values of this session.',
    replay: 'safe',
    input: noInput,
    run: async (_, { storage }) => {
      const stored = await storage.values.list()
      return {
        keys: stored.map(({ name, ...times }) => ({ key: name, ...times })),
        count: stored.length,
      }
    },
  }),
]

// Unsafe: a second deletion would report that there was no value.
const changeValues = (config: Config) => [
  defineTool({
    name: 'set_value',
    description: 'Stores a value under a key in this session and replaces an earlier one.',
    replay: 'safe',
    input: keySetInput,
    run: async ({ key, value }, { storage }) => {
      checkSize(value, config)
      await storage.values.set(key, value)
      return { key, stored: true }
    },
  }),
  defineTool({
    name: 'delete_value',
    description: 'Deletes the value under a key; `deleted` is true if there was one.',
    replay: 'unsafe',
    input: keyInput,
    run: async ({ key }, { storage }) => ({ key, deleted: await storage.values.remove(key) }),
  }),
]

/** Refuses output over the limit, which would go to a file. Contract: throws ToolError. */
function whole<Result>(result: Result, { outputBytesMax }: ToolContext): Result {
  if (Buffer.byteLength(JSON.stringify(result)) <= outputBytesMax) return result
  throw new ToolError(`The secret exceeds the limit of a result, ${outputBytesMax} bytes.`)
}

const getSecret = defineTool({
  name: 'get_secret',
  description:
    'Reads a secret of this session, except one that a person gave as an answer. Do not repeat it to the user unless they ask for it.',
  replay: 'safe',
  input: nameInput,
  run: async ({ name }, context) =>
    whole({ name, ...(await find(context.storage.secrets, name)) }, context),
})

const listSecrets = defineTool({
  name: 'list_secrets',
  description: 'Lists the names of the secrets of this session, without the secrets.',
  replay: 'safe',
  input: noInput,
  run: async (_, { storage }) => {
    const secrets = await storage.secrets.list()
    return { secrets, count: secrets.length }
  },
})

const secretReaders = ({ model_may_read }: Config) =>
  model_may_read === false ? [listSecrets] : [getSecret, listSecrets]

const changeSecrets = (config: Config) => [
  defineTool({
    name: 'set_secret',
    description:
      'Stores an encrypted secret under a name in this session and replaces an earlier one.',
    replay: 'safe',
    input: nameSetInput,
    run: async ({ name, value }, { storage }) => {
      checkSize(value, config)
      await storage.secrets.set(name, value)
      return { name, stored: true }
    },
  }),
  defineTool({
    name: 'delete_secret',
    description: 'Deletes a secret; `deleted` is true if there was one.',
    replay: 'unsafe',
    input: nameInput,
    run: async ({ name }, { storage }) => ({ name, deleted: await storage.secrets.remove(name) }),
  }),
]

const secretTools = (config: Config) =>
  secretReaders(config)
    .map(({ name }) => name)
    .reverse()
    .join(', ')

const about = (config: Config) =>
  [
    'This session stores texts by name, from one message to the next.',
    'Values (list_keys, get_value) are visible to all readers of the session: use them for notes, settings, results.',
    config.secrets !== false &&
      `Secrets (${secretTools(config)}) are for passwords, tokens and keys: they are stored encrypted. Never store those as values.`,
    config.readonly
      ? 'You cannot change them.'
      : 'A name is unique in the session: setting it again replaces the earlier text.',
  ]
    .filter(Boolean)
    .join('\n')

export const sessionStorage = defineCapability({
  id: 'session_storage',
  name: 'Session Storage',
  description: 'Stores values and encrypted secrets by name for the lifetime of the session.',
  category: 'Storage',
  icon: 'database',
  status: 'available',
  config,
  sessionRules: {
    secrets: 'false_wins',
    model_may_read: 'false_wins',
    readonly: 'true_wins',
    value_bytes_max: 'smaller',
  },
  prompt: about,
  tools: (config) => [
    ...readValues,
    ...(config.readonly ? [] : changeValues(config)),
    ...(config.secrets === false ? [] : secretReaders(config)),
    ...(config.secrets === false || config.readonly ? [] : changeSecrets(config)),
  ],
})
