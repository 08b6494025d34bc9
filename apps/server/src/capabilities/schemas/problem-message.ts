import { withoutControls } from '@outlast/contract'
import type { TLocalizedValidationError } from 'typebox/error'
import { exampleOf, type JsonSchema } from '../../schema-example.ts'

const exampleLengthMax = 160
const namesMax = 10

/** Meaning of the patterns in our schemas. A test compares them with the schemas. */
const patternWords: Readonly<Record<string, string>> = {
  [withoutControls]: 'must not contain control characters',
  '^[0-9a-f]{64}$': 'must be a hash of 64 lower-case hexadecimal digits',
  '^[a-zA-Z0-9_-]{1,64}$': 'must have 1 to 64 letters, digits, hyphens or underscores',
  '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$':
    'must be a UUID such as 01933b5a-0000-7000-8000-000000000001',
  '^[^\\s@<>"(),:;\\[\\]\\\\]{1,64}@[A-Za-z0-9.-]{1,253}$':
    'must be an email address such as ada@example.com',
  '^[!-~]([ -~]{0,198}[!-~])?$':
    'must have 1 to 200 printable ASCII characters, without spaces at the ends',
  '^[A-Za-z_][A-Za-z0-9_]{0,99}$': 'must be a variable name such as API_TOKEN',
  '^(\\*\\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$':
    'must be a host name such as api.example.com or *.example.com',
  '^(/(?!\\.{1,2}(/|$))[A-Za-z0-9.-][A-Za-z0-9._-]*)+$':
    'must be an absolute path such as /workspace',
  '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$': 'must be a date such as 2026-11-24',
  '^[1-9][0-9]{0,5}[mhd]$': 'must be minutes, hours or days such as 30m, 5h or 7d',
  '^[a-z][a-z0-9_]{0,31}$':
    'must have 1 to 32 lower-case letters, digits and underscores, and begin with a letter',
  '^[A-Z]{3}$': 'must be a currency code such as USD',
  '^evr_ak_[0-9a-f]{64}$': 'must be an agent key, which begins with evr_ak_',
  '^[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd]([^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd])?$':
    'must not contain control characters, or spaces at the ends',
  '^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$': 'must be a locale such as uk-UA',
  '^[0-9]{1,9}$': 'must be a number of 1 to 9 digits',
  '^session:[^\\0]{1,255}$': 'must name a secret of the session, such as session:crm_token',
  '^[ -~]{0,100}$': 'must have at most 100 printable ASCII characters',
  '^[a-z_]{1,64}$': 'must have 1 to 64 lower-case letters and underscores',
  '^\\d{4}-\\d{2}-\\d{2}$': 'must be a date such as 2026-11-24',
  '^[a-z]{2}(-[a-z]+)+-[1-9]$': 'must be a region such as us-east-1',
  '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$': 'must be a bucket name such as my-bucket',
}

const formatWords: Readonly<Record<string, string>> = {
  uuid: 'must be a UUID such as 01933b5a-0000-7000-8000-000000000001',
  'date-time': 'must be a time such as 2026-11-24T15:09:30Z',
  domain: 'must be a domain such as example.com',
  'time-zone': 'must be a time zone such as Europe/Berlin',
}

const nounOfPrefix: Readonly<Record<string, string>> = {
  org: 'organization',
  exec: 'execution',
  mcp: 'MCP server',
  token: 'session token',
  audit: 'audit entry',
  img: 'image',
  wh: 'webhook',
  bdgt: 'budget',
  ledger: 'ledger entry',
  appchan: 'agent channel',
  agentkey: 'agent key',
}

const withArticle = (noun: string) => `${/^[aeiouM]/.test(noun) ? 'an' : 'a'} ${noun}`

/** Explains a pattern. Undefined for one without a known meaning. */
export function patternInWords(pattern: string): string | undefined {
  const [, prefix] = /^\^([a-z]+)_\[0-9a-f\]\{32\}\$$/.exec(pattern) ?? []
  if (prefix === undefined) return patternWords[pattern]
  const noun = nounOfPrefix[prefix] ?? prefix
  return `must be ${withArticle(noun)} id such as ${prefix}_0123456789abcdef0123456789abcdef`
}

/**
 * Explains how to correct a value that does not fit its schema, as the rest of a sentence that
 * begins with its path. Contract: never contains a regular expression.
 */
export function messageOf(error: TLocalizedValidationError, root: object): string {
  const schema = partAt(root, error.schemaPath)
  switch (error.keyword) {
    case 'required':
      return missing(schema, error.params.requiredProperties)
    case 'additionalProperties':
      return `does not take ${namesInWords(error.params.additionalProperties)}`
    case 'boolean':
      return 'is not taken'
    case 'enum':
      return `must be one of ${error.params.allowedValues.join(', ')}`
    case 'const':
      return `must be ${JSON.stringify(error.params.allowedValue)}`
    case 'format':
      return (
        formatWords[error.params.format] ??
        `must be a valid ${error.params.format.replaceAll('-', ' ')}`
      )
    case 'pattern':
      return patternInWords(String(error.params.pattern)) ?? malformed(schema)
    case 'type':
    case 'anyOf':
      return formInWords(withoutNull(schema)) ?? `must be ${kindInWords(schema)}`
    case 'minimum':
    case 'maximum':
      return `must be ${rangeInWords(schema.minimum, schema.maximum)}`
    case 'minLength':
    case 'maxLength':
      return error.keyword === 'minLength' && error.params.limit === 1
        ? 'must not be empty'
        : `must have ${rangeInWords(schema.minLength, schema.maxLength)} characters`
    case 'minItems':
    case 'maxItems':
      return `must have ${rangeInWords(schema.minItems, schema.maxItems)} items`
    default:
      return error.message
  }
}

/** The part of a schema that a path such as `#/properties/limit` names. */
function partAt(root: object, schemaPath: string): JsonSchema {
  let part: unknown = root
  for (const name of schemaPath.split('/').slice(1)) {
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
    part = (part as Record<string, unknown> | undefined)?.[key]
  }
  return (part ?? {}) as JsonSchema
}

/** The first names of a list, which the caller determines and may be long. */
function namesInWords(names: readonly string[]): string {
  const more = names.length - namesMax
  const shown = names.slice(0, namesMax).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}

function rangeInWords(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `at most ${max}`
  return max === undefined ? `at least ${min}` : `between ${min} and ${max}`
}

/** The only kind of value beside null, else the schema itself. */
function withoutNull(schema: JsonSchema): JsonSchema {
  const [kind, ...others] = schema.anyOf?.filter(({ type }) => type !== 'null') ?? []
  return kind === undefined || others.length > 0 ? schema : kind
}

/** The form of a text; undefined if the only requirement is that it is a text. */
function formInWords({ pattern = '', format = '' }: JsonSchema): string | undefined {
  const form = patternInWords(pattern) ?? formatWords[format]
  return form?.startsWith('must be ') ? form : undefined
}

const malformed = ({ examples }: JsonSchema) =>
  examples === undefined ? 'has an invalid format' : `must have a form such as ${examples[0]}`

function missing({ properties = {} }: JsonSchema, names: readonly string[]): string {
  const parts = names.map((name) => properties[name] ?? {})
  const isPlain = parts.every(({ type, examples }) => type === 'string' && !examples)
  if (isPlain) return `needs ${names.join(', ')}`
  const example = exampleOf({ type: 'object', properties, required: [...names] }, { isShort: true })
  return `needs ${names.join(', ')}${suchAs(example, ', such as')}`
}

/** The kind of value that a schema allows, with an example of a list or an object. */
function kindInWords(schema: JsonSchema): string {
  if (schema.anyOf) {
    const kinds = schema.anyOf.filter(({ type }) => type !== 'null').map(kindInWords)
    return [...new Set(kinds)].join(' or ')
  }
  if (schema.enum) return `one of ${schema.enum.join(', ')}`
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  switch (schema.type) {
    case 'boolean':
      return 'true or false'
    case 'array':
      return `an array${suchAs(exampleOf(schema, { isShort: true }), ' such as')}`
    case 'object':
      return `an object${suchAs(exampleOf(schema, { isShort: true }), ' such as')}`
    case 'integer':
    case 'number': {
      const range = schema.minimum ?? schema.maximum
      const bounds = rangeInWords(schema.minimum, schema.maximum)
      const isOpen = schema.minimum === undefined || schema.maximum === undefined
      const limits = range === undefined ? '' : isOpen ? ` of ${bounds}` : ` ${bounds}`
      return withArticle(schema.type) + limits
    }
    default:
      return schema.type === undefined ? 'another value' : withArticle(schema.type)
  }
}

/** Nothing for an example that is too long, or empty and thus explains nothing. */
function suchAs(example: unknown, words: string): string {
  const text = JSON.stringify(example) ?? ''
  return text.length <= 2 || text.length > exampleLengthMax ? '' : `${words} ${text}`
}
