import { Type } from 'typebox'
import Format from 'typebox/format'
import { ApiError } from '../../errors.ts'
import type { SessionStorage } from '../../store/files/tool-access.ts'
import { secretLengthMin } from './redact.ts'

const prefix = 'session:'
const sentLengthMax = 8_192
const listMax = 20

const isOrigin = (text: string) =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text

/** Headers that belong to the connection or name its destination. */
const reserved =
  /^(?:host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|proxy-.*|mcp-.*|user-agent|accept|last-event-id)$/

const isHeader = (text: string) => /^[\w!#$%&'*+.^`|~-]+$/.test(text) && !reserved.test(text)

Format.Set('origin', isOrigin)
Format.Set('secret_header', isHeader)

/** The fields of every place that gets a secret. */
const place = {
  secret_ref: Type.String({
    pattern: `^${prefix}[^\\0]{1,255}$`,
    description: '`session:` and the name of a secret of the session.',
    examples: ['session:crm_token'],
  }),
  origin: Type.String({
    format: 'origin',
    maxLength: 300,
    description: 'Scheme, host and port that get the secret. No other address gets it.',
    examples: ['https://api.example.com'],
  }),
}

const strict = { additionalProperties: false }

/** Headers with secrets, which the requests of a tool get. */
export const SecretHeaders = Type.Optional(
  Type.Array(
    Type.Object(
      {
        ...place,
        header: Type.String({
          format: 'secret_header',
          maxLength: 100,
          description: 'Name of the header, in lower case.',
          examples: ['authorization'],
        }),
        prefix: Type.Optional(
          Type.String({
            pattern: '^[ -~]{0,100}$',
            default: '',
            description: 'Text before the secret; by default none.',
            examples: ['Bearer '],
          }),
        ),
      },
      strict,
    ),
    {
      maxItems: listMax,
      title: 'Secret headers',
      description: `Headers of requests to an origin whose value is a secret of the session, at most ${listMax}; by default none.`,
    },
  ),
)

/** Arguments in which a model may name a secret. */
export const SecretArguments = Type.Optional(
  Type.Array(
    Type.Object(
      {
        ...place,
        tool: Type.String({
          minLength: 1,
          maxLength: 128,
          description: "The tool, by the server's name.",
        }),
        argument: Type.String({
          minLength: 1,
          maxLength: 200,
          description: 'Name of an argument of the tool, at the top level.',
        }),
      },
      strict,
    ),
    {
      maxItems: listMax,
      title: 'Secret arguments',
      description: `Arguments in which the model passes a secret of the session by its reference, at most ${listMax}; by default none.`,
    },
  ),
)

export type SecretPlace = { secret_ref: string; origin: string }
export type SecretHeader = SecretPlace & { header: string; prefix?: string }
export type SecretArgument = SecretPlace & { tool: string; argument: string }

type Storage = { storage: Pick<SessionStorage, 'secrets'> }

const nameOf = (ref: string) => ref.slice(prefix.length)

/** Reads the secrets of the session that exist, by reference. */
export async function readSecrets(
  { storage }: Storage,
  places: readonly SecretPlace[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const ref of new Set(places.map(({ secret_ref }) => secret_ref))) {
    const value = await storage.secrets.get(nameOf(ref))
    if (value !== undefined) found.set(ref, value)
  }
  return found
}

/** Contract: throws `secret_missing` and `secret_unusable`. */
export function secretIn(found: ReadonlyMap<string, string>, ref: string): string {
  const value = found.get(ref)
  if (value === undefined) throw new ApiError('secret_missing', nameOf(ref))
  if (value.length < secretLengthMin || value.length > sentLengthMax) {
    throw unusable(ref, `it must have ${secretLengthMin} to ${sentLengthMax} characters`)
  }
  return value
}

/** Contract: throws `secret_missing` and `secret_unusable`. */
export function headersFrom(
  found: ReadonlyMap<string, string>,
  places: readonly SecretHeader[],
): Record<string, string> {
  const headers = places.map(({ header, prefix = '', secret_ref }) => {
    const value = secretIn(found, secret_ref)
    // The error of the HTTP client would quote the value.
    if (!/^[!-~](?:[ -~]*[!-~])?$/.test(value))
      throw unusable(secret_ref, 'a header must consist of printable ASCII characters')
    return [header, prefix + value]
  })
  return Object.fromEntries(headers)
}

const unusable = (ref: string, why: string) =>
  new ApiError('secret_unusable', `${nameOf(ref)} cannot be sent: ${why}`)

/** True for what a model passes in place of a secret. */
function isRef(value: unknown): value is { secret_ref: string } {
  const { secret_ref } = (value ?? {}) as { secret_ref?: unknown }
  return typeof secret_ref === 'string' && secret_ref.startsWith(prefix)
}

/**
 * Lists the references in arguments. Contract: throws `secret_not_allowed` for one that the config
 * does not declare for its argument; walks without recursion.
 */
export function allowedRefs(
  input: Readonly<Record<string, unknown>>,
  places: readonly SecretArgument[],
): SecretArgument[] {
  const used: SecretArgument[] = []
  const stack: unknown[] = []
  for (const [name, value] of Object.entries(input)) {
    const known = places.find((one) => one.argument === name && isExactly(value, one.secret_ref))
    if (known) used.push(known)
    else stack.push(value)
  }
  while (stack.length > 0) {
    const value = stack.pop()
    if (typeof value !== 'object' || value === null) continue
    if (isRef(value)) throw new ApiError('secret_not_allowed', value.secret_ref.slice(0, 300))
    for (const part of Object.values(value)) stack.push(part)
  }
  return used
}

const isExactly = (value: unknown, ref: string) =>
  isRef(value) && value.secret_ref === ref && Object.keys(value).length === 1

/** The schema of a tool for models: arguments with secrets take references only. */
export function withSecretArguments<Schema extends object>(
  schema: Schema,
  places: readonly SecretArgument[],
): Schema {
  if (places.length === 0) return schema
  const { properties = {} } = schema as { properties?: Record<string, { description?: string }> }
  const replaced = Map.groupBy(places, ({ argument }) => argument)
  const secret = [...replaced].map(([argument, among]) => {
    const { description } = properties[argument] ?? {}
    const refs = among.map(({ secret_ref }) => secret_ref)
    return [
      argument,
      {
        type: 'object',
        properties: { secret_ref: { type: 'string', enum: [...new Set(refs)] } },
        required: ['secret_ref'],
        additionalProperties: false,
        description: `${description ? `${description} ` : ''}Pass the reference: the server fills in the secret.`,
      },
    ]
  })
  return { ...schema, properties: { ...properties, ...Object.fromEntries(secret) } }
}
