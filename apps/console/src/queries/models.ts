import type { Model, ModelWithProvider, Provider } from '@outlast/sdk'
import { queryOptions, useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { modelKeys } from './keys.ts'

const modelsMax = 1_000

/** Usable models with their catalog profiles. */
export const modelsQuery = queryOptions({
  queryKey: modelKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.models.list({ limit: modelsMax }, { signal })),
})

/** A model in the list. Only usable models have a `profile` and `healthy`: false without a key. */
export type ListedModel = Model &
  Pick<ModelWithProvider, 'provider_name' | 'profile'> &
  Partial<Pick<ModelWithProvider, 'healthy'>>

/** All models of the given providers, including disabled ones. */
export const allModelsQuery = (providers: readonly Provider[]) =>
  queryOptions({
    queryKey: [...modelKeys.lists, 'of', ...providers.map(({ id }) => id)],
    async queryFn({ signal }) {
      const lists = await Promise.all(
        providers.map(async ({ id, name }) => {
          const models = await allOf(outlast.providers.listModels(id, {}, { signal }))
          return models.map((model): ListedModel => ({ ...model, provider_name: name }))
        }),
      )
      return lists.flat()
    },
  })

const noNames: ReadonlyMap<string, string> = new Map()
const namesOf = (models: Model[]): ReadonlyMap<string, string> =>
  new Map(models.map(({ id, display_name }) => [id, display_name]))

/** Returns the names of usable models by id; none unless they are wanted. */
export const useModelNames = (isWanted = true) =>
  useQuery({ ...modelsQuery, select: namesOf, enabled: isWanted }).data ?? noNames

/**
 * Splits models for a picker: those that can be called, and an option that explains the others.
 * Contract: the chosen model is always among the first.
 */
export function pickable(models: readonly ModelWithProvider[], chosen?: string | null) {
  const active = models.filter(({ status }) => status === 'active')
  const usable = active.filter(({ id, healthy }) => healthy || id === chosen)
  const keyless = active.filter((model) => !usable.includes(model))
  return { usable, others: keyless.length === 0 ? [] : [keylessGroup(keyless)] }
}

function keylessGroup(models: readonly ModelWithProvider[]) {
  const providers = [...new Set(models.map(({ provider_name }) => provider_name))]
  const label = `${models.length} more with an API key for ${providers.join(', ')}`
  return { group: 'Not available', items: [{ value: 'keyless', label, disabled: true }] }
}
