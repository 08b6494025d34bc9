import { createOutput, type Mode } from '../output/output.ts'
import { parse } from './arguments.ts'
import { clientOf } from './client.ts'
import type { Context } from './command.ts'
import { exitCodeOf, exitCodes, Interrupted, sentencesOf } from './failure.ts'
import { find } from './find.ts'
import type { GlobalFlags } from './flags.ts'
import { commandHelp, type Extra, generalHelp, nounHelp } from './help.ts'
import { columnsOf, type Io } from './io.ts'
import { type Profile, profileOf } from './profiles.ts'

type Surroundings = { signal: AbortSignal; extra?: Extra }

/**
 * Runs one command line and says with which code the process should end.
 * `extra`: commands that whoever calls this runs by itself, for the help.
 * Contract: never throws; what went wrong stands on stderr.
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
      return await complete(args.slice(1), io, { signal, extra })
    }
    const isHelp = args[0] === 'help'
    const other = isHelp ? args[1] : undefined
    if (other && Object.hasOwn(extra, other)) return say(io, `outlast ${other}: ${extra[other]}\n`)
    const found = await find(isHelp ? args.slice(1) : args, Object.keys(extra))
    if (!found) return say(io, generalHelp(extra, columnsOf(io.stdout)))
    const { name, noun, command, rest } = found
    if (!command) {
      const code = isHelp || rest.some(isHelpFlag) ? exitCodes.ok : exitCodes.usage
      return say(io, nounHelp(name, noun, columnsOf(io.stdout)), code)
    }
    const { words, flags, global } = parse(isHelp ? ['--help'] : rest, command)
    if (global.help) return say(io, commandHelp(name, command, columnsOf(io.stdout)))
    const context = contextOf(global, { io, signal, at })
    return (await command.run(context, { words, flags: flags as never })) ?? exitCodes.ok
  } catch (error) {
    if (signal.aborted || error instanceof Interrupted) return exitCodes.interrupted
    for (const [index, text] of sentencesOf(error, at.url).entries()) {
      io.stderr.write(`${index === 0 ? 'outlast: ' : ''}${text}\n`)
    }
    return exitCodeOf(error)
  }
}

const isHelpFlag = (arg: string) => arg === '--help' || arg === '-h'

function say(io: Io, text: string, code: number = exitCodes.ok): number {
  io.stdout.write(text)
  return code
}

/** `at` is told the server's address, for what is said of a failure. */
function contextOf(
  given: GlobalFlags,
  { io, signal, at }: { io: Io; signal: AbortSignal; at: { url: string } },
): Context {
  const mode: Mode = given.json ? 'json' : given.quiet ? 'quiet' : 'text'
  let profile: Profile | undefined
  let outlast: Context['outlast'] | undefined
  return {
    io,
    signal,
    given,
    out: createOutput(io, { mode, noColor: given['no-color'] === true }),
    get profile() {
      profile ??= profileOf(io, given)
      at.url = profile.url
      return profile
    },
    get url() {
      return this.profile.url
    },
    get outlast() {
      outlast ??= clientOf(this.profile)
      return outlast
    },
  }
}
