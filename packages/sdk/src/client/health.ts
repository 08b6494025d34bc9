import type { Health } from '@outlast/contract'
import { OutlastError } from '../http/error.ts'
import type { CallOptions, Http } from '../http/http.ts'

export function health({ call }: Http) {
  return {
    /** Returns the state and version of the server. Needs no credential. */
    get: (options?: CallOptions) => call<Health>('GET', '/health', {}, options),
    /** Tests whether the node accepts requests; false while it stops or has no database. */
    isReady: (options?: CallOptions) =>
      call<Health>('GET', '/health/ready', {}, { retriesMax: 0, ...options }).then(
        () => true,
        (error) => {
          if (error instanceof OutlastError && error.status === 503) return false
          throw error
        },
      ),
  }
}
