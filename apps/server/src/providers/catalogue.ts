import { readFileSync } from 'node:fs'
import { type ModelCost, type ModelProfile, modalities, type ProviderType } from '@outlast/contract'
import { effortsOf } from './catalogue/efforts.ts'
import {
  type Catalogue,
  type CatalogueModel,
  type CatalogueVendor,
  vendors,
} from './catalogue/form.ts'

/** Profiles by vendor and the vendor's model name. */
type Profiles = Record<CatalogueVendor, Map<string, ModelProfile>>

const file = new URL('../../catalogue/models.json', import.meta.url)
let bundled: Profiles | undefined

/** Vendors of models by type of provider. */
const vendorsOf: Record<ProviderType, readonly CatalogueVendor[]> = {
  openai: ['openai'],
  azure_openai: ['openai'],
  anthropic: ['anthropic'],
  google: ['google'],
  openai_completions: vendors,
  llmsim: [],
}

/**
 * Returns the bundled catalogue's profile of a model. A name matches the longest model name that it
 * starts with, such as `gpt-5-mini` with a date or `-latest`.
 * Contract: cheap, called before every model call; undefined for unknown models, which work without
 * a profile.
 */
export function profileOf(type: ProviderType, modelName: string): ModelProfile | undefined {
  if (!vendorsOf[type]) return undefined
  bundled ??= profilesOf(JSON.parse(readFileSync(file, 'utf8')))
  return findProfile(bundled, type, modelName)
}

/** Like `profileOf`, for another catalogue. */
export function findProfile(profiles: Profiles, type: ProviderType, modelName: string) {
  // Gateways prefix names with the vendor (`anthropic/claude-sonnet-5.5`), Google with `models/`.
  const slash = modelName.indexOf('/')
  const named = slash < 0 ? undefined : modelName.slice(0, slash)
  const name = modelName.slice(slash + 1)
  for (const vendor of vendorsOf[type]) {
    if (named !== undefined && named !== vendor && named !== 'models') continue
    // Gateways write Claude's versions with a dot.
    const own = vendor === 'anthropic' ? name.replaceAll('.', '-') : name
    const found = longestKnown(profiles[vendor], own)
    if (found) return found
  }
  return undefined
}

function longestKnown(profiles: Map<string, ModelProfile>, name: string) {
  for (let known = name, end = -1; ; known = name.slice(0, end)) {
    const profile = profiles.get(known)
    if (profile && (end < 0 || !isVersion.test(name.slice(end)))) return profile
    end = known.lastIndexOf('-')
    if (end < 0) return undefined
  }
}

/** A short number is the version of another model: `claude-opus-5-7` is not `claude-opus-5`. */
const isVersion = /^-\d{1,2}(\D|$)/

/** A date at the end of a name. Models that only have dated names are also found without a date. */
const dated = /-(\d{8}|\d{4}-\d{2}-\d{2})$/

export function profilesOf({ providers }: Catalogue): Profiles {
  const profilesOfVendor = (vendor: CatalogueVendor) => {
    const { models } = providers[vendor]
    const own = Object.entries(models).map(([id, model]) => [id, profileFrom(model)] as const)
    const undated = own.map(([id, profile]) => [id.replace(dated, ''), profile] as const)
    return new Map([...undated, ...own])
  }
  return {
    openai: profilesOfVendor('openai'),
    anthropic: profilesOfVendor('anthropic'),
    google: profilesOfVendor('google'),
  }
}

function profileFrom(model: CatalogueModel): ModelProfile {
  const { knowledge, release_date, last_updated, cost, limit } = model
  const efforts = effortsOf(model)
  const shown = (of: string[]) => modalities.filter((modality) => of.includes(modality))
  return {
    name: model.name,
    family: model.family ?? model.id,
    attachment: model.attachment,
    reasoning: model.reasoning,
    temperature: model.temperature ?? false,
    tool_call: model.tool_call,
    structured_output: model.structured_output ?? false,
    open_weights: model.open_weights,
    ...(knowledge && { knowledge }),
    ...(release_date && { release_date }),
    ...(last_updated && { last_updated }),
    ...(cost && { cost: costFrom(cost) }),
    limits: limit,
    modalities: { input: shown(model.modalities.input), output: shown(model.modalities.output) },
    ...(efforts && { reasoning_effort: efforts }),
  }
}

function costFrom(cost: NonNullable<CatalogueModel['cost']>): ModelCost {
  const { tiers, context_over_200k, ...prices } = cost
  const above = tiers
    ? tiers.map(({ tier, ...ofTier }) => ({ above: tier.size, ...ofTier }))
    : context_over_200k && [{ above: 200_000, ...context_over_200k }]
  return { ...prices, ...(above && { tiers: above }) }
}
