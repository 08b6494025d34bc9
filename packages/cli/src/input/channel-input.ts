import type { ChannelConfig } from '@outlast/sdk'
import type { Context, Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import { amountOf } from './budget-input.ts'
import { given } from './change.ts'
import { jsonIn } from './input-file.ts'
import { countIfGiven } from './list.ts'

/** Flags for the settings of a channel. */
export const channelFlags = {
  visibility: {
    type: 'string',
    choices: ['messages', 'activity', 'full'],
    value: 'WHAT',
    about: 'events that callers see (activity)',
  },
  errors: {
    type: 'string',
    choices: ['public', 'detailed'],
    value: 'WHICH',
    about: 'how much of a failure keys see (public)',
  },
  approvals: {
    type: 'string',
    choices: ['operator', 'caller'],
    value: 'WHO',
    about: 'who decides on tool calls (operator)',
  },
  'rate-limit': { type: 'string', value: 'N', about: 'requests per minute of a caller (none)' },
  auth: { type: 'string', value: 'FILE', about: 'identity providers, a JSON list (none)' },
  origins: {
    type: 'string',
    value: 'LIST',
    about: 'origins of pages that may call it, with commas, or none',
  },
  'spending-limit': {
    type: 'string',
    value: 'LIMIT',
    about: 'of a user per day, as "2 usd" or "50000 tokens", or none',
  },
} as const satisfies Flags

/** Contract: throws a UsageError for unreadable files and invalid values. */
export async function channelConfig(
  context: Pick<Context, 'io' | 'signal'>,
  flags: Given<typeof channelFlags>,
): Promise<Partial<ChannelConfig>> {
  const methods = flags.auth && (await jsonIn(context, '--auth', flags.auth))
  if (methods && !Array.isArray(methods)) throw new UsageError('--auth: the file must have a list.')
  return given({
    visibility: flags.visibility,
    errors: flags.errors,
    tool_approvals: flags.approvals,
    rate_limit_per_minute: countIfGiven(flags['rate-limit'], '--rate-limit', 0),
    auth_methods: methods as ChannelConfig['auth_methods'],
    allowed_origins: originsIn(flags.origins),
    spending_limit: limitIn(flags['spending-limit']),
  })
}

function originsIn(text: string | undefined): string[] | undefined {
  if (text === undefined || text === 'none') return text && []
  return text.split(',').map((origin) => origin.trim())
}

const currencies = ['usd', 'tokens', 'credits'] as const

function limitIn(text: string | undefined): ChannelConfig['spending_limit'] {
  if (text === undefined) return undefined
  if (text === 'none') return null
  const [amount = '', unit = ''] = text.trim().split(/\s+/)
  const currency = currencies.find((one) => one === unit)
  if (!currency) throw new UsageError(`--spending-limit must be as "2 usd", not "${text}".`)
  return { amount: amountOf(amount, '--spending-limit'), currency }
}

/** Rows of `get` about callers. */
export const callerRows = ({ auth_methods, allowed_origins, spending_limit }: ChannelConfig) => ({
  Providers: auth_methods?.map(({ mode, provider }) => providerText(mode, provider)).join(', '),
  Origins: allowed_origins?.join(', '),
  'Spending limit': spending_limit
    ? `${spending_limit.amount} ${spending_limit.currency} per user and day`
    : 'none',
})

type Method = NonNullable<ChannelConfig['auth_methods']>[number]

const providerText = (mode: Method['mode'], provider: Method['provider'] = {}) =>
  [mode, provider.issuer ?? provider.introspection_url].filter(Boolean).join(' ')
