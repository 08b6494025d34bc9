import type { Health } from '@outlast/contract'
import { OutlastError } from './error.ts'
import type { CallOptions, Http } from './http.ts'

export function health({ call }: Http) {
  return {
    /** Whether the server runs, which version, and how it knows who calls. Needs no key. */
    get: (options?: CallOptions) => call<Health>('GET', '/health', {}, options),
    /** Whether it takes requests: false while it stops, or its database is away. No key needed. */
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
