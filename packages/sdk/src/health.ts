import type { Health } from '@outlast/contract'
import type { CallOptions, Http } from './http.ts'

export function health({ call }: Http) {
  return {
    /** Whether the server runs, which version, and how it knows who calls. Needs no key. */
    get: (options?: CallOptions) => call<Health>('GET', '/health', {}, options),
    /** Rejects with status 503 while the server does not take requests. */
    getReady: (options?: CallOptions) => call<Health>('GET', '/health/ready', {}, options),
  }
}
