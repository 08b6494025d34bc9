import type { NewSession, Session } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { findResource, type Kind, prefixed } from '../../core/resources.ts'
import { saveStream } from '../../files/save.ts'
import { capabilityFlag, listIfGiven, usesOf } from '../../input/capability-flags.ts'
import { changeOf, given } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { actOnEach } from '../../input/each.ts'
import { listFlags, take } from '../../input/list.ts'
import { modelFlag, namingFlags } from '../../input/session-flags.ts'
import { grantsOf, tokenFlags } from '../../input/token-flags.ts'
import { showPreview } from '../../output/preview.ts'
import { ago, moment } from '../../output/time.ts'
import { usageText } from '../../output/usage.ts'
import { approve, deny, ruleVerbs } from './decisions.ts'
import { answer, secrets, setSecret } from './session-answers.ts'
import { feedback } from './session-feedback.ts'
import { fork, retake } from './session-forks.ts'
import { list, stateOf } from './session-list.ts'
import { log } from './session-log.ts'
import { shareVerbs } from './session-shares.ts'

async function show({ out }: Context, session: Session): Promise<void> {
  const { forked_from } = session
  await out.item(session, {
    ID: session.id,
    Key: session.key,
    Title: session.title,
    Agent: session.agent_id,
    User: session.user,
    Status: stateOf(session),
    Failure: session.last_turn?.error,
    Model: session.model_id ?? 'the default model',
    Capabilities: () => session.capabilities?.map(({ ref }) => ref).join(', '),
    Tags: () => session.tags?.join(', '),
    'First message': session.preview,
    'Latest reply': session.output_preview,
    'Superseded by': session.superseded_by,
    'Fork of': forked_from && `${forked_from.session_id} up to event ${forked_from.sequence}`,
    'Legal hold': session.legal_hold ? 'yes' : undefined,
    Usage: usageText(session.usage),
    Created: moment(session.created_at),
    Started: moment(session.started_at),
    Finished: moment(session.finished_at),
  })
}

const get = defineCommand({
  summary: 'show a session',
  positionals: ['<session>'],
  async run(context, { words }) {
    const { outlast, signal } = context
    await show(context, await outlast.sessions.get(words[0]!, { signal }))
  },
})

const create = defineCommand({
  summary: 'create a session; `outlast messages send` sends a message to it',
  flags: {
    agent: {
      type: 'string',
      short: 'a',
      value: 'AGENT',
      isNeeded: true,
      about: 'agent to use (id or name)',
    },
    user: { type: 'string', value: 'USER', about: 'end user of your product' },
    key: { type: 'string', value: 'TEXT', about: 'key; a session that has it is returned' },
    ...namingFlags,
    ...modelFlag,
    ...capabilityFlag,
    'system-prompt': { type: 'string', value: 'TEXT', about: "text before the agent's prompt" },
    locale: { type: 'string', value: 'LOCALE', about: 'language of the user, as in uk-UA' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const body: NewSession = {
      agent_id: flags.agent,
      user: flags.user,
      key: flags.key,
      title: flags.title,
      model_id: flags.model,
      tags: listIfGiven(flags.tag),
      capabilities: usesOf(flags.capability),
      ...given({ system_prompt: flags['system-prompt'], locale: flags.locale }),
    }
    const session = await outlast.sessions.create(body, { signal })
    await out.done(session, `Created session ${session.id}.`)
  },
})

const update = defineCommand({
  summary: 'update the title or tags',
  positionals: ['<session…>'],
  flags: namingFlags,
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const change = changeOf(given({ title: flags.title, tags: listIfGiven(flags.tag) }))
    return actOnEach(context, words, async (id) => {
      const session = await outlast.sessions.update(id, change, { signal })
      await out.done(session, `Changed session ${session.id}.`)
    })
  },
})

/** Pins a session for the user, or removes the pin. */
const pinning = (verb: 'pin' | 'unpin', summary: string, sentence: string) =>
  defineCommand({
    summary,
    positionals: ['<session>'],
    async run({ outlast, out, signal }, { words }) {
      const id = words[0]!
      await outlast.sessions[verb](id, { signal })
      await out.done({ id, is_pinned: verb === 'pin' }, `${sentence} session ${id}.`)
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

const exportSession = defineCommand({
  summary: 'export a session as JSON lines',
  positionals: ['<session>'],
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', about: 'output file (stdout)' },
    'with-files': { type: 'boolean', about: 'include the contents of files' },
  },
  async run(context, { words, flags }) {
    const { outlast, signal } = context
    const query = flags['with-files'] ? { files: 'content' as const } : {}
    const parts = await outlast.sessions.export(words[0]!, query, { signal })
    await saveStream(context, parts, flags.output)
  },
})

const cancel = defineCommand({
  summary: 'cancel the running turn',
  positionals: ['<session…>'],
  async run(context, { words }) {
    const { outlast, out, signal } = context
    return actOnEach(context, words, async (id) => {
      const answer = await outlast.sessions.cancelTurn(id, { signal })
      const isIdle = answer.status === 'no_op'
      const sentence = isIdle ? `No turn of ${id} runs.` : `Cancelled the turn of ${id}.`
      await out.done({ id, ...answer }, sentence)
    })
  },
})

const retry = defineCommand({
  summary: 'retry the latest turn, which failed',
  positionals: ['<session…>'],
  async run(context, { words }) {
    const { outlast, out, signal } = context
    return actOnEach(context, words, async (id) => {
      const turn = await outlast.sessions.retry(id, { signal })
      await out.done({ id, ...turn }, `Retrying the failed turn of ${id} as ${turn.turn_id}.`)
    })
  },
})

const why = defineCommand({
  summary: 'explain the state of a session in one sentence',
  positionals: ['<session>'],
  async run({ outlast, out, signal }, { words }) {
    const answer = await outlast.sessions.explain(words[0]!, { signal })
    await out.done({ ...answer, id: answer.session_id }, answer.sentence ?? '-')
  },
})

const preview = defineCommand({
  summary: 'show the prompt and tools of the next model call',
  positionals: ['<session>'],
  async run({ outlast, out, signal }, { words }) {
    await showPreview(out, await outlast.sessions.preview(words[0]!, { signal }))
  },
})

const token = defineCommand({
  summary: 'create a token for this session only, for browsers',
  positionals: ['<session>'],
  flags: tokenFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const made = await outlast.sessions.createToken(words[0]!, grantsOf(flags), { signal })
    if (out.mode === 'json') return out.json(made)
    await out.line(made.token)
    out.note(`Token ${made.id} has ${made.access} access until ${moment(made.expires_at)}.`)
  },
})

const tokens = defineCommand({
  summary: 'list the unexpired tokens of a session',
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
      { empty: 'No tokens.' },
    )
  },
})

const tokenKind = (session: string): Kind => ({
  noun: 'token',
  listing: `outlast sessions tokens ${session}`,
  isId: prefixed('token'),
  namesOf: () => [],
  list: ({ sessions }, page, options) => sessions.listTokens(session, page, options),
})

const revokeToken = defineCommand({
  summary: 'revoke a token of a session',
  positionals: ['<session>', '<token>'],
  flags: {},
  async run({ outlast, out, signal }, { words }) {
    const [session, text] = words as [string, string]
    const { id } = await findResource(tokenKind(session), text, { outlast, signal })
    await outlast.sessions.revokeToken(session, id, { signal })
    await out.done({ id, revoked: true }, `Revoked token ${id}.`)
  },
})

const resume = defineCommand({
  summary: 'resume the paused budgets of a session',
  positionals: ['<session>'],
  async run({ outlast, out, signal }, { words }) {
    const resumed = await outlast.sessions.resume(words[0]!, { signal })
    const { resumed_budgets: count } = resumed
    await out.done(resumed, `Resumed ${count} ${count === 1 ? 'budget' : 'budgets'}.`)
  },
})

export const sessions: Noun = {
  list,
  get,
  log,
  create,
  update,
  fork,
  retake,
  feedback,
  export: exportSession,
  cancel,
  retry,
  resume,
  delete: deletion({
    summary: 'delete sessions with their messages and files',
    positional: '<session…>',
    question: (labels) => `Delete with all messages and files: ${labels}?`,
    sentence: (id) => `Deleted session ${id}.`,
    remove: (outlast, id, options) => outlast.sessions.delete(id, options),
  }),
  hold: holding(true, 'place a legal hold, which prevents deletion', 'Placed a legal hold on'),
  release: holding(false, 'release the legal hold', 'Released the legal hold on'),
  pin: pinning('pin', 'pin a session for yourself', 'Pinned'),
  unpin: pinning('unpin', 'remove your pin of a session', 'Unpinned'),
  why,
  preview,
  approve,
  deny,
  answer,
  secrets,
  'set-secret': setSecret,
  token,
  tokens,
  'revoke-token': revokeToken,
  ...shareVerbs,
  ...ruleVerbs('session'),
}
