import { nouns } from '../commands/index.ts'
import type { Command, Noun } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { globalFlags } from '../core/flags.ts'
import { nearest } from '../core/suggest.ts'
import { allVerbs, verbForSynonym, verbNamed } from '../core/verbs.ts'

/** A command with its noun and arguments. `command` is undefined if only the noun was given. */
export type FoundCommand = {
  name: string
  noun: Noun
  command: Command | undefined
  rest: string[]
}

/**
 * Finds the command of a command line. Undefined if there is no noun. Global flags may precede it.
 * `others`: commands of other packages.
 * Contract: throws a UsageError for an unknown noun or verb.
 */
export async function find(
  args: readonly string[],
  others: readonly string[] = [],
): Promise<FoundCommand | undefined> {
  const [first, second] = wordsOf(args)
  if (first === undefined) return undefined
  const name = args[first]!
  const word = second === undefined ? '' : args[second]!
  const noun = await nounOf(name, { verb: word, others })
  const found = word === '' ? undefined : verbNamed(noun, word)
  const verb = found ?? ''
  const command = Object.hasOwn(noun, verb) ? noun[verb] : undefined
  if (!command && second !== undefined) throw unknownVerb(name, word, noun)
  const used = new Set(found === undefined ? [first] : [first, second])
  const rest = args.filter((_, at) => !used.has(at))
  return { name: verb === '' ? name : `${name} ${verb}`, noun, command, rest }
}

type Surroundings = { verb: string; others: readonly string[] }

async function nounOf(name: string, { verb, others }: Surroundings): Promise<Noun> {
  const entry = Object.hasOwn(nouns, name) ? nouns[name] : undefined
  if (entry) return entry.load()
  if (others.includes(name)) throw new UsageError(`\`${name}\` must be the first word.`)
  const advice = await adviceFor(name, { verb, others })
  throw new UsageError(`Unknown command \`${name}\`.${advice} \`outlast --help\` lists commands.`)
}

/** Suggests the nearest noun, or the two words in the other order. */
async function adviceFor(name: string, { verb, others }: Surroundings): Promise<string> {
  const isSwapped = Object.hasOwn(nouns, verb) && verbNamed(await nouns[verb]!.load(), name)
  if (isSwapped) return suggestion(`${verb} ${name}`)
  const noun = nearest(name, [...Object.keys(nouns), ...others])
  const loaded = noun && Object.hasOwn(nouns, noun) ? await nouns[noun]!.load() : {}
  return suggestion(noun && verbNamed(loaded, verb) ? `${noun} ${verb}` : noun)
}

const suggestion = (found: string | undefined) =>
  found === undefined ? '' : ` Did you mean \`${found}\`?`

function unknownVerb(name: string, word: string, noun: Noun): UsageError {
  const verb = nearest(word, allVerbs(noun)) ?? verbForSynonym(noun, word)
  const advice = suggestion(verb && `${name} ${verb}`)
  const verbs = Object.keys(noun).join(', ')
  return new UsageError(`Unknown command \`${name} ${word}\`.${advice} Verbs of ${name}: ${verbs}.`)
}

/** Positions of the arguments that are neither flags nor values of global flags. */
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
