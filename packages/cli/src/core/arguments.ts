import { parseArgs } from 'node:util'
import type { Command } from './command.ts'
import { UsageError } from './failure.ts'
import { type Flags, type GlobalFlags, globalFlags } from './flags.ts'
import { didYouMean } from './suggest.ts'

type Values = Record<string, string | boolean | string[] | undefined>

export type Parsed = { words: string[]; flags: Values; global: GlobalFlags }

/** Parses the arguments and flags of a command. Contract: throws a UsageError with the cause. */
export function parse(
  args: readonly string[],
  { flags, positionals }: Pick<Command, 'flags' | 'positionals'>,
): Parsed {
  const options = { ...globalFlags, ...flags }
  const { values, positionals: words } = parsed(args, options)
  const given = Object.keys(flags).map((name) => [name, values[name] ?? absent(flags[name]!)])
  // A flag of the command, such as the reason of a decision, is not also the global one.
  const global = Object.keys(globalFlags)
    .filter((name) => !Object.hasOwn(flags, name))
    .map((name) => [name, values[name]])
  const result = { words, flags: Object.fromEntries(given), global: Object.fromEntries(global) }
  if (result.global.help) return result
  checkCount(words, positionals)
  for (const [name, flag] of Object.entries(flags)) checkValue(name, flag, result.flags[name])
  return result
}

const absent = ({ type, multiple }: Flags[string]) =>
  multiple ? [] : type === 'boolean' ? false : undefined

function parsed(args: readonly string[], options: Flags) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(sentenceOf(error as Error & { code?: string }, options))
  }
}

/** Rewrites Node's error for an invalid flag, without its advice for programmers. */
function sentenceOf({ code, message }: Error & { code?: string }, options: Flags): string {
  const name = /'(?:-\w, )?(--?[^'\s=]+)/.exec(message)?.[1] ?? ''
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const known = Object.keys(options).map((one) => `--${one}`)
    return `Unknown flag ${name}.${didYouMean(name, known)}`
  }
  const flag = options[name.replace(/^-+/, '')]
  if (flag?.type === 'boolean') return `${name} takes no value.`
  if (flag) return `${name} needs a value. Write a value that begins with a dash as ${name}=VALUE.`
  return message.split('\n')[0]!
}

function checkCount(words: readonly string[], positionals: Command['positionals']): void {
  const needed = positionals.filter((name) => name.startsWith('<'))
  const missing = needed.findIndex((_, at) => (words[at] ?? '') === '')
  if (missing >= 0) throw new UsageError(`${needed[missing]} is missing.`)
  const isOpen = positionals.at(-1)?.includes('…')
  if (words.length > positionals.length && !isOpen) {
    throw new UsageError(`Unexpected argument ${JSON.stringify(words[positionals.length])}.`)
  }
}

function checkValue(name: string, { isNeeded, choices }: Flags[string], value: Values[string]) {
  if (isNeeded && (value === undefined || value === '')) {
    throw new UsageError(`--${name} is missing.`)
  }
  if (!choices || value === undefined) return
  const wrong = [value].flat().find((one) => !choices.includes(String(one)))
  if (wrong !== undefined) {
    throw new UsageError(`--${name} cannot be ${wrong}. Use one of ${choices.join(', ')}.`)
  }
}
