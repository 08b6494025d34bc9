import type { UsageQuery, UsageReport } from '@outlast/contract'
import type { CallOptions, Http } from '../http/http.ts'

export function usage(http: Http) {
  return {
    /** Returns tokens and cost of model calls in a period, by day unless `group_by` is given. */
    report: (query?: UsageQuery, options?: CallOptions) =>
      http.call<UsageReport>('GET', '/v1/usage', { query }, options),
  }
}
