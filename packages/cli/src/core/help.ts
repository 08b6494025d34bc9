import { nouns } from '../commands/index.ts'
import { pad, widthOf, wrap } from '../output/width.ts'
import type { Command, Noun } from './command.ts'
import type { Flag, Flags } from './flags.ts'
import { globalFlags } from './flags.ts'

const indent = '  '
/** What an explanation should have beside its name; on less it stands below. */
const aboutMin = 24

function aligned(rows: readonly (readonly [string, string])[], most: number): string[] {
  const width = Math.max(0, ...rows.map(([name]) => widthOf(name)))
  const left = most - width - 2 * indent.length
  if (left < aboutMin) {
    return rows.flatMap(([name, about]) => [
      indent + name,
      ...wrap(about, most - 2 * indent.length).map((line) => indent + indent + line),
    ])
  }
  return rows.flatMap(([name, about]) =>
    wrap(about, left).map(
      (line, at) => `${indent}${pad(at === 0 ? name : '', width)}${indent}${line}`,
    ),
  )
}

/** A flag as it is written, with what stands for its value. */
export function flagForm(name: string, { short, value, type, multiple }: Flag): string {
  const letter = short ? `-${short}, ` : ''
  return `${letter}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}${multiple ? ' …' : ''}`
}

/** What a flag is for, with its choices. */
export const flagAbout = ({ about, choices, isNeeded }: Flag) =>
  `${about}${choices ? `: ${choices.join(', ')}` : ''}${isNeeded ? ' (needed)' : ''}`

const flagRows = (flags: Flags): [string, string][] =>
  Object.entries(flags).map(([name, flag]) => [flagForm(name, flag), flagAbout(flag)])

/** Commands that are not of this package and stand in its help. */
export type Extra = Record<string, string>

const globalRows = (most: number) => [
  ...wrap('Flags of every command:', most),
  ...aligned(flagRows(globalFlags), most),
]

export function generalHelp(extra: Extra, most: number): string {
  const rows = Object.entries(nouns).map(([name, { summary }]): [string, string] => [name, summary])
  return textOf([
    ...wrap('Durable agent sessions: talk to agents, and see to the server they work on.', most),
    '',
    ...wrap('outlast COMMAND [VERB] [WORDS] [FLAGS]', most),
    '',
    ...aligned([...Object.entries(extra), ...rows], most),
    '',
    ...globalRows(most),
    '',
    ...wrap('`outlast COMMAND --help` says more, `outlast --version` which version this is.', most),
  ])
}

export function nounHelp(name: string, noun: Noun, most: number): string {
  const verbs = Object.entries(noun).map(([verb, { summary, positionals }]): [string, string] => [
    ['outlast', name, verb, ...positionals].filter((word) => word !== '').join(' '),
    summary,
  ])
  return textOf(aligned(verbs, most))
}

/** An example, which is indented, stays as it is. */
const wrapped = (line: string, most: number) =>
  line.startsWith(indent) ? [line] : wrap(line, most)

export function commandHelp(name: string, command: Command, most: number): string {
  const { summary, positionals, flags, more } = command
  const own = flagRows(flags)
  return textOf([
    ...wrap(`outlast ${[name, ...positionals].join(' ')}: ${summary}`, most),
    ...(more ? ['', ...more.split('\n').flatMap((line) => wrapped(line, most))] : []),
    ...(own.length > 0 ? ['', ...aligned(own, most)] : []),
    '',
    ...globalRows(most),
  ])
}

const textOf = (lines: readonly string[]) => `${lines.join('\n')}\n`
