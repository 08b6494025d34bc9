import type { ProviderType } from '@outlast/contract'

/** A provider for the suite, passed from the environment of `npm run test:live` to its tests. */
export type LiveVendor = {
  type: ProviderType
  api_key?: string
  base_url?: string
  model_id: string
}

type Environment = Record<string, string | undefined>

type Place = {
  type: ProviderType
  /** Variables without which it is left out. The first of several names that is set counts. */
  needs: { [field in 'api_key' | 'base_url' | 'model_id']?: string[] }
  takes: { [field in 'api_key' | 'base_url' | 'model_id']?: string[] }
  model_id?: string
}

/** The address of each type of provider, and a cheap model with thinking and vision. */
const places: Place[] = [
  {
    type: 'openai',
    needs: { api_key: ['OPENAI_API_KEY'] },
    takes: { model_id: ['LIVE_OPENAI_MODEL'] },
    model_id: 'gpt-5-mini',
  },
  {
    type: 'anthropic',
    needs: { api_key: ['ANTHROPIC_API_KEY'] },
    takes: { model_id: ['LIVE_ANTHROPIC_MODEL'] },
    model_id: 'claude-haiku-5-5',
  },
  {
    type: 'google',
    needs: { api_key: ['GOOGLE_API_KEY', 'GEMINI_API_KEY'] },
    takes: { model_id: ['LIVE_GOOGLE_MODEL'] },
    model_id: 'gemini-flash-latest',
  },
  {
    type: 'azure_openai',
    needs: {
      api_key: ['AZURE_OPENAI_API_KEY'],
      base_url: ['AZURE_OPENAI_BASE_URL'],
      model_id: ['LIVE_AZURE_OPENAI_MODEL', 'AZURE_OPENAI_DEPLOYMENT'],
    },
    takes: {},
  },
  {
    type: 'openai_completions',
    needs: {
      base_url: ['OPENAI_COMPATIBLE_BASE_URL'],
      model_id: ['LIVE_OPENAI_COMPLETIONS_MODEL', 'OPENAI_COMPATIBLE_MODEL'],
    },
    takes: { api_key: ['OPENAI_COMPATIBLE_API_KEY'] },
  },
]

/** The providers whose variables are all set. */
export function liveVendors(environment: Environment): LiveVendor[] {
  const read = (names: string[]) => names.map((name) => environment[name]).find(Boolean)
  return places.flatMap(({ type, needs, takes, model_id }) => {
    const fields = Object.entries({ ...needs, ...takes }).map(([field, names]) => [
      field,
      read(names),
    ])
    const found = Object.fromEntries(fields.filter(([, value]) => value !== undefined))
    const isWhole = Object.keys(needs).every((field) => field in found)
    return isWhole ? [{ type, ...(model_id && { model_id }), ...found } as LiveVendor] : []
  })
}

/** The variables that each provider needs, in words. */
export const whatVendorsNeed = (): string =>
  places
    .map(({ type, needs, takes }) => {
      const names = (of: Place['needs']) => Object.values(of).map((all) => all.join(' or '))
      const more = names(takes)
      const optional = more.length > 0 ? `(and optionally ${more.join(', ')})` : ''
      return `  ${type}: ${names(needs).join(', ')}${optional}`
    })
    .join('\n')

/** Passes the providers to the tests: the runner removes provider keys from the environment. */
export const variable = 'OUTLAST_TEST_LIVE_VENDORS'
