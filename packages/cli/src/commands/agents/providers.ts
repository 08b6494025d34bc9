import type { Provider } from '@outlast/sdk'
import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes } from '../../core/failure.ts'
import { changeOf, given, stateFlags, statusOf } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { listFlags, take } from '../../input/list.ts'
import { vendorKey, vendorKeyFlag } from '../../input/vendor-key.ts'
import { ago, duration, moment } from '../../output/time.ts'

const types = [
  'openai',
  'openai_completions',
  'anthropic',
  'google',
  'azure_openai',
  'llmsim',
] as const

const keyText = ({ api_key_set }: Pick<Provider, 'api_key_set'>) => (api_key_set ? 'set' : 'none')

const list = defineCommand({
  summary: 'list model providers',
  flags: listFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = take((page) => outlast.providers.list(page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'TYPE', value: ({ provider_type }) => provider_type, isFlexible: true },
        { title: 'KEY', value: keyText, isExtra: true },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'SYNCED', value: ({ last_synced_at }) => ago(last_synced_at), isExtra: true },
      ],
      { empty: 'No providers yet. `outlast providers create` adds one.' },
    )
  },
})

const get = defineCommand({
  summary: 'show a provider',
  positionals: ['<provider>'],
  async run({ outlast, out, signal }, { words }) {
    const provider = await outlast.providers.get(words[0]!, { signal })
    await out.item(provider, {
      ID: provider.id,
      Name: provider.name,
      Type: provider.provider_type,
      URL: provider.base_url,
      'API key': keyText(provider),
      Status: provider.status,
      'Models listed': moment(provider.last_synced_at),
      Created: moment(provider.created_at),
      Updated: moment(provider.updated_at),
    })
  },
})

const providerFlags = {
  name: { type: 'string', value: 'NAME', about: 'name' },
  'base-url': { type: 'string', value: 'URL', about: 'URL of its API (the vendor)' },
  ...vendorKeyFlag,
} as const

const create = defineCommand({
  summary: 'add a model provider',
  more: 'Example: outlast providers create --type openai --api-key-stdin < key.txt',
  flags: {
    type: { type: 'string', choices: types, isNeeded: true, value: 'TYPE', about: 'API type' },
    ...providerFlags,
  },
  async run(context, { flags }) {
    const { outlast, out, signal } = context
    const body = {
      name: flags.name ?? flags.type,
      provider_type: flags.type,
      ...given({ base_url: flags['base-url'] }),
      ...(await vendorKey(context, flags)),
    }
    const provider = await outlast.providers.create(body, { signal })
    await out.done(provider, `Created provider ${provider.id} (${provider.name}).`)
  },
})

const update = defineCommand({
  summary: 'update a provider; a new URL needs the key again',
  positionals: ['<provider>'],
  flags: { ...providerFlags, ...stateFlags },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const change = changeOf({
      ...given({ name: flags.name, base_url: flags['base-url'] }),
      ...statusOf(flags),
      ...(await vendorKey(context, flags)),
    })
    const provider = await outlast.providers.update(words[0]!, change, { signal })
    await out.done(provider, `Changed provider ${provider.id} (${provider.name}).`)
  },
})

const test = defineCommand({
  summary: 'test a provider with one small model call',
  more: 'A key from stdin is only tested, not stored.',
  positionals: ['<provider>'],
  flags: {
    model: { type: 'string', short: 'm', value: 'MODEL', about: 'model of the call (id or name)' },
    ...vendorKeyFlag,
  },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const body = { ...given({ model_id: flags.model }), ...(await vendorKey(context, flags)) }
    const result = await outlast.providers.test(words[0]!, body, { signal })
    const { ok, model, latency_ms, message } = result
    const time = duration(latency_ms)
    const sentence = ok
      ? `It works: ${model} answered${time ? ` after ${time}` : ''}.`
      : `It does not work: ${message ?? 'no reason'}`
    await out.done({ ...result, id: words[0]! }, sentence)
    return ok ? exitCodes.ok : exitCodes.failed
  },
})

const syncModels = defineCommand({
  summary: 'update the list of models from the vendor',
  positionals: ['<provider>'],
  async run({ outlast, out, signal }, { words }) {
    const result = await outlast.providers.syncModels(words[0]!, { signal })
    const { total, discovered, stale } = result
    const sentence = `${total} models: ${discovered} new, ${stale} no longer listed.`
    await out.done({ ...result, id: words[0]! }, sentence)
  },
})

export const providers: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete a provider with its models',
    positional: '<provider>',
    question: (label) => `Delete provider ${label} with its models?`,
    sentence: (id) => `Deleted provider ${id}.`,
    remove: (outlast, id, options) => outlast.providers.delete(id, options),
  }),
  test,
  'sync-models': syncModels,
}
