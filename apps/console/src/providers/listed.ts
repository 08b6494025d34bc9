import type { ModelProfile } from '@outlast/sdk'
import type { ListedModel } from '../queries/models.ts'
import type { ProvidersSearch } from '../search.ts'
import { shortCount } from '../shell/text/money.ts'

/** Returns whether a model matches the filters. */
export const isListed = (
  model: ListedModel,
  { search = '', provider, takes, favorites, all }: ProvidersSearch,
) =>
  (!provider || model.provider_id === provider) &&
  (!favorites || model.is_favorite) &&
  (all || (model.status === 'active' && !model.is_stale)) &&
  (!takes || (model.profile?.modalities?.input.includes(takes) ?? false)) &&
  `${model.display_name} ${model.model_id}`.toLowerCase().includes(search.toLowerCase())

const rank = ({ is_default, is_favorite }: ListedModel) => (is_default ? 0 : is_favorite ? 1 : 2)

/** Sorts the default first, then favorites, then by provider and name. */
export const byRank = (one: ListedModel, other: ListedModel) =>
  rank(one) - rank(other) ||
  one.provider_name.localeCompare(other.provider_name) ||
  one.display_name.localeCompare(other.display_name)

/** A number of tokens; empty if it is not known. */
export const tokensOf = (tokens: number | undefined) =>
  tokens === undefined ? '' : shortCount(tokens)

export function abilitiesOf(profile: ModelProfile | undefined): string {
  if (!profile) return ''
  const input = profile.modalities?.input.filter((one) => one !== 'text') ?? []
  return [...input, profile.reasoning && 'reasoning', profile.tool_call && 'tools']
    .filter(Boolean)
    .join(', ')
}

/** Dollars per million tokens; a dash if the price is not known. */
export const priceOf = (cost: number | undefined) => (cost === undefined ? '–' : `$${cost}`)
