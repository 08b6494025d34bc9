import { parse } from '../core/arguments.ts'
import { clientOf } from '../core/client.ts'
import type { Context } from '../core/command.ts'
import { exitCodeOf, exitCodes, Interrupted, sentencesOf } from '../core/failure.ts'
import type { GlobalFlags } from '../core/flags.ts'
import { columnsOf, type Io } from '../core/io.ts'
import { type ProfileInUse, profileOf } from '../core/profiles.ts'
import { needsResolving, resolveArguments } from '../core/resources.ts'
import { createOutput, type Mode } from '../output/output.ts'
import { type FoundCommand, find } from './find.ts'
import { commandHelp, type Extra, generalHelp, nounHelp } from './help.ts'

type Surroundings = { signal: AbortSignal; extra?: Extra }

/**
 * Runs one command line. Returns the exit code of the process.
 * `extra`: commands that the caller runs itself, for the help.
 * Contract: never throws; errors are printed to stderr.
 */
export async function run(
  args: readonly string[],
  io: Io,
  { signal, extra = {} }: Surroundings,
): Promise<number> {
  const at = { url: '' }
  try {
    if (args[0] === '__complete') {
      const { complete } = await import('./completion.ts')
      return await complete(args.slice(1), io, extra)
    }
    const isHelp = args[0] === 'help'
    const other = isHelp ? args[1] : undefined
    if (other && Object.hasOwn(extra, other)) {
      return print(io, `outlast ${other}: ${extra[other]}\n`)
    }
    const found = await find(isHelp ? args.slice(1) : args, Object.keys(extra))
    if (!found) {
      parse(isHelp ? [] : args, { flags: {}, positionals: [] })
      return print(io, generalHelp(extra, columnsOf(io.stdout)))
    }
    return await runCommand(found, { isHelp, io, signal, at })
  } catch (error) {
    if (signal.aborted || error instanceof Interrupted) return exitCodes.interrupted
    for (const [index, text] of sentencesOf(error, at.url).entries()) {
      io.stderr.write(`${index === 0 ? 'outlast: ' : ''}${text}\n`)
    }
    return exitCodeOf(error)
  }
}

type Running = { isHelp: boolean; io: Io; signal: AbortSignal; at: { url: string } }

async function runCommand(
  { name, noun, command, rest }: FoundCommand,
  { isHelp, io, signal, at }: Running,
): Promise<number> {
  const columns = columnsOf(io.stdout)
  if (!command) {
    const code = isHelp || rest.some(isHelpFlag) ? exitCodes.ok : exitCodes.usage
    return print(io, nounHelp(name, noun, columns), code)
  }
  const { words, flags, global } = parse(isHelp ? ['--help'] : rest, command)
  if (global.help) return print(io, commandHelp(name, command, columns))
  const labels = new Map<string, string>()
  const context = contextOf(global, { io, signal, at, labels })
  let input = { words, flags }
  if (needsResolving(command, input)) {
    const resolved = await resolveArguments(context, command, input)
    for (const [id, label] of resolved.labels) labels.set(id, label)
    input = resolved
  }
  return (await command.run(context, input as never)) ?? exitCodes.ok
}

const isHelpFlag = (arg: string) => arg === '--help' || arg === '-h'

function print(io: Io, text: string, code: number = exitCodes.ok): number {
  io.stdout.write(text)
  return code
}

type Parts = Omit<Running, 'isHelp'> & { labels: ReadonlyMap<string, string> }

/** `at` receives the URL of the server, for error messages. */
function contextOf(given: GlobalFlags, { io, signal, at, labels }: Parts): Context {
  const mode: Mode = given.json ? 'json' : given.quiet ? 'quiet' : 'text'
  let profile: ProfileInUse | undefined
  let outlast: Context['outlast'] | undefined
  return {
    io,
    signal,
    given,
    out: createOutput(io, { mode, noColor: given['no-color'] === true }),
    labelOf: (id) => (labels.has(id) ? `${labels.get(id)} (${id})` : id),
    get profile() {
      profile ??= profileOf(io, given)
      at.url = profile.url
      return profile
    },
    get url() {
      return this.profile.url
    },
    get outlast() {
      outlast ??= clientOf(this.profile, given.reason)
      return outlast
    },
  }
}
