import { parseArgs } from 'node:util'
import { nouns } from '../commands/index.ts'
import { clientOf } from '../core/client.ts'
import { exitCodes } from '../core/failure.ts'
import type { Flag, Flags } from '../core/flags.ts'
import { type GlobalFlags, globalFlags } from '../core/flags.ts'
import type { Io } from '../core/io.ts'
import { profileOf, readCredentials } from '../core/profiles.ts'
import { kinds, placeholderOf, positionalAt } from '../core/resources.ts'
import { oneLine } from '../output/width.ts'
import { find, wordsOf } from './find.ts'
import type { Extra } from './help.ts'

/** A word for the cursor's position, and its description. */
type Candidate = readonly [word: string, about: string]

/** Longest time of a request to the server: completion must not block the shell. */
const serverMsMax = 700
const idsMax = 50

/**
 * Prints the candidates for the last, incomplete word: a line each, with the word, a tab, and a
 * description.
 * Contract: after an error it prints fewer candidates, and no message.
 */
export async function complete(words: readonly string[], io: Io, extra: Extra): Promise<number> {
  const before = words.slice(0, -1)
  const typed = words.at(-1) ?? ''
  const candidates = await candidatesFor(before, typed, { io, extra }).catch(() => [])
  for (const [word, about] of candidates) {
    if (word.startsWith(typed)) io.stdout.write(`${word}\t${oneLine(about)}\n`)
  }
  return exitCodes.ok
}

type Surroundings = { io: Io; extra: Extra }

async function candidatesFor(
  given: readonly string[],
  typed: string,
  { io, extra }: Surroundings,
): Promise<readonly Candidate[]> {
  const before = given[0] === 'help' ? given.slice(1) : given
  const hasNoun = wordsOf(before).length > 0
  const found = hasNoun ? await find(before) : undefined
  const flags: Flags = { ...globalFlags, ...found?.command?.flags }
  const server = { before, io }
  const flag = flagAtEnd(before, flags)
  if (flag?.choices) return flag.choices.map((choice) => [choice, flag.about])
  if (flag) return valuesOf(flag.value ?? '', server)
  if (typed.startsWith('-')) return flagsOf(flags)
  if (!found) return [...nounsOf(), ...Object.entries(extra), ['help', 'print help']]
  const { noun, command, rest } = found
  if (!command) return Object.entries(noun).map(([verb, { summary }]) => [verb, summary])
  const positional = positionalAt(command.positionals, wordsAmong(rest, flags))
  return valuesOf(positional ?? '', server)
}

const nounsOf = () => Object.entries(nouns).map(([name, { summary }]): Candidate => [name, summary])

const flagsOf = (flags: Flags) =>
  Object.entries(flags).map(([name, { about }]): Candidate => [`--${name}`, about])

const flagNamed = (arg: string, flags: Flags): Flag | undefined =>
  arg.startsWith('--')
    ? flags[arg.slice(2)]
    : Object.values(flags).find(({ short }) => short !== undefined && arg === `-${short}`)

/** Finds the flag whose value is incomplete. */
function flagAtEnd(before: readonly string[], flags: Flags): Flag | undefined {
  const flag = flagNamed(before.at(-1) ?? '', flags)
  return flag?.type === 'string' ? flag : undefined
}

/** Counts the arguments that are neither flags nor values of flags. */
function wordsAmong(args: readonly string[], flags: Flags): number {
  let count = 0
  for (let at = 0; at < args.length; at += 1) {
    if (!args[at]!.startsWith('-')) count += 1
    else if (flagNamed(args[at]!, flags)?.type === 'string') at += 1
  }
  return count
}

type Server = { before: readonly string[]; io: Io }

/** Reads the values of a placeholder such as `AGENT` from the server or the saved profiles. */
async function valuesOf(placeholder: string, { before, io }: Server) {
  const kind = placeholderOf(placeholder)
  if (kind === 'PROFILE') {
    const { profiles } = readCredentials(io)
    return Object.entries(profiles).map(([name, { url }]): Candidate => [name, url])
  }
  const found = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  if (!found) return []
  const profile = profileOf(io, globalsIn(before))
  const options = { signal: AbortSignal.timeout(serverMsMax), retriesMax: 0 }
  const { data } = await found.list(clientOf(profile), { limit: idsMax }, options)
  return data.map((row): Candidate => {
    const id = found.idOf ? found.idOf(row) : row.id
    return [id ?? '', found.namesOf(row).find(Boolean) ?? row.title ?? row.preview ?? '']
  })
}

/** Parses the complete global flags among the words. */
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
