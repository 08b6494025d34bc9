import type { NewWebhook, WebhookWithSecret } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes } from '../../core/failure.ts'
import { changeOf, given, stateFlags } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { countOf, listFlags, take } from '../../input/list.ts'
import { listIn } from '../../output/rows.ts'
import { ago, duration, moment } from '../../output/time.ts'

const list = defineCommand({
  summary: 'list webhooks',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.webhooks.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'URL', value: ({ url }) => url, isFlexible: true },
        { title: 'EVENTS', value: ({ events }) => listIn(events).join(', '), isFlexible: true },
        {
          title: 'STATUS',
          value: ({ enabled, disabled_reason, failing_since }) =>
            enabled ? (failing_since ? 'failing' : 'enabled') : (disabled_reason ?? 'disabled'),
        },
      ],
      { empty: 'No webhooks yet. `outlast webhooks create` adds one.' },
    )
  },
})

const get = defineCommand({
  summary: 'show a webhook',
  positionals: ['<webhook>'],
  async run({ outlast, out, signal }, { words }) {
    const webhook = await outlast.webhooks.get(words[0]!, { signal })
    await out.item(webhook, {
      ID: webhook.id,
      URL: webhook.url,
      Events: listIn(webhook.events).join(', '),
      Description: webhook.description,
      Agent: webhook.agent_id,
      Channel: webhook.channel_id,
      Enabled: webhook.enabled ? 'yes' : 'no',
      'Disabled because': webhook.disabled_reason,
      'Failing since': moment(webhook.failing_since),
      'Old secret signs until': moment(webhook.previous_secret_valid_until),
      Created: moment(webhook.created_at),
      Updated: moment(webhook.updated_at),
    })
  },
})

const webhookFlags = {
  event: { type: 'string', multiple: true, value: 'TYPE', about: 'types of events to send' },
  description: { type: 'string', value: 'TEXT', about: 'description' },
  agent: { type: 'string', value: 'AGENT', about: 'send only events of this agent' },
  channel: { type: 'string', value: 'CHANNEL', about: 'send only events of this channel' },
} as const

type EventType = NewWebhook['events'][number]

/** The compiler asks for each new type. */
const eventTypes = Object.keys({
  'turn.completed': true,
  'turn.failed': true,
  'turn.cancelled': true,
  'approval.requested': true,
  'approval.expired': true,
  'question.asked': true,
  'tool_results.requested': true,
  'budget.warning': true,
  'budget.exhausted': true,
  'budget.paused': true,
  'session.created': true,
  'feedback.given': true,
  'alert.fired': true,
  'alert.resolved': true,
  'schedule.failed': true,
  'mcp_server.unauthorized': true,
} satisfies Record<EventType, true>)

const defaultEvents: EventType[] = ['turn.completed', 'turn.failed', 'turn.cancelled']

const allTypes = `Types of events: ${eventTypes.join(', ')}.`

/** The server checks the types. */
const eventsOf = (types: readonly string[]) =>
  types.length === 0 ? undefined : (types as NewWebhook['events'])

async function showSecret({ out }: Context, made: WebhookWithSecret, sentence: string) {
  if (out.mode === 'json') return out.json(made)
  out.note(sentence)
  out.note('Save the secret now. It is not shown again.')
  await out.line(made.secret)
}

const create = defineCommand({
  summary: 'create a webhook and print its secret once',
  more: `${allTypes}\nDefault: ${defaultEvents.join(', ')}.`,
  positionals: ['<address>'],
  flags: webhookFlags,
  async run(context, { words, flags }) {
    const { outlast, signal } = context
    const { event, description, agent, channel } = flags
    const events = eventsOf(event) ?? defaultEvents
    const optional = given({ description, agent_id: agent, channel_id: channel })
    const body = { url: words[0]!, events, ...optional }
    const made = await outlast.webhooks.create(body, { signal })
    await showSecret(context, made, `Created webhook ${made.id} for ${made.events.join(', ')}.`)
  },
})

const update = defineCommand({
  summary: 'update a webhook',
  more: `--event replaces all types. ${allTypes}`,
  positionals: ['<webhook>'],
  flags: {
    address: { type: 'string', value: 'URL', about: 'URL' },
    ...webhookFlags,
    'no-agent': { type: 'boolean', about: 'send events of all agents' },
    'no-channel': { type: 'boolean', about: 'send events of all sessions' },
    ...stateFlags,
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const { address, event, description, agent, channel } = flags
    const change = changeOf({
      ...given({ url: address, events: eventsOf(event), description }),
      ...given({ agent_id: agent, channel_id: channel }),
      ...(flags['no-agent'] && { agent_id: null }),
      ...(flags['no-channel'] && { channel_id: null }),
      ...(flags.enable && { enabled: true }),
      ...(flags.disable && { enabled: false }),
    })
    const webhook = await outlast.webhooks.update(words[0]!, change, { signal })
    await out.done(webhook, `Changed webhook ${webhook.id}.`)
  },
})

const rotate = defineCommand({
  summary: 'give a webhook a new secret and print it once',
  positionals: ['<webhook>'],
  flags: {
    'overlap-hours': {
      type: 'string',
      value: 'HOURS',
      about: 'hours in which the old secret signs too (24)',
    },
  },
  async run(context, { words, flags }) {
    const hours = flags['overlap-hours']
    const body = hours === undefined ? {} : { overlap_hours: countOf(hours, '--overlap-hours', 0) }
    const { outlast, signal } = context
    const made = await outlast.webhooks.rotate(words[0]!, body, { signal })
    await showSecret(context, made, `Rotated the secret of webhook ${made.id}.`)
  },
})

const test = defineCommand({
  summary: 'send a test request to a webhook',
  positionals: ['<webhook>'],
  async run({ outlast, out, signal }, { words }) {
    const result = await outlast.webhooks.test(words[0]!, { signal })
    const { ok, response_status, message, duration_ms } = result
    const sentence = ok
      ? `It works: HTTP ${response_status} after ${duration(duration_ms)}.`
      : `It does not work: ${message ?? 'no reason'}`
    await out.done({ ...result, id: words[0]! }, sentence)
    return ok ? exitCodes.ok : exitCodes.failed
  },
})

const deliveries = defineCommand({
  summary: 'list the deliveries of a webhook, newest first',
  positionals: ['<webhook>'],
  flags: {
    ...listFlags,
    status: {
      type: 'string',
      choices: ['pending', 'delivered', 'failed'],
      value: 'STATUS',
      about: 'only deliveries with this status',
    },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const query = given({ status: flags.status })
    const rows = take(
      (page) => outlast.webhooks.deliveries(words[0]!, { ...query, ...page }, { signal }),
      flags,
    )
    await out.list(
      rows,
      [
        { title: 'EVENT', value: ({ event_id }) => event_id },
        { title: 'TYPE', value: ({ event_type }) => event_type },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'TRIES', value: ({ attempts }) => attempts },
        { title: 'STORED', value: ({ created_at }) => ago(created_at) },
        { title: 'ERROR', value: ({ error }) => error ?? '', isFlexible: true },
      ],
      { empty: 'No deliveries match.' },
    )
  },
})

const resend = defineCommand({
  summary: 'send an event of a webhook again',
  positionals: ['<webhook>', '<event>'],
  async run({ outlast, out, signal }, { words }) {
    const [id, event] = words as [string, string]
    const delivery = await outlast.webhooks.resend(id, event, { signal })
    await out.done({ ...delivery, id: event }, `Event ${event} will be sent again.`)
  },
})

export const webhooks: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete a webhook and its deliveries',
    positional: '<webhook>',
    question: (label) => `Delete webhook ${label}?`,
    sentence: (id) => `Deleted webhook ${id}.`,
    remove: (outlast, id, options) => outlast.webhooks.delete(id, options),
  }),
  rotate,
  test,
  deliveries,
  resend,
}
