import { createOutlast } from '@outlast/sdk'
import { globalFlags, type Parsed, parse } from './arguments.ts'
import type { Command, Noun } from './command.ts'
import { nouns } from './commands/index.ts'
import { exitCodeOf, exitCodes, sentencesOf, UsageError } from './failure.ts'
import { commandHelp, type Extra, generalHelp, nounHelp } from './help.ts'
import type { Io } from './io.ts'
import { createOutput, type Mode } from './output.ts'
import { profileOf } from './profiles.ts'

/**
 * Runs one command line and says with which code the process should end.
 * `extra`: commands that whoever calls this runs by itself, for the help.
 * Contract: never throws; what went wrong stands on stderr.
 */
export async function run(
  args: readonly string[],
  io: Io,
  { signal, extra = {} }: { signal: AbortSignal; extra?: Extra },
): Promise<number> {
  let url = ''
  try {
    const found = await find(args)
    if (!found) {
      io.stdout.write(generalHelp(extra))
      return exitCodes.ok
    }
    const { name, noun, command, rest } = found
    if (!command) {
      io.stdout.write(nounHelp(name, noun))
      return rest.some(isHelp) ? exitCodes.ok : exitCodes.usage
    }
    const parsed = parse(rest, command)
    if (parsed.global.help) {
      io.stdout.write(commandHelp(name, command))
      return exitCodes.ok
    }
    const profile = profileOf(io, parsed.global)
    url = profile.url
    return (await perform(command, parsed, { io, signal, profile })) ?? exitCodes.ok
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted
    for (const [at, text] of sentencesOf(error, url).entries()) {
      io.stderr.write(`${at === 0 ? 'outlast: ' : ''}${text}\n`)
    }
    return exitCodeOf(error)
  }
}

type Running = { io: Io; signal: AbortSignal; profile: ReturnType<typeof profileOf> }

function perform(
  command: Command,
  { words, flags, global }: Parsed,
  { io, signal, profile }: Running,
) {
  const mode: Mode = global.json ? 'json' : global.quiet ? 'quiet' : 'text'
  const { url, api_key, org_id } = profile
  const outlast = createOutlast({
    url,
    ...(api_key && { apiKey: api_key }),
    ...(org_id && { organization: org_id }),
  })
  const out = createOutput(io, { mode, noColor: global['no-color'] === true })
  return command.run({ outlast, url, profile, out, io, signal }, { words, flags: flags as never })
}

type Found = { name: string; noun: Noun; command: Command | undefined; rest: string[] }

/** The command that is meant; nothing when only help is. Flags may stand before it. */
async function find(args: readonly string[]): Promise<Found | undefined> {
  const words = wordsOf(args)
  const [first, second] = words
  if (first === undefined || args[first.at] === 'help') return undefined
  const name = args[first.at]!
  const entry = Object.hasOwn(nouns, name) ? nouns[name]! : undefined
  if (!entry) throw new UsageError(`There is no command ${name}. \`outlast --help\` lists them.`)
  const noun = await entry.load()
  const verb = second && Object.hasOwn(noun, args[second.at]!) ? args[second.at]! : ''
  const command = Object.hasOwn(noun, verb) ? noun[verb] : undefined
  if (!command && second) {
    throw new UsageError(`${name} has no ${args[second.at]}: ${Object.keys(noun).join(', ')}.`)
  }
  const used = new Set(verb === '' ? [first.at] : [first.at, second!.at])
  const rest = args.filter((_, at) => !used.has(at))
  return { name: verb === '' ? name : `${name} ${verb}`, noun, command, rest }
}

const isHelp = (arg: string) => arg === '--help' || arg === '-h'

/** Where the words stand that are no flags and no values of global flags. */
function wordsOf(args: readonly string[]): { at: number }[] {
  const words: { at: number }[] = []
  for (let at = 0; at < args.length && args[at] !== '--'; at += 1) {
    const arg = args[at]!
    if (!arg.startsWith('-') || arg === '-') words.push({ at })
    else if ((globalFlags as Record<string, { type: string }>)[arg.slice(2)]?.type === 'string')
      at += 1
  }
  return words
}
