import { createOutlast, type Outlast } from '@outlast/sdk'
import type { Profile } from './profiles.ts'

/** The client of a server that signs in as the profile says. */
export function clientOf({ url, api_key, org_id }: Profile): Outlast {
  return createOutlast({
    url,
    ...(api_key && { apiKey: api_key }),
    ...(org_id && { organization: org_id }),
  })
}
