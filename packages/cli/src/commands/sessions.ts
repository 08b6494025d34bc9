import type { NewSession, Session } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../core/command.ts'
import type { Flags } from '../core/flags.ts'
import { capabilityFlag, listIfGiven, usesOf } from '../input/capability-flags.ts'
import { changeOf, given } from '../input/change.ts'
import { deletion } from '../input/deletion.ts'
import { countIfGiven, listFlags, take } from '../output/list.ts'
import { showPreview } from '../output/preview.ts'
import { saveStream } from '../output/save.ts'
import { ago, moment } from '../output/time.ts'
import { usageText } from '../output/usage.ts'

const waitsFor = { tool_results: 'waits for the client', approval: 'waits for approval' }

const stateOf = ({ status, waiting_for }: Session) =>
  waiting_for ? (waitsFor[waiting_for.type] ?? 'waits') : status

const titleOf = ({ title, preview }: Session) => title ?? preview

const list = defineCommand({
  summary: 'sessions, the newest first',
  flags: {
    ...listFlags,
    agent: { type: 'string', short: 'a', value: 'AGENT', about: 'of this agent' },
    status: {
      type: 'string',
      choices: ['started', 'active', 'idle'],
      value: 'STATUS',
      about: 'in this state',
    },
    tag: { type: 'string', short: 't', value: 'TAG', about: 'with this tag' },
    search: { type: 'string', short: 's', value: 'TEXT', about: 'with this in title or preview' },
    held: { type: 'boolean', about: 'under a legal hold' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const { agent, status, tag, search, held } = flags
    const query = { agent_id: agent, status, tag, search, ...(held && { legal_hold: true }) }
    const rows = take((page) => outlast.sessions.list({ ...query, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'TITLE', value: titleOf, isFlexible: true },
        { title: 'STATUS', value: stateOf },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'There is no session here. `outlast chat` starts one.' },
    )
  },
})

async function show({ out }: Context, session: Session): Promise<void> {
  const { forked_from } = session
  await out.item(session, {
    ID: session.id,
    Title: session.title,
    Agent: session.agent_id,
    Status: stateOf(session),
    Model: session.model_id ?? 'the default one',
    Capabilities: () => session.capabilities?.map(({ ref }) => ref).join(', '),
    Tags: () => session.tags?.join(', '),
    'First message': session.preview,
    'Latest reply': session.output_preview,
    'Copy of': forked_from && `${forked_from.session_id} up to ${forked_from.sequence}`,
    'Legal hold': session.legal_hold ? 'yes' : undefined,
    Used: usageText(session.usage),
    Created: moment(session.created_at),
    Started: moment(session.started_at),
    Finished: moment(session.finished_at),
  })
}

const get = defineCommand({
  summary: 'one session',
  positionals: ['<session>'],
  async run(context, { words }) {
    const { outlast, signal } = context
    await show(context, await outlast.sessions.get(words[0]!, { signal }))
  },
})

const namingFlags = {
  title: { type: 'string', value: 'TEXT', about: 'its title' },
  tag: { type: 'string', short: 't', multiple: true, value: 'TAG', about: 'a tag' },
} as const satisfies Flags

const modelFlag = {
  model: { type: 'string', short: 'm', value: 'MODEL', about: 'the model of its turns' },
} as const satisfies Flags

const create = defineCommand({
  summary: 'starts a session; `outlast messages send` says something there',
  flags: {
    agent: { type: 'string', short: 'a', value: 'AGENT', isNeeded: true, about: 'with whom' },
    ...namingFlags,
    ...modelFlag,
    ...capabilityFlag,
  },
  async run({ outlast, out, signal }, { flags }) {
    const body: NewSession = {
      agent_id: flags.agent,
      title: flags.title,
      model_id: flags.model,
      tags: listIfGiven(flags.tag),
      capabilities: usesOf(flags.capability),
    }
    const session = await outlast.sessions.create(body, { signal })
    await out.done(session, `Created session ${session.id}.`)
  },
})

const update = defineCommand({
  summary: 'changes title or tags',
  positionals: ['<session>'],
  flags: namingFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const change = changeOf(given({ title: flags.title, tags: listIfGiven(flags.tag) }))
    const session = await outlast.sessions.update(words[0]!, change, { signal })
    await out.done(session, `Changed session ${session.id}.`)
  },
})

/** Places a legal hold on a session, or releases it. */
const holding = (legal_hold: boolean, summary: string, sentence: string) =>
  defineCommand({
    summary,
    positionals: ['<session>'],
    async run({ outlast, out, signal }, { words }) {
      const session = await outlast.sessions.update(words[0]!, { legal_hold }, { signal })
      await out.done(session, `${sentence} session ${session.id}.`)
    },
  })

const fork = defineCommand({
  summary: 'makes a copy, whole or up to an event',
  positionals: ['<session>'],
  flags: {
    at: { type: 'string', value: 'SEQUENCE', about: 'the number of the last event to copy' },
    event: { type: 'string', value: 'EVENT', about: 'the id of that event instead' },
    ...namingFlags,
    ...modelFlag,
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const body = {
      at_sequence: countIfGiven(flags.at, '--at'),
      event_id: flags.event,
      title: flags.title,
      model_id: flags.model,
      tags: listIfGiven(flags.tag),
    }
    const session = await outlast.sessions.fork(words[0]!, body, { signal })
    await out.done(session, `Created session ${session.id}, a copy of ${words[0]}.`)
  },
})

const exportSession = defineCommand({
  summary: 'everything of a session as JSON lines, to a file or stdout',
  positionals: ['<session>'],
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', about: 'where to; else stdout' },
    'with-files': { type: 'boolean', about: 'with what is in its files' },
  },
  async run(context, { words, flags }) {
    const { outlast, signal } = context
    const query = flags['with-files'] ? { files: 'content' as const } : {}
    const parts = await outlast.sessions.export(words[0]!, query, { signal })
    await saveStream(context, parts, flags.output)
  },
})

const cancel = defineCommand({
  summary: 'ends the turn that runs',
  positionals: ['<session>'],
  async run({ outlast, out, signal }, { words }) {
    const id = words[0]!
    const answer = await outlast.sessions.cancelTurn(id, { signal })
    const isIdle = answer.status === 'no_op'
    await out.done({ id, ...answer }, isIdle ? 'No turn runs.' : `Cancelled the turn of ${id}.`)
  },
})

const why = defineCommand({
  summary: 'what a session does or waits for, in one sentence',
  positionals: ['<session>'],
  async run({ outlast, out, signal }, { words }) {
    const answer = await outlast.sessions.explain(words[0]!, { signal })
    await out.done({ ...answer, id: answer.session_id }, answer.sentence ?? '-')
  },
})

const preview = defineCommand({
  summary: 'what the model would be given at the next turn',
  positionals: ['<session>'],
  async run({ outlast, out, signal }, { words }) {
    await showPreview(out, await outlast.sessions.preview(words[0]!, { signal }))
  },
})

/** Decides on a call that waits for that. */
const decision = (decision: 'approve' | 'deny', summary: string, sentence: string) =>
  defineCommand({
    summary,
    more: '`outlast sessions get SESSION --json` names the calls that wait, in waiting_for.',
    positionals: ['<session>', '<call>'],
    flags: { reason: { type: 'string', value: 'TEXT', about: 'why; the model is told' } },
    async run({ outlast, out, signal }, { words, flags }) {
      const [id, call] = words as [string, string]
      const body = { decision, ...given({ reason: flags.reason }) }
      const answer = await outlast.sessions.decideToolCall(id, call, body, { signal })
      await out.done({ id, ...answer }, `${sentence} ${call}.`)
    },
  })

const token = defineCommand({
  summary: 'makes a token that reaches this session only, for a browser',
  positionals: ['<session>'],
  flags: {
    access: {
      type: 'string',
      choices: ['read', 'write'],
      value: 'ACCESS',
      about: 'what it may do',
    },
    'expires-in': { type: 'string', value: 'SECONDS', about: 'how long it works' },
    model: { type: 'string', multiple: true, value: 'MODEL', about: 'a model it may choose (id)' },
    'tool-result': {
      type: 'string',
      multiple: true,
      value: 'TOOL',
      about: 'a client tool whose calls it may answer',
    },
    view: {
      type: 'string',
      choices: ['chat', 'full'],
      value: 'VIEW',
      about: 'chat, or full: also arguments and results of tools',
    },
    files: {
      type: 'string',
      choices: ['none', 'read', 'write'],
      value: 'FILES',
      about: 'what it may do with files (none)',
    },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const expires_in = countIfGiven(flags['expires-in'], '--expires-in')
    const { access, model: models, 'tool-result': tool_results, view, files } = flags
    const body = { access, expires_in, models, tool_results, view, files }
    const made = await outlast.sessions.createToken(words[0]!, body, { signal })
    if (out.mode === 'json') return out.json(made)
    await out.line(made.token)
    out.note(`Token ${made.id} may ${made.access} until ${moment(made.expires_at)}.`)
  },
})

const tokens = defineCommand({
  summary: 'tokens of a session that have not expired',
  positionals: ['<session>'],
  flags: listFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const list = (page: object) => outlast.sessions.listTokens(words[0]!, page, { signal })
    await out.list(
      take(list, flags),
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'ACCESS', value: ({ access }) => access },
        { title: 'VIEW', value: ({ view }) => view },
        { title: 'FILES', value: ({ files }) => files },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at), isExtra: true },
      ],
      { empty: 'The session has no token.' },
    )
  },
})

const revokeToken = defineCommand({
  summary: 'revokes a token of a session',
  positionals: ['<session>', '<token id>'],
  flags: {},
  async run({ outlast, out, signal }, { words }) {
    const [session, id] = words as [string, string]
    await outlast.sessions.revokeToken(session, id, { signal })
    await out.done({ id, revoked: true }, `Revoked token ${id}.`)
  },
})

export const sessions: Noun = {
  list,
  get,
  create,
  update,
  fork,
  export: exportSession,
  cancel,
  delete: deletion({
    summary: 'deletes a session with all that it holds',
    positional: '<session>',
    question: (id) => `Delete session ${id} with its messages and files?`,
    sentence: (id) => `Deleted session ${id}.`,
    remove: (outlast, id, options) => outlast.sessions.delete(id, options),
  }),
  hold: holding(
    true,
    'places a legal hold: the session cannot be deleted',
    'Placed a legal hold on',
  ),
  release: holding(false, 'releases the legal hold', 'Released the legal hold on'),
  why,
  preview,
  approve: decision('approve', 'lets a call run that waits for approval', 'Allowed'),
  deny: decision('deny', 'refuses such a call', 'Denied'),
  token,
  tokens,
  'revoke-token': revokeToken,
}
