import type { Outlast } from '@outlast/sdk'
import type { Io } from './io.ts'
import type { Output } from './output.ts'
import type { Profile } from './profiles.ts'

export type Flag = {
  type: 'string' | 'boolean'
  /** One letter, for `-x`. */
  short?: string
  /** May be given more than once. */
  multiple?: boolean
  /** What stands for the value in the help. */
  value?: string
  about: string
}

export type Flags = Record<string, Flag>

/** A word after the command's name. `<name>` is needed, `[name]` is not, `…` takes all that are left. */
export type Positional = `<${string}>` | `[${string}]`

export type Given<F extends Flags> = {
  [K in keyof F]: F[K] extends { type: 'boolean' }
    ? boolean
    : F[K] extends { multiple: true }
      ? string[]
      : string | undefined
}

/** What a command works with. */
export type Context = {
  /** The server of the chosen profile; nothing is sent before it is used. */
  outlast: Outlast
  url: string
  profile: Profile
  out: Output
  io: Io
  /** Aborted by Ctrl-C. */
  signal: AbortSignal
}

/** One command. What `run` resolves to is the exit code; nothing: 0. */
export type Command<F extends Flags = Flags> = {
  summary: string
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
