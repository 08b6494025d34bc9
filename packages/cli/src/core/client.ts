import { createOutlast, type Outlast } from '@outlast/sdk'
import type { Profile } from './profiles.ts'

/** Creates a client for the server and credentials of a profile. */
export function clientOf({ url, api_key, org_id }: Profile): Outlast {
  return createOutlast({
    url,
    ...(api_key && { apiKey: api_key }),
    ...(org_id && { organization: org_id }),
  })
}
