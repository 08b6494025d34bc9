import type { ModelWithProvider } from '@outlast/sdk'
import { defineCommand, type Given, type Noun } from '../core/command.ts'
import type { Flags } from '../core/flags.ts'
import { changeOf, given, stateFlags, statusOf } from '../input/change.ts'
import { deletion } from '../input/deletion.ts'
import { listFlags, take } from '../output/list.ts'
import { moment } from '../output/time.ts'

type Row = Omit<ModelWithProvider, 'provider_name' | 'provider_type'> & { provider_name?: string }

function marksOf({ is_default, is_favorite, is_stale }: Row): string {
  const marks = [is_default && 'default', is_favorite && 'favourite', is_stale && 'gone']
  return marks.filter(Boolean).join(', ')
}

const list = defineCommand({
  summary: 'the models that agents can use',
  flags: {
    ...listFlags,
    provider: { type: 'string', short: 'p', value: 'PROVIDER', about: 'of this provider' },
    favorites: { type: 'boolean', about: 'favourites only' },
    source: {
      type: 'string',
      choices: ['manual', 'discovered', 'predefined'],
      value: 'SOURCE',
      about: 'where it is known from',
    },
    'with-stale': { type: 'boolean', about: 'also those that their vendor no longer lists' },
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
        { title: 'MARKS', value: marksOf },
      ],
      { empty: 'There is no model. `outlast providers create` adds a vendor with its models.' },
    )
  },
})

const dollars = (amount: number | undefined) => (amount === undefined ? '-' : `$${amount}`)

const get = defineCommand({
  summary: 'one model, with what is known of it',
  positionals: ['<model>'],
  async run({ outlast, out, signal }, { words }) {
    const model = await outlast.models.get(words[0]!, { signal })
    const { cost, limits, modalities, reasoning_effort, knowledge } = model.profile ?? {}
    await out.item(model, {
      ID: model.id,
      Name: model.display_name,
      'Name at its vendor': model.model_id,
      Provider: `${model.provider_name ?? '-'} (${model.provider_id})`,
      Status: model.status,
      Marks: marksOf(model),
      Source: model.source,
      Context: limits && `${limits.context} tokens, ${limits.output} of them for the answer`,
      'A million tokens':
        cost &&
        `${dollars(cost.input)} in, ${dollars(cost.output)} out, ${dollars(cost.cache_read)} cached`,
      Takes: () => modalities?.input?.join(', '),
      Efforts: () => reasoning_effort?.values?.map(({ value }) => value).join(', '),
      'Knows until': knowledge,
      Created: moment(model.created_at),
      Updated: moment(model.updated_at),
    })
  },
})

const modelFlags = {
  'display-name': { type: 'string', value: 'NAME', about: 'how people call it' },
  default: { type: 'boolean', about: 'the one for agents that name none' },
  favorite: { type: 'boolean', about: 'a favourite' },
  'no-favorite': { type: 'boolean', about: 'no favourite' },
} as const satisfies Flags

const fieldsOf = (flags: Given<typeof modelFlags>) => ({
  ...given({ display_name: flags['display-name'] }),
  ...(flags.default && { is_default: true }),
  ...(flags.favorite && { is_favorite: true }),
  ...(flags['no-favorite'] && { is_favorite: false }),
})

const create = defineCommand({
  summary: 'adds a model by the name that its vendor gives it',
  positionals: ['<name>'],
  flags: {
    provider: {
      type: 'string',
      short: 'p',
      value: 'PROVIDER',
      isNeeded: true,
      about: 'who has it',
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
  summary: 'changes what the flags say',
  positionals: ['<model>'],
  flags: {
    'vendor-name': { type: 'string', value: 'NAME', about: 'how its vendor calls it' },
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
    summary: 'takes a model away',
    positional: '<model>',
    question: (id) => `Delete model ${id}?`,
    sentence: (id) => `Deleted model ${id}.`,
    remove: (outlast, id, options) => outlast.models.delete(id, options),
  }),
}
