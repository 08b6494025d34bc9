import type { ModelWithProvider } from '@outlast/sdk'
import { defineCommand, type Given, type Noun } from '../../core/command.ts'
import type { Flags } from '../../core/flags.ts'
import { changeOf, given, stateFlags, statusOf } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { listFlags, take } from '../../input/list.ts'
import { moment } from '../../output/time.ts'

type OfProvider = Pick<ModelWithProvider, 'provider_name' | 'provider_type' | 'enabled' | 'healthy'>

type Row = Omit<ModelWithProvider, keyof OfProvider> & { provider_name?: string; healthy?: boolean }

function marksOf({ is_default, is_favorite, is_stale }: Row, more: string | false = false) {
  const marks = [is_default && 'default', is_favorite && 'favorite', is_stale && 'stale', more]
  return marks.filter(Boolean).join(', ')
}

function readiness({ healthy }: { healthy?: boolean }) {
  if (healthy === undefined) return undefined
  return healthy ? 'yes' : 'no: it is disabled or has no API key'
}

const list = defineCommand({
  summary: 'list models',
  flags: {
    ...listFlags,
    provider: { type: 'string', short: 'p', value: 'PROVIDER', about: 'provider (id or name)' },
    favorites: { type: 'boolean', about: 'favorites only' },
    source: {
      type: 'string',
      choices: ['manual', 'discovered', 'predefined'],
      value: 'SOURCE',
      about: 'source of the model',
    },
    'with-stale': { type: 'boolean', about: 'include models that the vendor no longer lists' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const query = {
      ...given({ source: flags.source }),
      ...(flags.favorites && { favorites_only: true }),
      ...(flags['with-stale'] && { include_stale: true }),
    }
    const { provider } = flags
    const rows = take<Row>(
      (page) =>
        provider === undefined
          ? outlast.models.list({ ...query, ...page }, { signal })
          : outlast.providers.listModels(provider, page, { signal }),
      flags,
    )
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ display_name }) => display_name, isFlexible: true },
        { title: 'PROVIDER', value: (row) => row.provider_name, isFlexible: true },
        { title: 'STATUS', value: ({ status }) => status },
        // The list has no models of disabled providers.
        { title: 'MARKS', value: (row) => marksOf(row, row.healthy === false && 'no API key') },
      ],
      { empty: 'No models. `outlast providers create` adds a provider with its models.' },
    )
  },
})

const dollars = (amount: number | undefined) => (amount === undefined ? '-' : `$${amount}`)

const get = defineCommand({
  summary: 'show a model with its limits and prices',
  positionals: ['<model>'],
  async run({ outlast, out, signal }, { words }) {
    const model = await outlast.models.get(words[0]!, { signal })
    const { cost, limits, modalities, reasoning_effort, knowledge } = model.profile ?? {}
    await out.item(model, {
      ID: model.id,
      Name: model.display_name,
      'Vendor name': model.model_id,
      Provider: `${model.provider_name ?? '-'} (${model.provider_id})`,
      'Provider ready': readiness(model),
      Status: model.status,
      Marks: marksOf(model),
      Source: model.source,
      Context: limits && `${limits.context} tokens, at most ${limits.output} of output`,
      'Price per 1M tokens':
        cost &&
        `${dollars(cost.input)} input, ${dollars(cost.output)} output, ${dollars(cost.cache_read)} cached`,
      Input: () => modalities?.input?.join(', '),
      Efforts: () => reasoning_effort?.values?.map(({ value }) => value).join(', '),
      'Knowledge cutoff': knowledge,
      Created: moment(model.created_at),
      Updated: moment(model.updated_at),
    })
  },
})

const modelFlags = {
  'display-name': { type: 'string', value: 'NAME', about: 'display name' },
  default: { type: 'boolean', about: 'make it the default model' },
  favorite: { type: 'boolean', about: 'mark as favorite' },
  'no-favorite': { type: 'boolean', about: 'remove the mark' },
} as const satisfies Flags

const fieldsOf = (flags: Given<typeof modelFlags>) => ({
  ...given({ display_name: flags['display-name'] }),
  ...(flags.default && { is_default: true }),
  ...(flags.favorite && { is_favorite: true }),
  ...(flags['no-favorite'] && { is_favorite: false }),
})

const create = defineCommand({
  summary: 'add a model by its vendor name',
  positionals: ['<name>'],
  flags: {
    provider: {
      type: 'string',
      short: 'p',
      value: 'PROVIDER',
      isNeeded: true,
      about: 'provider of the model (id or name)',
    },
    ...modelFlags,
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const name = words[0]!
    const body = { model_id: name, display_name: name, ...fieldsOf(flags) }
    const model = await outlast.providers.createModel(flags.provider, body, { signal })
    await out.done(model, `Created model ${model.id} (${model.display_name}).`)
  },
})

const update = defineCommand({
  summary: 'update a model',
  positionals: ['<model>'],
  flags: {
    'vendor-name': { type: 'string', value: 'NAME', about: 'vendor name' },
    ...modelFlags,
    ...stateFlags,
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const change = changeOf({
      ...given({ model_id: flags['vendor-name'] }),
      ...fieldsOf(flags),
      ...statusOf(flags),
    })
    const model = await outlast.models.update(words[0]!, change, { signal })
    await out.done(model, `Changed model ${model.id} (${model.display_name}).`)
  },
})

export const models: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete a model',
    positional: '<model>',
    question: (label) => `Delete model ${label}?`,
    sentence: (id) => `Deleted model ${id}.`,
    remove: (outlast, id, options) => outlast.models.delete(id, options),
  }),
}
