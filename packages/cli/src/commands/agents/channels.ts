import type { AgentChannel, AgentKeyWithSecret, CallOptions, Outlast } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes } from '../../core/failure.ts'
import { changeOf, given } from '../../input/change.ts'
import { callerRows, channelConfig, channelFlags } from '../../input/channel-input.ts'
import { yesFlag } from '../../input/deletion.ts'
import { countOf } from '../../input/list.ts'
import { confirmed } from '../../input/prompt.ts'
import { listIn } from '../../output/rows.ts'
import { ago, moment } from '../../output/time.ts'

const ofAgent = ['<agent>'] as const
const ofChannel = ['<agent>', '<channel>'] as const
const ofKey = ['<agent>', '<channel>', '<agent-key>'] as const

const list = defineCommand({
  summary: 'list the channels of an agent',
  positionals: ofAgent,
  async run({ outlast, out, signal }, { words }) {
    const rows = listIn(await outlast.agentChannels.list(words[0]!, { signal }))
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'TYPE', value: ({ channel_type }) => channel_type },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'SHOWS', value: ({ channel_config }) => channel_config?.visibility },
        { title: 'CREATED', value: ({ created_at }) => ago(created_at), isExtra: true },
      ],
      { empty: 'No channels yet. `outlast channels create` creates one.' },
    )
  },
})

const get = defineCommand({
  summary: 'show a channel and the address for its callers',
  positionals: ofChannel,
  async run({ outlast, out, signal, url }, { words }) {
    const channel = await outlast.agentChannels.get(words[0]!, words[1]!, { signal })
    const config: AgentChannel['channel_config'] = channel.channel_config ?? {}
    await out.item(channel, {
      ID: channel.id,
      Address: `${url}/v1/channels/${channel.id}`,
      Status: channel.status,
      Shows: config.visibility,
      Errors: config.errors,
      Approvals: config.tool_approvals,
      'Rate limit': config.rate_limit_per_minute || 'none',
      ...callerRows(config),
      Created: moment(channel.created_at),
      Changed: moment(channel.updated_at),
    })
  },
})

const create = defineCommand({
  summary: 'create a channel, which is a draft',
  positionals: ofAgent,
  flags: { ...channelFlags, publish: { type: 'boolean', about: 'publish it at once' } },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const agent = words[0]!
    const channel_config = await channelConfig(context, flags)
    const body = { channel_type: 'api' as const, channel_config }
    const made = await outlast.agentChannels.create(agent, body, { signal })
    const channel = flags.publish
      ? await outlast.agentChannels.publish(agent, made.id, { signal })
      : made
    await out.done(channel, `Created channel ${channel.id} (${channel.status}).`)
  },
})

const update = defineCommand({
  summary: 'update the settings of a channel',
  more: 'Settings without a flag keep their values.',
  positionals: ofChannel,
  flags: {
    ...channelFlags,
    enable: { type: 'boolean', about: 'enable it, as a draft' },
    disable: { type: 'boolean', about: 'close it' },
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const [agent, id] = words as [string, string]
    const config = await channelConfig(context, flags)
    const isConfigured = Object.keys(config).length > 0
    const before = isConfigured ? await outlast.agentChannels.get(agent, id, { signal }) : undefined
    const change = changeOf({
      ...(before && { channel_config: { ...before.channel_config, ...config } }),
      ...(flags.enable && { enabled: true }),
      ...(flags.disable && { enabled: false }),
    })
    const channel = await outlast.agentChannels.update(agent, id, change, { signal })
    await out.done(channel, `Changed channel ${channel.id} (${channel.status}).`)
  },
})

/** Asks before an end that callers notice. */
const ending = (about: {
  summary: string
  positionals: typeof ofChannel | typeof ofKey
  question: (id: string) => string
  sentence: (id: string) => string
  end: (outlast: Outlast, words: readonly string[], options: CallOptions) => Promise<unknown>
}) =>
  defineCommand({
    summary: about.summary,
    positionals: about.positionals,
    flags: yesFlag,
    async run({ outlast, out, io, signal }, { words, flags }) {
      const id = words.at(-1)!
      if (!(await confirmed(io, about.question(id), flags.yes))) return exitCodes.failed
      const ended = await about.end(outlast, words, { signal })
      await out.done(ended as object, about.sentence(id))
    },
  })

const simple = (
  summary: string,
  act: (outlast: Outlast, words: readonly string[], options: CallOptions) => Promise<AgentChannel>,
) =>
  defineCommand({
    summary,
    positionals: ofChannel,
    async run({ outlast, out, signal }, { words }) {
      const channel = await act(outlast, words, { signal })
      await out.done(channel, `Channel ${channel.id} is ${channel.status}.`)
    },
  })

const keys = defineCommand({
  summary: 'list the keys of a channel, without secrets',
  positionals: ofChannel,
  async run({ outlast, out, signal }, { words }) {
    const [agent, id] = words as [string, string]
    const rows = listIn(await outlast.agentChannels.listKeys(agent, id, { signal }))
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'MAY', value: ({ permissions }) => permissions?.join(', '), isFlexible: true },
        { title: 'STATE', value: ({ revoked_at }) => (revoked_at ? 'revoked' : 'valid') },
        { title: 'USED', value: ({ last_used_at }) => ago(last_used_at) ?? 'never', isExtra: true },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at) ?? 'never', isExtra: true },
      ],
      { empty: 'No keys yet. `outlast channels create-key` creates one.' },
    )
  },
})

const createKey = defineCommand({
  summary: 'create a key and print it once; --quiet prints only the key',
  positionals: ['<agent>', '<channel>', '<name>'],
  flags: {
    'end-users': { type: 'boolean', about: 'the key may act for users of its holder' },
    'expires-at': { type: 'string', value: 'TIME', about: 'time in RFC 3339 format (never)' },
  },
  async run(context, { words, flags }) {
    const [agent, id, name] = words as [string, string, string]
    const permissions = flags['end-users'] ? (['sessions', 'end_user'] as const) : undefined
    const body = {
      name,
      ...given({ permissions: permissions && [...permissions], expires_at: flags['expires-at'] }),
    }
    const { outlast, signal } = context
    const made = await outlast.agentChannels.createKey(agent, id, body, { signal })
    await showSecret(context, made, `Created key ${made.id} (${made.name}).`)
  },
})

const rotateKey = defineCommand({
  summary: 'give a key a new secret and print it once',
  positionals: ofKey,
  flags: {
    'overlap-hours': {
      type: 'string',
      value: 'HOURS',
      about: 'hours in which the old secret is accepted (24)',
    },
  },
  async run(context, { words, flags }) {
    const [agent, id, keyId] = words as [string, string, string]
    const hours = flags['overlap-hours']
    const body = hours === undefined ? {} : { overlap_hours: countOf(hours, '--overlap-hours', 0) }
    const { outlast, signal } = context
    const made = await outlast.agentChannels.rotateKey(agent, id, keyId, body, { signal })
    const until = moment(made.previous_valid_until)
    await showSecret(context, made, `Rotated key ${made.id}; the old secret ends on ${until}.`)
  },
})

async function showSecret({ out }: Context, made: AgentKeyWithSecret, sentence: string) {
  if (out.mode === 'json') return out.json(made)
  out.note(sentence)
  out.note('Save the key now. It is not shown again.')
  await out.line(made.secret)
}

export const channels: Noun = {
  list,
  get,
  create,
  update,
  delete: ending({
    summary: 'delete a channel and its keys',
    positionals: ofChannel,
    question: (id) => `Delete channel ${id} and its keys?`,
    sentence: (id) => `Deleted channel ${id}.`,
    end: (outlast, [agent, id], options) => outlast.agentChannels.delete(agent!, id!, options),
  }),
  publish: simple('serve the callers of a channel', (outlast, [agent, id], options) =>
    outlast.agentChannels.publish(agent!, id!, options),
  ),
  unpublish: simple('make a channel a draft again', (outlast, [agent, id], options) =>
    outlast.agentChannels.unpublish(agent!, id!, options),
  ),
  keys,
  'create-key': createKey,
  'rotate-key': rotateKey,
  'revoke-key': ending({
    summary: 'revoke a key of a channel',
    positionals: ofKey,
    question: (id) => `Revoke key ${id}?`,
    sentence: (id) => `Revoked key ${id}.`,
    end: (outlast, [agent, id, key], options) =>
      outlast.agentChannels.revokeKey(agent!, id!, key!, options),
  }),
}
