import type { CallOptions, List, Outlast } from '@outlast/sdk'
import { cut, exactJson, oneLine } from '../output/width.ts'
import type { Command, Context } from './command.ts'
import { NotFoundError, UsageError } from './failure.ts'
import { nearest } from './suggest.ts'

/** A resource as lists return it. The fields depend on its kind. */
export type ResourceRow = {
  id?: string
  turn_id?: string
  user_id?: string | null
  name?: string | null
  display_name?: string | null
  model_id?: string | null
  email?: string | null
  title?: string | null
  preview?: string | null
  status?: string
  url?: string
}

type Calls = { outlast: Outlast; signal: AbortSignal }
type Page = { limit: number }
type ListOf = (outlast: Outlast, page: Page, options: CallOptions) => List<ResourceRow>

export type Kind = {
  /** The noun in messages. */
  noun: string
  /** The command that lists these resources. */
  listing: string
  /** Matches a complete id, which is sent as it is. */
  isId: RegExp
  idOf?: (row: ResourceRow) => string | null | undefined
  /** Names that identify a resource. None: only ids do. */
  namesOf: (row: ResourceRow) => (string | null | undefined)[]
  list: ListOf
  /** The list is in order of ids, the newest first. */
  isNewestFirst?: boolean
}

export const prefixed = (prefix: string) => new RegExp(`^${prefix}_[0-9a-f]{32}$`)
export const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const nameOnly = ({ name }: ResourceRow) => [name]

/** Kinds of resources by their placeholder in the help, as in `<agent>` and `--agent AGENT`. */
export const kinds: Readonly<Record<string, Kind>> = {
  AGENT: {
    noun: 'agent',
    listing: 'outlast agents list',
    isId: prefixed('agent'),
    namesOf: nameOnly,
    list: ({ agents }, page, options) => agents.list({ ...page, include_archived: true }, options),
  },
  SESSION: {
    noun: 'session',
    listing: 'outlast sessions list --search TEXT',
    isId: prefixed('session'),
    namesOf: () => [],
    list: ({ sessions }, page, options) => sessions.list(page, options),
    isNewestFirst: true,
  },
  PROVIDER: {
    noun: 'provider',
    listing: 'outlast providers list',
    isId: prefixed('provider'),
    namesOf: nameOnly,
    list: ({ providers }, page, options) => providers.list(page, options),
  },
  MODEL: {
    noun: 'model',
    listing: 'outlast models list',
    isId: prefixed('model'),
    namesOf: ({ display_name, model_id }) => [display_name, model_id],
    list: ({ models }, page, options) => models.list(page, options),
  },
  CAPABILITY: {
    noun: 'capability',
    listing: 'outlast capabilities list',
    isId: /^\w+:/,
    namesOf: nameOnly,
    list: ({ capabilities }, page, options) => capabilities.list(page, options),
  },
  SERVER: {
    noun: 'MCP server',
    listing: 'outlast mcp list',
    isId: prefixed('mcp'),
    namesOf: nameOnly,
    list: ({ mcpServers }, page, options) => mcpServers.list(page, options),
  },
  SCHEDULE: {
    noun: 'schedule',
    listing: 'outlast schedules list',
    isId: uuid,
    namesOf: nameOnly,
    list: ({ schedules }, page, options) => schedules.list(page, options),
  },
  WEBHOOK: {
    noun: 'webhook',
    listing: 'outlast webhooks list',
    isId: prefixed('wh'),
    namesOf: ({ url }) => [url],
    list: ({ webhooks }, page, options) => webhooks.list(page, options),
  },
  ALERT: {
    noun: 'alert',
    listing: 'outlast alerts list',
    isId: prefixed('alert'),
    namesOf: nameOnly,
    list: ({ alerts }, page, options) => alerts.list(page, options),
  },
  KEY: {
    noun: 'API key',
    listing: 'outlast keys list',
    isId: uuid,
    namesOf: nameOnly,
    list: ({ apiKeys }, page, options) => apiKeys.list(page, options),
  },
  ORG: {
    noun: 'organization',
    listing: 'outlast orgs list',
    isId: prefixed('org'),
    namesOf: nameOnly,
    list: ({ organizations }, page, options) => organizations.list(page, options),
  },
  WORKER: {
    noun: 'worker',
    listing: 'outlast workers list',
    isId: /^node_[0-9a-f]{16,}$/,
    namesOf: () => [],
    list: ({ workers }, page, options) => workers.list(page, options),
  },
  TURN: {
    noun: 'turn',
    listing: 'outlast workflows list',
    isId: prefixed('turn'),
    idOf: ({ turn_id }) => turn_id,
    namesOf: () => [],
    list: ({ workflows }, page, options) => workflows.list(page, options),
  },
  ACCOUNT: {
    noun: 'account',
    listing: 'outlast accounts list',
    isId: uuid,
    namesOf: ({ email }) => [email],
    list: ({ accounts }, page, options) => accounts.list(page, options),
  },
}

export const placeholderOf = (text: string) => text.replace(/[^A-Za-z]/g, '').toUpperCase()

/** The placeholder of an argument. The last one of a command may take the rest. */
export const positionalAt = (positionals: readonly string[], at: number): string | undefined =>
  positionals[at] ?? positionals.findLast((name) => name.includes('…'))

const kindOf = (placeholder: string | undefined): Kind | undefined => {
  const name = placeholderOf(placeholder ?? '')
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined
}

const pageSize = 100
/** Resources that a search for a name or a part of an id reads at most. */
const searchedMax = 2_000
/** Names or candidates that an error lists at most. */
const listedMax = 10

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

/** A server of another version may send other types than text. */
const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const namesIn = (kind: Kind, row: ResourceRow): string[] => kind.namesOf(row).filter(isText)
function idOf(kind: Kind, row: ResourceRow): string {
  const id = kind.idOf ? kind.idOf(row) : row.id
  return isText(id) ? id : ''
}

const bare = (id: string) => id.replace(/^[a-z]+_(?=[0-9a-f])/, '')
/** Quotes a text for a message, in at most 60 columns. */
const quoted = (text: string) => exactJson(cut(oneLine(text), 60))
const titleOf = (kind: Kind, row: ResourceRow) =>
  cut(oneLine([...namesIn(kind, row), row.title, row.preview].find(isText) ?? ''), 60)

/** Whether an id begins with the text, which may lack the type, as in `01a2`. */
function beginsWith(id: string, text: string): boolean {
  const wanted = text.toLowerCase()
  return id.startsWith(wanted) || bare(id).startsWith(wanted)
}

type Search = { rows: ResourceRow[]; isWhole: boolean }

/**
 * Reads the resources of a kind. A search for an id stops early in a list that is in order of ids,
 * after a page whose ids are all below.
 */
async function search(kind: Kind, text: string, { outlast, signal }: Calls): Promise<Search> {
  const wanted = bare(text.toLowerCase())
  const rows: ResourceRow[] = []
  let below = 0
  for await (const row of kind.list(outlast, { limit: pageSize }, { signal })) {
    rows.push(row)
    below = bare(idOf(kind, row)).slice(0, wanted.length) < wanted ? below + 1 : 0
    if (kind.isNewestFirst && below >= pageSize) break
    if (rows.length >= searchedMax) return { rows, isWhole: false }
  }
  return { rows, isWhole: true }
}

/**
 * Finds the resource that a text names: by its id, its unique name, or the unique beginning of its
 * id. An active agent wins over an archived one, then an exact name over one in other letters.
 * Contract: throws a NotFoundError if none matches, a UsageError if several do, or if there are too
 * many resources to compare all of them.
 */
export async function findResource(
  kind: Kind,
  text: string,
  calls: Calls,
): Promise<{ id: string; name?: string }> {
  if (kind.isId.test(text)) return { id: text }
  const { rows, isWhole } = await search(kind, text, calls)
  const named = rows.filter((row) => namesIn(kind, row).some((name) => isSame(name, text)))
  const exact = named.filter((row) => namesIn(kind, row).includes(text))
  const isActive = ({ status }: ResourceRow) => status !== 'archived'
  const groups = [
    rows.filter((row) => idOf(kind, row) === text),
    exact.filter(isActive),
    named.filter(isActive),
    exact,
    named,
    rows.filter((row) => beginsWith(idOf(kind, row), text)),
  ]
  const found = groups.find(({ length }) => length === 1) ?? groups.find(({ length }) => length > 0)
  const isCertain = isWhole || idOf(kind, found?.[0] ?? {}) === text
  if (found?.length === 1 && isCertain) {
    const name = titleOf(kind, found[0]!)
    return { id: idOf(kind, found[0]!), ...(name !== '' && { name }) }
  }
  if (found && !isCertain) throw uncertain(kind, text)
  throw found ? ambiguous(kind, text, found) : notFound(kind, text, { rows, isWhole })
}

const uncertain = ({ noun }: Kind, text: string) =>
  new UsageError(
    `Only the newest ${searchedMax} ${noun}s were searched, so ${quoted(text)} may match others. Use the whole id.`,
  )

function ambiguous(kind: Kind, text: string, found: readonly ResourceRow[]): UsageError {
  const lines = found
    .slice(0, listedMax)
    .map((row) => `  ${oneLine(idOf(kind, row))}  ${titleOf(kind, row)}`)
  const more = found.length > listedMax ? [`  and ${found.length - listedMax} more`] : []
  const head = `${found.length} ${kind.noun}s match ${quoted(text)}. Use more of the id:`
  return new UsageError([head, ...lines.map((line) => line.trimEnd()), ...more].join('\n'))
}

function notFound(kind: Kind, text: string, { rows, isWhole }: Search): NotFoundError {
  const names = rows
    .filter(({ status }) => status !== 'archived')
    .map((row) => oneLine(namesIn(kind, row)[0] ?? ''))
    .filter((name) => name !== '')
  const near = nearest(
    text.toLowerCase(),
    names.map((name) => name.toLowerCase()),
  )
  const meant = near && names.find((name) => isSame(name, near))
  const hasNames = names.length > 0
  const sentences = [
    `No ${kind.noun} has the ${hasNames ? 'name or id' : 'id'} ${quoted(text)}.`,
    meant && `Did you mean ${quoted(meant)}?`,
    hasNames && `There are: ${shortened(names)}.`,
    !isWhole && `Only the newest ${searchedMax} were searched.`,
    `\`${kind.listing}\` lists ${kind.noun}s.`,
  ]
  return new NotFoundError(sentences.filter(Boolean).join(' '))
}

const shortened = (names: readonly string[]) =>
  names.length > listedMax
    ? `${names.slice(0, listedMax).join(', ')} and ${names.length - listedMax} more`
    : names.join(', ')

type Values = Record<string, string | boolean | string[] | undefined>

/** The arguments of a command with names and parts of ids replaced by ids. */
type Resolved = { words: string[]; flags: Values; labels: Map<string, string> }

/** Whether an argument of the command needs `resolveArguments`. */
export function needsResolving(
  { positionals, flags }: Pick<Command, 'positionals' | 'flags'>,
  given: { words: readonly string[]; flags: Values },
): boolean {
  const isOpen = (placeholder: string | undefined, value: unknown) => {
    const kind = kindOf(placeholder)
    return kind !== undefined && typeof value === 'string' && value !== '' && !kind.isId.test(value)
  }
  return (
    given.words.some((word, at) => isOpen(positionalAt(positionals, at), word)) ||
    Object.entries(flags).some(([name, flag]) =>
      [given.flags[name]].flat().some((value) => isOpen(flag.value, value)),
    )
  )
}

export async function resolveArguments(
  context: Pick<Context, 'outlast' | 'signal'>,
  { positionals, flags }: Pick<Command, 'positionals' | 'flags'>,
  given: { words: readonly string[]; flags: Values },
): Promise<Resolved> {
  const labels = new Map<string, string>()
  const resolved = async <T>(placeholder: string | undefined, value: T): Promise<T | string> => {
    const kind = kindOf(placeholder)
    if (typeof value !== 'string' || value === '' || !kind) return value
    const { id, name } = await findResource(kind, value, context)
    if (name !== undefined) labels.set(id, name)
    return id
  }
  const words: string[] = []
  for (const [at, word] of given.words.entries()) {
    words.push(await resolved(positionalAt(positionals, at), word))
  }
  const values: Values = { ...given.flags }
  for (const [name, { value: placeholder }] of Object.entries(flags)) {
    const value = values[name]
    if (!Array.isArray(value)) values[name] = await resolved(placeholder, value)
    else values[name] = await Promise.all(value.map((one) => resolved(placeholder, one)))
  }
  return { words, flags: values, labels }
}
