import type { Model, ModelWithProvider, Provider } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { modelKeys } from './keys.ts'

const modelsMax = 1_000

/** Usable models with their catalog profiles. */
export const modelsQuery = queryOptions({
  queryKey: modelKeys.lists,
  queryFn: async ({ signal }) => (await outlast.models.list({ limit: modelsMax }, { signal })).data,
})

/** A model in the list. Only usable models have a `profile`. */
export type ListedModel = Model & Pick<ModelWithProvider, 'provider_name' | 'profile'>

/** All models of the given providers, including disabled ones. */
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
