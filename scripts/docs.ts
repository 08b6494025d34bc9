/** Writes the pages of `docs/` that are made from code: `npm run docs`. A test compares them. */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { builtins } from '../apps/server/src/capabilities/index.ts'
import { settings } from '../apps/server/src/config/settings.ts'

import { catalogue } from '../apps/server/src/errors.ts'
import { failureKinds } from '../apps/server/src/providers/failure.ts'
import { sentences } from '../apps/server/src/runtime/turn.ts'
import { nouns } from '../packages/cli/src/commands/index.ts'
import type { Command } from '../packages/cli/src/core/command.ts'
import type { Flags } from '../packages/cli/src/core/flags.ts'
import { globalFlags } from '../packages/cli/src/core/flags.ts'
import { flagAbout, flagForm } from '../packages/cli/src/core/help.ts'
import { eventData, liveEventTypes } from '../packages/contract/src/index.ts'
import { noticesPage } from './notices.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const note = '<!-- Made by `npm run docs`: change the code, not this page. -->'

/** Every generated page: its path from the root and its text. */
export async function generatedPages(): Promise<Record<string, string>> {
  return {
    'docs/settings.md': settingsPage(),
    'docs/errors.md': errorsPage(),
    'docs/events.md': eventsPage(),
    'docs/capabilities-reference.md': capabilitiesPage(),
    'docs/cli-reference.md': await commandsPage(),
    'THIRD_PARTY_NOTICES.txt': noticesPage(),
  }
}

function table(heads: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), `|${heads.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

const page = (title: string, ...parts: string[]) =>
  `${[`# ${title}`, note, ...parts].join('\n\n')}\n`

const code = (text: string) => `\`${text}\``

function settingsPage() {
  const rows = Object.entries(settings).map(([name, { shown, about }]) => [
    code(name),
    shown === '' ? 'unset' : code(shown),
    about,
  ])
  return page(
    'Settings',
    'Environment variables, read once at the start. A value that cannot be used stops the start with one line that\nnames the setting. An empty variable counts as unset.',
    table(['Setting', 'Default', 'What it is for'], rows),
  )
}

function errorsPage() {
  const rows = Object.entries(catalogue).map(([name, [status, sentence]]) => [
    code(name),
    String(status),
    sentence.replace('%s', '…'),
  ])
  return page(
    'Errors',
    'Every answer from 400 on is `{"error": "<sentence>", "code": "<code>"}`. A request that breaks rules at certain places has\n`details` as well: a list of `{"path", "message"}`. Programs should look at `code`: sentences may change.',
    table(['Code', 'Status', 'Sentence'], rows),
    '## How turns fail',
    '`turn.failed` has one of these as `error_code`, and its sentence as `error`. See [model calls](model-calls.md).',
    table(['Code', 'Asked again', 'Sentence'], turnRows()),
  )
}

function turnRows() {
  const passing = new Set<string>(
    Object.values(failureKinds).flatMap(({ code, passing }) => (passing ? [code] : [])),
  )
  return Object.entries(sentences).map(([name, sentence]) => [
    code(name),
    passing.has(name) ? 'yes' : '',
    sentence,
  ])
}

type Schema = {
  title?: string
  description?: string
  default?: unknown
  type?: string
  enum?: string[]
  anyOf?: Schema[]
  items?: Schema
  required?: string[]
  properties?: Record<string, Schema>
}

/** A field's type as TypeScript would have it. */
function typeOf(schema: Schema): string {
  const { title, type, anyOf, items } = schema
  if (title) return title
  if (anyOf) return anyOf.map(typeOf).join(' | ')
  if (schema.enum) return schema.enum.map((value) => `"${value}"`).join(' | ')
  if (type === 'array') return `${typeOf(items!).replace(/^.* \| .*$/, '($&)')}[]`
  return { integer: 'number', undefined: 'unknown' }[String(type)] ?? type!
}

function fieldsOf({ properties = {}, required = [] }: Schema): string {
  return Object.entries(properties)
    .map(([name, schema]) => `${name}${required.includes(name) ? '' : '?'}: ${typeOf(schema)}`)
    .map(code)
    .join(', ')
}

/** What the source says above each event type. */
function eventComments(): Map<string, string> {
  const source = readFileSync(path.join(root, 'packages/contract/src/event.ts'), 'utf8')
  const comments = source.matchAll(/^ {2}\/\*\*((?:(?!\*\/).)*)\*\/\n {2}'([\w.]+)':/gms)
  return new Map(
    [...comments].map(([, comment, type]) => [
      type!,
      comment!.replace(/\s*\n\s*\*?\s*/g, ' ').trim(),
    ]),
  )
}

function eventsPage() {
  const comments = eventComments()
  const rows = Object.entries(eventData).map(([type, schema]) => {
    const comment = comments.get(type)
    if (!comment) throw new Error(`packages/contract/src/event.ts says nothing about ${type}`)
    return [code(type), comment, fieldsOf(schema as Schema)]
  })
  return page(
    'Events',
    `What a session's stream and \`GET /v1/sessions/{session_id}/events\` tell. All but ${liveEventTypes.map(code).join(' and ')} \nare stored and numbered by \`sequence\` from 1, without gaps. \`?\` marks a field that may be absent; types with a name are in\nthe OpenAPI document at \`/docs\`.`,
    table(['Type', 'When', 'Data'], rows),
  )
}

const replayWords = { safe: 'yes', until_changed: 'if it changed nothing', unsafe: '' }

function capabilitiesPage() {
  const parts = builtins.flatMap(({ id, description, dependencies, config, tools }) => {
    const needs =
      dependencies.length > 0 ? ` Brings ${dependencies.map(code).join(', ')} along.` : ''
    const fields = Object.entries((config as Schema).properties ?? {}).map(([name, schema]) => [
      code(name),
      code(typeOf(schema)),
      schema.default === undefined ? '' : code(JSON.stringify(schema.default)),
      schema.description ?? '',
    ])
    const rows = tools({}).map(({ name, description, input, replay }) => [
      code(name),
      description,
      fieldsOf(input as Schema),
      replayWords[replay],
    ])
    return [
      `## ${code(id)}\n\n${description}${needs}`,
      ...(fields.length > 0
        ? [table(['Config', 'Type', 'Default', 'What it is for'], fields)]
        : []),
      ...(rows.length > 0 ? [table(['Tool', 'What it does', 'Arguments', 'Replay'], rows)] : []),
    ]
  })
  return page(
    'Capabilities: config, tools, arguments',
    'What comes with the server; [capabilities](capabilities.md) tells of results and limits. `?` marks what may be absent. Tools are those\nof an empty config. *Replay*: whether a call\nthat a crash interrupted runs again; else the model is told that it was interrupted.',
    ...parts,
  )
}

const flagTable = (flags: Flags) =>
  table(
    ['Flag', 'What it is for'],
    Object.entries(flags).map(([name, flag]) => [code(flagForm(name, flag)), flagAbout(flag)]),
  )

const sentence = (text: string) => `${text.replace(/^./, (letter) => letter.toUpperCase())}.`

function commandPart(name: string, { summary, more, positionals, flags }: Command): string[] {
  return [
    `### ${code(['outlast', name, ...positionals].join(' '))}`,
    sentence(summary),
    ...(more ? [['```text', more, '```'].join('\n')] : []),
    ...(Object.keys(flags).length > 0 ? [flagTable(flags)] : []),
  ]
}

async function commandsPage() {
  const parts: string[] = []
  for (const [name, { summary, load }] of Object.entries(nouns)) {
    parts.push(`## ${code(name)}`, sentence(summary))
    for (const [verb, command] of Object.entries(await load())) {
      parts.push(...commandPart(`${name} ${verb}`.trim(), command))
    }
  }
  return page(
    'Commands',
    'Every command of the program `outlast` that talks to a server, as its `--help` says. [The command line](cli.md) is where to begin.',
    '## Flags of every command',
    flagTable(globalFlags),
    ...parts,
  )
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(await generatedPages())) {
    writeFileSync(path.join(root, file), text)
    console.log(`wrote ${file}`)
  }
}
