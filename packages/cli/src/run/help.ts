import { nouns } from '../commands/index.ts'
import type { Command, Noun } from '../core/command.ts'
import type { Flag, Flags } from '../core/flags.ts'
import { globalFlags } from '../core/flags.ts'
import { aliasesOf } from '../core/verbs.ts'
import { aligned, indent } from '../output/aligned.ts'
import { wrap } from '../output/width.ts'

/** Formats a flag with its letter and the placeholder of its value. */
export function flagForm(name: string, { short, value, type, multiple }: Flag): string {
  const letter = short ? `-${short}, ` : ''
  return `${letter}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}${multiple ? ' …' : ''}`
}

/** Describes a flag and its choices. */
export const flagAbout = ({ about, choices, isNeeded }: Flag) =>
  `${about}${choices ? `: ${choices.join(', ')}` : ''}${isNeeded ? ' (required)' : ''}`

const flagRows = (flags: Flags): [string, string][] =>
  Object.entries(flags).map(([name, flag]) => [flagForm(name, flag), flagAbout(flag)])

/** Commands of other packages that the help lists. */
export type Extra = Record<string, string>

const globalRows = (most: number) => [
  ...wrap('Global flags:', most),
  ...aligned(flagRows(globalFlags), most),
]

export function generalHelp(extra: Extra, most: number): string {
  const rows = Object.entries(nouns).map(([name, { summary }]): [string, string] => [name, summary])
  return textOf([
    ...wrap('Durable sessions for AI agents: chat with agents and manage their server.', most),
    '',
    ...wrap('outlast COMMAND [VERB] [ARGUMENTS] [FLAGS]', most),
    '',
    ...aligned([...Object.entries(extra), ...rows], most),
    '',
    ...globalRows(most),
    '',
    ...wrap(
      'An argument such as <agent> is an id, the beginning of an id, or a name. Sessions are found by id only.',
      most,
    ),
    '',
    ...wrap(
      '`outlast COMMAND --help` describes a command. `outlast --version` prints the version.',
      most,
    ),
  ])
}

export function nounHelp(name: string, noun: Noun, most: number): string {
  const verbs = Object.entries(noun).map(([verb, { summary, positionals }]): [string, string] => [
    ['outlast', name, verb, ...positionals].filter((word) => word !== '').join(' '),
    summary,
  ])
  const others = Object.entries(noun).flatMap(([verb, command]) => {
    const aliases = aliasesOf(verb, command)
    return aliases.length === 0 ? [] : [`${aliases.join(', ')} = ${verb === '' ? name : verb}`]
  })
  const notes = others.length === 0 ? [] : ['', ...wrap(`Aliases: ${others.join('; ')}.`, most)]
  return textOf([...aligned(verbs, most), ...notes])
}

/** Wraps a line. Indented lines are examples and keep their form. */
const wrapped = (line: string, most: number) =>
  line.startsWith(indent) ? [line] : wrap(line, most)

export function commandHelp(name: string, command: Command, most: number): string {
  const { summary, positionals, flags, more } = command
  const own = flagRows(flags)
  const [noun, verb = ''] = name.split(' ')
  const aliases = aliasesOf(verb, command).map((alias) => `\`outlast ${noun} ${alias}\``)
  return textOf([
    ...wrap(`outlast ${[name, ...positionals].join(' ')}: ${summary}`, most),
    ...(more ? ['', ...more.split('\n').flatMap((line) => wrapped(line, most))] : []),
    ...(aliases.length > 0 ? ['', ...wrap(`Also: ${aliases.join(', ')}.`, most)] : []),
    ...(own.length > 0 ? ['', ...aligned(own, most)] : []),
    '',
    ...globalRows(most),
  ])
}

const textOf = (lines: readonly string[]) => `${lines.join('\n')}\n`
