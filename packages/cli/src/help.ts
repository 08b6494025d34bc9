import { globalFlags } from './arguments.ts'
import type { Command, Flags, Noun } from './command.ts'
import { nouns } from './commands/index.ts'
import { pad, widthOf } from './width.ts'

const indent = '  '

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => widthOf(name)))
  return rows.map(([name, about]) => `${indent}${pad(name, width)}${indent}${about}`)
}

function flagRows(flags: Flags): [string, string][] {
  return Object.entries(flags).map(([name, { short, value, type, multiple, about }]) => [
    `${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}${multiple ? ' …' : ''}`,
    about,
  ])
}

/** Commands that are not of this package and stand in its help. */
export type Extra = Record<string, string>

export function generalHelp(extra: Extra): string {
  const rows = Object.entries(nouns).map(([name, { summary }]): [string, string] => [name, summary])
  return [
    'Durable agent sessions: talk to agents, and see to the server they work on.',
    '',
    'outlast COMMAND [VERB] [WORDS] [FLAGS]',
    '',
    ...aligned([...Object.entries(extra), ...rows]),
    '',
    'Flags of every command:',
    ...aligned(flagRows(globalFlags)),
    '',
    '`outlast COMMAND --help` says more.',
    '',
  ].join('\n')
}

export function nounHelp(name: string, noun: Noun): string {
  const verbs = Object.entries(noun).map(([verb, { summary, positionals }]): [string, string] => [
    ['outlast', name, verb, ...positionals].filter((word) => word !== '').join(' '),
    summary,
  ])
  return [...aligned(verbs), ''].join('\n')
}

export function commandHelp(name: string, { summary, positionals, flags }: Command): string {
  const own = flagRows(flags)
  return [
    `outlast ${[name, ...positionals].join(' ')}: ${summary}`,
    ...(own.length > 0 ? ['', ...aligned(own)] : []),
    '',
    'Flags of every command:',
    ...aligned(flagRows(globalFlags)),
    '',
  ].join('\n')
}
