import type { ModelProfile } from '@outlast/sdk'
import type { ListedModel } from '../queries/models.ts'
import type { ProvidersSearch } from '../search.ts'

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

const thousands = (tokens: number) =>
  tokens >= 1_000_000
    ? `${Number((tokens / 1_000_000).toFixed(1))}M`
    : `${Math.round(tokens / 1_000)}K`

export const modelLimits = (profile: ModelProfile | undefined) =>
  profile?.limits
    ? `${thousands(profile.limits.context)} context, ${thousands(profile.limits.output)} output`
    : ''

export function abilitiesOf(profile: ModelProfile | undefined): string {
  if (!profile) return ''
  const input = profile.modalities?.input.filter((one) => one !== 'text') ?? []
  return [...input, profile.reasoning && 'reasoning', profile.tool_call && 'tools']
    .filter(Boolean)
    .join(', ')
}

export const pricesOf = (profile: ModelProfile | undefined) =>
  profile?.cost ? `$${profile.cost.input} in / $${profile.cost.output} out` : 'Price unknown'
