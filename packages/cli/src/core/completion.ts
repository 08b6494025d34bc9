import { parseArgs } from 'node:util'
import type { CallOptions, List, Outlast } from '@outlast/sdk'
import { nouns } from '../commands/index.ts'
import { oneLine } from '../output/width.ts'
import { clientOf } from './client.ts'
import { exitCodes } from './failure.ts'
import { find, wordsOf } from './find.ts'
import type { Flag, Flags } from './flags.ts'
import { type GlobalFlags, globalFlags } from './flags.ts'
import type { Extra } from './help.ts'
import type { Io } from './io.ts'
import { profileOf, readCredentials } from './profiles.ts'

/** What may stand at the cursor, and what that is. */
type Candidate = readonly [word: string, about: string]

/** Who presses Tab does not wait for a slow server. */
const serverMsMax = 700
const idsMax = 50

/**
 * Prints what may stand where the last of the words is being typed: a line each, the word, a tab,
 * what it is.
 * Contract: whatever is wrong, it prints less, and never complains.
 */
export async function complete(
  words: readonly string[],
  io: Io,
  { signal, extra }: { signal: AbortSignal; extra: Extra },
): Promise<number> {
  const before = words.slice(0, -1)
  const typed = words.at(-1) ?? ''
  const candidates = await candidatesFor(before, typed, { io, signal, extra }).catch(() => [])
  for (const [word, about] of candidates) {
    if (word.startsWith(typed)) io.stdout.write(`${word}\t${oneLine(about)}\n`)
  }
  return exitCodes.ok
}

type Surroundings = { io: Io; signal: AbortSignal; extra: Extra }

async function candidatesFor(
  given: readonly string[],
  typed: string,
  { io, signal, extra }: Surroundings,
): Promise<readonly Candidate[]> {
  const before = given[0] === 'help' ? given.slice(1) : given
  const hasNoun = wordsOf(before).length > 0
  const found = hasNoun ? await find(before) : undefined
  const flags: Flags = { ...globalFlags, ...found?.command?.flags }
  const server = { before, io, signal }
  const flag = flagAtEnd(before, flags)
  if (flag?.choices) return flag.choices.map((choice) => [choice, flag.about])
  if (flag) return valuesOf(flag.value ?? '', server)
  if (typed.startsWith('-')) return flagsOf(flags)
  if (!found) return [...nounsOf(), ...Object.entries(extra), ['help', 'say what there is']]
  const { noun, command, rest } = found
  if (!command) return Object.entries(noun).map(([verb, { summary }]) => [verb, summary])
  const positional = command.positionals[wordsAmong(rest, flags)] ?? ''
  return valuesOf(positional.toUpperCase(), server)
}

const nounsOf = () => Object.entries(nouns).map(([name, { summary }]): Candidate => [name, summary])

const flagsOf = (flags: Flags) =>
  Object.entries(flags).map(([name, { about }]): Candidate => [`--${name}`, about])

const flagNamed = (arg: string, flags: Flags): Flag | undefined =>
  arg.startsWith('--')
    ? flags[arg.slice(2)]
    : Object.values(flags).find(({ short }) => short !== undefined && arg === `-${short}`)

/** The flag whose value is being typed. */
function flagAtEnd(before: readonly string[], flags: Flags): Flag | undefined {
  const flag = flagNamed(before.at(-1) ?? '', flags)
  return flag?.type === 'string' ? flag : undefined
}

/** How many of the arguments are neither flags nor their values. */
function wordsAmong(args: readonly string[], flags: Flags): number {
  let count = 0
  for (let at = 0; at < args.length; at += 1) {
    if (!args[at]!.startsWith('-')) count += 1
    else if (flagNamed(args[at]!, flags)?.type === 'string') at += 1
  }
  return count
}

type Server = { before: readonly string[]; io: Io; signal: AbortSignal }

/** The values for `AGENT`, `<agent>` and the like, from the server or the file of profiles. */
async function valuesOf(placeholder: string, { before, io, signal }: Server) {
  const kind = placeholder.replace(/[^A-Z]/g, '')
  if (kind === 'PROFILE') {
    const { profiles } = readCredentials(io)
    return Object.entries(profiles).map(([name, { url }]): Candidate => [name, url])
  }
  const listOf = Object.hasOwn(lists, kind) ? lists[kind] : undefined
  if (!listOf) return []
  const profile = profileOf(io, globalsIn(before))
  const options = { signal, timeoutMs: serverMsMax, retriesMax: 0 }
  const { data } = await listOf(clientOf(profile), { limit: idsMax }, options)
  return data.map(
    (row): Candidate => [row.id, row.name ?? row.display_name ?? row.title ?? row.preview ?? ''],
  )
}

type Row = {
  id: string
  name?: string
  display_name?: string
  title?: string | null
  preview?: string | null
}

/** Where ids come from, by what stands for them in the help. */
const lists: Record<
  string,
  (outlast: Outlast, page: { limit: number }, options: CallOptions) => List<Row>
> = {
  AGENT: ({ agents }, page, options) => agents.list(page, options),
  SESSION: ({ sessions }, page, options) => sessions.list(page, options),
  PROVIDER: ({ providers }, page, options) => providers.list(page, options),
  MODEL: ({ models }, page, options) => models.list(page, options),
  CAPABILITY: ({ capabilities }, page, options) => capabilities.list(page, options),
  SERVER: ({ mcpServers }, page, options) => mcpServers.list(page, options),
  SCHEDULE: ({ schedules }, page, options) => schedules.list(page, options),
  KEY: ({ apiKeys }, page, options) => apiKeys.list(page, options),
  ORG: ({ organizations }, page, options) => organizations.list(page, options),
  WORKER: ({ workers }, page, options) => workers.list(page, options),
}

/** Flags of every command among the words, as far as they are whole. */
function globalsIn(words: readonly string[]): GlobalFlags {
  const { values } = parseArgs({
    args: [...words],
    options: globalFlags,
    strict: false,
    allowPositionals: true,
  })
  const strings = Object.entries(values).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(strings)
}
