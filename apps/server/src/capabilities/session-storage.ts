import { type Static, Type } from 'typebox'
import { type NamedTexts, storedBytesMax, storedNameMax } from '../store/files/session-storage.ts'
import { defineCapability, defineTool, type ToolContext, ToolError } from './capability.ts'

const strict = { additionalProperties: false }

const config = Type.Object(
  {
    secrets: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'False: there are values only, and no tools for secrets.',
      }),
    ),
    readonly: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'True: what is kept can be read and listed, not changed.',
      }),
    ),
    value_bytes_max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: storedBytesMax,
        default: storedBytesMax,
        description: 'The longest value or secret, in bytes of UTF-8.',
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
  const value = await texts.get(name)
  return { value: value ?? null, found: value !== undefined }
}

function checkSize(value: string, { value_bytes_max: max = storedBytesMax }: Config): void {
  const size = Buffer.byteLength(value)
  if (size > max) throw new ToolError(`The value has ${size} bytes; ${max} are the most.`)
}

const readValues = [
  defineTool({
    name: 'get_value',
    description: 'Reads the value that this session keeps under a key.',
    replay: 'safe',
    input: keyInput,
    run: async ({ key }, { storage }) => ({ key, ...(await find(storage.values, key)) }),
  }),
  defineTool({
    name: 'list_keys',
    description: 'Lists the keys under which this session keeps values.',
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

// A second deletion finds nothing, and would tell the model that there never was anything: hence
// unsafe.
const changeValues = (config: Config) => [
  defineTool({
    name: 'set_value',
    description: 'Keeps a value under a key in this session, in the place of the one before it.',
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
    description: 'Deletes the value under a key; `deleted` tells whether there was one.',
    replay: 'unsafe',
    input: keyInput,
    run: async ({ key }, { storage }) => ({ key, deleted: await storage.values.remove(key) }),
  }),
]

/** Contract: throws ToolError for output over the limit, which would go to a file. */
function whole<Result>(result: Result, { outputBytesMax }: ToolContext): Result {
  if (Buffer.byteLength(JSON.stringify(result)) <= outputBytesMax) return result
  throw new ToolError(
    `The secret is longer than a result may be, which is ${outputBytesMax} bytes.`,
  )
}

const readSecrets = [
  defineTool({
    name: 'get_secret',
    description:
      'Reads a secret of this session. Do not repeat it to the user unless they ask for it.',
    replay: 'safe',
    input: nameInput,
    run: async ({ name }, context) =>
      whole({ name, ...(await find(context.storage.secrets, name)) }, context),
  }),
  defineTool({
    name: 'list_secrets',
    description: 'Lists the names of the secrets of this session, without the secrets.',
    replay: 'safe',
    input: noInput,
    run: async (_, { storage }) => {
      const secrets = await storage.secrets.list()
      return { secrets, count: secrets.length }
    },
  }),
]

const changeSecrets = (config: Config) => [
  defineTool({
    name: 'set_secret',
    description:
      'Keeps a secret under a name in this session, encrypted, in the place of the one before it.',
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
    description: 'Deletes a secret; `deleted` tells whether there was one.',
    replay: 'unsafe',
    input: nameInput,
    run: async ({ name }, { storage }) => ({ name, deleted: await storage.secrets.remove(name) }),
  }),
]

const about = (config: Config) =>
  [
    'This session keeps texts by name, from one message to the next.',
    'Values (list_keys, get_value) are for what may be seen by everybody who reads the session: notes, settings, results.',
    config.secrets !== false &&
      'Secrets (list_secrets, get_secret) are for passwords, tokens and keys: they are stored encrypted. Never keep such a thing as a value.',
    config.readonly
      ? 'Nothing can be changed.'
      : 'A name is unique in the session: setting it again replaces what was there.',
  ]
    .filter(Boolean)
    .join('\n')

export const sessionStorage = defineCapability({
  id: 'session_storage',
  name: 'Session Storage',
  description: 'Keeps values and encrypted secrets by name for as long as the session lives.',
  category: 'Storage',
  icon: 'database',
  status: 'available',
  config,
  sessionRules: {
    secrets: 'false_wins',
    readonly: 'true_wins',
    value_bytes_max: 'smaller',
  },
  prompt: about,
  tools: (config) => [
    ...readValues,
    ...(config.readonly ? [] : changeValues(config)),
    ...(config.secrets === false ? [] : readSecrets),
    ...(config.secrets === false || config.readonly ? [] : changeSecrets(config)),
  ],
})
