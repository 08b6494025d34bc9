import { createOutlast, type Outlast } from '@outlast/sdk'
import type { Profile } from './profiles.ts'

/** Creates a client for the server and credentials of a profile. */
export function clientOf({ url, api_key, org_id }: Profile, reason?: string): Outlast {
  const outlast = createOutlast({
    url,
    ...(api_key && { apiKey: api_key }),
    ...(org_id && { organization: org_id }),
  })
  return reason === undefined ? outlast : outlast.withReason(reason)
}
