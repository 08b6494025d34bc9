/** Converts the definitions of a project to the form in which the server uses them. */
import type { TObject } from 'typebox'
import { Type } from 'typebox'
import {
  type Capability,
  defineCapability,
  type Mount,
  type Tool,
} from '../capabilities/capability.ts'
import { isSessionRule } from '../capabilities/session-rules.ts'
import { normalizePath } from '../store/files/paths.ts'
import { thrownMessage } from '../text.ts'
import { apiVersion, type Kind, markOf } from './brand.ts'
import type { Capability as DefinedCapability } from './capability.ts'
import { convertSchema, resultParser } from './convert-schema.ts'
import type { Tool as DefinedTool } from './tool.ts'

/** The place of a definition: its file, and the name that the file gives it. */
type DefinitionPlace = { file?: string; name?: string }

const functionOf: Record<Kind, string> = {
  tool: 'defineTool',
  capability: 'defineCapability',
  agent: 'defineAgent',
  config: 'defineConfig',
}

/**
 * Refuses a value that was not defined as `kind`, or by a newer version of the authoring API.
 * Contract: throws an Error whose message continues the name of the value.
 */
export function checkKind(value: unknown, kind: Kind): void {
  const mark = markOf(value)
  if (mark && mark.api > apiVersion) {
    throw new Error(
      `was defined with version ${mark.api} of the authoring API, and this server supports version ${apiVersion}: update the server`,
    )
  }
  if (mark?.kind === kind) return
  const given = mark ? `by ${functionOf[mark.kind]}()` : describe(value)
  throw new Error(`is defined ${given}: use ${functionOf[kind]}() of the package outlast`)
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return `as ${value}`
  return `as a plain ${Array.isArray(value) ? 'array' : typeof value}`
}

const toolKeys = ['name', 'description', 'replay', 'policy', 'limits', 'input', 'output', 'run']
const limitKeys = ['timeoutMs', 'outputBytesMax']
const replays = ['safe', 'unsafe', 'until_changed']
const policies = ['auto', 'requires_approval']

/**
 * Makes a tool of the server from that of a project.
 * Contract: throws an Error that names the tool and the problem.
 */
export function toolOf(tool: DefinedTool, { name: given }: DefinitionPlace = {}): Tool {
  attempt(
    () => checkKind(tool, 'tool'),
    (why) => {
      throw new Error(`${given ? `The tool ${given}` : 'A tool'} ${why}.`)
    },
  )
  const { name = given, description, replay, policy, limits, input, output, run } = tool
  if (typeof name !== 'string' || name === '')
    throw new Error('A tool has no name: give it `name`.')
  const fail = (problem: string): never => {
    throw new Error(`The tool ${name} ${problem}.`)
  }
  checkKeys(tool, toolKeys, fail)
  if (typeof description !== 'string' || description.trim() === '') fail('has no description')
  if (!replays.includes(replay)) fail(`needs \`replay\`: one of ${replays.join(', ')}`)
  if (policy !== undefined && !policies.includes(policy)) {
    fail(`has the policy ${policy}: use one of ${policies.join(', ')}`)
  }
  checkKeys(limits ?? {}, limitKeys, (problem) => {
    throw new Error(`\`limits\` of the tool ${name} ${problem}.`)
  })
  const odd = Object.entries(limits ?? {}).find(
    ([, limit]) => limit !== undefined && !(typeof limit === 'number' && limit > 0),
  )
  if (odd) fail(`has ${odd[1]} as its limit ${odd[0]}: use a positive number`)
  if (typeof run !== 'function') fail('has no function `run`')
  const converted = attempt(
    () => convertSchema(input, 'input'),
    (why) => fail(`has an input that ${why}`),
  )
  const result =
    output &&
    attempt(
      () => convertSchema(output, 'output'),
      (why) => fail(`has an output that ${why}`),
    )
  return {
    name,
    description,
    replay,
    input: converted.schema,
    run: (input, context) => run(input as never, context),
    ...(policy && { policy }),
    ...(limits && { limits }),
    ...(converted.parse ? { parse: converted.parse } : { isLimited: true }),
    ...(result && { output: { schema: result.schema, parse: resultParser(result) } }),
  }
}

function attempt<T>(work: () => T, fail: (why: string) => never): T {
  try {
    return work()
  } catch (error) {
    return fail(thrownMessage(error))
  }
}

function checkKeys(value: object, known: readonly string[], fail: (problem: string) => never) {
  const odd = Object.keys(value).find((key) => !known.includes(key))
  if (odd !== undefined) fail(`has \`${odd}\`, which has no meaning: use ${known.join(', ')}`)
}

const capabilityKeys = [
  'id',
  'name',
  'description',
  'category',
  'icon',
  'status',
  'dependencies',
  'config',
  'sessionRules',
  'prompt',
  'tools',
  'mounts',
]
const idPattern = /^[a-z][a-z0-9_]{0,62}$/
const projectCategory = 'Project'

/**
 * Makes a capability of the server from that of a project.
 * Contract: throws an Error that names the capability and the problem. Texts and tools that a
 * function derives from a config are checked for the empty config only.
 */
export function capabilityOf(
  definition: DefinedCapability,
  place: DefinitionPlace = {},
): Capability {
  attempt(
    () => checkKind(definition, 'capability'),
    (why) => {
      throw new Error(`${place.name ? `The capability ${place.name}` : 'A capability'} ${why}.`)
    },
  )
  const { id = place.name, config, prompt, tools, mounts, sessionRules, ...about } = definition
  if (typeof id !== 'string' || !idPattern.test(id)) {
    throw new Error(
      `The id ${id} of a capability needs letters, digits and _ only: use snake_case.`,
    )
  }
  const fail = (problem: string): never => {
    throw new Error(`The capability ${id} ${problem}.`)
  }
  checkKeys(definition, capabilityKeys, fail)
  if (config !== undefined && config.type !== 'object')
    fail('has a config that is no object schema')
  const known = tools && typeof tools !== 'function' ? tools.map((tool) => toolOf(tool)) : undefined
  const whole = {
    id,
    name: titleOf(id),
    description: '',
    category: projectCategory,
    icon: 'puzzle',
    status: 'available' as const,
    ...about,
    config: config ?? (Type.Object({}) as TObject),
    sessionRules: rulesOf(config, sessionRules as Record<string, never> | undefined, fail),
    prompt: (given: Record<string, unknown>) => textOf(derived(prompt, given), fail),
    ...(tools && { tools: (given: Record<string, unknown>) => known ?? toolsFrom(tools, given) }),
    mounts: (given: Record<string, unknown>): Mount[] =>
      (derived(mounts, given) ?? []).map((mount) => mountOf(mount, fail)),
  }
  const made = defineCapability(whole as never)
  if (place.file) made.file = place.file
  checkDerived(made)
  return made
}

function checkDerived(capability: Capability) {
  capability.prompt({})
  capability.tools({})
  capability.mounts({})
}

/** The text of a prompt, which the database can store. */
function textOf(prompt: unknown, fail: (problem: string) => never): string | undefined {
  const text = prompt ?? undefined
  if (text !== undefined && typeof text !== 'string') fail('has a prompt that is no text')
  if (text?.includes('\0')) fail('has a prompt with the character NUL')
  return text
}

function derived<Value>(
  value: Value | ((config: Record<string, unknown>) => Value),
  config: Record<string, unknown>,
): Value {
  return typeof value === 'function' ? (value as (config: object) => Value)(config) : value
}

function toolsFrom(
  tools: NonNullable<DefinedCapability['tools']>,
  config: Record<string, unknown>,
): Tool[] {
  return derived(tools, config).map((tool) => toolOf(tool))
}

/** Refuses a file that no session could have. */
function mountOf(mount: Mount, fail: (problem: string) => never): Mount {
  const { path, content } = mount
  if (typeof path !== 'string' || !path.startsWith('/')) {
    fail(`has a file at ${path}, which is not an absolute path`)
  }
  attempt(
    () => normalizePath(path),
    (why) => fail(`has a file with a path that no session can have: ${why.replace(/\.$/, '')}`),
  )
  if (typeof content !== 'string' && !((content as unknown) instanceof Uint8Array)) {
    fail(`has the file ${path} without text or bytes as its content`)
  }
  return mount
}

/** Fields without a rule belong to the agent. */
function rulesOf(
  config: TObject | undefined,
  rules: Record<string, never> | undefined,
  fail: (problem: string) => never,
) {
  const odd = Object.entries(rules ?? {}).find(([, rule]) => !isSessionRule(rule))
  if (odd) fail(`has the session rule ${odd[1]} for ${odd[0]}, which does not exist`)
  return {
    ...Object.fromEntries(Object.keys(config?.properties ?? {}).map((field) => [field, 'agent'])),
    ...rules,
  }
}

const titleOf = (id: string) => {
  const words = id.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
