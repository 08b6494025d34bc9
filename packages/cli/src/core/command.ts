import type { Outlast } from '@outlast/sdk'
import type { Output } from '../output/output.ts'
import type { Flag, Flags, GlobalFlags } from './flags.ts'
import type { Io } from './io.ts'
import type { Profile } from './profiles.ts'

/** A word after the command's name. `<name>` is required, `[name]` optional, `…` takes the rest. */
export type Positional = `<${string}>` | `[${string}]`

export type Given<F extends Flags> = {
  [K in keyof F]: F[K] extends { type: 'boolean' }
    ? boolean
    : F[K] extends { multiple: true }
      ? string[]
      : Value<F[K]> | (F[K] extends { isNeeded: true } ? never : undefined)
}

type Value<F extends Flag> = F extends { choices: readonly (infer C)[] } ? C : string

/** What a command works with. */
export type Context = {
  /**
   * The server of the chosen profile; nothing is sent before it is used. The saved profiles are
   * read when one of these three is looked at, so that commands which need none work whatever is in
   * that file.
   */
  readonly outlast: Outlast
  readonly url: string
  readonly profile: Profile
  /** The flags that every command has, as they were given. */
  given: GlobalFlags
  out: Output
  io: Io
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

/** One command. What `run` resolves to is the exit code; nothing: 0. */
export type Command<F extends Flags = Flags> = {
  summary: string
  /** What its help says besides: lines, such as an example. */
  more?: string
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

/** A noun and its verbs; the verb `''` is what the noun does alone. */
export type Noun = Record<string, Command>
