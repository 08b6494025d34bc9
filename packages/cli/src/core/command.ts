import type { Outlast } from '@outlast/sdk'
import type { Output } from '../output/output.ts'
import type { Flag, Flags, GlobalFlags } from './flags.ts'
import type { Io } from './io.ts'
import type { ProfileInUse } from './profiles.ts'

/**
 * An argument after the command's name. `<name>` is required, `[name]` optional, `…` takes the
 * rest. The name of a resource, as in `<agent>` or `<agent…>`, accepts its id, a part of the id, or
 * its name.
 */
export type Positional = `<${string}>` | `[${string}]`

export type Given<F extends Flags> = {
  [K in keyof F]: F[K] extends { type: 'boolean' }
    ? boolean
    : F[K] extends { multiple: true }
      ? string[]
      : Value<F[K]> | (F[K] extends { isNeeded: true } ? never : undefined)
}

type Value<F extends Flag> = F extends { choices: readonly (infer C)[] } ? C : string

/** The surroundings of a running command. */
export type Context = {
  /**
   * Client of the chosen profile's server. The saved profiles are read on the first use of
   * `outlast`, `url` or `profile`, so that other commands work with a broken file.
   */
  readonly outlast: Outlast
  readonly url: string
  readonly profile: ProfileInUse
  /** Values of the global flags on the command line. */
  given: GlobalFlags
  out: Output
  io: Io
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
  /** Describes a resource of the command line: `Support (agent_<id>)` if named, else its id. */
  labelOf: (id: string) => string
}

/** One command. `run` resolves to the exit code; undefined means 0. */
export type Command<F extends Flags = Flags> = {
  summary: string
  /** Further lines of its help, such as an example. */
  more?: string
  /** Other names of the verb. The common ones (`ls`, `show`, `view`, `rm`) need no entry. */
  aliases?: readonly string[]
  positionals: readonly Positional[]
  flags: F
  run: (
    context: Context,
    input: { words: readonly string[]; flags: Given<F> },
  ) => Promise<number | undefined> | Promise<void>
}

export function defineCommand<const F extends Flags>(
  command: Omit<Command<F>, 'positionals' | 'flags'> & {
    positionals?: readonly Positional[]
    flags?: F
  },
): Command {
  return { positionals: [], flags: {}, ...command } as unknown as Command
}

/** A noun and its verbs. The verb `''` is the command of the noun alone. */
export type Noun = Record<string, Command>
