import { nouns } from '../commands/index.ts'
import type { Command, Noun } from './command.ts'
import { UsageError } from './failure.ts'
import { globalFlags } from './flags.ts'
import { didYouMean } from './suggest.ts'

/** A command and what stands around it; without `command` only its noun was said. */
export type FoundCommand = {
  name: string
  noun: Noun
  command: Command | undefined
  rest: string[]
}

/**
 * The command that is meant; nothing when no noun is. Global flags may stand before it.
 * `others`: commands that are not of this package.
 * Contract: throws a UsageError for a noun or a verb that there is not.
 */
export async function find(
  args: readonly string[],
  others: readonly string[] = [],
): Promise<FoundCommand | undefined> {
  const [first, second] = wordsOf(args)
  if (first === undefined) return undefined
  const name = args[first]!
  const noun = await nounOf(name, others)
  const verb = second !== undefined && Object.hasOwn(noun, args[second]!) ? args[second]! : ''
  const command = Object.hasOwn(noun, verb) ? noun[verb] : undefined
  if (!command && second !== undefined) throw noVerb(name, args[second]!, Object.keys(noun))
  const used = new Set(verb === '' ? [first] : [first, second])
  const rest = args.filter((_, at) => !used.has(at))
  return { name: verb === '' ? name : `${name} ${verb}`, noun, command, rest }
}

async function nounOf(name: string, others: readonly string[]): Promise<Noun> {
  const entry = Object.hasOwn(nouns, name) ? nouns[name] : undefined
  if (entry) return entry.load()
  if (others.includes(name)) throw new UsageError(`${name} must be the first word.`)
  const advice = didYouMean(name, [...Object.keys(nouns), ...others])
  throw new UsageError(`There is no command ${name}.${advice} \`outlast --help\` lists them.`)
}

function noVerb(name: string, verb: string, verbs: readonly string[]): UsageError {
  const advice = didYouMean(verb, verbs, `${name} `)
  return new UsageError(`${name} has no ${verb}.${advice} It has ${verbs.join(', ')}.`)
}

/** Where the words stand that are no flags and no values of global flags. */
export function wordsOf(args: readonly string[]): number[] {
  const words: number[] = []
  for (let at = 0; at < args.length && args[at] !== '--'; at += 1) {
    const arg = args[at]!
    if (!arg.startsWith('-') || arg === '-') words.push(at)
    else if (takesValue(arg.slice(2))) at += 1
  }
  return words
}

const takesValue = (name: string) =>
  (globalFlags as Record<string, { type: string }>)[name]?.type === 'string'
