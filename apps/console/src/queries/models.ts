import type { Model, ModelWithProvider, Provider } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { modelKeys } from './keys.ts'

const modelsMax = 1_000

/** Models that can be used, with what the catalogue knows of them. */
export const modelsQuery = queryOptions({
  queryKey: modelKeys.lists,
  queryFn: async ({ signal }) => (await outlast.models.list({ limit: modelsMax }, { signal })).data,
})

/** A model in the list; `profile` is known of those that can be used. */
export type ListedModel = Model & Pick<ModelWithProvider, 'provider_name' | 'profile'>

/** Every model of some providers, those that are disabled too. */
export const allModelsQuery = (providers: readonly Provider[]) =>
  queryOptions({
    queryKey: [...modelKeys.lists, 'of', ...providers.map(({ id }) => id)],
    async queryFn({ signal }) {
      const lists = await Promise.all(
        providers.map(async ({ id, name }) => {
          const { data } = await outlast.providers.listModels(id, {}, { signal })
          return data.map((model): ListedModel => ({ ...model, provider_name: name }))
        }),
      )
      return lists.flat()
    },
  })
