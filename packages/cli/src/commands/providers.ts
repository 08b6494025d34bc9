import type { Provider } from '@outlast/sdk'
import { defineCommand, type Noun } from '../core/command.ts'
import { exitCodes } from '../core/failure.ts'
import { changeOf, given, stateFlags, statusOf } from '../input/change.ts'
import { deletion } from '../input/deletion.ts'
import { vendorKey, vendorKeyFlag } from '../input/vendor-key.ts'
import { listFlags, take } from '../output/list.ts'
import { ago, duration, moment } from '../output/time.ts'

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
  summary: 'vendors and servers of models',
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
      { empty: 'There is no provider yet. `outlast providers create` adds one.' },
    )
  },
})

const get = defineCommand({
  summary: 'one provider',
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
  name: { type: 'string', value: 'NAME', about: 'its name' },
  'base-url': { type: 'string', value: 'URL', about: 'where its API is, if not at the vendor' },
  ...vendorKeyFlag,
} as const

const create = defineCommand({
  summary: 'adds a vendor or a server of models',
  more: 'As in: outlast providers create --type openai --api-key-stdin < key.txt',
  flags: {
    type: { type: 'string', choices: types, isNeeded: true, value: 'TYPE', about: 'its API' },
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
  summary: 'changes what the flags say; another address needs the key again',
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
  summary: 'makes one tiny call and says what is wrong',
  positionals: ['<provider>'],
  flags: { model: { type: 'string', short: 'm', value: 'MODEL', about: 'with this model' } },
  async run({ outlast, out, signal }, { words, flags }) {
    const body = given({ model_id: flags.model })
    const result = await outlast.providers.test(words[0]!, body, { signal })
    const { ok, model, latency_ms, message } = result
    const time = duration(latency_ms)
    const sentence = ok
      ? `It works: ${model} answered${time ? ` after ${time}` : ''}.`
      : `It does not work: ${message ?? 'no reason was given'}`
    await out.done({ ...result, id: words[0]! }, sentence)
    return ok ? exitCodes.ok : exitCodes.failed
  },
})

const syncModels = defineCommand({
  summary: 'asks the vendor which models it has',
  positionals: ['<provider>'],
  async run({ outlast, out, signal }, { words }) {
    const result = await outlast.providers.syncModels(words[0]!, { signal })
    const { total, discovered, stale } = result
    const sentence = `It has ${total} models: ${discovered} are new here, ${stale} are gone.`
    await out.done({ ...result, id: words[0]! }, sentence)
  },
})

export const providers: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'deletes a provider with its models',
    positional: '<provider>',
    question: (id) => `Delete provider ${id} with its models?`,
    sentence: (id) => `Deleted provider ${id}.`,
    remove: (outlast, id, options) => outlast.providers.delete(id, options),
  }),
  test,
  'sync-models': syncModels,
}
