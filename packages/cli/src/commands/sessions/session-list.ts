import type { Session, SessionQuery } from '@outlast/sdk'
import { defineCommand, type Given } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import type { Flags } from '../../core/flags.ts'
import { given } from '../../input/change.ts'
import { listFlags, take } from '../../input/list.ts'
import { ago } from '../../output/time.ts'

const waitsFor = {
  tool_results: 'waiting for the client',
  approval: 'waiting for approval',
  input: 'waiting for answers',
  budget: 'waiting for a budget',
}

export function stateOf({ status, waiting_for, last_turn }: Session): string {
  if (waiting_for) return waitsFor[waiting_for.type] ?? 'waiting'
  return last_turn?.status === 'failed' ? 'failed' : status
}

/** Filters by the words of `--status`, which are those that lists show. */
const byState = {
  started: { status: 'started' },
  active: { status: 'active' },
  idle: { status: 'idle' },
  waiting: { waiting: true },
  failed: { outcome: 'failed' },
} as const satisfies Record<string, SessionQuery>

const filters = {
  agent: { type: 'string', short: 'a', value: 'AGENT', about: 'agent (id or name)' },
  status: {
    type: 'string',
    choices: Object.keys(byState) as (keyof typeof byState)[],
    value: 'STATUS',
    about: 'status',
  },
  user: { type: 'string', value: 'USER', about: 'end user of your product' },
  model: { type: 'string', short: 'm', value: 'MODEL', about: 'model (id or name)' },
  'cost-above': { type: 'string', value: 'DOLLARS', about: 'sessions that cost more, as in 0.5' },
  since: { type: 'string', value: 'TIME', about: 'created from, as in 2026-01-31T00:00:00Z' },
  until: { type: 'string', value: 'TIME', about: 'created before' },
  key: { type: 'string', value: 'TEXT', about: 'key' },
  tag: { type: 'string', short: 't', value: 'TAG', about: 'tag' },
  fork: { type: 'string', value: 'SESSION', about: 'forks of this session' },
  words: {
    type: 'string',
    short: 'w',
    value: 'WORDS',
    about: 'words in titles, messages and replies',
  },
  search: { type: 'string', short: 's', value: 'TEXT', about: 'text in the title or preview' },
  feedback: {
    type: 'string',
    choices: ['up', 'down', 'any'],
    value: 'RATING',
    about: 'sessions with such a rating',
  },
  held: { type: 'boolean', about: 'sessions under a legal hold' },
  pinned: { type: 'boolean', about: 'sessions that you have pinned' },
  sort: {
    type: 'string',
    choices: ['created_at', 'last_activity', 'cost'],
    value: 'FIELD',
    about: 'order (created_at)',
  },
  order: { type: 'string', choices: ['desc', 'asc'], value: 'ORDER', about: 'order (desc)' },
} as const satisfies Flags

function queryOf(flags: Given<typeof filters>): SessionQuery {
  const { agent, status, user, model, since, until, key, tag } = flags
  return {
    ...given({ agent_id: agent, model_id: model, user, since, until, key, tag }),
    ...given({ forked_from: flags.fork, q: flags.words, search: flags.search }),
    ...given({ sort: flags.sort, order: flags.order, feedback: flags.feedback }),
    ...(flags['cost-above'] !== undefined && { cost_above: dollarsOf(flags['cost-above']) }),
    ...(status && byState[status]),
    ...(flags.held && { legal_hold: true }),
    ...(flags.pinned && { pinned: true }),
  }
}

function dollarsOf(text: string): number {
  const dollars = Number(text)
  if (text.trim() === '' || !(dollars >= 0)) {
    throw new UsageError('--cost-above needs a number of dollars, as in 0.5.')
  }
  return dollars
}

const titleOf = ({ title, preview }: Session) => title ?? preview

const snippetOf = ({ match }: Session) => match?.snippet.map(({ text }) => text).join('')

export const list = defineCommand({
  summary: 'list and search sessions, the newest first',
  more: `Words: "two words" in quotes follow each other, refun* is the beginning of a word.`,
  flags: { ...listFlags, ...filters },
  async run({ outlast, out, signal }, { flags }) {
    const query = queryOf(flags)
    await out.list(
      take((page) => outlast.sessions.list({ ...query, ...page }, { signal }), flags),
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'TITLE', value: titleOf, isFlexible: true },
        ...(query.q === undefined
          ? []
          : [{ title: 'FOUND', value: snippetOf, isFlexible: true } as const]),
        { title: 'STATUS', value: stateOf },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'No sessions match. `outlast chat` starts one.' },
    )
  },
})
